// Values at run time: every register is 64 bits, a double for floating types, else an int64. The
// operations are those of the tables, chosen by number. float, half and bfloat16 compute in
// float, integers of up to 32 bits in int32.
#pragma once

#include <cstring>

#include "sinter/core/error.hpp"
#include "sinter/ir/pass.hpp"
#include "sinter/ir/tables.hpp"
#include "sinter/ir/walk.hpp"

namespace sinter::ir {

/// One value; its type is known beside it.
using cell = scalar_bits;

template <class T>
cell to_cell(T x) {
    if constexpr (same_v<T, float> || same_v<T, double>) {
        return {bits_as<uint64>(static_cast<double>(x))};
    } else {
        return {bits_as<uint64>(static_cast<int64>(x))};
    }
}
/// Calls f(dtype as number<>) for a dtype that is known at run time.
template <class F>
decltype(auto) with_dtype(dtype d, F&& f) {
    switch (d) {
        case dtype::boolean: return f(number<static_cast<int>(dtype::boolean)>{});
        case dtype::u8: return f(number<static_cast<int>(dtype::u8)>{});
        case dtype::i8: return f(number<static_cast<int>(dtype::i8)>{});
        case dtype::i16: return f(number<static_cast<int>(dtype::i16)>{});
        case dtype::i32: return f(number<static_cast<int>(dtype::i32)>{});
        case dtype::i64: return f(number<static_cast<int>(dtype::i64)>{});
        case dtype::f16: return f(number<static_cast<int>(dtype::f16)>{});
        case dtype::bf16: return f(number<static_cast<int>(dtype::bf16)>{});
        case dtype::f32: return f(number<static_cast<int>(dtype::f32)>{});
        default: return f(number<static_cast<int>(dtype::f64)>{});
    }
}
/// The same for the type that computes for `d`: half as many cases.
template <class F>
decltype(auto) with_compute_dtype(dtype d, F&& f) {
    switch (compute_dtype(d)) {
        case dtype::boolean: return f(number<static_cast<int>(dtype::boolean)>{});
        case dtype::i32: return f(number<static_cast<int>(dtype::i32)>{});
        case dtype::i64: return f(number<static_cast<int>(dtype::i64)>{});
        case dtype::f32: return f(number<static_cast<int>(dtype::f32)>{});
        default: return f(number<static_cast<int>(dtype::f64)>{});
    }
}

/// `x` of type `from` as a value of type `to`.
inline cell convert_cell(cell x, dtype from, dtype to) {
    return with_compute_dtype(from, [&](auto f) {
        const auto v = x.as<static_cast<dtype>(decltype(f)::value)>();
        return with_dtype(to, [&](auto t) {
            return to_cell(convert<static_cast<dtype>(decltype(t)::value)>(v));
        });
    });
}
inline cell load_cell(const void* data, int64 at, dtype type) {
    return with_dtype(type, [&](auto d) {
        constexpr dtype t = static_cast<dtype>(decltype(d)::value);
        storage_t<t> x;
        std::memcpy(&x, static_cast<const char*>(data) + at * size_of(t), sizeof x);
        return to_cell(static_cast<compute_t<t>>(x));
    });
}
/// The coordinate at `offset` of `a`.
inline cell coordinate_cell(const array_ref& a, int64 offset) {
    const auto first = reinterpret_cast<uint64>(a.data);
    return to_cell(a.type == dtype::i32 ? int64{coordinate_at<int32>(first, offset)}
                                        : coordinate_at<int64>(first, offset));
}
/// Writes `x`, a value of type `from`, as the array's type.
inline void store_cell(void* data, int64 at, dtype type, cell x, dtype from) {
    const cell y = convert_cell(x, from, type);
    with_dtype(type, [&](auto d) {
        constexpr dtype t = static_cast<dtype>(decltype(d)::value);
        const auto v = static_cast<storage_t<t>>(y.template as<compute_dtype(t)>());
        std::memcpy(static_cast<char*>(data) + at * size_of(t), &v, sizeof v);
    });
}

namespace detail {

template <class O, class T>
cell call_operation(const cell* in) {
    constexpr op_info info = O::info();
    constexpr dtype t = dtype_v<T>;
    if constexpr ((info.result == yields::floating && !is_floating(t)) || !accepts(info, t)) {
        throw error(std::string(info.name) + ": is not defined for " + name_of(t) + ".");
    } else if constexpr (info.operands == takes::condition) {
        return to_cell(O::value(in[0].as<dtype::boolean>(), in[1].as<t>(), in[2].as<t>()));
    } else if constexpr (info.arity == 3) {
        return to_cell(O::value(in[0].as<t>(), in[1].as<t>(), in[2].as<t>()));
    } else if constexpr (info.arity == 2) {
        return to_cell(O::value(in[0].as<t>(), in[1].as<t>()));
    } else {
        return to_cell(O::value(in[0].as<t>()));
    }
}
template <class T, class... O>
cell call_numbered(int op, const cell* in, op_list<O...>) {
    using call = cell (*)(const cell*);
    static constexpr call calls[] = {&call_operation<O, T>...};
    return calls[op](in);
}

}  // namespace detail

/// Table operation `op` on registers of type `type` (the operands', after a condition).
inline cell apply_operation(int op, dtype type, const cell* in) {
    const cell r = with_compute_dtype(type, [&](auto d) {
        return detail::call_numbered<compute_t<static_cast<dtype>(decltype(d)::value)>>(
            op, in, operations{});
    });
    const bool wraps = is_short(type) && info_of(op).result == yields::same;
    return wraps ? convert_cell(r, dtype::i32, type) : r;
}

namespace detail {

template <class R, dtype D>
cell fold_as(const cell* x, int64 count) {
    constexpr dtype from = D;
    constexpr int id = reduction_id<R>;
    constexpr bool position = R::info().result == reduces_to::position;
    using T = compute_t<position ? from : compute_dtype(reduced_dtype(id, from))>;
    auto s = R::template init<T>();
    for (int64 i = 0; i < count; ++i)
        R::template step<T>(s, convert<dtype_v<T>>(x[i].as<from>()), i);
    return to_cell(R::template result<T>(s));
}
template <dtype D, class... R>
cell fold_numbered(int id, const cell* x, int64 count, reduction_list<R...>) {
    using call = cell (*)(const cell*, int64);
    static constexpr call calls[] = {&fold_as<R, D>...};
    return calls[id](x, count);
}

}  // namespace detail

/// Reduction `id` of `count` values of type `type`, in order.
inline cell fold_cells(int id, dtype type, const cell* x, int64 count) {
    return with_compute_dtype(type, [&](auto d) {
        return detail::fold_numbered<static_cast<dtype>(decltype(d)::value)>(
            id, x, count, reductions{});
    });
}

/// The user's functors: `call` applies functor `slot` to registers of the operands' types.
struct functor_calls {
    void (*call)(const void* context, int slot, const cell* in, cell* out) = nullptr;
    const void* context = nullptr;
};

/// Pointwise node `x` on its operands' values.
inline cell apply_node(const graph_view& g, const node& x, const cell* in, const functor_calls& f) {
    const dtype from = g.n[x.in[0]].type;
    if (x.op == op_cast) return convert_cell(in[0], from, x.type);
    if (x.op == op_expand) return in[0];
    if (x.op == op_take)
        return load_cell(reinterpret_cast<const void*>(in[1].bits), in[0].as<dtype::i64>(), x.type);
    if (x.op == op_inside)
        return to_cell(
            inside(in[0].as<dtype::i64>(), in[1].as<dtype::i64>(), in[2].as<dtype::i64>()));
    if (x.op == op_user) {
        cell out{};
        if (!f.call) throw error("elementwise: this evaluation has no functors.");
        f.call(f.context, x.slot, in, &out);
        return out;
    }
    return apply_operation(
        x.op, info_of(x.op).operands == takes::condition ? g.n[x.in[1]].type : from, in);
}

/// The value of node `x` if that does not depend on arrays: a constant, a scalar or an extent.
inline cell uniform_cell(const node& x, const array_ref* value, const scalar_bits* scalars) {
    switch (x.k) {
        case kind::constant:
            return convert_cell({x.value}, is_floating(x.type) ? dtype::f64 : dtype::i64, x.type);
        case kind::scalar:
            return convert_cell(
                scalars[x.slot], is_floating(x.type) ? dtype::f64 : dtype::i64, x.type);
        case kind::address: return {reinterpret_cast<uint64>(value[x.in[0]].data)};
        default: break;
    }
    int64 n = 1;
    for (int j = 0; j < max_rank; ++j)
        if (x.axes >> j & 1) n *= value[x.in[0]].extent[j];
    return convert_cell(to_cell(n), dtype::i64, x.type);
}

/// The product of a contraction's operands in type `type`, added to `sum`.
inline cell multiply_add(dtype type, cell a, cell b, cell sum) {
    const cell both[] = {a, b};
    const cell more[] = {sum, apply_operation(op_id<op::mul>, type, both)};
    return apply_operation(op_id<op::add>, type, more);
}

}  // namespace sinter::ir
