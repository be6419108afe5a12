// Skip-gram with hierarchical softmax, for the skip-gram kernel.
//
// The context word is the input and the path leads to the centre, as in word2vec: each pair (centre c, context o) adds
// -log p(c | v_o). The pairs are the same as with the centre for input, but so all contexts of a centre share its path.
#pragma once

#include <vector>

#include "tree_paths.hpp"

namespace vastmax::VASTMAX_TARGET {

class SkipgramPaths {
  public:
    SkipgramPaths(float *words, const Tree &tree, int64_t stride) : words_(words), stride_(stride), paths_(tree, stride) {}

    // Trains the pairs of a span; returns how many there are.
    int64_t train(const Windows &windows, float alpha) {
        int64_t pairs = 0;
        for (int64_t p = 0; p < windows.size(); ++p) {
            if (p + furthest_prefetch < windows.size()) prefetch_row(row(windows, p + furthest_prefetch), stride_);
            paths_.prefetch(windows, p);
            contexts_.clear();
            for (int64_t q = windows.window_begin(p); q <= windows.window_last(p); ++q)
                if (q != p) contexts_.push_back(row(windows, q));
            if (contexts_.empty()) continue;
            paths_.walk(windows.word_id(p), contexts_.data(), contexts_.data(), int(contexts_.size()), 1.0f, alpha);
            pairs += int64_t(contexts_.size());
        }
        paths_.end_span();
        return pairs;
    }

    // See TreePaths::finish.
    double finish() { return paths_.finish(); }

  private:
    static constexpr int64_t furthest_prefetch = 12;

    float *row(const Windows &windows, int64_t p) const { return words_ + windows.word_id(p) * stride_; }

    float *const words_;
    const int64_t stride_;
    TreePaths paths_;
    std::vector<float *> contexts_; // rows of the words in a window
};

} // namespace vastmax::VASTMAX_TARGET
