// The Python face of the exact softmax over a linear layer, and its choice of instruction set.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include "bindings.hpp"
#include "linear_softmax.hpp"
#include "targets.hpp"

namespace nb = nanobind;
using namespace vastmax;

namespace {

template <typename T> using Optional = std::optional<T>;

// Calls f with the functions of one instruction set.
template <typename F> void with_target(const std::string &target, const F &f) {
    nb::gil_scoped_release without_gil;
#define VASTMAX_CALL(name) f(name::linear_softmax_forward, name::linear_softmax_backward)
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

LinearScores scores_of(const Matrix<const float> &hidden, const Matrix<const float> &weight,
                       const Optional<Column<const float>> &bias) {
    const int64_t n = int64_t(hidden.shape(0)), V = int64_t(weight.shape(0)), D = int64_t(weight.shape(1));
    require(int64_t(hidden.shape(1)) == D && D >= 1, "hidden and weight differ in width");
    require(V >= 1, "there are no words");
    require(!bias || int64_t(bias->shape(0)) == V, "a bias a word was expected");
    return {hidden.data(), weight.data(), bias ? bias->data() : nullptr, n, V, D};
}

void forward(const std::string &target, Matrix<const float> hidden, Matrix<const float> weight,
             Optional<Column<const float>> bias, Column<float> log_normaliser, int threads) {
    const LinearSoftmaxForward batch{scores_of(hidden, weight, bias), log_normaliser.data()};
    require(int64_t(log_normaliser.shape(0)) == batch.scores.n, "a normaliser an example was expected");
    with_target(target, [&](auto run, auto) { run(batch, threads); });
}

void backward(const std::string &target, Matrix<const float> hidden, Matrix<const float> weight,
              Optional<Column<const float>> bias, Column<const float> log_normaliser, Column<const float> upstream,
              Optional<Matrix<float>> hidden_gradient, Optional<Matrix<float>> weight_gradient,
              Optional<Column<float>> bias_gradient, int threads) {
    const LinearScores scores = scores_of(hidden, weight, bias);
    require(int64_t(log_normaliser.shape(0)) == scores.n && int64_t(upstream.shape(0)) == scores.n,
            "a number an example was expected");
    auto of_shape = [&](const Optional<Matrix<float>> &matrix, int64_t rows) {
        return !matrix || (int64_t(matrix->shape(0)) == rows && int64_t(matrix->shape(1)) == scores.D);
    };
    require(of_shape(hidden_gradient, scores.n) && of_shape(weight_gradient, scores.V) &&
                (!bias_gradient || int64_t(bias_gradient->shape(0)) == scores.V),
            "gradients of the inputs' shapes were expected");
    const LinearSoftmaxBackward batch{scores,
                                      log_normaliser.data(),
                                      upstream.data(),
                                      hidden_gradient ? hidden_gradient->data() : nullptr,
                                      weight_gradient ? weight_gradient->data() : nullptr,
                                      bias_gradient ? bias_gradient->data() : nullptr};
    with_target(target, [&](auto, auto run) { run(batch, threads); });
}

} // namespace

void bind_linear_softmax(nb::module_ &m) {
    m.def("linear_softmax_forward", &forward, nb::arg("target"), nb::arg("hidden").noconvert(),
          nb::arg("weight").noconvert(), nb::arg("bias").noconvert().none(), nb::arg("log_normaliser").noconvert(),
          nb::arg("threads"));
    m.def("linear_softmax_backward", &backward, nb::arg("target"), nb::arg("hidden").noconvert(),
          nb::arg("weight").noconvert(), nb::arg("bias").noconvert().none(), nb::arg("log_normaliser").noconvert(),
          nb::arg("upstream").noconvert(), nb::arg("hidden_gradient").noconvert().none(),
          nb::arg("weight_gradient").noconvert().none(), nb::arg("bias_gradient").noconvert().none(), nb::arg("threads"));
}
