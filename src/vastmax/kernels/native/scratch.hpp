// Scratch memory that starts on a cache line.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

namespace vastmax {

class Scratch {
  public:
    explicit Scratch(int64_t floats)
        : memory_(static_cast<float *>(std::aligned_alloc(64, (floats * sizeof(float) + 64) / 64 * 64))) {
        if (!memory_) throw std::bad_alloc();
        std::fill_n(memory_.get(), floats, 0.0f);
    }
    float *data() const { return memory_.get(); }

  private:
    struct Free {
        void operator()(float *p) const { std::free(p); }
    };
    std::unique_ptr<float, Free> memory_;
};

} // namespace vastmax
