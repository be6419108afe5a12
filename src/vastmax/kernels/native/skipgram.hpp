// What the skip-gram kernel is called with; the same for every instruction set.
#pragma once

#include <cstdint>

namespace vastmax {

// Rows are padded to `row_alignment` floats, and the padding stays zero.
constexpr int row_alignment = 16;
// Centre words handled together; they share one pool of noise words.
constexpr int block_size = 16;

struct SkipgramModel {
    float *centre;                   // (V, stride) the word vectors
    float *context;                  // (V, stride) the output vectors
    int64_t stride;                  // floats a row, a multiple of row_alignment
    int32_t vocab_size;              // V; larger ids are out of vocabulary and skipped
    const uint32_t *keep_threshold;  // (V,) a word is kept when 32 random bits are <= this
    const uint32_t *alias_threshold; // (V,) alias table of the noise distribution
    const int32_t *alias_word;       // (V,)
};

struct SkipgramSettings {
    int32_t window;    // the largest; each position draws its own from 1 .. window
    int32_t negative;  // K noise words a pair
    int32_t pool_size; // noise words drawn a block, a multiple of 16
};

struct Chunk {
    const int32_t *word_ids;
    const int64_t *sentence_offsets; // (num_sentences + 1,) positions in word_ids, after `offset_origin` is taken off
    int64_t offset_origin;
    int64_t num_sentences;
    float alpha_begin, alpha_end; // the learning rate runs linearly between them
    uint64_t seed;
};

struct ChunkResult {
    int64_t words;  // in the vocabulary, before subsampling
    int64_t kept;   // after it
    int64_t pairs;  // (centre, context) pairs trained
    double loss;    // summed over pairs: -log sigma(positive) - sum over K noise words of log sigma(-noise)
};

// One function a compiled instruction set.
#define VASTMAX_DECLARE_SKIPGRAM(target)                                                                                \
    namespace target {                                                                                                  \
    ChunkResult train_skipgram(const SkipgramModel &, const SkipgramSettings &, const Chunk &);                         \
    }
VASTMAX_DECLARE_SKIPGRAM(baseline)
VASTMAX_DECLARE_SKIPGRAM(avx2)
VASTMAX_DECLARE_SKIPGRAM(avx512)

} // namespace vastmax
