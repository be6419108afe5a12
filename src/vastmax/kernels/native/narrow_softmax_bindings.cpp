// The Python face of the softmax over narrow vectors, and its choice of instruction set.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include "bindings.hpp"
#include "narrow_softmax.hpp"
#include "targets.hpp"

namespace nb = nanobind;
using namespace vastmax;

namespace {

using OptionalBias = std::optional<Column<const float>>;

// Calls f with the functions of one instruction set.
template <typename F> void with_target(const std::string &target, const F &f) {
    nb::gil_scoped_release without_gil;
#define VASTMAX_CALL(name) f(name::narrow_softmax_bound, name::narrow_softmax_forward, name::narrow_softmax_backward)
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

NarrowScores scores_of(Matrix<const float> hidden, Matrix<const float> weight, const OptionalBias &bias) {
    const int64_t n = int64_t(hidden.shape(0)), V = int64_t(weight.shape(0)), D = int64_t(weight.shape(1));
    require(int64_t(hidden.shape(1)) == D, "hidden and weight differ in width");
    require(D >= 1 && D <= narrow_softmax_widest, "the width must be between 1 and narrow_softmax_widest");
    require(V >= 1, "there are no words");
    require(!bias || int64_t(bias->shape(0)) == V, "a bias a word was expected");
    return {hidden.data(), weight.data(), bias ? bias->data() : nullptr, n, V, D};
}

float bound(const std::string &target, Matrix<const float> hidden, Matrix<const float> weight, OptionalBias bias) {
    const NarrowScores scores = scores_of(hidden, weight, bias);
    float result = 0;
    with_target(target, [&](auto run, auto, auto) { result = run(scores); });
    return result;
}

void forward(const std::string &target, Matrix<const float> hidden, Matrix<const float> weight, OptionalBias bias,
             Column<float> log_normaliser, int threads) {
    const NarrowForward batch{scores_of(hidden, weight, bias), log_normaliser.data()};
    require(int64_t(log_normaliser.shape(0)) == batch.scores.n, "a normaliser an example was expected");
    with_target(target, [&](auto, auto run, auto) { run(batch, threads); });
}

void backward(const std::string &target, Matrix<const float> hidden, Matrix<const float> weight, OptionalBias bias,
              Column<const float> log_normaliser, Column<const float> upstream, Matrix<float> hidden_gradient,
              Matrix<float> weight_gradient, std::optional<Column<float>> bias_gradient, int threads) {
    const NarrowScores scores = scores_of(hidden, weight, bias);
    require(int64_t(log_normaliser.shape(0)) == scores.n && int64_t(upstream.shape(0)) == scores.n,
            "a number an example was expected");
    require(hidden_gradient.shape(0) == hidden.shape(0) && hidden_gradient.shape(1) == hidden.shape(1) &&
                weight_gradient.shape(0) == weight.shape(0) && weight_gradient.shape(1) == weight.shape(1),
            "gradients of the inputs' shapes were expected");
    require(bias.has_value() == bias_gradient.has_value() && (!bias || bias_gradient->shape(0) == bias->shape(0)),
            "a gradient of the bias was expected where there is one");
    const NarrowBackward batch{scores,
                               log_normaliser.data(),
                               upstream.data(),
                               hidden_gradient.data(),
                               weight_gradient.data(),
                               bias_gradient ? bias_gradient->data() : nullptr};
    with_target(target, [&](auto, auto, auto run) { run(batch, threads); });
}

} // namespace

void bind_narrow_softmax(nb::module_ &m) {
    m.attr("narrow_softmax_widest") = narrow_softmax_widest;
    m.def("narrow_softmax_bound", &bound, nb::arg("target"), nb::arg("hidden").noconvert(), nb::arg("weight").noconvert(),
          nb::arg("bias").noconvert().none());
    m.def("narrow_softmax_forward", &forward, nb::arg("target"), nb::arg("hidden").noconvert(),
          nb::arg("weight").noconvert(), nb::arg("bias").noconvert().none(), nb::arg("log_normaliser").noconvert(),
          nb::arg("threads"));
    m.def("narrow_softmax_backward", &backward, nb::arg("target"), nb::arg("hidden").noconvert(),
          nb::arg("weight").noconvert(), nb::arg("bias").noconvert().none(), nb::arg("log_normaliser").noconvert(),
          nb::arg("upstream").noconvert(), nb::arg("hidden_gradient").noconvert(), nb::arg("weight_gradient").noconvert(),
          nb::arg("bias_gradient").noconvert().none(), nb::arg("threads"));
}
