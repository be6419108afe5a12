// A few threads for one call: started, joined, no state left behind.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace vastmax {

// Starting a thread costs some 20 us: below this many multiply-adds a thread is not worth it.
constexpr double work_worth_a_thread = 1e6;

inline int worthwhile_threads(int wanted, double multiply_adds) {
    return int(std::max(1.0, std::min(double(wanted), multiply_adds / work_worth_a_thread)));
}

// Calls f(0) .. f(count - 1) at once, f(0) on this thread. What f throws is thrown here, once all have ended; with a
// barrier in it f must not throw. None is called where the system does not give so many threads (std::system_error).
template <typename F> void in_threads(int count, const F &f) {
    std::exception_ptr thrown;
    std::mutex starting, throwing;
    bool started = false;
    auto guarded = [&](int i) {
        try {
            f(i);
        } catch (...) {
            std::lock_guard<std::mutex> lock(throwing);
            thrown = std::current_exception();
        }
    };
    std::vector<std::thread> others;
    others.reserve(size_t(count - 1));
    auto join = [&] {
        for (auto &thread : others) thread.join();
    };
    std::unique_lock<std::mutex> not_yet(starting);
    try {
        for (int i = 1; i < count; ++i)
            others.emplace_back([&, i] {
                { std::lock_guard<std::mutex> wait_for_all(starting); }
                if (started) guarded(i);
            });
    } catch (...) {
        not_yet.unlock();
        join();
        throw;
    }
    started = true;
    not_yet.unlock();
    guarded(0);
    join();
    if (thrown) std::rethrow_exception(thrown);
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
