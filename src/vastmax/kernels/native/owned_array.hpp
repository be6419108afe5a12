// Memory handed over to numpy.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstddef>
#include <memory>

template <class T> nanobind::object owned_array(std::unique_ptr<T[]> data, std::size_t size) {
    namespace nb = nanobind;
    T *const raw = data.release();
    nb::capsule owner(raw, [](void *p) noexcept { delete[] static_cast<T *>(p); });
    return nb::cast(nb::ndarray<nb::numpy, T, nb::ndim<1>>(raw, {size}, owner));
}
