// The rows of a thread of the row kernel, and how they come to shared memory. Device-readable.
#pragma once

#include "sinter/kernel/row_finder.hpp"
#include "sinter/kernel/sync.hpp"

namespace sinter::kernel {

/// How a launch of the row kernel is laid out.
struct row_layout : strip_layout {
    unsigned lanes = simt::warp_size, rows = 1;  // threads of a row, rows of a block: powers of two
    bool across = false;                         // neighbouring threads take neighbouring rows
    unsigned team = 1;                           // blocks of a row
    int64 part = 0;                              // elements of a row for each of them, whole strips
    int kept = 0;                                // arrays in shared memory
    unsigned kept_bytes = 0, pitch = 0;          // of all; elements from row to row
    unsigned state_bytes = 0, partial_bytes = 0;  // of both sets; of one set of a team
};

#if SINTER_NVCC || SINTER_EMULATOR

/// A thread's place in the rows of stage C. `Kernel` is row<C, Sync>.
template <class C, class Kernel>
struct row_place : strip_finder<C, strip_width<C>()> {
    static constexpr int width = strip_width<C>();
    using finder = strip_finder<C, width>;
    using finder::first, finder::end, finder::shift;

    const Kernel& k;
    kept_rows kept;
    unsigned lane, row_here;  // of the row; of the block

    SINTER_DEVICE row_place(const Kernel& kernel, unsigned char* buffers)
        : finder(kernel.a, kernel.g), k(kernel) {
        const unsigned t = simt::tid().x;
        lane = k.g.across ? t / k.g.rows : t % k.g.lanes;
        row_here = k.g.across ? t % k.g.rows : t / k.g.lanes;
        kept = {buffers,
                k.kept_at,
                k.same,
                k.g.across ? row_here : row_here * k.g.pitch,
                k.g.across ? k.g.rows : 1};
    }
    SINTER_DEVICE unsigned member() const { return simt::bid().x % k.g.team; }

    struct pick_offset {
        const row_place& s;
        int slot;
        int64& offset;
        template <int K>
        SINTER_DEVICE void operator()(number<K>) const {
            if (slot == K) offset = s.base.load[K];
        }
    };
    template <int Bytes>
    SINTER_DEVICE void keep_row(int slot, const void* data, unsigned char* to) const {
        using word = unsigned_t<Bytes>;
        constexpr int strip_bytes = Bytes * width;
        const auto& operand = k.a.load[slot];
        const bool wide = (k.g.wide.load >> slot & 1) != 0;
        const word* row_start = static_cast<const word*>(data);
        if (k.g.linear) row_start += (first - shift) * operand.stride[k.a.outer_rank];
        word* mine = reinterpret_cast<word*>(to) + kept.row;
        const auto count = static_cast<uint32>(end - first);
        SINTER_ROLLED
        for (uint32 u = lane * k.g.per_thread; u < count; u += k.g.stride) {
            const strip_place<C> p = this->strip_at(this->base, first, count, u);
            const word* from = row_start + (k.g.linear ? scaled(u, operand.stride[k.a.outer_rank])
                                                       : this->offset_in_row(operand, first + u));
            word* into = mine + u * kept.pitch;
            if (p.whole && wide) {
                if constexpr (strip_bytes >= 4) {
                    simt::cp_async<strip_bytes>(into, from);
                } else {
                    simt::store_shared<width>(into, simt::load_own<width>(from));
                }
                continue;
            }
            const int64 beside = operand.stride[p.axis];
            SINTER_ROLLED
            for (int e = 0; e < width; ++e) {
                if (!p.has(e)) continue;
                const uint32 n = static_cast<uint32>(e) * p.apart;
                const word* q = from + scaled(n, beside);
                if constexpr (Bytes >= 4) {
                    simt::cp_async<Bytes>(into + n * kept.pitch, q);
                } else {
                    simt::store_shared<1>(into + n * kept.pitch, simt::load_own<1>(q));
                }
            }
        }
    }
    template <int Bytes>
    SINTER_HD static constexpr bool loads_of_size() {
        for (int j = 0; j < args<C>::loads; ++j) {
            const ir::instr x = C::at(ir::loads_of<C>().at[j]);
            if (size_of(x.type) == Bytes && !x.row_constant && !x.is_coordinate()) return true;
        }
        return false;
    }
    /// Copies this thread's elements of the arrays that are read more than once.
    template <class Sync>
    SINTER_DEVICE void keep_rows() const {
        SINTER_ROLLED
        for (int i = 0; i < k.g.kept; ++i) {
            const int slot = k.kept_load[i];
            int64 offset = 0;
            each<args<C>::loads>(pick_offset{*this, slot, offset});
            unsigned char* to = kept.base + k.kept_at[slot];
            const void* data = k.a.load[slot].data;
            const int bytes = k.kept_size[i];
            if constexpr (loads_of_size<1>())
                if (bytes == 1)
                    keep_row<1>(slot, static_cast<const unsigned char*>(data) + offset, to);
            if constexpr (loads_of_size<2>())
                if (bytes == 2) keep_row<2>(slot, static_cast<const uint16*>(data) + offset, to);
            if constexpr (loads_of_size<4>())
                if (bytes == 4) keep_row<4>(slot, static_cast<const uint32*>(data) + offset, to);
            if constexpr (loads_of_size<8>())
                if (bytes == 8) keep_row<8>(slot, static_cast<const uint64*>(data) + offset, to);
        }
        simt::cp_async_commit();
        Sync::template copies<0>();
    }
};

#endif

}  // namespace sinter::kernel
