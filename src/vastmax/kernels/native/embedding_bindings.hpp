// What the Python faces of the training kernels share: the types of arguments, and the checks of a chunk of text.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <algorithm>
#include <stdexcept>
#include <string>

#include "bindings.hpp"
#include "embedding.hpp"
#include "targets.hpp"

namespace vastmax {

namespace nb = nanobind;
using Rows = Matrix<float>;
template <typename T> using Table = Column<const T>;

// No window or pool is larger, so that sums of a few of them are no matter.
constexpr int most_window = 1 << 24, most_pool = 1 << 24;
// Nor is a sentence: positions are 32 bits wide.
constexpr int64_t most_sentence = int64_t(1) << 30;

[[noreturn]] inline void no_such_target(const std::string &target) {
    throw std::invalid_argument("kernel target '" + target + "' is not compiled in");
}

inline void check_word_rows(const Rows &matrix) {
    size_t vocab_size = matrix.shape(0);
    require(vocab_size > 0 && vocab_size < (size_t(1) << 31), "vocabulary size must be in 1 .. 2^31 - 1");
    require(matrix.shape(1) > 0 && matrix.shape(1) % row_alignment == 0, "rows must be padded to a multiple of 16 floats");
}

inline Subsampling subsampling(const Rows &words, const Table<uint32_t> &keep_threshold) {
    require(keep_threshold.shape(0) == words.shape(0), "tables must have a row a word");
    return {int32_t(words.shape(0)), keep_threshold.data()};
}

inline NoiseLaw noise_law(const Rows &words, const Table<uint32_t> &alias_threshold, const Table<int32_t> &alias_word) {
    require(alias_threshold.shape(0) == words.shape(0) && alias_word.shape(0) == words.shape(0),
            "tables must have a row a word");
    require(all_below(alias_word.data(), int64_t(alias_word.shape(0)), int64_t(words.shape(0))), "an alias is no word");
    return {alias_threshold.data(), alias_word.data()};
}

inline Exclude checked_exclude(int exclude) {
    require(exclude >= 0 && exclude <= int(Exclude::window), "exclude must be 0 (none), 1 (target) or 2 (window)");
    return Exclude(exclude);
}

// The rows that words are scored against in negative sampling; without it there must be none.
inline void check_output_rows(const Rows &words, const Rows &output, int negative) {
    require(negative >= 0, "negative must not be below 0");
    require(output.shape(0) == (negative > 0 ? words.shape(0) : 0) && output.shape(1) == words.shape(1),
            "the two matrices must have one shape; without negative sampling the second has no row");
}

// No tree where `nodes` has no row. What edges there are is looked at once for all calls, in kernels/tree_paths.py.
inline Tree checked_tree(const Rows &words, const Rows &nodes, const Table<int64_t> &path_offsets,
                         const Table<int32_t> &path_edges, int64_t longest_path, int visits_an_exchange) {
    require(nodes.shape(1) == words.shape(1), "nodes must be as wide as words");
    require(visits_an_exchange >= 0, "visits_an_exchange must not be negative");
    if (nodes.shape(0) > 0) {
        const int64_t V = int64_t(words.shape(0)), *offsets = path_offsets.data();
        require(has_length(path_offsets, V + 1), "every word must have a path");
        require(is_partition(offsets, V + 1, int64_t(path_edges.shape(0))), "paths must cover the edges");
        int64_t shortest = offsets[1], longest = offsets[1];
        for (int64_t word = 0; word < V; ++word) {
            shortest = std::min(shortest, offsets[word + 1] - offsets[word]);
            longest = std::max(longest, offsets[word + 1] - offsets[word]);
        }
        require(shortest >= 1 && longest <= longest_path, "a path is empty, or longer than longest_path");
        require(longest_path <= INT32_MAX, "paths must have less than 2^31 edges");
    }
    return {nodes.data(), int64_t(nodes.shape(0)), path_offsets.data(), path_edges.data(), longest_path, visits_an_exchange};
}

inline Chunk checked_chunk(const Table<int32_t> &word_ids, const Table<int64_t> &sentence_offsets, float alpha_begin,
                           float alpha_end, uint64_t seed) {
    require(sentence_offsets.shape(0) > 0, "sentence_offsets must not be empty");
    size_t num_sentences = sentence_offsets.shape(0) - 1;
    const int64_t *offsets = sentence_offsets.data();
    require(offsets[0] >= 0, "sentence_offsets must not be negative");
    for (size_t s = 0; s < num_sentences; ++s) {
        require(offsets[s] <= offsets[s + 1], "sentence_offsets must not fall");
        require(offsets[s + 1] - offsets[s] <= most_sentence, "a sentence has more than 2^30 words");
    }
    require(offsets[num_sentences] - offsets[0] <= int64_t(word_ids.shape(0)), "sentence_offsets run past word_ids");
    for (size_t k = 0; k < word_ids.shape(0); ++k) require(word_ids.data()[k] >= 0, "word ids must not be negative");
    return {word_ids.data(), offsets, int64_t(num_sentences), alpha_begin, alpha_end, seed};
}

inline nb::dict as_dict(const ChunkResult &result) {
    nb::dict out;
    out["words"] = result.words;
    out["kept"] = result.kept;
    out["predictions"] = result.predictions;
    out["loss"] = result.loss;
    return out;
}

} // namespace vastmax
