// Faults of kernels. CUDA tells of them late, from whatever call comes next, and then from every
// call: so the kernels in flight are remembered, the first report names them, and later work on the
// device gets that sentence again.
#pragma once

#include <cstdlib>
#include <string>
#include <type_traits>

#include "sinter/core/std_parts.hpp"
#include "sinter/runtime/device.hpp"

namespace sinter::runtime {

/// A kernel that was queued.
struct queued_kernel {
    const char* kernel = "";
    const char* label = nullptr;  // what it computes, where somebody asked for that
    const void* stream = nullptr;
    dim grid{}, block{};
    uint64 number = 0;  // in the order of launches, from 1
};

/// The kernels of one device that may still run, and the device's fault. It keeps the oldest one
/// and the latest 32: what matters after a fault is where it began. Any thread may call it.
class fault_log {
public:
    static constexpr uint64 capacity = 32;

    constexpr fault_log() = default;

    /// Remembers a launch; its number.
    uint64 add(queued_kernel k) noexcept {
        const std::lock_guard lock(mutex_);
        forget_old_table();
        k.number = ++last_;
        if (count_ == capacity) {
            if (dropped_++ == 0) first_ = at(0);
            start_ = (start_ + 1) % capacity;
            --count_;
        }
        at(count_++) = k;
        return k.number;
    }
    /// The number of the last launch: a synchronisation that starts now covers all up to it.
    uint64 now() noexcept {
        const std::lock_guard lock(mutex_);
        return last_;
    }
    /// All launches up to `number` have run.
    void done(uint64 number) noexcept {
        keep_if([&](const queued_kernel& k) { return k.number > number; });
    }
    /// All launches on `stream` up to `number` have run.
    void done(uint64 number, const void* stream) noexcept {
        keep_if([&](const queued_kernel& k) { return k.number > number || k.stream != stream; });
    }
    /// The launch was refused and will never run.
    void forget(uint64 number) noexcept {
        keep_if([&](const queued_kernel& k) { return k.number != number; });
    }

    /// The sentence of the first fault of `d`; when this is it, `report` says who met it and how.
    [[gnu::cold]] std::string fault(device d, const std::string& report) {
        const std::lock_guard lock(mutex_);
        forget_old_table();
        if (!(the_cuda_state.faulted.load(std::memory_order_acquire) & device_bit(d.index()))) {
            delete sentence_;
            sentence_ = nullptr;
            sentence_ = new std::string(
                sinter::detail::sentence({d.name(),
                                          " has failed: ",
                                          report,
                                          ". ",
                                          suspects(),
                                          " CUDA work on ",
                                          d.name(),
                                          " is refused from now on, until the program is started "
                                          "again; the host and other devices go on."}));
            the_cuda_state.faulted.fetch_or(device_bit(d.index()), std::memory_order_release);
        }
        return sentence_ ? *sentence_ : sinter::detail::sentence({d.name(), " has failed."});
    }

private:
    queued_kernel& at(uint64 i) noexcept { return ring_[(start_ + i) % capacity]; }

    // Kernels of a table that was replaced are of no interest.
    void forget_old_table() noexcept {
        const uint64 now = the_cuda_state.epoch.load(std::memory_order_relaxed);
        if (now == epoch_) return;
        epoch_ = now;
        count_ = dropped_ = 0;
    }
    template <class Keep>
    void keep_if(Keep keep) noexcept {
        const std::lock_guard lock(mutex_);
        forget_old_table();
        // Launches that fell out lie between the first and the oldest kept one; they share the fate
        // of the first.
        if (dropped_ && !keep(first_)) dropped_ = 0;
        uint64 kept = 0;
        for (uint64 i = 0; i < count_; ++i)
            if (keep(at(i))) at(kept++) = at(i);
        count_ = kept;
    }

    [[gnu::cold]] static std::string text_of(const dim& d) {
        const int64 x = d.x, y = d.y, z = d.z;
        return y * z == 1 ? sinter::detail::sentence({x})
                          : sinter::detail::sentence({x, " x ", y, " x ", z});
    }
    [[gnu::cold]] static std::string text_of(const queued_kernel& k) {
        return sinter::detail::sentence({k.kernel,
                                         k.label ? " [" : "",
                                         k.label ? k.label : "",
                                         k.label ? "] (" : " (",
                                         text_of(k.grid),
                                         " blocks of ",
                                         text_of(k.block),
                                         ")"});
    }
    // Under CUDA_LAUNCH_BLOCKING every launch waits for its kernel, so the last one is guilty.
    [[gnu::cold]] std::string suspects() {
        if (count_ == 0)
            return "No kernel of Sinter was in flight: other CUDA code of this program caused it.";
        const char* blocking = std::getenv("CUDA_LAUNCH_BLOCKING");
        if (count_ + dropped_ == 1 || (blocking && *blocking == '1'))
            return sinter::detail::sentence(
                {"The kernel in flight was ", text_of(at(count_ - 1)), "."});
        std::string r = sinter::detail::sentence(
            {count_ + dropped_,
             " kernels were launched since the last synchronisation that succeeded, first "});
        if (dropped_)
            r = sinter::detail::sentence({r, text_of(first_), ", then ", dropped_ - 1, " more"});
        for (uint64 i = 0; i < count_; ++i)
            r = sinter::detail::sentence({r, i || dropped_ ? ", " : "", text_of(at(i))});
        return sinter::detail::sentence(
            {r,
             "; one of them failed, and CUDA_LAUNCH_BLOCKING=1 in the environment tells which."});
    }

    std::mutex mutex_;
    uint64 last_ = 0, epoch_ = 0;
    uint64 start_ = 0, count_ = 0, dropped_ = 0;
    queued_kernel ring_[capacity]{}, first_{};
    const std::string* sentence_ = nullptr;  // never freed: destructors at exit may still report
};
static_assert(std::is_trivially_destructible_v<fault_log>);

inline constexpr int fault_logs = 16;
inline constinit fault_log the_fault_logs[fault_logs];

/// The log of a CUDA device. Beyond 16 devices some share a log; only the list of kernels suffers.
inline fault_log& fault_log_of(int index) noexcept {
    return the_fault_logs[static_cast<unsigned>(index) % fault_logs];
}
/// True when a kernel has ended the work on CUDA device `index`.
inline bool has_fault(int index) noexcept {
    return the_cuda_state.faulted.load(std::memory_order_acquire) & device_bit(index);
}

}  // namespace sinter::runtime
