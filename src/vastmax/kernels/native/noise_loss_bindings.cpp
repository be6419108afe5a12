// The Python face of the step against shared noise: its plan, and both passes.
#include <limits>

#include "bindings.hpp"
#include "tasks.hpp"

using namespace vastmax;

namespace {

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
    return run_kernel(&merge, noise.data(), noise.length(), target.data(), target.length(), vocab_size);
}

// Whether the kernels may trust these ids, since the plan was made of them.
bool is_plan_of(const NoisePlan &plan, const Column<const int64_t> &noise, const Column<const int64_t> &target,
                int64_t V) {
    if (plan.noise_place.size() != noise.shape(0) || plan.examples.size() != target.shape(0)) return false;
    bool same = plan.rows.empty() || plan.rows.back() < V;
    for (size_t k = 0; k < plan.noise_place.size(); ++k)
        same &= noise.data()[k] == plan.rows[size_t(plan.noise_place[k])];
    for (size_t u = 0; u < plan.rows.size(); ++u)
        for (int64_t i = plan.example_offsets[u]; i < plan.example_offsets[u + 1]; ++i)
            same &= target.data()[plan.examples[size_t(i)]] == plan.rows[u];
    return same;
}

int64_t slope_step(const std::string &target, int64_t num_noise) {
    require(num_noise >= 0 && num_noise <= std::numeric_limits<int32_t>::max(), "num_noise is out of range");
    return VASTMAX_KERNEL(target, noise_slope_step)(num_noise);
}

void forward(const std::string &target, const NoisePlan &plan, bool softmax, bool mask, Matrix<const float> hidden,
             Matrix<const float> weight, OptionalColumn<const float> bias, Column<const int64_t> noise_ids,
             Column<const int64_t> target_ids, OptionalColumn<const float> noise_shift,
             OptionalColumn<const float> target_shift, OptionalColumn<const float> multiplicity, Column<float> loss,
             Matrix<float> slope, Column<float> row_scale, Column<float> target_slope,
             OptionalMatrix<float> hidden_slope, int threads) {
    const int64_t N = hidden.length(), D = hidden.size(1), V = weight.length(), K = noise_ids.length();
    require(D >= 1, "hidden has no numbers");
    require_shape("weight", weight, {V, D});
    require_shape("bias", bias, {V});
    require_shape("target_ids", target_ids, {N});
    require(is_plan_of(plan, noise_ids, target_ids, V), "the plan is of another batch");
    require_shape("noise_shift", noise_shift, {K});
    require_shape("multiplicity", multiplicity, {K});
    require_shape("target_shift", target_shift, {N});
    require_shape("loss", loss, {N});
    require_shape("row_scale", row_scale, {N});
    require_shape("target_slope", target_slope, {N});
    require_shape("hidden_slope", hidden_slope, {N, D});
    const int64_t step_of_slopes = slope_step(target, K);
    require_shape("slope", slope, {N, step_of_slopes});
    const NoiseForward step{softmax ? NoiseLossKind::softmax : NoiseLossKind::logistic,
                            N,
                            D,
                            K,
                            step_of_slopes,
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
                            data_of(hidden_slope)};
    run_kernel(VASTMAX_KERNEL(target, noise_loss_forward), step, threads);
}

void backward(const std::string &target, const NoisePlan &plan, Matrix<const float> hidden, Matrix<const float> slope,
              Column<const float> row_scale, Column<const float> target_slope, OptionalMatrix<const float> hidden_slope,
              Column<const float> upstream, OptionalMatrix<float> hidden_gradient, Matrix<float> weight_gradient,
              OptionalColumn<float> bias_gradient, int threads) {
    const int64_t N = hidden.length(), D = hidden.size(1), U = int64_t(plan.rows.size());
    const int64_t K = int64_t(plan.noise_place.size()), step_of_slopes = slope_step(target, K);
    require(D >= 1 && plan.examples.size() == size_t(N), "the plan is of another batch");
    require_shape("slope", slope, {N, step_of_slopes});
    require_shape("row_scale", row_scale, {N});
    require_shape("target_slope", target_slope, {N});
    require_shape("hidden_slope", hidden_slope, {N, D});
    require_shape("upstream", upstream, {N});
    require(!hidden_gradient || hidden_slope, "the gradient of hidden needs hidden_slope");
    require_shape("hidden_gradient", hidden_gradient, {N, D});
    require_shape("weight_gradient", weight_gradient, {U, D}); // a row for each of plan.rows
    require_shape("bias_gradient", bias_gradient, {U});
    const NoiseBackward step{N,
                             D,
                             K,
                             step_of_slopes,
                             hidden.data(),
                             slope.data(),
                             row_scale.data(),
                             target_slope.data(),
                             hidden_gradient ? hidden_slope->data() : nullptr,
                             upstream.data(),
                             &plan,
                             data_of(hidden_gradient),
                             weight_gradient.data(),
                             data_of(bias_gradient)};
    run_kernel(VASTMAX_KERNEL(target, noise_loss_backward), step, threads);
}

} // namespace

void bind_noise_loss(nb::module_ &m) {
    nb::class_<NoisePlan>(m, "NoisePlan").def_prop_ro("rows", [](nb::handle_t<NoisePlan> self) {
        return view_of(nb::cast<const NoisePlan &>(self).rows, self);
    });
    m.def("noise_plan", &make_plan, "noise_ids"_a, "target_ids"_a, "vocab_size"_a);
    m.def("noise_slope_step", &slope_step, "target"_a, "num_noise"_a);
    m.def("noise_loss_forward", &forward, "target"_a, "plan"_a, "softmax"_a, "mask"_a, "hidden"_a, "weight"_a, "bias"_a,
          "noise_ids"_a, "target_ids"_a, "noise_shift"_a, "target_shift"_a, "multiplicity"_a, "loss"_a, "slope"_a,
          "row_scale"_a, "target_slope"_a, "hidden_slope"_a, "threads"_a);
    m.def("noise_loss_backward", &backward, "target"_a, "plan"_a, "hidden"_a, "slope"_a, "row_scale"_a,
          "target_slope"_a, "hidden_slope"_a, "upstream"_a, "hidden_gradient"_a, "weight_gradient"_a, "bias_gradient"_a,
          "threads"_a);
}
