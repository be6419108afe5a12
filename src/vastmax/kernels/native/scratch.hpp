// Scratch memory of the kernels. How much of it whole vectors need is decided here and nowhere else.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <new>

#include "checks.hpp"
#include "vector.hpp"

namespace vastmax::VASTMAX_TARGET {

inline constexpr int64_t round_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

// The numbers to allocate for n of them where vectors are read or written at multiples of `lanes` below n.
inline constexpr int64_t whole_vectors(int64_t n) { return round_up(n, lanes); }
// The same where a vector may begin at any of the n.
inline constexpr int64_t vectors_anywhere(int64_t n) { return n + lanes - 1; }

// `size` numbers or pointers whose first one begins a cache line. No more than that is allocated, so that address
// sanitizer sees the first byte beyond.
template <typename T> class Buffer {
  public:
    Buffer() = default;
    static Buffer zeros(int64_t size) {
        Buffer buffer = uninitialized(size);
        std::fill_n(buffer.data(), size, T{});
        return buffer;
    }
    static Buffer uninitialized(int64_t size) {
        VASTMAX_ASSERT(size >= 0);
        Buffer buffer;
        buffer.memory_.reset(
            static_cast<T *>(::operator new(size_t(std::max<int64_t>(size, 1)) * sizeof(T), alignment)));
        buffer.size_ = size;
        return buffer;
    }

    T *data() const { return memory_.get(); }
    int64_t size() const { return size_; }
    T &operator[](int64_t i) const {
        VASTMAX_ASSERT(0 <= i && i < size_);
        return memory_.get()[i];
    }
    // Where `count` of them begin that are going to be used.
    T *at(int64_t first, int64_t count) const {
        VASTMAX_ASSERT(0 <= first && 0 <= count && first + count <= size_);
        return memory_.get() + first;
    }
    T *vector_at(int64_t first) const { return at(first, lanes); }
    // Room for at least `size`; what was there is lost.
    void make_room(int64_t size) {
        if (!memory_ || size > size_) *this = uninitialized(std::max(size, 2 * size_));
    }

  private:
    static constexpr std::align_val_t alignment{64};
    struct Free {
        void operator()(T *p) const { ::operator delete(static_cast<void *>(p), alignment); }
    };
    std::unique_ptr<T, Free> memory_;
    int64_t size_ = 0;
};

using Floats = Buffer<float>;

} // namespace vastmax::VASTMAX_TARGET
