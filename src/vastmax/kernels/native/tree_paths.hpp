// Hierarchical softmax (Morin & Bengio 2005; Mikolov et al. 2013) for the kernels that train word vectors: inputs h against
// all nodes on the path to one word,
//     -log p(word | h) = -sum over the nodes n on its path of log sigma(+- h . u_n),    + where the path takes branch 1.
//
// With n inputs and L nodes that is three small dense products (scores, gradients of the inputs, gradients of the nodes):
// 3 D n L multiply-adds. Inputs go in groups of up to `largest_group`, one group after the other; each reads the rows on
// the path twice and writes them once. Scores in a group are those before it.
#pragma once

#include <algorithm>
#include <vector>

#include "embedding.hpp"
#include "logistic.hpp"
#include "scratch.hpp"
#include "strips.hpp"
#include "windows.hpp"

namespace vastmax::VASTMAX_TARGET {

// The nodes that a thread holds in rows of its own: the ten upper levels of a balanced tree, most of all steps.
constexpr int64_t most_own_nodes = 1023;

// The rows of nodes. Those near the top of the tree are on many paths: written there at once, they would travel from core
// to core all the time. So a thread works on copies of its own, and after every `visits_per_exchange` visits to a node adds
// what its copy learnt to the shared row and takes over what others learnt.
class NodeRows {
  public:
    NodeRows(const Tree &tree, int64_t stride)
        : tree_(tree), stride_(stride),
          own_nodes_(tree.visits_per_exchange > 0 ? std::min(most_own_nodes, tree.num_nodes) : 0),
          own_(Floats::uninitialized(own_nodes_ * stride)), seen_(Floats::uninitialized(own_nodes_ * stride)),
          visits_(own_nodes_) {
        std::copy_n(tree.nodes, own_nodes_ * stride, own_.data());
        std::copy_n(tree.nodes, own_nodes_ * stride, seen_.data());
    }

    // Writes the rows on a path of `length` edges.
    void rows(const int32_t *edges, int length, float **rows) const {
        for (int k = 0; k < length; ++k) {
            int64_t node = edges[k] >> 1;
            rows[k] = (node < own_nodes_ ? own_.data() : tree_.nodes) + node * stride_;
        }
    }

    // To be called after each path. Nodes nearer the root have smaller numbers.
    void walked(const int32_t *edges, int length) {
        for (int k = 0; k < length && edges[k] >> 1 < own_nodes_; ++k)
            if (++visits_[edges[k] >> 1] >= tree_.visits_per_exchange) exchange(edges[k] >> 1);
    }

    // Exchanges every row that was visited since it was last exchanged.
    void exchange() {
        for (int64_t node = 0; node < own_nodes_; ++node)
            if (visits_[node] > 0) exchange(node);
    }

  private:
    void exchange(int64_t node) {
        float *shared = tree_.nodes + node * stride_, *own = own_.data() + node * stride_,
              *seen = seen_.data() + node * stride_;
        for (int64_t d = 0; d < stride_; d += lanes) {
            Vec now = load(shared + d) + (load(own + d) - load(seen + d));
            store(shared + d, now);
            store(own + d, now);
            store(seen + d, now);
        }
        visits_[node] = 0;
    }

    const Tree &tree_;
    const int64_t stride_, own_nodes_;
    const Floats own_, seen_;
    std::vector<int32_t> visits_; // since the row was last exchanged
};

class TreePaths {
  public:
    TreePaths(const Tree &tree, int64_t stride)
        : tree_(tree), stride_(stride), nodes_(tree, stride),
          rows_(Buffer<float *>::uninitialized(vectors_anywhere(tree.longest_path))),
          sign_(Floats::uninitialized(vectors_anywhere(tree.longest_path))),
          gradient_(Floats::uninitialized(tiles(tree.longest_path, largest_group) * lanes)) {}

