// What one loop of a stage loads, computes and delivers, as straight-line code without branches:
// the part that the host loops and every kernel share. Device-readable.
#pragma once

#include "sinter/ir/list.hpp"

namespace sinter::ir {

/// Conversion between register types. Floating to integer truncates, saturates and maps NaN to 0;
/// integer to integer wraps; to bool is `x != 0`; to half and bfloat16 rounds a float register.
template <dtype To, class From>
SINTER_HD SINTER_INLINE constexpr compute_t<To> convert(From x) {
    if constexpr (To == dtype::boolean) {
        return x != From(0);
    } else if constexpr (is_half_size(To)) {
        return static_cast<float>(storage_t<To>(x));
    } else if constexpr (category(To) == 1 && (same_v<From, float> || same_v<From, double>)) {
        using T = storage_t<To>;
        // Both bounds are powers of 2, or 0, and exact; -(least) is one above the largest.
        constexpr From low = static_cast<From>(least_v<T>);
        constexpr From above = low < From(0) ? -low : From(largest_v<T>) + From(1);
        if (x != x) return 0;
        if (x >= above) return largest_v<T>;
        if (x <= low) return least_v<T>;
        return static_cast<compute_t<To>>(x);
    } else {
        return static_cast<compute_t<To>>(static_cast<storage_t<To>>(x));
    }
}
/// The result of an operation of type D, or the sum of a product, as a register holds it: those of
/// integers that are shorter than the register wrap.
template <dtype D, class T>
SINTER_HD SINTER_INLINE constexpr T wrapped(T x) {
    if constexpr (is_short(D)) {
        return convert<D>(x);
    } else {
        return x;
    }
}

struct is_inside_check {
    SINTER_HD constexpr bool operator()(const instr& x) const {
        return (x.h == how::compute || x.h == how::after) && x.op == op_inside;
    }
};
/// Whether what these registers compute is wanted. A lane that stands beyond the end of an array
/// computes from zeros, and may find an index outside that nobody gave: it must not tell of it.
template <bool Checks>
struct lane_state {
    SINTER_HD SINTER_INLINE void exists(bool) {}
    static constexpr bool there() { return false; }
};
template <>
struct lane_state<true> {
    bool lane_is_there = true;
    SINTER_HD SINTER_INLINE void exists(bool b) { lane_is_there = b; }
    SINTER_HD SINTER_INLINE bool there() const { return lane_is_there; }
};

/// The registers of a stage, one per instruction and typed by it. Indices are constants, so the
/// arrays dissolve into registers.
template <class C>
struct registers : lane_state<(C::select(is_inside_check{}).count > 0)> {
    SINTER_HD static constexpr bool holds(dtype d) {
        for (int i = 0; i < C::size; ++i)
            if (compute_dtype(C::at(i).type) == d) return true;
        return false;
    }
    float f[holds(dtype::f32) ? C::size : 1];
    double d[holds(dtype::f64) ? C::size : 1];
    int64 i[holds(dtype::i64) ? C::size : 1];
    int32 w[holds(dtype::i32) ? C::size : 1];
    bool b[holds(dtype::boolean) ? C::size : 1];

