// Where the threads of the row and the reduce kernel find the strips of a row. Device-readable.
#pragma once

#include "sinter/kernel/row_strip.hpp"

namespace sinter::kernel {

/// A row of several axes that do not collapse, for threads that find their place in it.
struct row_axes {
    double inverse[max_rank];  // 1 / extent
};

/// How strips lie in rows.
struct strip_layout {
    bool vectors = false;  // the elements of a strip are neighbours, aligned as operand `lead` is
    bool linear = true;    // a row is one axis
    unsigned char lead_bytes = 1;
    short lead = 0;  // a load, or store `lead - loads`
    // Thread t of a row begins with number t * per_thread and goes on by `stride`; its strip has
    // elements `apart`.
    unsigned per_thread = 1, apart = 1, stride = 1;
    wide_operands wide;
    row_axes axes{};
};

#if SINTER_NVCC || SINTER_EMULATOR

/// The low half of a * b, out of products of 32 bits.
SINTER_DEVICE uint64 low_product(uint64 a, uint64 b) {
    const auto low = static_cast<uint32>(a);
    return static_cast<uint64>(scaled(low, static_cast<int64>(b))) +
           (simt::mul_wide(static_cast<uint32>(a >> 32), static_cast<uint32>(b)) << 32);
}
/// index / extent and the rest, for indices below 2^52. A product with the inverse is off by at
/// most one; a division of 64 bits takes a hundred instructions.
SINTER_DEVICE uint64 divide_axis(uint64 index, uint64 extent, double inverse_extent, uint64& rest) {
    uint64 q = static_cast<uint64>(static_cast<double>(index) * inverse_extent);
    int64 r = static_cast<int64>(index - low_product(q, extent));
    if (r < 0) {
        r += static_cast<int64>(extent);
        --q;
    } else if (r >= static_cast<int64>(extent)) {
        r -= static_cast<int64>(extent);
        ++q;
    }
    rest = static_cast<uint64>(r);
    return q;
}

template <class C>
struct add_scaled {
    offsets<C>& o;
    const args<C>& a;
    int axis;
    uint32 c;
    template <int K>
    SINTER_DEVICE void operator()(number<K>) const {
        if constexpr (K < args<C>::loads) {
            o.load[K] += scaled(c, a.load[K].stride[axis]);
        } else {
            constexpr int s = K - args<C>::loads;
            o.store[s] += scaled(c, a.store[s].stride[axis]);
        }
    }
};
/// Moves `o` by `c` along one axis, without products of 64 bits.
template <class C>
SINTER_DEVICE void advance(offsets<C>& o, const args<C>& a, int axis, uint32 c) {
    each<args<C>::loads + args<C>::stores>(add_scaled<C>{o, a, axis, c});
}

/// One row, or a part of one, and the strips in it.
template <class C, int Width>
struct strip_finder {
    const args<C>& a;
    const strip_layout& g;
    offsets<C> base;    // of the row
    bool live = false;  // there is such a row
    // Numbers first..end-1 are walked, of which `shift` is element 0 of the row.
    int64 first = 0, end = 0;
    unsigned shift = 0;

    SINTER_DEVICE strip_finder(const args<C>& arguments, const strip_layout& layout)
        : a(arguments), g(layout) {}

