// What the benchmarks share: operands, and rows of the table with the peers of each.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "context.hpp"
#if SINTER_NVCC
#include "cuda_timing.hpp"
#else
#include "host_ceiling.hpp"
#endif

namespace bench {

namespace sn = sinter;
using sn::axis, sn::keepdims, sn::int64;
using scalar = sn::tensor<float, 0>;
using vector = sn::tensor<float, 1>;
using matrix = sn::tensor<float, 2>;

/// The least that one run must do: bytes read and written, floating-point operations where they and
/// not memory are the floor. What only reads is held against a ceiling that only reads.
struct work {
    double read = 0, written = 0, flops = 0;
    double bytes() const { return read + written; }
};

inline constexpr double float_bytes = sizeof(float);
inline double arrays_of(int64 n, double count = 1) {
    return float_bytes * count * static_cast<double>(n);
}

inline bool on_host() { return sn::default_device().is_host(); }

/// Values between 0.5 and 1.5, on the default device; every call gives others.
template <class T = float, int R>
sn::tensor<T, R> sample(const sn::shape<R>& s) {
    static sn::uint32 state = 1;
    const auto host = sn::empty<T>(s, sn::device::host());
    T* const p = host.data();
    for (int64 i = 0; i < host.size(); ++i) {
        state = state * 1664525U + 1013904223U;
        p[i] = static_cast<T>(0.5F + static_cast<float>(state >> 8) * 0x1p-24F);
    }
    return host.to(sn::default_device());
}

inline std::string by(int64 rows, int64 n) {
    return std::to_string(rows) + 'x' + std::to_string(n);
}

/// One row of the table: what is computed and the least that it takes. Its peers share the
/// operands, which are made when the first of them runs.
template <class Operands>
class row {
public:
    template <class Make>
    row(std::string family, std::string size, work floor, Make make)
        : family_(std::move(family)),
          size_(std::move(size)),
          floor_(floor),
          made_(std::make_shared<operands>(operands{make, nullptr})) {
        add_ceiling();
    }

    /// The assignment that the row is about.
    template <class F>
    row& sinter(F body) {
        return add("sinter", body);
    }
    /// The same in pieces, each stored in an array that exists. Several splits may be given; the
    /// table takes the best.
    template <class F>
    row& unfused(F body) {
        return add(splits_++ ? "unfused_" + std::to_string(splits_) : "unfused", body);
    }
    /// What somebody else computes in the same way.
    template <class F>
    row& peer(const std::string& name, F body) {
        return add(name, body);
    }

private:
    struct operands {
        std::function<Operands()> make;
        std::unique_ptr<Operands> all;
        Operands& get() {
            if (!all) all = std::make_unique<Operands>(make());
            return *all;
        }
    };

    template <class F>
    row& add(const std::string& name, F body) {
        enter(name, [made = made_, body] {
            Operands& all = made->get();
            return [&all, body] { body(all); };
        });
        return *this;
    }
    // `prepare()` gives what is timed.
    template <class F>
    void enter(const std::string& name, F prepare) {
        const auto enter_as = [&](const char* state_of_cache, bool cold) {
            const std::string full = family_ + '/' + name + '/' + size_ + state_of_cache;
            auto* b = benchmark::RegisterBenchmark(
                full.c_str(), [prepare, floor = floor_, cold](benchmark::State& state) {
                    time(state, prepare(), cold);
                    count(state, floor);
                });
            // On the host the time of all threads together would hide what they gain.
            if (on_host()) {
                b->UseRealTime();
            } else {
                b->UseManualTime();
            }
        };
        if (on_host()) {
            enter_as("", false);
        } else {
            enter_as(":hot", false);
            enter_as(":cold", true);
        }
    }
    template <class F>
    static void time(benchmark::State& state, F body, [[maybe_unused]] bool cold) {
        body();  // the first run allocates the result
#if SINTER_NVCC
        if (!on_host()) return time_on_cuda(state, body, cold);
#endif
        while (state.KeepRunning()) {
            body();
            benchmark::ClobberMemory();
        }
    }
    static void count(benchmark::State& state, const work& w) {
        const auto rate = [](double per_run) {
            return benchmark::Counter(per_run, benchmark::Counter::kIsIterationInvariantRate);
        };
        if (w.bytes() > 0) state.counters["bytes/s"] = rate(w.bytes());
        if (w.flops > 0) state.counters["FLOP/s"] = rate(w.flops);
    }
    // As many bytes (or operations, where they are the floor) in the simplest way there is.
    void add_ceiling() {
#if SINTER_NVCC
        if (on_host() || floor_.bytes() <= 0) return;
        enter("ceiling", [w = floor_] { return device_copy(w.bytes()); });
#else
        if (floor_.bytes() <= 0 && floor_.flops <= 0) return;
        enter("ceiling", [w = floor_] { return host_ceiling(w.read, w.written, w.flops); });
#endif
    }

    std::string family_, size_;
    work floor_;
    int splits_ = 0;
    std::shared_ptr<operands> made_;
};
template <class Make>
row(std::string, std::string, work, Make) -> row<std::invoke_result_t<Make>>;

}  // namespace bench
