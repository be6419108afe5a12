// The Python face of the kernels of hierarchical softmax: what a batch does, worked out once.
#include "bindings.hpp"
#include "hierarchical.hpp"

using namespace vastmax;

namespace {

struct Decision {
    int32_t node, edge, example, slot;
};

// Stable counting sort by node, eleven bits a pass.
void sort_by_node(std::vector<Decision> &decisions, int64_t num_nodes) {
    constexpr int digit_bits = 11;
    std::vector<Decision> other(decisions.size());
    for (int shift = 0; num_nodes >> shift; shift += digit_bits) {
        int64_t starts[(1 << digit_bits) + 1] = {};
        const int32_t mask = (1 << digit_bits) - 1;
        for (const Decision &d : decisions) ++starts[((d.node >> shift) & mask) + 1];
        for (int i = 0; i < 1 << digit_bits; ++i) starts[i + 1] += starts[i];
        for (const Decision &d : decisions) other[size_t(starts[(d.node >> shift) & mask]++)] = d;
        decisions.swap(other);
    }
}

// What a batch of leaves has to decide; the kernels read it, nobody changes it.
struct Plan {
    bool binary = false;
    int64_t num_examples = 0;
    std::vector<int64_t> decision_offsets;                                                // by example
    std::vector<int64_t> nodes, offsets, slope_offsets, row_offsets, level_offsets, rows; // by group
    std::vector<int32_t> examples, slots, edges;                                          // by decision, sorted by node

