// The Python face of scores of rows of an example's own, and its choice of instruction set.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <algorithm>

#include "bindings.hpp"
#include "row_scores.hpp"
#include "targets.hpp"

namespace nb = nanobind;
using namespace vastmax;

namespace {

// Calls f with the functions of one instruction set.
template <typename F> void with_target(const std::string &target, const F &f) {
    nb::gil_scoped_release without_gil;
#define VASTMAX_CALL(name) f(name::row_scores_forward, name::row_scores_backward)
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

RowScores scores_of(Matrix<const float> hidden, Matrix<const float> weight,
                    const std::optional<Column<const float>> &bias, Matrix<const int64_t> position) {
    const int64_t N = int64_t(hidden.shape(0)), D = int64_t(hidden.shape(1)), U = int64_t(weight.shape(0));
    require(int64_t(weight.shape(1)) == D, "hidden and weight differ in width");
    require(!bias || has_length(*bias, U), "a bias a row was expected");
    require(int64_t(position.shape(0)) == N, "positions of each example were expected");
    const int64_t *first = position.data(), *last = first + position.size();
    require(std::all_of(first, last, [U](int64_t u) { return u >= 0 && u < U; }), "a position is out of range");
    return {N, int64_t(position.shape(1)), U, D, hidden.data(), weight.data(), data_of(bias), first};
}

void forward(const std::string &target, Matrix<const float> hidden, Matrix<const float> weight,
             std::optional<Column<const float>> bias, Matrix<const int64_t> position, Matrix<float> score, int threads) {
    const RowScores scores = scores_of(hidden, weight, bias, position);
    require(has_shape(score, scores.N, scores.K), "score must have the shape of position");
    with_target(target, [&](auto run, auto) { run(scores, score.data(), threads); });
}

void backward(const std::string &target, Matrix<const float> hidden, Matrix<const float> weight,
              Matrix<const int64_t> position, Matrix<const float> upstream, std::optional<Matrix<float>> hidden_gradient,
              std::optional<Matrix<float>> weight_gradient, std::optional<Column<float>> bias_gradient, int threads) {
    const RowScores scores = scores_of(hidden, weight, std::nullopt, position);
    require(has_shape(upstream, scores.N, scores.K), "upstream must have the shape of position");
    require(!hidden_gradient || has_shape(*hidden_gradient, scores.N, scores.D), "hidden_gradient must have the shape of hidden");
    require(!weight_gradient || has_shape(*weight_gradient, scores.U, scores.D), "weight_gradient must have the shape of weight");
    require(!bias_gradient || has_length(*bias_gradient, scores.U), "bias_gradient must have a number a row");
    const RowScoresBackward batch{scores, upstream.data(), data_of(hidden_gradient), data_of(weight_gradient), data_of(bias_gradient)};
    with_target(target, [&](auto, auto run) { run(batch, threads); });
}

} // namespace

void bind_row_scores(nb::module_ &m) {
    m.def("row_scores_forward", &forward, nb::arg("target"), nb::arg("hidden").noconvert(), nb::arg("weight").noconvert(),
          nb::arg("bias").noconvert().none(), nb::arg("position").noconvert(), nb::arg("score").noconvert(),
          nb::arg("threads"));
    m.def("row_scores_backward", &backward, nb::arg("target"), nb::arg("hidden").noconvert(),
          nb::arg("weight").noconvert(), nb::arg("position").noconvert(), nb::arg("upstream").noconvert(),
          nb::arg("hidden_gradient").noconvert().none(), nb::arg("weight_gradient").noconvert().none(),
          nb::arg("bias_gradient").noconvert().none(), nb::arg("threads"));
}
