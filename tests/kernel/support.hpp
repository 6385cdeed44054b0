// What the tests of the kernels share: arrays on the emulator, bound stages, runs under every
// schedule, and comparison with plain loops.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "kernel/stage_builder.hpp"
#include "sinter/kernel/launch.hpp"
#include "support/schedules.hpp"

namespace kernel_test {

namespace emulator = sinter::emulator;
namespace kernel = sinter::kernel;
namespace simt = sinter::simt;
using sinter::bfloat16;
using sinter::half;
using sinter::int32;
using sinter::int8;
using sinter::uint32;

using sinter_test::race_flavour;
inline constexpr bool plain_flavour = !sinter_test::asan_flavour && !race_flavour;

/// n elements of the emulator's memory; element 0 lies `offset` elements behind an aligned address.
template <class T>
class array {
public:
    explicit array(int64 n, int64 offset = 0)
        : n_(n),
          offset_(offset),
          base_(static_cast<T*>(
              emulator::allocate(static_cast<std::size_t>(n + offset) * sizeof(T)))) {
        std::memset(static_cast<void*>(base_), 0, static_cast<std::size_t>(n + offset) * sizeof(T));
    }
    ~array() { CHECK(emulator::release(base_)); }
    array(const array&) = delete;
    array& operator=(const array&) = delete;

    T* data() const { return base_ + offset_; }
    T& operator[](int64 i) const { return data()[i]; }
    int64 size() const { return n_; }
    std::size_t bytes() const { return static_cast<std::size_t>(n_) * sizeof(T); }
    void fill(T v) {
        for (int64 i = 0; i < n_; ++i) data()[i] = v;
    }

private:
    int64 n_, offset_;
    T* base_;
};

/// Small values that differ from element to element, exact in every type. Without `seed` positive.
template <class T>
T sample(int64 i, int64 seed = 0) {
    const int64 k = (i * 7919 + seed * 104729 + 13) % 101;
    if constexpr (sinter::same_v<T, bool>) {
        return k % 2 == 0;
    } else if constexpr (sinter::integral_v<T>) {
        return static_cast<T>(k - 50);
    } else {
        return T(static_cast<float>(k - 50) / 16.0F);
    }
}
template <class T>
void fill_samples(array<T>& a, int64 seed) {
    for (int64 i = 0; i < a.size(); ++i) a[i] = sample<T>(i, seed);
}
/// A value as the number that a reference loop computes with.
template <class T>
auto number_of(T v) {
    if constexpr (sinter::same_v<T, bfloat16> || sinter::same_v<T, half>) {
        return static_cast<double>(static_cast<float>(v));
    } else if constexpr (sinter::same_v<T, float>) {
        return static_cast<double>(v);
    } else {
        return v;
    }
}
/// True when a stored value is the reference, up to the rounding of its type times `factor`.
template <class T, class R>
bool close(T got, R want, double factor = 4) {
    if constexpr (sinter::same_v<T, bool> || sinter::same_v<T, int64>) {
        return got == static_cast<T>(want);
    } else if constexpr (sinter::integral_v<T>) {
        return got == static_cast<T>(static_cast<int64>(want));
    } else {
        const double g = static_cast<double>(number_of(got)), w = static_cast<double>(want);
        if (std::isnan(w) || std::isinf(w)) return std::isnan(w) ? std::isnan(g) : g == w;
        const double unit = sinter::same_v<T, double>  ? 2.3e-16
                            : sinter::same_v<T, float> ? 1.2e-7
                            : sinter::same_v<T, half>  ? 9.8e-4
                                                       : 7.9e-3;
        return std::fabs(g - w) <= factor * unit * (1 + std::fabs(w));
    }
}

/// A stage bound to arrays.
struct binding {
    ir::bound_stage b;
    std::vector<ir::bound_operand> loads, stores;
    std::vector<ir::scalar_bits> scalars;