    // Trains `count` inputs to predict the word: the nodes move, and targets[i] += scale * what input i is to move by, one
    // after the other. The targets may be the inputs.
    void walk(int32_t word_id, const float *const *inputs, float *const *targets, int count, float scale, float alpha) {
        const int32_t *edges = path(word_id);
        length_ = int(path(word_id + 1) - edges);
        scale_ = scale, alpha_ = alpha;
        nodes_.rows(edges, length_, rows_.at(0, length_));
        std::fill_n(rows_.at(length_, lanes - 1), lanes - 1, rows_[0]); // a tile of nodes may reach beyond the path
        for (int k = 0; k < length_; ++k) sign_[k] = edges[k] & 1 ? 1.0f : -1.0f;
        std::fill_n(sign_.at(length_, lanes - 1), lanes - 1, 0.0f);
        const int groups = (count + largest_group - 1) / largest_group;
        for (int i = 0; i < groups; ++i) { // of even sizes
            const int begin = int(int64_t(count) * i / groups), end = int(int64_t(count) * (i + 1) / groups);
            group(inputs + begin, targets + begin, end - begin);
        }
        nodes_.walked(edges, length_);
    }

    // Asks for what the paths to words after position p will want, each thing when the one that leads to it is there. The
    // rows on a path are asked for in the course of the next walk: all at once they would fill the queues between the
    // caches, and what is wanted now would wait behind them.
    VASTMAX_PREFETCHES void prefetch(const Windows &windows, int64_t p) {
        if (p + 12 < windows.size()) __builtin_prefetch(tree_.path_offsets + windows.word_id(p + 12));
        if (p + 8 < windows.size()) __builtin_prefetch(path(windows.word_id(p + 8)));
        if (p + 2 < windows.size()) {
            wanted_root_ = path(windows.word_id(p + 2));
            wanted_ = path(windows.word_id(p + 2) + 1);
        }
    }

    // To be called when the inputs of a span of text are done.
    void end_span() {
        loss_ += double(sum(span_loss_));
        span_loss_ = Vec{};
    }

    // To be called at the end: leaves nothing that was learnt in rows of our own, and returns the loss.
    double finish() {
        nodes_.exchange();
        return loss_;
    }

  private:
    static constexpr int largest_group = lanes == 4 ? 4 : 5;
    // Nodes whose scores with a group of n inputs make one vector.
    static constexpr int tile_nodes(int n) { return lanes / n; }
    // Such vectors for a path; the more inputs in a group, the more of them.
    static constexpr int64_t tiles(int64_t length, int n) { return (length + tile_nodes(n) - 1) / tile_nodes(n); }
    // Vectors of a row that the gradients take at once: 4 n + 5 registers for each two of them.
    static constexpr int strip = lanes == 16 ? 2 : 1;

    // Where the edges of a word's path begin; they end where those of the next word begin.
    const int32_t *path(int32_t word_id) const { return tree_.path_edges + tree_.path_offsets[word_id]; }

    VASTMAX_PREFETCHES void prefetch_some() {
        if (wanted_ == wanted_root_) return;
        int64_t node = *--wanted_ >> 1;
        if (node >= most_own_nodes)
            prefetch_row(tree_.nodes + node * stride_, stride_);
        else
            wanted_ = wanted_root_; // nodes nearer the root have smaller numbers
    }

    void group(const float *const *inputs, float *const *targets, int n) {
        switch (n) {
        case 1: return group<1>(inputs, targets);
        case 2: return group<2>(inputs, targets);
        case 3: return group<3>(inputs, targets);
        case 4: return group<4>(inputs, targets);
        default:
            if constexpr (largest_group == 5) group<5>(inputs, targets);
        }
    }

