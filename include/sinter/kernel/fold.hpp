// The running states of the reductions that one walk over a row completes. Device-readable, and by
// host code that must know their size.
#pragma once

#include "sinter/ir/pass.hpp"
#include "sinter/kernel/fields.hpp"

namespace sinter::kernel {

/// Sums that depend on another reduction only through a value c of the row, and can therefore be
/// had in the same walk as that one: sum(exp(x - c)) and sum((x - c)^2).
enum class running : unsigned char { none, exponentials, squares };
struct running_form {
    running how = running::none;
    short x = -1, c = -1;  // instructions
};

/// The form of reduction `r`, for a walk that is pass `level - 2` of the stage with code `code`.
SINTER_HD constexpr running_form running_form_of(const ir::instr* code, int r) {
    const ir::instr& sum = code[r];
    if (sum.op != ir::reduction_id<ir::red::sum> || !is_floating(sum.type)) return {};
    const ir::instr& term = code[sum.in[0]];
    if (term.h != ir::how::compute || term.type != sum.type) return {};
    running how = running::none;
    if (term.op == ir::op_id<ir::op::exp>) how = running::exponentials;
    if (term.op == ir::op_id<ir::op::mul> && term.in[0] == term.in[1]) how = running::squares;
    if (how == running::none) return {};
    const ir::instr& difference = code[term.in[0]];
    if (difference.h != ir::how::compute || difference.op != ir::op_id<ir::op::sub> ||
        difference.type != sum.type)
        return {};
    const ir::instr &x = code[difference.in[0]], &c = code[difference.in[1]];
    const bool known = !x.row_constant && x.level + 2 <= sum.level && x.type == sum.type &&
                       c.row_constant && c.level < sum.level && c.type == sum.type;
    return known ? running_form{how, difference.in[0], difference.in[1]} : running_form{};
}
/// True when the reductions of pass w + 1 can be had in pass w: then both are one walk.
SINTER_HD constexpr bool passes_join(const ir::instr* code, int size, int passes, int w) {
    if (w + 2 >= passes) return false;
    for (int r = 0; r < size; ++r)
        if (code[r].h == ir::how::reduce && code[r].level == w + 2 &&
            running_form_of(code, r).how == running::none)
            return false;
    return true;
}

/// The instructions of stage C as an array.
template <class C>
struct code_copy {
    ir::instr at[C::size];
};
template <class C>
SINTER_HD constexpr code_copy<C> code_of() {
    code_copy<C> r{};
    for (int i = 0; i < C::size; ++i) r.at[i] = C::at(i);
    return r;
}
/// The last pass of the walk that begins with pass W.
template <class C, int W>
SINTER_HD constexpr int last_of_walk() {
    return passes_join(code_of<C>().at, C::size, C::head().passes, W) ? W + 1 : W;
}

/// sum(exp(x - c)): exponentials beside the largest x so far, so that none overflows. Whatever c is
/// in the end, the result is `total` times one exponential.
struct running_exponentials {
    template <class T>
    struct state {
        T top, total;
    };
    template <class T>
    SINTER_HD SINTER_INLINE static state<T> init() {
        return {static_cast<T>(-infinity), T(0)};
    }
    // exp(a - b), and 1 where both are the same infinity.
    template <class T>
    SINTER_HD SINTER_INLINE static T beside(T a, T b) {
        return math::exp(a == b ? T(0) : a - b);
    }
    template <class T>
    SINTER_HD SINTER_INLINE static void step(state<T>& s, T x, int64) {
        if (x > s.top) {
            s.total *= beside(s.top, x);
            s.top = x;
        }
        s.total += beside(x, s.top);
    }
    template <class T>
    SINTER_HD SINTER_INLINE static void seal(state<T>&) {}
    template <class T>
    SINTER_HD SINTER_INLINE static void merge(state<T>& a, const state<T>& b) {
        const T top = b.top > a.top ? b.top : a.top;
        a.total = a.total * beside(a.top, top) + b.total * beside(b.top, top);
        a.top = top;
    }
    template <class T>
    SINTER_HD SINTER_INLINE static T result(const state<T>& s, T c) {
        return s.total * math::exp(s.top - c);
    }
};

/// sum((x - c)^2). A thread adds up deviations from the first element it meets, `at`: that is a
/// sample, so little cancels (an outlier there weighs as much in the result). `seal` turns the sums
/// into mean and squares about it, which merge without cancellation.
struct running_squares {
    template <class T>
    struct state {
        T count, at, first, second;
    };
    template <class T>
    SINTER_HD SINTER_INLINE static state<T> init() {
        return {T(0), T(0), T(0), T(0)};
    }
    template <class T>
    SINTER_HD SINTER_INLINE static void step(state<T>& s, T x, int64) {
        if (s.count == T(0)) s.at = x;
        const T d = x - s.at;
        s.count += T(1);
        s.first += d;
        s.second += d * d;
    }
    template <class T>
    SINTER_HD SINTER_INLINE static void seal(state<T>& s) {
        if (s.count == T(0)) return;
        const T mean = s.first / s.count, squares = s.second - s.first * mean;
        s.at += mean;
        s.first = T(0);
        s.second = squares < T(0) ? T(0) : squares;
    }
    template <class T>
    SINTER_HD SINTER_INLINE static void merge(state<T>& a, const state<T>& b) {
        if (b.count == T(0)) return;
        const T count = a.count + b.count, d = b.at - a.at, share = b.count / count;
        a.second += b.second + d * d * a.count * share;
        a.at = a.count == T(0) ? b.at : a.at + d * share;
        a.count = count;
    }
    template <class T>
    SINTER_HD SINTER_INLINE static T result(const state<T>& s, T c) {
        if (s.count == T(0)) return T(0);
        const T d = s.at - c;
        return s.second + s.count * d * d;
    }
};

template <class C, int J, running How>
struct fold_operation {
    using type = ir::reduction_op<C::at(J).op>;
};
template <class C, int J>
struct fold_operation<C, J, running::exponentials> {
    using type = running_exponentials;
};
template <class C, int J>
struct fold_operation<C, J, running::squares> {
    using type = running_squares;
};

/// Reduction J of stage C in a walk that begins with pass W: `value` is what its state is made of
/// and what it folds.
template <class C, int J, int W>
struct fold {
    SINTER_HD static constexpr running_form form() {
        return C::at(J).level > W + 1 ? running_form_of(code_of<C>().at, J) : running_form{};
    }
    static constexpr dtype value_dtype() {  // for constants only
        constexpr ir::instr x = C::at(J);
        constexpr bool position = ir::reduction_op<x.op>::info().result == ir::reduces_to::position;
        return compute_dtype(position ? C::at(x.in[0]).type : x.type);
    }
    SINTER_HD static constexpr int operand() {
        return form().how == running::none ? C::at(J).in[0] : form().x;
    }
    using op = typename fold_operation<C, J, form().how>::type;
    using value = compute_t<value_dtype()>;
    using state = typename op::template state<value>;
};

/// The reductions that the walk of passes W..Last completes.
template <class C, int W, int Last>
SINTER_HD constexpr auto folds_of() {
    auto r = ir::pass<C, W>::folds();
    if constexpr (Last > W) {
        const auto more = ir::pass<C, Last>::folds();
        for (int i = 0; i < more.count; ++i) r.push(more.at[i]);
    }
    return r;
}

template <class C, int W, int Last, class I>
struct states_of;
template <class C, int W, int Last, int... K>
struct states_of<C, W, Last, ints<K...>> {
    using type = fields<typename fold<C, folds_of<C, W, Last>().at[K], W>::state...>;
};

/// The states of all reductions that the walk of passes W..Last of stage C completes.
template <class C, int W, int Last = W>
struct alignas(8) fold_states {
    SINTER_HD static constexpr int count() { return folds_of<C, W, Last>().count; }
    template <int K>
    using at = fold<C, folds_of<C, W, Last>().at[K], W>;

