// The Python face of the CBOW kernel and the choice of instruction set.
#include "cbow.hpp"
#include "embedding_bindings.hpp"

#include <nanobind/stl/string.h>

using namespace vastmax;

namespace {

ChunkResult run(const std::string &target, const CbowModel &model, const CbowSettings &settings, const Chunk &chunk) {
#ifdef VASTMAX_HAVE_avx512
    if (target == "avx512") return avx512::train_cbow(model, settings, chunk);
#endif
#ifdef VASTMAX_HAVE_avx2
    if (target == "avx2") return avx2::train_cbow(model, settings, chunk);
#endif
    if (target == "baseline") return baseline::train_cbow(model, settings, chunk);
    no_such_target(target);
}

nb::dict train_cbow(const std::string &target, Rows input, Rows output, Table<uint32_t> keep_threshold,
                    Table<uint32_t> alias_threshold, Table<int32_t> alias_word, int window, int negative, int pool_size,
                    int centres, bool sum_gradient, int exclude, Rows nodes, Table<int64_t> path_offsets,
                    Table<int32_t> path_edges, int64_t longest_path, int visits_an_exchange, Table<int32_t> word_ids, Table<int64_t> sentence_offsets,
                    float alpha_begin, float alpha_end, uint64_t seed) {
    check_word_rows(input);
    check_output_rows(input, output, negative);
    require(window > 0 && window <= most_window, "window must be in 1 .. 2^24");
    require(centres > 0 && centres <= most_cbow_centres, "centres must be in 1 .. most_cbow_centres");
    require((pool_size > 0) == (negative > 0) && pool_size % 8 == 0 && pool_size <= most_pool,
            "pool_size must be a positive multiple of 8, at most 2^24, 0 without negative sampling");
    CbowModel model{input.data(), output.data(), int64_t(input.shape(1)), subsampling(input, keep_threshold),
                    noise_law(input, alias_threshold, alias_word),
                    checked_tree(input, nodes, path_offsets, path_edges, longest_path, visits_an_exchange)};
    CbowSettings settings{window, negative, pool_size, centres, sum_gradient, checked_exclude(exclude)};
    Chunk chunk = checked_chunk(word_ids, sentence_offsets, alpha_begin, alpha_end, seed);
    ChunkResult result;
    {
        nb::gil_scoped_release without_gil;
        result = run(target, model, settings, chunk);
    }
    return as_dict(result);
}

} // namespace

void bind_cbow(nb::module_ &m) {
    m.attr("most_cbow_centres") = most_cbow_centres;
    m.def("train_cbow", &train_cbow, nb::arg("target"), nb::arg("input").noconvert(), nb::arg("output").noconvert(),
          nb::arg("keep_threshold").noconvert(), nb::arg("alias_threshold").noconvert(), nb::arg("alias_word").noconvert(),
          nb::arg("window"), nb::arg("negative"), nb::arg("pool_size"), nb::arg("centres"), nb::arg("sum_gradient"),
          nb::arg("exclude"), nb::arg("nodes").noconvert(), nb::arg("path_offsets").noconvert(),
          nb::arg("path_edges").noconvert(), nb::arg("longest_path"), nb::arg("visits_an_exchange"), nb::arg("word_ids").noconvert(), nb::arg("sentence_offsets").noconvert(),
          nb::arg("alpha_begin"), nb::arg("alpha_end"), nb::arg("seed"));
}
