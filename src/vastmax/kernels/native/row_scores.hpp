// What the kernels of examples that each have rows of their own are called with; the same for every instruction set.
#pragma once

#include <cstdint>

namespace vastmax {

// score(n, k) = hidden_n · weight_{position(n, k)} + bias_{position(n, k)}.
struct RowScores {
    int64_t N, K, U, D;
    const float *hidden;     // (N, D)
    const float *weight;     // (U, D)
    const float *bias;       // (U,), or null
    const int64_t *position; // (N, K), each in [0, U)
};

// Gradients of sum(upstream · score), all overwritten; null where one is not wanted.
struct RowScoresBackward {
    RowScores scores;
    const float *upstream;  // (N, K)
    float *hidden_gradient; // (N, D)
    float *weight_gradient; // (U, D)
    float *bias_gradient;   // (U,)
};

#define VASTMAX_DECLARE_ROW_SCORES(name)                                                                               \
    namespace name {                                                                                                   \
    void row_scores_forward(const RowScores &scores, float *score, int threads);                                       \
    void row_scores_backward(const RowScoresBackward &batch, int threads);                                             \
    }
VASTMAX_DECLARE_ROW_SCORES(baseline)
VASTMAX_DECLARE_ROW_SCORES(avx2)
VASTMAX_DECLARE_ROW_SCORES(avx512)
#undef VASTMAX_DECLARE_ROW_SCORES

} // namespace vastmax
