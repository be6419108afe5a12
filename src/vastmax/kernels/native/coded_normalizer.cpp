// log Z by one pass over rows coded in few bits and a sample of the rows, without bias. Compiled once for each instruction
// set.
//
// The leading columns' codes give every row a rough score r. A row is scored in float32 with probability
// p = min(1, draws * exp(r) / Z0), independently of the others, Z0 being a first guess of Z. Then
//
//     Z = sum over all rows of exp(r) + sum over the rows scored of (exp(s) - exp(r)) / p
//
// on average, whatever r and Z0 are. Rows that weigh much are scored for certain, and the others' terms are nearly alike, so
// that the sum is nearly normal: its variance is estimated by the sum over the rows scored of (1 - p) * term^2, and one draw.
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

// Blocks whose codes are read by all examples before the next ones are.
constexpr int64_t blocks_at_once = 64;
// Rows that wait, their numbers on the way from memory, before they are scored.
constexpr int most_waiting = 16;
// Blocks, evenly spaced, that the first guess of Z is made from, beside the likely words.
constexpr int64_t blocks_to_guess = 32;

typedef uint32_t UIntVec __attribute__((vector_size(lanes * sizeof(uint32_t))));

UIntVec mixed(UIntVec x) {
    x ^= x >> 16;
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    return x ^ x >> 16;
}

// Uniform numbers in (0, 1), one per row, from a seed and the number of the row.
Vec uniform(uint64_t seed, int64_t row) {
    UIntVec place{};
    for (int lane = 0; lane < lanes; ++lane) place[lane] = uint32_t(lane);
    const UIntVec first = mixed((place + uint32_t(row)) * 0x9e3779b1u + uint32_t(seed));
    const UIntVec second = mixed(first + uint32_t(seed >> 32));
    return (to_float(bits<IntVec>(second >> 1)) + 0.5f) * 0x1p-31f;
}

struct Example {
    const float *hidden;
    uint64_t seed;
    RoundedHidden rounded;
    float guess = 0.0f;   // log Z0, the unit of the sums
    float certain = 0.0f; // r - guess from which a row is scored for certain
};

// The rough scores of a block's rows.
void rough_scores(const CodedTable &coded, int64_t block, const Example &example, const IntVec *sums, Vec *score) {
    for (int p = 0; p < parts; ++p) {
        const int64_t row = block * block_rows + p * lanes;
        score[p] = to_float(sums[p]) * (load(coded.first.scale + row) * example.rounded.scale) + load(coded.bias + row);
    }
}

Example example_of(const WordTable &table, const CodedTable &coded, const SampledNormalizer &query, int64_t n) {
    Example e;
    e.hidden = query.hidden + n * table.D;
    e.seed = query.seed[n];
    e.rounded = rounded(query.turned + n * table.D, coded.first.width, coded.first.bits);
    LogSum likely, others;
    for (int64_t i = 0; i < query.num_likely; ++i) {
        if (i + 8 < query.num_likely) fetch_row(table, query.likely[i + 8]);
        const float score = exact_score(table, e.hidden, query.likely[i]);
        likely.raise(score);
        likely.total += std::exp(double(score) - double(likely.largest));
    }
    const int64_t blocks = num_blocks(table.V), step = (blocks + blocks_to_guess - 1) / blocks_to_guess;
    const RoundedHidden *rounded_hidden = &e.rounded;
    int64_t count = 0;
    for (int64_t block = step / 2; block < blocks; block += step, ++count) {
        IntVec sums[parts];
        Vec score[parts];
        block_sums<1>(coded.first, block, &rounded_hidden, sums);
        rough_scores(coded, block, e, sums, score);
        others.add(reinterpret_cast<const float *>(score), block_rows);
    }
    if (count) others.total *= double(blocks) / double(count);
    likely.merge(others);
    e.guess = likely.value();
    e.certain = -std::log(query.draws);
    return e;
}

// What one thread knows of one example: sums in units of exp(guess).
class Estimate {
  public:
    Estimate(const WordTable &table, const Example &example, float draws)
        : table_(table), example_(example), draws_(draws) {}

    void take(int64_t block, const Vec *score) {
        for (int p = 0; p < parts; ++p) {
            const int64_t row = block * block_rows + p * lanes;
            const Vec over = score[p] - example_.guess;
            const IntVec certain = ~(over < broadcast(example_.certain));
            const Vec e = exp_of_negative(certain ? broadcast(minus_infinity) : over), chance = e * draws_;
            mass_ += e;
            const IntVec wanted = certain | (uniform(example_.seed, row) < chance);
            if (!any_lane(wanted)) continue;
            for (int lane = 0; lane < lanes; ++lane)
                if (wanted[lane] && row + lane < table_.V)
                    wait_for(row + lane, certain[lane] ? 0.0f : e[lane], certain[lane] ? 1.0f : chance[lane]);
        }
        if (++pending_ == 64) settle();
    }
    void finish() {
        settle();
        score_waiting();
    }

