// The Python face of the skip-gram kernel and the choice of instruction set.
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "embedding_bindings.hpp"
#include "skipgram.hpp"

using namespace vastmax;

namespace {

ChunkResult run(const std::string &target, const SkipgramModel &model, const SkipgramSettings &settings, const Chunk &chunk) {
#ifdef VASTMAX_HAVE_avx512
    if (target == "avx512") return avx512::train_skipgram(model, settings, chunk);
#endif
#ifdef VASTMAX_HAVE_avx2
    if (target == "avx2") return avx2::train_skipgram(model, settings, chunk);
#endif
    if (target == "baseline") return baseline::train_skipgram(model, settings, chunk);
    no_such_target(target);
}

nb::dict train_skipgram(const std::string &target, Rows centre, Rows context, Table<uint32_t> keep_threshold,
                        Table<uint32_t> alias_threshold, Table<int32_t> alias_word, int window, int negative, Table<int32_t> pool_sizes, int centres, int exclude,
                        Rows nodes, Table<int64_t> path_offsets, Table<int32_t> path_edges, int64_t longest_path, int visits_an_exchange,
                        Table<int32_t> word_ids, Table<int64_t> sentence_offsets, float alpha_begin, float alpha_end,
                        uint64_t seed) {
    check_word_rows(centre);
    check_output_rows(centre, context, negative);
    require(window > 0 && window <= most_window, "window must be in 1 .. 2^24");
    require(centres > 0 && centres <= block_size, "centres must be in 1 .. block_size");
    require(pool_sizes.shape(0) == (negative > 0 ? size_t((window + band_width - 1) / band_width) : 0),
            "pool_sizes must have an entry a band, none without negative sampling");
    for (size_t b = 0; b < pool_sizes.shape(0); ++b)
        require(pool_sizes.data()[b] > 0 && pool_sizes.data()[b] % 8 == 0 && pool_sizes.data()[b] <= most_pool,
                "pool sizes must be positive multiples of 8, at most 2^24");
    SkipgramModel model{centre.data(), context.data(), int64_t(centre.shape(1)), subsampling(centre, keep_threshold),
                        noise_law(centre, alias_threshold, alias_word),
                        checked_tree(centre, nodes, path_offsets, path_edges, longest_path, visits_an_exchange)};
    SkipgramSettings settings{window, negative, pool_sizes.data(), int32_t(pool_sizes.shape(0)), centres,
                              checked_exclude(exclude)};
    Chunk chunk = checked_chunk(word_ids, sentence_offsets, alpha_begin, alpha_end, seed);
    ChunkResult result;
    {
        nb::gil_scoped_release without_gil;
        result = run(target, model, settings, chunk);
    }
    return as_dict(result);
}

} // namespace

void bind_skipgram(nb::module_ &m) {
    m.def("available_targets", &available_targets);
    m.attr("row_alignment") = row_alignment;
    m.attr("block_size") = block_size;
    m.attr("band_width") = band_width;
    m.def("train_skipgram", &train_skipgram, nb::arg("target"), nb::arg("centre").noconvert(), nb::arg("context").noconvert(),
          nb::arg("keep_threshold").noconvert(), nb::arg("alias_threshold").noconvert(), nb::arg("alias_word").noconvert(),
          nb::arg("window"), nb::arg("negative"), nb::arg("pool_sizes").noconvert(), nb::arg("centres"), nb::arg("exclude"),
          nb::arg("nodes").noconvert(), nb::arg("path_offsets").noconvert(), nb::arg("path_edges").noconvert(),
          nb::arg("longest_path"), nb::arg("visits_an_exchange"), nb::arg("word_ids").noconvert(),
          nb::arg("sentence_offsets").noconvert(), nb::arg("alpha_begin"), nb::arg("alpha_end"), nb::arg("seed"));
}
