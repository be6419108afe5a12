// The best leaves of a tree, best first: the log-probability of a node bounds that of every leaf below it, so a node is
// unfolded only while it may still hold one of the k best; compiled once for each instruction set.
#include "hierarchical.hpp"

#include <atomic>
#include <cmath>
#include <functional>
#include <vector>

#include "logistic.hpp"
#include "products.hpp"
#include "scratch.hpp"
#include "threads.hpp"

namespace vastmax::VASTMAX_TARGET {
namespace {

struct Candidate {
    float log_prob;
    int32_t child; // a node, or ~leaf
};

// Which of two comes out later. Of equals an inner node comes first, since it may hold an equal leaf of lower id; then
// the leaf of lower id (~leaf falls as leaf rises).
struct Later {
    bool operator()(const Candidate &a, const Candidate &b) const {
        if (a.log_prob != b.log_prob) return a.log_prob < b.log_prob;
        return a.child < b.child;
    }
};

class Search {
  public:
    explicit Search(const BestFirst &query) : query_(query), width_(query.hidden.width) {}

    void run(int64_t example) {
        h_ = query_.hidden.data + example * width_;
        open_.clear();
        kept_.clear();
        int64_t found = 0, expanded = 0;
        if (query_.num_nodes == 0) { // one word
            query_.log_prob[example] = 0.0f;
            query_.leaves[example] = 0;
            query_.num_expanded[example] = 0;
            return;
        }
        open({0.0f, 0});
        while (found < query_.k) {
            require(!open_.empty(), "the tree has less than k leaves");
            std::pop_heap(open_.begin(), open_.end(), Later{});
            Candidate best = open_.back();
            open_.pop_back();
            if (best.child < 0) {
                query_.log_prob[example * query_.k + found] = best.log_prob;
                query_.leaves[example * query_.k + found] = ~best.child;
                ++found;
            } else {
                unfold(best);
                ++expanded;
            }
        }
        query_.num_expanded[example] = expanded;
    }

  private:
    // Puts a candidate among the open ones, unless k leaves are known that are better; equals are told apart by their ids.
    void open(Candidate candidate) {
        const bool full = int64_t(kept_.size()) == query_.k;
        if (full && candidate.log_prob < kept_.front()) return;
        open_.push_back(candidate);
        std::push_heap(open_.begin(), open_.end(), Later{});
        if (candidate.child >= 0) return;
        if (full) {
            std::pop_heap(kept_.begin(), kept_.end(), std::greater<float>{});
            kept_.back() = candidate.log_prob;
        } else {
            kept_.push_back(candidate.log_prob);
        }
        std::push_heap(kept_.begin(), kept_.end(), std::greater<float>{});
    }

    void unfold(Candidate node) {
        const int64_t first = query_.child_offsets[node.child], stop = query_.child_offsets[node.child + 1],
                      count = stop - first;
        require(0 <= first && first < stop && stop <= query_.num_edges && (!query_.binary || count == 2),
                "a node has no children, or a binary one not two");
        for (int64_t edge = first; edge < stop; ++edge) { // nodes are numbered breadth first
            const int32_t child = query_.children[edge];
            require(child < 0 || (node.child < child && child < query_.num_nodes),
                    "a child is not in the tree, or above its parent");
        }
        score_.make_room(whole_vectors(count));
        if (query_.binary) {
            const float *row = query_.weight + int64_t(node.child) * width_, *rows[4] = {row, row, row, row};
            float dots[4];
            dot_tile<1, 4>(&h_, rows, width_, dots);
            const float score = dots[0] + query_.bias[node.child];
            Logistic f = logistic(score_pair(score));
            score_[0] = -f.softplus[0];
            score_[1] = -f.softplus[1];
        } else {
            dot_products(h_, 1, query_.weight + first * width_, count, width_, query_.bias + first, score_.data(),
                         count);
            log_softmax(count);
        }
        for (int64_t c = 0; c < count; ++c) open({node.log_prob + score_[c], query_.children[first + c]});
    }

    static Vec score_pair(float score) {
        Vec pair = {};
        pair[0] = score; // left: log p = -softplus(score)
        pair[1] = -score;
        return pair;
    }

    void log_softmax(int64_t count) {
        float top = score_[0];
        for (int64_t c = 1; c < count; ++c) top = std::max(top, score_[c]);
        Vec sums = {};
        for (int64_t c = 0; c < count; c += lanes) {
            Vec e = exp_of_negative(load(score_.vector_at(c)) - top);
            for (int64_t i = count - c; i < lanes; ++i) e[i] = 0.0f;
            sums += e;
        }
        const float log_sum = std::log(sum(sums));
        for (int64_t c = 0; c < count; ++c) score_[c] = std::min(score_[c] - top - log_sum, 0.0f);
    }

    const BestFirst &query_;
    const int64_t width_;
    const float *h_ = nullptr;
    std::vector<Candidate> open_; // a heap, the best at its front
    std::vector<float> kept_;     // a heap of the k best leaves opened so far, the worst at its front
    Floats score_;
};

} // namespace

void hierarchical_best_first(const BestFirst &query, int threads) {
    const int64_t N = query.hidden.num_examples;
    threads = int(std::max<int64_t>(1, std::min<int64_t>(threads, N)));
    std::atomic<int64_t> next{0};
    in_threads(threads, [&](int) {
        Search search(query);
        for (int64_t example; (example = next++) < N;) search.run(example);
    });
}

} // namespace vastmax::VASTMAX_TARGET
