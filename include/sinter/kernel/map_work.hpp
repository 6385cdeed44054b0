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
    using loads = flat_fields<
        simt::vec<storage_t<C::at(element_loads<C, 0>().at[L]).type>, map_width<C>()>...>;
    using stores = flat_fields<simt::vec<stored_t<C, S>, map_width<C>()>...>;
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
    int column = 0, tile_row = 0, inner = 0, outer = 0;  // where it lies, for `fill_tiles`

    SINTER_DEVICE explicit map_work(const map<C, Sync>& kernel) : k(kernel), o(no_offsets<C>()) {}

    SINTER_DEVICE void add_index(int axis, uint32 index) {
        SINTER_UNROLLED
        for (int i = 0; i < loads; ++i) o.load[i] += scaled(index, k.a.load[i].stride[axis]);
        SINTER_UNROLLED
        for (int j = 0; j < stores; ++j) o.store[j] += scaled(index, k.a.store[j].stride[axis]);
    }
    SINTER_DEVICE uint32 lead_stride(int axis) const {
        return static_cast<uint32>(k.a.store[k.walk.lead].stride[axis]);
    }
    /// Finds the thread's vector: the offsets of its first element, and which of its elements
    /// exist.
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
        if (n >= steps) {  // nothing is left of the piece: the tile is empty
            if (tiled) column = inner + static_cast<int>(simt::lane());
            if (tiled) tile_row = outer + static_cast<int>(simt::warp()) * width;
            return;
        }
        inner = static_cast<int>(w.cut == w.rank - 1 ? extent : k.a.extent[w.rank - 1]);
        outer = static_cast<int>(w.cut == w.vector_axis ? extent : k.a.extent[w.vector_axis]);
        column = static_cast<int>(w.columns.split(n));
        if (tiled) tile_row = static_cast<int>(w.tile_rows.split(n));
        if (w.cut > w.rank - (tiled ? 3 : 2)) n = piece;
        if (tiled) {
            column = column * tile_columns + static_cast<int>(simt::lane());
            tile_row = tile_row * tile_rows(width) + static_cast<int>(simt::warp()) * width;
        }
        SINTER_ROLLED
        for (int axis = w.rank - 2; axis >= 0; --axis) {
            uint32 index = n;
            if (tiled && axis == w.rank - 2) {
                index = static_cast<uint32>(tile_row);
            } else if (axis == w.cut) {
                n = piece;
            } else {
                index = w.axis[axis].split(n);
            }
            add_index(axis, index);
            start += index * lead_stride(axis);
        }
        const int most = tiled ? width : static_cast<int>(w.mask) + 1;
        int left = column < inner ? outer - tile_row : 0;
        if (!tiled) {
            column = column * most - static_cast<int>(start & w.mask);
            left = inner - column;
        }
        end = left < most ? left : most;
        if (column < 0) {
            begin = -column;
            column = 0;
        }
        move(o, k.a, w.rank - 1, column);
    }

    template <int Bytes>
    SINTER_DEVICE void fill_if(int slot, const ir::bound_operand& x, int64 own) {
        if constexpr (map_loads_size<C>(Bytes)) {
            if (k.load_bytes[slot] == Bytes)
                fill_tile<Bytes, width>(tiles + k.tile_at[slot],
                                        static_cast<const unsigned_t<Bytes>*>(x.data) + own,
                                        x.stride[k.walk.rank - 1],
                                        x.stride[k.walk.vector_axis],
                                        inner - column,
                                        outer - tile_row);
        }
    }
    /// Brings the block's part of every operand that needs a tile. A loop with a case for each size
    /// is less code than a copy for each operand.
    SINTER_DEVICE void fill_tiles() {
        simt::carver cut;
        tiles = cut.take<unsigned char>(k.tile_bytes);
        const ir::bound_operand* x = k.a.load;
        SINTER_ROLLED
        for (int slot = 0; slot < loads; ++slot, ++x) {
            if (k.load_access[slot] != map_access::tile) continue;
            int64 own = 0;
            SINTER_UNROLLED
            for (int i = 0; i < loads; ++i)
                if (i == slot) own = o.load[i];
            fill_if<1>(slot, *x, own);
            fill_if<2>(slot, *x, own);
            fill_if<4>(slot, *x, own);
            fill_if<8>(slot, *x, own);
        }
        Sync::template block<0>();
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
    /// Loads a vector of every operand: at one place of all of them, or where each has its own. One
    /// function for both, which are compiled where they are called.
    struct load_one {
        map_work& s;
        step& to;
        int64 at;
        bool flat;
        template <int I>
        SINTER_DEVICE void operator()(number<I>) const {
            constexpr int slot = load_slot<C>(element_loads<C, 0>().at[I]);
            using T = loaded_t<C, slot>;
            const auto& operand = s.k.a.load[slot];
            auto& in = to.in.template at<I>();
            [[maybe_unused]] const T* const first = static_cast<const T*>(operand.data);
            if constexpr (slot_counts<C>(slot)) {
                const int64 step = flat ? operand.stride[0] : s.distance(operand);
                const int64 from = flat ? at * step : s.o.load[slot];
                SINTER_UNROLLED
                for (int e = 0; e < width; ++e) in[e] = count<C, slot>(s.k.a, from + e * step);
            } else if (flat) {
                in = simt::load_own<width>(first + at);
            } else if (s.k.load_access[slot] == map_access::tile) {
                in = simt::load_shared<width>(s.template tile_vector<T>(slot));
            } else {
                in = read_vector<width>(
                    first + s.o.load[slot], s.k.load_access[slot], s.distance(operand));
            }
        }
    };
    /// Loads the thread's only vector, if it is whole.
    SINTER_DEVICE void load_vector() {
        all[0].whole = k.walk.path != map_path::elements && begin == 0 && end == width;
        if (!all[0].whole) return;
        each<element_load_count()>(load_one{*this, all[0], 0, false});
        end = 0;
    }

    SINTER_DEVICE int64 flat_at(int j) const {
        return first + j * static_cast<int64>(simt::bdim().x) * width;
    }
    /// Loads the thread's vectors of contiguous arrays, whose last may be left over.
    SINTER_DEVICE void load_flat_vectors() {
        first =
            (static_cast<int64>(simt::bid().x * k.walk.items) * simt::bdim().x + simt::tid().x) *
            width;
        SINTER_UNROLLED
        for (int j = 0; j < items; ++j) {
            step& to = all[j];
            const int64 at = flat_at(j), left = k.a.extent[0] - at;
            const bool mine = j == 0 || static_cast<uint32>(j) < k.walk.items;
            to.whole = mine && left >= width;
            if (to.whole) {
                each<element_load_count()>(load_one{*this, to, at, true});
            } else if (mine && left > 0) {
                end = static_cast<int>(left);
                SINTER_UNROLLED
                for (int i = 0; i < loads; ++i) o.load[i] = at * k.a.load[i].stride[0];
                SINTER_UNROLLED
                for (int i = 0; i < stores; ++i) o.store[i] = at;
            }
        }
    }

    // Elements and vectors are numbers, not template arguments: loops that are unrolled cost the
    // compiler less than as many functions.
    struct unpack_one {
        step& from;
        ir::registers<C>& v;
        int e;
        template <int I>
        SINTER_DEVICE void operator()(number<I>) const {
            constexpr int j = element_loads<C, 0>().at[I];
            v.template of<compute_dtype(C::at(j).type)>()[j] =
                static_cast<compute_t<C::at(j).type>>(from.in.template at<I>()[e]);
        }
    };
    struct pack_one {
        results& out;
        const ir::registers<C>&v, &row;
        int e;
        template <int S>
        SINTER_DEVICE void operator()(number<S>) const {
            out.template at<S>()[e] =
                static_cast<stored_t<C, S>>(pass::template get<C::stored(S)>(v, row));
        }
    };
    struct store_one {
        map_work& s;
        results& out;
        int j;
        template <int S>
        SINTER_DEVICE void operator()(number<S>) const {
            const auto& operand = s.k.a.store[S];
            auto* p = static_cast<stored_t<C, S>*>(operand.data);
            if (!p) return;
            if (j == 0) {
                p += s.k.walk.path == map_path::flat ? s.first : s.o.store[S];
                write_vector<width>(
                    p, s.k.store_access[S], s.distance(operand), out.template at<S>());
            } else {
                simt::store<width>(p + s.flat_at(j), out.template at<S>());
            }
        }
    };
    /// Computes and stores the vectors.
    SINTER_DEVICE void finish() {
        SINTER_UNROLLED
        for (int j = 0; j < items; ++j) {
            if (j > 0 && k.walk.path != map_path::flat) continue;
            if (!all[j].whole) continue;
            results out;
            SINTER_UNROLLED
            for (int e = 0; e < width; ++e) {
                ir::registers<C> v;
                each<element_load_count()>(unpack_one{all[j], v, e});
                pass::compute(v, row, k.a.functors);
                each<stores>(pack_one{out, v, row, e});
            }
            each<stores>(store_one{*this, out, j});
        }
    }

    struct load_left {
        map_work& s;
        ir::registers<C>& v;
        int e;
        template <int I>
        SINTER_DEVICE void operator()(number<I>) const {
            constexpr int j = element_loads<C, 0>().at[I];
            constexpr int slot = load_slot<C>(j);
            using T = loaded_t<C, slot>;
            auto& x = v.template of<compute_dtype(C::at(j).type)>()[j];
            if constexpr (slot_counts<C>(slot)) {
                x = count<C, slot>(s.k.a, s.o.load[slot]);
            } else if (s.k.load_access[slot] == map_access::tile) {
                x = static_cast<compute_t<C::at(j).type>>(
                    simt::load_shared<1>(s.template tile_vector<T>(slot) + e)[0]);
            } else {
                x = static_cast<compute_t<C::at(j).type>>(simt::load_own<1>(
                    static_cast<const T*>(s.k.a.load[slot].data) + s.o.load[slot])[0]);
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
