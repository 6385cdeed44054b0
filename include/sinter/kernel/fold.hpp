// The running states of the reductions that one pass completes. Device-readable, and by host code
// that must know their size.
#pragma once

#include "sinter/ir/pass.hpp"
#include "sinter/kernel/fields.hpp"

namespace sinter::kernel {

/// Reduction J of stage C: `value` is what its state is made of and what it folds.
template <class C, int J>
struct fold {
    static constexpr dtype value_dtype() {  // for constants only
        constexpr ir::instr x = C::at(J);
        constexpr bool position = ir::reduction_op<x.op>::info().result == ir::reduces_to::position;
        return compute_dtype(position ? C::at(x.in[0]).type : x.type);
    }
    using op = ir::reduction_op<C::at(J).op>;
    using value = compute_t<value_dtype()>;
    using state = typename op::template state<value>;
};

template <class C, int W, class I>
struct states_of;
template <class C, int W, int... K>
struct states_of<C, W, ints<K...>> {
    using type = fields<typename fold<C, ir::pass<C, W>::folds().at[K]>::state...>;
};

/// The states of all reductions that pass W of stage C completes.
template <class C, int W>
struct alignas(8) fold_states {
    SINTER_HD static constexpr int count() { return ir::pass<C, W>::folds().count; }
    template <int K>
    using at = fold<C, ir::pass<C, W>::folds().at[K]>;

    typename states_of<C, W, make_ints<count()>>::type all;

    SINTER_DEVICE void clear() { each<count()>(clear_one{*this}); }
    /// Folds the values of one element; `i` is its position in the row.
    SINTER_DEVICE void step(const ir::registers<C>& v, const ir::registers<C>& row, int64 i) {
        each<count()>(step_one{*this, v, row, i});
    }
    SINTER_DEVICE void merge(fold_states& other) { each<count()>(merge_one{*this, other}); }
    /// Writes the results to the registers of the row.
    SINTER_DEVICE void finish(ir::registers<C>& row) { each<count()>(finish_one{*this, row}); }

private:
    struct clear_one {
        fold_states& s;
        template <int K>
        SINTER_DEVICE void operator()(number<K>) const {
            using f = at<K>;
            s.all.template at<K>() = f::op::template init<typename f::value>();
        }
    };
    struct step_one {
        fold_states& s;
        const ir::registers<C>&v, &row;
        int64 i;
        template <int K>
        SINTER_DEVICE void operator()(number<K>) const {
            using f = at<K>;
            constexpr int operand = C::at(ir::pass<C, W>::folds().at[K]).in[0];
            const auto x = ir::pass<C, W>::template get<operand>(v, row);
            f::op::step(s.all.template at<K>(), ir::convert<dtype_v<typename f::value>>(x), i);
        }
    };
    struct merge_one {
        fold_states &s, &other;
        template <int K>
        SINTER_DEVICE void operator()(number<K>) const {
            using f = at<K>;
            f::op::merge(s.all.template at<K>(), other.all.template at<K>());
        }
    };
    struct finish_one {
        fold_states& s;
        ir::registers<C>& row;
        template <int K>
        SINTER_DEVICE void operator()(number<K>) const {
            using f = at<K>;
            constexpr int j = ir::pass<C, W>::folds().at[K];
            row.template at<j>() =
                ir::convert<compute_dtype(C::at(j).type)>(f::op::result(s.all.template at<K>()));
        }
    };
};

}  // namespace sinter::kernel
