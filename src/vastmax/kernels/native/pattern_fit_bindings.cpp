// The Python face of the kernels that look for patterns in spellings, and their choice of instruction set.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <string>

#include "bindings.hpp"
#include "pattern_fit.hpp"
#include "targets.hpp"

namespace nb = nanobind;
using namespace vastmax;

namespace {

template <typename T> using Cube = nb::ndarray<T, nb::ndim<3>, nb::c_contig, nb::device::cpu>;

// Calls f with the functions of one instruction set.
template <typename F> void with_target(const std::string &target, const F &f) {
    nb::gil_scoped_release without_gil;
#define VASTMAX_CALL(name) f(name::pattern_fit_forward, name::pattern_fit_backward)
#ifdef VASTMAX_HAVE_avx512
    if (target == "avx512") return VASTMAX_CALL(avx512);
#endif
#ifdef VASTMAX_HAVE_avx2
    if (target == "avx2") return VASTMAX_CALL(avx2);
#endif
    if (target == "baseline") return VASTMAX_CALL(baseline);
    throw std::invalid_argument("kernel target '" + target + "' is not compiled in");
#undef VASTMAX_CALL
}

Patterns patterns_of(const Column<const int32_t> &widths, int64_t widest, int64_t num_symbols) {
    const int64_t F = int64_t(widths.shape(0));
    require(F >= 1, "there are no patterns");
    require(std::all_of(widths.data(), widths.data() + F, [&](int32_t width) { return width >= 1 && width <= widest; }),
            "a pattern's width is out of range");
    return {widths.data(), F, widest, num_symbols};
}

SpelledWords words_of(const Column<const int16_t> &symbols, const Column<const int64_t> &offsets,
                      const Column<const int64_t> &word_ids, int64_t nothing, const Patterns &patterns) {
    const int64_t U = int64_t(word_ids.shape(0)), V = int64_t(offsets.shape(0)) - 1, total = int64_t(symbols.shape(0));
    require(patterns.num_symbols <= INT16_MAX, "symbols are 16 bits wide");
    auto is_symbol = [&](int64_t symbol) { return symbol >= 0 && symbol < patterns.num_symbols; };
    require(is_symbol(nothing), "a symbol is out of range");
    for (int64_t u = 0; u < U; ++u) {
        const int64_t w = word_ids.data()[u];
        require(w >= 0 && w < V, "a word id is out of range");
        const int64_t begin = offsets.data()[w], end = offsets.data()[w + 1];
        require(begin >= 0 && begin < end && end <= total, "a word's symbols are out of range");
        require(std::all_of(symbols.data() + begin, symbols.data() + end, is_symbol), "a symbol is out of range");
    }
    return {symbols.data(), offsets.data(), word_ids.data(), U, int16_t(nothing)};
}

void forward(const std::string &target, Column<const int16_t> symbols, Column<const int64_t> offsets, int64_t nothing,
             Column<const int64_t> word_ids, Column<const int32_t> widths, Cube<const float> table, Matrix<float> fit,
             std::optional<Matrix<int32_t>> place, int threads) {
    const Patterns patterns = patterns_of(widths, int64_t(table.shape(1)), int64_t(table.shape(0)));
    const SpelledWords words = words_of(symbols, offsets, word_ids, nothing, patterns);
    require(int64_t(table.shape(2)) == patterns.F, "a column of the table for each pattern was expected");
    require(has_shape(fit, words.U, patterns.F) && (!place || has_shape(*place, words.U, patterns.F)),
            "room for each pattern in each word was expected");
    const PatternFitForward batch{words, patterns, table.data(), fit.data(), data_of(place)};
    with_target(target, [&](auto run, auto) { run(batch, threads); });
}

void backward(const std::string &target, Column<const int16_t> symbols, Column<const int64_t> offsets, int64_t nothing,
              Column<const int64_t> word_ids, Column<const int32_t> widths, Matrix<const int32_t> place,
              Matrix<const float> upstream, Cube<float> table_gradient, int threads) {
    const Patterns patterns = patterns_of(widths, int64_t(table_gradient.shape(1)), int64_t(table_gradient.shape(2)));
    const SpelledWords words = words_of(symbols, offsets, word_ids, nothing, patterns);
    require(int64_t(table_gradient.shape(0)) == patterns.F, "a gradient for each pattern was expected");
    require(has_shape(place, words.U, patterns.F) && has_shape(upstream, words.U, patterns.F),
            "a number for each pattern in each word was expected");
    for (int64_t u = 0; u < words.U; ++u) {
        const int64_t length = words.offsets[words.word_ids[u] + 1] - words.offsets[words.word_ids[u]];
        const int32_t *own = place.data() + u * patterns.F;
        bool inside = true;
        for (int64_t f = 0; f < patterns.F; ++f) inside &= own[f] >= 0 && own[f] < length;
        require(inside, "a place is out of its word");
    }
    const PatternFitBackward batch{words, patterns, place.data(), upstream.data(), table_gradient.data()};
    with_target(target, [&](auto, auto run) { run(batch, threads); });
}

} // namespace

void bind_pattern_fit(nb::module_ &m) {
    m.def("pattern_fit_forward", &forward, nb::arg("target"), nb::arg("symbols").noconvert(),
          nb::arg("offsets").noconvert(), nb::arg("nothing"), nb::arg("word_ids").noconvert(),
          nb::arg("widths").noconvert(), nb::arg("table").noconvert(), nb::arg("fit").noconvert(),
          nb::arg("place").noconvert().none(), nb::arg("threads"));
    m.def("pattern_fit_backward", &backward, nb::arg("target"), nb::arg("symbols").noconvert(),
          nb::arg("offsets").noconvert(), nb::arg("nothing"), nb::arg("word_ids").noconvert(),
          nb::arg("widths").noconvert(), nb::arg("place").noconvert(), nb::arg("upstream").noconvert(),
          nb::arg("table_gradient").noconvert(), nb::arg("threads"));
}
