// Convolution over symbols and the maximum over positions in one pass. Compiled once for each instruction set.
//
// There are few symbols, so the product of each with each column of each pattern is worked out once for a batch, by a
// library's product; what is left of the convolution at a position is `width` additions a pattern. The fits of other
// positions than the best are never written anywhere, and the gradient reaches a pattern by one position a word.
#include "tasks.hpp"

#include <algorithm>
#include <atomic>
#include <limits>
#include <numeric>
#include <vector>

#include "products.hpp"
#include "scratch.hpp"
#include "threads.hpp"
#include "vector.hpp"

namespace vastmax::VASTMAX_TARGET {
namespace {

constexpr int64_t words_at_once = 32;
constexpr int64_t patterns_at_once = 16;  // of the gradient: their part of the table stays in the second cache
constexpr double work_of_an_addition = 2; // in multiply-adds that a cache feeds
constexpr double work_of_a_scatter = 100; // one number at a time, where vectors hold up to 16

// The symbols of the words asked about, end to end, and behind each as many of nothing as a pattern may reach.
class Windows {
  public:
    Windows(const SpelledWords &words, int64_t widest) : start_(size_t(words.U + 1)), overhang_(widest - 1) {
        for (int64_t u = 0; u < words.U; ++u) {
            const int64_t *const offset = words.offsets + words.word_ids[u];
            start_[size_t(u + 1)] = start_[size_t(u)] + offset[1] - offset[0] + overhang_;
        }
        symbols_.assign(size_t(start_.back()), words.nothing);
        for (int64_t u = 0; u < words.U; ++u) {
            const int64_t *const offset = words.offsets + words.word_ids[u];
            std::copy(words.symbols + offset[0], words.symbols + offset[1], symbols_.begin() + start_[size_t(u)]);
        }
    }
    const int16_t *of(int64_t u) const { return symbols_.data() + start_[size_t(u)]; }
    int64_t length(int64_t u) const { return seen(u) - overhang_; }
    int64_t seen(int64_t u) const { return start_[size_t(u + 1)] - start_[size_t(u)]; }
    int64_t total() const { return int64_t(symbols_.size()); }

