#include "ngram_law.hpp"

#include <algorithm>

namespace vastmax {

namespace {

// A row this many times as long as the list of wanted columns is searched for them rather than read: a step of a search
// misses the cache, a row read in order does not.
constexpr int64_t search_beyond = 24;

// Entries looked at before those found are used: what they are kept in stays in the first cache.
constexpr int64_t stretch = 1024;

// The wanted columns as bits, and how many are set before each word of bits: a column's position in two look-ups. At
// V = 349k both together are 65 KB, where an array of positions would be 1.4 MB.
class ColumnSet {
  public:
    ColumnSet(const int64_t *wanted, int64_t count, int64_t columns)
        : bits_(size_t(columns / 64 + 1)), before_(size_t(columns / 64 + 1)) {
        for (int64_t i = 0; i < count; ++i) bits_[size_t(wanted[i] >> 6)] |= uint64_t(1) << (wanted[i] & 63);
        int32_t total = 0;
        for (size_t i = 0; i < bits_.size(); ++i) {
            before_[i] = total;
            total += __builtin_popcountll(bits_[i]);
        }
    }
    bool holds(int32_t column) const { return bits_[size_t(column >> 6)] >> (column & 63) & 1; }
    int64_t position(int32_t column) const {
        const uint64_t below = (uint64_t(1) << (column & 63)) - 1;
        return before_[size_t(column >> 6)] + __builtin_popcountll(bits_[size_t(column >> 6)] & below);
    }

  private:
    std::vector<uint64_t> bits_;
    std::vector<int32_t> before_;
};

} // namespace

RowLaws row_laws(const CountRows &counts, const int64_t *row, const float *row_weight, int64_t count,
                 const int64_t *wanted, const int32_t *noise_of, int64_t num_wanted, double *mean) {
    const ColumnSet set(wanted, num_wanted, counts.columns);
    RowLaws laws;
    laws.offset.reserve(size_t(count + 1));
    laws.offset.push_back(0);
    int64_t found[stretch];
    for (int64_t r = 0; r < count; ++r) {
        const int64_t begin = counts.offset[row[r]], end = counts.offset[row[r] + 1];
        const double total = double(counts.cumulative[end] - counts.cumulative[begin]);
        const auto use = [&](int64_t position, int64_t entry) {
            const double probability = double(counts.cumulative[entry + 1] - counts.cumulative[entry]) / total;
            mean[position] += double(row_weight[r]) * probability;
            if (noise_of[position] < 0) return;
            laws.noise.push_back(noise_of[position]);
            laws.probability.push_back(float(probability));
        };
        if (end - begin <= search_beyond * num_wanted) {
            for (int64_t first = begin; first < end; first += stretch) {
                // No branch on whether an entry is wanted: few are, and which cannot be foreseen.
                const int64_t last = std::min(first + stretch, end);
                int64_t num_found = 0;
                for (int64_t e = first; e < last; ++e) {
                    found[num_found] = e;
                    num_found += set.holds(counts.column[e]);
                }
                // Their counts lie far apart: asked for all at once, they come while the first are used.
                for (int64_t i = 0; i < num_found; ++i) __builtin_prefetch(counts.cumulative + found[i]);
                for (int64_t i = 0; i < num_found; ++i) use(set.position(counts.column[found[i]]), found[i]);
            }
        } else {
            const int32_t *from = counts.column + begin, *stop = counts.column + end;
            for (int64_t i = 0; i < num_wanted && from != stop; ++i) {
                from = std::lower_bound(from, stop, wanted[i]);
                if (from != stop && *from == wanted[i]) use(i, from - counts.column);
            }
        }
        laws.offset.push_back(int64_t(laws.noise.size()));
    }
    return laws;
}

void row_responsibilities(const RowLaws &laws, const float *share, const float *unigram, const int64_t *example_row,
                          const float *weight, int64_t examples, int64_t noise_words, double *claimed) {
    const int64_t rows = int64_t(laws.offset.size()) - 1;
    std::vector<float> responsibility(laws.noise.size());
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t e = laws.offset[size_t(r)]; e < laws.offset[size_t(r + 1)]; ++e) {
            const float of_table = share[r] * laws.probability[size_t(e)];
            responsibility[size_t(e)] = of_table / (of_table + (1 - share[r]) * unigram[laws.noise[size_t(e)]]);
        }
    for (int64_t i = 0; i < examples; ++i) {
        const int64_t r = example_row[i];
        if (r < 0) continue;
        const float *own = weight + i * noise_words;
        float sum = 0;
        for (int64_t e = laws.offset[size_t(r)]; e < laws.offset[size_t(r + 1)]; ++e)
            sum += own[laws.noise[size_t(e)]] * responsibility[size_t(e)];
        claimed[r] += double(sum);
    }
}

} // namespace vastmax
