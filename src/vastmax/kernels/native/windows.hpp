// The words that subsampling keeps, and which of them are contexts of which.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "checks.hpp"
#include "embedding.hpp"
#include "mixing.hpp"

namespace vastmax::VASTMAX_TARGET {

// Words kept before training on them: their positions stay in the cache.
constexpr int64_t span = 2048;
constexpr int max_contexts = 2 * band_width;

struct Position {
    int32_t word_id;
    int32_t first, last; // its sentence, as positions in the span
    int32_t width;       // how far its window reaches
    int32_t input;       // the number of its input vector: that of the word, unless it is set
};

class Windows {
  public:
    // Takes whole sentences, from number s on, until about `span` words are kept: drops words outside the vocabulary and,
    // by chance, frequent ones, and draws a window for each that is left, unless all are of one width. Returns the next
    // sentence's number.
    int64_t fill(const Subsampling &words, const Chunk &chunk, int64_t s, const EmbeddingSettings &settings,
                 Random &random) {
        const auto window = uint32_t(settings.window);
        positions_.clear();
        longest_ = 0;
        for (; s < chunk.num_sentences && size() < span; ++s) {
            const int32_t *word = chunk.word_ids + (chunk.sentence_offsets[s] - chunk.origin());
            const int32_t *end = chunk.word_ids + (chunk.sentence_offsets[s + 1] - chunk.origin());
            auto first = int32_t(size());
            for (; word < end; ++word) {
                if (*word >= words.vocab_size) continue;
                ++words_;
                uint64_t r = random.next();
                if (uint32_t(r >> 32) <= words.keep_threshold[*word])
                    positions_.push_back(
                        {*word, first, 0,
                         settings.fixed_window ? settings.window : int32_t(1 + Random::below(window, uint32_t(r))),
                         *word});
            }
            auto last = int32_t(size()) - 1;
            for (int32_t k = first; k <= last; ++k) positions_[k].last = last;
            longest_ = std::max(longest_, last - first + 1);
        }
        kept_ += size();
        return s;
    }

    // The contexts of position p at distances above `below`, at most band_width further: their word ids, `step` apart, and
    // how many.
    int contexts(int64_t p, int below, int32_t *word_ids, int step) const {
        const Position &centre = positions_[p];
        int64_t reach = std::min(centre.width, below + band_width);
        int n = 0;
        for (int64_t k = std::max<int64_t>(centre.first, p - reach); k < p - below; ++k)
            word_ids[step * n++] = positions_[k].word_id;
        for (int64_t k = p + below + 1, end = std::min<int64_t>(centre.last, p + reach); k <= end; ++k)
            word_ids[step * n++] = positions_[k].word_id;
        return n;
    }

    // The first and the last position in the window of position p.
    int64_t window_begin(int64_t p) const {
        VASTMAX_ASSERT(0 <= p && p < size());
        return std::max<int64_t>(positions_[p].first, p - positions_[p].width);
    }
    int64_t window_last(int64_t p) const {
        VASTMAX_ASSERT(0 <= p && p < size());
        return std::min<int64_t>(positions_[p].last, p + positions_[p].width);
    }

    // marks[i] = -1 if the word is in the window of position begin + i, its centre included, else 0; for i < count, which
    // may be 0.
    void mark(int64_t begin, int count, int32_t word_id, int32_t *marks) const {
        if (count == 0) return; // begin may lie behind the text
        VASTMAX_ASSERT(count > 0 && begin + count <= size());
        std::fill_n(marks, count, 0);
        int64_t first = begin, last = begin;
        for (int i = 0; i < count; ++i) {
            first = std::min(first, window_begin(begin + i));
            last = std::max(last, window_last(begin + i));
        }
        for (int64_t q = first; q <= last; ++q)
            if (positions_[q].word_id == word_id)
                for (int i = 0; i < count; ++i)
                    if (window_begin(begin + i) <= q && q <= window_last(begin + i)) marks[i] = -1;
    }

    int64_t size() const { return int64_t(positions_.size()); }
    int32_t word_id(int64_t p) const {
        VASTMAX_ASSERT(0 <= p && p < size());
        return positions_[p].word_id;
    }
    int32_t input(int64_t p) const {
        VASTMAX_ASSERT(0 <= p && p < size());
        return positions_[p].input;
    }
    void set_input(int64_t p, int32_t number) {
        VASTMAX_ASSERT(0 <= p && p < size());
        positions_[p].input = number;
    }
    // The first position in the windows of positions begin .. end - 1, and the one behind their last.
    std::pair<int64_t, int64_t> reach(int64_t begin, int64_t end) const {
        int64_t first = begin, last = end;
        for (int64_t p = begin; p < end; ++p) {
            first = std::min(first, window_begin(p));
            last = std::max(last, window_last(p) + 1);
        }
        return {first, last};
    }
    int32_t longest_sentence() const { return longest_; } // in kept words
    int64_t words() const { return words_; }              // in the vocabulary, over all calls of fill
    int64_t kept() const { return kept_; }

  private:
    std::vector<Position> positions_;
    int32_t longest_ = 0;
    int64_t words_ = 0, kept_ = 0;
};

} // namespace vastmax::VASTMAX_TARGET
