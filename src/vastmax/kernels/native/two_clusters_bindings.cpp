// The Python face of the kernel that parts words in two, and its choice of instruction set.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include "bindings.hpp"
#include "targets.hpp"
#include "two_clusters.hpp"

namespace nb = nanobind;
using namespace vastmax;

namespace {

void run(const std::string &target, Matrix<const float> vectors, std::optional<Column<const float>> weights,
         Column<const int32_t> members, Column<const int64_t> offsets, Column<const uint64_t> seeds, int iterations,
         Column<float> log_odds, int threads) {
    const int64_t V = int64_t(vectors.shape(0)), n = int64_t(members.shape(0)), groups = int64_t(seeds.shape(0));
    require(!weights || int64_t(weights->shape(0)) == V, "a weight a vector was expected");
    require(has_length(offsets, groups + 1) && is_partition(offsets.data(), groups + 1, n), "the groups do not fit the members");
    require(int64_t(log_odds.shape(0)) == n, "a number a member was expected");
    require(all_below(members.data(), n, V), "a member is no vector");
    const TwoClusters task{vectors.data(), int64_t(vectors.shape(1)), weights ? weights->data() : nullptr,
                           members.data(), offsets.data(), seeds.data(), groups, iterations, log_odds.data()};
    nb::gil_scoped_release without_gil;
#ifdef VASTMAX_HAVE_avx512
    if (target == "avx512") return avx512::two_clusters(task, threads);
#endif
#ifdef VASTMAX_HAVE_avx2
    if (target == "avx2") return avx2::two_clusters(task, threads);
#endif
    if (target == "baseline") return baseline::two_clusters(task, threads);
    throw std::invalid_argument("kernel target '" + target + "' is not compiled in");
}

} // namespace

void bind_two_clusters(nb::module_ &m) {
    m.def("two_clusters", &run, nb::arg("target"), nb::arg("vectors").noconvert(), nb::arg("weights").noconvert().none(),
          nb::arg("members").noconvert(), nb::arg("offsets").noconvert(), nb::arg("seeds").noconvert(),
          nb::arg("iterations"), nb::arg("log_odds").noconvert(), nb::arg("threads"));
}
