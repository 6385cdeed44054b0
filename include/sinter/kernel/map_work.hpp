// A thread of a map at work: it finds its vectors, loads them, computes and stores.
// Device-readable.
#pragma once

#include "sinter/kernel/map_access.hpp"
#include "sinter/kernel/map_layout.hpp"
#include "sinter/kernel/map_tile.hpp"

namespace sinter::kernel {

#if SINTER_NVCC || SINTER_EMULATOR

template <class C, class L, class S>
struct map_vectors;
template <class C, int... L, int... S>
struct map_vectors<C, ints<L...>, ints<S...>> {
    using loads =
        fields<simt::vec<storage_t<C::at(element_loads<C, 0>().at[L]).type>, map_width<C>()>...>;
    using stores = fields<simt::vec<stored_t<C, S>, map_width<C>()>...>;
};

template <class C, class Sync>
struct map_work {
    using pass = ir::pass<C, 0>;
    using vectors = map_vectors<C, make_ints<element_loads<C, 0>().count>, make_ints<C::stores>>;
    using results = typename vectors::stores;
    static constexpr int width = map_width<C>(), items = map_items<C>();
    static constexpr int loads = args<C>::loads, stores = args<C>::stores;
    SINTER_HD static constexpr int element_load_count() { return element_loads<C, 0>().count; }
    // One vector of the thread, between its loads and its stores.
    struct step {
        typename vectors::loads in;
        bool whole = false;
    };

    const map<C, Sync>& k;
    unsigned char* tiles = nullptr;
    ir::registers<C> row;
    step all[items];
    int64 first = 0;  // flat: the thread's first element
    // The vector of a thread that has one; flat: the one that is not whole.
    offsets<C> o;                                        // of its first element
    int begin = 0, end = 0;                              // which of its elements exist
    int column = 0, tile_row = 0, inner = 0, outer = 0;  // what `find` leaves for `fill_tiles`

    SINTER_DEVICE explicit map_work(const map<C, Sync>& kernel) : k(kernel), o(no_offsets<C>()) {}

    struct add_index {
        map_work& s;
        int axis;
        uint32 index;
        template <int K>
        SINTER_DEVICE void operator()(number<K>) const {
            if constexpr (K < loads) {
                s.o.load[K] += scaled(index, s.k.a.load[K].stride[axis]);
            } else {
                constexpr int j = K - loads;
                s.o.store[j] += scaled(index, s.k.a.store[j].stride[axis]);
            }
        }
    };
    SINTER_DEVICE uint32 lead_stride(int axis) const {
        return static_cast<uint32>(k.a.store[k.walk.lead].stride[axis]);
    }
    /// Finds the step of the thread (of the block, for tiles): offsets up to the last axis, and
    /// where it begins along it.
    SINTER_DEVICE void find() {
        const map_walk& w = k.walk;
        const bool tiled = w.path == map_path::tiles;
        int64 extent = k.a.extent[w.cut];
        uint32 n = simt::bid().x, piece = 0, start = w.phase;
        if (w.pieces > 1) {
            piece = n;
            n = w.blocks.split(piece);
            const int64 before = w.chunks.split(piece) * w.chunk;
            move(o, k.a, w.cut, before);
            start += static_cast<uint32>(before) * lead_stride(w.cut);
            extent = extent - before < w.chunk ? extent - before : w.chunk;
        }
        const uint32 steps =
            w.slice > 0 ? w.slice * static_cast<uint32>(extent) : w.columns.by * w.tile_rows.by;
        if (!tiled) n = n * simt::bdim().x + simt::tid().x;
        if (n >= steps) return;
        inner = static_cast<int>(w.cut == w.rank - 1 ? extent : k.a.extent[w.rank - 1]);
        outer = static_cast<int>(w.cut == w.vector_axis ? extent : k.a.extent[w.vector_axis]);
        column = static_cast<int>(w.columns.split(n));
        if (tiled) tile_row = static_cast<int>(w.tile_rows.split(n));
        int axis = w.rank - (tiled ? 3 : 2);
        if (w.cut > axis) n = piece;
        SINTER_ROLLED
        for (; axis >= 0; --axis) {
            uint32 index = n;
            if (axis == w.cut) {
                n = piece;
            } else {
                index = w.axis[axis].split(n);
            }
            each<loads + stores>(add_index{*this, axis, index});
            start += index * lead_stride(axis);
        }
        if (tiled) {
            column *= tile_columns;
            tile_row *= tile_rows(width);
            return;
        }
        column = column * static_cast<int>(w.mask + 1) - static_cast<int>(start & w.mask);
        const int left = inner - column, most = static_cast<int>(w.mask) + 1;
        end = left < most ? left : most;
        if (column < 0) {
            begin = -column;
            column = 0;
        }
        each<loads + stores>(add_index{*this, w.rank - 1, static_cast<uint32>(column)});
    }

