// What the kernels of a training step against shared noise are called with; the same for every instruction set.
#pragma once

#include <cstdint>
#include <vector>

namespace vastmax {

// The rows in play: of the noise and of the targets, each once, ascending.
struct NoisePlan {
    std::vector<int64_t> rows;          // (U,) word ids
    std::vector<int64_t> noise_place;   // (K,) where a noise word stands in `rows`
    std::vector<int32_t> noise_of_row;  // (U,) which noise word a row is, −1: none
    std::vector<int32_t> noise_of_target; // (N,) which noise word is the example's target, −1: none
    std::vector<int64_t> example_offsets; // (U + 1,) into `examples`
    std::vector<int32_t> examples;        // (N,) whose target each row is
};

enum class NoiseLossKind { softmax, logistic };

// Scores of K noise words, x = hidden · weight + bias + shift, and of a target each, t likewise, and their losses:
//   softmax:  −t + log(e^t + sum_k e^{x_k})
//   logistic: −log σ(t) − sum_k m_k log σ(−x_k)
// without a noise word that is the target, if `mask`.
struct NoiseForward {
    NoiseLossKind kind;
    int64_t N, D, K;
    int64_t slope_step;         // between rows of `slope`: whole vectors, at least K
    const float *hidden;        // (N, D)
    const float *weight;        // (V, D)
    const float *bias;          // (V,), or null
    const int64_t *noise;       // (K,) word ids
    const int64_t *target;      // (N,) word ids
    const float *noise_shift;   // (K,), or null
    const float *target_shift;  // (N,), or null
    const float *multiplicity;  // (K,), or null for ones; logistic only
    const int32_t *noise_of_target; // as in the plan, or null: nothing is masked
    // Written: d loss / d x_k = row_scale · slope_k, d loss / d t, d loss / d hidden.
    float *loss;         // (N,)
    float *slope;        // (N, slope_step)
    float *row_scale;    // (N,)
    float *target_slope; // (N,)
    float *hidden_slope; // (N, D), or null where it is not wanted
};

// Gradients of sum(upstream · loss), all overwritten.
struct NoiseBackward {
    int64_t N, D, K, slope_step;
    const float *hidden, *slope, *row_scale, *target_slope; // as in forward
    const float *hidden_slope;                              // null where hidden_gradient is
    const float *upstream;                                  // (N,)
    const NoisePlan *plan;
    float *hidden_gradient; // (N, D), or null
    float *weight_gradient; // (U, D)
    float *bias_gradient;   // (U,), or null
};

#define VASTMAX_DECLARE_NOISE_LOSS(name)                                                                               \
    namespace name {                                                                                                   \
    int64_t noise_slope_step(int64_t K);                                                                               \
    void noise_loss_forward(const NoiseForward &step, int threads);                                                    \
    void noise_loss_backward(const NoiseBackward &step, int threads);                                                  \
    }
VASTMAX_DECLARE_NOISE_LOSS(baseline)
VASTMAX_DECLARE_NOISE_LOSS(avx2)
VASTMAX_DECLARE_NOISE_LOSS(avx512)
#undef VASTMAX_DECLARE_NOISE_LOSS

} // namespace vastmax
