// The Python face of the kernels that look for patterns in spellings.
#include "bindings.hpp"
#include "tasks.hpp"

using namespace vastmax;

namespace {

Patterns patterns_of(const Column<const int32_t> &widths, int64_t widest, int64_t num_symbols) {
    const int64_t F = widths.length();
    require(F >= 1, "there are no patterns");
    require(std::all_of(widths.data(), widths.data() + F, [&](int32_t width) { return width >= 1 && width <= widest; }),
            "a pattern's width is out of range");
    return {widths.data(), F, widest, num_symbols};
}

SpelledWords words_of(const Column<const int16_t> &symbols, const Column<const int64_t> &offsets,
                      const Column<const int64_t> &word_ids, int64_t nothing, const Patterns &patterns) {
    const int64_t U = word_ids.length(), V = offsets.length() - 1, total = symbols.length();
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
             OptionalMatrix<int32_t> place, int threads) {
    const Patterns patterns = patterns_of(widths, table.size(1), table.size(0));
    const SpelledWords words = words_of(symbols, offsets, word_ids, nothing, patterns);
    require_shape("table", table, {patterns.num_symbols, patterns.widest, patterns.F});
    require_shape("fit", fit, {words.U, patterns.F});
    require_shape("place", place, {words.U, patterns.F});
    const PatternFitForward batch{words, patterns, table.data(), fit.data(), data_of(place)};
    run_kernel(VASTMAX_KERNEL(target, pattern_fit_forward), batch, threads);
}

void backward(const std::string &target, Column<const int16_t> symbols, Column<const int64_t> offsets, int64_t nothing,
              Column<const int64_t> word_ids, Column<const int32_t> widths, Matrix<const int32_t> place,
              Matrix<const float> upstream, Cube<float> table_gradient, int threads) {
    const Patterns patterns = patterns_of(widths, table_gradient.size(1), table_gradient.size(2));
    const SpelledWords words = words_of(symbols, offsets, word_ids, nothing, patterns);
    require_shape("table_gradient", table_gradient, {patterns.F, patterns.widest, patterns.num_symbols});
    require_shape("place", place, {words.U, patterns.F});
    require_shape("upstream", upstream, {words.U, patterns.F});
    for (int64_t u = 0; u < words.U; ++u) {
        const int64_t length = words.offsets[words.word_ids[u] + 1] - words.offsets[words.word_ids[u]];
        require(all_below(place.data() + u * patterns.F, patterns.F, length), "a place is out of its word");
    }
    const PatternFitBackward batch{words, patterns, place.data(), upstream.data(), table_gradient.data()};
    run_kernel(VASTMAX_KERNEL(target, pattern_fit_backward), batch, threads);
}

} // namespace

void bind_pattern_fit(nb::module_ &m) {
    m.def("pattern_fit_forward", &forward, "target"_a, "symbols"_a, "offsets"_a, "nothing"_a, "word_ids"_a, "widths"_a,
          "table"_a, "fit"_a, "place"_a, "threads"_a);
    m.def("pattern_fit_backward", &backward, "target"_a, "symbols"_a, "offsets"_a, "nothing"_a, "word_ids"_a,
          "widths"_a, "place"_a, "upstream"_a, "table_gradient"_a, "threads"_a);
}
