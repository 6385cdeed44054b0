// What kernels need of the standard library: a tuple, a loop with constant index, and nothing else.
// Device-readable.
#pragma once

#include "sinter/core/types.hpp"

namespace sinter::kernel {

/// One field of each type, without constructors: it may lie in shared memory and is passed by its
/// bytes.
template <class... T>
struct fields {};
template <class T>
struct fields<T> {
    T first;
    template <int I>
    SINTER_HD SINTER_INLINE auto& at() {
        static_assert(I == 0);
        return first;
    }
};
template <class T, class U, class... V>
struct fields<T, U, V...> {
    T first;
    fields<U, V...> rest;
    /// The I-th field.
    template <int I>
    SINTER_HD SINTER_INLINE auto& at() {
        if constexpr (I == 0) {
            return first;
        } else {
            return rest.template at<I - 1>();
        }
    }
};

template <int I, class T>
struct field {
    T value;
};
template <int I, class T>
SINTER_HD SINTER_INLINE T& field_at(field<I, T>& f) {
    return f.value;
}
template <class I, class... T>
struct flat_field_list;
template <int... I, class... T>
struct flat_field_list<ints<I...>, T...> : field<I, T>... {
    /// The J-th field.
    template <int J>
    SINTER_HD SINTER_INLINE auto& at() {
        return field_at<J>(*this);
    }
};
/// The same side by side, not one inside the other: a long list of nested ones costs the compiler
/// its square. Only where kernels have many fields: nvcc makes worse code of the states of a
/// reduction in this form.
template <class... T>
using flat_fields = flat_field_list<make_ints<static_cast<int>(sizeof...(T))>, T...>;

template <class F, int... I>
SINTER_DEVICE void each_of(F& f, ints<I...>) {
    (f(number<I>{}), ...);
}
/// Calls f(number<0>{}), ..., f(number<N-1>{}). Kernels pass functors, not lambdas: NVRTC and nvcc
/// mangle generic lambdas differently.
template <int N, class F>
SINTER_DEVICE void each(F&& f) {
    if constexpr (N > 0) each_of(f, make_ints<N>{});
}

}  // namespace sinter::kernel
