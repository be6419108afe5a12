// The Python face of the step against shared noise: its plan, and its choice of instruction set.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "bindings.hpp"
#include "noise_loss.hpp"
#include "targets.hpp"

namespace nb = nanobind;
using namespace vastmax;

namespace {

template <typename T> using OptionalColumn = std::optional<Column<T>>;

// Calls f with the functions of one instruction set.
template <typename F> auto with_target(const std::string &target, const F &f) {
#define VASTMAX_CALL(name) f(name::noise_slope_step, name::noise_loss_forward, name::noise_loss_backward)
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

// Merges the noise, ascending, with the targets. Every word id is checked here, so that the kernels may trust them.
NoisePlan merge(const int64_t *noise, int64_t K, const int64_t *target, int64_t N, int64_t vocab_size) {
    require(N <= std::numeric_limits<int32_t>::max() && K <= std::numeric_limits<int32_t>::max(), "too many examples");
    std::vector<std::pair<int64_t, int32_t>> targets(static_cast<size_t>(N));
    for (int64_t n = 0; n < N; ++n) {
        require(target[n] >= 0 && target[n] < vocab_size, "a target is out of range");
        targets[size_t(n)] = {target[n], int32_t(n)};
    }
    std::sort(targets.begin(), targets.end());
    NoisePlan plan;
    plan.rows.reserve(size_t(N + K));
    plan.noise_of_row.reserve(size_t(N + K));
    plan.noise_place.resize(size_t(K));
    plan.noise_of_target.resize(size_t(N));
    plan.example_offsets.assign(1, 0);
    plan.example_offsets.reserve(size_t(N + K + 1));
    plan.examples.resize(size_t(N));
    int64_t i = 0, k = 0;
    while (i < N || k < K) {
        const bool from_noise = k < K && (i == N || noise[k] <= targets[size_t(i)].first);
        const int64_t word = from_noise ? noise[k] : targets[size_t(i)].first;
        require(word >= 0 && word < vocab_size, "a noise word is out of range");
        require(plan.rows.empty() || word > plan.rows.back(), "noise words must be ascending and distinct");
        const int32_t which = from_noise ? int32_t(k) : -1;
        if (from_noise) plan.noise_place[size_t(k++)] = int64_t(plan.rows.size());
        for (; i < N && targets[size_t(i)].first == word; ++i) {
            plan.examples[size_t(i)] = targets[size_t(i)].second;
            plan.noise_of_target[size_t(targets[size_t(i)].second)] = which;
        }
        plan.rows.push_back(word);
        plan.noise_of_row.push_back(which);
        plan.example_offsets.push_back(i);
    }
    return plan;
}

NoisePlan make_plan(Column<const int64_t> noise, Column<const int64_t> target, int64_t vocab_size) {
    nb::gil_scoped_release without_gil;
    return merge(noise.data(), int64_t(noise.shape(0)), target.data(), int64_t(target.shape(0)), vocab_size);
}

// Whether the kernels may trust these ids, since the plan was made of them.
bool is_plan_of(const NoisePlan &plan, const Column<const int64_t> &noise, const Column<const int64_t> &target, int64_t V) {
    if (plan.noise_place.size() != noise.shape(0) || plan.examples.size() != target.shape(0)) return false;
    bool same = plan.rows.empty() || plan.rows.back() < V;
    for (size_t k = 0; k < plan.noise_place.size(); ++k) same &= noise.data()[k] == plan.rows[size_t(plan.noise_place[k])];
    for (size_t u = 0; u < plan.rows.size(); ++u)
        for (int64_t i = plan.example_offsets[u]; i < plan.example_offsets[u + 1]; ++i)
            same &= target.data()[plan.examples[size_t(i)]] == plan.rows[u];
    return same;
}

int64_t slope_step(const std::string &target, int64_t num_noise) {
    require(num_noise >= 0 && num_noise <= std::numeric_limits<int32_t>::max(), "num_noise is out of range");
    return with_target(target, [&](auto step, auto, auto) { return step(num_noise); });
}

void forward(const std::string &target, const NoisePlan &plan, bool softmax, bool mask, Matrix<const float> hidden,
             Matrix<const float> weight, OptionalColumn<const float> bias, Column<const int64_t> noise_ids,
             Column<const int64_t> target_ids, OptionalColumn<const float> noise_shift,
             OptionalColumn<const float> target_shift, OptionalColumn<const float> multiplicity, Column<float> loss,
             Matrix<float> slope, Column<float> row_scale, Column<float> target_slope,
             std::optional<Matrix<float>> hidden_slope, int threads) {
    const int64_t N = int64_t(hidden.shape(0)), D = int64_t(hidden.shape(1)), V = int64_t(weight.shape(0));
    const int64_t K = int64_t(noise_ids.shape(0));
    require(int64_t(weight.shape(1)) == D && D >= 1, "hidden and weight differ in width");
    require(!bias || has_length(*bias, V), "a bias a word was expected");
    require(has_length(target_ids, N), "a target an example was expected");
    require(is_plan_of(plan, noise_ids, target_ids, V), "the plan is of another batch");
    require(!noise_shift || has_length(*noise_shift, K), "a shift a noise word was expected");
    require(!multiplicity || has_length(*multiplicity, K), "a multiplicity a noise word was expected");
    require(!target_shift || has_length(*target_shift, N), "a shift a target was expected");
    require(has_length(loss, N) && has_length(row_scale, N) && has_length(target_slope, N),
            "results must have a number an example");
    require(!hidden_slope || has_shape(*hidden_slope, N, D), "hidden_slope must have the shape of hidden");
    NoiseForward step{softmax ? NoiseLossKind::softmax : NoiseLossKind::logistic,
                      N,
                      D,
                      K,
                      0,
                      hidden.data(),
                      weight.data(),
                      data_of(bias),
                      noise_ids.data(),
                      target_ids.data(),
                      data_of(noise_shift),
                      data_of(target_shift),
                      data_of(multiplicity),
                      mask ? plan.noise_of_target.data() : nullptr,
                      loss.data(),
                      slope.data(),
                      row_scale.data(),
                      target_slope.data(),
                      hidden_slope ? hidden_slope->data() : nullptr};
    with_target(target, [&](auto step_of, auto run, auto) {
        step.slope_step = step_of(K);
        require(has_shape(slope, N, step.slope_step), "slope must be (N, noise_slope_step)");
        nb::gil_scoped_release without_gil;
        run(step, threads);
    });
}

void backward(const std::string &target, const NoisePlan &plan, Matrix<const float> hidden, Matrix<const float> slope,
              Column<const float> row_scale, Column<const float> target_slope,
              std::optional<Matrix<const float>> hidden_slope, Column<const float> upstream,
              std::optional<Matrix<float>> hidden_gradient, Matrix<float> weight_gradient,
              OptionalColumn<float> bias_gradient, int threads) {
    const int64_t N = int64_t(hidden.shape(0)), D = int64_t(hidden.shape(1)), U = int64_t(plan.rows.size());
    const int64_t K = int64_t(plan.noise_place.size());
    require(D >= 1 && plan.examples.size() == size_t(N), "the plan is of another batch");
    require(has_length(row_scale, N) && has_length(target_slope, N) && has_length(upstream, N),
            "a number an example was expected");
    require(!hidden_gradient || (hidden_slope && has_shape(*hidden_slope, N, D) && has_shape(*hidden_gradient, N, D)),
            "the gradient of hidden wants hidden_slope, both of the shape of hidden");
    require(has_shape(weight_gradient, U, D), "the gradient of the weight must have a row for each of plan.rows");
    require(!bias_gradient || has_length(*bias_gradient, U), "the gradient of the bias must have one for each of plan.rows");
    NoiseBackward step{N,
                       D,
                       K,
                       0,
                       hidden.data(),
                       slope.data(),
                       row_scale.data(),
                       target_slope.data(),
                       hidden_gradient ? hidden_slope->data() : nullptr,
                       upstream.data(),
                       &plan,
                       hidden_gradient ? hidden_gradient->data() : nullptr,
                       weight_gradient.data(),
                       data_of(bias_gradient)};
    with_target(target, [&](auto step_of, auto, auto run) {
        step.slope_step = step_of(K);
        require(has_shape(slope, N, step.slope_step), "slope must be (N, noise_slope_step)");
        nb::gil_scoped_release without_gil;
        run(step, threads);
    });
}

} // namespace

void bind_noise_loss(nb::module_ &m) {
    nb::class_<NoisePlan>(m, "NoisePlan").def_prop_ro("rows", [](nb::handle_t<NoisePlan> self) {
        const NoisePlan &plan = nb::cast<const NoisePlan &>(self);
        return nb::ndarray<nb::numpy, const int64_t, nb::ndim<1>>(plan.rows.data(), {plan.rows.size()}, self);
    });
    m.def("noise_plan", &make_plan, nb::arg("noise_ids").noconvert(), nb::arg("target_ids").noconvert(),
          nb::arg("vocab_size"));
    m.def("noise_slope_step", &slope_step, nb::arg("target"), nb::arg("num_noise"));
    m.def("noise_loss_forward", &forward, nb::arg("target"), nb::arg("plan"), nb::arg("softmax"), nb::arg("mask"),
          nb::arg("hidden").noconvert(), nb::arg("weight").noconvert(), nb::arg("bias").noconvert().none(),
          nb::arg("noise_ids").noconvert(), nb::arg("target_ids").noconvert(), nb::arg("noise_shift").noconvert().none(),
          nb::arg("target_shift").noconvert().none(), nb::arg("multiplicity").noconvert().none(),
          nb::arg("loss").noconvert(), nb::arg("slope").noconvert(), nb::arg("row_scale").noconvert(),
          nb::arg("target_slope").noconvert(), nb::arg("hidden_slope").noconvert().none(), nb::arg("threads"));
    m.def("noise_loss_backward", &backward, nb::arg("target"), nb::arg("plan"), nb::arg("hidden").noconvert(),
          nb::arg("slope").noconvert(), nb::arg("row_scale").noconvert(), nb::arg("target_slope").noconvert(),
          nb::arg("hidden_slope").noconvert().none(), nb::arg("upstream").noconvert(),
          nb::arg("hidden_gradient").noconvert().none(), nb::arg("weight_gradient").noconvert(),
          nb::arg("bias_gradient").noconvert().none(), nb::arg("threads"));
}
