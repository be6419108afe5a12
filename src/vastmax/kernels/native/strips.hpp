// Rows taken in strips that fit the registers. `units` is a row's length in multiples of row_alignment where the compiler
// is to know it, else 0.
#pragma once

#include <type_traits>

#include "embedding.hpp"
#include "vector.hpp"

namespace vastmax::VASTMAX_TARGET {

constexpr int vecs_per_unit = row_alignment / lanes;

// Calls f(std::integral_constant<int, units>) for rows of `stride` floats.
template <typename F> void with_units(int64_t stride, F f) {
    switch (stride / row_alignment) {
    case 1: return f(std::integral_constant<int, 1>{});
    case 2: return f(std::integral_constant<int, 2>{});
    case 3: return f(std::integral_constant<int, 3>{});
    case 4: return f(std::integral_constant<int, 4>{});
    case 5: return f(std::integral_constant<int, 5>{});
    case 6: return f(std::integral_constant<int, 6>{});
    case 7: return f(std::integral_constant<int, 7>{});
    case 8: return f(std::integral_constant<int, 8>{});
    default: return f(std::integral_constant<int, 0>{});
    }
}

template <int units> int row_vecs(int64_t stride) { return units ? units * vecs_per_unit : int(stride / lanes); }

// Calls f(width, first column) for each strip; width is a compile-time number of vectors, at most `widest`.
template <int units, int widest = lanes == 16 ? 8 : 4, typename F> void for_strips(int64_t stride, F f) {
    constexpr int total = units * vecs_per_unit, rest = total % widest;
    int v = 0, vecs = row_vecs<units>(stride);
    for (; v + widest <= vecs; v += widest) f(std::integral_constant<int, widest>{}, v * lanes);
    if constexpr (units == 0)
        for (; v < vecs; v += vecs_per_unit) f(std::integral_constant<int, vecs_per_unit>{}, v * lanes);
    else if constexpr (rest > 0)
        f(std::integral_constant<int, rest>{}, (total - rest) * lanes);
}

template <int units> void copy_row(float *to, const float *from, int64_t stride) {
    for (int v = 0; v < row_vecs<units>(stride); ++v) store(to + v * lanes, load(from + v * lanes));
}

VASTMAX_PREFETCHES void prefetch_row(const float *row, int64_t stride) {
    for (int64_t d = 0; d < stride; d += row_alignment) __builtin_prefetch(row + d, 1, 2);
}

} // namespace vastmax::VASTMAX_TARGET