    binding(std::vector<int64> outer, std::vector<int64> row = {}) {
        b.outer_rank = static_cast<int>(outer.size());
        b.row_rank = static_cast<int>(row.size());
        int d = 0;
        for (const int64 e : outer) {
            b.extent[d++] = e;
            b.rows *= e;
        }
        for (const int64 e : row) {
            b.extent[d++] = e;
            b.row_length *= e;
        }
    }
    template <class T>
    binding& load(const T* p, std::vector<int64> strides) {
        loads.push_back(operand(const_cast<T*>(p), strides));
        return *this;
    }
    template <class T>
    binding& store(T* p, std::vector<int64> strides) {
        stores.push_back(operand(p, strides));
        return *this;
    }
    binding& scalar(double v) {
        scalars.push_back({__builtin_bit_cast(uint64, v)});
        return *this;
    }
    binding& integer(int64 v) {
        scalars.push_back({static_cast<uint64>(v)});
        return *this;
    }
    const ir::bound_stage& stage() {
        b.load = loads.data();
        b.store = stores.data();
        b.scalar = scalars.data();
        return b;
    }

private:
    static ir::bound_operand operand(void* p, const std::vector<int64>& strides) {
        ir::bound_operand o;
        o.data = p;
        for (std::size_t d = 0; d < strides.size(); ++d) o.stride[d] = strides[d];
        return o;
    }
};

inline std::string errors_of(const emulator::result& r) {
    std::string all;
    for (const auto& e : r.errors) all += e + "\n";
    return all;
}

/// What tests take for a device: few processors, so that blocks have several tiles to do.
inline constexpr kernel::device_limits small_device{2, 48 * 1024, 100 * 1024};

/// Runs stage C once and returns what the emulator found.
template <class C, class Sync = kernel::device_sync>
emulator::result try_run(const ir::bound_stage& b, const kernel::device_limits& d = small_device) {
    auto plan = kernel::plan_launch<C, Sync>(b, d);
    if (plan.nothing) return {};
    void* workspace = nullptr;
    if (plan.workspace_bytes > 0) {
        workspace = emulator::allocate(static_cast<std::size_t>(plan.workspace_bytes));
        std::memset(workspace, 0, static_cast<std::size_t>(plan.zeroed_bytes));
        plan.use_workspace(workspace);
    }
    emulator::result r;
    plan.with_kernel([&](const auto& k) {
        r = simt::launch(k, plan.grid, plan.block, plan.shared_bytes, plan.cooperative);
    });
    for (int64 i = 0; i < plan.zeroed_bytes; ++i)
        if (static_cast<char*>(workspace)[i] != 0) {
            r.errors.push_back("a counter is not zero after the launch");
            break;
        }
    if (workspace && !emulator::release(workspace)) r.errors.push_back("workspace overrun");
    return r;
}
/// The same; any error fails the test.
template <class C>
emulator::result run(binding& b, const kernel::device_limits& d = small_device) {
    emulator::result r = try_run<C>(b.stage(), d);
    CHECK_MESSAGE(r.errors.empty(), errors_of(r));
    CHECK(r.stats.uncounted == 0);
    return r;
}

/// The schedules that every kernel runs under.
inline std::vector<emulator::options> schedules() {
    using emulator::copy_time;
    using emulator::order;
    struct wanted {
        order schedule;
        std::uint64_t seed;
        unsigned resident;
        copy_time copies;
    };
    constexpr wanted all[] = {{order::fifo, 1, 1, copy_time::at_wait},
                              {order::reverse, 1, 2, copy_time::at_issue},
                              {order::lifo, 1, 3, copy_time::at_wait},
                              {order::random, 1, 1, copy_time::random},
                              {order::random, 2, 3, copy_time::random}};
    std::vector<emulator::options> r;
    for (const wanted& w : all) {
        emulator::options o;
        o.schedule = w.schedule;
        o.seed = w.seed;
        o.resident_blocks = w.resident;
        o.copies = w.copies;
        r.push_back(o);
    }
    return r;
}
template <class F>
void under_all_schedules(F f) {
    sinter_test::under(schedules(), f);
}

}  // namespace kernel_test
