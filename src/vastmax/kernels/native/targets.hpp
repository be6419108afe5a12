// The instruction sets this module was compiled for, and which of them this machine can run.
#pragma once

#include <string>
#include <vector>

namespace vastmax {

// Fastest first; "baseline" is always there.
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