    struct origin_of {
        const map_work& s;
        int slot;
        int64& origin;
        template <int K>
        SINTER_DEVICE void operator()(number<K>) const {
            if (K == slot) origin = s.o.load[K];
        }
    };
    template <int Bytes>
    SINTER_DEVICE void fill_if(int slot, const ir::bound_operand& x, int64 origin) {
        if constexpr (map_loads_size<C>(Bytes)) {
            if (k.load_bytes[slot] == Bytes)
                fill_tile<Bytes, width>(tiles + k.tile_at[slot],
                                        static_cast<const unsigned_t<Bytes>*>(x.data) + origin,
                                        x.stride[k.walk.rank - 1],
                                        x.stride[k.walk.vector_axis],
                                        column,
                                        tile_row,
                                        inner,
                                        outer);
        }
    }
    /// Brings the block's part of every operand that needs a tile, and goes on to the thread's own
    /// vector. A loop with a case for each size is less code than a copy for each operand.
    SINTER_DEVICE void fill_tiles() {
        simt::carver cut;
        tiles = cut.take<unsigned char>(k.tile_bytes);
        const ir::bound_operand* x = k.a.load;
        SINTER_ROLLED
        for (int slot = 0; slot < loads; ++slot, ++x) {
            if (k.load_access[slot] != map_access::tile) continue;
            int64 origin = 0;
            each<loads>(origin_of{*this, slot, origin});
            fill_if<1>(slot, *x, origin);
            fill_if<2>(slot, *x, origin);
            fill_if<4>(slot, *x, origin);
            fill_if<8>(slot, *x, origin);
        }
        Sync::template block<0>();
        column += static_cast<int>(simt::lane());
        tile_row += static_cast<int>(simt::warp()) * width;
        each<loads + stores>(add_index{*this, k.walk.rank - 1, static_cast<uint32>(column)});
        each<loads + stores>(add_index{*this, k.walk.vector_axis, static_cast<uint32>(tile_row)});
        const int left = column < inner ? outer - tile_row : 0;
        end = left < width ? left : width;
    }

    template <class T>
    SINTER_DEVICE const T* tile_vector(int slot) const {
        return reinterpret_cast<const T*>(tiles + k.tile_at[slot]) +
               tile_slot(sizeof(T) * width,
                         static_cast<int>(simt::lane()),
                         static_cast<int>(simt::warp())) *
                   width;
    }
    SINTER_DEVICE int64 distance(const ir::bound_operand& x) const {
        return x.stride[k.walk.vector_axis];
    }
    struct load_one {
        map_work& s;
        template <int I>
        SINTER_DEVICE void operator()(number<I>) const {
            constexpr int slot = load_slot<C>(element_loads<C, 0>().at[I]);
            using T = loaded_t<C, slot>;
            const auto& operand = s.k.a.load[slot];
            const map_access how = s.k.load_access[slot];
            auto& in = s.all[0].in.template at<I>();
            if constexpr (slot_counts<C>(slot)) {
                const int64 step = s.distance(operand);
                SINTER_UNROLLED
                for (int e = 0; e < width; ++e)
                    in[e] = count<C, slot>(s.k.a, s.o.load[slot] + e * step);
            } else if (how == map_access::tile) {
                in = simt::load_shared<width>(s.template tile_vector<T>(slot));
            } else {
                in = read_vector<width>(
                    static_cast<const T*>(operand.data) + s.o.load[slot], how, s.distance(operand));
            }
        }
    };
    /// Loads the thread's only vector, if it is whole.
    SINTER_DEVICE void load_vector() {
        all[0].whole = k.walk.path != map_path::elements && begin == 0 && end == width;
        if (!all[0].whole) return;
        each<element_load_count()>(load_one{*this});
        end = 0;
    }

