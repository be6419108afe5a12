// What must hold: of what a call brings, and, in the build of `make sanitize`, wherever the kernels read and write.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>

namespace vastmax {

// The one error of the compiled core. `of_input`: what is wrong came with a file or from a user, who is to be told;
// else a caller within vastmax is wrong. module.cpp turns the first into an InputError, the second into a ValueError.
struct Refusal : std::invalid_argument {
    Refusal(const std::string &what, bool of_input) : std::invalid_argument(what), of_input(of_input) {}
    bool of_input;
};

inline void require(bool holds, const char *what) {
    if (!holds) throw Refusal(what, false);
}
inline void require_of_input(bool holds, const char *what) {
    if (!holds) throw Refusal(what, true);
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

} // namespace vastmax

#ifdef VASTMAX_ASSERTIONS
#define VASTMAX_ASSERT(holds)                                                                                          \
    ((holds) ? void(0)                                                                                                 \
             : (std::fprintf(stderr, "%s:%d: assertion failed: %s\n", __FILE__, __LINE__, #holds), std::abort()))
#else
#define VASTMAX_ASSERT(holds) void(sizeof(bool(holds)))
#endif
