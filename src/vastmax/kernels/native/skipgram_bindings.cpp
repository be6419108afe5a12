// The Python face of the skip-gram kernel and the choice of instruction set.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <stdexcept>

#include "skipgram.hpp"
#include "targets.hpp"

namespace nb = nanobind;
using namespace vastmax;

namespace {

using Matrix = nb::ndarray<float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
template <typename T> using Column = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

ChunkResult run(const std::string &target, const SkipgramModel &model, const SkipgramSettings &settings, const Chunk &chunk) {
#ifdef VASTMAX_HAVE_avx512
    if (target == "avx512") return avx512::train_skipgram(model, settings, chunk);
#endif
#ifdef VASTMAX_HAVE_avx2
    if (target == "avx2") return avx2::train_skipgram(model, settings, chunk);
#endif
    if (target == "baseline") return baseline::train_skipgram(model, settings, chunk);
    throw std::invalid_argument("kernel target '" + target + "' is not compiled in");
}

void require(bool holds, const char *what) {
    if (!holds) throw std::invalid_argument(what);
}

nb::dict train_skipgram(const std::string &target, Matrix centre, Matrix context, Column<uint32_t> keep_threshold,
                        Column<uint32_t> alias_threshold, Column<int32_t> alias_word, int window, int negative, Column<int32_t> pool_sizes, int centres,
                        Column<int32_t> word_ids, Column<int64_t> sentence_offsets, float alpha_begin, float alpha_end,
                        uint64_t seed) {
    size_t vocab_size = centre.shape(0);
    require(vocab_size > 0 && vocab_size < (size_t(1) << 31), "vocabulary size must be in 1 .. 2^31 - 1");
    require(centre.shape(1) % row_alignment == 0, "rows must be padded to a multiple of 16 floats");
    require(context.shape(0) == vocab_size && context.shape(1) == centre.shape(1), "the two matrices must have one shape");
    require(keep_threshold.shape(0) == vocab_size && alias_threshold.shape(0) == vocab_size &&
                alias_word.shape(0) == vocab_size,
            "tables must have a row a word");
    require(window > 0 && negative > 0, "window and negative must be positive");
    require(centres > 0 && centres <= block_size, "centres must be in 1 .. block_size");
    require(pool_sizes.shape(0) == size_t((window + band_width - 1) / band_width), "pool_sizes must have an entry a band");
    for (size_t b = 0; b < pool_sizes.shape(0); ++b)
        require(pool_sizes.data()[b] > 0 && pool_sizes.data()[b] % 8 == 0, "pool sizes must be positive multiples of 8");
    require(sentence_offsets.shape(0) > 0, "sentence_offsets must not be empty");
    size_t num_sentences = sentence_offsets.shape(0) - 1;
    const int64_t *offsets = sentence_offsets.data();
    for (size_t s = 0; s < num_sentences; ++s) require(offsets[s] <= offsets[s + 1], "sentence_offsets must not fall");
    require(offsets[num_sentences] - offsets[0] <= int64_t(word_ids.shape(0)), "sentence_offsets run past word_ids");
    for (size_t k = 0; k < word_ids.shape(0); ++k) require(word_ids.data()[k] >= 0, "word ids must not be negative");

    SkipgramModel model{centre.data(),          context.data(),         int64_t(centre.shape(1)), int32_t(vocab_size),
                        keep_threshold.data(),  alias_threshold.data(), alias_word.data()};
    SkipgramSettings settings{window, negative, pool_sizes.data(), int32_t(pool_sizes.shape(0)), centres};
    Chunk chunk{word_ids.data(), offsets, int64_t(num_sentences), alpha_begin, alpha_end, seed};
    ChunkResult result;
    {
        nb::gil_scoped_release without_gil;
        result = run(target, model, settings, chunk);
    }
    nb::dict out;
    out["words"] = result.words;
    out["kept"] = result.kept;
    out["predictions"] = result.predictions;
    out["loss"] = result.loss;
    return out;
}

} // namespace

void bind_skipgram(nb::module_ &m) {
    m.def("available_targets", &available_targets);
    m.attr("row_alignment") = row_alignment;
    m.attr("block_size") = block_size;
    m.attr("band_width") = band_width;
    m.def("train_skipgram", &train_skipgram, nb::arg("target"), nb::arg("centre").noconvert(), nb::arg("context").noconvert(),
          nb::arg("keep_threshold").noconvert(), nb::arg("alias_threshold").noconvert(), nb::arg("alias_word").noconvert(),
          nb::arg("window"), nb::arg("negative"), nb::arg("pool_sizes").noconvert(), nb::arg("centres"), nb::arg("word_ids").noconvert(),
          nb::arg("sentence_offsets").noconvert(), nb::arg("alpha_begin"), nb::arg("alpha_end"), nb::arg("seed"));
}
