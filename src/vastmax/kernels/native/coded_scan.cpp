// The k best of all words, proved, and log Z, by one pass over rows coded in few bits. Compiled once for each instruction
// set.
//
// The codes of a block's leading columns bound the scores of its rows. Where a row may still be among the k best found so
// far, or weighs too much in log Z to be known so roughly, the codes of the other columns are read; where that leaves a
// doubt, the row itself is scored in float32. So the k best are those of scoring all.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "best_words.hpp"
#include "coded_products.hpp"
#include "threads.hpp"
#include "word_rows.hpp"
#include "word_scan.hpp"

namespace vastmax::VASTMAX_TARGET {
namespace {

constexpr float unit = 0x1p-24f; // of rounding
// Blocks whose codes are read by all examples before the next ones are: their codes stay in the second-level cache.
constexpr int64_t blocks_at_once = 64;
// Rows that wait, their numbers under way from memory, before they are scored.
constexpr int most_waiting = 16;

float rounded_up(double x) { return float(x * (1.0 + 1e-6)); }

// One example as the pass over the codes needs it.
struct Example {
    const float *hidden;
    RoundedHidden first, second;
    float first_error, second_error;   // what a row's errors are multiplied with
    float slack;                       // and its norm
    float spread;                      // and its variance
    float first_spread, second_spread; // logs of what the expected squared errors are multiplied with
};

Example example_of(const WordTable &table, const CodedTable &coded, const WordQuery &query, const CodedQuery &aids,
                   int64_t n) {
    const int64_t D = table.D;
    const float *hidden = query.hidden + n * D, *turned = aids.turned + n * D;
    Example e;
    e.hidden = hidden;
    e.first = rounded(turned, coded.first.width, coded.first.bits);
    e.second = rounded(turned, coded.second.width, coded.second.bits);
    double norm = 0.0, rest = 0.0;
    for (int64_t d = 0; d < D; ++d) norm += std::max(double(hidden[d]) * hidden[d], double(turned[d]) * turned[d]);
    for (int64_t d = coded.first.width; d < D; ++d) rest += double(turned[d]) * turned[d];
    e.first_error = rounded_up(std::sqrt(rest + double(coded.balance) * coded.balance * e.first.norm));
    e.second_error = rounded_up(std::sqrt(norm));
    // Rounding of the example; of the rotation, `slack`; of float32 products in any order and of rough scores.
    const double rounding = (4.0 * double(D) + 32.0) * double(unit) + double(coded.slack);
    // What the codes stand for is less than twice as long as the row: rounding moves it by less than its own length.
    e.slack = rounded_up((std::sqrt(e.first.left) + std::sqrt(e.second.left)) * 2.0 + rounding * std::sqrt(norm));
    e.spread = aids.spread[n];
    e.first_spread = std::log(e.spread);
    e.second_spread = 2.0f * std::log(e.second_error) - std::log(float(D));
    return e;
}

// How much of log Z's squared error the rows are expected to have together that are left at their first codes, and at their
// second: where they have more, the example is searched again with stricter bounds.
constexpr double strictness_step = 30.0, most_strict = 1e6;
constexpr double first_mass = 0.002, second_mass = 0.012;
// What rows left at their first codes may have of expected squared error, times their share of Z, per unit of tolerance: the
// correction for it is not exact.
constexpr double first_excess = 4e-5;

// What one thread knows of one example.
class Search {
  public:
    // `strictness` divides the squared errors that rows may be left with.
    Search(const WordTable &table, const CodedTable &coded, const WordQuery &query, const CodedQuery &aids,
           const Example &example, float bar, double strictness)
        : table_(table), coded_(coded), example_(example), wants_sum_(query.log_normaliser != nullptr), best_(query.k),
          bar_(bar) {
        const double squares = wanted_squares(aids) / (2.0 * strictness);
        first_share_ = float(std::log(
            std::max(std::min(squares / first_mass, double(aids.tolerance) * first_excess / strictness), 1e-300)));
        second_share_ = float(std::log(std::max(squares / second_mass, 1e-300)));
    }
    static double wanted_squares(const CodedQuery &aids) {
        return double(aids.tolerance) * double(aids.tolerance) / 16.0;
    }

