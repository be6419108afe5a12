// The Python face of the search for entries of sparse rows.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <stdexcept>
#include <utility>

#include "sparse_entries.hpp"

namespace nb = nanobind;
using namespace vastmax;

namespace {

template <typename T> using Column = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Result = nb::ndarray<nb::numpy, int64_t, nb::ndim<1>>;

// Hands a vector's memory over to numpy.
Result as_array(std::vector<int64_t> &&values) {
    auto *kept = new std::vector<int64_t>(std::move(values));
    nb::capsule owner(kept, [](void *p) noexcept { delete static_cast<std::vector<int64_t> *>(p); });
    return Result(kept->data(), {kept->size()}, owner);
}

nb::tuple entries(Column<int64_t> offset, Column<int32_t> column, int64_t columns, Column<int64_t> rows,
                  Column<int64_t> wanted) {
    const int64_t num_rows = int64_t(offset.shape(0)) - 1;
    if (num_rows < 0 || offset(0) != 0 || offset(size_t(num_rows)) != int64_t(column.shape(0)))
        throw std::invalid_argument("offsets do not cover the entries");
    for (size_t i = 0; i < rows.shape(0); ++i)
        if (rows(i) < 0 || rows(i) >= num_rows) throw std::invalid_argument("a row is out of range");
    for (size_t i = 0; i < wanted.shape(0); ++i)
        if (wanted(i) < (i ? wanted(i - 1) + 1 : 0) || wanted(i) >= columns)
            throw std::invalid_argument("wanted columns do not ascend, or are out of range");
    FoundEntries found;
    {
        nb::gil_scoped_release without_gil;
        found = find_entries({offset.data(), column.data(), num_rows, columns}, rows.data(), int64_t(rows.shape(0)),
                             wanted.data(), int64_t(wanted.shape(0)));
    }
    return nb::make_tuple(as_array(std::move(found.row_position)), as_array(std::move(found.column_position)),
                          as_array(std::move(found.entry)));
}

} // namespace

void bind_sparse_entries(nb::module_ &m) {
    m.def("sparse_entries", &entries, nb::arg("offset").noconvert(), nb::arg("column").noconvert(), nb::arg("columns"),
          nb::arg("rows").noconvert(), nb::arg("wanted").noconvert());
}
