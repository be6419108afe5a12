#include "sparse_entries.hpp"

#include <algorithm>

namespace vastmax {

namespace {

// A row this many times as long as the list of wanted columns is searched for them rather than read: a step of a search
// misses the cache, a row read in order does not.
constexpr int64_t search_beyond = 24;

// The wanted columns as bits, and how many are set before each word of bits: a set's rank in two look-ups. At V = 349k
// both together are 65 KB, where an array of positions would be 1.4 MB.
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

FoundEntries find_entries(const SparseRows &matrix, const int64_t *rows, int64_t num_rows, const int64_t *wanted,
                          int64_t num_wanted) {
    const ColumnSet set(wanted, num_wanted, matrix.columns);
    FoundEntries found;
    const auto add = [&](int64_t row_position, int64_t column_position, int64_t entry) {
        found.row_position.push_back(row_position);
        found.column_position.push_back(column_position);
        found.entry.push_back(entry);
    };
    for (int64_t r = 0; r < num_rows; ++r) {
        const int64_t begin = matrix.offset[rows[r]], end = matrix.offset[rows[r] + 1];
        if (end - begin <= search_beyond * num_wanted) {
            for (int64_t e = begin; e < end; ++e)
                if (set.holds(matrix.column[e])) add(r, set.position(matrix.column[e]), e);
            continue;
        }
        const int32_t *from = matrix.column + begin;
        for (int64_t i = 0; i < num_wanted; ++i) {
            from = std::lower_bound(from, matrix.column + end, wanted[i]);
            if (from == matrix.column + end) break;
            if (*from == wanted[i]) add(r, i, from - matrix.column);
        }
    }
    return found;
}

} // namespace vastmax
