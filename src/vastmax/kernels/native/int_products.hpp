// Products of small whole numbers, summed in pairs: what certified scans are made of. Intrinsics, since the compilers'
// vector extensions have no multiplication of 16-bit numbers into 32-bit sums.
#pragma once

#include <cstdint>
#include <cstring>

#include "vector.hpp"

#if defined(__AVX2__) || defined(__SSE2__)
#include <immintrin.h>
#endif

namespace vastmax::VASTMAX_TARGET {

// A block is 16 rows whatever the instruction set, so that coded rows can be read on every machine; `parts` vectors of
// 32-bit sums hold one number per row.
constexpr int block_rows = 16;
constexpr int parts = block_rows / lanes;

// Whether any lane of a mask is set.
inline bool any_lane(IntVec mask) {
#if defined(__AVX512F__)
    return _mm512_test_epi32_mask(bits<__m512i>(mask), bits<__m512i>(mask)) != 0;
#elif defined(__AVX2__)
    return _mm256_testz_si256(bits<__m256i>(mask), bits<__m256i>(mask)) == 0;
#else
    int32_t any = 0;
    for (int lane = 0; lane < lanes; ++lane) any |= mask[lane];
    return any != 0;
#endif
}

#if defined(__AVX512BW__)
typedef __m512i Pairs;
inline Pairs widened(const int8_t *p) {
    return _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(p)));
}
inline Pairs widened_unsigned(const int8_t *p) {
    return _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(p)));
}
inline Pairs low_four(Pairs v) { return _mm512_and_si512(v, _mm512_set1_epi16(15)); }
inline Pairs high_four(Pairs v) { return _mm512_srli_epi16(v, 4); }
inline Pairs same_pair(int32_t pair) { return _mm512_set1_epi32(pair); }
inline IntVec pair_sums(Pairs a, Pairs b) { return bits<IntVec>(_mm512_madd_epi16(a, b)); }
#elif defined(__AVX2__)
typedef __m256i Pairs;
inline Pairs widened(const int8_t *p) {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i *>(p)));
}
inline Pairs widened_unsigned(const int8_t *p) {
    return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i *>(p)));
}
inline Pairs low_four(Pairs v) { return _mm256_and_si256(v, _mm256_set1_epi16(15)); }
inline Pairs high_four(Pairs v) { return _mm256_srli_epi16(v, 4); }
inline Pairs same_pair(int32_t pair) { return _mm256_set1_epi32(pair); }
inline IntVec pair_sums(Pairs a, Pairs b) { return bits<IntVec>(_mm256_madd_epi16(a, b)); }
#elif defined(__SSE2__)
typedef __m128i Pairs;
inline Pairs widened(const int8_t *p) {
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i *>(p));
    return _mm_srai_epi16(_mm_unpacklo_epi8(bytes, bytes), 8);
}
inline Pairs widened_unsigned(const int8_t *p) {
    return _mm_unpacklo_epi8(_mm_loadl_epi64(reinterpret_cast<const __m128i *>(p)), _mm_setzero_si128());
}
inline Pairs low_four(Pairs v) { return _mm_and_si128(v, _mm_set1_epi16(15)); }
inline Pairs high_four(Pairs v) { return _mm_srli_epi16(v, 4); }
inline Pairs same_pair(int32_t pair) { return _mm_set1_epi32(pair); }
inline IntVec pair_sums(Pairs a, Pairs b) { return bits<IntVec>(_mm_madd_epi16(a, b)); }
#else
typedef int16_t Pairs __attribute__((vector_size(2 * lanes * sizeof(int16_t))));
typedef int8_t Bytes __attribute__((vector_size(2 * lanes)));
typedef uint8_t UnsignedBytes __attribute__((vector_size(2 * lanes)));
inline Pairs widened(const int8_t *p) {
    Bytes v;
    std::memcpy(&v, p, sizeof v);
    return __builtin_convertvector(v, Pairs);
}
inline Pairs widened_unsigned(const int8_t *p) {
    UnsignedBytes v;
    std::memcpy(&v, p, sizeof v);
    return __builtin_convertvector(v, Pairs);
}
inline Pairs low_four(Pairs v) { return v & 15; }
inline Pairs high_four(Pairs v) { return v >> 4; }
inline Pairs same_pair(int32_t pair) { return bits<Pairs>(broadcast(pair)); }
inline IntVec pair_sums(Pairs a, Pairs b) {
    const IntVec x = bits<IntVec>(a), y = bits<IntVec>(b);
    return ((x << 16) >> 16) * ((y << 16) >> 16) + (x >> 16) * (y >> 16);
}
#endif

} // namespace vastmax::VASTMAX_TARGET
