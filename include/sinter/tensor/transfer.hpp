// Copies that the host does not wait for, and the pinned memory that they need.
#pragma once

#include "sinter/tensor/create.hpp"

namespace sinter {

/// Uninitialised elements in pinned host memory, which CUDA copies from and to while the program
/// goes on; ordinary host memory where there is no CUDA device. Pinning is slow and takes memory
/// from the system: keep such arrays and use them again.
template <element T, int R>
tensor<T, R> empty_pinned(const shape<R>& s) {
    for (const int64 e : s)
        if (e < 0)
            throw shape_error("empty_pinned: the shape " + shape_text(s) +
                              " has a negative extent.");
    detail::stride_list<R> strides{};
    int64 n = 1;
    for (std::size_t i = R; i-- > 0; n *= s[i]) strides[i] = n;
    auto memory = runtime::storage::allocate_pinned(static_cast<std::size_t>(n) * sizeof(T));
    return tensor<T, R>::over(std::move(memory), 0, s, strides);
}
template <element T, std::integral... I>
auto empty_pinned(I... extents) {
    return empty_pinned<T>(detail::shape_from(extents...));
}
/// A row-major copy of a host array in pinned memory; an array that is pinned and row-major is
/// returned as it is. An array on a device is copied to the host first.
template <element T, int R, class B = backend>
tensor<T, R> pin(const tensor<T, R>& x) {
    const tensor<T, R> from = x.template to<B>(device::host());
    if (from.is_pinned() && from.is_contiguous()) return from;
    tensor<T, R> r = empty_pinned<T>(x.extents());
    const tensor<T, R> plain = from.is_contiguous() ? from : from.template clone<B>();
    r.copy_from(plain, current_stream(device::host()));
    return r;
}

/// The array on `d`, this one if it is there already, else a row-major copy made on `s`, a stream
/// of the CUDA device that takes part. From pinned memory to CUDA and from CUDA to the host, where
/// the result is pinned, the program goes on at once: the host may write the source or read the
/// result after `synchronize(s)` or an event recorded on `s`, and other streams use the result
/// after waiting for `s`. From memory that is not pinned the program waits. Both arrays may be
/// dropped at any time. Throws device_error when `s` is of another device.
template <class T, int R>
template <class B>
tensor<T, R> tensor<T, R>::to(device d, const stream& s) const {
    if (!memory_ || d == where()) return *this;
    const stream_scope on(s);  // what is allocated and computed here belongs to that stream
    const tensor from = is_contiguous() ? *this : clone<B>();
    tensor r = d.is_host() && where().is_cuda() ? empty_pinned<T>(extents_) : tensor(extents_, d);
    return r.copy_from(from, s);
}

template <class T, int R>
tensor<T, R>& tensor<T, R>::copy_from(const tensor& from, const stream& s) {
    if (extents_ != from.extents_ || !memory_ != !from.memory_)
        throw shape_error("copy_from: an array of shape " + shape_text(from.extents_) +
                          " does not fit into one of shape " + shape_text(extents_) + ".");
    if (!is_contiguous() || !from.is_contiguous())
        throw shape_error("copy_from: both arrays of shape " + shape_text(extents_) +
                          " must be row-major without gaps; clone() the source, or assign to the "
                          "view.");
    if (memory_)
        runtime::copy_async(*memory_,
                            data(),
                            *from.memory_,
                            from.data(),
                            static_cast<std::size_t>(size()) * sizeof(T),
                            s);
    return *this;
}

}  // namespace sinter
