// Skip-gram with hierarchical softmax, for the skip-gram kernel.
//
// The context word is the input and the path leads to the centre, as in word2vec: each pair (centre c, context o) adds
// -log p(c | v_o). The pairs are the same as with the centre for input, but so all contexts of a centre share its path.
#pragma once

#include <vector>

#include "tree_paths.hpp"
#include "windows.hpp"

namespace vastmax::VASTMAX_TARGET {

class SkipgramPaths {
  public:
    SkipgramPaths(float *words, const Tree &tree, int64_t stride) : words_(words), stride_(stride), paths_(tree, stride) {}

    // Trains the pairs of a span; returns how many there are.
    int64_t train(const Windows &windows, float alpha) {
        int64_t pairs = 0;
        for (int64_t p = 0; p < windows.size(); ++p) {
            prefetch(windows, p);
            contexts_.clear();
            for (int64_t q = windows.window_begin(p); q <= windows.window_last(p); ++q)
                if (q != p) contexts_.push_back(words_ + windows.word_id(q) * stride_);
            if (contexts_.empty()) continue;
            paths_.walk(windows.word_id(p), contexts_.data(), contexts_.data(), int(contexts_.size()), 1.0f, alpha);
            pairs += int64_t(contexts_.size());
        }
        paths_.end_span();
        return pairs;
    }

    double loss() const { return paths_.loss(); }

  private:
    // Asks for what later centres will want; a path's edges must be there before its rows can be asked for.
    void prefetch(const Windows &windows, int64_t p) {
        auto with_word = [&](int64_t ahead, auto f) {
            if (p + ahead < windows.size()) f(windows.word_id(p + ahead));
        };
        with_word(12, [&](int32_t word_id) {
            prefetch_row(words_ + word_id * stride_, stride_);
            paths_.prefetch_offset(word_id);
        });
        with_word(8, [&](int32_t word_id) { paths_.prefetch_edges(word_id); });
        with_word(2, [&](int32_t word_id) { paths_.prefetch_rows(word_id); });
    }

    float *const words_;
    const int64_t stride_;
    TreePaths paths_;
    std::vector<float *> contexts_; // rows of the words in a window
};

} // namespace vastmax::VASTMAX_TARGET
