// One kernel, compiled once for each instruction set: how it is declared, and how the one that a call names is found.
#pragma once

#include <string>
#include <vector>

#include "checks.hpp"

// Declares functions in the namespace of every instruction set: VASTMAX_KERNELS(void f(int); void g(int);)
#define VASTMAX_KERNELS(...)                                                                                           \
    namespace baseline {                                                                                               \
    __VA_ARGS__                                                                                                        \
    }                                                                                                                  \
    namespace avx2 {                                                                                                   \
    __VA_ARGS__                                                                                                        \
    }                                                                                                                  \
    namespace avx512 {                                                                                                 \
    __VA_ARGS__                                                                                                        \
    }

// The function that was compiled for the instruction set called `target`: VASTMAX_KERNEL(target, f)(1)
#define VASTMAX_KERNEL(target, function)                                                                               \
    ::vastmax::kernel_of(target, &baseline::function, VASTMAX_AVX2(function), VASTMAX_AVX512(function))
#define VASTMAX_NOT_COMPILED(function) static_cast<decltype(&baseline::function)>(nullptr)
#ifdef VASTMAX_HAVE_avx2
#define VASTMAX_AVX2(function) &avx2::function
#else
#define VASTMAX_AVX2(function) VASTMAX_NOT_COMPILED(function)
#endif
#ifdef VASTMAX_HAVE_avx512
#define VASTMAX_AVX512(function) &avx512::function
#else
#define VASTMAX_AVX512(function) VASTMAX_NOT_COMPILED(function)
#endif

namespace vastmax {

template <typename Function>
Function *kernel_of(const std::string &target, Function *baseline, Function *avx2, Function *avx512) {
    if (target == "avx512" && avx512) return avx512;
    if (target == "avx2" && avx2) return avx2;
    if (target == "baseline") return baseline;
    throw Refusal("kernel target '" + target + "' is not compiled in", false);
}

// The instruction sets that were compiled and that this machine can run, fastest first; "baseline" is always there.
inline std::vector<std::string> available_targets() {
    std::vector<std::string> names;
#ifdef VASTMAX_HAVE_avx512
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        names.push_back("avx512");
#endif
#ifdef VASTMAX_HAVE_avx2
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
        names.push_back("avx2");
#endif
    names.push_back("baseline");
    return names;
}

} // namespace vastmax
