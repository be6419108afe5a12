// A few threads for one call: started, joined, no state left behind.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace vastmax {

// Starting a thread costs some 20 us: below this many multiply-adds a thread is not worth it.
constexpr double work_worth_a_thread = 1e6;

inline int worthwhile_threads(int wanted, double multiply_adds) {
    return std::max(1, std::min(wanted, int(multiply_adds / work_worth_a_thread)));
}

// Calls f(0) .. f(count - 1) at once, f(0) on this thread. f must not throw.
template <typename F> void in_threads(int count, const F &f) {
    std::vector<std::thread> others;
    others.reserve(size_t(count - 1));
    for (int i = 1; i < count; ++i) others.emplace_back([&f, i] { f(i); });
    f(0);
    for (auto &thread : others) thread.join();
}

// Where part `part` of `parts` equal ones of `count` things begins.
inline int64_t share(int64_t count, int part, int parts) { return count * part / parts; }

// Where all threads wait for the last one.
class Barrier {
  public:
    explicit Barrier(int count) : count_(count) {}
    void wait() {
        if (count_ == 1) return;
        std::unique_lock<std::mutex> lock(mutex_);
        int64_t round = round_;
        if (++waiting_ == count_) {
            waiting_ = 0;
            ++round_;
            all_here_.notify_all();
        } else {
            all_here_.wait(lock, [&] { return round_ != round; });
        }
    }

  private:
    const int count_;
    int waiting_ = 0;
    int64_t round_ = 0;
    std::mutex mutex_;
    std::condition_variable all_here_;
};

} // namespace vastmax
