// What the kernels of an exact softmax over a linear layer are called with; the same for every instruction set.
#pragma once

#include <cstdint>

namespace vastmax {

// Scores hidden · weight + bias of n examples with V words.
struct LinearScores {
    const float *hidden; // (n, D)
    const float *weight; // (V, D)
    const float *bias;   // (V,), or null
    int64_t n, V, D;
};

// Writes log sum exp of each example's scores.
struct LinearSoftmaxForward {
    LinearScores scores;
    float *log_normaliser; // (n,)
};

// Gradients of sum(upstream · log_normaliser), all overwritten; null where they are not wanted.
struct LinearSoftmaxBackward {
    LinearScores scores;
    const float *log_normaliser; // (n,) what forward wrote
    const float *upstream;       // (n,)
    float *hidden_gradient;      // (n, D)
    float *weight_gradient;      // (V, D)
    float *bias_gradient;        // (V,)
};

#define VASTMAX_DECLARE_LINEAR_SOFTMAX(name)                                                                           \
    namespace name {                                                                                                   \
    void linear_softmax_forward(const LinearSoftmaxForward &batch, int threads);                                       \
    void linear_softmax_backward(const LinearSoftmaxBackward &batch, int threads);                                     \
    }
VASTMAX_DECLARE_LINEAR_SOFTMAX(baseline)
VASTMAX_DECLARE_LINEAR_SOFTMAX(avx2)
VASTMAX_DECLARE_LINEAR_SOFTMAX(avx512)
#undef VASTMAX_DECLARE_LINEAR_SOFTMAX

} // namespace vastmax
