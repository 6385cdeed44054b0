// What a stage computes when all its rows are done: its totals, and what follows from them, for the
// whole stage or for each column. Device-readable.
#pragma once

#include "sinter/ir/pass.hpp"

namespace sinter::ir {

/// The end of stage C, for the whole stage or for one column.
template <class C, bool Columns>
struct ends {
    using regs = registers<C>;
    using functors = functor_pack<typename C::functors>;

    struct is_here {
        how h;
        SINTER_HD constexpr bool operator()(const instr& x) const {
            return x.h == h && x.row_constant != Columns;
        }
    };
    /// The totals; what is computed from these; the numbers that are computed for that.
    SINTER_HD static constexpr auto totals() { return C::select(is_here{how::total}); }
    SINTER_HD static constexpr auto values() { return C::select(is_here{how::after}); }
    SINTER_HD static constexpr index_list<C::size> numbers() {
        bool need[C::size]{};
        for (int j = C::size - 1; j >= 0; --j) {
            const instr x = C::at(j);
            need[j] = (need[j] && x.h == how::compute) || is_here{how::after}(x);
            for (const short i : x.in)
                if (need[j] && i >= 0) need[i] = true;
        }
        index_list<C::size> r;
        for (int j = 0; j < C::size; ++j)
            if (need[j] && C::at(j).h == how::compute) r.push(j);
        return r;
    }
    /// The totals of one column, or of the stage, that are of values per row (else of elements).
    SINTER_HD static constexpr index_list<C::size> totals_of(bool per_row) {
        index_list<C::size> r;
        const auto all = totals();
        for (int i = 0; i < all.count; ++i)
            if (C::at(C::at(all.at[i]).in[0]).row_constant == per_row) r.push(all.at[i]);
        return r;
    }

    /// Computes the numbers; `v` has the scalars.
    SINTER_HD SINTER_INLINE static void compute_numbers(regs& v, const functors& f) {
        compute_numbers(v, f, make_ints<numbers().count>{});
    }
    /// Computes what follows from the totals in `v`.
    SINTER_HD SINTER_INLINE static void compute(regs& v, const functors& f) {
        compute(v, f, make_ints<values().count>{});
    }

private:
    template <int J>
    SINTER_HD SINTER_INLINE static void compute_one(regs& v, const functors& f) {
        v.template at<J>() = pass<C, 0>::template value<J>(v, v, f);
    }
    template <int... K>
    SINTER_HD SINTER_INLINE static void compute_numbers(regs& v, const functors& f, ints<K...>) {
        [[maybe_unused]] constexpr auto list = numbers();
        (compute_one<list.at[K]>(v, f), ...);
    }
    template <int... K>
    SINTER_HD SINTER_INLINE static void compute(regs& v, const functors& f, ints<K...>) {
        [[maybe_unused]] constexpr auto list = values();
        (compute_one<list.at[K]>(v, f), ...);
    }
};

}  // namespace sinter::ir
