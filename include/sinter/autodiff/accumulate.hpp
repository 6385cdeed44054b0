// Adding gradients, whatever their rank: arrays with max_rank axes, of which most have extent 1.
#pragma once

#include "sinter/autodiff/program.hpp"
#include "sinter/runtime/copy.hpp"

namespace sinter::autodiff {

namespace detail {

// An array of any rank as an operand with max_rank axes.
inline void add_array(operand_list& list, const exec::made_array& m) {
    int64* const w = list.add(m.memory, ir::visit::leaf, m.array.type, max_rank, 1 + 2 * max_rank);
    w[0] = static_cast<char*>(m.array.data) - static_cast<char*>(m.memory->data());
    for (int j = 0; j < max_rank; ++j) {
        w[max_rank - j] = m.array.extent[j];
        w[2 * max_rank - j] = m.array.stride[j];
    }
}
inline std::size_t bytes_of(const ir::array_ref& a) {
    return static_cast<std::size_t>(exec::bytes_of(a));
}

// The axis to walk step by step so that the others of `a` meet no element twice, or one closer to
// that; -1 where nothing is met twice. `walked`: axes that are walked already.
inline int overlapping_axis(const ir::array_ref& a, unsigned walked) {
    int order[max_rank], n = 0;
    const auto step = [&](int j) { return a.stride[j] < 0 ? -a.stride[j] : a.stride[j]; };
    for (int j = 0; j < max_rank; ++j)
        if (a.extent[j] > 1 && !(walked >> j & 1)) order[n++] = j;
    for (int i = 1; i < n; ++i)
        for (int k = i; k > 0 && step(order[k - 1]) > step(order[k]); --k)
            std::swap(order[k - 1], order[k]);
    // The first axis (without `left_out`) that steps into what the ones below it span.
    const auto overlap = [&](int left_out, int end) {
        int64 span = 0;
        for (int i = 0; i < end; ++i) {
            if (order[i] == left_out) continue;
            if (step(order[i]) <= span) return i;
            span += step(order[i]) * (a.extent[order[i]] - 1);
        }
        return -1;
    };
    const int at = overlap(-1, n);
    if (at < 0) return -1;
    int best = -1, shortest = -1;
    for (int i = 0; i <= at; ++i) {
        const int j = order[i];
        if (shortest < 0 || a.extent[j] < a.extent[shortest]) shortest = j;
        if (overlap(j, at + 1) < 0 && (best < 0 || a.extent[j] < a.extent[best])) best = j;
    }
    return best < 0 ? shortest : best;
}

}  // namespace detail

/// Row-major memory for an array of a's extents.
inline exec::made_array empty_like(ir::array_ref a, device where) {
    ir::make_row_major(a);
    exec::made_array r{a, runtime::allocate(where, detail::bytes_of(a))};
    r.array.data = r.memory->data();
    return r;
}
/// The same, filled with 0.
inline exec::made_array zeros_like(const ir::array_ref& a, device where) {
    exec::made_array r = empty_like(a, where);
    runtime::fill_zero(r.array.data, where, detail::bytes_of(a));
    return r;
}

/// Sums of gradients of one element type: two programs, whatever the shapes.
class accumulator {
public:
    using program = void (*)(const operand_list* const* lists, exec::target* to);
    constexpr accumulator(program add, program fold) : add_(add), fold_(fold) {}

    /// into += more, in place. Of equal extents, in memory of their own.
    void add_to(exec::made_array& into, const exec::made_array& more) const {
        // Each element is read just before it is written: the evaluation sees that when both are
        // described alike.
        for (int j = 0; j < max_rank; ++j)
            if (into.array.extent[j] == 1) into.array.stride[j] = 0;
        exec::target to;
        to.write_through = to.present = true;
        to.array = into.array;
        to.memory = &into.memory;
        run(add_, to, into, &more);
    }
    /// The same where `into` may meet an element several times, as windows do: one launch for each
    /// element of a window, or for as many as keep the others apart.
    void add_to_windows(exec::made_array& into,
                        const exec::made_array& more,
                        unsigned walked = 0) const {
        const int axis = detail::overlapping_axis(into.array, walked);
        if (axis < 0) return add_to(into, more);
        for (int64 i = 0; i < into.array.extent[axis]; ++i) {
            exec::made_array a = at(into, axis, i);
            add_to_windows(a, at(more, axis, i), walked | 1U << axis);
        }
    }
    exec::made_array sum_of(const exec::made_array& a, const exec::made_array& b) const {
        exec::target to;
        run(add_, to, a, &b);
        return {to.array, std::move(to.fresh)};
    }
    /// A row-major copy of a row-major array.
    static exec::made_array copy_of(const exec::made_array& a) {
        exec::made_array r = empty_like(a.array, a.memory->where());
        runtime::copy_async(*r.memory,
                            r.array.data,
                            *a.memory,
                            a.array.data,
                            detail::bytes_of(a.array),
                            current_stream(a.memory->where()));
        return r;
    }
    /// Row-major `a` summed over the axes along which `like` has extent 1. Neighbouring axes of one
    /// kind are one, so at most four are summed and four stay.
    exec::made_array sum_to(const exec::made_array& a, const ir::array_ref& like) const {
        exec::made_array r = a;
        for (int j = 0; j < max_rank; ++j) r.array.extent[j] = 1, r.array.stride[j] = 0;
        int next[2] = {0, max_rank / 2}, last = -1;
        for (int j = 0; j < max_rank; ++j) {
            if (a.array.extent[j] == 1) continue;
            const int kind = like.extent[j] != 1;
            if (kind == last) {
                r.array.extent[next[kind] - 1] *= a.array.extent[j];
                continue;
            }
            r.array.extent[next[kind]] = a.array.extent[j];
            r.array.stride[next[kind]++] = a.array.stride[j];
            last = kind;
        }
        exec::target to;
        run(fold_, to, r, nullptr);
        exec::made_array s{like, std::move(to.fresh)};
        s.array.type = a.array.type;
        ir::make_row_major(s.array);
        s.array.data = s.memory->data();
        return s;
    }

private:
    static exec::made_array at(exec::made_array a, int axis, int64 i) {
        a.array.data =
            static_cast<char*>(a.array.data) + i * a.array.stride[axis] * size_of(a.array.type);
        a.array.extent[axis] = 1;
        return a;
    }
    static void run(program p,
                    exec::target& to,
                    const exec::made_array& a,
                    const exec::made_array* b) {
        operand_list list;
        detail::add_array(list, a);
        if (b) detail::add_array(list, *b);
        const operand_list* const lists[] = {&list};
        p(lists, &to);
    }

    program add_, fold_;
};

/// The sums of element type D with the kernels of backend B.
template <class B, dtype D>
inline constexpr accumulator accumulator_for{
    &exec::evaluate<
        B,
        sym::pointwise<ir::op_id<ir::op::add>, sym::leaf<D, max_rank>, sym::leaf<D, max_rank>>>,
    &exec::evaluate<B,
                    sym::reduction<ir::reduction_id<ir::red::sum>,
                                   (1 << max_rank / 2) - 1,
                                   true,
                                   sym::leaf<D, max_rank>>>};

}  // namespace sinter::autodiff
