// Which entries of some sparse rows lie in some columns.
#pragma once

#include <cstdint>
#include <vector>

namespace vastmax {

// A sparse matrix in rows: row r has the columns column[offset[r] .. offset[r + 1]), ascending.
struct SparseRows {
    const int64_t *offset;
    const int32_t *column;
    int64_t rows, columns;
};

// The entries found, row after row: each one's place among the rows and among the columns asked for, and in the matrix.
struct FoundEntries {
    std::vector<int64_t> row_position, column_position, entry;
};

// `wanted_columns` ascend and are distinct. Cost: a short row is read through, a long one searched.
FoundEntries find_entries(const SparseRows &matrix, const int64_t *rows, int64_t num_rows,
                          const int64_t *wanted_columns, int64_t num_columns);

} // namespace vastmax
