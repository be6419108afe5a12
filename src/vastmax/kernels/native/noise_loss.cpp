// A training step against noise words that the batch shares. Compiled once for each instruction set.
//
// Three products of N·K·D multiply-adds are all there is to do at large sizes; whatever else happens to the (N, K)
// scores happens while a chunk of them is in the cache. The rows of the noise are read from the table once, ahead of
// time, and packed for both products that want them.
#include "tasks.hpp"

#include <atomic>
#include <cmath>
#include <limits>

#include "logistic.hpp"
#include "products.hpp"
#include "threads.hpp"

namespace vastmax::VASTMAX_TARGET {
namespace {

constexpr int64_t chunk_examples = 16 * tile_rows; // their scores of a thousand words fill a third of 1 MB of cache
constexpr int64_t depth_block = 1024;              // 24 KB of scores of six examples beside a panel
constexpr int64_t block_words = 48;                // whole vectors and whole tiles of them
constexpr int64_t block_examples = 256;

// Asks for a row that will be read soon: a table of gigabytes is far away.
inline void fetch(const float *row, int64_t width) {
    for (int64_t d = 0; d < width; d += 16) __builtin_prefetch(row + d);
}

inline float dot(const float *a, const float *b, int64_t width) {
    float result[1];
    dot_tile<1, 1>(&a, &b, width, result);
    return result[0];
}

struct Noise {
    Panels columns; // (D, K): words in the lanes, for the scores
    Panels rows;    // (K, D): for the gradient of hidden; no memory where it is not wanted
    float *shift;   // (slope_step,) bias and shift; −infinity beyond the last word, which makes its slope 0
    float *times;   // (slope_step,) multiplicity; logistic only
};

void pack(const NoiseForward &step, const Noise &noise, int64_t group) {
    const int64_t first = group * lanes;
    auto row = [&](int64_t k) { return k < step.K ? step.weight + step.noise[k] * step.D : nullptr; };
    for (int64_t k = first + lanes; k < std::min(step.K, first + 2 * lanes); ++k) fetch(row(k), step.D);
    noise.columns.put_columns(first, [&](int i) { return row(first + i); });
    for (int64_t k = first; k < first + lanes; ++k) {
        const bool there = k < step.K;
        if (there && noise.rows.data) noise.rows.put_row(k, row(k));
        float shift = there ? 0.0f : -std::numeric_limits<float>::infinity();
        if (there && step.bias) shift += step.bias[step.noise[k]];
        if (there && step.noise_shift) shift += step.noise_shift[k];
        noise.shift[k] = shift;
        noise.times[k] = there && step.multiplicity ? step.multiplicity[k] : 1.0f;
    }
}

void softmax_row(const NoiseForward &step, const Noise &noise, int64_t n, float target_score) {
    float *x = step.slope + n * step.slope_step;
    Vec most = broadcast(-std::numeric_limits<float>::infinity());
    for (int64_t k = 0; k < step.slope_step; k += lanes) {
        Vec score = load(x + k) + load(noise.shift + k);
        store(x + k, score);
        most = score > most ? score : most;
    }
    float largest = target_score;
    for (int i = 0; i < lanes; ++i) largest = most[i] > largest ? most[i] : largest;
    Vec sums = {};
    for (int64_t k = 0; k < step.slope_step; k += lanes) {
        Vec e = exp_of_negative(load(x + k) - largest);
        store(x + k, e);
        sums += e;
    }
    const float of_target = std::exp(target_score - largest), total = sum(sums) + of_target;
    step.loss[n] = std::log(total) + largest - target_score;
    step.row_scale[n] = 1.0f / total;
    step.target_slope[n] = of_target / total - 1.0f;
}

void logistic_row(const NoiseForward &step, const Noise &noise, int64_t n, float target_score) {
    float *x = step.slope + n * step.slope_step;
    Vec sums = {};
    for (int64_t k = 0; k < step.slope_step; k += lanes) {
        const Vec times = load(noise.times + k);
        const Logistic value = logistic(load(x + k) + load(noise.shift + k));
        store(x + k, times * value.sigmoid);
        sums += times * value.softplus;
    }
    const Logistic of_target = logistic(broadcast(-target_score));
    step.loss[n] = sum(sums) + of_target.softplus[0];
    step.row_scale[n] = 1.0f;
    step.target_slope[n] = -of_target.sigmoid[0];
}

void chunk_forward(const NoiseForward &step, const Noise &noise, int64_t begin, int64_t end) {
    auto target_row = [&](int64_t n) { return step.weight + step.target[n] * step.D; };
    for (int64_t n = begin; n < end; ++n) fetch(target_row(n), step.D);
    const Strided hidden{step.hidden + begin * step.D, step.D, 1};
    float *const slope = step.slope + begin * step.slope_step;
    for (int64_t p = 0; p < noise.columns.count(); ++p) // slope has room for whole vectors
        panel_product(hidden, end - begin, noise.columns.panel(p), step.D, whole_vectors(noise.columns.columns(p)),
                      [&](int64_t r) { return slope + r * step.slope_step + p * panel_width; });
    for (int64_t n = begin; n < end; ++n) {
        const int64_t word = step.target[n];
        float target_score = dot(step.hidden + n * step.D, target_row(n), step.D);
        if (step.bias) target_score += step.bias[word];
        if (step.target_shift) target_score += step.target_shift[n];
        if (step.noise_of_target && step.noise_of_target[n] >= 0)
            step.slope[n * step.slope_step + step.noise_of_target[n]] = -std::numeric_limits<float>::infinity();
        step.kind == NoiseLossKind::softmax ? softmax_row(step, noise, n, target_score)
                                            : logistic_row(step, noise, n, target_score);
    }
    if (!step.hidden_slope) return;
    float *const to = step.hidden_slope + begin * step.D;
    for (int64_t p = 0; p < noise.rows.count(); ++p)
        for (int64_t k = 0; k < std::max<int64_t>(step.K, 1); k += depth_block)
            panel_product(
                {slope + k, step.slope_step, 1}, end - begin, noise.rows.panel(p) + k * panel_width,
                std::min(depth_block, step.K - k), noise.rows.columns(p),
                [&](int64_t r) { return to + r * step.D + p * panel_width; }, k > 0);
    for (int64_t n = begin; n < end; ++n) {
        float *row = step.hidden_slope + n * step.D;
        if (step.kind == NoiseLossKind::softmax)
            for (int64_t d = 0; d < step.D; ++d) row[d] *= step.row_scale[n];
        add_scaled(row, target_row(n), step.target_slope[n], step.D);
    }
}

// The gradient of a block of noise words: slope transposed times what `hidden` holds, the scaled hidden vectors.
void block_backward(const NoiseBackward &step, const Panels &hidden, const float *factor, int64_t first) {
    const int64_t words = std::min(block_words, step.K - first);
    const int64_t *place = step.plan->noise_place.data() + first;
    float bias[block_words] = {};
    for (int64_t n = 0; n < std::max<int64_t>(step.N, 1); n += block_examples) {
        const int64_t examples = std::min(block_examples, step.N - n);
        const float *slope = step.slope + n * step.slope_step + first;
        for (int64_t p = 0; p < hidden.count(); ++p)
            panel_product(
                {slope, 1, step.slope_step}, words, hidden.panel(p) + n * panel_width, examples, hidden.columns(p),
                [&](int64_t r) { return step.weight_gradient + place[r] * step.D + p * panel_width; }, n > 0);
        if (!step.bias_gradient) continue;
        for (int64_t k = 0; k < words; k += lanes) { // rows of slope go on to whole vectors
            Vec sums = load(bias + k);
            for (int64_t e = 0; e < examples; ++e) sums += factor[n + e] * load(slope + e * step.slope_step + k);
            store(bias + k, sums);
        }
    }
    if (step.bias_gradient)
        for (int64_t k = 0; k < words; ++k) step.bias_gradient[place[k]] = bias[k];
}

// What the targets add to the row at place u.
void add_targets(const NoiseBackward &step, int64_t u) {
    const NoisePlan &plan = *step.plan;
    float *row = step.weight_gradient + u * step.D;
    if (plan.noise_of_row[size_t(u)] < 0) {
        std::fill(row, row + step.D, 0.0f);
        if (step.bias_gradient) step.bias_gradient[u] = 0.0f;
    }
    for (int64_t i = plan.example_offsets[size_t(u)]; i < plan.example_offsets[size_t(u) + 1]; ++i) {
        const int64_t n = plan.examples[size_t(i)];
        const float factor = step.upstream[n] * step.target_slope[n];
        add_scaled(row, step.hidden + n * step.D, factor, step.D);
        if (step.bias_gradient) step.bias_gradient[u] += factor;
    }
}

} // namespace

// Not a multiple of a power of two: rows that far apart share few sets of the cache.
int64_t noise_slope_step(int64_t K) {
    const int64_t whole = whole_vectors(K);
    return whole % 128 == 0 ? whole + lanes : whole;
}

void noise_loss_forward(const NoiseForward &step, int threads) {
    const int64_t groups = step.slope_step / lanes;
    const Floats columns = Floats::uninitialized(Panels::numel(step.D, step.slope_step));
    const Floats rows = Floats::uninitialized(step.hidden_slope ? Panels::numel(step.K, step.D) : 0);
    const Floats shift = Floats::uninitialized(step.slope_step), times = Floats::uninitialized(step.slope_step);
    const Noise noise{{columns.data(), step.D, step.slope_step},
                      {step.hidden_slope ? rows.data() : nullptr, step.K, step.D},
                      shift.data(),
                      times.data()};
    const int count = worthwhile_threads(threads, double(step.N) * double(step.K) * double(step.D));
    Barrier packed(count);
    std::atomic<int64_t> next{0};
    in_threads(count, [&](int thread) {
        for (int64_t g = share(groups, thread, count); g < share(groups, thread + 1, count); ++g) pack(step, noise, g);
        packed.wait();
        for (int64_t begin; (begin = next.fetch_add(chunk_examples)) < step.N;)
            chunk_forward(step, noise, begin, std::min(step.N, begin + chunk_examples));
    });
}

void noise_loss_backward(const NoiseBackward &step, int threads) {
    const Floats memory = Floats::uninitialized(Panels::numel(step.N, step.D)), factors = Floats::uninitialized(step.N);
    const Panels hidden{memory.data(), step.N, step.D};
    float *const factor = factors.data();
    const int64_t num_rows = int64_t(step.plan->rows.size());
    const int count = worthwhile_threads(threads, double(step.N) * double(step.K) * double(step.D));
    Barrier packed(count), products_done(count);
    std::atomic<int64_t> next{0};
    in_threads(count, [&](int thread) {
        for (int64_t n = share(step.N, thread, count); n < share(step.N, thread + 1, count); ++n) {
            factor[n] = step.upstream[n] * step.row_scale[n];
            hidden.put_row(n, step.hidden + n * step.D, factor[n]);
            if (step.hidden_gradient)
                scale_rows(step.hidden_slope, step.upstream, n, n + 1, step.D, step.hidden_gradient);
        }
        packed.wait();
        for (int64_t first; (first = next.fetch_add(block_words)) < step.K;)
            block_backward(step, hidden, factor, first);
        products_done.wait();
        for (int64_t u = share(num_rows, thread, count); u < share(num_rows, thread + 1, count); ++u)
            add_targets(step, u);
    });
}

} // namespace vastmax::VASTMAX_TARGET
