// The k best of all words, and log Z, by one pass over the rows or over their codes. Compiled once for each instruction
// set.
//
// Over codes a row's score is known up to ||r_w||·||h||, so first every word gets such a rough score, then those that may
// still be among the k best are scored in float32: the result is that of scoring all, proved for each example.
#include "word_scan.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "int_products.hpp"
#include "logistic.hpp"
#include "row_products.hpp"
#include "threads.hpp"

namespace vastmax::VASTMAX_TARGET {
namespace {

constexpr float minus_infinity = -std::numeric_limits<float>::infinity();
constexpr float unit = 0x1p-24f; // of rounding
// Examples that one pass over the codes serves.
constexpr int64_t examples_at_once = 8;
// Rows whose weights are fetched ahead of the one being scored.
constexpr int64_t rows_ahead = 8;

// Types of this instruction set's own: the linker merges what several sets make of std's comparisons.
struct Larger {
    bool operator()(float a, float b) const { return a > b; }
};
void sort_ids(std::vector<int64_t> &ids) {
    std::sort(ids.begin(), ids.end(), [](int64_t a, int64_t b) { return a < b; });
}

// The k-th largest of the numbers offered so far; -inf before there are k.
class KthLargest {
  public:
    explicit KthLargest(int64_t k) : k_(size_t(k)) { heap_.reserve(k_ + 1); }
    float value() const { return heap_.size() < k_ ? minus_infinity : heap_.front(); }
    void offer(float x) {
        if (heap_.size() == k_) {
            if (x <= heap_.front()) return;
            std::pop_heap(heap_.begin(), heap_.end(), Larger{});
            heap_.pop_back();
        }
        heap_.push_back(x);
        std::push_heap(heap_.begin(), heap_.end(), Larger{});
    }
    const std::vector<float> &all() const { return heap_; }