  private:
    std::vector<int64_t> start_;
    std::vector<int16_t> symbols_;
    const int64_t overhang_;
};

double columns_of(const Patterns &patterns) {
    return double(std::accumulate(patterns.widths, patterns.widths + patterns.F, int64_t(0)));
}

// The strongest of a strip of patterns, at most `vecs` vectors of them: `row(position)` is the table's row of the symbol
// there, from the strip's first pattern on.
template <int vecs, bool part>
void strip_fit(const Buffer<const float *> &rows, int64_t length, int64_t reach, int64_t F, int64_t first, float *fit,
               int32_t *place) {
    const int64_t last = F - first - (vecs - 1) * lanes; // patterns of the last vector, where it is a part of one
    auto read = [&](const float *from, int v) { return part && v == vecs - 1 ? load_part(from, last) : load(from); };
    Vec best[vecs];
    IntVec at[vecs] = {};
    for (int v = 0; v < vecs; ++v) best[v] = broadcast(-std::numeric_limits<float>::infinity());
    for (int64_t p = 0; p < length; ++p) {
        Vec sum[vecs] = {};
        for (int64_t o = 0; o < reach; ++o) {
            const float *from = rows[p + o] + o * F + first;
            for (int v = 0; v < vecs; ++v) sum[v] += read(from + v * lanes, v);
        }
        const IntVec here = broadcast(int32_t(p));
        for (int v = 0; v < vecs; ++v) {
            const IntVec better =
                (sum[v] > best[v]) | (sum[v] != sum[v]); // NaN stays. NOLINT(misc-redundant-expression)
            best[v] = better ? sum[v] : best[v];
            at[v] = better ? here : at[v];
        }
    }
    for (int v = 0; v < vecs; ++v) {
        if (part && v == vecs - 1) {
            store_part(fit + first + v * lanes, best[v], last);
            if (place) std::memcpy(place + first + v * lanes, &at[v], size_t(last) * sizeof(int32_t));
        } else {
            store(fit + first + v * lanes, best[v]);
            if (place) std::memcpy(place + first + v * lanes, &at[v], sizeof at[v]);
        }
    }
}

// How many symbols the patterns first .. end look at.
int64_t reach_of(const Patterns &patterns, int64_t first, int64_t end) {
    return *std::max_element(patterns.widths + first, patterns.widths + std::min(end, patterns.F));
}

void word_fit(const PatternFitForward &batch, const Windows &windows, int64_t u, Buffer<const float *> &rows) {
    const Patterns &patterns = batch.patterns;
    const int64_t F = patterns.F, length = windows.length(u);
    const int16_t *const symbols = windows.of(u);
    rows.make_room(windows.seen(u));
    for (int64_t p = 0; p < windows.seen(u); ++p) rows[p] = batch.table + symbols[p] * patterns.widest * F;
    float *const fit = batch.fit + u * F;
    int32_t *const place = batch.place ? batch.place + u * F : nullptr;
    constexpr int vecs = 4;
    int64_t f = 0;
    for (; f + vecs * lanes <= F; f += vecs * lanes)
        strip_fit<vecs, false>(rows, length, reach_of(patterns, f, f + vecs * lanes), F, f, fit, place);
    for (; f + lanes <= F; f += lanes)
        strip_fit<1, false>(rows, length, reach_of(patterns, f, f + lanes), F, f, fit, place);
    if (f < F) strip_fit<1, true>(rows, length, reach_of(patterns, f, F), F, f, fit, place);
}

void patterns_backward(const PatternFitBackward &batch, const Windows &windows, int64_t first) {
    const Patterns &patterns = batch.patterns;
    const int64_t F = patterns.F, end = std::min(first + patterns_at_once, F);
    const int64_t a_pattern = patterns.widest * patterns.num_symbols;
    std::fill(batch.table_gradient + first * a_pattern, batch.table_gradient + end * a_pattern, 0.0f);
    for (int64_t u = 0; u < batch.words.U; ++u) {
        const int16_t *const symbols = windows.of(u);
        for (int64_t f = first; f < end; ++f) {
            const float upstream = batch.upstream[u * F + f];
            const int16_t *seen = symbols + batch.place[u * F + f];
            float *to = batch.table_gradient + f * a_pattern;
            for (int32_t o = 0; o < patterns.widths[f]; ++o, to += patterns.num_symbols) to[seen[o]] += upstream;
        }
    }
}

} // namespace

void pattern_fit_forward(const PatternFitForward &batch, int threads) {
    const Windows windows(batch.words, batch.patterns.widest);
    const double work = double(windows.total()) * columns_of(batch.patterns) * work_of_an_addition;
    std::atomic<int64_t> next{0};
    in_threads(worthwhile_threads(threads, work), [&](int) {
        Buffer<const float *> rows;
        for (int64_t begin; (begin = words_at_once * next++) < batch.words.U;)
            for (int64_t u = begin; u < std::min(begin + words_at_once, batch.words.U); ++u)
                word_fit(batch, windows, u, rows);
    });
}

void pattern_fit_backward(const PatternFitBackward &batch, int threads) {
    const Windows windows(batch.words, batch.patterns.widest);
    const double work = double(batch.words.U) * columns_of(batch.patterns) * work_of_a_scatter;
    std::atomic<int64_t> next{0};
    in_threads(worthwhile_threads(threads, work), [&](int) { // patterns to threads, so that none share a sum
        for (int64_t first; (first = patterns_at_once * next++) < batch.patterns.F;)
            patterns_backward(batch, windows, first);
    });
}

} // namespace vastmax::VASTMAX_TARGET
