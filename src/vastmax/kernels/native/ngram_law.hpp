// The laws of words after some contexts, at some words: rows of a sparse matrix of counts, in a few of its columns.
#pragma once

#include <cstdint>
#include <vector>

namespace vastmax {

// Row r has the columns column[offset[r] .. offset[r + 1]), ascending, and the counts that are the steps of `cumulative`.
// `small_count` has them once more, up to `not_small`, which stands for that and more: the few entries that are wanted
// lie far apart, and a byte an entry is soon read where sixteen are waited for.
struct CountRows {
    static constexpr uint8_t not_small = 255;
    const int64_t *offset;
    const int32_t *column;
    const int64_t *cumulative;
    const uint8_t *small_count;
    int64_t rows, columns;
};

// Entries in the columns of the noise, row after row: where each row's begin, which noise word, its probability.
struct RowLaws {
    std::vector<int64_t> offset;
    std::vector<int32_t> noise;
    std::vector<float> probability;
};

// For the `count` rows at `row`: adds row_weight[r] * probability to mean[i] for each wanted column i they have, and
// collects the entries of those that are noise (noise_of[i] >= 0). `wanted` ascends and is distinct.
RowLaws row_laws(const CountRows &counts, const int64_t *row, const float *row_weight, int64_t count,
                 const int64_t *wanted, const int32_t *noise_of, int64_t num_wanted, double *mean);

// claimed[r] += the sum, over the examples of row r and its entries, of weight[example * weight_step + noise] * share *
// probability / (share * probability + (1 - share) * unigram[noise]).
void row_responsibilities(const RowLaws &laws, const float *share, const float *unigram, const int64_t *example_row,
                          const float *weight, int64_t weight_step, int64_t examples, double *claimed);

} // namespace vastmax