    struct find_shift {
        strip_finder& s;
        template <int K>
        SINTER_DEVICE void operator()(number<K>) const {
            if (s.g.lead != K) return;
            int64 offset;
            const void* p;
            if constexpr (K < args<C>::loads) {
                offset = s.base.load[K];
                p = s.a.load[K].data;
            } else {
                offset = s.base.store[K - args<C>::loads];
                p = s.a.store[K - args<C>::loads].data;
            }
            const uint64 elements = reinterpret_cast<uint64>(p) / s.g.lead_bytes;
            s.shift = static_cast<unsigned>(elements + static_cast<uint64>(offset)) % Width;
        }
    };
    /// Finds part `member` of a row that is cut into parts of `part` numbers; 0: not cut.
    SINTER_DEVICE void begin(int64 row, int64 member, int64 part) {
        live = row < a.rows;
        base = no_offsets<C>();
        if (live) go_along(base, 0, a.outer_rank, static_cast<uint64>(row));
        if (g.vectors) each<args<C>::loads + args<C>::stores>(find_shift{*this});
        first = member * part;
        end = live ? a.row_length + shift : 0;
        if (part > 0 && first + part < end) end = first + part;
    }
    /// The last axis of the row.
    SINTER_DEVICE int axis() const { return a.outer_rank + (a.row_rank > 1 ? a.row_rank - 1 : 0); }
    SINTER_DEVICE static int64 product(uint64 c, int64 stride) {
        return static_cast<int64>(low_product(c, static_cast<uint64>(stride)));
    }
    /// The offset of element `index` of a row in one operand, for a row of several axes.
    SINTER_DEVICE int64 offset_in_row(const ir::bound_operand& o, int64 index) const {
        int64 r = 0;
        auto rest = static_cast<uint64>(index);
        SINTER_ROLLED
        for (int d = axis(); d > a.outer_rank; --d) {
            uint64 c;
            rest = divide_axis(rest, static_cast<uint64>(a.extent[d]), g.axes.inverse[d], c);
            r += product(c, o.stride[d]);
        }
        return r + product(rest, o.stride[a.outer_rank]);
    }
    struct add_in_row {
        const strip_finder& s;
        offsets<C>& o;
        int axis;
        uint64 c;
        template <int K>
        SINTER_DEVICE void operator()(number<K>) const {
            if constexpr (K < args<C>::loads) {
                o.load[K] += product(c, s.a.load[K].stride[axis]);
            } else {
                constexpr int j = K - args<C>::loads;
                o.store[j] += product(c, s.a.store[j].stride[axis]);
            }
        }
    };
    /// Moves `o` to the element with number `index` within the axes first..end-1.
    SINTER_DEVICE void go_along(offsets<C>& o, int begin_axis, int end_axis, uint64 index) const {
        SINTER_ROLLED
        for (int d = end_axis - 1; d > begin_axis; --d) {
            uint64 c;
            index = divide_axis(index, static_cast<uint64>(a.extent[d]), g.axes.inverse[d], c);
            each<args<C>::loads + args<C>::stores>(add_in_row{*this, o, d, c});
        }
        if (end_axis > begin_axis)
            each<args<C>::loads + args<C>::stores>(add_in_row{*this, o, begin_axis, index});
    }
    /// The offsets of number 0 of a piece that begins with number `from`.
    SINTER_DEVICE offsets<C> piece(int64 from) const {
        offsets<C> o = base;
        if (g.linear) move(o, a, a.outer_rank, from - shift);
        return o;
    }
    /// Moves the offsets of a piece to its number u.
    SINTER_DEVICE void go_to(offsets<C>& o, int64 from, uint32 u) const {
        if (g.linear) {
            advance(o, a, a.outer_rank, u);
            return;
        }
        go_along(o, a.outer_rank, a.outer_rank + a.row_rank, static_cast<uint64>(from) + u);
    }
    /// The strip that begins with number u of a piece of `count` numbers; its offsets are those of
    /// the piece.
    SINTER_DEVICE strip_place<C> strip_at(const offsets<C>& o,
                                          int64 from,
                                          uint32 count,
                                          uint32 u) const {
        strip_place<C> p;
        p.at = o;
        p.first = u;
        p.apart = g.apart;
        p.low = from < shift ? static_cast<uint32>(shift - from) : 0;
        p.span = count - p.low;
        p.axis = axis();
        p.whole = g.vectors && p.has(0) && p.has(Width - 1);
        return p;
    }
};

#endif

}  // namespace sinter::kernel
