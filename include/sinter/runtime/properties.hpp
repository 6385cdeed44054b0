// What a launch must know of a CUDA device, asked once per thread and device.
#pragma once

#include "sinter/runtime/cuda_session.hpp"

namespace sinter::runtime {

/// The size of a device.
struct device_properties {
    int sm_count = 1;
    int shared_per_block = 0;  // bytes, with the opt-in
    int shared_per_sm = 0;     // bytes
    double bandwidth = 0;      // of device memory, bytes per second; 0 where it does not tell
};

/// The properties of CUDA device `d`. Throws device_error when it does not exist.
inline device_properties properties_of(device d) {
    struct entry {
        const cuda_api* api = nullptr;  // another table may describe other devices
        int index = 0;
        device_properties value;
    };
    // No destructor: static objects may still ask when this thread's variables are gone.
    constexpr unsigned places = 16;
    static constinit thread_local entry known[places]{};
    entry& e = known[static_cast<unsigned>(d.index()) % places];
    if (e.api && e.api == current_cuda_api() && e.index == d.index()) return e.value;
    const device_properties p{attribute(d, cuda_attribute::sm_count),
                              attribute(d, cuda_attribute::max_shared_per_block),
                              attribute(d, cuda_attribute::max_shared_per_sm),
                              // Two transfers a clock.
                              2.0 * 1000 * attribute(d, cuda_attribute::memory_clock) *
                                  (attribute(d, cuda_attribute::memory_bus_bits) / 8)};
    e = {current_cuda_api(), d.index(), p};
    return p;
}

}  // namespace sinter::runtime
