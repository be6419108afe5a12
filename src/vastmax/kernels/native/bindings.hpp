// What the Python faces of the kernels share: arrays in and out, and the kernel that a call names.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "checks.hpp"
#include "dispatch.hpp"

namespace vastmax {

namespace nb = nanobind;
using namespace nb::literals;

template <typename T, int dimensions, bool strided>
using PlainArray = std::conditional_t<strided, nb::ndarray<T, nb::ndim<dimensions>, nb::device::cpu>,
                                      nb::ndarray<T, nb::ndim<dimensions>, nb::c_contig, nb::device::cpu>>;

// An array that a call brings, of numpy, torch or whatever else hands over its memory: numbers of type T in C order,
// aligned, in this process's memory. It is used in place: what is not so is refused (TypeError), never converted. One
// that is `strided` may be part of a wider array.
template <typename T, int dimensions, bool strided = false> class Array : public PlainArray<T, dimensions, strided> {
  public:
    using Plain = PlainArray<T, dimensions, strided>;
    Array() = default;
    explicit Array(Plain &&plain) : Plain(std::move(plain)) {}
    int64_t size(int axis) const { return int64_t(this->shape(size_t(axis))); }
    int64_t length() const { return size(0); }
};
template <typename T> using Column = Array<T, 1>;
template <typename T> using Matrix = Array<T, 2>;
template <typename T> using Cube = Array<T, 3>;
template <typename T> using OptionalColumn = std::optional<Column<T>>;
template <typename T> using OptionalMatrix = std::optional<Matrix<T>>;

// Where an array that may be left out begins, or null.
template <typename Array> auto data_of(const std::optional<Array> &array) { return array ? array->data() : nullptr; }

// Refuses an array of another shape; one that was left out fits.
template <typename T, int dimensions, bool strided>
void require_shape(const char *name, const Array<T, dimensions, strided> &array,
                   const int64_t (&expected)[dimensions]) {
    bool fits = true;
    for (int axis = 0; axis < dimensions; ++axis) fits &= array.size(axis) == expected[axis];
    if (fits) return;
    auto shown = [](auto size) {
        std::string text = "(";
        for (int axis = 0; axis < dimensions; ++axis)
            text += std::to_string(size(axis)) + (axis + 1 < dimensions ? ", " : "");
        return text + (dimensions == 1 ? ",)" : ")");
    };
    throw Refusal(std::string(name) + " has the shape " + shown([&](int axis) { return array.size(axis); }) +
                      ", expected " + shown([&](int axis) { return expected[axis]; }),
                  false);
}
template <typename T, int dimensions>
void require_shape(const char *name, const std::optional<Array<T, dimensions>> &array,
                   const int64_t (&expected)[dimensions]) {
    if (array) require_shape(name, *array, expected);
}

// A numpy array over memory that something else owns: `owner` is kept as long as the array.
template <typename T> using Numbers = nb::ndarray<nb::numpy, T, nb::ndim<1>>;
template <typename T> Numbers<const T> view_of(const T *data, size_t size, nb::handle owner) {
    return Numbers<const T>(data, {size}, owner);
}
template <typename T> Numbers<const T> view_of(const std::vector<T> &values, nb::handle owner) {
    return view_of(values.data(), values.size(), owner);
}
// A numpy array of its own memory.
template <typename T> Numbers<T> owned(std::unique_ptr<T[]> data, size_t size) {
    T *const raw = data.release();
    return Numbers<T>(raw, {size}, nb::capsule(raw, [](void *p) noexcept { delete[] static_cast<T *>(p); }));
}
template <typename T> Numbers<T> copied(const std::vector<T> &values) {
    std::unique_ptr<T[]> copy(new T[values.size()]);
    std::copy(values.begin(), values.end(), copy.get());
    return owned(std::move(copy), values.size());
}

// Calls a kernel while other Python threads run.
template <typename Kernel, typename... Arguments> auto run_kernel(Kernel *kernel, const Arguments &...arguments) {
    nb::gil_scoped_release without_gil;
    return kernel(arguments...);
}

} // namespace vastmax

namespace nanobind::detail {

// The types of arrays in the stub, as vastmax/kernels/arrays.py defines them.
template <int dimensions> constexpr auto array_name() {
    if constexpr (dimensions == 1)
        return const_name("vastmax.kernels.arrays.Column");
    else if constexpr (dimensions == 2)
        return const_name("vastmax.kernels.arrays.Matrix");
    else
        return const_name("vastmax.kernels.arrays.Cube");
}

template <typename T, int dimensions, bool strided> struct type_caster<vastmax::Array<T, dimensions, strided>> {
    using Array = vastmax::Array<T, dimensions, strided>;
    NB_TYPE_CASTER(Array, array_name<dimensions>() + const_name("[numpy.") + dtype_traits<T>::name + const_name("]"))

    template <typename Flags> bool from_python(handle source, Flags flags, cleanup_list *cleanup) noexcept {
        type_caster<typename Array::Plain> plain;
        if (!plain.from_python(source, Flags(flags & ~Flags(cast_flags::convert)), cleanup)) return false;
        if (reinterpret_cast<uintptr_t>(plain.value.data()) % alignof(T) != 0) return false;
        value = Array(std::move(plain.value));
        return true;
    }
};

} // namespace nanobind::detail
