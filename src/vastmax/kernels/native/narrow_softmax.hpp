// What the kernels of a softmax over narrow vectors are called with; the same for every instruction set.
#pragma once

#include <cstdint>

namespace vastmax {

constexpr int64_t narrow_softmax_widest = 64;

// Scores hidden·weight + bias of n examples with V words of width D <= 64. All of them must lie within ±75
// (`narrow_softmax_bound`), so that no maximum has to be found before they are exponentiated.
struct NarrowScores {
    const float *hidden;     // (n, D)
    const float *weight;     // (V, D)
    const float *bias;       // (V,), or null
    int64_t n, V, D;
};

// Writes log sum exp of each example's scores.
struct NarrowForward {
    NarrowScores scores;
    float *log_normaliser; // (n,)
};

// Gradients of sum(upstream · log_normaliser), all overwritten.
struct NarrowBackward {
    NarrowScores scores;
    const float *log_normaliser; // (n,) what forward wrote
    const float *upstream;       // (n,)
    float *hidden_gradient;      // (n, D)
    float *weight_gradient;      // (V, D)
    float *bias_gradient;        // (V,), null where there is no bias
};

#define VASTMAX_DECLARE_NARROW_SOFTMAX(name)                                                                            \
    namespace name {                                                                                                    \
    float narrow_softmax_bound(const NarrowScores &scores);                                                             \
    void narrow_softmax_forward(const NarrowForward &batch, int threads);                                               \
    void narrow_softmax_backward(const NarrowBackward &batch, int threads);                                             \
    }
VASTMAX_DECLARE_NARROW_SOFTMAX(baseline)
VASTMAX_DECLARE_NARROW_SOFTMAX(avx2)
VASTMAX_DECLARE_NARROW_SOFTMAX(avx512)
#undef VASTMAX_DECLARE_NARROW_SOFTMAX

} // namespace vastmax
