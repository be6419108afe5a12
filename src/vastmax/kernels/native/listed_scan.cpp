// The k best of the words in some lists, of each example its own: a list that several examples ask for is read once.
// Compiled once for each instruction set.
#include "word_scan.hpp"

#include <algorithm>
#include <vector>

#include "best_words.hpp"
#include "products.hpp"
#include "scratch.hpp"
#include "threads.hpp"
#include "word_rows.hpp"

namespace vastmax::VASTMAX_TARGET {
namespace {

constexpr int64_t chunk_words = 64;
constexpr int64_t rows_ahead = 8;

// Which examples ask for each list: of list l the examples from starts[l] to starts[l + 1].
struct Askers {
    std::vector<int64_t> starts, examples;

    Askers(const WordLists &lists, const ListedQuery &query) : starts(size_t(lists.num_lists) + 1, 0) {
        const int64_t count = query.N * query.num_chosen;
        for (int64_t i = 0; i < count; ++i)
            if (query.chosen[i] >= 0) ++starts[size_t(query.chosen[i]) + 1];
        for (size_t l = 1; l < starts.size(); ++l) starts[l] += starts[l - 1];
        examples.resize(size_t(starts.back()));
        std::vector<int64_t> next(starts.begin(), starts.end() - 1);
        for (int64_t i = 0; i < count; ++i)
            if (query.chosen[i] >= 0) examples[size_t(next[size_t(query.chosen[i])]++)] = i / query.num_chosen;
    }
};

struct Kept {
    BestWords best;
    LogSum sum;
    int64_t num_scored = 0;
    std::vector<bool> seen; // where lists may overlap
};

class Scan {
  public:
    Scan(const WordTable &table, const WordLists &lists, const ListedQuery &query, Kept *kept)
        : table_(table), lists_(lists), query_(query), kept_(kept),
          scores_(Floats::uninitialized(whole_vectors(chunk_words))) {}

    void run(int64_t list, const int64_t *examples, int64_t count) {
        for (int64_t begin = lists_.offsets[list]; begin < lists_.offsets[list + 1]; begin += chunk_words) {
            const int64_t end = std::min(lists_.offsets[list + 1], begin + chunk_words);
            for (int64_t i = 0; i < count; ++i) {
                if (lists_.disjoint) {
                    score(kept_[examples[i]], examples[i], lists_.words + begin, end - begin,
                          lists_.offsets[list + 1] - begin);
                } else {
                    take_unseen(kept_[examples[i]], begin, end);
                    score(kept_[examples[i]], examples[i], unseen_, num_unseen_, num_unseen_);
                }
            }
        }
    }

  private:
    void take_unseen(Kept &kept, int64_t begin, int64_t end) {
        num_unseen_ = 0;
        for (int64_t i = begin; i < end; ++i) {
            const int32_t word = lists_.words[i];
            if (kept.seen[size_t(word)]) continue;
            kept.seen[size_t(word)] = true;
            unseen_[num_unseen_++] = word;
        }
    }
    // `count` words at `words` with an example; of the `known` words that stand there the next ones are fetched ahead.
    void score(Kept &kept, int64_t n, const int32_t *words, int64_t count, int64_t known) {
        constexpr int64_t rows = 4;
        const float *h = query_.hidden + n * table_.D;
        for (int64_t i = 0; i < count; i += rows) {
            const float *row[rows];
            for (int64_t r = 0; r < rows; ++r) {
                row[r] = table_.weight + int64_t(words[std::min(i + r, count - 1)]) * table_.D;
                const int64_t ahead = i + r + rows_ahead;
                if (ahead < known) fetch_row(table_, words[ahead]);
            }
            float tile[rows];
            dot_tile<1, rows>(&h, row, table_.D, tile);
            for (int64_t r = 0; r < std::min(rows, count - i); ++r)
                scores_[i + r] = tile[r] + (table_.bias ? table_.bias[words[i + r]] : 0.0f);
        }
        const int64_t padded = whole_vectors(count);
        for (int64_t i = count; i < padded; ++i) scores_[i] = minus_infinity;
        for (int64_t i = 0; i < padded; i += lanes) {
            const Vec s = load(scores_.vector_at(i));
            if (!any_reaches(s, kept.best.bar())) continue;
            for (int64_t j = i; j < std::min(count, i + lanes); ++j)
                if (!(scores_[j] < kept.best.bar())) kept.best.offer(scores_[j], words[j]);
        }
        kept.sum.add(scores_.data(), padded);
        kept.num_scored += count;
    }

    const WordTable &table_;
    const WordLists &lists_;
    const ListedQuery &query_;
    Kept *kept_;
    Floats scores_;
    int32_t unseen_[chunk_words];
    int64_t num_unseen_ = 0;
};

void write(const ListedQuery &query, int64_t n, Kept &kept) {
    int64_t *word_id = query.word_id + n * query.k;
    float *score = query.score + n * query.k;
    std::fill_n(word_id, query.k, int64_t(-1));
    std::fill_n(score, query.k, minus_infinity);
    kept.best.write(word_id, score);
    query.log_sum[n] = kept.num_scored ? kept.sum.value() : minus_infinity;
    query.num_scored[n] = kept.num_scored;
}

} // namespace

void scan_listed(const WordTable &table, const WordLists &lists, const ListedQuery &query, int threads) {
    const Askers askers(lists, query);
    double rows = 0.0;
    for (int64_t l = 0; l < lists.num_lists; ++l)
        rows += double(lists.offsets[l + 1] - lists.offsets[l]) *
                double(askers.starts[size_t(l) + 1] - askers.starts[size_t(l)]);
    // An example that may meet a word twice belongs to one thread; otherwise a list does.
    const int count =
        worthwhile_threads(lists.disjoint ? threads : int(std::min<int64_t>(threads, query.N)), rows * double(table.D));
    std::vector<std::vector<Kept>> kept(static_cast<size_t>(count));
    in_threads(count, [&](int thread) {
        std::vector<Kept> &own = kept[size_t(thread)];
        own.assign(size_t(query.N), Kept{BestWords(query.k), {}, 0, {}});
        Scan scan(table, lists, query, own.data());
        if (lists.disjoint) {
            for (int64_t l = share(lists.num_lists, thread, count); l < share(lists.num_lists, thread + 1, count); ++l)
                scan.run(l, askers.examples.data() + askers.starts[size_t(l)],
                         askers.starts[size_t(l) + 1] - askers.starts[size_t(l)]);
        } else {
            for (int64_t n = share(query.N, thread, count); n < share(query.N, thread + 1, count); ++n) {
                own[size_t(n)].seen.assign(size_t(table.V), false);
                for (int64_t c = 0; c < query.num_chosen; ++c)
                    if (const int32_t list = query.chosen[n * query.num_chosen + c]; list >= 0) scan.run(list, &n, 1);
                own[size_t(n)].seen = {};
            }
        }
    });
    for (int64_t n = 0; n < query.N; ++n) {
        Kept &all = kept[0][size_t(n)];
        for (int thread = 1; thread < count; ++thread) {
            const Kept &other = kept[size_t(thread)][size_t(n)];
            all.best.merge(other.best);
            all.sum.merge(other.sum);
            all.num_scored += other.num_scored;
        }
        write(query, n, all);
    }
}

} // namespace vastmax::VASTMAX_TARGET
