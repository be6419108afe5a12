// The laws of words after some contexts, at some words: rows of a sparse matrix of counts, in a few of its columns; and
// their Python face.
#include "bindings.hpp"

using namespace vastmax;

namespace {

// Row r has the columns column[offset[r] .. offset[r + 1]), ascending, and the counts that are the steps of `cumulative`.
// `small_count` has them once more, up to `not_small`, which stands for that and more: the few entries that are wanted
// lie far apart, and a byte an entry is soon read where sixteen are waited for.
struct CountRows {
    static constexpr uint8_t not_small = 255;
    const int64_t *offset;
    const int32_t *column;
    const int64_t *cumulative;
    const uint8_t *small_count;
    int64_t rows, columns;
};

// Entries in the columns of the noise, row after row: where each row's begin, which noise word, its probability.
struct RowLaws {
    std::vector<int64_t> offset;
    std::vector<int32_t> noise;
    std::vector<float> probability;
};

// A row this many times as long as the list of wanted columns is searched for them rather than read: a step of a search
// misses the cache, a row read in order does not.
constexpr int64_t search_beyond = 24;

// Entries looked at before those found are used: what they are kept in stays in the first cache.
constexpr int64_t stretch = 1024;

// Room to begin with: in real text one in sixteen of the wanted words is noise that was seen after a context.
constexpr int64_t expected_share = 12, most_room = 1 << 20;

// Rows lie anywhere in the table: what is read of them first is asked for while earlier ones are worked on.
constexpr int64_t rows_ahead = 4;
constexpr int64_t entries_ahead = 256; // beyond, the processor sees by itself where the reading goes

// The wanted columns as bits, and how many are set before each word of bits: a column's position in one look-up. At
// V = 349k that is 87 KB, where an array of positions would be 1.4 MB.
class ColumnSet {
  public:
    ColumnSet(const int64_t *wanted, int64_t count, int64_t columns) : cells_(size_t(columns / 64 + 1)) {
        for (int64_t i = 0; i < count; ++i) cells_[size_t(wanted[i] >> 6)].bits |= uint64_t(1) << (wanted[i] & 63);
        int64_t total = 0;
        for (Cell &cell : cells_) {
            cell.before = total;
            total += __builtin_popcountll(cell.bits);
        }
    }
    bool holds(int32_t column) const { return cells_[size_t(column >> 6)].bits >> (column & 63) & 1; }
    int64_t position(int32_t column) const {
        const Cell &cell = cells_[size_t(column >> 6)];
        return cell.before + __builtin_popcountll(cell.bits & ((uint64_t(1) << (column & 63)) - 1));
    }

  private:
    struct Cell {
        uint64_t bits = 0;
        int64_t before = 0;
    };
    std::vector<Cell> cells_;
};

void fetch(const CountRows &counts, int64_t row) {
    const int64_t begin = counts.offset[row], end = counts.offset[row + 1];
    __builtin_prefetch(counts.cumulative + begin);
    __builtin_prefetch(counts.cumulative + end);
    for (int64_t e = begin; e < std::min(end, begin + entries_ahead); e += 16) __builtin_prefetch(counts.column + e);
    for (int64_t e = begin; e < std::min(end, begin + entries_ahead); e += 64)
        __builtin_prefetch(counts.small_count + e);
}

// For the `count` rows at `row`: adds row_weight[r] * probability to mean[i] for each wanted column i they have, and
// collects the entries of those that are noise (noise_of[i] >= 0). `wanted` ascends and is distinct.
RowLaws row_laws(const CountRows &counts, const int64_t *row, const float *row_weight, int64_t count,
                 const int64_t *wanted, const int32_t *noise_of, int64_t num_wanted, double *mean) {
    const ColumnSet set(wanted, num_wanted, counts.columns);
    RowLaws laws;
    laws.offset.reserve(size_t(count + 1));
    laws.offset.push_back(0);
    const size_t room = size_t(std::min(count * num_wanted / expected_share, most_room));
    laws.noise.reserve(room);
    laws.probability.reserve(room);
    int64_t found[stretch];
    // One place more than can be filled: what is no noise is written, too, and then written over.
    std::vector<int32_t> noise(size_t(num_wanted + 1));
    std::vector<float> of_noise(size_t(num_wanted + 1));
    for (int64_t r = 0; r < count; ++r) {
        if (r + 2 * rows_ahead < count) __builtin_prefetch(counts.offset + row[r + 2 * rows_ahead]);
        if (r + rows_ahead < count) fetch(counts, row[r + rows_ahead]);
        const int64_t begin = counts.offset[row[r]], end = counts.offset[row[r] + 1];
        const double weight = row_weight[r], of_one = 1.0 / double(counts.cumulative[end] - counts.cumulative[begin]);
        size_t num_noise = 0;
        const auto use = [&](int64_t position, int64_t entry) {
            int64_t times = counts.small_count[entry];
            if (times == CountRows::not_small) times = counts.cumulative[entry + 1] - counts.cumulative[entry];
            const double probability = double(times) * of_one;
            mean[position] += weight * probability;
            noise[num_noise] = noise_of[position];
            of_noise[num_noise] = float(probability);
            num_noise += noise_of[position] >= 0;
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
                for (int64_t i = 0; i < num_found; ++i) use(set.position(counts.column[found[i]]), found[i]);
            }
        } else {
            const int32_t *from = counts.column + begin, *stop = counts.column + end;
            for (int64_t i = 0; i < num_wanted && from != stop; ++i) {
                int64_t step = 1; // the next one is often near: doubled steps find a stretch that holds it
                while (step < stop - from && from[step] < wanted[i]) from += step, step *= 2;
                from = std::lower_bound(from, from + std::min(step + 1, int64_t(stop - from)), wanted[i]);
                if (from != stop && *from == wanted[i]) use(i, from - counts.column);
            }
        }
        laws.noise.insert(laws.noise.end(), noise.begin(), noise.begin() + int64_t(num_noise));
        laws.probability.insert(laws.probability.end(), of_noise.begin(), of_noise.begin() + int64_t(num_noise));
        laws.offset.push_back(int64_t(laws.noise.size()));
    }
    return laws;
}

