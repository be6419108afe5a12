// Rows of a table: scored with examples that each have rows of their own, and moved in place. Compiled once for each
// instruction set.
//
// Scores. Nothing is gathered: a row is read where it stands, and a few thousand of them stay in the second-level cache.
// The gradient of the rows is summed row by row, so that each is written once and threads share none.
//
// Updates. Two numbers are read and one written for each multiply-add: what costs is that the rows lie anywhere in
// gigabytes, so they are asked for ahead of time.
#include "tasks.hpp"

#include <vector>

#include "products.hpp"
#include "threads.hpp"

namespace vastmax::VASTMAX_TARGET {
namespace {

constexpr int64_t rows_at_once = 4;
constexpr int64_t floats_ahead = 1024; // 4 KB: a few rows of usual widths, at least one of wide ones
constexpr double work_of_a_number = 4; // in multiply-adds that a cache feeds

// Where each row is in play: uses[offsets[u] .. offsets[u + 1]) are the places of u in `position`, ascending.
struct Uses {
    std::vector<int64_t> offsets, uses;

    explicit Uses(const RowScores &s) : offsets(size_t(s.U) + 1), uses(size_t(s.N * s.K)) {
        const int64_t count = s.N * s.K;
        for (int64_t i = 0; i < count; ++i) ++offsets[size_t(s.position[i]) + 1];
        for (int64_t u = 0; u < s.U; ++u) offsets[size_t(u) + 1] += offsets[size_t(u)];
        std::vector<int64_t> next(offsets.begin(), offsets.end() - 1);
        for (int64_t i = 0; i < count; ++i) uses[size_t(next[size_t(s.position[i])]++)] = i;
    }
};

void score_example(const RowScores &s, int64_t n, float *score) {
    const float *hidden = s.hidden + n * s.D;
    const int64_t *position = s.position + n * s.K;
    for (int64_t k = 0; k < s.K; k += rows_at_once) {
        const float *row[rows_at_once];
        for (int64_t i = 0; i < rows_at_once; ++i) row[i] = s.weight + position[std::min(k + i, s.K - 1)] * s.D;
        float found[rows_at_once];
        dot_tile<1, rows_at_once>(&hidden, row, s.D, found);
        for (int64_t i = 0; i < std::min(rows_at_once, s.K - k); ++i)
            score[k + i] = found[i] + (s.bias ? s.bias[position[k + i]] : 0.0f);
    }
}

void hidden_gradient(const RowScoresBackward &b, int64_t n) {
    const RowScores &s = b.scores;
    float *to = b.hidden_gradient + n * s.D;
    std::fill(to, to + s.D, 0.0f);
    for (int64_t i = n * s.K; i < (n + 1) * s.K; ++i)
        add_scaled(to, s.weight + s.position[i] * s.D, b.upstream[i], s.D);
}

void row_gradient(const RowScoresBackward &b, const Uses &uses, int64_t u) {
    const RowScores &s = b.scores;
    const int64_t *use = uses.uses.data() + uses.offsets[size_t(u)];
    const int64_t count = uses.offsets[size_t(u) + 1] - uses.offsets[size_t(u)];
    if (b.weight_gradient) {
        float *to = b.weight_gradient + u * s.D;
        std::fill(to, to + s.D, 0.0f);
        for (int64_t j = 0; j < count; ++j) add_scaled(to, s.hidden + use[j] / s.K * s.D, b.upstream[use[j]], s.D);
    }
    if (b.bias_gradient) {
        float total = 0.0f;
        for (int64_t j = 0; j < count; ++j) total += b.upstream[use[j]];
        b.bias_gradient[u] = total;
    }
}

int threads_for(const RowScores &s, int threads) {
    return worthwhile_threads(threads, double(s.N) * double(s.K) * double(s.D));
}

} // namespace

void row_scores_forward(const RowScores &s, float *score, int threads) {
    const int count = threads_for(s, threads);
    in_threads(count, [&](int thread) {
        for (int64_t n = share(s.N, thread, count); n < share(s.N, thread + 1, count); ++n)
            score_example(s, n, score + n * s.K);
    });
}

void row_scores_backward(const RowScoresBackward &b, int threads) {
    const RowScores &s = b.scores;
    const Uses uses(s);
    const int count = threads_for(s, threads);
    // Rows differ in how often they are in play: a thread takes those of its share of the uses.
    auto first_row = [&](int thread) {
        const int64_t place = share(s.N * s.K, thread, count);
        return thread == count
                   ? s.U
                   : std::lower_bound(uses.offsets.begin(), uses.offsets.end() - 1, place) - uses.offsets.begin();
    };
    in_threads(count, [&](int thread) {
        if (b.hidden_gradient)
            for (int64_t n = share(s.N, thread, count); n < share(s.N, thread + 1, count); ++n) hidden_gradient(b, n);
        for (int64_t u = first_row(thread), end = first_row(thread + 1); u < end; ++u) row_gradient(b, uses, u);
    });
}

void row_update(const RowUpdate &update, int threads) {
    const int64_t D = update.D, ahead = std::max<int64_t>(1, floats_ahead / D);
    const int count = worthwhile_threads(threads, double(update.U) * double(D) * work_of_a_number);
    in_threads(count, [&](int thread) {
        const int64_t end = share(update.U, thread + 1, count);
        auto row = [&](int64_t u) { return update.table + update.rows[u] * D; };
        auto fetch = [&](int64_t u) {
            if (u >= end) return;
            for (int64_t d = 0; d < D; d += 16) __builtin_prefetch(row(u) + d, 1);
        };
        const int64_t begin = share(update.U, thread, count);
        for (int64_t u = begin; u < begin + ahead; ++u) fetch(u);
        for (int64_t u = begin; u < end; ++u) {
            fetch(u + ahead);
            float *to = row(u);
            const float *from = update.update + u * D;
            int64_t d = 0;
            for (; d + lanes <= D; d += lanes) store(to + d, load(to + d) + update.scale * load(from + d));
            for (; d < D; ++d) to[d] += update.scale * from[d];
        }
    });
}

} // namespace vastmax::VASTMAX_TARGET