    LogSum certain;          // of the rows scored for certain
    double rough = 0.0;      // of the others, by their rough scores
    double correction = 0.0; // what the rows drawn add to that
    double squares = 0.0;    // its variance
    int64_t num_scored = 0;

  private:
    struct Waiting {
        int64_t word;
        float rough, chance; // exp(r), and of being scored
    };

    void settle() {
        rough += double(sum(mass_));
        mass_ = Vec{};
        pending_ = 0;
    }
    void wait_for(int64_t word, float rough, float chance) {
        if (num_waiting_ == most_waiting) score_waiting();
        waiting_[num_waiting_++] = {word, rough, chance};
        fetch_row(table_, word);
    }
    void score_waiting() {
        for (int i = 0; i < num_waiting_; ++i) {
            const Waiting &each = waiting_[i];
            const float score = exact_score(table_, example_.hidden, each.word);
            if (each.chance >= 1.0f) {
                certain.raise(score);
                certain.total += std::exp(double(score) - double(certain.largest));
                continue;
            }
            const double term =
                (std::exp(double(score) - double(example_.guess)) - double(each.rough)) / double(each.chance);
            correction += term;
            squares += (1.0 - double(each.chance)) * term * term;
        }
        num_scored += num_waiting_;
        num_waiting_ = 0;
    }

    const WordTable &table_;
    const Example &example_;
    const float draws_;
    Vec mass_{};
    int pending_ = 0;
    Waiting waiting_[most_waiting];
    int num_waiting_ = 0;
};

template <int count>
void take_blocks(const CodedTable &coded, int64_t first, int64_t last, const Example *examples, Estimate *estimates) {
    const RoundedHidden *hidden[count];
    for (int e = 0; e < count; ++e) hidden[e] = &examples[e].rounded;
    IntVec sums[count * parts];
    Vec score[parts];
    for (int64_t block = first; block < last; ++block) {
        block_sums<count>(coded.first, block, hidden, sums);
        for (int e = 0; e < count; ++e) {
            rough_scores(coded, block, examples[e], sums + e * parts, score);
            estimates[e].take(block, score);
        }
    }
}

// What all threads found of an example, written; NaN where the sample says that Z is not above 0.
void write(const SampledNormalizer &query, int64_t n, const Example &example,
           const std::vector<std::vector<Estimate>> &all) {
    LogSum certain;
    double rough = 0.0, correction = 0.0, squares = 0.0;
    query.num_scored[n] = 0;
    for (const std::vector<Estimate> &own : all) {
        const Estimate &each = own[size_t(n)];
        certain.merge(each.certain);
        rough += each.rough, correction += each.correction, squares += each.squares;
        query.num_scored[n] += each.num_scored;
    }
    // One more draw, so that no error is 0 where rows are left to chance but none was drawn.
    const double one_draw = std::min(rough, 1.0 / double(query.draws));
    squares += one_draw * one_draw;
    // In units of exp(largest), in which nothing overflows.
    const double largest = std::max(double(certain.largest), double(example.guess));
    const double scale = std::exp(double(example.guess) - largest);
    double total = (rough + correction) * scale;
    if (certain.total > 0.0) total += certain.total * std::exp(double(certain.largest) - largest);
    query.log_normalizer[n] = total > 0.0 ? float(largest + std::log(total)) : std::numeric_limits<float>::quiet_NaN();
    query.error[n] = float(std::sqrt(squares) * scale / total);
}

} // namespace

void sample_normalizer(const WordTable &table, const CodedTable &coded, const SampledNormalizer &query, int threads) {
    if (query.N == 0) return;
    std::vector<Example> examples;
    examples.reserve(size_t(query.N));
    for (int64_t n = 0; n < query.N; ++n) examples.push_back(example_of(table, coded, query, n));
    const int64_t blocks = num_blocks(table.V);
    const int count = worthwhile_threads(threads, double(table.V) * double(coded.first.width) * double(query.N));
    std::vector<std::vector<Estimate>> estimates(static_cast<size_t>(count));
    in_threads(count, [&](int thread) {
        std::vector<Estimate> &own = estimates[size_t(thread)];
        own.reserve(size_t(query.N));
        for (const Example &example : examples) own.emplace_back(table, example, query.draws);
        const int64_t last = share(blocks, thread + 1, count);
        for (int64_t begin = share(blocks, thread, count); begin < last; begin += blocks_at_once) {
            const int64_t end = std::min(last, begin + blocks_at_once);
            int64_t n = 0;
            for (; n + 4 <= query.N; n += 4) take_blocks<4>(coded, begin, end, examples.data() + n, own.data() + n);
            for (; n < query.N; ++n) take_blocks<1>(coded, begin, end, examples.data() + n, own.data() + n);
        }
        for (Estimate &estimate : own) estimate.finish();
    });
    for (int64_t n = 0; n < query.N; ++n) write(query, n, examples[size_t(n)], estimates);
}

} // namespace vastmax::VASTMAX_TARGET
