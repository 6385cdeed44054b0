// Making tensors. New arrays live on the default device unless told otherwise.
#pragma once

#include <vector>

#include "sinter/tensor/view.hpp"

namespace sinter {

namespace detail {

template <class... I>
concept extent_list = (std::integral<I> && ...);

template <class... I>
shape<static_cast<int>(sizeof...(I))> shape_from(I... e) {
    return {{static_cast<int64>(e)...}};
}
// Fills on the host, then moves: making arrays is not what kernels are for.
template <class T, int R, class F>
tensor<T, R> generate(const shape<R>& s, device where, F value) {
    tensor<T, R> host(s, device::host());
    T* const p = host.data();
    for (int64 i = 0, n = host.size(); i < n; ++i) p[i] = value(i);
    return host.to(where);
}

}  // namespace detail

/// Uninitialised elements.
template <class T, int R>
tensor<T, R> empty(const shape<R>& s, device where = default_device()) {
    return tensor<T, R>(s, where);
}
template <class T, std::integral... I>
auto empty(I... extents) {
    return empty<T>(detail::shape_from(extents...));
}
/// Every element 0.
template <class T, int R>
tensor<T, R> zeros(const shape<R>& s, device where = default_device()) {
    tensor<T, R> t(s, where);
    runtime::fill_zero(t.data(), where, static_cast<std::size_t>(t.size()) * sizeof(T));
    return t;
}
template <class T, std::integral... I>
auto zeros(I... extents) {
    return zeros<T>(detail::shape_from(extents...));
}
/// Every element `value`.
template <class T, int R>
tensor<T, R> full(const shape<R>& s, T value, device where = default_device()) {
    return detail::generate<T>(s, where, [&](int64) { return value; });
}
/// Every element 1.
template <class T, int R>
tensor<T, R> ones(const shape<R>& s, device where = default_device()) {
    return full<T>(s, T(1), where);
}
template <class T, std::integral... I>
auto ones(I... extents) {
    return ones<T>(detail::shape_from(extents...));
}
/// The values in row-major order under shape `s`; a shape_error when their number differs.
template <class T, int R>
tensor<T, R> from(const std::vector<T>& values,
                  const shape<R>& s,
                  device where = default_device()) {
    if (s.size() != static_cast<int64>(values.size()))
        throw shape_error("from: shape " + shape_text(s) + " has " + std::to_string(s.size()) +
                          " elements, but " + std::to_string(values.size()) +
                          " values were given.");
    return detail::generate<T>(
        s, where, [&](int64 i) { return static_cast<T>(values[static_cast<std::size_t>(i)]); });
}
/// The values as a rank-1 tensor.
template <class T>
tensor<T, 1> from(const std::vector<T>& values, device where = default_device()) {
    return from<T>(values, shape<1>{{static_cast<int64>(values.size())}}, where);
}

}  // namespace sinter
