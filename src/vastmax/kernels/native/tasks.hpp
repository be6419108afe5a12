// What the kernels of output layers, of spellings and of clusters are called with; the same for every instruction set.
// Pointers marked "or null" are null where a number is not there or a result is not wanted; all results are overwritten.
#pragma once

#include <cstdint>
#include <vector>

#include "dispatch.hpp"

namespace vastmax {

// ---- The softmax of a linear layer over all its words.

// Scores hidden · weight + bias of n examples with V words.
struct LinearScores {
    const float *hidden; // (n, D)
    const float *weight; // (V, D)
    const float *bias;   // (V,), or null
    int64_t n, V, D;
};

// Writes log sum exp of each example's scores.
struct LinearForward {
    LinearScores scores;
    float *log_normaliser; // (n,)
};

// Gradients of sum(upstream · log_normaliser).
struct LinearBackward {
    LinearScores scores;
    const float *log_normaliser; // (n,) what forward wrote
    const float *upstream;       // (n,)
    float *hidden_gradient;      // (n, D), or null
    float *weight_gradient;      // (V, D), or null
    float *bias_gradient;        // (V,), or null
};

// The narrow kernels take D <= 64 and scores within ±75 (`narrow_softmax_bound`), so that no maximum has to be found
// before they are exponentiated; of the gradients they leave out only that of the bias.
constexpr int64_t narrow_softmax_widest = 64;

VASTMAX_KERNELS(void linear_softmax_forward(const LinearForward &batch, int threads);
                void linear_softmax_backward(const LinearBackward &batch, int threads);
                float narrow_softmax_bound(const LinearScores &scores);
                void narrow_softmax_forward(const LinearForward &batch, int threads);
                void narrow_softmax_backward(const LinearBackward &batch, int threads);)

// ---- A training step against shared noise.

// The rows in play: of the noise and of the targets, each once, ascending.
struct NoisePlan {
    std::vector<int64_t> rows;            // (U,) word ids
    std::vector<int64_t> noise_place;     // (K,) where a noise word stands in `rows`
    std::vector<int32_t> noise_of_row;    // (U,) which noise word a row is, −1: none
    std::vector<int32_t> noise_of_target; // (N,) which noise word is the example's target, −1: none
    std::vector<int64_t> example_offsets; // (U + 1,) into `examples`
    std::vector<int32_t> examples;        // (N,) whose target each row is
};

enum class NoiseLossKind { softmax, logistic };

// Scores of K noise words, x = hidden · weight + bias + shift, and of a target each, t likewise, and their losses:
//   softmax:  −t + log(e^t + sum_k e^{x_k})
//   logistic: −log σ(t) − sum_k m_k log σ(−x_k)
// without a noise word that is the target, if `noise_of_target` is there.
struct NoiseForward {
    NoiseLossKind kind;
    int64_t N, D, K;
    int64_t slope_step;             // between rows of `slope`: whole vectors, at least K
    const float *hidden;            // (N, D)
    const float *weight;            // (V, D)
    const float *bias;              // (V,), or null
    const int64_t *noise;           // (K,) word ids
    const int64_t *target;          // (N,) word ids
    const float *noise_shift;       // (K,), or null
    const float *target_shift;      // (N,), or null
    const float *multiplicity;      // (K,), or null for ones; logistic only
    const int32_t *noise_of_target; // as in the plan, or null: nothing is masked
    // Written: d loss / d x_k = row_scale · slope_k, d loss / d t, d loss / d hidden.
    float *loss;         // (N,)
    float *slope;        // (N, slope_step)
    float *row_scale;    // (N,)
    float *target_slope; // (N,)
    float *hidden_slope; // (N, D), or null
};

// Gradients of sum(upstream · loss).
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

VASTMAX_KERNELS(int64_t noise_slope_step(int64_t K); void noise_loss_forward(const NoiseForward &step, int threads);
                void noise_loss_backward(const NoiseBackward &step, int threads);)

// ---- Rows of a table: scores with those of an example's own, and updates in place.

// score(n, k) = hidden_n · weight_{position(n, k)} + bias_{position(n, k)}.
struct RowScores {
    int64_t N, K, U, D;
    const float *hidden;     // (N, D)
    const float *weight;     // (U, D)
    const float *bias;       // (U,), or null
    const int64_t *position; // (N, K), each in [0, U)
};

// Gradients of sum(upstream · score).
struct RowScoresBackward {
    RowScores scores;
    const float *upstream;  // (N, K)
    float *hidden_gradient; // (N, D), or null
    float *weight_gradient; // (U, D), or null
    float *bias_gradient;   // (U,), or null
};

// table[rows[u]] += scale * update[u], for U distinct rows.
struct RowUpdate {
    float *table;        // (V, D)
    const int64_t *rows; // (U,)
    const float *update; // (U, D)
    int64_t U, D;
    float scale;
};

VASTMAX_KERNELS(void row_scores_forward(const RowScores &scores, float *score, int threads);
                void row_scores_backward(const RowScoresBackward &batch, int threads);
                void row_update(const RowUpdate &update, int threads);)

// ---- Patterns in spellings.

// Pattern f looks at `widths[f]` symbols in a row; what symbol x, at offset o of them, adds to its fit is
// table[(x * widest + o) * F + f], and 0 where o >= widths[f].
struct Patterns {
    const int32_t *widths; // (F,)
    int64_t F, widest, num_symbols;
};

// The words that are asked about: word_ids[u] has the symbols symbols[offsets[w] .. offsets[w + 1]), at least one, and
// `nothing` is what follows them.
struct SpelledWords {
    const int16_t *symbols;
    const int64_t *offsets;
    const int64_t *word_ids; // (U,)
    int64_t U;
    int16_t nothing;
};

// fit[u, f]: how well pattern f fits word u where it fits best; place[u, f]: the first place where it does (or null).
struct PatternFitForward {
    SpelledWords words;
    Patterns patterns;
    const float *table; // (num_symbols, widest, F)
    float *fit;
    int32_t *place;
};

// table_gradient: of Σ upstream * fit by the table, in the order (F, widest, num_symbols).
struct PatternFitBackward {
    SpelledWords words;
    Patterns patterns;
    const int32_t *place;
    const float *upstream; // (U, F)
    float *table_gradient;
};

VASTMAX_KERNELS(void pattern_fit_forward(const PatternFitForward &batch, int threads);
                void pattern_fit_backward(const PatternFitBackward &batch, int threads);)

// ---- Groups of vectors parted in two.

// A mixture of two Gaussians of one spherical variance, fitted by EM to each of many groups of vectors.
struct TwoClusters {
    const float *vectors;   // (V, D)
    int64_t width;          // D
    const float *weights;   // (V,) how much each vector counts; null: all alike
    const int32_t *members; // (n,) rows of vectors, group after group
    const int64_t *offsets; // (groups + 1,)
    const uint64_t *seeds;  // (groups,) of the direction in which the two means are first set apart
    int64_t num_groups;
    int iterations;
    float *log_odds; // (n,) log of the second component's responsibility over the first's
};

VASTMAX_KERNELS(void two_clusters(const TwoClusters &task, int threads);)

} // namespace vastmax