    // Rows of a block whose leading columns have the products `sums`. Returns whether more is to be known of them.
    bool first(int64_t block, const IntVec *sums) {
        Vec *score = rough_;
        IntVec doubt{};
        const float slack = coded_.norm[block] * example_.slack;
        const float heavy = heavy_from(first_share_, coded_.first_spread[block] + example_.first_spread);
        for (int p = 0; p < parts; ++p) {
            const int64_t row = block * block_rows + p * lanes;
            const Vec bias = load(coded_.bias + row);
            score[p] = to_float(sums[p]) * (load(coded_.first.scale + row) * example_.first.scale) + bias;
            const Vec margin = load(coded_.first_error + row) * example_.first_error + rounding_of(bias) + slack;
            doubt |= ~(score[p] + margin < broadcast(bar_)) | ~(score[p] < broadcast(heavy));
        }
        if (any_lane(doubt)) return true;
        if (wants_sum_) {
            Vec variance[parts];
            for (int p = 0; p < parts; ++p)
                variance[p] = load(coded_.variance + block * block_rows + p * lanes) * example_.spread;
            add(score, variance);
        }
        return false;
    }

    // The same rows by both codes, the second ones having the products `sums`; rows in doubt then wait to be scored.
    void second(int64_t block, const IntVec *sums) {
        const bool both = coded_.second.width > 0;
        const float *errors = both ? coded_.second_error : coded_.first_error;
        const float factor = both ? example_.second_error : example_.first_error;
        const float slack = coded_.norm[block] * example_.slack;
        const float spread = both ? coded_.second_spread[block] + example_.second_spread
                                  : coded_.first_spread[block] + example_.first_spread;
        const float heavy = heavy_from(second_share_, spread);
        Vec score[parts], variance[parts];
        for (int p = 0; p < parts; ++p) {
            const int64_t row = block * block_rows + p * lanes;
            const Vec bias = load(coded_.bias + row);
            score[p] = rough_[p];
            if (both) score[p] += to_float(sums[p]) * (load(coded_.second.scale + row) * example_.second.scale);
            const Vec error = load(errors + row) * factor;
            variance[p] = both ? error * error / float(table_.D) : load(coded_.variance + row) * example_.spread;
            const Vec margin = error + rounding_of(bias) + slack;
            const IntVec doubt = ~(score[p] + margin < broadcast(bar_)) | ~(score[p] < broadcast(heavy));
            if (!any_lane(doubt)) continue;
            for (int lane = 0; lane < lanes; ++lane)
                if (doubt[lane] && row + lane < table_.V) {
                    wait_for(row + lane, score[p][lane], margin[lane]);
                    score[p][lane] = minus_infinity;
                }
        }
        if (wants_sum_) add(score, variance);
    }

    void finish() { score_waiting(); }

    BestWords &best() { return best_; }
    LogSum sum() const { return sum_; }
    double squares() const { return squares_; }
    int64_t num_scored = 0, num_broken = 0;

  private:
    // The score from which rows weigh so much in log Z that an error of this spread, a log, would show.
    float heavy_from(float share, float spread) const {
        return wants_sum_ ? share + log_sum_ - spread : -minus_infinity;
    }
    static Vec rounding_of(Vec bias) { return (bias < Vec{} ? -bias : bias) * (8.0f * unit); }

