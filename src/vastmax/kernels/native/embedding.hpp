// What every kernel that trains word vectors is called with, and what it answers; the same for every instruction set.
#pragma once

#include <cstdint>

#include "dispatch.hpp"

namespace vastmax {

// Rows are padded to `row_alignment` floats, and the padding stays zero.
constexpr int row_alignment = 16;

// Contexts are taken in bands of distances, 1 .. 8 first, then 9 .. 16, and so on, each over a span of words. A centre
// thus never moves by more contexts than 16 at once, however large the window: a hundred stale gradients added up diverge.
constexpr int band_width = 8;

// Which words of a text take part.
struct Subsampling {
    int32_t vocab_size;             // V; larger ids are out of vocabulary and skipped
    const uint32_t *keep_threshold; // (V,) a word is kept when 32 random bits are <= this
};

// The law that noise words are drawn from, as an alias table.
struct NoiseLaw {
    const uint32_t *alias_threshold; // (V,)
    const int32_t *alias_word;       // (V,)
};

// A binary tree whose leaves are the words. Edge e leads out of node e / 2 by branch e % 2.
struct Tree {
    float *nodes;                // (num_nodes, stride) the vectors of the inner nodes
    int64_t num_nodes;           // 0: there is no tree
    const int64_t *path_offsets; // (V + 1,) where each word's edges begin
    const int32_t *path_edges;   // from the root to the word
    int64_t longest_path;
    int32_t
        visits_per_exchange; // of a thread to a node near the root, then it exchanges what it learnt; 0: it is alone
};

// The rows of `words` that each word's vector is the mean of: its own, and those of its n-grams.
struct Subwords {
    const int64_t *offsets; // (V + 1,) where each word's rows begin, at least one each; null: there are no subwords
    const int32_t *rows;
    int64_t segment; // centres that are trained before rows that words share learn of it
};

// The noise words that do not count for a prediction: none, the word that is predicted, every word in the centre's window.
enum class Exclude : int32_t { none, target, window };

struct Chunk {
    const int32_t *word_ids;
    const int64_t *sentence_offsets; // (num_sentences + 1,); the first counts as the origin of word_ids
    int64_t num_sentences;
    float alpha_begin, alpha_end; // the learning rate runs linearly between them
    uint64_t seed;

    int64_t origin() const { return sentence_offsets[0]; }
    // The learning rate where sentence s begins.
    float alpha(int64_t s) const {
        int64_t done = sentence_offsets[s] - origin(), total = sentence_offsets[num_sentences] - origin();
        return alpha_begin + (alpha_end - alpha_begin) * (float(done) / float(total > 0 ? total : 1));
    }
};

struct ChunkResult {
    int64_t words;       // in the vocabulary, before subsampling
    int64_t kept;        // after it
    int64_t predictions; // trained: (centre, context) pairs in skip-gram, centres with a context in CBOW
    double loss;         // summed over predictions and over the objectives
};

// The most centre words that are handled together; they share one pool of noise words.
constexpr int most_skipgram_centres = 32, most_cbow_centres = 64;

struct EmbeddingModel {
    float *words;   // (V, stride) the word vectors; in CBOW their mean over a window predicts its centre. With subwords
                    // any number of rows
    float *outputs; // (V, stride) the output vectors
    int64_t stride; // floats per row, a multiple of row_alignment
    Subsampling subsampling;
    NoiseLaw noise;
    Tree tree;
    Subwords subwords;
};

struct EmbeddingSettings {
    int32_t window;            // the largest; each position draws its own from 1 .. window
    int32_t negative;          // K noise words per prediction; 0: no negative sampling
    const int32_t *pool_sizes; // P, the noise words that a block shares: for each band of distances, in CBOW one
    int32_t num_pools;         // skip-gram: ceil(window / band_width), CBOW: 1; 0 where K is 0
    int32_t centres;           // of a block
    bool sum_gradient;         // CBOW: each context moves by the whole gradient of the mean, as in word2vec
    Exclude exclude;
    bool fixed_window; // every position's window is the largest
};

VASTMAX_KERNELS(ChunkResult train_skipgram(const EmbeddingModel &, const EmbeddingSettings &, const Chunk &);
                ChunkResult train_cbow(const EmbeddingModel &, const EmbeddingSettings &, const Chunk &);)

} // namespace vastmax