    template <int n> void group(const float *const *inputs, float *const *targets) {
        constexpr int count = tile_nodes(n);
        for (int j = 0, at = 0; j < length_; j += count, at += lanes) {
            prefetch_some();
            store(gradient_.vector_at(at),
                  scores<n>(inputs, rows_.at(j, count), std::make_integer_sequence<int, lanes>{}));
        }
        // Apart from the products, so that several vectors' chains of dependent operations overlap.
        for (int j = 0, at = 0; j < length_; j += count, at += lanes) {
            Vec sign =
                spread<n>(load(sign_.vector_at(j)), std::make_integer_sequence<int, lanes>{}); // 0 beyond the path
            IntVec used = sign != Vec{};
            float *g = gradient_.vector_at(at);
            Logistic f = logistic(load(g) * -sign);
            span_loss_ += used ? f.softplus : Vec{};
            store(g, f.sigmoid * sign * alpha_);
        }
        int64_t d = 0;
        for (; d + strip * lanes <= stride_; d += strip * lanes) {
            prefetch_some();
            apply<n, strip>(inputs, targets, d);
        }
        if constexpr (strip > 1)
            for (; d < stride_; d += lanes) apply<n, 1>(inputs, targets, d);
    }

    // The scores of a tile of nodes: in lane k that of node k / n with input k % n. (Written without loops over k: the
    // compiler then keeps all sums in registers.)
    template <int n, int... k>
    Vec scores(const float *const *inputs, const float *const *nodes, std::integer_sequence<int, k...>) const {
        constexpr int count = tile_nodes(n);
        Vec dot[lanes] = {(k < count * n ? load(nodes[k / n % count]) * load(inputs[k % n]) : Vec{})...};
        for (int64_t d = lanes; d < stride_; d += lanes)
            ((k < count * n ? void(dot[k] += load(nodes[k / n % count] + d) * load(inputs[k % n] + d)) : void()), ...);
        return sum_each<lanes>(dot);
    }

    // Lane k of the result is lane k / n of v, or 0 where a tile has no score.
    template <int n, int... k> static Vec spread(Vec v, std::integer_sequence<int, k...>) {
        constexpr int used = tile_nodes(n) * n;
#if defined(__clang__)
        return __builtin_shufflevector(v, Vec{}, (k < used ? k / n : lanes)...);
#else
        return __builtin_shuffle(v, Vec{}, IntVec{(k < used ? k / n : lanes)...});
#endif
    }

    // targets[i] += scale * sum_j g[j, i] node_j;  node_j += sum_i g[j, i] inputs[i]
    template <int n, int width> void apply(const float *const *inputs, float *const *targets, int64_t d) {
        Vec h[n][width], moved[n][width] = {};
        for (int i = 0; i < n; ++i)
            for (int v = 0; v < width; ++v) h[i][v] = load(inputs[i] + d + v * lanes);
        const float *g = gradient_.data();
        for (int j = 0; j < length_; j += tile_nodes(n), g += lanes) {
            const int end = std::min(length_ - j, tile_nodes(n));
            for (int k = 0; k < end; ++k) {
                float *row = rows_[j + k] + d;
                Vec old[width], now[width];
                for (int v = 0; v < width; ++v) old[v] = now[v] = load(row + v * lanes);
                for (int i = 0; i < n; ++i) {
                    Vec step = broadcast(g[k * n + i]);
                    for (int v = 0; v < width; ++v) {
                        moved[i][v] += step * old[v];
                        now[v] += step * h[i][v];
                    }
                }
                for (int v = 0; v < width; ++v) store(row + v * lanes, now[v]);
            }
        }
        for (int i = 0; i < n; ++i) // one after the other: two targets may be the same row
            for (int v = 0; v < width; ++v) {
                float *row = targets[i] + d + v * lanes;
                store(row, load(row) + scale_ * moved[i][v]);
            }
    }

    const Tree &tree_;
    const int64_t stride_;
    NodeRows nodes_;
    const Buffer<float *> rows_; // on the path
    const Floats sign_;          // of its steps: 1 for branch 1, -1 for branch 0; 0 beyond its end
    const Floats gradient_;      // by tiles of nodes: g[j, i] = alpha * (1 - sigma), towards the branch taken
    int length_ = 0;             // of the path
    float scale_ = 0, alpha_ = 0;
    const int32_t *wanted_ = nullptr, *wanted_root_ = nullptr; // edges of a path whose rows will be needed
    Vec span_loss_ = {};
    double loss_ = 0;
};

} // namespace vastmax::VASTMAX_TARGET