    // The rows of a block to log Z. A score that is off by an error of variance v counts exp(v / 2) times itself on average.
    void add(const Vec *score, const Vec *variance) {
        Vec top = score[0];
        for (int p = 1; p < parts; ++p) top = score[p] > top ? score[p] : top;
        if (any_lane(top > broadcast(sum_.largest))) raise(top);
        if (sum_.largest == minus_infinity) return;
        for (int p = 0; p < parts; ++p) {
            const Vec e = exp_of_negative(score[p] - sum_.largest),
                      v = variance[p] < broadcast(1.0f) ? variance[p] : broadcast(1.0f);
            mass_ += e + e * v * 0.5f;
            square_ += e * e * v;
        }
        if (++pending_ == 64) settle();
    }
    void raise(Vec top) {
        settle();
        float highest = sum_.largest;
        for (int lane = 0; lane < lanes; ++lane) highest = std::max(highest, top[lane]);
        rescale(sum_.largest, highest);
        sum_.raise(highest);
    }
    void rescale(float before, float after) {
        if (before > minus_infinity && after > before) squares_ *= std::exp(2.0 * (double(before) - double(after)));
    }
    // What was summed in float32 goes to the sums in float64.
    void settle() {
        sum_.total += double(VASTMAX_TARGET::sum(mass_));
        squares_ += double(VASTMAX_TARGET::sum(square_));
        mass_ = square_ = Vec{};
        pending_ = 0;
        if (sum_.total > 0.0) log_sum_ = sum_.largest + std::log(float(sum_.total));
    }
    void wait_for(int64_t word, float rough, float margin) {
        if (num_waiting_ == most_waiting) score_waiting();
        waiting_[num_waiting_++] = {word, rough, margin};
        fetch_row(table_, word);
    }
    void score_waiting() {
        float scores[most_waiting + lanes];
        for (int i = 0; i < num_waiting_; ++i) {
            const Waiting &each = waiting_[i];
            scores[i] = exact_score(table_, example_.hidden, each.word);
            num_broken += std::fabs(scores[i] - each.rough) > each.margin;
            best_.offer(scores[i], each.word);
        }
        num_scored += num_waiting_;
        bar_ = std::max(bar_, best_.bar());
        if (wants_sum_) {
            for (int i = num_waiting_; i < num_waiting_ + lanes; ++i) scores[i] = minus_infinity;
            settle();
            const float before = sum_.largest;
            sum_.add(scores, (num_waiting_ + lanes - 1) / lanes * lanes);
            rescale(before, sum_.largest);
            settle();
        }
        num_waiting_ = 0;
    }