  private:
    size_t k_;
    std::vector<float> heap_;
};

inline bool any_above(Vec a, float bound) {
    const IntVec above = a > broadcast(bound);
    int32_t found = 0;
    for (int lane = 0; lane < lanes; ++lane) found |= above[lane];
    return found != 0;
}

// An example rounded to whole numbers: h = scale * whole + r.
struct RoundedHidden {
    std::vector<int32_t> pair; // two 16-bit numbers each
    float scale = 0.0f;
    int32_t eight_sums = 0; // 8 * the sum of all numbers, by which codes that count from 8 are too large
    float norm = 0.0f;      // ||h||, rounded up
    float slack = 0.0f;     // per unit of ||w||: ||r||, and what rounding in float32 can add
};

RoundedHidden rounded(const float *hidden, int64_t D, int bits) {
    RoundedHidden to;
    const int64_t columns = bits == 8 ? (D + 1) / 2 * 2 : (D + 3) / 4 * 4;
    // Sums of D products of a code and a number must fit 32 bits.
    const int64_t code = bits == 8 ? 128 : 15;
    const int64_t most = std::min<int64_t>(32767, ((int64_t(1) << 31) - 1) / (code * std::max<int64_t>(columns, 2)));
    float largest = 0.0f;
    double norm = 0.0, left = 0.0;
    for (int64_t d = 0; d < D; ++d) largest = std::max(largest, std::fabs(hidden[d])), norm += double(hidden[d]) * hidden[d];
    std::vector<int16_t> whole(size_t(columns), 0);
    to.scale = largest / float(most);
    if (!(to.scale >= std::numeric_limits<float>::min())) to.scale = 0.0f;
    int64_t sum = 0;
    for (int64_t d = 0; d < D; ++d) {
        const double exact = to.scale > 0.0f ? double(hidden[d]) / to.scale : 0.0;
        const double x = std::isnan(exact) ? 0.0 : std::clamp(std::nearbyint(exact), double(-most), double(most));
        whole[size_t(d)] = int16_t(x);
        sum += int64_t(x);
        const double r = double(hidden[d]) - double(to.scale) * x;
        left += r * r;
    }
    to.pair.resize(size_t(columns / 2));
    std::memcpy(to.pair.data(), whole.data(), size_t(columns) * sizeof(int16_t));
    to.eight_sums = int32_t(8 * sum);
    to.norm = float(std::sqrt(norm) * (1.0 + 1e-6));
    // 2 D u ||w|| ||h|| covers the rounding of a float32 product in any order; 8 u that of the rough score itself.
    to.slack = float(std::sqrt(left) * (1.0 + 1e-6)) * 1.01f + (2.0f * float(D) + 8.0f) * unit * to.norm;
    return to;
}

// How far the rough scores of some rows may be off: r_w . h, the rounding of h, that of float32 with and without a bias.
inline Vec margin(const RowCodes &codes, int64_t row, const RoundedHidden &hidden) {
    const Vec bias = load(codes.bias + row);
    const float slack = codes.norm[row / block_rows] * hidden.slack;
    return load(codes.error + row) * hidden.norm + (bias < Vec{} ? -bias : bias) * (4.0f * unit) + slack;
}

// Whole-number products of one block with `count` examples: sums[e * parts + p] holds rows p * lanes .. of it.
template <int count> inline void block_sums(const int8_t *codes, int64_t bytes, int bits, const RoundedHidden *hidden, IntVec *sums) {
    constexpr int vectors = count * parts;
    IntVec total[vectors] = {};
    const int32_t *pair[count];
    for (int e = 0; e < count; ++e) pair[e] = hidden[e].pair.data();
    if (bits == 8) {
        for (int64_t at = 0, j = 0; at < bytes; at += 32, ++j) {
            Pairs code[parts];
            for (int p = 0; p < parts; ++p) code[p] = widened(codes + at + p * 2 * lanes);
            for (int e = 0; e < count; ++e) {
                const Pairs h = same_pair(pair[e][j]);
                for (int p = 0; p < parts; ++p) total[e * parts + p] += pair_sums(code[p], h);
            }
        }
    } else {
        for (int64_t at = 0, j = 0; at < bytes; at += 32, j += 2) {
            Pairs low[parts], high[parts];
            for (int p = 0; p < parts; ++p) {
                const Pairs both = widened_unsigned(codes + at + p * 2 * lanes);
                low[p] = low_four(both), high[p] = high_four(both);
            }
            for (int e = 0; e < count; ++e) {
                const Pairs first = same_pair(pair[e][j]), second = same_pair(pair[e][j + 1]);
                for (int p = 0; p < parts; ++p) total[e * parts + p] += pair_sums(low[p], first) + pair_sums(high[p], second);
            }
        }
        for (int e = 0; e < count; ++e)
            for (int p = 0; p < parts; ++p) total[e * parts + p] -= broadcast(hidden[e].eight_sums);
    }
    for (int v = 0; v < vectors; ++v) sums[v] = total[v];
}

// One thread's part of the examples of one pass.
struct Rough {
    int64_t k;
    std::vector<KthLargest> lowest; // per example: of the lower ends of scores
    std::vector<float> largest;     // per example: of the rough scores
};

// Rough scores of blocks [first, last) into rough[e * stride + word].
template <int count>
void rough_scores(const WordTable &table, const RowCodes &codes, const RoundedHidden *hidden, int64_t first, int64_t last,
                  float *rough, int64_t stride, Rough &found, int64_t offset) {
    const int64_t bytes = block_bytes(table.D, codes.bits);
    IntVec sums[count * parts];
    for (int64_t block = first; block < last; ++block) {
        block_sums<count>(codes.codes + block * bytes, bytes, codes.bits, hidden, sums);
        for (int e = 0; e < count; ++e) {
            KthLargest &lowest = found.lowest[size_t(offset + e)];
            float &largest = found.largest[size_t(offset + e)];
            for (int p = 0; p < parts; ++p) {
                const int64_t row = block * block_rows + p * lanes;
                const Vec bias = load(codes.bias + row);
                const Vec score = to_float(sums[e * parts + p]) * (load(codes.scale + row) * hidden[e].scale) + bias;
                store(rough + e * stride + row, score);
                const Vec lower = score - margin(codes, row, hidden[e]);
                if (any_above(lower, lowest.value()))
                    for (int lane = 0; lane < lanes; ++lane) lowest.offer(lower[lane]);
                if (any_above(score, largest))
                    for (int lane = 0; lane < lanes; ++lane) largest = std::max(largest, score[lane]);
            }
        }
    }
}

void rough_scores(const WordTable &table, const RowCodes &codes, const RoundedHidden *hidden, int64_t count, int64_t first,
                  int64_t last, float *rough, int64_t stride, Rough &found) {
    int64_t e = 0;
    // A few thousand rows at a time, so that their codes are read once from memory and then from a cache.
    for (int64_t begin = first; begin < last; begin += 256) {
        const int64_t end = std::min(last, begin + 256);
        for (e = 0; e + 4 <= count; e += 4)
            rough_scores<4>(table, codes, hidden + e, begin, end, rough + e * stride, stride, found, e);
        for (; e + 2 <= count; e += 2)
            rough_scores<2>(table, codes, hidden + e, begin, end, rough + e * stride, stride, found, e);
        for (; e < count; ++e)
            rough_scores<1>(table, codes, hidden + e, begin, end, rough + e * stride, stride, found, e);
    }
}

// The same for the rows themselves.
void exact_scores(const WordTable &table, const float *hidden, int64_t count, int64_t first, int64_t last, float *scores,
                  int64_t stride, Rough &found) {
    constexpr int64_t rows = 4;
    for (int64_t block = first; block < last; ++block) {
        const int64_t begin = block * block_rows, end = std::min(table.V, begin + block_rows);
        for (int64_t e = 0; e < count; ++e) {
            const float *h = hidden + e * table.D;
            float *to = scores + e * stride;
            for (int64_t w = begin; w < end; w += rows) {
                const float *row[rows];
                for (int64_t i = 0; i < rows; ++i) row[i] = table.weight + std::min(w + i, end - 1) * table.D;
                float tile[rows];
                dot_tile<1, rows>(&h, row, table.D, tile);
                for (int64_t i = 0; i < std::min(rows, end - w); ++i) to[w + i] = tile[i] + (table.bias ? table.bias[w + i] : 0.0f);
            }
            for (int64_t w = end; w < begin + block_rows; ++w) to[w] = minus_infinity;
            for (int64_t w = begin; w < begin + block_rows; w += lanes) {
                const Vec score = load(to + w);
                if (any_above(score, found.lowest[size_t(e)].value()))
                    for (int lane = 0; lane < lanes; ++lane) found.lowest[size_t(e)].offer(score[lane]);
                if (any_above(score, found.largest[size_t(e)]))
                    for (int lane = 0; lane < lanes; ++lane) found.largest[size_t(e)] = std::max(found.largest[size_t(e)], score[lane]);
            }
        }
    }
}

float exact_score(const WordTable &table, const float *hidden, int64_t w) {
    const float *row = table.weight + w * table.D;
    float score;
    dot_tile<1, 1>(&hidden, &row, table.D, &score);
    return score + (table.bias ? table.bias[w] : 0.0f);
}

// Sum of exp(score - largest) over n scores, n a multiple of `lanes`.
double sum_of_exp(const float *scores, int64_t n, float largest) {
    double total = 0.0;
    for (int64_t begin = 0; begin < n; begin += 1024) {
        Vec sum{};
        const int64_t end = std::min(n, begin + 1024);
        for (int64_t w = begin; w < end; w += lanes) {
            const Vec below = load(scores + w) - largest;
            sum += exp_of_negative(below > Vec{} ? Vec{} : below);
        }
        total += double(sum_each<1>(&sum)[0]);
    }
    return total;
}

// One example's second half: which words may be among the best, their scores, log Z.
class Refine {
  public:
    Refine(const WordTable &table, const RowCodes *codes, const WordQuery &query) : table_(table), codes_(codes), query_(query) {}

