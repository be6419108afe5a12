// What the skip-gram kernel is called with; the same for every instruction set.
#pragma once

#include "embedding.hpp"

namespace vastmax {

// The most centre words that are handled together; they share one pool of noise words.
constexpr int block_size = 32;

struct SkipgramModel {
    float *centre;  // (V, stride) the word vectors
    float *context; // (V, stride) the output vectors
    int64_t stride; // floats a row, a multiple of row_alignment
    Subsampling words;
    NoiseLaw noise;
    Tree tree;
};

struct SkipgramSettings {
    int32_t window;             // the largest; each position draws its own from 1 .. window
    int32_t negative;           // K noise words a pair; 0: no negative sampling
    const int32_t *pool_sizes;  // (num_bands,) P, the noise words a block shares, for each band of distances; none where K is 0
    int32_t num_bands;          // ceil(window / band_width)
    int32_t centres;            // of a block, 1 .. block_size
    Exclude exclude;
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
