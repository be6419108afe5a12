// The Python face of the laws after contexts.
#include "bindings.hpp"
#include "ngram_law.hpp"

namespace nb = nanobind;
using namespace vastmax;

namespace {

RowLaws laws_of(Column<const int64_t> offset, Column<const int32_t> column, Column<const int64_t> cumulative,
                Column<const uint8_t> small_count, int64_t columns, Column<const int64_t> row,
                Column<const float> row_weight, Column<const int64_t> wanted, Column<const int32_t> noise_of, Column<double> mean) {
    const int64_t rows = int64_t(offset.shape(0)) - 1, count = int64_t(row.shape(0));
    const int64_t num_wanted = int64_t(wanted.shape(0));
    require(rows >= 0 && offset(0) == 0 && offset(size_t(rows)) == int64_t(column.shape(0)) &&
                cumulative.shape(0) == column.shape(0) + 1 && small_count.shape(0) == column.shape(0),
            "offsets and running sums do not cover the entries");
    require(row_weight.shape(0) == row.shape(0), "a weight a row was expected");
    require(noise_of.shape(0) == wanted.shape(0) && mean.shape(0) == wanted.shape(0),
            "a number a wanted column was expected");
    for (int64_t i = 0; i < count; ++i) {
        require(row(size_t(i)) >= 0 && row(size_t(i)) < rows, "a row is out of range");
        const int64_t begin = offset(size_t(row(size_t(i)))), end = offset(size_t(row(size_t(i))) + 1);
        require(0 <= begin && begin <= end && end <= int64_t(column.shape(0)), "offsets do not ascend");
    }
    for (int64_t i = 0; i < num_wanted; ++i)
        require(wanted(size_t(i)) >= (i ? wanted(size_t(i - 1)) + 1 : 0) && wanted(size_t(i)) < columns,
                "wanted columns do not ascend, or are out of range");
    nb::gil_scoped_release without_gil;
    return row_laws({offset.data(), column.data(), cumulative.data(), small_count.data(), rows, columns}, row.data(), row_weight.data(),
                    count, wanted.data(), noise_of.data(), num_wanted, mean.data());
}

// Rows of which each is contiguous: they may be part of wider ones.
using Rows = nb::ndarray<const float, nb::ndim<2>, nb::device::cpu>;

void responsibilities(const RowLaws &laws, Column<const float> share, Column<const float> unigram,
                      Column<const int64_t> example_row, Rows weight, Column<double> claimed) {
    const int64_t rows = int64_t(laws.offset.size()) - 1;
    require(int64_t(share.shape(0)) == rows && int64_t(claimed.shape(0)) == rows, "a number a row was expected");
    require(weight.shape(0) == example_row.shape(0) && weight.shape(1) == unigram.shape(0),
            "a weight for each example and noise word was expected");
    require(weight.stride(1) == 1 || weight.shape(1) <= 1, "rows of weights that are contiguous were expected");
    for (size_t i = 0; i < example_row.shape(0); ++i) require(example_row(i) < rows, "an example's row is out of range");
    for (const int32_t noise : laws.noise)
        require(size_t(noise) < unigram.shape(0), "the laws are of other noise words");
    nb::gil_scoped_release without_gil;
    row_responsibilities(laws, share.data(), unigram.data(), example_row.data(), weight.data(),
                         weight.stride(0), int64_t(weight.shape(0)), claimed.data());
}

} // namespace

void bind_ngram_law(nb::module_ &m) {
    nb::class_<RowLaws>(m, "RowLaws").def("__len__", [](const RowLaws &laws) { return laws.noise.size(); });
    m.def("row_laws", &laws_of, nb::arg("offset").noconvert(), nb::arg("column").noconvert(),
          nb::arg("cumulative").noconvert(), nb::arg("small_count").noconvert(), nb::arg("columns"),
          nb::arg("row").noconvert(), nb::arg("row_weight").noconvert(), nb::arg("wanted").noconvert(), nb::arg("noise_of").noconvert(),
          nb::arg("mean").noconvert());
    m.def("row_responsibilities", &responsibilities, nb::arg("laws"), nb::arg("share").noconvert(),
          nb::arg("unigram").noconvert(), nb::arg("example_row").noconvert(), nb::arg("weight").noconvert(),
          nb::arg("claimed").noconvert());
}