    void run(int64_t n, float *rough, int64_t padded, float threshold, float largest, const RoundedHidden *hidden) {
        const float *h = query_.hidden + n * table_.D;
        candidates_.clear();
        broken_ = 0;
        collect(rough, padded, threshold, hidden);
        if (int64_t(candidates_.size()) < query_.k) { // numbers that are not finite: nothing is left out
            candidates_.resize(size_t(table_.V));
            std::iota(candidates_.begin(), candidates_.end(), int64_t(0));
        }
        if (codes_) score_rows(h, rough, hidden);
        int64_t scored = codes_ ? int64_t(candidates_.size()) : table_.V;
        best(n, rough);
        if (query_.log_normaliser) scored += normaliser(n, h, rough, padded, largest, hidden);
        query_.num_scored[n] = scored;
        query_.num_broken[n] = broken_;
    }

  private:
    // Words whose score may reach the threshold.
    void collect(const float *rough, int64_t padded, float threshold, const RoundedHidden *hidden) {
        for (int64_t w = 0; w < padded; w += lanes) {
            Vec upper = load(rough + w);
            if (codes_) upper += margin(*codes_, w, *hidden);
            const IntVec reach = upper >= broadcast(threshold);
            int32_t any = 0;
            for (int lane = 0; lane < lanes; ++lane) any |= reach[lane];
            if (!any) continue;
            for (int lane = 0; lane < lanes; ++lane)
                if (reach[lane] && w + lane < table_.V) candidates_.push_back(w + lane);
        }
    }

