// The Python face of the kernel that parts groups of vectors in two.
#include "bindings.hpp"
#include "tasks.hpp"

using namespace vastmax;

namespace {

void run(const std::string &target, Matrix<const float> vectors, OptionalColumn<const float> weights,
         Column<const int32_t> members, Column<const int64_t> offsets, Column<const uint64_t> seeds, int iterations,
         Column<float> log_odds, int threads) {
    const int64_t V = vectors.length(), n = members.length(), groups = seeds.length();
    require_shape("weights", weights, {V});
    require_shape("offsets", offsets, {groups + 1});
    require(is_partition(offsets.data(), groups + 1, n), "the groups do not fit the members");
    require_shape("log_odds", log_odds, {n});
    require(all_below(members.data(), n, V), "a member is no vector");
    const TwoClusters task{vectors.data(), vectors.size(1), data_of(weights), members.data(), offsets.data(),
                           seeds.data(),   groups,          iterations,       log_odds.data()};
    run_kernel(VASTMAX_KERNEL(target, two_clusters), task, threads);
}

} // namespace

void bind_two_clusters(nb::module_ &m) {
    m.def("two_clusters", &run, "target"_a, "vectors"_a, "weights"_a, "members"_a, "offsets"_a, "seeds"_a,
          "iterations"_a, "log_odds"_a, "threads"_a);
}
