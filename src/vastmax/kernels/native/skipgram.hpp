// What the skip-gram kernel is called with; the same for every instruction set.
#pragma once

#include <cstdint>

namespace vastmax {

// Rows are padded to `row_alignment` floats, and the padding stays zero.
constexpr int row_alignment = 16;
// The most centre words that are handled together; they share one pool of noise words.
constexpr int block_size = 32;
// Contexts are taken in bands of distances, 1 .. 8 first, then 9 .. 16, and so on, each over a span of words. A centre
// thus never moves by more contexts than 16 at once, however large the window: a hundred stale gradients added up diverge.
constexpr int band_width = 8;

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
    int32_t window;             // the largest; each position draws its own from 1 .. window
    int32_t negative;           // K noise words a pair
    const int32_t *pool_sizes;  // (num_bands,) P, the noise words a block shares, for each band of distances
    int32_t num_bands;          // ceil(window / band_width)
    int32_t centres;            // of a block, 1 .. block_size
};

struct Chunk {
    const int32_t *word_ids;
    const int64_t *sentence_offsets; // (num_sentences + 1,); the first counts as the origin of word_ids
    int64_t num_sentences;
    float alpha_begin, alpha_end; // the learning rate runs linearly between them
    uint64_t seed;
};

struct ChunkResult {
    int64_t words;  // in the vocabulary, before subsampling
    int64_t kept;   // after it
    int64_t predictions; // (centre, context) pairs trained
    double loss;    // summed over predictions: -log sigma(positive) - sum over K noise words of log sigma(-noise)
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