    // The scores of the candidates, in float32, in place of the rough ones.
    void score_rows(const float *h, float *rough, const RoundedHidden *hidden) {
        const int64_t count = int64_t(candidates_.size());
        for (int64_t i = 0; i < count; ++i) {
            if (i + rows_ahead < count) {
                const float *next = table_.weight + candidates_[size_t(i + rows_ahead)] * table_.D;
                for (int64_t d = 0; d < table_.D; d += 16) __builtin_prefetch(next + d);
            }
            const int64_t w = candidates_[size_t(i)];
            const float score = exact_score(table_, h, w);
            broken_ += !(std::fabs(score - rough[w]) <= margin(*codes_, w / lanes * lanes, *hidden)[w % lanes]);
            rough[w] = score;
        }
    }

    void best(int64_t n, const float *score) {
        auto key = [score](int64_t w) { return std::isnan(score[w]) ? minus_infinity : score[w]; };
        auto before = [key](int64_t a, int64_t b) { return key(a) != key(b) ? key(a) > key(b) : a < b; };
        std::partial_sort(candidates_.begin(), candidates_.begin() + query_.k, candidates_.end(), before);
        for (int64_t i = 0; i < query_.k; ++i) {
            query_.word_id[n * query_.k + i] = candidates_[size_t(i)];
            query_.score[n * query_.k + i] = score[candidates_[size_t(i)]];
        }
    }

    // log Z from the scores as they stand, rough ones made exact until what is left of them matters too little.
    //
    // A rough score is off by r_w . h, which for r_w in no particular direction has the variance v = ||r_w||^2 ||h||^2 / D;
    // exp of it is then too large by the factor exp(v / 2) on average, and the errors of different words are independent.
    int64_t normaliser(int64_t n, const float *h, float *score, int64_t padded, float largest, const RoundedHidden *hidden) {
        const float top = std::max(largest, query_.score[n * query_.k]);
        const double scale = codes_ ? double(hidden->norm) * hidden->norm / double(table_.D) : 0.0;
        int64_t scored = 0;
        double variance = 0.0;
        if (codes_) {
            sort_ids(candidates_);
            float below = top; // words down to here are exact, or candidates
            for (int round = 0; round < 64; ++round) {
                const double bias = rough_mass(score, padded, top, below, scale, variance);
                if (bias <= query_.tolerance && std::sqrt(variance) <= query_.tolerance) break;
                const float next = below - step;
                const size_t known = candidates_.size();
                for (int64_t w = 0; w < padded; w += lanes) {
                    const Vec s = load(score + w);
                    if (!any_above(s, next)) continue;
                    for (int lane = 0; lane < lanes; ++lane)
                        if (s[lane] > next && (s[lane] <= below || round == 0) && w + lane < table_.V) candidates_.push_back(w + lane);
                }
                std::vector<int64_t> fresh(candidates_.begin() + int64_t(known), candidates_.end());
                candidates_.resize(known);
                remove_known(fresh);
                fresh.swap(candidates_);
                score_rows(h, score, hidden);
                scored += int64_t(candidates_.size());
                fresh.insert(fresh.end(), candidates_.begin(), candidates_.end());
                candidates_.swap(fresh);
                sort_ids(candidates_);
                below = next;
            }
        }
        query_.log_normaliser[n] = float(double(top) + std::log(sum_of_exp(score, padded, top)));
        query_.normaliser_error[n] = float(std::sqrt(variance));
        return scored;
    }

