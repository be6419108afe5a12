// Large matrix products at near the processor's full rate, one factor packed into panels that stay in a cache.
//
// Unlike a library's product, these hand over one panel's worth of the result at a time, while it is still in the cache.
// Each step of the inner loop loads `panel_vecs` vectors and `tile_rows` numbers for `tile_rows * panel_vecs`
// multiply-adds, so that the arithmetic, not the loads, sets the pace.
#pragma once

#include <algorithm>
#include <cstdint>

#include "row_products.hpp"
#include "scratch.hpp"
#include "vector.hpp"

namespace vastmax::VASTMAX_TARGET {

// A tile of the result is `tile_rows` rows of `panel_vecs` vectors: as many sums as the registers hold.
constexpr int tile_rows = 6;
constexpr int panel_vecs = lanes == 16 ? 4 : 2;
constexpr int panel_width = panel_vecs * lanes;

// A matrix (depth, width) as panels of `panel_width` columns, each a contiguous (depth, panel_width), the last one
// filled up with zeros.
struct Panels {
    float *data;
    int64_t depth, width;

    static int64_t numel(int64_t depth, int64_t width) { return depth * round_up(width, panel_width); }
    int64_t count() const { return (width + panel_width - 1) / panel_width; }
    float *panel(int64_t p) const { return data + p * depth * panel_width; }
    int64_t columns(int64_t p) const { return std::min<int64_t>(panel_width, width - p * panel_width); }

    // Row k of the matrix, times `scale`.
    void put_row(int64_t k, const float *row, float scale = 1.0f) const {
        for (int64_t p = 0; p < count(); ++p) {
            float *to = panel(p) + k * panel_width;
            const float *from = row + p * panel_width;
            const int64_t columns_here = columns(p);
            int64_t c = 0;
            for (; c + lanes <= columns_here; c += lanes) store(to + c, load(from + c) * scale);
            if (c < columns_here) {
                store(to + c, load_part(from + c, columns_here - c) * scale);
                c += lanes;
            }
            for (; c < panel_width; c += lanes) store(to + c, Vec{});
        }
    }

    // Columns first .. first + lanes of the matrix from rows of memory: column first + i is row(i), zeros where that is
    // null. `first` is a multiple of `lanes`.
    template <typename F> void put_columns(int64_t first, const F &row) const {
        float *to = panel(first / panel_width) + first % panel_width;
        const float *rows[lanes];
        for (int i = 0; i < lanes; ++i) rows[i] = row(i);
        for (int64_t d = 0; d < depth; d += lanes) {
            const int64_t here = std::min<int64_t>(lanes, depth - d);
            Vec block[lanes];
            for (int i = 0; i < lanes; ++i)
                block[i] = !rows[i] ? Vec{} : here == lanes ? load(rows[i] + d) : load_part(rows[i] + d, here);
            transpose(block);
            for (int64_t i = 0; i < here; ++i) store(to + (d + i) * panel_width, block[i]);
        }
    }
};

// out(r)[0 .. width) = sum_k a(r, k) b[k], or that added to it, for `rows` rows and `vecs` vectors of a panel.
template <int rows, int vecs, typename Out>
inline void panel_tile(Strided a, const float *b, int64_t depth, int64_t width, const Out &out, int64_t first, bool add) {
    const bool whole = width == vecs * lanes;
    const int64_t last = width - (vecs - 1) * lanes; // floats of the last vector
    Vec sums[rows][vecs];
    for (int r = 0; r < rows; ++r)
        for (int v = 0; v < vecs; ++v) {
            const float *from = out(first + r) + v * lanes;
            sums[r][v] = !add ? Vec{} : whole || v < vecs - 1 ? load(from) : load_part(from, last);
        }
    const float *scale = a.data + first * a.row_step;
    for (int64_t k = 0; k < depth; ++k, b += panel_width, scale += a.column_step) {
        Vec row[vecs];
        for (int v = 0; v < vecs; ++v) row[v] = load(b + v * lanes);
        for (int r = 0; r < rows; ++r) {
            const float factor = scale[r * a.row_step];
            for (int v = 0; v < vecs; ++v) sums[r][v] += factor * row[v];
        }
    }
    for (int r = 0; r < rows; ++r)
        for (int v = 0; v < vecs; ++v) {
            float *to = out(first + r) + v * lanes;
            if (whole || v < vecs - 1) {
                store(to, sums[r][v]);
            } else {
                store_part(to, sums[r][v], last);
            }
        }
}

template <int vecs, typename Out>
inline void panel_rows(Strided a, int64_t rows, const float *b, int64_t depth, int64_t width, const Out &out, bool add) {
    int64_t r = 0;
    for (; r + tile_rows <= rows; r += tile_rows) panel_tile<tile_rows, vecs>(a, b, depth, width, out, r, add);
    for (; r + 2 <= rows; r += 2) panel_tile<2, vecs>(a, b, depth, width, out, r, add);
    for (; r < rows; ++r) panel_tile<1, vecs>(a, b, depth, width, out, r, add);
}

// out(r)[0 .. width) = sum_k a(r, k) b[k], or that added to it: `b` (depth, panel_width) is (part of the depth of) one
// panel, of which `width` columns are wanted; `out(r)` is where they go in row r.
template <typename Out>
inline void panel_product(Strided a, int64_t rows, const float *b, int64_t depth, int64_t width, const Out &out, bool add = false) {
    const int64_t vecs = (width + lanes - 1) / lanes;
    if (vecs == 1) return panel_rows<1>(a, rows, b, depth, width, out, add);
    if (vecs == 2) return panel_rows<2>(a, rows, b, depth, width, out, add);
    if constexpr (panel_vecs > 2) {
        if (vecs == 3) return panel_rows<3>(a, rows, b, depth, width, out, add);
        return panel_rows<4>(a, rows, b, depth, width, out, add);
    }
}

} // namespace vastmax::VASTMAX_TARGET
