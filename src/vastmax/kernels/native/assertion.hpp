// What must hold where the kernels read and write, checked in the build of `make sanitize` and free in every other.
#pragma once

#ifdef VASTMAX_ASSERTIONS
#include <cstdio>
#include <cstdlib>
#define VASTMAX_ASSERT(holds)                                                                                           \
    ((holds) ? void(0)                                                                                                  \
             : (std::fprintf(stderr, "%s:%d: assertion failed: %s\n", __FILE__, __LINE__, #holds), std::abort()))
#else
#define VASTMAX_ASSERT(holds) void(sizeof(bool(holds)))
#endif
