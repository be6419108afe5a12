// The Python face of scans over all words, and its choice of instruction set.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include "bindings.hpp"
#include "listed_scan.hpp"
#include "targets.hpp"
#include "word_scan.hpp"

namespace nb = nanobind;
using namespace vastmax;

namespace {

// Calls f with the functions of one instruction set.
template <typename F> void with_target(const std::string &target, const F &f) {
    nb::gil_scoped_release without_gil;
#define VASTMAX_CALL(name) f(name::code_rows, name::scan_codes, name::scan_rows, name::scan_listed)
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

void require_codes(int bits, int64_t V, int64_t width, int64_t codes, int64_t scale) {
    require(bits == 8 || bits == 4, "codes of 8 or 4 bits were expected");
    require(codes == num_blocks(V) * block_bytes(width, bits), "codes of another size were expected");
    require(scale == num_blocks(V) * 16, "a scale per row was expected");
}

void code(const std::string &target, Matrix<const float> weight, int bits, Column<int8_t> codes, Column<float> scale,
          Column<float> error, Column<float> norm, std::optional<Matrix<float>> residual, int threads) {
    const WordTable table{int64_t(weight.shape(0)), int64_t(weight.shape(1)), weight.data(), nullptr};
    require_codes(bits, table.V, table.D, int64_t(codes.shape(0)), int64_t(scale.shape(0)));
    require(error.shape(0) == scale.shape(0) && norm.shape(0) == scale.shape(0), "an error and a norm per row were expected");
    require(!residual || has_shape(*residual, table.V, table.D), "residual must be shaped as weight");
    const RowCoding coding{bits, codes.data(), scale.data(), error.data(), norm.data(), data_of(residual)};
    with_target(target, [&](auto run, auto, auto, auto) { run(table, coding, threads); });
}

// What both scans over all words are asked.
WordQuery query_of(const WordTable &table, Matrix<const float> hidden, Matrix<int64_t> word_id, Matrix<float> score,
                   std::optional<Column<float>> log_normaliser, std::optional<Column<float>> normaliser_error,
                   Column<int64_t> num_scored, Column<int64_t> num_broken) {
    const int64_t N = int64_t(hidden.shape(0)), k = int64_t(word_id.shape(1));
    require(table.V >= 1 && table.D >= 1, "at least one word of one number was expected");
    require(int64_t(hidden.shape(1)) == table.D, "hidden and weight differ in width");
    require(k >= 1 && k <= table.V, "k must be between 1 and the number of words");
    require(has_shape(word_id, N, k) && has_shape(score, N, k), "word_id and score must be (N, k)");
    require(has_length(num_scored, N) && has_length(num_broken, N), "num_scored and num_broken must have a number per example");
    require(!log_normaliser == !normaliser_error, "log_normaliser and its error belong together");
    require(!log_normaliser || (has_length(*log_normaliser, N) && has_length(*normaliser_error, N)), "log_normaliser must have a number per example");
    return {N, k, hidden.data(), word_id.data(), score.data(), data_of(log_normaliser), data_of(normaliser_error), num_scored.data(), num_broken.data()};
}

WordTable table_of(Matrix<const float> weight, std::optional<Column<const float>> bias) {
    require(!bias || has_length(*bias, int64_t(weight.shape(0))), "a bias per word was expected");
    return {int64_t(weight.shape(0)), int64_t(weight.shape(1)), weight.data(), data_of(bias)};
}

void scan_rows(const std::string &target, Matrix<const float> weight, std::optional<Column<const float>> bias,
               Matrix<const float> hidden, Matrix<int64_t> word_id, Matrix<float> score, std::optional<Column<float>> log_normaliser,
               std::optional<Column<float>> normaliser_error, Column<int64_t> num_scored, Column<int64_t> num_broken, int threads) {
    const WordTable table = table_of(weight, bias);
    const WordQuery query = query_of(table, hidden, word_id, score, log_normaliser, normaliser_error, num_scored, num_broken);
    with_target(target, [&](auto, auto, auto run, auto) { run(table, query, threads); });
}

void scan_codes(const std::string &target, Matrix<const float> weight, std::optional<Column<const float>> bias, int first_bits,
                int64_t first_width, Column<const int8_t> first_codes, Column<const float> first_scale, Column<const float> first_error,
                Column<const float> variance, Column<const float> first_spread, Column<const int8_t> second_codes, Column<const float> second_scale,
                Column<const float> second_error, Column<const float> second_spread, Column<const float> padded_bias,
                Column<const float> norm, float balance, float slack, Matrix<const float> turned, Column<const float> spread,
                Column<const int64_t> likely, float tolerance, Matrix<const float> hidden, Matrix<int64_t> word_id, Matrix<float> score,
                std::optional<Column<float>> log_normaliser, std::optional<Column<float>> normaliser_error,
                Column<int64_t> num_scored, Column<int64_t> num_broken, int threads) {
    const WordTable table = table_of(weight, bias);
    const WordQuery query = query_of(table, hidden, word_id, score, log_normaliser, normaliser_error, num_scored, num_broken);
    const int64_t blocks = num_blocks(table.V), rows = blocks * 16, second_width = second_scale.shape(0) ? table.D : 0;
    require(first_width >= 1 && first_width <= table.D, "the first part must have at least one column, and at most all");
    require(second_width || first_width == table.D, "second codes were expected, since the first ones lack columns");
    require_codes(first_bits, table.V, first_width, int64_t(first_codes.shape(0)), int64_t(first_scale.shape(0)));
    if (second_width) require_codes(8, table.V, second_width, int64_t(second_codes.shape(0)), int64_t(second_scale.shape(0)));
    const int64_t second_rows = second_width ? rows : 0, second_blocks = second_width ? blocks : 0;
    require(has_length(second_error, second_rows) && has_length(second_spread, second_blocks), "an error per row and a spread per block of the second codes were expected");
    require(has_length(first_error, rows) && has_length(variance, rows) && has_length(padded_bias, rows), "errors and a bias per row of the blocks were expected");
    require(has_length(norm, blocks) && has_length(first_spread, blocks), "a norm and a spread per block were expected");
    require(has_shape(turned, query.N, table.D) && has_length(spread, query.N), "turned must be shaped as hidden, and have a spread per example");
    require(all_below(likely.data(), int64_t(likely.shape(0)), table.V), "a likely word is not there");
    const CodedTable coded{{first_width, first_bits, first_codes.data(), first_scale.data()},
                           {second_width, 8, second_codes.data(), second_scale.data()},
                           padded_bias.data(), first_error.data(), second_error.data(), variance.data(), norm.data(),
                           first_spread.data(), second_spread.data(), balance, slack};
    const CodedQuery aids{turned.data(), spread.data(), likely.data(), int64_t(likely.shape(0)), tolerance};
    with_target(target, [&](auto, auto run, auto, auto) { run(table, coded, query, aids, threads); });
}

void scan_listed(const std::string &target, Matrix<const float> weight, std::optional<Column<const float>> bias,
                 Column<const int64_t> offsets, Column<const int32_t> words, bool disjoint, Matrix<const float> hidden,
                 Matrix<const int32_t> chosen, Matrix<int64_t> word_id, Matrix<float> score, Column<float> log_sum,
                 Column<int64_t> num_scored, int threads) {
    const int64_t V = int64_t(weight.shape(0)), D = int64_t(weight.shape(1)), N = int64_t(hidden.shape(0)), k = int64_t(word_id.shape(1));
    const int64_t num_lists = int64_t(offsets.shape(0)) - 1, num_chosen = int64_t(chosen.shape(1));
    require(V >= 1 && D >= 1 && k >= 1, "at least one word of one number, and k of at least 1, were expected");
    require(int64_t(hidden.shape(1)) == D, "hidden and weight differ in width");
    require(!bias || has_length(*bias, V), "a bias per word was expected");
    require(has_shape(chosen, N, num_chosen), "chosen must have a row per example");
    require(has_shape(word_id, N, k) && has_shape(score, N, k), "word_id and score must be (N, k)");
    require(has_length(log_sum, N) && has_length(num_scored, N), "log_sum and num_scored must have a number per example");
    require(is_partition(offsets.data(), num_lists + 1, int64_t(words.shape(0))), "offsets must rise from 0 to the number of words");
    for (int64_t i = 0; i < N * num_chosen; ++i) {
        const int64_t list = chosen.data()[i];
        if (list < 0) continue;
        require(list < num_lists, "a list is chosen that is not there");
        const int64_t begin = offsets.data()[list], end = offsets.data()[list + 1];
        require(all_below(words.data() + begin, end - begin, V), "a list holds a word that is not there");
    }
    const WordTable table{V, D, weight.data(), data_of(bias)};
    const WordLists lists{num_lists, offsets.data(), words.data(), disjoint};
    const ListedQuery query{N, k, num_chosen, hidden.data(), chosen.data(), word_id.data(), score.data(), log_sum.data(), num_scored.data()};
    with_target(target, [&](auto, auto, auto, auto run) { run(table, lists, query, threads); });
}

} // namespace

void bind_word_scan(nb::module_ &m) {
    m.def("code_rows", &code, nb::arg("target"), nb::arg("weight").noconvert(), nb::arg("bits"), nb::arg("codes").noconvert(),
          nb::arg("scale").noconvert(), nb::arg("error").noconvert(), nb::arg("norm").noconvert(), nb::arg("residual").noconvert().none(), nb::arg("threads"));
    m.def("scan_listed", &scan_listed, nb::arg("target"), nb::arg("weight").noconvert(), nb::arg("bias").noconvert().none(),
          nb::arg("offsets").noconvert(), nb::arg("words").noconvert(), nb::arg("disjoint"), nb::arg("hidden").noconvert(),
          nb::arg("chosen").noconvert(), nb::arg("word_id").noconvert(), nb::arg("score").noconvert(),
          nb::arg("log_sum").noconvert(), nb::arg("num_scored").noconvert(), nb::arg("threads"));
    m.def("scan_rows", &scan_rows, nb::arg("target"), nb::arg("weight").noconvert(), nb::arg("bias").noconvert().none(),
          nb::arg("hidden").noconvert(), nb::arg("word_id").noconvert(), nb::arg("score").noconvert(),
          nb::arg("log_normaliser").noconvert().none(), nb::arg("normaliser_error").noconvert().none(),
          nb::arg("num_scored").noconvert(), nb::arg("num_broken").noconvert(), nb::arg("threads"));
    m.def("scan_codes", &scan_codes, nb::arg("target"), nb::arg("weight").noconvert(), nb::arg("bias").noconvert().none(),
          nb::arg("first_bits"), nb::arg("first_width"), nb::arg("first_codes").noconvert(), nb::arg("first_scale").noconvert(),
          nb::arg("first_error").noconvert(), nb::arg("variance").noconvert(), nb::arg("first_spread").noconvert(), nb::arg("second_codes").noconvert(),
          nb::arg("second_scale").noconvert(), nb::arg("second_error").noconvert(), nb::arg("second_spread").noconvert(),
          nb::arg("padded_bias").noconvert(), nb::arg("norm").noconvert(), nb::arg("balance"), nb::arg("slack"), nb::arg("turned").noconvert(),
          nb::arg("spread").noconvert(), nb::arg("likely").noconvert(), nb::arg("tolerance"),
          nb::arg("hidden").noconvert(), nb::arg("word_id").noconvert(), nb::arg("score").noconvert(),
          nb::arg("log_normaliser").noconvert().none(), nb::arg("normaliser_error").noconvert().none(),
          nb::arg("num_scored").noconvert(), nb::arg("num_broken").noconvert(), nb::arg("threads"));
}
