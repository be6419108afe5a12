// Hierarchical softmax over a binary tree (Morin & Bengio 2005); compiled once for each instruction set.
//
//     log p(w | h) = - sum over the nodes n on the path to w of softplus(-+ (h . v_n + b_n)),   - for the right branch.
//
// Forward reads each row on an example's path once from memory: scores, loss and the example's hidden gradient are done
// while its L rows are in the first-level cache. Backward writes the gradient row of each distinct node once. Operations a
// decision: 3 D multiply-adds in all.
#include "hierarchical.hpp"

#include <algorithm>

#include "logistic.hpp"
#include "products.hpp"
#include "scratch.hpp"
#include "threads.hpp"

namespace vastmax::VASTMAX_TARGET {
namespace {

// Nodes from here on are prefetched an example ahead: the few above are on most paths and in cache.
constexpr int32_t first_cold_node = 256;
constexpr int64_t line = 16; // floats
constexpr int rows_at_once = 4;

// out = sum_k scale[k] rows[k], for vecs * lanes columns from d.
template <int vecs>
inline void weighted_sum_columns(const float *const *rows, const float *scale, int64_t count, float *out, int64_t d) {
    Vec sums[vecs] = {};
    for (int64_t k = 0; k < count; ++k) {
        Vec factor = broadcast(scale[k]);
        for (int v = 0; v < vecs; ++v) sums[v] += factor * load(rows[k] + d + v * lanes);
    }
    for (int v = 0; v < vecs; ++v) store(out + d + v * lanes, sums[v]);
}
inline void weighted_sum(const float *const *rows, const float *scale, int64_t count, int64_t width, float *out) {
    constexpr int vecs = 8;
    int64_t d = 0;
    for (; d + vecs * lanes <= width; d += vecs * lanes) weighted_sum_columns<vecs>(rows, scale, count, out, d);
    for (; d + lanes <= width; d += lanes) weighted_sum_columns<1>(rows, scale, count, out, d);
    if (d < width) {
        Vec total = {};
        for (int64_t k = 0; k < count; ++k) total += scale[k] * load_part(rows[k] + d, width - d);
        store_part(out + d, total, width - d);
    }
}

class PathForward {
  public:
    explicit PathForward(const BinaryForward &batch) : batch_(batch), width_(batch.hidden.width) {}

    void run(int64_t begin, int64_t end) {
        for (int64_t example = begin; example < end; ++example) {
            if (example + 1 < end) prefetch(example + 1);
            one(example);
        }
    }

  private:
    VASTMAX_PREFETCHES void prefetch(int64_t example) const {
        int64_t leaf = batch_.leaves[example];
        for (int64_t k = batch_.path_offsets[leaf]; k < batch_.path_offsets[leaf + 1]; ++k) {
            int32_t node = batch_.path_edges[k] >> 1;
            if (node < first_cold_node) continue;
            const float *row = batch_.weight + node * width_;
            for (int64_t d = 0; d < width_; d += line) __builtin_prefetch(row + d, 0, 2);
        }
    }

    void one(int64_t example) {
        const int64_t leaf = batch_.leaves[example];
        const int32_t *path = batch_.path_edges + batch_.path_offsets[leaf];
        const int64_t length = batch_.path_offsets[leaf + 1] - batch_.path_offsets[leaf];
        const float *h = batch_.hidden.data + example * width_;
        const int64_t scored = round_up(length, rows_at_once);
        rows_.make_room(scored);
        score_.make_room(whole_vectors(scored));
        for (int64_t k = 0; k < length; ++k) rows_[k] = batch_.weight + (path[k] >> 1) * width_;
        for (int64_t k = length; k < scored; ++k) rows_[k] = rows_[0]; // the surplus is not used
        for (int64_t k = 0; k < length; k += rows_at_once)
            dot_tile<1, rows_at_once>(&h, rows_.at(k, rows_at_once), width_, score_.at(k, rows_at_once));
        std::fill(score_.data() + scored, score_.data() + whole_vectors(scored), 0.0f);
        // x is the score of the branch not taken: log p = -softplus(x), and d log p / d score is sigma(x), towards the
        // branch taken. Both are accurate where p is close to one.
        for (int64_t k = 0; k < length; ++k) {
            float score = score_[k] + batch_.bias[path[k] >> 1];
            score_[k] = path[k] & 1 ? -score : score;
        }
        Vec loss = {};
        for (int64_t k = 0; k < length; k += lanes) {
            Vec x = load(score_.vector_at(k));
            Logistic f = logistic(x);
            f.softplus = x == x ? f.softplus : x; // NaN stays NaN: a run that has diverged must show it
            store(score_.vector_at(k), f.sigmoid);
            for (int64_t i = length - k; i < lanes; ++i) f.softplus[i] = 0.0f;
            loss += f.softplus;
        }
        batch_.log_prob[example] = -sum(loss);
        for (int64_t k = 0; k < length; ++k)
            if (!(path[k] & 1)) score_[k] = -score_[k];
        if (batch_.slope)
            std::memcpy(batch_.slope + batch_.decision_offsets[example], score_.data(), size_t(length) * sizeof(float));
        if (batch_.hidden_slope)
            weighted_sum(rows_.data(), score_.data(), length, width_, batch_.hidden_slope + example * width_);
    }

    const BinaryForward &batch_;
    const int64_t width_;
    Buffer<const float *> rows_;
    Floats score_;
};

} // namespace

void hierarchical_binary_forward(const BinaryForward &batch, int threads) {
    const int64_t N = batch.hidden.num_examples, T = batch.decision_offsets[N];
    threads = worthwhile_threads(threads, 2.0 * double(T) * double(batch.hidden.width));
    in_threads(threads, [&](int i) {
        // Equal shares of the decisions, not of the examples.
        auto cut = [&](int part) {
            return std::lower_bound(batch.decision_offsets, batch.decision_offsets + N, T * part / threads) -
                   batch.decision_offsets;
        };
        PathForward(batch).run(i == 0 ? 0 : cut(i), i == threads - 1 ? N : cut(i + 1));
    });
}

void hierarchical_binary_backward(const BinaryBackward &batch, int threads) {
    const Groups &groups = batch.groups;
    const int64_t width = batch.hidden.width, U = groups.num_groups, T = groups.offsets[U];
    threads = worthwhile_threads(threads, double(T) * double(width));
    in_threads(threads, [&](int i) {
        if (batch.hidden_gradient.to) {
            const int64_t N = batch.hidden.num_examples;
            scale_rows(batch.hidden_gradient.slope, batch.upstream, share(N, i, threads), share(N, i + 1, threads),
                       width, batch.hidden_gradient.to);
        }
        auto cut = [&](int part) {
            return std::lower_bound(groups.offsets, groups.offsets + U, T * part / threads) - groups.offsets;
        };
        Buffer<const float *> rows;
        Floats scale;
        const int64_t end = i == threads - 1 ? U : cut(i + 1);
        for (int64_t group = i == 0 ? 0 : cut(i); group < end; ++group) {
            const int64_t first = groups.offsets[group], count = groups.offsets[group + 1] - first;
            rows.make_room(count);
            scale.make_room(count);
            float total = 0;
            for (int64_t k = 0; k < count; ++k) {
                int32_t example = groups.examples[first + k];
                rows[k] = batch.hidden.data + example * width;
                scale[k] = batch.slope[groups.slots[first + k]] * batch.upstream[example];
                total += scale[k];
            }
            batch.bias_gradient[group] = total;
            weighted_sum(rows.data(), scale.data(), count, width, batch.weight_gradient + group * width);
        }
    });
}

} // namespace vastmax::VASTMAX_TARGET