// claimed[r] += the sum, over the examples of row r and its entries, of weight[example * weight_step + noise] * share *
// probability / (share * probability + (1 - share) * unigram[noise]).
void row_responsibilities(const RowLaws &laws, const float *share, const float *unigram, const int64_t *example_row,
                          const float *weight, int64_t weight_step, int64_t examples, double *claimed) {
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
        const float *own = weight + i * weight_step;
        float sum = 0;
        for (int64_t e = laws.offset[size_t(r)]; e < laws.offset[size_t(r + 1)]; ++e)
            sum += own[laws.noise[size_t(e)]] * responsibility[size_t(e)];
        claimed[r] += double(sum);
    }
}

RowLaws laws_of(Column<const int64_t> offset, Column<const int32_t> column, Column<const int64_t> cumulative,
                Column<const uint8_t> small_count, int64_t columns, Column<const int64_t> row,
                Column<const float> row_weight, Column<const int64_t> wanted, Column<const int32_t> noise_of,
                Column<double> mean) {
    const int64_t rows = offset.length() - 1, count = row.length(), num_wanted = wanted.length(),
                  entries = column.length();
    require(rows >= 0 && offset(0) == 0 && offset(size_t(rows)) == entries, "offsets do not cover the entries");
    require_shape("cumulative", cumulative, {entries + 1});
    require_shape("small_count", small_count, {entries});
    require_shape("row_weight", row_weight, {count});
    require_shape("noise_of", noise_of, {num_wanted});
    require_shape("mean", mean, {num_wanted});
    for (int64_t i = 0; i < count; ++i) {
        require(row(size_t(i)) >= 0 && row(size_t(i)) < rows, "a row is out of range");
        const int64_t begin = offset(size_t(row(size_t(i)))), end = offset(size_t(row(size_t(i))) + 1);
        require(0 <= begin && begin <= end && end <= entries, "offsets do not ascend");
    }
    for (int64_t i = 0; i < num_wanted; ++i)
        require(wanted(size_t(i)) >= (i ? wanted(size_t(i - 1)) + 1 : 0) && wanted(size_t(i)) < columns,
                "wanted columns do not ascend, or are out of range");
    nb::gil_scoped_release without_gil;
    return row_laws({offset.data(), column.data(), cumulative.data(), small_count.data(), rows, columns}, row.data(),
                    row_weight.data(), count, wanted.data(), noise_of.data(), num_wanted, mean.data());
}

// Rows of which each is contiguous: they may be part of wider ones.
using Rows = Array<const float, 2, true>;

void responsibilities(const RowLaws &laws, Column<const float> share, Column<const float> unigram,
                      Column<const int64_t> example_row, Rows weight, Column<double> claimed) {
    const int64_t rows = int64_t(laws.offset.size()) - 1;
    require_shape("share", share, {rows});
    require_shape("claimed", claimed, {rows});
    require_shape("weight", weight, {example_row.length(), unigram.length()});
    require(weight.stride(1) == 1 || weight.shape(1) <= 1, "rows of weights that are contiguous were expected");
    for (int64_t i = 0; i < example_row.length(); ++i)
        require(example_row(size_t(i)) < rows, "an example's row is out of range");
    for (const int32_t noise : laws.noise) require(noise < unigram.length(), "the laws are of other noise words");
    nb::gil_scoped_release without_gil;
    row_responsibilities(laws, share.data(), unigram.data(), example_row.data(), weight.data(), weight.stride(0),
                         int64_t(weight.shape(0)), claimed.data());
}

} // namespace

void bind_ngram_law(nb::module_ &m) {
    nb::class_<RowLaws>(m, "RowLaws").def("__len__", [](const RowLaws &laws) { return laws.noise.size(); });
    m.def("row_laws", &laws_of, "offset"_a, "column"_a, "cumulative"_a, "small_count"_a, "columns"_a, "row"_a,
          "row_weight"_a, "wanted"_a, "noise_of"_a, "mean"_a);
    m.def("row_responsibilities", &responsibilities, "laws"_a, "share"_a, "unigram"_a, "example_row"_a, "weight"_a,
          "claimed"_a);
}
