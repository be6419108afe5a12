// What the CBOW kernel is called with; the same for every instruction set.
#pragma once

#include "embedding.hpp"

namespace vastmax {

// The most centre words that are handled together; they share one pool of noise words.
constexpr int most_cbow_centres = 64;

struct CbowModel {
    float *input;   // (V, stride) the word vectors, whose mean over a window predicts its centre
    float *output;  // (V, stride) the output vectors
    int64_t stride; // floats a row, a multiple of row_alignment
    Subsampling words;
    NoiseLaw noise;
    Tree tree;
};

struct CbowSettings {
    int32_t window;     // the largest; each position draws its own from 1 .. window
    int32_t negative;   // K noise words a prediction; 0: no negative sampling
    int32_t pool_size;  // P, the noise words a block shares
    int32_t centres;    // of a block, 1 .. most_cbow_centres
    bool sum_gradient;  // each context moves by the whole gradient of the mean, as in word2vec
    Exclude exclude;
};

// One function a compiled instruction set.
#define VASTMAX_DECLARE_CBOW(target)                                                                                    \
    namespace target {                                                                                                  \
    ChunkResult train_cbow(const CbowModel &, const CbowSettings &, const Chunk &);                                     \
    }
VASTMAX_DECLARE_CBOW(baseline)
VASTMAX_DECLARE_CBOW(avx2)
VASTMAX_DECLARE_CBOW(avx512)

} // namespace vastmax
