// What a scan over all words is called with; the same for every instruction set.
#pragma once

#include <cstdint>

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
    int bits; // 8 or 4
    const int8_t *codes;
    const float *scale; // (blocks * 16,), as the two below
    const float *error; // ||r_w||, rounded up
    const float *bias;  // 0 where there is none; -inf for rows that are not there
    const float *norm;  // (blocks,), the largest ||w|| of a block, rounded up
};

inline int64_t num_blocks(int64_t V) { return (V + 15) / 16; }
// Bytes of a block.
inline int64_t block_bytes(int64_t D, int bits) { return bits == 8 ? (D + 1) / 2 * 32 : (D + 3) / 4 * 32; }

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
    float tolerance;         // of log Z: as many rows are scored exactly as it takes
};

// What a table is rounded to.
struct RowCoding {
    int bits;
    int8_t *codes;
    float *scale, *error, *norm; // as in RowCodes
};

#define VASTMAX_DECLARE_WORD_SCAN(name)                                                                                \
    namespace name {                                                                                                   \
    void code_rows(const WordTable &table, const RowCoding &coding, int threads);                                      \
    void scan_words(const WordTable &table, const RowCodes *codes, const WordQuery &query, int threads);               \
    }
VASTMAX_DECLARE_WORD_SCAN(baseline)
VASTMAX_DECLARE_WORD_SCAN(avx2)
VASTMAX_DECLARE_WORD_SCAN(avx512)
#undef VASTMAX_DECLARE_WORD_SCAN

} // namespace vastmax
