// What the kernel that parts words in two is called with; the same for every instruction set.
#pragma once

#include <cstdint>

namespace vastmax {

// A mixture of two Gaussians of one spherical variance, fitted by EM to each of many groups of vectors.
struct TwoClusters {
    const float *vectors;    // (V, D)
    int64_t width;           // D
    const float *weights;    // (V,) how much each vector counts; null: all alike
    const int32_t *members;  // (n,) rows of vectors, group after group
    const int64_t *offsets;  // (groups + 1,)
    const uint64_t *seeds;   // (groups,) of the direction in which the two means are first set apart
    int64_t num_groups;
    int iterations;
    float *log_odds;         // (n,) log of the second component's responsibility over the first's
};

#define VASTMAX_DECLARE_TWO_CLUSTERS(target)                                                                            \
    namespace target {                                                                                                  \
    void two_clusters(const TwoClusters &, int threads);                                                                \
    }
VASTMAX_DECLARE_TWO_CLUSTERS(baseline)
VASTMAX_DECLARE_TWO_CLUSTERS(avx2)
VASTMAX_DECLARE_TWO_CLUSTERS(avx512)

} // namespace vastmax
