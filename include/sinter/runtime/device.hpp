// Where an array lives and its kernels run.
#pragma once

#include <atomic>
#include <cstdlib>
#include <string>
#include <string_view>

#include "sinter/core/error.hpp"
#include "sinter/runtime/cuda_api.hpp"
#include "sinter/runtime/emulator_memory.hpp"

namespace sinter {

enum class device_kind : unsigned char { host, cuda, emulator };

/// A place where arrays live and kernels run. Naming a device that is absent is no error, using it
/// is.
class device {
public:
    /// The host.
    constexpr device() = default;
    /// The processor that runs this program.
    static constexpr device host() { return {}; }
    /// The n-th CUDA device, from 0.
    static constexpr device cuda(int n = 0) { return {device_kind::cuda, n}; }
    /// The emulator of CUDA kernels; only test builds have one.
    static constexpr device emulator() { return {device_kind::emulator, 0}; }

    constexpr device_kind kind() const { return kind_; }
    /// The number among devices of its kind.
    constexpr int index() const { return index_; }
    constexpr bool is_host() const { return kind_ == device_kind::host; }
    constexpr bool is_cuda() const { return kind_ == device_kind::cuda; }
    constexpr bool is_emulator() const { return kind_ == device_kind::emulator; }
    /// True when host code may read and write the device's memory: not on CUDA.
    constexpr bool has_host_memory() const { return kind_ != device_kind::cuda; }
    /// "host", "cuda:0" or "emulator".
    [[gnu::cold]] std::string name() const {
        if (is_host()) return "host";
        return is_cuda() ? detail::sentence({"cuda:", index_}) : "emulator";
    }

    friend constexpr bool operator==(device a, device b) {
        return a.kind_ == b.kind_ && a.index_ == b.index_;
    }

private:
    constexpr device(device_kind k, int n) : kind_(k), index_(n) {}

    device_kind kind_ = device_kind::host;
    int index_ = 0;
};

namespace runtime {

// What only fails, or is done seldom, is marked cold throughout the library: such code is compiled
// for size, which takes a file that includes it far less time.
[[gnu::cold]] inline void require_present(device d, const char* operation, const char* detail) {
    if (d.is_emulator()) {
        if (current_emulator_memory()) return;
        sinter::detail::refuse<device_error>(
            {operation, detail, ": this program has no emulator, only test builds have one."});
    }
    const int count = sinter::cuda::device_count();
    if (d.index() >= 0 && d.index() < count) return;
    const char* why =
        !current_cuda_api()
            ? "this program is built without CUDA; link sinter::cuda or use device::host()."
        : count == 0 ? "there is no usable CUDA driver and device; use device::host()."
        : count == 1 ? "the only CUDA device is cuda:0."
                     : "the CUDA devices are cuda:0 to ";
    const std::string last = count > 1 ? device::cuda(count - 1).name() + "." : "";
    sinter::detail::refuse<device_error>(
        {operation, detail, ": ", d.name(), " does not exist, ", why, last});
}

/// Throws a device_error that names `operation` and `detail` unless this program can use `d`.
inline void require_device(device d, const char* operation, const char* detail = "") {
    if (!d.is_host()) require_present(d, operation, detail);
}

/// The device that `text` names: "host", "cuda", "cuda:N" or "emulator"; else a device_error that
/// names `source`, where the text comes from.
[[gnu::cold]] inline device parse_device(std::string_view text, const char* source) {
    if (text == "host") return device::host();
    if (text == "cuda") return device::cuda();
    if (text == "emulator") return device::emulator();
    constexpr std::string_view prefix = "cuda:";
    const bool numbered = text.size() > prefix.size() && text.size() <= prefix.size() + 4 &&
                          text.substr(0, prefix.size()) == prefix;
    int n = 0;
    bool digits = numbered;
    for (std::size_t i = prefix.size(); digits && i < text.size(); ++i) {
        digits = text[i] >= '0' && text[i] <= '9';
        n = 10 * n + (text[i] - '0');
    }
    if (digits) return device::cuda(n);
    sinter::detail::refuse<device_error>(
        {source,
         ": \"",
         std::string(text),
         "\" is no device, it must be host, cuda, cuda:N or emulator."});
}

// The default device in one word, so that it can change while other threads read it: -1 when it is
// not decided yet.
inline constinit std::atomic<int64> default_device_word{-1};
constexpr int64 device_word(device d) {
    return static_cast<int64>(static_cast<uint32>(d.index())) * 4 + static_cast<int64>(d.kind());
}

constexpr device device_of_word(int64 word) {
    switch (static_cast<device_kind>(word % 4)) {
        case device_kind::cuda: return device::cuda(static_cast<int>(word / 4));
        case device_kind::emulator: return device::emulator();
        default: return device::host();
    }
}

/// Forgets the default device: the next `default_device()` reads the environment again. For tests.
inline void forget_default_device() noexcept { default_device_word = -1; }

}  // namespace runtime

/// Makes `d` the device on which new arrays live, for all threads.
inline void set_default_device(device d) noexcept {
    runtime::default_device_word = runtime::device_word(d);
}

/// The device on which new arrays live: what `set_default_device` said, else what the environment
/// variable SINTER_DEVICE says (host, cuda, cuda:N or emulator), else CUDA when there is one, else
/// the host. An unknown name in SINTER_DEVICE is a device_error.
inline device default_device() {
    int64 word = runtime::default_device_word.load(std::memory_order_relaxed);
    if (word < 0) {
        const char* text = std::getenv("SINTER_DEVICE");
        const device d = text && *text          ? runtime::parse_device(text, "SINTER_DEVICE")
                         : cuda::is_available() ? device::cuda()
                                                : device::host();
        const int64 found = runtime::device_word(d);
        // Another thread may have called set_default_device meanwhile: that one wins.
        if (runtime::default_device_word.compare_exchange_strong(word, found)) word = found;
    }
    return runtime::device_of_word(word);
}

}  // namespace sinter
