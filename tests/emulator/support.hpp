// Helpers of the emulator's own tests: device arrays, schedules, and a child that may die.
#pragma once

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "support/schedules.hpp"

namespace emulator_test {

namespace emulator = sinter::emulator;
namespace simt = sinter::simt;
using sinter::bfloat16;
using sinter::uint32;
using sinter_test::asan_flavour;
using sinter_test::race_flavour;

/// An array in the emulator's memory.
template <class T>
class buffer {
public:
    explicit buffer(const std::vector<T>& values)
        : size_(values.size()), p_(static_cast<T*>(emulator::allocate(size_ * sizeof(T)))) {
        if (size_ != 0) std::memcpy(static_cast<void*>(p_), values.data(), size_ * sizeof(T));
    }
    explicit buffer(std::size_t n)
        : size_(n), p_(static_cast<T*>(emulator::allocate(n * sizeof(T)))) {}
    ~buffer() { emulator::release(p_); }
    buffer(const buffer&) = delete;
    buffer& operator=(const buffer&) = delete;

    T* p() const { return p_; }
    std::size_t bytes() const { return size_ * sizeof(T); }
    std::vector<T> host() const { return std::vector<T>(p_, p_ + size_); }

private:
    std::size_t size_;
    T* p_;
};

/// 0, 1, 2, ... modulo `period`.
inline std::vector<float> counting(std::size_t n, std::size_t period = 97) {
    std::vector<float> v(n);
    for (std::size_t i = 0; i < n; ++i) v[i] = static_cast<float>(i % period);
    return v;
}

/// The schedules that every case runs under.
inline std::vector<emulator::options> schedules() {
    using emulator::copy_time;
    using emulator::order;
    struct row {
        order schedule;
        std::uint64_t seed;
        unsigned resident;
        copy_time copies;
    };
    constexpr row rows[] = {{order::fifo, 1, 1, copy_time::at_wait},
                            {order::lifo, 1, 2, copy_time::at_issue},
                            {order::reverse, 1, 1, copy_time::at_wait},
                            {order::random, 1, 3, copy_time::random},
                            {order::random, 2, 1, copy_time::at_wait},
                            {order::random, 3, 2, copy_time::at_issue}};
    std::vector<emulator::options> all;
    for (const row& r : rows) {
        emulator::options o;
        o.schedule = r.schedule;
        o.seed = r.seed;
        o.resident_blocks = r.resident;
        o.copies = r.copies;
        o.symbolize = false;
        all.push_back(o);
    }
    return all;
}

/// The errors of the latest launch, one to a line.
inline std::string errors() {
    std::string all;
    for (const auto& e : emulator::last().errors) all += e + "\n";
    return all;
}

/// Runs `f` under every schedule.
template <class F>
void under_all_schedules(F f) {
    sinter_test::under(schedules(), f);
}
/// Launches a correct kernel: no alarm, every block ran.
template <class K>
void run(const K& k, simt::dim grid, simt::dim block, std::size_t shared = 0) {
    simt::launch(k, grid, block, shared);
    CHECK_MESSAGE(emulator::last().errors.empty(), errors());
    CHECK(emulator::last().stats.blocks == std::uint64_t(grid.x) * grid.y * grid.z);
}

/// True when a child that runs `f` comes to its end. A sanitizer that stops it makes this false.
template <class F>
bool survives(F f) {
    std::fflush(nullptr);
    const pid_t child = fork();
    if (child == 0) {
        if (std::freopen("/dev/null", "w", stderr) == nullptr) _exit(9);
        f();
        _exit(0);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) return false;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace emulator_test
