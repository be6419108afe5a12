// What the Python faces of the kernels share: arrays used in place, and checks of what does not fit.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstdint>
#include <optional>
#include <stdexcept>

namespace vastmax {

template <typename T>
using Column = nanobind::ndarray<T, nanobind::ndim<1>, nanobind::c_contig, nanobind::device::cpu>;
template <typename T>
using Matrix = nanobind::ndarray<T, nanobind::ndim<2>, nanobind::c_contig, nanobind::device::cpu>;

inline void require(bool holds, const char *what) {
    if (!holds) throw std::invalid_argument(what);
}
template <typename T> bool has_length(const Column<T> &column, int64_t length) {
    return int64_t(column.shape(0)) == length;
}
template <typename T> bool has_shape(const Matrix<T> &matrix, int64_t rows, int64_t columns) {
    return int64_t(matrix.shape(0)) == rows && int64_t(matrix.shape(1)) == columns;
}
// Whether the numbers run from 0 to `last` and never fall.
inline bool is_partition(const int64_t *offsets, int64_t size, int64_t last) {
    if (size < 1 || offsets[0] != 0 || offsets[size - 1] != last) return false;
    bool rising = true;
    for (int64_t i = 1; i < size; ++i) rising &= offsets[i - 1] <= offsets[i];
    return rising;
}
// Whether all of them are in 0 .. limit - 1.
template <typename Int> bool all_below(const Int *values, int64_t size, int64_t limit) {
    bool inside = true;
    for (int64_t i = 0; i < size; ++i) inside &= values[i] >= 0 && values[i] < limit;
    return inside;
}
// Where an array that may be left out begins, or null.
template <typename Array> auto data_of(const std::optional<Array> &array) { return array ? array->data() : nullptr; }

} // namespace vastmax
