// Hierarchical softmax over a tree of any shape: a softmax over the children at every inner node; compiled once for each
// instruction set. The two-level tree is the case that must be fast.
//
// The decisions of a batch come grouped by node, so that a node's work is three small dense products over the examples
// that pass it: scores = H W^T, hidden gradients = G W, weight gradient = G^T H, G being the slopes d log p / d scores.
// A node with t examples and C children costs 3 t C D multiply-adds and reads its C rows once a pass.
#include "hierarchical.hpp"

#include <atomic>
#include <cmath>
#include <limits>
#include <vector>

#include "logistic.hpp"
#include "products.hpp"
#include "scratch.hpp"
#include "threads.hpp"

namespace vastmax::VASTMAX_TARGET {
namespace {

constexpr int64_t examples_a_unit = 64, children_a_unit = 64; // of one node, taken by one thread
constexpr int64_t examples_a_block = 256;                     // whose hidden rows are copied together in backward

// A stretch of one group's decisions, or of its children.
struct Unit {
    int64_t group, begin, end;
};

std::vector<Unit> cut(int64_t first_group, int64_t last_group, const int64_t *offsets, int64_t size) {
    std::vector<Unit> units;
    for (int64_t group = first_group; group < last_group; ++group)
        for (int64_t begin = 0, count = offsets[group + 1] - offsets[group]; begin < count; begin += size)
            units.push_back({group, begin, std::min(begin + size, count)});
    return units;
}

double multiply_adds(const Groups &groups, const int64_t *slope_offsets, int64_t width) {
    return double(slope_offsets[groups.num_groups]) * double(width);
}

// exp(score - top), NaN where the score is: a run that has diverged must show it.
Vec exp_of_difference(Vec score, float top) {
    Vec x = score - top;
    return x == x ? exp_of_negative(x) : x;
}

// Turns the scores of one decision into slopes, 1 - p at the child taken and -p elsewhere; returns its log p.
float softmax_slopes(float *score, int64_t count, int64_t taken) {
    constexpr float lowest = -std::numeric_limits<float>::infinity();
    Vec highest = broadcast(lowest);
    int64_t c = 0;
    for (; c + lanes <= count; c += lanes) {
        Vec s = load(score + c);
        highest = s > highest ? s : highest;
    }
    float top = lowest;
    for (int i = 0; i < lanes; ++i) top = std::max(top, highest[i]);
    for (; c < count; ++c) top = std::max(top, score[c]);
    const float log_p_above_sum = score[taken] - top;
    Vec sums = {};
    for (c = 0; c + lanes <= count; c += lanes) {
        Vec e = exp_of_difference(load(score + c), top);
        store(score + c, e);
        sums += e;
    }
    if (c < count) {
        Vec e = exp_of_difference(load_part(score + c, count - c, lowest), top);
        store_part(score + c, e, count - c);
        sums += e;
    }
    const float total = sum(sums), scale = -1.0f / total;
    for (c = 0; c + lanes <= count; c += lanes) store(score + c, load(score + c) * scale);
    for (; c < count; ++c) score[c] *= scale;
    score[taken] += 1.0f;
    return log_p_above_sum - std::log(total);
}

struct Buffers {
    Floats hidden, product;
};

// The first level is that of the root, which every example passes: there log p and hidden slopes begin.
void forward_unit(const SoftmaxForward &batch, const Unit &unit, bool first_level, Buffers &buffers) {
    const Groups &groups = batch.groups;
    const int64_t width = batch.hidden.width, node = groups.nodes[unit.group], rows = unit.end - unit.begin;
    const int64_t first_edge = batch.child_offsets[node], children = batch.child_offsets[node + 1] - first_edge;
    const int64_t first = groups.offsets[unit.group] + unit.begin;
    const float *weight = batch.weight + first_edge * width;
    float *slope = batch.slope + batch.slope_offsets[unit.group] + unit.begin * children;
    for (int64_t r = 0; r < rows; ++r)
        std::memcpy(buffers.hidden.at(r * width, width), batch.hidden.data + groups.examples[first + r] * width,
                    size_t(width) * sizeof(float));
    dot_products(buffers.hidden.data(), rows, weight, children, width, batch.bias + first_edge, slope, children);
    for (int64_t r = 0; r < rows; ++r) {
        const float log_p = softmax_slopes(slope + r * children, children, groups.edges[first + r] - first_edge);
        float &total = batch.log_prob[groups.examples[first + r]];
        total = first_level ? log_p : total + log_p;
    }
    if (!batch.hidden_slope) return;
    products({slope, children, 1}, rows, weight, children, width, buffers.product.data());
    for (int64_t r = 0; r < rows; ++r) {
        float *total = batch.hidden_slope + groups.examples[first + r] * width;
        const float *part = buffers.product.at(r * width, width);
        if (first_level)
            std::memcpy(total, part, size_t(width) * sizeof(float));
        else
            for (int64_t d = 0; d < width; ++d) total[d] += part[d];
    }
}

void backward_unit(const SoftmaxBackward &batch, const Unit &unit, Buffers &buffers) {
    const Groups &groups = batch.groups;
    const int64_t width = batch.hidden.width, node = groups.nodes[unit.group], rows = unit.end - unit.begin;
    const int64_t children = batch.child_offsets[node + 1] - batch.child_offsets[node];
    const int64_t first = groups.offsets[unit.group], count = groups.offsets[unit.group + 1] - first;
    const float *slope = batch.slope + batch.slope_offsets[unit.group] + unit.begin;
    float *bias_gradient = batch.bias_gradient + batch.row_offsets[unit.group] + unit.begin;
    float *weight_gradient = batch.weight_gradient + (batch.row_offsets[unit.group] + unit.begin) * width;
    std::fill(bias_gradient, bias_gradient + rows, 0.0f);
    buffers.hidden.make_room(std::min(count, examples_a_block) * width);
    for (int64_t begin = 0; begin < count; begin += examples_a_block) {
        const int64_t end = std::min(count, begin + examples_a_block);
        for (int64_t k = begin; k < end; ++k) {
            const int32_t example = groups.examples[first + k];
            const float scale = batch.upstream[example], *from = batch.hidden.data + example * width;
            float *to = buffers.hidden.at((k - begin) * width, width);
            for (int64_t d = 0; d < width; ++d) to[d] = scale * from[d];
            for (int64_t c = 0; c < rows; ++c) bias_gradient[c] += scale * slope[k * children + c];
        }
        products({slope + begin * children, 1, children}, rows, buffers.hidden.data(), end - begin, width,
                 weight_gradient, begin > 0);
    }
}

} // namespace

void hierarchical_softmax_forward(const SoftmaxForward &batch, int threads) {
    threads = worthwhile_threads(threads, 2 * multiply_adds(batch.groups, batch.slope_offsets, batch.hidden.width));
    // Level by level: an example has one decision in a level at most, so no two threads meet in one row.
    std::vector<std::vector<Unit>> levels;
    levels.reserve(size_t(batch.num_levels));
    for (int64_t level = 0; level < batch.num_levels; ++level)
        levels.push_back(
            cut(batch.level_offsets[level], batch.level_offsets[level + 1], batch.groups.offsets, examples_a_unit));
    std::vector<std::atomic<size_t>> next(levels.size());
    std::vector<Buffers> all_buffers(static_cast<size_t>(threads));
    for (Buffers &buffers : all_buffers) {
        buffers.hidden.make_room(examples_a_unit * batch.hidden.width);
        if (batch.hidden_slope) buffers.product.make_room(examples_a_unit * batch.hidden.width);
    }
    Barrier barrier(threads);
    in_threads(threads, [&](int thread) {
        Buffers &buffers = all_buffers[size_t(thread)];
        for (size_t level = 0; level < levels.size(); ++level) {
            for (size_t i; (i = next[level]++) < levels[level].size();)
                forward_unit(batch, levels[level][i], level == 0, buffers);
            barrier.wait();
        }
    });
}

void hierarchical_softmax_backward(const SoftmaxBackward &batch, int threads) {
    threads = worthwhile_threads(threads, multiply_adds(batch.groups, batch.slope_offsets, batch.hidden.width));
    const std::vector<Unit> units = cut(0, batch.groups.num_groups, batch.row_offsets, children_a_unit);
    std::atomic<size_t> next{0};
    in_threads(threads, [&](int part) {
        if (batch.hidden_gradient.to) {
            const int64_t N = batch.hidden.num_examples;
            scale_rows(batch.hidden_gradient.slope, batch.upstream, share(N, part, threads),
                       share(N, part + 1, threads), batch.hidden.width, batch.hidden_gradient.to);
        }
        Buffers buffers;
        for (size_t i; (i = next++) < units.size();) backward_unit(batch, units[i], buffers);
    });
}

} // namespace vastmax::VASTMAX_TARGET
