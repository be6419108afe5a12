// Products of matrices of floats, of any width and alignment, in register-sized tiles: of rows as they lie, and of panels.
#pragma once

#include <algorithm>
#include <cstdint>

#include "scratch.hpp"
#include "vector.hpp"

namespace vastmax::VASTMAX_TARGET {

// The last n < lanes floats of a row.
inline Vec load_part(const float *p, int64_t n, float filler = 0.0f) {
    Vec v = broadcast(filler);
    std::memcpy(&v, p, size_t(n) * sizeof(float));
    return v;
}
inline void store_part(float *p, Vec v, int64_t n) { std::memcpy(p, &v, size_t(n) * sizeof(float)); }

// to += scale * from
inline void add_scaled(float *to, const float *from, float scale, int64_t width) {
    int64_t d = 0;
    for (; d + lanes <= width; d += lanes) store(to + d, load(to + d) + scale * load(from + d));
    if (d < width) store_part(to + d, load_part(to + d, width - d) + scale * load_part(from + d, width - d), width - d);
}

// out[r * columns + c] = a[r] . b[c]
template <int rows, int columns>
inline void dot_tile(const float *const *a, const float *const *b, int64_t width, float *out) {
    constexpr int count = rows * columns;
    Vec sums[count] = {};
    int64_t d = 0;
    for (; d + lanes <= width; d += lanes) {
        Vec column[columns];
        for (int c = 0; c < columns; ++c) column[c] = load(b[c] + d);
        for (int r = 0; r < rows; ++r) {
            Vec row = load(a[r] + d);
            for (int c = 0; c < columns; ++c) sums[r * columns + c] += row * column[c];
        }
    }
    if (d < width) {
        Vec column[columns];
        for (int c = 0; c < columns; ++c) column[c] = load_part(b[c] + d, width - d);
        for (int r = 0; r < rows; ++r) {
            Vec row = load_part(a[r] + d, width - d);
            for (int c = 0; c < columns; ++c) sums[r * columns + c] += row * column[c];
        }
    }
    Vec totals = sum_each<count>(sums);
    for (int k = 0; k < count; ++k) out[k] = totals[k * (lanes / count)];
}

// As many sums at once as fit one vector.
constexpr int dot_rows = lanes == 16 ? 4 : 2;
constexpr int dot_columns = lanes / dot_rows;
// Rows of b whose floats stay in the first-level cache while all rows of a pass by.
constexpr int dot_block = 16;

// out[r * out_stride + c] = a[r] . b[c] + bias[c] for row-major a (rows, width) and b (columns, width).
inline void dot_products(const float *a, int64_t rows, const float *b, int64_t columns, int64_t width,
                         const float *bias, float *out, int64_t out_stride) {
    float tile[lanes];
    for (int64_t block = 0; block < columns; block += dot_block) {
        const int64_t block_end = std::min(columns, block + dot_block);
        int64_t r = 0;
        for (; r + dot_rows <= rows; r += dot_rows) {
            const float *row[dot_rows];
            for (int i = 0; i < dot_rows; ++i) row[i] = a + (r + i) * width;
            for (int64_t c = block; c < block_end; c += dot_columns) {
                const float *column[dot_columns];
                for (int i = 0; i < dot_columns; ++i) column[i] = b + std::min(c + i, columns - 1) * width;
                dot_tile<dot_rows, dot_columns>(row, column, width, tile);
                const int64_t used = std::min<int64_t>(dot_columns, block_end - c);
                for (int i = 0; i < dot_rows; ++i)
                    for (int64_t j = 0; j < used; ++j)
                        out[(r + i) * out_stride + c + j] = tile[i * dot_columns + j] + bias[c + j];
            }
        }
        for (; r < rows; ++r)
            for (int64_t c = block; c < block_end; c += 4) {
                const float *row = a + r * width, *column[4];
                for (int i = 0; i < 4; ++i) column[i] = b + std::min(c + i, columns - 1) * width;
                dot_tile<1, 4>(&row, column, width, tile);
                const int64_t used = std::min<int64_t>(4, block_end - c);
                for (int64_t j = 0; j < used; ++j) out[r * out_stride + c + j] = tile[j] + bias[c + j];
            }
    }
}

// to[r] = scale[r] * from[r] for row-major (rows, width).
inline void scale_rows(const float *from, const float *scale, int64_t begin, int64_t end, int64_t width, float *to) {
    for (int64_t r = begin; r < end; ++r)
        for (int64_t d = 0; d < width; ++d) to[r * width + d] = scale[r] * from[r * width + d];
}

// A matrix with a step between rows and a step between columns, so that a transpose is another reading of it.
struct Strided {
    const float *data;
    int64_t row_step, column_step;
};

// out[r] = sum_k a(r, k) b[k], or that added to out[r], for the columns d .. d + vecs * lanes.
template <int rows, int vecs>
inline void product_tile(Strided a, const float *b, int64_t depth, int64_t width, float *out, int64_t d, bool add) {
    Vec sums[rows][vecs] = {};
    if (add)
        for (int r = 0; r < rows; ++r)
            for (int v = 0; v < vecs; ++v) sums[r][v] = load(out + r * width + d + v * lanes);
    const float *scale = a.data;
    b += d;
    for (int64_t k = 0; k < depth; ++k, b += width, scale += a.column_step) {
        Vec row[vecs];
        for (int v = 0; v < vecs; ++v) row[v] = load(b + v * lanes);
        for (int r = 0; r < rows; ++r) {
            Vec factor = broadcast(scale[r * a.row_step]);
            for (int v = 0; v < vecs; ++v) sums[r][v] += factor * row[v];
        }
    }
    for (int r = 0; r < rows; ++r)
        for (int v = 0; v < vecs; ++v) store(out + r * width + d + v * lanes, sums[r][v]);
}
// The same for the columns from d to the end, fewer than a vector.
template <int rows>
inline void product_tail(Strided a, const float *b, int64_t depth, int64_t width, float *out, int64_t d, bool add) {
    Vec sums[rows] = {};
    if (add)
        for (int r = 0; r < rows; ++r) sums[r] = load_part(out + r * width + d, width - d);
    const float *scale = a.data;
    for (int64_t k = 0; k < depth; ++k, scale += a.column_step) {
        Vec row = load_part(b + k * width + d, width - d);
        for (int r = 0; r < rows; ++r) sums[r] += scale[r * a.row_step] * row;
    }
    for (int r = 0; r < rows; ++r) store_part(out + r * width + d, sums[r], width - d);
}
template <int rows>
inline void product_rows(Strided a, const float *b, int64_t depth, int64_t width, float *out, int64_t d, int64_t d_end,
                         bool add) {
    constexpr int vecs = lanes == 16 ? 4 : 2;
    for (; d + vecs * lanes <= d_end; d += vecs * lanes) product_tile<rows, vecs>(a, b, depth, width, out, d, add);
    for (; d + lanes <= d_end; d += lanes) product_tile<rows, 1>(a, b, depth, width, out, d, add);
    if (d < d_end) product_tail<rows>(a, b, depth, width, out, d, add);
}

// Columns of b that are read for all rows of a before the next ones are.
constexpr int64_t product_block = 64;

// out[r] = sum_k a(r, k) b[k], or that added to out[r], for row-major b (depth, width) and out (rows, width).
inline void products(Strided a, int64_t rows, const float *b, int64_t depth, int64_t width, float *out,
                     bool add = false) {
    constexpr int tile = 4;
    const int64_t block = rows > tile ? product_block : width;
    for (int64_t d = 0; d < width; d += block) {
        const int64_t d_end = std::min(width, d + block);
        int64_t r = 0;
        for (; r + tile <= rows; r += tile)
            product_rows<tile>({a.data + r * a.row_step, a.row_step, a.column_step}, b, depth, width, out + r * width,
                               d, d_end, add);
        for (; r < rows; ++r)
            product_rows<1>({a.data + r * a.row_step, a.row_step, a.column_step}, b, depth, width, out + r * width, d,
                            d_end, add);
    }
}

// ---- Large matrix products at near the processor's full rate, one factor packed into panels that stay in a cache.
//
// Unlike a library's product, these hand over one panel's worth of the result at a time, while it is still in the cache.
// Each step of the inner loop loads `panel_vecs` vectors and `tile_rows` numbers for `tile_rows * panel_vecs`
// multiply-adds, so that the arithmetic, not the loads, sets the pace.

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
inline void panel_tile(Strided a, const float *b, int64_t depth, int64_t width, const Out &out, int64_t first,
                       bool add) {
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
inline void panel_rows(Strided a, int64_t rows, const float *b, int64_t depth, int64_t width, const Out &out,
                       bool add) {
    int64_t r = 0;
    for (; r + tile_rows <= rows; r += tile_rows) panel_tile<tile_rows, vecs>(a, b, depth, width, out, r, add);
    for (; r + 2 <= rows; r += 2) panel_tile<2, vecs>(a, b, depth, width, out, r, add);
    for (; r < rows; ++r) panel_tile<1, vecs>(a, b, depth, width, out, r, add);
}

// out(r)[0 .. width) = sum_k a(r, k) b[k], or that added to it: `b` (depth, panel_width) is (part of the depth of) one
// panel, of which `width` columns are wanted; `out(r)` is where they go in row r.
template <typename Out>
inline void panel_product(Strided a, int64_t rows, const float *b, int64_t depth, int64_t width, const Out &out,
                          bool add = false) {
    const int64_t vecs = (width + lanes - 1) / lanes;
    if (vecs == 1) return panel_rows<1>(a, rows, b, depth, width, out, add);
    if (vecs == 2) return panel_rows<2>(a, rows, b, depth, width, out, add);
    if constexpr (panel_vecs > 2) {
        if (vecs == 3) return panel_rows<3>(a, rows, b, depth, width, out, add);
        return panel_rows<4>(a, rows, b, depth, width, out, add);
    }
}

} // namespace vastmax::VASTMAX_TARGET
