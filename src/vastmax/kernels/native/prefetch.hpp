// Prefetching that the compiler keeps.
#pragma once

// A function that does nothing but prefetch has no effect that GCC 12 knows of, and calls to it are dropped. It must be
// inlined before that is decided, and so must any function that only calls it.
#define VASTMAX_PREFETCHES __attribute__((always_inline)) inline