    struct Waiting {
        int64_t word;
        float rough, margin;
    };
    const WordTable &table_;
    const CodedTable &coded_;
    const Example &example_;
    const bool wants_sum_;
    BestWords best_;
    float bar_; // what a score has to reach, as far as is known
    LogSum sum_;
    float log_sum_ = minus_infinity, first_share_, second_share_;
    double squares_ = 0.0; // of the errors that are left, in units of exp(2 * largest)
    Vec mass_{}, square_{};
    int pending_ = 0;
    Vec rough_[parts];
    Waiting waiting_[most_waiting];
    int num_waiting_ = 0;
};

template <int count>
void scan_blocks(const CodedTable &coded, int64_t first, int64_t last, const Example *examples, Search *searches) {
    const RoundedHidden *leading[count], *rest[count];
    for (int e = 0; e < count; ++e) leading[e] = &examples[e].first, rest[e] = &examples[e].second;
    IntVec sums[count * parts], others[count * parts] = {};
    for (int64_t block = first; block < last; ++block) {
        block_sums<count>(coded.first, block, leading, sums);
        bool wanted[count];
        int num_wanted = 0;
        for (int e = 0; e < count; ++e) num_wanted += wanted[e] = searches[e].first(block, sums + e * parts);
        if (num_wanted == 0) continue;
        if (coded.second.width && 2 * num_wanted > count) {
            block_sums<count>(coded.second, block, rest, others);
        } else if (coded.second.width) {
            for (int e = 0; e < count; ++e)
                if (wanted[e]) block_sums<1>(coded.second, block, rest + e, others + e * parts);
        }
        for (int e = 0; e < count; ++e)
            if (wanted[e]) searches[e].second(block, others + e * parts);
    }
}

// The k-th best score among the words that are likely: no lower one is among the k best of all.
float first_bar(const WordTable &table, const WordQuery &query, const CodedQuery &aids, const float *hidden) {
    if (aids.num_likely < query.k) return minus_infinity;
    BestWords best(query.k);
    for (int64_t i = 0; i < aids.num_likely; ++i) {
        if (i + 8 < aids.num_likely) fetch_row(table, aids.likely[i + 8]);
        best.offer(exact_score(table, hidden, aids.likely[i]), aids.likely[i]);
    }
    return best.bar();
}

// What all threads found of an example, written. Returns the squared error of log Z.
double write(const WordQuery &query, int64_t n, const std::vector<std::vector<Search>> &all, size_t at) {
    BestWords best(query.k);
    LogSum sum;
    double squares = 0.0;
    int64_t scored = 0, broken = 0;
    for (const std::vector<Search> &own : all) {
        Search search = own[at];
        best.merge(search.best());
        sum.merge(search.sum());
        scored += search.num_scored, broken += search.num_broken;
    }
    for (const std::vector<Search> &own : all)
        if (const float largest = own[at].sum().largest; largest > minus_infinity)
            squares += own[at].squares() * std::exp(2.0 * (double(largest) - double(sum.largest)));
    best.write(query.word_id + n * query.k, query.score + n * query.k);
    squares /= sum.total * sum.total;
    if (query.log_normaliser) {
        query.log_normaliser[n] = sum.value();
        query.normaliser_error[n] = float(std::sqrt(squares));
    }
    query.num_scored[n] += scored;
    query.num_broken[n] += broken;
    return squares;
}

// One pass over the codes for some of the examples.
void pass(const WordTable &table, const CodedTable &coded, const std::vector<Example> &examples,
          std::vector<std::vector<Search>> &searches, const Search *prototypes) {
    const int64_t blocks = num_blocks(table.V), N = int64_t(examples.size());
    const int count = int(searches.size());
    in_threads(count, [&](int thread) {
        std::vector<Search> &own = searches[size_t(thread)];
        own = std::vector<Search>(prototypes, prototypes + N);
        const int64_t last = share(blocks, thread + 1, count);
        for (int64_t begin = share(blocks, thread, count); begin < last; begin += blocks_at_once) {
            const int64_t end = std::min(last, begin + blocks_at_once);
            int64_t n = 0;
            for (; n + 4 <= N; n += 4) scan_blocks<4>(coded, begin, end, examples.data() + n, own.data() + n);
            for (; n + 2 <= N; n += 2) scan_blocks<2>(coded, begin, end, examples.data() + n, own.data() + n);
            for (; n < N; ++n) scan_blocks<1>(coded, begin, end, examples.data() + n, own.data() + n);
        }
        for (Search &search : own) search.finish();
    });
}

} // namespace

void scan_codes(const WordTable &table, const CodedTable &coded, const WordQuery &query, const CodedQuery &aids,
                int threads) {
    std::vector<int64_t> asked(size_t(query.N));
    for (int64_t n = 0; n < query.N; ++n) asked[size_t(n)] = n, query.num_scored[n] = query.num_broken[n] = 0;
    for (double strictness = 1.0; !asked.empty(); strictness *= strictness_step) {
        std::vector<Example> examples;
        examples.reserve(asked.size());
        for (int64_t n : asked) examples.push_back(example_of(table, coded, query, aids, n));
        std::vector<Search> prototypes;
        prototypes.reserve(examples.size());
        for (const Example &example : examples)
            prototypes.emplace_back(table, coded, query, aids, example, first_bar(table, query, aids, example.hidden),
                                    strictness);
        const double work = double(table.V) * double(coded.first.width) * double(examples.size());
        std::vector<std::vector<Search>> searches(static_cast<size_t>(worthwhile_threads(threads, work)));
        pass(table, coded, examples, searches, prototypes.data());
        std::vector<int64_t> again;
        for (size_t i = 0; i < asked.size(); ++i) {
            const double squares = write(query, asked[i], searches, i);
            if (query.log_normaliser && squares > 2.0 * Search::wanted_squares(aids) && strictness < most_strict)
                again.push_back(asked[i]);
        }
        asked.swap(again);
    }
}

} // namespace vastmax::VASTMAX_TARGET
