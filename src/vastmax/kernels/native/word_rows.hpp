// Rows of a table of words: scored, and asked for ahead of their use.
#pragma once

#include <cstdint>

#include "products.hpp"
#include "vector.hpp"
#include "word_scan.hpp"

namespace vastmax::VASTMAX_TARGET {

inline float exact_score(const WordTable &table, const float *hidden, int64_t w) {
    const float *row = table.weight + w * table.D;
    float score;
    dot_tile<1, 1>(&hidden, &row, table.D, &score);
    return score + (table.bias ? table.bias[w] : 0.0f);
}

// Asks for the numbers of a row ahead of their use.
VASTMAX_PREFETCHES void fetch_row(const WordTable &table, int64_t word) {
    const float *row = table.weight + word * table.D;
    for (int64_t d = 0; d < table.D; d += 16) __builtin_prefetch(row + d);
}

} // namespace vastmax::VASTMAX_TARGET
