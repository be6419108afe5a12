// The input vectors of the words in a text: rows of a matrix, in place, or means of several of its rows (subwords,
// Bojanowski et al. 2017).
//
// With subwords a segment of text is taken at a time. Each word in it gets its mean in a row of our own, once, however
// often it occurs; training moves that row; in the end all that it moved by is added to each row of which it was the mean,
// as fastText does after every pair. So a row that words share learns from one of them what the other meets in the next
// segment. A segment costs two passes over the rows of its words, where fastText makes two for every pair.
#pragma once

#include <algorithm>
#include <vector>

#include "embedding.hpp"
#include "scratch.hpp"
#include "strips.hpp"
#include "windows.hpp"

namespace vastmax::VASTMAX_TARGET {

class Inputs {
  public:
    explicit Inputs(const EmbeddingModel &model)
        : subwords_(model.subwords), rows_(model.words), stride_(model.stride), base_(model.words) {}

    // How many centres to train between `take` and `give_back`, in a span of `size`: all of them without subwords.
    int64_t segment(int64_t size) const { return subwords_.offsets ? subwords_.segment : std::max<int64_t>(size, 1); }

    // Makes the inputs of positions first .. last - 1 ready.
    void take(Windows &windows, int64_t first, int64_t last) {
        if (!subwords_.offsets) return; // windows number the rows of words
        number(windows, first, last);
        const auto count = int64_t(words_.size());
        now_.make_room(count * stride_);
        before_.make_room(count * stride_);
        base_ = now_.data();
        with_units(stride_, [&](auto units) {
            for (int64_t k = 0; k < count; ++k) {
                if (k + 1 < count) prefetch_rows(words_[size_t(k + 1)]);
                for_strips<units>(stride_, [&](auto width, int d) { average<width>(k, d); });
            }
        });
    }

    // Adds to each row what the words it belongs to moved by since `take`.
    void give_back() {
        if (!subwords_.offsets) return;
        const auto count = int64_t(words_.size());
        with_units(stride_, [&](auto units) {
            for (int64_t k = 0; k < count; ++k) {
                if (k + 1 < count) prefetch_rows(words_[size_t(k + 1)]);
                for_strips<units>(stride_, [&](auto width, int d) { move<width>(k, d); });
            }
        });
    }

    float *row(const Windows &windows, int64_t p) const { return base_ + windows.input(p) * stride_; }

    // Asks for the row of a position that will be wanted soon. With subwords it is near already.
    VASTMAX_PREFETCHES void prefetch(const Windows &windows, int64_t p) const {
        if (!subwords_.offsets && p < windows.size()) prefetch_row(row(windows, p), stride_);
    }

  private:
    // Lists the different words of a segment, and tells `windows` the number of each.
    void number(Windows &windows, int64_t first, int64_t last) {
        int bits = 4;
        while ((int64_t(1) << bits) < 2 * (last - first)) ++bits;
        const size_t mask = (size_t(1) << bits) - 1;
        table_.assign(mask + 1, none);
        words_.clear();
        for (int64_t p = first; p < last; ++p) {
            const int32_t word = windows.word_id(p);
            size_t slot = (uint32_t(word) * 2654435769u >> 7) & mask; // Knuth's multiplicative hash
            while (table_[slot] != none && words_[size_t(table_[slot])] != word) slot = (slot + 1) & mask;
            if (table_[slot] == none) {
                table_[slot] = int32_t(words_.size());
                words_.push_back(word);
            }
            windows.set_input(p, table_[slot]);
        }
    }

    const int32_t *rows_of(int64_t k) const { return subwords_.rows + subwords_.offsets[words_[size_t(k)]]; }
    int64_t num_rows(int64_t k) const {
        const int32_t word = words_[size_t(k)];
        return subwords_.offsets[word + 1] - subwords_.offsets[word];
    }

    VASTMAX_PREFETCHES void prefetch_rows(int32_t word) const {
        for (int64_t r = subwords_.offsets[word]; r < subwords_.offsets[word + 1]; ++r)
            prefetch_row(rows_ + subwords_.rows[r] * stride_, stride_);
    }

    template <int width> void average(int64_t k, int64_t d) const {
        const int32_t *rows = rows_of(k);
        const int64_t count = num_rows(k);
        Vec total[width] = {};
        for (int64_t r = 0; r < count; ++r) {
            const float *row = rows_ + rows[r] * stride_ + d;
            for (int v = 0; v < width; ++v) total[v] += load(row + v * lanes);
        }
        const float share = 1.0f / float(count);
        for (int v = 0; v < width; ++v) {
            store(now_.data() + k * stride_ + d + v * lanes, total[v] * share);
            store(before_.data() + k * stride_ + d + v * lanes, total[v] * share);
        }
    }

    template <int width> void move(int64_t k, int64_t d) const {
        const int32_t *rows = rows_of(k);
        const int64_t count = num_rows(k);
        Vec moved[width];
        for (int v = 0; v < width; ++v) {
            const int64_t at = k * stride_ + d + v * lanes;
            moved[v] = load(now_.data() + at) - load(before_.data() + at);
        }
        for (int64_t r = 0; r < count; ++r) {
            float *row = rows_ + rows[r] * stride_ + d;
            for (int v = 0; v < width; ++v) store(row + v * lanes, load(row + v * lanes) + moved[v]);
        }
    }

    static constexpr int32_t none = -1;

    const Subwords &subwords_;
    float *const rows_;
    const int64_t stride_;
    float *base_;                // what windows number the rows of
    std::vector<int32_t> words_; // the different words of the segment
    std::vector<int32_t> table_; // their numbers, by hash
    Floats now_, before_;        // (words, stride) their means, as training moves them and as they were
};

} // namespace vastmax::VASTMAX_TARGET
