// What launch plans depend on besides the stage, and arithmetic that they share. Host code.
#pragma once

#include "sinter/core/types.hpp"
#include "sinter/kernel/tuning.hpp"

namespace sinter::kernel {

/// Bytes that keep the memory of one SM busy: what it moves in 1.3 microseconds, to the next 16
/// KiB. That gives 48 KiB on an H200, 32 on an H100, 16 on an A100. A bandwidth of 0 is unknown.
constexpr int bytes_in_flight(double bytes_per_second, int sm_count) {
    constexpr int step = 16 * 1024;
    if (bytes_per_second <= 0 || sm_count <= 0) return tuning::map_bytes_in_flight;
    const double steps = bytes_per_second / sm_count * 1.3e-6 / step + 0.5;
    return steps < 1 ? step : steps > 8 ? 8 * step : static_cast<int>(steps) * step;
}

/// What plans depend on besides the stage.
struct device_limits {
    int sm_count = 1;
    int shared_per_block = tuning::plain_shared_bytes;  // bytes, with the opt-in
    int shared_per_sm = tuning::plain_shared_bytes;     // bytes
    // What keeps the memory of one SM busy.
    int bytes_in_flight = tuning::map_bytes_in_flight;
    // The most elements that a map numbers with 32 bits; tests take fewer.
    int64 piece = tuning::map_piece;
    // Short sums of windows may have a kernel of their own.
    bool direct = true;
};

namespace detail {

constexpr int64 smaller(int64 a, int64 b) { return a < b ? a : b; }
constexpr int64 larger(int64 a, int64 b) { return a > b ? a : b; }
inline int64 divide_up(int64 a, int64 b) { return (a + b - 1) / b; }
inline int64 power_of_two_from(int64 n, int64 limit) {
    int64 p = 1;
    while (p < n && p < limit) p *= 2;
    return p;
}
inline int64 magnitude(int64 x) { return x < 0 ? -x : x; }

}  // namespace detail

}  // namespace sinter::kernel
