// Whether integers name places of an axis. On the host they are looked at before anything runs; a
// device looks when it reads at them, and tells the host where it waits (runtime/outside.hpp).
#pragma once

#include <cstring>

#include "sinter/ir/walk.hpp"
#include "sinter/tensor/arange.hpp"

namespace sinter::detail {

/// Whether `index` lies in [0, n), n a number or an expression; see ir::op_inside for `slot`.
template <class I, class N>
auto inside(const I& index, const N& n, int64 slot) {
    const auto count = lift<dtype::i64>(n);
    using S = sym::
        pointwise<ir::op_inside, symbol_of<I>, symbol_of<decltype(count)>, sym::scalar<dtype::i64>>;
    return make<S>(index, count, number_operand<dtype::i64>(slot));
}

/// The integer at `p`, of type `type`.
inline int64 integer_at(const void* p, dtype type) {
    const auto as = [p](auto x) {
        std::memcpy(&x, p, sizeof x);
        return static_cast<int64>(x);
    };
    switch (type) {
        case dtype::boolean:
        case dtype::u8: return as(uint8{});
        case dtype::i8: return as(int8{});
        case dtype::i16: return as(int16{});
        case dtype::i32: return as(int32{});
        default: return as(int64{});
    }
}
/// Throws unless all indices in host memory are places of `s`, or are `except`.
inline void require_inside(const runtime::index_site& s,
                           const ir::array_ref& indices,
                           const int64* except = nullptr) {
    const int64 n = s.extent[s.axis], low = s.from_end ? -n : 0;
    const int64 count = indices.extent[0], step = indices.stride[0] * size_of(indices.type);
    for (ir::walk w(indices.extent, 0xfe); !w.done; w.next()) {
        const char* p = static_cast<const char*>(indices.data) +
                        ir::offset_of(indices, w.at) * size_of(indices.type);
        for (int64 k = 0; k < count; ++k, p += step) {
            const int64 i = integer_at(p, indices.type);
            if ((i < low || i >= n) && !(except && i == *except)) runtime::refuse_index(s, i);
        }
    }
}
/// Looks at indices for an operation on `d` if that is the host; a lazy array is evaluated for
/// that. Else the slot where a kernel tells of one outside.
template <class B, class I>
int64 check_inside(const runtime::index_site& s,
                   const I& indices,
                   device d,
                   const int64* except = nullptr) {
    if (!d.is_host()) return runtime::index_slot_of(d, s);
    if constexpr (lazy<I>) {
        const auto values = eval<I, B>(indices);
        require_inside(s, values.as_array(), except);
    } else if (indices.where().is_host()) {
        require_inside(s, indices.as_array(), except);
    }
    return 0;
}
template <int R>
runtime::index_site site_of(const char* operation, const shape<R>& s, int axis, bool from_end) {
    runtime::index_site r{operation, axis, R, from_end, {}};
    for (int d = 0; d < R; ++d) r.extent[d] = s[static_cast<std::size_t>(d)];
    return r;
}

/// The same for indices along an axis of an array.
template <class B, class T, int R, class I>
int64 check_indices(const char* operation, const tensor<T, R>& x, const I& indices, int axis) {
    constexpr dtype type = symbol_of<I>::type;
    static_assert(category(type) == 1, "take and gather: the indices must be integers.");
    const runtime::index_site s = site_of(operation, x.extents(), axis, true);
    if (x.extent(axis) == 0 && extents_of(indices).size() > 0) runtime::refuse_index(s, 0);
    return check_inside<B>(s, indices, x.where());
}
/// The device of an array or of what a lazy one is computed from.
template <class E>
device place_of(const E& e) {
    if constexpr (lazy<E>) {
        return device_of(e);
    } else {
        return e.where();
    }
}
/// The same for labels, of which negative ones are outside.
template <class B, class L, int R>
int64 check_labels(const char* operation,
                   const L& labels,
                   device d,
                   int axis,
                   const shape<R>& s,
                   const int64* except = nullptr) {
    return check_inside<B>(site_of(operation, s, axis, false), labels, d, except);
}

}  // namespace sinter::detail