    int64_t num_slopes() const {
        return binary ? decision_offsets.back() : slope_offsets.empty() ? 0 : slope_offsets.back();
    }
    Groups groups() const {
        return {int64_t(nodes.size()), nodes.data(), offsets.data(), examples.data(), slots.data(), edges.data()};
    }
};

// Throws unless every leaf has a path in the tree, of edges below num_edges.
void check_paths(Column<const int64_t> leaves, Column<const int64_t> path_offsets, Column<const int32_t> path_edges,
                 int64_t num_edges) {
    const int64_t num_leaves = path_offsets.length() - 1, length = path_edges.length();
    for (int64_t i = 0; i < leaves.length(); ++i) {
        require(leaves.data()[i] >= 0 && leaves.data()[i] < num_leaves, "a leaf is not in the tree");
        const int64_t *path = path_offsets.data() + leaves.data()[i];
        require(0 <= path[0] && path[0] <= path[1] && path[1] <= length, "paths do not fit together");
        require(all_below(path_edges.data() + path[0], path[1] - path[0], num_edges), "an edge is not in the tree");
    }
}

// Throws unless the paths have as many decisions as the plan's.
void check_decisions(const Plan &plan, Column<const int64_t> leaves, Column<const int64_t> path_offsets) {
    for (int64_t i = 0; i < plan.num_examples; ++i) {
        const int64_t *path = path_offsets.data() + leaves.data()[i], *decisions = plan.decision_offsets.data() + i;
        require(path[1] - path[0] == decisions[1] - decisions[0], "the plan is of another batch");
    }
}

// Throws unless the plan's nodes have the children that it was made with, and each decision takes one of them.
void check_groups(const Plan &plan, Column<const int64_t> child_offsets) {
    const int64_t M = child_offsets.length() - 1;
    for (size_t group = 0; group < plan.nodes.size(); ++group) {
        const int64_t node = plan.nodes[group];
        require(node < M, "the plan is of another tree");
        const int64_t first = child_offsets.data()[node], children = child_offsets.data()[node + 1] - first;
        require(first == plan.rows[size_t(plan.row_offsets[group])] &&
                    children == plan.row_offsets[group + 1] - plan.row_offsets[group] &&
                    first + children <= child_offsets.data()[M],
                "the plan is of another tree");
        for (int64_t k = plan.offsets[group]; k < plan.offsets[group + 1]; ++k)
            require(plan.edges[size_t(k)] >= first && plan.edges[size_t(k)] < first + children,
                    "the plan is of another tree");
    }
}

Plan make_plan(Column<const int64_t> leaves, Column<const int64_t> path_offsets, Column<const int32_t> path_edges,
               Column<const int32_t> edge_nodes, Column<const int64_t> child_offsets, Column<const int64_t> tree_levels,
               bool binary, bool grouped) {
    const int64_t N = leaves.length(), num_nodes = child_offsets.length() - 1;
    require(N < int64_t(1) << 31, "too many examples in one batch");
    require(num_nodes >= 0 && (num_nodes == 0 || size_t(tree_levels.length()) > 0), "the tree has no nodes");
    Plan plan;
    plan.binary = binary;
    plan.num_examples = N;
    nb::gil_scoped_release without_gil;
    check_paths(leaves, path_offsets, path_edges, binary ? 2 * num_nodes : edge_nodes.length());
    plan.decision_offsets.resize(size_t(N) + 1);
    for (int64_t i = 0; i < N; ++i) {
        const int64_t *path = path_offsets.data() + leaves.data()[i];
        plan.decision_offsets[size_t(i) + 1] = plan.decision_offsets[size_t(i)] + path[1] - path[0];
    }
    if (!grouped) return plan;
    const int64_t T = plan.decision_offsets.back();
    require(T < int64_t(1) << 31, "too many decisions in one batch");
    std::vector<Decision> decisions;
    decisions.reserve(size_t(T));
    for (int64_t i = 0; i < N; ++i) {
        const int64_t *path = path_offsets.data() + leaves.data()[i];
        for (int64_t k = path[0]; k < path[1]; ++k) {
            const int32_t edge = path_edges.data()[k], node = binary ? edge >> 1 : edge_nodes.data()[edge];
            require(node >= 0 && node < num_nodes, "an edge leads out of no node");
            decisions.push_back({node, edge, int32_t(i), int32_t(decisions.size())});
        }
    }
    sort_by_node(decisions, num_nodes);
    plan.examples.reserve(size_t(T));
    plan.slots.reserve(size_t(T));
    plan.edges.reserve(size_t(T));
    plan.slope_offsets = plan.row_offsets = plan.level_offsets = {0};
    size_t level = 1;
    for (int64_t k = 0; k < T; ++k) {
        const Decision &d = decisions[size_t(k)];
        if (k == 0 || d.node != plan.nodes.back()) {
            while (level < size_t(tree_levels.length()) && d.node >= tree_levels.data()[level]) {
                plan.level_offsets.push_back(int64_t(plan.nodes.size()));
                ++level;
            }
            plan.nodes.push_back(d.node);
            plan.offsets.push_back(k);
        }
        plan.examples.push_back(d.example);
        plan.slots.push_back(d.slot);
        plan.edges.push_back(d.edge);
    }
    plan.offsets.push_back(T);
    plan.level_offsets.push_back(int64_t(plan.nodes.size()));
    for (size_t group = 0; group < plan.nodes.size(); ++group) {
        const int64_t node = plan.nodes[group], first = child_offsets.data()[node],
                      stop = child_offsets.data()[node + 1];
        require(0 <= first && first < stop && stop - first < int64_t(1) << 31, "a node has no children");
        plan.slope_offsets.push_back(plan.slope_offsets.back() +
                                     (plan.offsets[group + 1] - plan.offsets[group]) * (stop - first));
        if (binary) {
            plan.rows.push_back(node);
        } else {
            for (int64_t edge = first; edge < stop; ++edge) plan.rows.push_back(edge);
        }
        plan.row_offsets.push_back(int64_t(plan.rows.size()));
    }
    return plan;
}

void forward(const std::string &target, const Plan &plan, Matrix<const float> hidden, Matrix<const float> weight,
             Column<const float> bias, Column<const int64_t> leaves, Column<const int64_t> path_offsets,
             Column<const int32_t> path_edges, Column<const int64_t> child_offsets, Column<float> log_prob,
             OptionalColumn<float> slope, OptionalMatrix<float> hidden_slope, int threads) {
    const int64_t N = plan.num_examples, D = hidden.size(1), M = child_offsets.length() - 1;
    require(M >= 0, "the tree has no nodes");
    const int64_t num_rows = plan.binary ? M : child_offsets.data()[M];
    require_shape("hidden", hidden, {N, D});
    require_shape("leaves", leaves, {N});
    require_shape("weight", weight, {num_rows, D});
    require_shape("bias", bias, {num_rows});
    require_shape("log_prob", log_prob, {N});
    require_shape("slope", slope, {plan.num_slopes()});
    require_shape("hidden_slope", hidden_slope, {N, D});
    const HiddenRows rows{hidden.data(), N, D};
    if (plan.binary) {
        check_paths(leaves, path_offsets, path_edges, 2 * M);
        check_decisions(plan, leaves, path_offsets);
        BinaryForward batch{rows,
                            weight.data(),
                            bias.data(),
                            leaves.data(),
                            path_offsets.data(),
                            path_edges.data(),
                            plan.decision_offsets.data(),
                            log_prob.data(),
                            data_of(slope),
                            data_of(hidden_slope)};
        run_kernel(VASTMAX_KERNEL(target, hierarchical_binary_forward), batch, threads);
    } else {
        require(slope.has_value() && (N == 0 || !plan.offsets.empty()), "slopes and groups are needed here");
        check_groups(plan, child_offsets);
        SoftmaxForward batch{rows,
                             weight.data(),
                             bias.data(),
                             child_offsets.data(),
                             plan.groups(),
                             plan.level_offsets.data(),
                             int64_t(plan.level_offsets.size()) - 1,
                             plan.slope_offsets.data(),
                             log_prob.data(),
                             slope->data(),
                             data_of(hidden_slope)};
        run_kernel(VASTMAX_KERNEL(target, hierarchical_softmax_forward), batch, threads);
    }
}

void backward(const std::string &target, const Plan &plan, Matrix<const float> hidden,
              Column<const int64_t> child_offsets, Column<const float> slope, Column<const float> upstream,
              OptionalMatrix<const float> hidden_slope, OptionalMatrix<float> hidden_gradient,
              Matrix<float> weight_gradient, Column<float> bias_gradient, int threads) {
    const int64_t N = plan.num_examples, D = hidden.size(1), num_rows = int64_t(plan.rows.size());
    require(!plan.offsets.empty(), "the plan was made without groups");
    require_shape("hidden", hidden, {N, D});
    require_shape("upstream", upstream, {N});
    require_shape("slope", slope, {plan.num_slopes()});
    require_shape("hidden_slope", hidden_slope, {N, D});
    require_shape("hidden_gradient", hidden_gradient, {N, D});
    require_shape("weight_gradient", weight_gradient, {num_rows, D}); // a row for each of plan.rows
    require_shape("bias_gradient", bias_gradient, {num_rows});
    HiddenGradient to_hidden{nullptr, nullptr};
    require(!hidden_gradient || hidden_slope, "the gradient of hidden needs hidden_slope");
    if (hidden_gradient) to_hidden = {hidden_slope->data(), hidden_gradient->data()};
    const HiddenRows rows{hidden.data(), N, D};
    if (plan.binary) {
        BinaryBackward batch{rows,      plan.groups(),          slope.data(),        upstream.data(),
                             to_hidden, weight_gradient.data(), bias_gradient.data()};
        run_kernel(VASTMAX_KERNEL(target, hierarchical_binary_backward), batch, threads);
    } else {
        check_groups(plan, child_offsets);
        SoftmaxBackward batch{
            rows,         child_offsets.data(), plan.groups(), plan.slope_offsets.data(), plan.row_offsets.data(),
            slope.data(), upstream.data(),      to_hidden,     weight_gradient.data(),    bias_gradient.data()};
        run_kernel(VASTMAX_KERNEL(target, hierarchical_softmax_backward), batch, threads);
    }
}

void best_first(const std::string &target, Matrix<const float> hidden, Matrix<const float> weight,
                Column<const float> bias, bool binary, Column<const int64_t> child_offsets,
                Column<const int32_t> children, Matrix<float> log_prob, Matrix<int64_t> leaves,
                Column<int64_t> num_expanded, int threads) {
    const int64_t N = hidden.length(), D = hidden.size(1), M = child_offsets.length() - 1, E = children.length();
    const int64_t k = log_prob.size(1), num_rows = binary ? M : E;
    require(M >= 0, "the tree has no nodes");
    require_shape("weight", weight, {num_rows, D});
    require_shape("bias", bias, {num_rows});
    require(child_offsets.data()[M] == E, "children do not fit the tree");
    require(!binary || E == 2 * M, "a node of a binary tree has two children");
    require(k >= 1 && k <= E - M + 1, "k must be between 1 and the number of leaves");
    require_shape("log_prob", log_prob, {N, k});
    require_shape("leaves", leaves, {N, k});
    require_shape("num_expanded", num_expanded, {N});
    BestFirst query{{hidden.data(), N, D},
                    weight.data(),
                    bias.data(),
                    binary,
                    child_offsets.data(),
                    children.data(),
                    M,
                    E,
                    k,
                    log_prob.data(),
                    leaves.data(),
                    num_expanded.data()};
    run_kernel(VASTMAX_KERNEL(target, hierarchical_best_first), query, threads);
}

} // namespace

