// What a scan over listed words is called with; the same for every instruction set.
#pragma once

#include <cstdint>

#include "word_scan.hpp"

namespace vastmax {

// Lists of words: list l is words[offsets[l]] .. words[offsets[l + 1] - 1].
struct WordLists {
    int64_t num_lists;
    const int64_t *offsets; // (num_lists + 1,)
    const int32_t *words;
    bool disjoint; // whether no word stands in two lists that are asked of one example, or twice in one
};

// Asks for the k best words of each example among the lists chosen for it.
struct ListedQuery {
    int64_t N, k, num_chosen;
    const float *hidden;       // (N, D)
    const int32_t *chosen;     // (N, num_chosen), lists; negative ones are no list
    int64_t *word_id;          // (N, k), best first, equals by id; -1 where there are fewer than k
    float *score;              // (N, k), -inf there
    float *log_sum;            // (N,), log of the sum of exp(score) over the words, -inf for none
    int64_t *num_scored;       // (N,), words
};

#define VASTMAX_DECLARE_LISTED_SCAN(name)                                                                              \
    namespace name {                                                                                                   \
    void scan_listed(const WordTable &table, const WordLists &lists, const ListedQuery &query, int threads);           \
    }
VASTMAX_DECLARE_LISTED_SCAN(baseline)
VASTMAX_DECLARE_LISTED_SCAN(avx2)
VASTMAX_DECLARE_LISTED_SCAN(avx512)
#undef VASTMAX_DECLARE_LISTED_SCAN

} // namespace vastmax
