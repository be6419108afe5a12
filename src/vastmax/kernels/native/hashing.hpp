// A 64-bit mixing step, for tables whose keys are small or fixed in size.
#pragma once

#include <cstdint>

namespace vastmax {

// The two halves of the 128-bit product, folded: every bit of either factor reaches the top bits of the result.
inline std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
    const auto product = static_cast<unsigned __int128>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}
constexpr std::uint64_t kSeed0 = 0x9E3779B97F4A7C15u; // 2^64 / golden ratio
constexpr std::uint64_t kSeed1 = 0xD1B54A32D192ED03u; // odd, bits balanced; nothing else is asked of it

} // namespace vastmax
