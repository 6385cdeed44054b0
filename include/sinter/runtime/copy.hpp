// Copies and fills of memory, on every device and between them.
#pragma once

#include <cstring>

#include "sinter/runtime/storage.hpp"
#include "sinter/runtime/watch.hpp"

namespace sinter::runtime {

namespace detail {

inline copy_kind kind_of_copy(device to, device from) {
    return to.has_host_memory()     ? copy_kind::device_to_host
           : from.has_host_memory() ? copy_kind::host_to_device
           : to == from             ? copy_kind::device_to_device
                                    : copy_kind::any;
}
inline const char* name_of_copy(copy_kind k) {
    return k == copy_kind::device_to_host     ? "copy to host"
           : k == copy_kind::host_to_device   ? "copy from host"
           : k == copy_kind::device_to_device ? "copy"
                                              : "copy between devices";
}

// Queues a copy between two places of which one at least is CUDA's, on a stream of one of them.
inline void queue_copy(
    void* dst, device to, const void* src, device from, std::size_t bytes, const stream& s) {
    const copy_kind kind = kind_of_copy(to, from);
    const watched_launch watched({.kernel = name_of_copy(kind),
                                  .where = s.where(),
                                  .bytes_in = static_cast<int64>(bytes),
                                  .bytes_out = static_cast<int64>(bytes)},
                                 s.handle());
    const cuda_session cuda(s.where(), "copy");
    cuda.check(cuda->memcpy_async(dst, src, bytes, kind, s.handle()), "cudaMemcpyAsync");
}

// The stream on which a copy runs must be of a device that takes part in it.
inline void require_stream_of(device to, device from, const stream& s) {
    if (s.where().is_cuda() && (s.where() == to || s.where() == from)) return;
    throw device_error("copy: a copy from " + from.name() + " to " + to.name() +
                       " needs a stream of a CUDA device that takes part in it, not of " +
                       s.where().name() + ".");
}

// Between memory that host code reaches. From one device to another the host waits for both.
inline void move(void* dst, device to, const void* src, device from, std::size_t bytes) {
    if (to != from) {
        refuse_reported(from);
        refuse_reported(to);
    }
    std::memmove(dst, src, bytes);
}

}  // namespace detail

/// Copies `bytes` from `src` on device `from` to `dst` on device `to` and lets the host wait unless
/// both are the same CUDA device, where the copy is queued on `s`. Having waited it throws as
/// `synchronize`. The ranges may overlap only where host code reaches both.
inline void copy(
    void* dst, device to, const void* src, device from, std::size_t bytes, const stream& s) {
    if (bytes == 0) return;
    require_device(to, "copy");
    require_device(from, "copy");
    if (to.has_host_memory() && from.has_host_memory())
        return detail::move(dst, to, src, from, bytes);
    detail::require_stream_of(to, from, s);
    // The queue belongs to one of the two devices; what the other one has queued comes first.
    if (to.is_cuda() && from.is_cuda() && to != from) synchronize(s.where() == to ? from : to);
    detail::queue_copy(dst, to, src, from, bytes, s);
    if (to != from) s.synchronize();
}
/// The same on this thread's current stream of the CUDA device, the source's when both are CUDA.
inline void copy(void* dst, device to, const void* src, device from, std::size_t bytes) {
    copy(dst, to, src, from, bytes, current_stream(from.is_cuda() ? from : to));
}

/// Queues the copy of `bytes` from `src` in `from` to `dst` in `to` on `s` and goes on; both stay
/// allocated until it is done. Host memory that is not pinned makes it wait for the copy, copies
/// between host memory are done at once. Between two CUDA devices the copy also comes after what
/// the stream of the target's allocation has queued, and before what that queues next.
inline void copy_async(
    storage& to, void* dst, storage& from, const void* src, std::size_t bytes, const stream& s) {
    const device d = to.where(), f = from.where();
    if (bytes == 0) return;
    if (d.has_host_memory() && f.has_host_memory()) return detail::move(dst, d, src, f, bytes);
    detail::require_stream_of(d, f, s);
    to.note_use(s);
    from.note_use(s);
    const bool peers = d.is_cuda() && f.is_cuda() && d != f;
    const stream home = to.home();
    const cuda_session cuda(s.where(), "copy");
    if (peers && !(home == s)) cuda.check(order(cuda.api(), home, s), "cudaStreamWaitEvent");
    detail::queue_copy(dst, d, src, f, bytes, s);
    if (peers && !(home == s)) cuda.check(order(cuda.api(), s, home), "cudaStreamWaitEvent");
    const bool pageable =
        (d.has_host_memory() && !to.pinned()) || (f.has_host_memory() && !from.pinned());
    if (pageable) s.synchronize();
}

/// Moves the contents of `s` into `whole`, from byte `at` on, and makes `s` a part of it: whoever
/// holds `s` sees the new place. Both are on one device. On CUDA the copy is queued on this
/// thread's current stream, and the old memory is freed after it.
inline void move_into(storage& s, storage_ptr whole, std::size_t at) {
    copy_async(*whole,
               static_cast<char*>(whole->data()) + at,
               s,
               s.data(),
               s.bytes(),
               current_stream(s.where()));
    s.become_part(std::move(whole), at);
}

/// Sets `bytes` bytes at `p` on `d` to zero; on CUDA queued on `s`.
inline void fill_zero(void* p, device d, std::size_t bytes, const stream& s) {
    if (bytes == 0) return;
    require_device(d, "fill");
    if (d.has_host_memory()) {
        std::memset(p, 0, bytes);
        return;
    }
    const watched_launch watched(
        {.kernel = "fill", .where = d, .bytes_out = static_cast<int64>(bytes)}, s.handle());
    const cuda_session cuda(d, "fill");
    cuda.check(cuda->memset_async(p, 0, bytes, s.handle()), "cudaMemsetAsync");
}
inline void fill_zero(void* p, device d, std::size_t bytes) {
    if (bytes == 0) return;
    if (d.has_host_memory()) {
        require_device(d, "fill");
        std::memset(p, 0, bytes);
        return;
    }
    fill_zero(p, d, bytes, current_stream(d));
}

}  // namespace sinter::runtime
