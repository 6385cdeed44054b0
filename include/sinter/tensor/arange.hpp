// Lazy arrays that follow from a shape alone: ranges, the identity, constants. They hold no memory;
// in an expression they fuse, assigned to a tensor they become one. Without an explicit device they
// are made where the other operands are, else where the result is written to, else on the default
// device. They have no derivative.
#pragma once

#include "sinter/expr/coordinate.hpp"
#include "sinter/tensor/product.hpp"

namespace sinter {

namespace detail {

/// A shape and perhaps a device as the operand of an expression.
template <int R>
struct origin_operand {
    shape<R> extents;
    int64 where = -1;
    void append_to(operand_list& list) const {
        int64* const w = list.add(ir::visit::origin, dtype::boolean, R, R + 1);
        for (int i = 0; i < R; ++i) w[i] = extents[static_cast<std::size_t>(i)];
        w[R] = where;
    }
};
/// A device that was given or not.
struct place {
    int64 word = -1;
    place() = default;
    place(device d) : word(runtime::device_word(d)) {}  // NOLINT: a device is one
};

/// The int64 number of every element of a shape, in row-major order.
template <int R>
auto numbers_of(const shape<R>& s, place where = {}) {
    for (const int64 e : s)
        if (e < 0) throw shape_error("The shape " + shape_text(s) + " has a negative extent.");
    return make<sym::coordinate<dtype::i64, R>>(origin_operand<R>{s, where.word});
}
// T is what becomes of them: who uses none of these functions compiles none of their expressions.
template <class T = void>
auto numbers_to(int64 n, place where) {
    return numbers_of(shape<1>{{n > 0 ? n : 0}}, where);
}
/// `value` for every element of a shape.
template <dtype D, int R, class T>
auto filled(const shape<R>& s, T value, place where) {
    return make<sym::filled<R, sym::scalar<D>>>(number_operand<D>(value),
                                                origin_operand<R>{s, where.word});
}

inline int64 steps_between(double start, double stop, double step) {
    if (step == 0) throw shape_error("arange: the step must not be 0.");
    const double count = __builtin_ceil((stop - start) / step);
    if (count >= 0x1p62)
        throw shape_error("arange: there are more than 2^62 steps from the start to the stop.");
    return count > 0 ? static_cast<int64>(count) : 0;
}
inline int64 steps_between(int64 start, int64 stop, int64 step) {
    if (step == 0) throw shape_error("arange: the step must not be 0.");
    if (step > 0 ? stop <= start : stop >= start) return 0;
    // In unsigned numbers: the distance may exceed an int64.
    const auto span = step > 0 ? static_cast<uint64>(stop) - static_cast<uint64>(start)
                               : static_cast<uint64>(start) - static_cast<uint64>(stop);
    const auto by = step > 0 ? static_cast<uint64>(step) : 0 - static_cast<uint64>(step);
    return static_cast<int64>((span - 1) / by + 1);
}

/// The type of a range: the one that was asked for, else int64 for integers and float otherwise.
template <class T, class... A>
using range_type = select_t<!same_v<T, void>, T, select_t<(std::integral<A> && ...), int64, float>>;
template <class A>
using range_number = select_t<std::integral<A>, int64, double>;

}  // namespace detail

/// 0, 1, ..., n - 1, none if n is negative. Lazy.
template <class T = int64>
auto arange(int64 n, detail::place where = {}) {
    return astype<T>(detail::numbers_to<T>(n, where));
}
/// start, start + step, ... up to but without `stop`: ceil((stop - start) / step) elements, none if
/// that is negative. Integers in int64, others in double, then converted to T; without T the result
/// is int64 for integers and float otherwise. A step of 0 is a shape_error. Lazy.
template <class T = void, class A, class B, class C = int>
    requires(std::is_arithmetic_v<A>&& std::is_arithmetic_v<B>&& std::is_arithmetic_v<C>)
auto arange(A start, B stop, C step = 1, detail::place where = {}) {
    using N = select_t<(std::integral<A> && std::integral<B> && std::integral<C>), int64, double>;
    const N first = static_cast<N>(start), by = static_cast<N>(step);
    const int64 n = detail::steps_between(first, static_cast<N>(stop), by);
    const auto i = detail::numbers_to<T>(n, where);
    return astype<detail::range_type<T, A, B, C>>(astype<N>(i) * by + first);
}
/// n numbers from `start` to `stop`, both included, evenly spaced: start + i * (stop - start) / (n
/// - 1) in double, the last one exactly `stop`. Integers are rounded down, as in NumPy. A negative
/// n is a shape_error. Lazy.
template <class T = float>
auto linspace(double start, double stop, int64 n = 50, detail::place where = {}) {
    static_assert(element<T>, "linspace: the type must be one of Sinter's element types.");
    if (n < 0)
        throw shape_error("linspace: the number of elements must not be negative, but is " +
                          std::to_string(n) + ".");
    const double step = n > 1 ? (stop - start) / static_cast<double>(n - 1) : 0;
    const auto i = detail::numbers_to<T>(n, where);
    const auto values =
        sinter::where(i == (n > 1 ? n - 1 : -1), stop, astype<double>(i) * step + start);
    if constexpr (is_floating(dtype_v<T>)) {
        return astype<T>(values);
    } else {
        return astype<T>(floor(values));
    }
}
/// The rows x columns matrix with 1 on a diagonal and 0 elsewhere; diagonal k lies k columns to the
/// right of the main one. Lazy: a product or a sum with it reads nothing.
template <class T = float>
auto eye(int64 rows, int64 columns, int64 diagonal = 0, detail::place where = {}) {
    const auto row = unsqueeze(detail::numbers_to<T>(rows, where), axis<1>);
    return astype<T>(row + diagonal == detail::numbers_to<T>(columns, where));
}
template <class T = float>
auto eye(int64 n, detail::place where = {}) {
    const auto row = unsqueeze(detail::numbers_to<T>(n, where), axis<1>);
    return astype<T>(row == detail::numbers_to<T>(n, where));
}

/// `value` in the shape, the type and on the device of `x`, of which nothing is read. Lazy.
template <expression X, class V>
    requires(number_like<V>)
auto full_like(const X& x, V value) {
    constexpr int R = symbol_of<X>::rank;
    return detail::filled<symbol_of<X>::type, R>(detail::extents_of(x), value, device_of(x));
}
template <expression X>
auto zeros_like(const X& x) {
    return full_like(x, 0);
}
template <expression X>
auto ones_like(const X& x) {
    return full_like(x, 1);
}

}  // namespace sinter
