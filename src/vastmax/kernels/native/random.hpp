// The random numbers of the training kernels: SplitMix64 (Steele, Lea & Flood 2014), one stream a chunk of text.
#pragma once

#include <cstdint>

#ifndef VASTMAX_TARGET
#define VASTMAX_TARGET baseline
#endif

namespace vastmax::VASTMAX_TARGET {

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

} // namespace vastmax::VASTMAX_TARGET
