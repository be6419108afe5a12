// What scans over all words, or over listed ones, are called with; the same for every instruction set.
#pragma once

#include <cstdint>

#include "dispatch.hpp"

namespace vastmax {

// s(w) = weight_w . hidden + bias_w.
struct WordTable {
    int64_t V, D;
    const float *weight; // (V, D)
    const float *bias;   // (V,), or null
};

// The rows of a table rounded to whole numbers of `bits` bits, times a scale of their own: w = scale_w * code_w + r_w.
//
// Rows stand in blocks of 16, a block pair of columns by pair of columns: with 8 bits its 32 bytes for the columns 2j and
// 2j + 1 are, row after row, the codes of both; with 4 bits those for the columns 4j .. 4j + 3 are, row after row, a byte
// with 4j + 8 in its low half and 4j + 2 in its high half, and one with 4j + 1 and 4j + 3; codes there count from 8.
// Rows and columns that are not there have the code 0.
struct RowCodes {
    int64_t width; // columns
    int bits;      // 8 or 4
    const int8_t *codes;
    const float *scale; // (blocks * 16,)
};

inline int64_t num_blocks(int64_t V) { return (V + 15) / 16; }
// Bytes of a block.
inline int64_t block_bytes(int64_t width, int bits) { return bits == 8 ? (width + 1) / 2 * 32 : (width + 3) / 4 * 32; }

// A table whose rows, turned by a rotation, are coded twice: first the leading columns alone, which every search reads, then
// all that this leaves of the row, which is read where it matters. With a query turned likewise and cut into h1 and h2,
//
//     |s(w) - s1(w)| <= first_error_w * sqrt(|h2|^2 + balance^2 |h1|^2) + slack * |w| |h|
//     |s(w) - s2(w)| <= second_error_w * |h| + slack * |w| |h|
//
// where s1 and s2 are the scores by the first codes, and by both.
struct CodedTable {
    RowCodes first, second; // second.width is D, or 0: the first part has every column, and nothing more is known
    const float *bias; // (blocks * 16,), as the errors; 0 where there is none; very low for rows that are not there
    const float *first_error, *second_error;
    const float *variance; // (blocks * 16,), expected squared error of s1 per unit of the query's spread
    const float *norm;     // (blocks,), the largest |w| of a block
    const float *first_spread,
        *second_spread; // (blocks,), log of the largest variance, and of the largest second_error^2
    float balance, slack;
};

// Asks for the k best words of each example, and for log Z.
struct WordQuery {
    int64_t N, k;
    const float *hidden;     // (N, D)
    int64_t *word_id;        // (N, k), best first; of equal scores the lowest id first
    float *score;            // (N, k)
    float *log_normaliser;   // (N,), or null
    float *normaliser_error; // (N,), the expected error of log Z; unused where log_normaliser is null
    int64_t *num_scored;     // (N,), rows that were scored in float32
    int64_t *num_broken;     // (N,), those whose score the codes exclude: they are of another table
};

// What a search over codes needs beside.
struct CodedQuery {
    const float *turned;   // (N, D), the examples turned as the rows were
    const float *spread;   // (N,), times a row's `variance` the expected squared error of s1
    const int64_t *likely; // (num_likely,), words that are scored first, to begin with a high bar; distinct
    int64_t num_likely;
    float tolerance; // of log Z
};

// Asks for log Z of each example by the leading columns' codes and a sample of the rows.
struct SampledNormalizer {
    int64_t N;
    const float *hidden;   // (N, D)
    const float *turned;   // (N, D), the examples turned as the rows were
    const uint64_t *seed;  // (N,)
    const int64_t *likely; // (num_likely,), words whose scores the first guess of Z is made from
    int64_t num_likely;
    float draws;           // about so many rows are scored, at least 1
    float *log_normalizer; // (N,), NaN where the sample says that Z is not above 0
    float *error;          // (N,), the standard error of Z, in units of Z
    int64_t *num_scored;   // (N,)
};

// What a table is rounded to.
struct RowCoding {
    int bits;
    int8_t *codes;
    float *scale;
    float *error;    // (blocks * 16,), |r_w|, rounded up
    float *norm;     // (blocks * 16,), |w|, rounded up
    float *residual; // (V, D), r_w, or null
};

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
    const float *hidden;   // (N, D)
    const int32_t *chosen; // (N, num_chosen), lists; negative ones are no list
    int64_t *word_id;      // (N, k), best first, equals by id; -1 where there are fewer than k
    float *score;          // (N, k), -inf there
    float *log_sum;        // (N,), log of the sum of exp(score) over the words, -inf for none
    int64_t *num_scored;   // (N,), words
};

VASTMAX_KERNELS(void code_rows(const WordTable &table, const RowCoding &coding, int threads);
                void scan_rows(const WordTable &table, const WordQuery &query, int threads);
                void scan_codes(const WordTable &table, const CodedTable &coded, const WordQuery &query,
                                const CodedQuery &aids, int threads);
                void sample_normalizer(const WordTable &table, const CodedTable &coded, const SampledNormalizer &query,
                                       int threads);
                void scan_listed(const WordTable &table, const WordLists &lists, const ListedQuery &query,
                                 int threads);)

} // namespace vastmax
