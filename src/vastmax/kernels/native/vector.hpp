// A vector of floats as wide as the instruction set being compiled for, by the compilers' vector extensions.
//
// The kernels are written once in these few operations and compiled once for each instruction set (VASTMAX_TARGET names
// the namespace), so no intrinsic stands in an algorithm's text. `a * b + c` is contracted to a fused multiply-add
// where the target has one.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

#ifndef VASTMAX_TARGET
#define VASTMAX_TARGET baseline
#endif

// A function that does nothing but prefetch has no effect that GCC 12 knows of, and calls to it are dropped. It must be
// inlined before that is decided, and so must any function that only calls it.
#define VASTMAX_PREFETCHES __attribute__((always_inline)) inline

namespace vastmax::VASTMAX_TARGET {

#if defined(__AVX512F__)
constexpr int lanes = 16;
#elif defined(__AVX2__)
constexpr int lanes = 8;
#else
constexpr int lanes = 4;
#endif

typedef float Vec __attribute__((vector_size(lanes * sizeof(float))));
typedef int32_t IntVec __attribute__((vector_size(lanes * sizeof(int32_t))));

inline Vec load(const float *p) {
    Vec v;
    std::memcpy(&v, p, sizeof v);
    return v;
}
inline void store(float *p, Vec v) { std::memcpy(p, &v, sizeof v); }
inline Vec broadcast(float x) { return Vec{} + x; }
inline IntVec load(const int32_t *p) {
    IntVec v;
    std::memcpy(&v, p, sizeof v);
    return v;
}
inline IntVec broadcast(int32_t x) { return IntVec{} + x; }
inline Vec to_float(IntVec v) { return __builtin_convertvector(v, Vec); }
template <typename To, typename From> inline To bits(From v) {
    static_assert(sizeof(To) == sizeof(From));
    To to;
    std::memcpy(&to, &v, sizeof to);
    return to;
}

// One step of a transposing sum. a and b hold partial sums in groups of 2h lanes; the result holds, alternately, the
// groups of a and of b, folded to h lanes each.
constexpr int fold_index(int lane, int h, int half) {
    int within = lane % (2 * h);
    int group = lane - within + half * h;
    return within < h ? group + within : lanes + group + within - h;
}
template <int h, int... lane> inline Vec fold(Vec a, Vec b, std::integer_sequence<int, lane...>) {
#if defined(__clang__)
    return __builtin_shufflevector(a, b, fold_index(lane, h, 0)...) +
           __builtin_shufflevector(a, b, fold_index(lane, h, 1)...);
#else
    return __builtin_shuffle(a, b, IntVec{fold_index(lane, h, 0)...}) +
           __builtin_shuffle(a, b, IntVec{fold_index(lane, h, 1)...});
#endif
}
template <int h> inline Vec fold(Vec a, Vec b) { return fold<h>(a, b, std::make_integer_sequence<int, lanes>{}); }

// Sums of `count` vectors (a power of two, at most `lanes`): the sum of v[k] comes out in lane k * lanes / count. (Written
// without loops: the compiler then keeps all of them in registers.)
template <int count, int h = lanes / 2> inline Vec sum_each(const Vec *v);
template <int count, int h, int... k> inline Vec sum_halves(const Vec *v, std::integer_sequence<int, k...>) {
    Vec half[count / 2] = {fold<h>(v[k], v[k + count / 2])...};
    return sum_each<count / 2, h / 2>(half);
}
template <int count, int h> inline Vec sum_each(const Vec *v) {
    static_assert(count <= lanes);
    if constexpr (h == 0) {
        return v[0];
    } else if constexpr (count == 1) {
        Vec half = fold<h>(v[0], v[0]);
        return sum_each<1, h / 2>(&half);
    } else {
        return sum_halves<count, h>(v, std::make_integer_sequence<int, count / 2>{});
    }
}
inline float sum(Vec v) { return sum_each<1>(&v)[0]; }

// One step of a transposition: exchanges the odd groups of h lanes of a with the even groups of b.
constexpr int exchange_index(int lane, int h, int half) {
    int within = lane % (2 * h), group = lane - within;
    return within < h ? group + half * h + within : lanes + group + half * h + within - h;
}
template <int h, int... lane> inline void exchange(Vec &a, Vec &b, std::integer_sequence<int, lane...>) {
#if defined(__clang__)
    Vec first = __builtin_shufflevector(a, b, exchange_index(lane, h, 0)...);
    Vec second = __builtin_shufflevector(a, b, exchange_index(lane, h, 1)...);
#else
    Vec first = __builtin_shuffle(a, b, IntVec{exchange_index(lane, h, 0)...});
    Vec second = __builtin_shuffle(a, b, IntVec{exchange_index(lane, h, 1)...});
#endif
    a = first, b = second;
}
// Lane j of v[i] goes to lane i of v[j], for `lanes` vectors.
template <int h = lanes / 2> inline void transpose(Vec *v) {
    if constexpr (h > 0) {
        for (int i = 0; i < lanes; ++i)
            if ((i & h) == 0) exchange<h>(v[i], v[i + h], std::make_integer_sequence<int, lanes>{});
        transpose<h / 2>(v);
    }
}

} // namespace vastmax::VASTMAX_TARGET
