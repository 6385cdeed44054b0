/// Gradients through index arrays: `take` and `gather` of variables. Not part of autodiff.hpp,
/// because the way back sorts the indices, and sorting is dear to compile with nvcc.
#pragma once

#include "sinter/autodiff/variable.hpp"
#include "sinter/scatter.hpp"

namespace sinter {

namespace detail {

template <class B, class E>
auto made(const E& e) {
    return eval<E, B>(e);
}

/// Indices as the way back finds them: evaluated once, and noticed when they change.
template <class I>
class kept_indices {
public:
    template <class B>
    static kept_indices of(const I& indices) {
        if constexpr (lazy<I>) {
            return kept_indices(eval<I, B>(indices));
        } else {
            return kept_indices(indices);
        }
    }
    const auto& now() const {
        if (values_.memory()->version() != version_) autodiff::detail::refuse_changed();
        return values_;
    }

private:
    using array = tensor<storage_t<symbol_of<I>::type>, symbol_of<I>::rank>;
    explicit kept_indices(const array& values)
        : values_(values), version_(values.memory()->version()) {}
    array values_;
    uint64 version_;
};

/// The axes of an array of rank R with `Count` of them, from A on, before the others.
template <int R, int A, int Count, class Positions = make_ints<R>>
struct moved_first;
template <int R, int A, int Count, int... J>
struct moved_first<R, A, Count, ints<J...>> {
    static constexpr auto axes = axis<(J < Count ? A + J : (J < A + Count ? J - Count : J))...>;
};

/// Adds `values`, an array as `take` gives it, to the parts of `target` that it took.
template <int A, class B, element T, int R, element N, int Q, int S>
void add_taken(const tensor<T, R>& target,
               const tensor<N, Q>& indices,
               const tensor<T, S>& values) {
    tensor<T, R> rows = permute(target, moved_first<R, A, 1>::axes);
    shape<R> e = rows.extents();
    e[0] = indices.size();
    const tensor<N, 1> places = reshape(indices, shape<1>{indices.size()});
    // Who took them has told of indices outside; they are left out here.
    add_rows<B>(
        rows, places, tensor<T, R>(reshape(permute(values, moved_first<S, A, Q>::axes), e)), 0);
}
/// Where elements of `target` lie, row-major, that `gather` took along axis A by these indices; far
/// outside where an index is.
template <int A, element T, int R, element N, int... D>
auto gathered_places(const tensor<T, R>& target, const tensor<N, R>& indices, ints<D...>) {
    shape<R> stride{};
    int64 all = 1;
    for (std::size_t i = R; i-- > 0;) {
        stride[i] = all;
        all *= target.extents()[i];
    }
    const int64 n = target.extent(A);
    const auto given = astype<int64>(indices);
    const auto index = where(given < 0, given + n, given);
    const auto along = [&]<int K>(axis_tag<K>) {
        if constexpr (K == A) {
            return index * stride[K];
        } else {
            return coordinate(indices, axis<K>) * stride[K];
        }
    };
    return where(index >= 0 && index < n, (along(axis<D>) + ...), -1 - 2 * all);
}
/// The same for an array as `gather` gives it.
template <int A, class B, element T, int R, element N>
void add_gathered(const tensor<T, R>& target,
                  const tensor<N, R>& indices,
                  const tensor<T, R>& values) {
    const shape<1> count{indices.size()};
    if (count[0] == 0) return;
    tensor<T, 1> line = reshape(target, shape<1>{target.size()});
    const tensor<int64, R> places = made<B>(gathered_places<A>(target, indices, make_ints<R>{}));
    add_rows<B>(
        line, tensor<int64, 1>(reshape(places, count)), tensor<T, 1>(reshape(values, count)), 0);
}

/// `value`, which `add(zeros of x's shape, indices, gradient)` carries the gradient back from to x.
template <class B, element T, int R, int S, class I, class Add>
variable<T, S> taken_from(const variable<T, R>& x,
                          const tensor<T, S>& value,
                          const kept_indices<I>& indices,
                          Add add) {
    if (!autodiff::gradients_wanted() || !x.requires_grad()) return variable<T, S>(value, false);
    auto again = [state = x.shared_state(), e = x.extents(), indices, add](
                     const exec::made_array& seed, const autodiff::take_gradient& give) {
        const tensor<T, S> dy = restored<T, S>(seed);
        const tensor<T, R> dx = made<B>(zeros<T>(e, dy.where()));
        add(dx, indices.now(), dy);
        give(state, erased(dx));
    };
    return variable<T, S>(value).recorded_as(std::move(again), {x.shared_state()});
}

/// take of a variable; the row `padding`, if it is not negative, gets no gradient.
template <int A, class B, element T, int R, class I>
auto take_variable(const variable<T, R>& x, const I& given, int64 padding) {
    const auto indices = kept_indices<I>::template of<B>(given);
    using array = std::remove_cvref_t<decltype(indices.now())>;
    const auto value = made<B>(sinter::take<T, R, array, A, B>(x.detach(), indices.now(), axis<A>));
    return taken_from<B>(
        x, value, indices, [padding](const auto& dx, const auto& i, const auto& dy) {
            if (i.size() > 0) add_taken<A, B>(dx, i, dy);
            if (padding >= 0) {
                tensor_view<T, R - 1> row(permute(dx, moved_first<R, A, 1>::axes)(padding));
                row = T(0);
            }
        });
}

}  // namespace detail

/// `take` of a variable: evaluates it and records one step of the tape. Its gradient adds up where
/// indices are equal, in their order, by `scatter_add`: the same bits in every run. The indices
/// must not change before backward(). Shapes and errors as for tensors.
template <element T, int R, expression I, int A = 0, class B = backend>
auto take(const variable<T, R>& x, const I& indices, axis_tag<A> = {}) {
    constexpr int axis_ = A < 0 ? A + R : A;
    static_assert(R >= 1 && axis_ >= 0 && axis_ < R, "take: the axis must lie in [-rank, rank).");
    return detail::take_variable<axis_, B>(x, indices, -1);
}
/// `gather` of a variable, in the same way.
template <element T, int R, expression I, int A, class B = backend>
variable<T, R> gather(const variable<T, R>& x, const I& given, axis_tag<A>) {
    constexpr int axis_ = A < 0 ? A + R : A;
    static_assert(axis_ >= 0 && axis_ < R, "gather: the axis must lie in [-rank, rank).");
    const auto indices = detail::kept_indices<I>::template of<B>(given);
    using array = std::remove_cvref_t<decltype(indices.now())>;
    const auto value =
        detail::made<B>(gather<T, R, array, axis_, B>(x.detach(), indices.now(), axis<axis_>));
    return detail::taken_from<B>(
        x, value, indices, [](const auto& dx, const auto& i, const auto& dy) {
            detail::add_gathered<axis_, B>(dx, i, dy);
        });
}

}  // namespace sinter