    typename states_of<C, W, Last, make_ints<count()>>::type all;

    /// The bytes of the states without what alignment adds.
    SINTER_HD static constexpr int bytes() { return bytes_of(make_ints<count()>{}); }

    SINTER_DEVICE void clear() { each<count()>(clear_one{*this}); }
    /// Folds the values of one element; `i` is its position in the row.
    SINTER_DEVICE void step(const ir::registers<C>& v, const ir::registers<C>& row, int64 i) {
        each<count()>(step_one{*this, v, row, i});
    }
    /// To be called between the last step of a thread and the first merge.
    SINTER_DEVICE void seal() { each<count()>(seal_one{*this}); }
    SINTER_DEVICE void merge(fold_states& other) { each<count()>(merge_one{*this, other}); }
    /// Writes the results of level Level to the registers of the row.
    template <int Level>
    SINTER_DEVICE void finish(ir::registers<C>& row) {
        each<count()>(finish_one<Level>{*this, row});
    }

private:
    template <int... K>
    SINTER_HD static constexpr int bytes_of(ints<K...>) {
        return (0 + ... + int(sizeof(typename at<K>::state)));
    }
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
            const auto x = ir::pass<C, W>::template get<f::operand()>(v, row);
            f::op::step(s.all.template at<K>(), ir::convert<dtype_v<typename f::value>>(x), i);
        }
    };
    struct seal_one {
        fold_states& s;
        template <int K>
        SINTER_DEVICE void operator()(number<K>) const {
            if constexpr (at<K>::form().how != running::none)
                at<K>::op::seal(s.all.template at<K>());
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
    template <int Level>
    struct finish_one {
        fold_states& s;
        ir::registers<C>& row;
        template <int K>
        SINTER_DEVICE void operator()(number<K>) const {
            using f = at<K>;
            constexpr int j = folds_of<C, W, Last>().at[K];
            constexpr running_form form = f::form();
            if constexpr (C::at(j).level != Level) {
                return;
            } else if constexpr (form.how == running::none) {
                row.template at<j>() = ir::convert<compute_dtype(C::at(j).type)>(
                    f::op::result(s.all.template at<K>()));
            } else {
                const typename f::value c = ir::pass<C, W>::template get<form.c>(row, row);
                row.template at<j>() = f::op::result(s.all.template at<K>(), c);
            }
        }
    };
};

}  // namespace sinter::kernel
