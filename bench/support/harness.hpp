// What the benchmarks share: inputs, timing of one evaluated assignment on the default device, and
// the floors as counters.
#pragma once

#include <benchmark/benchmark.h>

#include <random>
#include <sinter/sinter.hpp>
#include <string>
#include <vector>

namespace bench {

namespace sn = sinter;
using sn::axis, sn::keepdims, sn::int64;
using vector = sn::tensor<float, 1>;
using matrix = sn::tensor<float, 2>;

/// The least that one run must do: bytes to and from memory, floating-point operations.
struct work {
    double bytes = 0, flops = 0;
};

inline constexpr double float_bytes = sizeof(float);

/// Values between 0.5 and 1.5, on the default device.
template <int R>
sn::tensor<float, R> sample(const sn::shape<R>& s) {
    static std::mt19937 generator(1);
    std::uniform_real_distribution<float> uniform(0.5F, 1.5F);
    std::vector<float> v(static_cast<std::size_t>(s.size()));
    for (float& x : v) x = uniform(generator);
    return sn::from(v, s);
}

/// Registers the benchmark `family/peer/size`. `make()` builds the operands and gives the function
/// that is timed, once per iteration, until its result is there.
template <class F>
void add(
    const std::string& family, const std::string& peer, const std::string& size, work w, F make) {
    const auto run = [w, make](benchmark::State& state) {
        const sn::device where = sn::default_device();
        auto body = make();
        body();  // the first run allocates the result
        sn::synchronize(where);
        while (state.KeepRunning()) {
            body();
            sn::synchronize(where);  // nothing on the host
            benchmark::ClobberMemory();
        }
        const auto rate = [&state](double per_run, benchmark::Counter::OneK k) {
            return benchmark::Counter(per_run, benchmark::Counter::kIsIterationInvariantRate, k);
        };
        if (w.bytes > 0) state.counters["bytes/s"] = rate(w.bytes, benchmark::Counter::kIs1000);
        if (w.flops > 0) state.counters["FLOP/s"] = rate(w.flops, benchmark::Counter::kIs1000);
    };
    auto* b = benchmark::RegisterBenchmark((family + '/' + peer + '/' + size).c_str(), run);
    b->MinTime(0.1);
    // Other work on the machine does not count; a GPU's work is not the host's.
    if (!sn::default_device().is_host()) b->UseRealTime();
}

/// A peer that only the host can run: left out where the default device is another one.
template <class F>
void add_host(
    const std::string& family, const std::string& peer, const std::string& size, work w, F make) {
    if (sn::default_device().is_host()) add(family, peer, size, w, make);
}

}  // namespace bench
