// The Python face of the softmax of a linear layer: the kernel for any width, and the one for narrow vectors.
#include "bindings.hpp"
#include "tasks.hpp"

using namespace vastmax;

namespace {

LinearScores scores_of(const Matrix<const float> &hidden, const Matrix<const float> &weight,
                       const OptionalColumn<const float> &bias, bool narrow) {
    const int64_t n = hidden.length(), V = weight.length(), D = weight.size(1);
    require_shape("hidden", hidden, {n, D});
    require_shape("bias", bias, {V});
    require(V >= 1 && D >= 1, "weight has no words, or words of no numbers");
    require(!narrow || D <= narrow_softmax_widest, "weight is wider than narrow_softmax_widest");
    return {hidden.data(), weight.data(), data_of(bias), n, V, D};
}

void forward(const std::string &target, bool narrow, Matrix<const float> hidden, Matrix<const float> weight,
             OptionalColumn<const float> bias, Column<float> log_normaliser, int threads) {
    const LinearForward batch{scores_of(hidden, weight, bias, narrow), log_normaliser.data()};
    require_shape("log_normaliser", log_normaliser, {batch.scores.n});
    run_kernel(narrow ? VASTMAX_KERNEL(target, narrow_softmax_forward) : VASTMAX_KERNEL(target, linear_softmax_forward),
               batch, threads);
}

void backward(const std::string &target, bool narrow, Matrix<const float> hidden, Matrix<const float> weight,
              OptionalColumn<const float> bias, Column<const float> log_normaliser, Column<const float> upstream,
              OptionalMatrix<float> hidden_gradient, OptionalMatrix<float> weight_gradient,
              OptionalColumn<float> bias_gradient, int threads) {
    const LinearScores scores = scores_of(hidden, weight, bias, narrow);
    require_shape("log_normaliser", log_normaliser, {scores.n});
    require_shape("upstream", upstream, {scores.n});
    require_shape("hidden_gradient", hidden_gradient, {scores.n, scores.D});
    require_shape("weight_gradient", weight_gradient, {scores.V, scores.D});
    require_shape("bias_gradient", bias_gradient, {scores.V});
    require(!narrow || (hidden_gradient && weight_gradient),
            "the narrow kernel leaves out no gradient but that of bias");
    const LinearBackward batch{scores,
                               log_normaliser.data(),
                               upstream.data(),
                               data_of(hidden_gradient),
                               data_of(weight_gradient),
                               data_of(bias_gradient)};
    run_kernel(narrow ? VASTMAX_KERNEL(target, narrow_softmax_backward)
                      : VASTMAX_KERNEL(target, linear_softmax_backward),
               batch, threads);
}

float bound(const std::string &target, Matrix<const float> hidden, Matrix<const float> weight,
            OptionalColumn<const float> bias) {
    return run_kernel(VASTMAX_KERNEL(target, narrow_softmax_bound), scores_of(hidden, weight, bias, true));
}

} // namespace

void bind_softmax(nb::module_ &m) {
    m.attr("narrow_softmax_widest") = narrow_softmax_widest;
    m.def("narrow_softmax_bound", &bound, "target"_a, "hidden"_a, "weight"_a, "bias"_a);
    m.def("softmax_forward", &forward, "target"_a, "narrow"_a, "hidden"_a, "weight"_a, "bias"_a, "log_normaliser"_a,
          "threads"_a);
    m.def("softmax_backward", &backward, "target"_a, "narrow"_a, "hidden"_a, "weight"_a, "bias"_a, "log_normaliser"_a,
          "upstream"_a, "hidden_gradient"_a, "weight_gradient"_a, "bias_gradient"_a, "threads"_a);
}
