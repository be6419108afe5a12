// The k best of all words, and log Z, by one pass over the rows of the table, which is read once for all examples. Scores
// are used while they are in the cache and never stored. Compiled once for each instruction set.
#include <algorithm>
#include <vector>

#include "best_words.hpp"
#include "products.hpp"
#include "scratch.hpp"
#include "threads.hpp"
#include "word_scan.hpp"

namespace vastmax::VASTMAX_TARGET {
namespace {

// From so many examples on they stand side by side in the lanes of a vector, and the arithmetic sets the pace; fewer wait
// for the memory.
constexpr int64_t many_examples = lanes;
constexpr int64_t chunk_words = 256;

struct Kept {
    BestWords best;
    LogSum sum;
};

void write(const WordTable &table, const WordQuery &query, int64_t n, Kept &kept) {
    kept.best.write(query.word_id + n * query.k, query.score + n * query.k);
    if (query.log_normaliser) {
        query.log_normaliser[n] = kept.sum.value();
        query.normaliser_error[n] = 0.0f;
    }
    query.num_scored[n] = table.V;
    query.num_broken[n] = 0;
}

// A few examples: rows four by four, with each example.
class FewExamples {
  public:
    FewExamples(const WordTable &table, const WordQuery &query)
        : table_(table), query_(query), scores_(Floats::uninitialized(whole_vectors(chunk_words) * query.N)) {}

    void scan(int64_t first, int64_t last, Kept *kept) {
        for (int64_t begin = first; begin < last; begin += chunk_words) {
            const int64_t end = std::min(last, begin + chunk_words), count = end - begin, padded = whole_vectors(count);
            score(begin, end);
            for (int64_t n = 0; n < query_.N; ++n) {
                float *scores = scores_.at(n * chunk_words, padded);
                std::fill(scores + count, scores + padded, minus_infinity);
                for (int64_t i = 0; i < count; i += lanes) kept[n].best.offer(load(scores + i), begin + i, end);
                if (query_.log_normaliser) kept[n].sum.add(scores, padded);
            }
        }
    }

  private:
    static constexpr int64_t rows = 4;

    void score(int64_t begin, int64_t end) {
        for (int64_t w = begin; w < end; w += rows) {
            const float *row[rows];
            for (int64_t i = 0; i < rows; ++i) row[i] = table_.weight + std::min(w + i, end - 1) * table_.D;
            const float *ahead = row[0] + 2 * rows * table_.D;
            if (w + 3 * rows <= table_.V)
                for (int64_t d = 0; d < rows * table_.D; d += 16) __builtin_prefetch(ahead + d);
            int64_t n = 0;
            if constexpr (2 * rows <= lanes)
                for (; n + 2 <= query_.N; n += 2) score<2>(n, row, w, begin, end);
            for (; n < query_.N; ++n) score<1>(n, row, w, begin, end);
        }
    }
    template <int examples> void score(int64_t n, const float *const *row, int64_t w, int64_t begin, int64_t end) {
        const float *h[examples];
        for (int e = 0; e < examples; ++e) h[e] = query_.hidden + (n + e) * table_.D;
        float tile[examples * rows];
        dot_tile<examples, rows>(h, row, table_.D, tile);
        for (int e = 0; e < examples; ++e)
            for (int64_t i = 0; i < std::min(rows, end - w); ++i)
                scores_[(n + e) * chunk_words + w - begin + i] =
                    tile[e * rows + i] + (table_.bias ? table_.bias[w + i] : 0.0f);
    }

    const WordTable &table_;
    const WordQuery &query_;
    Floats scores_; // (N, chunk_words)
};

// Many examples: a tile of rows with all of them, side by side in the lanes.
class ManyExamples {
  public:
    ManyExamples(const WordTable &table, const WordQuery &query, const Panels &hidden)
        : table_(table), query_(query), hidden_(hidden), scores_(Floats::uninitialized(tile_words * panel_width)),
          bar_(Floats::zeros(hidden.count() * panel_width)) {
        std::fill_n(bar_.data(), bar_.size(), minus_infinity);
    }

