// What a scan over words keeps for an example: the k best of those seen so far, and the sum of exp of all scores.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "logistic.hpp"
#include "vector.hpp"

namespace vastmax::VASTMAX_TARGET {

constexpr float minus_infinity = -std::numeric_limits<float>::infinity();

// Whether any lane is at least `bar`, or no number.
inline bool any_reaches(Vec a, float bar) {
    const IntVec below = a < broadcast(bar);
    int32_t all = -1;
    for (int lane = 0; lane < lanes; ++lane) all &= below[lane];
    return all == 0;
}

// The k best words offered, in any order: the higher score first, of equal ones the lower id. A score that is no number
// counts as -inf. (A type of this instruction set's own: the linker merges what several sets make of std's heaps.)
class BestWords {
  public:
    explicit BestWords(int64_t k = 0) : k_(size_t(k)) {}

    // What a score has to reach to be among the best.
    float bar() const { return heap_.size() < k_ ? minus_infinity : heap_.front().score; }
    void offer(float score, int64_t word) {
        const Scored next{std::isnan(score) ? minus_infinity : score, word};
        if (heap_.size() == k_) {
            if (k_ == 0 || !Before{}(next, heap_.front())) return;
            std::pop_heap(heap_.begin(), heap_.end(), Before{});
            heap_.pop_back();
        }
        heap_.push_back(next);
        std::push_heap(heap_.begin(), heap_.end(), Before{});
    }
    // The scores of `lanes` words from `first` on, those from `last` on left out.
    void offer(Vec scores, int64_t first, int64_t last) {
        if (!any_reaches(scores, bar())) return;
        for (int lane = 0; lane < lanes && first + lane < last; ++lane)
            if (!(scores[lane] < bar())) offer(scores[lane], first + lane);
    }
    void merge(const BestWords &other) {
        for (const Scored &each : other.heap_) offer(each.score, each.word);
    }
    int64_t size() const { return int64_t(heap_.size()); }
    // Best first. Nothing can be offered after that.
    void write(int64_t *word_id, float *score) {
        std::sort(heap_.begin(), heap_.end(), Before{});
        for (size_t i = 0; i < heap_.size(); ++i) word_id[i] = heap_[i].word, score[i] = heap_[i].score;
    }

  private:
    struct Scored {
        float score;
        int64_t word;
    };
    struct Before {
        bool operator()(const Scored &a, const Scored &b) const {
            return a.score != b.score ? a.score > b.score : a.word < b.word;
        }
    };
    size_t k_;
    std::vector<Scored> heap_; // the worst at its front
};

// log of a sum of exp(score), added to piece by piece: total * exp(largest).
struct LogSum {
    float largest = minus_infinity;
    double total = 0.0;

    // Makes `top` the new unit, where it is above the old one.
    void raise(float top) {
        if (!(top > largest)) return;
        if (total != 0.0) total *= std::exp(double(largest) - double(top));
        largest = top;
    }
    void merge(const LogSum &other) {
        if (std::isnan(other.total)) total = other.total;
        raise(other.largest);
        if (other.largest > minus_infinity) total += other.total * std::exp(double(other.largest) - double(largest));
    }
    // n scores, a multiple of `lanes`. What is no number, or infinite, makes the sum none.
    void add(const float *scores, int64_t n) {
        Vec top = broadcast(minus_infinity);
        IntVec undefined{};
        for (int64_t i = 0; i < n; i += lanes) {
            const Vec s = load(scores + i);
            top = s > top ? s : top;
            undefined |= ~(s < broadcast(-minus_infinity));
        }
        float highest = minus_infinity;
        for (int lane = 0; lane < lanes; ++lane) {
            highest = std::max(highest, top[lane]);
            if (undefined[lane]) total = std::numeric_limits<double>::quiet_NaN();
        }
        raise(highest);
        if (largest == minus_infinity || total != total) return;
        Vec sum{};
        for (int64_t i = 0; i < n; i += lanes) sum += exp_of_negative(load(scores + i) - largest);
        total += double(sum_each<1>(&sum)[0]);
    }
    float value() const { return float(double(largest) + std::log(total)); }
};

} // namespace vastmax::VASTMAX_TARGET
