// Timing on CUDA by events. Launches are queued in batches behind work that keeps the device busy,
// so that what the host needs for a launch is not seen. Hot runs find their operands in the L2
// cache where they fit; before each cold run a memset has replaced everything there.
#pragma once

#include <benchmark/benchmark.h>
#include <cuda_runtime.h>

#include <functional>
#include <memory>
#include <sinter/sinter.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace bench {

inline void check(cudaError_t e, const char* what) {
    if (e != cudaSuccess)
        throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(e));
}

inline cudaStream_t queue() { return static_cast<cudaStream_t>(sinter::current_stream().handle()); }
inline int attribute(cudaDeviceAttr a) {
    int value = 0;
    check(cudaDeviceGetAttribute(&value, a, sinter::default_device().index()),
          "cudaDeviceGetAttribute");
    return value;
}

class event {
public:
    event() { check(cudaEventCreate(&handle_), "cudaEventCreate"); }
    ~event() { cudaEventDestroy(handle_); }
    event(const event&) = delete;
    event& operator=(const event&) = delete;

    void record() { check(cudaEventRecord(handle_, queue()), "cudaEventRecord"); }
    void wait() { check(cudaEventSynchronize(handle_), "cudaEventSynchronize"); }
    double seconds_since(const event& first) const {
        float milliseconds = 0;
        check(cudaEventElapsedTime(&milliseconds, first.handle_, handle_), "cudaEventElapsedTime");
        return 1e-3 * static_cast<double>(milliseconds);
    }

private:
    cudaEvent_t handle_ = nullptr;
};

/// Memory of the device that no operand shares.
class device_bytes {
public:
    explicit device_bytes(std::size_t size) : size_(size) {
        check(cudaMalloc(&data_, size), "cudaMalloc");
    }
    ~device_bytes() { cudaFree(data_); }
    device_bytes(const device_bytes&) = delete;
    device_bytes& operator=(const device_bytes&) = delete;

    void* data() const { return data_; }
    std::size_t size() const { return size_; }
    void clear() const { check(cudaMemsetAsync(data_, 0, size_, queue()), "cudaMemsetAsync"); }

private:
    void* data_ = nullptr;
    std::size_t size_;
};

/// Twice the L2 cache.
inline const device_bytes& flush_buffer() {
    static const device_bytes buffer(2 *
                                     static_cast<std::size_t>(attribute(cudaDevAttrL2CacheSize)));
    return buffer;
}

inline void time_on_cuda(benchmark::State& state, const std::function<void()>& body, bool cold) {
    constexpr int batch = 20;
    std::vector<event> start(batch), stop(batch);
    const device_bytes& buffer = flush_buffer();
    while (state.KeepRunningBatch(batch)) {
        double seconds = 0;
        if (cold) {
            for (int k = 0; k < batch; ++k) {
                buffer.clear();
                start[static_cast<std::size_t>(k)].record();
                body();
                stop[static_cast<std::size_t>(k)].record();
            }
            stop.back().wait();
            for (std::size_t k = 0; k < batch; ++k) seconds += stop[k].seconds_since(start[k]);
        } else {
            for (int k = 0; k < 8; ++k) buffer.clear();  // the host queues the batch meanwhile
            for (int k = 0; k < 3; ++k) body();
            start.front().record();
            for (int k = 0; k < batch; ++k) body();
            stop.front().record();
            stop.front().wait();
            seconds = stop.front().seconds_since(start.front());
        }
        state.SetIterationTime(seconds);
    }
}

/// The ceiling's body: a copy inside the device that moves `moved` bytes, half of them written.
inline std::function<void()> device_copy(double moved) {
    const auto bytes = static_cast<std::size_t>(moved / 2);
    const auto from = std::make_shared<device_bytes>(bytes),
               to = std::make_shared<device_bytes>(bytes);
    return [from, to, bytes] {
        check(cudaMemcpyAsync(to->data(), from->data(), bytes, cudaMemcpyDeviceToDevice, queue()),
              "cudaMemcpyAsync");
    };
}

inline const bool cuda_context_added = [] {
    if (!sinter::default_device().is_cuda()) return false;
    cudaDeviceProp properties{};
    check(cudaGetDeviceProperties(&properties, sinter::default_device().index()),
          "cudaGetDeviceProperties");
    int driver = 0, runtime = 0;
    check(cudaDriverGetVersion(&driver), "cudaDriverGetVersion");
    check(cudaRuntimeGetVersion(&runtime), "cudaRuntimeGetVersion");
    benchmark::AddCustomContext("gpu", properties.name);
    benchmark::AddCustomContext("cuda_driver", std::to_string(driver));
    benchmark::AddCustomContext("cuda_runtime", std::to_string(runtime));
    benchmark::AddCustomContext("gpu_clock_khz", std::to_string(attribute(cudaDevAttrClockRate)));
    benchmark::AddCustomContext("memory_clock_khz",
                                std::to_string(attribute(cudaDevAttrMemoryClockRate)));
    benchmark::AddCustomContext("l2_bytes", std::to_string(attribute(cudaDevAttrL2CacheSize)));
    return true;
}();

}  // namespace bench