    void scan(int64_t first, int64_t last, Kept *kept) {
        for (int64_t begin = first; begin < last; begin += tile_words) {
            const int64_t count = std::min(tile_words, last - begin);
            for (int64_t p = 0; p < hidden_.count(); ++p) {
                const int64_t examples = hidden_.columns(p);
                panel_product({table_.weight + begin * table_.D, table_.D, 1}, count, hidden_.panel(p), table_.D,
                              examples, [this](int64_t r) { return scores_.data() + r * panel_width; });
                for (int64_t e = 0; e < examples; e += lanes)
                    take(begin, count, e, std::min<int64_t>(lanes, examples - e), p * panel_width + e, kept);
            }
        }
    }

  private:
    static constexpr int64_t tile_words = 16 * tile_rows;

    // The scores of `count` words with the `used` examples from n on, which stand in the columns from e on.
    void take(int64_t begin, int64_t count, int64_t e, int64_t used, int64_t n, Kept *kept) {
        Vec top = broadcast(minus_infinity), bar = load(bar_.vector_at(n));
        IntVec undefined{};
        for (int64_t r = 0; r < count; ++r) {
            float *at = scores_.at(r * panel_width + e, used);
            Vec s = used == lanes ? load(at) : load_part(at, used, minus_infinity);
            if (table_.bias) s += table_.bias[begin + r];
            if (used == lanes)
                store(at, s);
            else
                store_part(at, s, used);
            top = s > top ? s : top;
            undefined |= ~(s < broadcast(-minus_infinity));
            if (none(~(s < bar))) continue;
            for (int lane = 0; lane < used; ++lane)
                if (!(s[lane] < bar[lane])) {
                    kept[n + lane].best.offer(s[lane], begin + r);
                    bar[lane] = kept[n + lane].best.bar();
                }
        }
        store(bar_.vector_at(n), bar);
        if (query_.log_normaliser) add(count, e, used, top, undefined, kept + n);
    }
    void add(int64_t count, int64_t e, int64_t used, Vec top, IntVec undefined, Kept *kept) {
        Vec unit{}, sum{};
        for (int64_t lane = 0; lane < used; ++lane) {
            kept[lane].sum.raise(top[lane]);
            unit[lane] = kept[lane].sum.largest > minus_infinity ? kept[lane].sum.largest : 0.0f;
        }
        for (int64_t r = 0; r < count; ++r) {
            const float *at = scores_.at(r * panel_width + e, used);
            sum += exp_of_negative((used == lanes ? load(at) : load_part(at, used, minus_infinity)) - unit);
        }
        for (int64_t lane = 0; lane < used; ++lane)
            kept[lane].sum.total += undefined[lane] ? std::numeric_limits<double>::quiet_NaN() : double(sum[lane]);
    }
    static bool none(IntVec mask) {
        int32_t any = 0;
        for (int lane = 0; lane < lanes; ++lane) any |= mask[lane];
        return any == 0;
    }

    const WordTable &table_;
    const WordQuery &query_;
    const Panels &hidden_;
    Floats scores_; // (tile_words, panel_width)
    Floats bar_;    // per example
};

} // namespace

void scan_rows(const WordTable &table, const WordQuery &query, int threads) {
    const int64_t N = query.N;
    if (N == 0) return;
    const int count = worthwhile_threads(threads, double(table.V) * double(table.D) * double(N));
    Floats memory;
    Panels hidden{nullptr, table.D, N};
    if (N >= many_examples) {
        memory = Floats::uninitialized(Panels::numel(table.D, N));
        hidden.data = memory.data();
        for (int64_t first = 0; first < hidden.count() * panel_width; first += lanes)
            hidden.put_columns(first,
                               [&](int i) { return first + i < N ? query.hidden + (first + i) * table.D : nullptr; });
    }
    std::vector<std::vector<Kept>> kept(static_cast<size_t>(count));
    in_threads(count, [&](int thread) {
        std::vector<Kept> &own = kept[size_t(thread)];
        own.assign(size_t(N), Kept{BestWords(query.k), {}});
        const int64_t first = share(table.V, thread, count), last = share(table.V, thread + 1, count);
        if (hidden.data) {
            ManyExamples(table, query, hidden).scan(first, last, own.data());
        } else {
            FewExamples(table, query).scan(first, last, own.data());
        }
    });
    for (int64_t n = 0; n < N; ++n) {
        Kept &all = kept[0][size_t(n)];
        for (int thread = 1; thread < count; ++thread) {
            all.best.merge(kept[size_t(thread)][size_t(n)].best);
            all.sum.merge(kept[size_t(thread)][size_t(n)].sum);
        }
        write(table, query, n, all);
    }
}

} // namespace vastmax::VASTMAX_TARGET
