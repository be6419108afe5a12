// Softmax over very many words of very narrow vectors: the far tail of adaptive softmax. Compiled once for each
// instruction set.
//
// With so few numbers a word the products are a handful of multiply-adds a score, and what costs is the scores' way
// through memory between products, exponential and sums. Here a tile of scores, a few examples by 128 words, lives and
// dies in the first-level cache. Words lie in the lanes: their vectors are transposed a tile at a time. Forward costs D
// multiply-adds and an exponential a score, backward 3 D and an exponential.
#include "tasks.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "logistic.hpp"
#include "scratch.hpp"
#include "threads.hpp"

namespace vastmax::VASTMAX_TARGET {
namespace {

constexpr int vectors_a_tile = 128 / lanes;
constexpr int words_a_tile = vectors_a_tile * lanes;
constexpr int examples_a_tile = 8;
constexpr int64_t tiles_between_flushes = 32; // float sums of so many tiles go into double precision
constexpr double work_of_exponential = 8;     // in multiply-adds

// Examples padded to whole tiles and to a width known to the compiler; `scale` multiplies each row.
template <int W> Floats padded_rows(const float *rows, int64_t n, int64_t D, const float *scale) {
    Floats copy = Floats::zeros(round_up(n, examples_a_tile) * W);
    for (int64_t e = 0; e < n; ++e)
        for (int64_t d = 0; d < D; ++d) copy[e * W + d] = rows[e * D + d] * (scale ? scale[e] : 1.0f);
    return copy;
}

// The vectors of 128 words, transposed; words beyond the last one have vectors and biases of zero.
template <int W> struct Words {
    alignas(64) float weight[W][words_a_tile];
    alignas(64) float bias[words_a_tile];
    int64_t first, count;

    void read(const LinearScores &scores, int64_t tile) {
        first = tile * words_a_tile;
        count = std::min<int64_t>(words_a_tile, scores.V - first);
        if (count < words_a_tile || scores.D < W) std::memset(weight, 0, sizeof weight);
        if (count < words_a_tile || !scores.bias) std::memset(bias, 0, sizeof bias);
        const float *row = scores.weight + first * scores.D;
        for (int64_t w = 0; w < count; ++w, row += scores.D)
            for (int64_t d = 0; d < scores.D; ++d) weight[d][w] = row[d];
        if (scores.bias) std::memcpy(bias, scores.bias + first, size_t(count) * sizeof(float));
    }
};

// exp(score - shift) of one example with `count` vectors of words from vector v on. `normalised`: shift is the log
// normaliser, so that nothing is above 0 but much may be far below; else it is 0.
template <int W, int count, bool normalised>
inline void exponentials(const Words<W> &words, const float *hidden, float shift, int v, Vec *result) {
    Vec s[count];
    for (int k = 0; k < count; ++k) s[k] = load(words.bias + (v + k) * lanes) - shift;
    for (int d = 0; d < W; ++d)
        for (int k = 0; k < count; ++k) s[k] += load(words.weight[d] + (v + k) * lanes) * hidden[d];
    for (int k = 0; k < count; ++k) result[k] = normalised ? exp_of_negative(s[k]) : exp_in_range(s[k]);
}

int64_t tiles_of(const LinearScores &scores) { return (scores.V + words_a_tile - 1) / words_a_tile; }

int threads_for(const LinearScores &scores, int wanted, double multiply_adds_a_score) {
    const double work = double(scores.n) * double(scores.V) * multiply_adds_a_score;
    return int(std::min<int64_t>(worthwhile_threads(wanted, work), tiles_of(scores)));
}

template <int W> void forward(const LinearForward &batch, int wanted) {
    const LinearScores &scores = batch.scores;
    const int count = threads_for(scores, wanted, double(scores.D) + work_of_exponential);
    const Floats hidden = padded_rows<W>(scores.hidden, scores.n, scores.D, nullptr);
    std::vector<double> totals(size_t(count) * size_t(scores.n));
    in_threads(count, [&](int thread) {
        constexpr int step = 4;
        double *total = totals.data() + thread * scores.n;
        const Floats sums = Floats::zeros(scores.n * lanes);
        Words<W> words;
        int64_t since_flush = 0;
        auto flush = [&] {
            for (int64_t e = 0; e < scores.n; ++e) total[e] += sum(load(sums.vector_at(e * lanes)));
            std::fill_n(sums.data(), sums.size(), 0.0f);
            since_flush = 0;
        };
        const int64_t last = share(tiles_of(scores), thread + 1, count);
        for (int64_t tile = share(tiles_of(scores), thread, count); tile < last; ++tile) {
            words.read(scores, tile);
            alignas(64) float live[words_a_tile]; // 1 for words that are there
            for (int w = 0; w < words_a_tile; ++w) live[w] = w < words.count ? 1.0f : 0.0f;
            for (int64_t e = 0; e < scores.n; ++e) {
                Vec all = load(sums.vector_at(e * lanes));
                for (int v = 0; v < vectors_a_tile; v += step) {
                    Vec x[step];
                    exponentials<W, step, false>(words, hidden.data() + e * W, 0.0f, v, x);
                    for (int k = 0; k < step; ++k) all += x[k] * load(live + (v + k) * lanes);
                }
                store(sums.vector_at(e * lanes), all);
            }
            if (++since_flush == tiles_between_flushes) flush();
        }
        flush();
    });
    for (int64_t e = 0; e < scores.n; ++e) {
        double total = 0;
        for (int thread = 0; thread < count; ++thread) total += totals[size_t(thread * scores.n + e)];
        batch.log_normaliser[e] = float(std::log(total));
    }
}

// Adds sum_e p[e] · h[e][d] to the weight gradient of a tile; `hidden` already carries the upstream gradient.
template <int W>
inline void add_to_words(const Vec (*p)[vectors_a_tile], const float *hidden, float (*gradient)[words_a_tile]) {
    constexpr int together = W < 4 ? W : 4;
    for (int v = 0; v < vectors_a_tile; ++v)
        for (int d = 0; d < W; d += together) {
            Vec total[together];
            for (int k = 0; k < together; ++k) total[k] = load(gradient[d + k] + v * lanes);
            for (int e = 0; e < examples_a_tile; ++e)
                for (int k = 0; k < together; ++k) total[k] += p[e][v] * hidden[e * W + d + k];
            for (int k = 0; k < together; ++k) store(gradient[d + k] + v * lanes, total[k]);
        }
}

// Adds p[e] · w[d] to the hidden gradient, whose lanes are summed at the very end.
template <int W> inline void add_to_hidden(const Vec (*p)[vectors_a_tile], const Words<W> &words, float *gradient) {
    constexpr int together = W < 4 ? W : 4;
    for (int e = 0; e < examples_a_tile; ++e)
        for (int d = 0; d < W; d += together) {
            Vec total[together];
            float *at = gradient + (e * W + d) * lanes;
            for (int k = 0; k < together; ++k) total[k] = load(at + k * lanes);
            for (int v = 0; v < vectors_a_tile; ++v)
                for (int k = 0; k < together; ++k) total[k] += p[e][v] * load(words.weight[d + k] + v * lanes);
            for (int k = 0; k < together; ++k) store(at + k * lanes, total[k]);
        }
}

template <int W> void backward(const LinearBackward &batch, int wanted) {
    const LinearScores &scores = batch.scores;
    const int count = threads_for(scores, wanted, 3.0 * double(scores.D) + work_of_exponential);
    const Floats hidden = padded_rows<W>(scores.hidden, scores.n, scores.D, nullptr);
    const Floats scaled = padded_rows<W>(scores.hidden, scores.n, scores.D, batch.upstream);
    const int64_t padded = hidden.size() / W;
    const Floats upstream = padded_rows<1>(batch.upstream, scores.n, 1, nullptr);
    const Floats shift = padded_rows<1>(batch.log_normaliser, scores.n, 1, nullptr);
    std::vector<Floats> of_hidden;
    of_hidden.reserve(size_t(count));
    for (int thread = 0; thread < count; ++thread) of_hidden.push_back(Floats::zeros(hidden.size() * lanes));
    in_threads(count, [&](int thread) {
        constexpr int step = 4;
        Words<W> words;
        alignas(64) float of_words[W][words_a_tile], of_bias[words_a_tile];
        const int64_t last = share(tiles_of(scores), thread + 1, count);
        for (int64_t tile = share(tiles_of(scores), thread, count); tile < last; ++tile) {
            words.read(scores, tile);
            std::memset(of_words, 0, sizeof of_words);
            std::memset(of_bias, 0, sizeof of_bias);
            for (int64_t first = 0; first < padded; first += examples_a_tile) {
                Vec p[examples_a_tile][vectors_a_tile];
                for (int e = 0; e < examples_a_tile; ++e)
                    for (int v = 0; v < vectors_a_tile; v += step)
                        exponentials<W, step, true>(words, hidden.at((first + e) * W, W), shift[first + e], v,
                                                    p[e] + v);
                add_to_words<W>(p, scaled.at(first * W, examples_a_tile * W), of_words);
                add_to_hidden<W>(p, words,
                                 of_hidden[size_t(thread)].at(first * W * lanes, examples_a_tile * W * lanes));
                if (!batch.bias_gradient) continue;
                for (int v = 0; v < vectors_a_tile; ++v) {
                    Vec total = load(of_bias + v * lanes);
                    for (int e = 0; e < examples_a_tile; ++e) total += p[e][v] * upstream[first + e];
                    store(of_bias + v * lanes, total);
                }
            }
            float *row = batch.weight_gradient + words.first * scores.D;
            for (int64_t w = 0; w < words.count; ++w, row += scores.D)
                for (int64_t d = 0; d < scores.D; ++d) row[d] = of_words[d][w];
            if (batch.bias_gradient)
                std::memcpy(batch.bias_gradient + words.first, of_bias, size_t(words.count) * sizeof(float));
        }
    });
    for (int64_t e = 0; e < scores.n; ++e)
        for (int64_t d = 0; d < scores.D; ++d) {
            float total = 0;
            for (const Floats &part : of_hidden) total += sum(load(part.vector_at((e * W + d) * lanes)));
            batch.hidden_gradient[e * scores.D + d] = total * batch.upstream[e];
        }
}

// The largest norm of a row, NaN if any number is NaN or infinite (0 times that number is then NaN).
float largest_norm(const float *rows, int64_t count, int64_t D) {
    float largest = 0, poison = 0;
    for (int64_t r = 0; r < count; ++r) {
        float square = 0;
        for (int64_t d = 0; d < D; ++d) square += rows[r * D + d] * rows[r * D + d];
        largest = square > largest ? square : largest;
        poison += square * 0.0f;
    }
    return std::sqrt(largest) + poison;
}

} // namespace

// At least the largest absolute score, by the Cauchy-Schwarz inequality; NaN where a number is NaN or infinite.
float narrow_softmax_bound(const LinearScores &scores) {
    const float bias = scores.bias ? largest_norm(scores.bias, scores.V, 1) : 0.0f;
    return largest_norm(scores.hidden, scores.n, scores.D) * largest_norm(scores.weight, scores.V, scores.D) + bias;
}

void narrow_softmax_forward(const LinearForward &batch, int threads) {
    if (batch.scores.D <= 4) return forward<4>(batch, threads);
    if (batch.scores.D <= 8) return forward<8>(batch, threads);
    if (batch.scores.D <= 16) return forward<16>(batch, threads);
    if (batch.scores.D <= 32) return forward<32>(batch, threads);
    forward<64>(batch, threads);
}

void narrow_softmax_backward(const LinearBackward &batch, int threads) {
    if (batch.scores.D <= 4) return backward<4>(batch, threads);
    if (batch.scores.D <= 8) return backward<8>(batch, threads);
    if (batch.scores.D <= 16) return backward<16>(batch, threads);
    if (batch.scores.D <= 32) return backward<32>(batch, threads);
    backward<64>(batch, threads);
}

} // namespace vastmax::VASTMAX_TARGET