    /// The registers of type T: one function for all of them, because each costs the compiler.
    template <dtype T>
    SINTER_HD SINTER_INLINE auto* of() {
        if constexpr (T == dtype::f32) {
            return f;
        } else if constexpr (T == dtype::f64) {
            return d;
        } else if constexpr (T == dtype::i64) {
            return i;
        } else if constexpr (T == dtype::i32) {
            return w;
        } else {
            return b;
        }
    }
    template <dtype T>
    SINTER_HD SINTER_INLINE const auto* of() const {
        return const_cast<registers*>(this)->template of<T>();
    }
    /// The register of instruction J.
    template <int J>
    SINTER_HD SINTER_INLINE auto& at() {
        return of<compute_dtype(C::at(J).type)>()[J];
    }
    template <int J>
    SINTER_HD SINTER_INLINE const auto& at() const {
        return of<compute_dtype(C::at(J).type)>()[J];
    }
};

/// A scalar operand as it travels to a kernel: 64 bits, read as double for floating types, else as
/// int64.
struct scalar_bits {
    uint64 bits = 0;
    template <dtype D>
    SINTER_HD constexpr compute_t<D> as() const {
        if constexpr (is_floating(D)) {
            return convert<D>(bits_as<double>(bits));
        } else {
            return convert<D>(bits_as<int64>(bits));
        }
    }
};

/// The user's functors with their state.
template <class F>
struct functor_pack;
template <>
struct functor_pack<functor_types<>> {};
template <class F, class... G>
struct functor_pack<functor_types<F, G...>> {
    F first;
    functor_pack<functor_types<G...>> rest;
    template <int I>
    SINTER_HD SINTER_INLINE const auto& at() const {
        if constexpr (I == 0) {
            return first;
        } else {
            return rest.template at<I - 1>();
        }
    }
};

/// The element `offset` elements from `address`, as a register holds it.
template <dtype D>
SINTER_HD SINTER_INLINE compute_t<D> element_at(int64 address, int64 offset) {
    return static_cast<compute_t<D>>(reinterpret_cast<const storage_t<D>*>(address)[offset]);
}

/// Where kernels leave an index that lies outside, in memory that the host reaches as well. Slots
/// lie in a row, each for one operation, axis and shape. Slot 0 is of none: its `index` is the
/// number of the slot that was written first, or 0.
struct index_slot {
    int64 index = 0;
    int64 number = 0;  // of this slot, times 2; plus 1 where indices may count from the end
};
SINTER_HD SINTER_INLINE int64 read_word(const int64* p) {
#if SINTER_DEVICE_CODE
    return *static_cast<const volatile int64*>(p);
#else
    return __atomic_load_n(p, __ATOMIC_ACQUIRE);
#endif
}
SINTER_HD SINTER_INLINE void write_word(int64* p, int64 x) {
#if SINTER_DEVICE_CODE
    __threadfence_system();
    *static_cast<volatile int64*>(p) = x;
#else
    __atomic_store_n(p, x, __ATOMIC_RELEASE);
#endif
}
/// Leaves `index`, outside an axis of extent n, in the slot at `address`, unless the host has not
/// yet seen an earlier one. Threads that do so at once may overwrite each other: one of them stays.
/// Plain writes: not every bus carries atomics to the host's memory.
SINTER_HD inline void report_outside(int64 address, int64 index, int64 n) {
    auto* const slot = reinterpret_cast<index_slot*>(address);
    const int64 number = read_word(&slot->number) / 2;
    index_slot* const first = slot - number;
    if (read_word(&first->index) != 0) return;
    const bool from_end = index < 0 && read_word(&slot->number) % 2 != 0;
    write_word(&slot->index, from_end ? index - n : index);
    write_word(&first->index, number);
}
/// Whether `index` lies in [0, n); tells the slot at `address`, if there is one, where it does not.
SINTER_HD SINTER_INLINE bool inside(int64 index, int64 n, int64 address) {
    const bool is = static_cast<uint64>(index) < static_cast<uint64>(n);
    if (!is && address != 0) report_outside(address, index, n);
    return is;
}

/// Loop W of stage C (a pass, side_a or side_b).
template <class C, int W>
struct pass {
    using regs = registers<C>;
    using functors = functor_pack<typename C::functors>;
    static constexpr int size = C::size;

    struct in_loop {
        bool loads;
        SINTER_HD constexpr bool operator()(const instr& x) const {
            const bool source = x.h == how::load || x.h == how::core;
            return (x.loops >> W & 1) && (loads ? source : x.h == how::compute);
        }
    };
    struct completes {
        SINTER_HD constexpr bool operator()(const instr& x) const {
            return W < max_passes && x.h == how::reduce && x.level == W + 1;
        }
    };
    struct per_row {
        SINTER_HD constexpr bool operator()(const instr& x) const {
            return W < max_passes && x.row_constant && x.level == W &&
                   (x.h == how::load || x.h == how::compute);
        }
    };
    /// Loaded (or taken from the core) for every element of the loop; computed for every element;
    /// reductions that the loop completes; values of the row that become available before it.
    SINTER_HD static constexpr auto loads() { return C::select(in_loop{true}); }
    SINTER_HD static constexpr auto point() { return C::select(in_loop{false}); }
    SINTER_HD static constexpr auto folds() { return C::select(completes{}); }
    SINTER_HD static constexpr auto row_values() { return C::select(per_row{}); }