    struct load_flat_one {
        map_work& s;
        step& to;
        int64 at;
        template <int I>
        SINTER_DEVICE void operator()(number<I>) const {
            constexpr int slot = load_slot<C>(element_loads<C, 0>().at[I]);
            using T = loaded_t<C, slot>;
            if constexpr (slot_counts<C>(slot)) {
                const int64 step = s.k.a.load[slot].stride[0];
                SINTER_UNROLLED
                for (int e = 0; e < width; ++e)
                    to.in.template at<I>()[e] = count<C, slot>(s.k.a, (at + e) * step);
            } else {
                to.in.template at<I>() =
                    simt::load_own<width>(static_cast<const T*>(s.k.a.load[slot].data) + at);
            }
        }
    };
    struct set_offset {
        offsets<C>& o;
        int64 at;
        template <int K>
        SINTER_DEVICE void operator()(number<K>) const {
            if constexpr (K < loads) {
                o.load[K] = at;
            } else {
                o.store[K - loads] = at;
            }
        }
    };
    template <int J>
    SINTER_DEVICE int64 flat_at() const {
        return first + J * static_cast<int64>(simt::bdim().x) * width;
    }
    struct load_flat {
        map_work& s;
        template <int J>
        SINTER_DEVICE void operator()(number<J>) const {
            step& to = s.all[J];
            const int64 at = s.template flat_at<J>(), left = s.k.a.extent[0] - at;
            const bool mine = J == 0 || static_cast<uint32>(J) < s.k.walk.items;
            to.whole = mine && left >= width;
            if (to.whole) {
                each<element_load_count()>(load_flat_one{s, to, at});
            } else if (mine && left > 0) {
                s.end = static_cast<int>(left);
                each<loads + stores>(set_offset{s.o, at});
            }
        }
    };
    /// Loads the thread's vectors of contiguous arrays, whose last may be left over.
    SINTER_DEVICE void load_flat_vectors() {
        first =
            (static_cast<int64>(simt::bid().x * k.walk.items) * simt::bdim().x + simt::tid().x) *
            width;
        each<items>(load_flat{*this});
    }

    template <int E>
    struct unpack_one {
        step& from;
        ir::registers<C>& v;
        template <int I>
        SINTER_DEVICE void operator()(number<I>) const {
            constexpr int j = element_loads<C, 0>().at[I];
            v.template at<j>() = static_cast<compute_t<C::at(j).type>>(from.in.template at<I>()[E]);
        }
    };
    template <int E>
    struct pack_one {
        results& out;
        const ir::registers<C>&v, &row;
        template <int J>
        SINTER_DEVICE void operator()(number<J>) const {
            out.template at<J>()[E] =
                static_cast<stored_t<C, J>>(pass::template get<C::stored(J)>(v, row));
        }
    };
    struct element {
        map_work& s;
        step& from;
        results& out;
        template <int E>
        SINTER_DEVICE void operator()(number<E>) const {
            ir::registers<C> v;
            each<element_load_count()>(unpack_one<E>{from, v});
            pass::compute(v, s.row, s.k.a.functors);
            each<stores>(pack_one<E>{out, v, s.row});
        }
    };
    template <int J>
    struct store_one {
        map_work& s;
        results& out;
        template <int S>
        SINTER_DEVICE void operator()(number<S>) const {
            const auto& operand = s.k.a.store[S];
            auto* p = static_cast<stored_t<C, S>*>(operand.data);
            if (!p) return;
            if constexpr (J == 0) {
                p += s.k.walk.path == map_path::flat ? s.first : s.o.store[S];
                write_vector<width>(
                    p, s.k.store_access[S], s.distance(operand), out.template at<S>());
            } else {
                simt::store<width>(p + s.template flat_at<J>(), out.template at<S>());
            }
        }
    };
    /// Computes and stores vector J.
    struct finish {
        map_work& s;
        template <int J>
        SINTER_DEVICE void operator()(number<J>) const {
            if (J > 0 && s.k.walk.path != map_path::flat) return;
            if (!s.all[J].whole) return;
            results out;
            each<width>(element{s, s.all[J], out});
            each<stores>(store_one<J>{s, out});
        }
    };

    struct load_left {
        map_work& s;
        ir::registers<C>& v;
        int e;
        template <int I>
        SINTER_DEVICE void operator()(number<I>) const {
            constexpr int j = element_loads<C, 0>().at[I];
            constexpr int slot = load_slot<C>(j);
            using T = loaded_t<C, slot>;
            if constexpr (slot_counts<C>(slot)) {
                v.template at<j>() = count<C, slot>(s.k.a, s.o.load[slot]);
            } else if (s.k.load_access[slot] == map_access::tile) {
                const T x = simt::load_shared<1>(s.template tile_vector<T>(slot) + e)[0];
                v.template at<j>() = static_cast<compute_t<C::at(j).type>>(x);
            } else {
                v.template at<j>() = read<C, slot, reading::own>(s.k.a, s.o.load[slot]);
            }
        }
    };
    /// Does one by one what is not a whole vector.
    SINTER_DEVICE void leftovers() {
        const map_walk& w = k.walk;
        SINTER_ROLLED
        for (int e = begin; e < end; ++e) {
            if (k.row_varies) take_row_values<C, 0, reading::own>(row, k.a, o);
            ir::registers<C> v;
            each<element_load_count()>(load_left{*this, v, e});
            pass::compute(v, row, k.a.functors);
            store_values<C, 0, which::all>(v, row, k.a, o);
            move(o, k.a, w.vector_axis, 1);
        }
    }
};

#endif

}  // namespace sinter::kernel
