// What the kernel that moves rows of a table is called with; the same for every instruction set.
#pragma once

#include <cstdint>

namespace vastmax {

// table[rows[u]] += scale * update[u], for U distinct rows.
struct RowUpdate {
    float *table;         // (V, D)
    const int64_t *rows;  // (U,)
    const float *update;  // (U, D)
    int64_t U, D;
    float scale;
};

#define VASTMAX_DECLARE_ROW_UPDATE(name)                                                                               \
    namespace name {                                                                                                   \
    void row_update(const RowUpdate &update, int threads);                                                             \
    }
VASTMAX_DECLARE_ROW_UPDATE(baseline)
VASTMAX_DECLARE_ROW_UPDATE(avx2)
VASTMAX_DECLARE_ROW_UPDATE(avx512)
#undef VASTMAX_DECLARE_ROW_UPDATE

} // namespace vastmax