void bind_hierarchical(nb::module_ &m) {
    nb::class_<Plan>(m, "HierarchicalPlan")
        .def_prop_ro("num_slopes", &Plan::num_slopes)
        .def_prop_ro("rows", [](nb::handle_t<Plan> self) { return view_of(nb::cast<const Plan &>(self).rows, self); });
    m.def("hierarchical_plan", &make_plan, "leaves"_a, "path_offsets"_a, "path_edges"_a, "edge_nodes"_a,
          "child_offsets"_a, "tree_levels"_a, "binary"_a, "grouped"_a);
    m.def("hierarchical_forward", &forward, "target"_a, "plan"_a, "hidden"_a, "weight"_a, "bias"_a, "leaves"_a,
          "path_offsets"_a, "path_edges"_a, "child_offsets"_a, "log_prob"_a, "slope"_a, "hidden_slope"_a, "threads"_a);
    m.def("hierarchical_backward", &backward, "target"_a, "plan"_a, "hidden"_a, "child_offsets"_a, "slope"_a,
          "upstream"_a, "hidden_slope"_a, "hidden_gradient"_a, "weight_gradient"_a, "bias_gradient"_a, "threads"_a);
    m.def("hierarchical_best_first", &best_first, "target"_a, "hidden"_a, "weight"_a, "bias"_a, "binary"_a,
          "child_offsets"_a, "children"_a, "log_prob"_a, "leaves"_a, "num_expanded"_a, "threads"_a);
}
