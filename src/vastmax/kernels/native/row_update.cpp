// Rows of a table moved in place. Compiled once for each instruction set.
//
// Two numbers are read and one written for each multiply-add: what costs is that the rows lie anywhere in gigabytes, so
// they are asked for ahead of time.
#include "row_update.hpp"

#include "row_products.hpp"
#include "threads.hpp"

namespace vastmax::VASTMAX_TARGET {
namespace {

constexpr int64_t floats_ahead = 1024; // 4 KB: a few rows of usual widths, at least one of wide ones
constexpr double work_of_a_number = 4; // in multiply-adds that a cache feeds

} // namespace

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
