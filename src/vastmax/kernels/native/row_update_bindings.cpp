// The Python face of the row update, and its choice of instruction set.
#include <nanobind/stl/string.h>

#include "bindings.hpp"
#include "row_update.hpp"
#include "targets.hpp"

namespace nb = nanobind;
using namespace vastmax;

namespace {

void run(const std::string &target, const RowUpdate &update, int threads) {
#ifdef VASTMAX_HAVE_avx512
    if (target == "avx512") return avx512::row_update(update, threads);
#endif
#ifdef VASTMAX_HAVE_avx2
    if (target == "avx2") return avx2::row_update(update, threads);
#endif
    if (target == "baseline") return baseline::row_update(update, threads);
    throw std::invalid_argument("kernel target '" + target + "' is not compiled in");
}

bool is_ascending(Column<const int64_t> rows) {
    const int64_t *row = rows.data();
    bool ascending = true;
    for (size_t u = 1; u < rows.shape(0); ++u) ascending &= row[u - 1] < row[u];
    return ascending;
}

void add_rows(const std::string &target, Matrix<float> table, Column<const int64_t> rows, Matrix<const float> update,
              float scale, int threads) {
    const int64_t U = int64_t(rows.shape(0)), V = int64_t(table.shape(0)), D = int64_t(table.shape(1));
    require(int64_t(update.shape(0)) == U && int64_t(update.shape(1)) == D, "an update of the table's width for each row was expected");
    if (U == 0 || D == 0) return;
    require(is_ascending(rows), "row ids must be ascending and distinct");
    require(rows.data()[0] >= 0 && rows.data()[U - 1] < V, "a row id is out of range");
    nb::gil_scoped_release without_gil;
    run(target, {table.data(), rows.data(), update.data(), U, D, scale}, threads);
}

} // namespace

void bind_row_update(nb::module_ &m) {
    m.def("is_ascending", &is_ascending, nb::arg("rows").noconvert());
    m.def("add_rows", &add_rows, nb::arg("target"), nb::arg("table").noconvert(), nb::arg("rows").noconvert(),
          nb::arg("update").noconvert(), nb::arg("scale"), nb::arg("threads"));
}
