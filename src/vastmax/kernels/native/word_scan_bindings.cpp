// The Python face of scans over all words, and its choice of instruction set.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include "bindings.hpp"
#include "targets.hpp"
#include "word_scan.hpp"

namespace nb = nanobind;
using namespace vastmax;

namespace {

// Calls f with the functions of one instruction set.
template <typename F> void with_target(const std::string &target, const F &f) {
    nb::gil_scoped_release without_gil;
#define VASTMAX_CALL(name) f(name::code_rows, name::scan_words)
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

void require_coding(int bits, int64_t V, int64_t D, int64_t codes, int64_t scale, int64_t error, int64_t norm) {
    require(bits == 8 || bits == 4, "codes of 8 or 4 bits were expected");
    const int64_t blocks = num_blocks(V);
    require(codes == blocks * block_bytes(D, bits), "codes of another size were expected");
    require(scale == blocks * 16 && error == blocks * 16, "a scale and an error per row were expected");
    require(norm == blocks, "a norm per block was expected");
}

void code(const std::string &target, Matrix<const float> weight, int bits, Column<int8_t> codes, Column<float> scale,
          Column<float> error, Column<float> norm, int threads) {
    const WordTable table{int64_t(weight.shape(0)), int64_t(weight.shape(1)), weight.data(), nullptr};
    require_coding(bits, table.V, table.D, int64_t(codes.shape(0)), int64_t(scale.shape(0)), int64_t(error.shape(0)), int64_t(norm.shape(0)));
    const RowCoding coding{bits, codes.data(), scale.data(), error.data(), norm.data()};
    with_target(target, [&](auto run, auto) { run(table, coding, threads); });
}

void scan(const std::string &target, Matrix<const float> weight, std::optional<Column<const float>> bias, int bits,
          std::optional<Column<const int8_t>> codes, std::optional<Column<const float>> scale,
          std::optional<Column<const float>> error, std::optional<Column<const float>> padded_bias,
          std::optional<Column<const float>> norm, Matrix<const float> hidden, Matrix<int64_t> word_id, Matrix<float> score,
          std::optional<Column<float>> log_normaliser, std::optional<Column<float>> normaliser_error,
          Column<int64_t> num_scored, Column<int64_t> num_broken, float tolerance, int threads) {
    const int64_t V = int64_t(weight.shape(0)), D = int64_t(weight.shape(1)), N = int64_t(hidden.shape(0)), k = int64_t(word_id.shape(1));
    require(V >= 1 && D >= 1, "at least one word of one number was expected");
    require(int64_t(hidden.shape(1)) == D, "hidden and weight differ in width");
    require(!bias || has_length(*bias, V), "a bias per word was expected");
    require(k >= 1 && k <= V, "k must be between 1 and the number of words");
    require(has_shape(word_id, N, k) && has_shape(score, N, k), "word_id and score must be (N, k)");
    require(has_length(num_scored, N) && has_length(num_broken, N), "num_scored and num_broken must have a number per example");
    require(!log_normaliser == !normaliser_error, "log_normaliser and its error belong together");
    require(!log_normaliser || (has_length(*log_normaliser, N) && has_length(*normaliser_error, N)), "log_normaliser must have a number per example");
    const WordTable table{V, D, weight.data(), data_of(bias)};
    const WordQuery query{N, k, hidden.data(), word_id.data(), score.data(), data_of(log_normaliser), data_of(normaliser_error), num_scored.data(), num_broken.data(), tolerance};
    if (!codes) {
        with_target(target, [&](auto, auto run) { run(table, nullptr, query, threads); });
        return;
    }
    require(scale && error && padded_bias && norm, "codes come with scales, errors, biases and norms");
    require_coding(bits, V, D, int64_t(codes->shape(0)), int64_t(scale->shape(0)), int64_t(error->shape(0)), int64_t(norm->shape(0)));
    require(has_length(*padded_bias, num_blocks(V) * 16), "a bias per row of the blocks was expected");
    const RowCodes coded{bits, codes->data(), scale->data(), error->data(), padded_bias->data(), norm->data()};
    with_target(target, [&](auto, auto run) { run(table, &coded, query, threads); });
}

} // namespace

void bind_word_scan(nb::module_ &m) {
    m.def("code_rows", &code, nb::arg("target"), nb::arg("weight").noconvert(), nb::arg("bits"), nb::arg("codes").noconvert(),
          nb::arg("scale").noconvert(), nb::arg("error").noconvert(), nb::arg("norm").noconvert(), nb::arg("threads"));
    m.def("scan_words", &scan, nb::arg("target"), nb::arg("weight").noconvert(), nb::arg("bias").noconvert().none(),
          nb::arg("bits"), nb::arg("codes").noconvert().none(), nb::arg("scale").noconvert().none(),
          nb::arg("error").noconvert().none(), nb::arg("padded_bias").noconvert().none(), nb::arg("norm").noconvert().none(),
          nb::arg("hidden").noconvert(), nb::arg("word_id").noconvert(), nb::arg("score").noconvert(),
          nb::arg("log_normaliser").noconvert().none(), nb::arg("normaliser_error").noconvert().none(),
          nb::arg("num_scored").noconvert(), nb::arg("num_broken").noconvert(), nb::arg("tolerance"), nb::arg("threads"));
}
