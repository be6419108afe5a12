// Mixing of 64 bits: hashes for tables, random numbers for training.
#pragma once

#include <cstdint>

#ifndef VASTMAX_TARGET
#define VASTMAX_TARGET baseline
#endif

namespace vastmax {

// The two halves of the 128-bit product, folded: every bit of either factor reaches the top bits of the result.
inline std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
    const auto product = static_cast<unsigned __int128>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}
constexpr std::uint64_t kSeed0 = 0x9E3779B97F4A7C15u; // 2^64 / golden ratio
constexpr std::uint64_t kSeed1 = 0xD1B54A32D192ED03u; // odd, bits balanced; nothing else is asked of it

namespace VASTMAX_TARGET {

// SplitMix64 (Steele, Lea & Flood 2014), one stream per chunk of text.
class Random {
  public:
    explicit Random(uint64_t seed) : state_(seed) {}

    uint64_t next() {
        uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return z ^ (z >> 31);
    }
    // Uniform on 0 .. n - 1, to within n / 2^32.
    static uint32_t below(uint32_t n, uint32_t random_bits) { return uint32_t((uint64_t(random_bits) * n) >> 32); }

  private:
    uint64_t state_;
};

} // namespace VASTMAX_TARGET
} // namespace vastmax
