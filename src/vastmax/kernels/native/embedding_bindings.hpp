// What the Python faces of the training kernels share: the types of arguments, and the checks of a chunk of text.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <stdexcept>
#include <string>

#include "embedding.hpp"
#include "targets.hpp"

namespace vastmax {

namespace nb = nanobind;
using Matrix = nb::ndarray<float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
template <typename T> using Column = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

inline void require(bool holds, const char *what) {
    if (!holds) throw std::invalid_argument(what);
}

[[noreturn]] inline void no_such_target(const std::string &target) {
    throw std::invalid_argument("kernel target '" + target + "' is not compiled in");
}

inline void check_word_rows(const Matrix &matrix) {
    size_t vocab_size = matrix.shape(0);
    require(vocab_size > 0 && vocab_size < (size_t(1) << 31), "vocabulary size must be in 1 .. 2^31 - 1");
    require(matrix.shape(1) % row_alignment == 0, "rows must be padded to a multiple of 16 floats");
}

inline Subsampling subsampling(const Matrix &words, const Column<uint32_t> &keep_threshold) {
    require(keep_threshold.shape(0) == words.shape(0), "tables must have a row a word");
    return {int32_t(words.shape(0)), keep_threshold.data()};
}

inline NoiseLaw noise_law(const Matrix &words, const Column<uint32_t> &alias_threshold, const Column<int32_t> &alias_word) {
    require(alias_threshold.shape(0) == words.shape(0) && alias_word.shape(0) == words.shape(0),
            "tables must have a row a word");
    return {alias_threshold.data(), alias_word.data()};
}

inline Exclude checked_exclude(int exclude) {
    require(exclude >= 0 && exclude <= int(Exclude::window), "exclude must be 0 (none), 1 (target) or 2 (window)");
    return Exclude(exclude);
}

// The rows that words are scored against in negative sampling; without it there must be none.
inline void check_output_rows(const Matrix &words, const Matrix &output, int negative) {
    require(negative >= 0, "negative must not be below 0");
    require(output.shape(0) == (negative > 0 ? words.shape(0) : 0) && output.shape(1) == words.shape(1),
            "the two matrices must have one shape; without negative sampling the second has no row");
}

// No tree where `nodes` has no row.
inline Tree checked_tree(const Matrix &words, const Matrix &nodes, const Column<int64_t> &path_offsets,
                         const Column<int32_t> &path_edges, int64_t longest_path, int visits_an_exchange) {
    require(nodes.shape(1) == words.shape(1), "nodes must be as wide as words");
    require(nodes.shape(0) == 0 || path_offsets.shape(0) == words.shape(0) + 1, "every word must have a path");
    require(visits_an_exchange >= 0, "visits_an_exchange must not be negative");
    return {nodes.data(), int64_t(nodes.shape(0)), path_offsets.data(), path_edges.data(), longest_path, visits_an_exchange};
}

inline Chunk checked_chunk(const Column<int32_t> &word_ids, const Column<int64_t> &sentence_offsets, float alpha_begin,
                           float alpha_end, uint64_t seed) {
    require(sentence_offsets.shape(0) > 0, "sentence_offsets must not be empty");
    size_t num_sentences = sentence_offsets.shape(0) - 1;
    const int64_t *offsets = sentence_offsets.data();
    for (size_t s = 0; s < num_sentences; ++s) require(offsets[s] <= offsets[s + 1], "sentence_offsets must not fall");
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