    static constexpr float step = 1.0f;

    void remove_known(std::vector<int64_t> &fresh) const {
        fresh.erase(std::remove_if(fresh.begin(), fresh.end(),
                                   [this](int64_t w) { return std::binary_search(candidates_.begin(), candidates_.end(), w); }),
                    fresh.end());
    }

    // The expected excess of Z, as a share of it, from words that are rough still; their variance beside it.
    double rough_mass(const float *score, int64_t padded, float top, float below, double scale, double &variance) const {
        double total = sum_of_exp(score, padded, top), excess = 0.0, square = 0.0;
        for (int64_t w = 0; w < padded; w += lanes) {
            const Vec s = load(score + w), error = load(codes_->error + w);
            Vec mass = exp_of_negative(s - top > Vec{} ? Vec{} : s - top);
            mass = s <= broadcast(below) ? mass : Vec{};
            const Vec v = error * error * float(scale);
            const Vec e = mass * v, q = mass * mass * v;
            excess += 0.5 * double(sum_each<1>(&e)[0]);
            square += double(sum_each<1>(&q)[0]);
        }
        variance = square / (total * total);
        return excess / total;
    }

    const WordTable &table_;
    const RowCodes *codes_;
    const WordQuery &query_;
    std::vector<int64_t> candidates_;
    int64_t broken_ = 0;
};

} // namespace

void scan_words(const WordTable &table, const RowCodes *codes, const WordQuery &query, int threads) {
    const int64_t blocks = num_blocks(table.V), padded = blocks * block_rows;
    const int count = worthwhile_threads(threads, double(table.V) * double(table.D));
    std::vector<float> rough(size_t(padded * std::min(query.N, examples_at_once)));
    std::vector<RoundedHidden> hidden(static_cast<size_t>(std::min(query.N, examples_at_once)));
    std::vector<Rough> found(static_cast<size_t>(count));
    for (int64_t begin = 0; begin < query.N; begin += examples_at_once) {
        const int64_t examples = std::min(examples_at_once, query.N - begin);
        if (codes)
            for (int64_t e = 0; e < examples; ++e) hidden[size_t(e)] = rounded(query.hidden + (begin + e) * table.D, table.D, codes->bits);
        in_threads(count, [&](int thread) {
            Rough &own = found[size_t(thread)];
            own.lowest.assign(size_t(examples), KthLargest(query.k));
            own.largest.assign(size_t(examples), minus_infinity);
            const int64_t first = share(blocks, thread, count), last = share(blocks, thread + 1, count);
            if (codes)
                rough_scores(table, *codes, hidden.data(), examples, first, last, rough.data(), padded, own);
            else
                exact_scores(table, query.hidden + begin * table.D, examples, first, last, rough.data(), padded, own);
        });
        const int second = int(std::min<int64_t>(count, examples));
        in_threads(second, [&](int thread) {
            Refine refine(table, codes, query);
            for (int64_t e = share(examples, thread, second); e < share(examples, thread + 1, second); ++e) {
                KthLargest lowest(query.k);
                float largest = minus_infinity;
                for (const Rough &own : found) {
                    for (float x : own.lowest[size_t(e)].all()) lowest.offer(x);
                    largest = std::max(largest, own.largest[size_t(e)]);
                }
                refine.run(begin + e, rough.data() + e * padded, padded, lowest.value(), largest, codes ? &hidden[size_t(e)] : nullptr);
            }
        });
    }
}

} // namespace vastmax::VASTMAX_TARGET
