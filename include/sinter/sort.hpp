/// Sorting, selection and running sums along one axis: the standard library on the host, CUB and
/// Thrust on CUDA. Not part of sinter.hpp, because of what those cost to compile.
#pragma once

#include "sinter/sinter.hpp"
#include "sinter/sort/host.hpp"
#if SINTER_NVCC
#include "sinter/sort/cuda.cuh"
#endif

namespace sinter {

/// Whether to sort from small to large or from large to small.
enum class order { ascending, descending };

namespace sorting {

/// f(algorithms) with those for arrays on `d` that backend B has.
template <class B, class F>
auto on_device(device d, const char* operation, F f) {
    if (d.has_host_memory()) return f(on_host{});
#if SINTER_NVCC
    if constexpr (same_v<typename exec::kernels_of<B>::type, cuda_backend>)
        return f(on_cuda{operation});
#endif
    throw device_error(std::string(operation) + ": the operands are on " + d.name() +
                       ", but this file was compiled without kernels: compile this file as CUDA, "
                       "or use device::host().");
}
/// f(comparison) for the order that is asked for.
template <class F>
auto in_order(order o, F f) {
    return o == order::ascending ? f(before{}) : f(after{});
}
/// Keys with their axes in the asked order, as the type that was sorted.
template <element T, element K, int R, int... P>
tensor<T, R> as_asked(const tensor<K, R>& keys, axis_tag<P...> order) {
    if constexpr (same_v<T, K>) {
        return permute(keys, order);
    } else {
        return tensor<T, R>(astype<T>(permute(keys, order)));
    }
}

struct plus {
    template <class T>
    SINTER_HD T operator()(T a, T b) const {
        return ir::op::add::value(a, b);
    }
};
struct times {
    template <class T>
    SINTER_HD T operator()(T a, T b) const {
        return ir::op::mul::value(a, b);
    }
};
template <int A, class Fold, class B, class E>
auto scan(const char* name, const E& e) {
    using S = symbol_of<E>;
    constexpr dtype t = is_floating(S::type) ? S::type : dtype::i64;
    const auto values = rows_last<A, key_t<t>, false>(e);
    const auto sums = on_device<B>(
        values.where(), name, [&](auto algorithms) { return algorithms.scan(values, Fold{}); });
    return as_asked<storage_t<t>>(sums, typename axis_last<S::rank, A>::from_last{});
}

}  // namespace sorting

/// The values of `e` sorted along one axis (default the last): ascending with NaN last, or
/// descending with NaN first. `e` is evaluated in one launch, into the memory that is sorted. Along
/// another axis than the last the result is a transposed view of what was sorted.
template <expression E, int A = -1, class B = backend>
auto sort(const E& e, axis_tag<A> = {}, order o = order::ascending) {
    using S = symbol_of<E>;
    const auto keys = sorting::keys_of<A>(e);
    const auto sorted = sorting::on_device<B>(keys.where(), "sort", [&](auto algorithms) {
        return sorting::in_order(o, [&](auto by) { return algorithms.sort(keys, by); });
    });
    return sorting::as_asked<storage_t<S::type>>(
        sorted, typename sorting::axis_last<S::rank, A>::from_last{});
}
template <expression E, class B = backend>
auto sort(const E& e, order o) {
    return sort<E, -1, B>(e, axis<-1>, o);
}

/// The int64 positions along one axis (default the last) that sort `e`; equal values keep their
/// order.
template <expression E, int A = -1, class B = backend>
auto argsort(const E& e, axis_tag<A> = {}, order o = order::ascending) {
    const auto keys = sorting::keys_of<A>(e);
    const auto positions = sorting::on_device<B>(keys.where(), "argsort", [&](auto algorithms) {
        return sorting::in_order(o, [&](auto by) { return algorithms.argsort(keys, by); });
    });
    return sorting::as_asked<int64>(
        positions, typename sorting::axis_last<symbol_of<E>::rank, A>::from_last{});
}
template <expression E, class B = backend>
auto argsort(const E& e, order o) {
    return argsort<E, -1, B>(e, axis<-1>, o);
}

/// The k largest values along one axis (default the last) from large to small, or the k smallest
/// (`order::ascending`) from small to large, with their positions; of equal ones the first. NaN is
/// larger than every number. k outside 0..extent is a shape_error.
template <expression E, int A = -1, class B = backend>
auto topk(const E& e, int64 k, axis_tag<A> = {}, order o = order::descending) {
    using S = symbol_of<E>;
    using last = sorting::axis_last<S::rank, A>;
    const int64 extent = shape_of(e)[static_cast<std::size_t>(last::at)];
    if (k < 0 || k > extent)
        throw shape_error("topk: " + std::to_string(k) +
                          " values were asked for along an axis of " + std::to_string(extent) +
                          " elements.");
    const auto keys = sorting::keys_of<A>(e);
    const auto best = sorting::on_device<B>(keys.where(), "topk", [&](auto algorithms) {
        return sorting::in_order(o, [&](auto by) { return algorithms.select(keys, k, by); });
    });
    return selected<storage_t<S::type>, S::rank>{
        sorting::as_asked<storage_t<S::type>>(best.values, typename last::from_last{}),
        sorting::as_asked<int64>(best.indices, typename last::from_last{})};
}

/// The different values of `e` in ascending order, all NaN as one, and how often each occurs. Waits
/// for the device.
template <expression E, class B = backend>
auto unique_counts(const E& e) {
    using T = storage_t<symbol_of<E>::type>;
    const auto keys = sorting::keys_of<-1>(flatten(e));
    const auto found = sorting::on_device<B>(keys.where(), "unique", [&](auto algorithms) {
        return algorithms.unique(algorithms.sort(keys, sorting::before{}));
    });
    // Copies: the result should not hold on to memory for every element.
    return counted<T>{
        tensor<T, 1>(astype<T>(detail::make<symbol_of<decltype(found.values)>>(found.values))),
        found.counts.clone()};
}
/// The different values of `e` in ascending order; all NaN are one. Waits for the device.
template <expression E, class B = backend>
auto unique(const E& e) {
    return unique_counts<E, B>(e).values;
}

/// Running sums along one axis (default the last): element i is the sum of elements 0..i. bool and
/// integers sum as int64, which wraps; half and bfloat16 in float. The host carries float in
/// double.
template <expression E, int A = -1, class B = backend>
auto cumsum(const E& e, axis_tag<A> = {}) {
    return sorting::scan<A, sorting::plus, B>("cumsum", e);
}
/// Running products along one axis (default the last), with the types of `cumsum`.
template <expression E, int A = -1, class B = backend>
auto cumprod(const E& e, axis_tag<A> = {}) {
    return sorting::scan<A, sorting::times, B>("cumprod", e);
}

}  // namespace sinter