    /// The value of instruction J: from the row's registers if it is one per row, else from the
    /// element's.
    template <int J>
    SINTER_HD SINTER_INLINE static auto get(const regs& v, const regs& row) {
        constexpr instr x = C::at(J);
        if constexpr (x.h == how::constant) {
            constexpr auto value = scalar_bits{x.value}.template as<x.type>();
            return value;
        } else if constexpr (x.h == how::scalar || (x.row_constant && W < max_passes)) {
            return row.template of<compute_dtype(x.type)>()[J];
        } else {
            return v.template of<compute_dtype(x.type)>()[J];
        }
    }
    /// Evaluates computation J.
    template <int J>
    SINTER_HD SINTER_INLINE static auto value(const regs& v, const regs& row, const functors& f) {
        constexpr instr x = C::at(J);
        if constexpr (x.op == op_cast) {
            return convert<x.type>(get<x.in[0]>(v, row));
        } else if constexpr (x.op == op_expand) {
            return get<x.in[0]>(v, row);
        } else if constexpr (x.op == op_take) {
            return element_at<x.type>(get<x.in[1]>(v, row), get<x.in[0]>(v, row));
        } else if constexpr (x.op == op_inside) {
            return inside(
                get<x.in[0]>(v, row), get<x.in[1]>(v, row), v.there() ? get<x.in[2]>(v, row) : 0);
        } else if constexpr (x.op == op_user) {
            return user<J>(v, row, f);
        } else if constexpr (x.in[2] >= 0) {
            return wrapped<x.type>(operation<x.op>::value(
                get<x.in[0]>(v, row), get<x.in[1]>(v, row), get<x.in[2]>(v, row)));
        } else if constexpr (x.in[1] >= 0) {
            return wrapped<x.type>(
                operation<x.op>::value(get<x.in[0]>(v, row), get<x.in[1]>(v, row)));
        } else {
            return wrapped<x.type>(operation<x.op>::value(get<x.in[0]>(v, row)));
        }
    }
    /// Runs every computation of the loop on registers `v`, whose loads are filled in.
    SINTER_HD SINTER_INLINE static void compute(regs& v, const regs& row, const functors& f) {
        compute_all(v, row, f, make_ints<point().count>{});
    }
    /// Runs the computations of the row that become available before this pass (its loads are
    /// filled in).
    SINTER_HD SINTER_INLINE static void compute_row(regs& row, const functors& f) {
        compute_row_all(row, f, make_ints<row_values().count>{});
    }

private:
    template <int J>
    SINTER_HD SINTER_INLINE static auto user(const regs& v, const regs& row, const functors& f) {
        constexpr instr x = C::at(J);
        const auto& call = f.template at<static_cast<int>(x.value)>();
        if constexpr (x.in[2] >= 0) {
            return static_cast<compute_t<x.type>>(
                call(get<x.in[0]>(v, row), get<x.in[1]>(v, row), get<x.in[2]>(v, row)));
        } else if constexpr (x.in[1] >= 0) {
            return static_cast<compute_t<x.type>>(call(get<x.in[0]>(v, row), get<x.in[1]>(v, row)));
        } else {
            return static_cast<compute_t<x.type>>(call(get<x.in[0]>(v, row)));
        }
    }
    template <int... K>
    SINTER_HD SINTER_INLINE static void compute_all(regs& v,
                                                    const regs& row,
                                                    const functors& f,
                                                    ints<K...>) {
        [[maybe_unused]] constexpr auto p = point();
        ((v.template of<compute_dtype(C::at(p.at[K]).type)>()[p.at[K]] = value<p.at[K]>(v, row, f)),
         ...);
    }
    template <int J>
    SINTER_HD SINTER_INLINE static void compute_row_one(regs& row, const functors& f) {
        if constexpr (C::at(J).h == how::compute) row.template at<J>() = value<J>(row, row, f);
    }
    template <int... K>
    SINTER_HD SINTER_INLINE static void compute_row_all(regs& row, const functors& f, ints<K...>) {
        [[maybe_unused]] constexpr auto p = row_values();
        (compute_row_one<p.at[K]>(row, f), ...);
    }
};

/// Calls f(number<0>), ..., f(number<N-1>): a loop whose index is a constant.
template <class F, int... I>
SINTER_HD SINTER_INLINE constexpr void unroll_list(F&& f, ints<I...>) {
    (f(number<I>{}), ...);
}
template <int N, class F>
SINTER_HD SINTER_INLINE constexpr void unroll(F&& f) {
    unroll_list(static_cast<F&&>(f), make_ints<N>{});
}

}  // namespace sinter::ir
