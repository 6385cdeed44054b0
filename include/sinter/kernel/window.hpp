// The kernel of reductions over short windows that overlap: depthwise convolutions, pooling with
// stride below the size, stencils. What makes them different from other reductions is that
// neighbouring outputs read the same elements, and that a row is too short for several threads.
//
// Shape: a thread has a strip of 16 bytes of neighbouring outputs (channels) and up to `items` such
// strips along an axis on which windows slide. It walks the window in three nested loops that only
// add to offsets: no division, no shared memory, no barrier, no split; all states stay in its
// registers. Where windows advance by as much as their elements lie apart (stride 1, the usual
// case), item i of this step has read what item i - 1 needs in the next one: the strips move on in
// registers and one new one is loaded per step instead of `items`. What is the same for all items
// (filters) is loaded once for them. Where no vectors fit, neighbouring threads take neighbouring
// outputs, which keeps accesses whole.
//
// Why not a tile with its halo in shared memory: a block's outputs are a tile as well, of lanes x
// items x lines, chosen so that its halo is small, and its second and later reads of an element hit
// L1, which is the same memory as shared memory and as fast. A tile would save the prologue's
// repetition (size of a window), which elementwise work rarely notices, and would cost a barrier
// between loading and computing, and with it the loads in flight of other windows.
//
// Traffic: each output is written once. From memory each input comes once per tile that it lies in:
// (tile + window - 1) / tile per axis, which for 3 x 3 and tiles of 16 x 8 is 1.4 times, mostly out
// of L2. From L1: per output and window line (items + size - 1) / items strips instead of `size`.
// The floor is the bytes of inputs and outputs once.
#pragma once

#include "sinter/kernel/reduce.hpp"

namespace sinter::kernel {

/// True when the reductions of stage C fold windows and are all that it is for.
template <class C>
SINTER_HD constexpr bool folds_windows() {
    return C::head().windows && ir::is_pure_reduction<C>() && !stores_elements<C>();
}

/// Where the kernel has its axes: three of the window, of which the items slide along the last,
/// then those of strips, items and lines of a block, and two more.
enum window_axis { first_step = 0, last_step = 2, of_strip, of_item, of_line, of_rest };
inline constexpr int window_steps = 3, window_rests = 2;

/// How a launch of the window kernel is laid out.
struct window_layout {
    uint32 items = 1;  // of a thread
    uint32 apart = 1;  // the elements of a strip, from one to the next
    // Threads of a block along strips, items, lines and the rest: powers of two.
    unsigned char lanes_log = 0, across_log = 0, down_log = 0, beyond_log = 0;
    divisor strips, columns, lines;   // blocks along each
    divisor rest;                     // extent of the inner one of the other axes
    uint32 rests = 1;                 // elements of those
    wide_operands wide;               // strips that move in one access
    uint64 same = 0;                  // bit k: load k is the same for all of a strip
    uint64 slides = 0;                // bit k: a step of load k is an item
    uint32 position[window_steps]{};  // what a step adds to the position in the window
};

/// Elements of a strip: each has its own states, as in the reduce kernel.
template <class C>
SINTER_HD constexpr int window_width() {
    return reduce_width<C>();
}
/// The most strips of a thread: as many as fit into its registers.
template <class C>
SINTER_HD constexpr int window_items() {
    constexpr int width = window_width<C>();
    int moving = width * fold_states<C, 0>::bytes(), fixed = 0;
    for (int i = 0; i < C::size; ++i) {
        if (C::at(i).h != ir::how::load) continue;
        (C::at(i).same_for_windows ? fixed : moving) += width * size_of(C::at(i).type);
    }
    int items = tuning::window_items;
    while (items > 1 && (items * moving + fixed > tuning::window_register_bytes ||
                         items * width * C::size > tuning::window_instructions))
        items /= 2;
    return items;
}

/// The window kernel of stage C.
template <class C>
struct window {
    static constexpr int max_threads = tuning::window_threads, min_blocks = 2;
    // Extents and strides by window_axis; a stride of an outer step takes back the steps within it.
    args<C> a;
    window_layout g;
    SINTER_DEVICE void operator()() const;
};

#if SINTER_NVCC || SINTER_EMULATOR

template <class C, class L, class R>
struct window_strips;
template <class C, int... L, int... R>
struct window_strips<C, ints<L...>, ints<R...>> {
    template <int J>
    using strips = packed<storage_t<C::at(J).type>,
                          window_width<C>()>[C::at(J).same_for_windows ? 1 : window_items<C>()];
    using of_elements = fields<strips<sweep<C, 0, 0>::loads().at[L]>...>;
    using of_rows = fields<strips<ir::pass<C, 0>::row_values().at[R]>...>;
};

/// Which elements of a thread's strips exist: the first ones.
struct window_place {
    uint32 apart = 1, there = 0;
    bool whole = false;
    SINTER_DEVICE bool has(int e) const { return static_cast<uint32>(e) < there; }
};

/// A thread at work on the outputs that are its own.
template <class C>
struct window_work {
    static constexpr int width = window_width<C>(), items = window_items<C>();
    using walk = sweep<C, 0, 0>;
    using states = fold_states<C, 0>;
    static constexpr int loads = walk::loads().count,
                         row_values = ir::pass<C, 0>::row_values().count;
    using strips = window_strips<C, make_ints<loads>, make_ints<row_values>>;

    const args<C>& a;
    const window_layout& g;
    offsets<C> at = no_offsets<C>();
    uint32 live = 0;  // items that exist
    window_place place;
    typename strips::of_elements in;
    typename strips::of_rows of_row;
    ir::registers<C> numbers;
    states state[items][width];

    SINTER_DEVICE explicit window_work(const window<C>& k) : a(k.a), g(k.g) {}

    SINTER_DEVICE uint32 extent(int axis) const { return static_cast<uint32>(a.extent[axis]); }

    /// Finds the outputs of this thread; false when there are none.
    SINTER_DEVICE bool find() {
        uint32 block = simt::bid().x;
        uint32 strip = g.strips.split(block), item = g.columns.split(block),
               line = g.lines.split(block), thread = simt::tid().x;
        const uint32 lane = thread & ((1U << g.lanes_log) - 1);
        thread >>= g.lanes_log;
        strip = (strip << g.lanes_log) * width + lane * (g.apart == 1 ? width : 1);
        item = ((item << g.across_log) + (thread & ((1U << g.across_log) - 1))) * g.items;
        thread >>= g.across_log;
        line = (line << g.down_log) + (thread & ((1U << g.down_log) - 1));
        thread >>= g.down_log;
        uint32 rest = (block << g.beyond_log) + (thread & ((1U << g.beyond_log) - 1));
        thread >>= g.beyond_log;
        if (thread > 0 || strip >= extent(of_strip) || item >= extent(of_item) ||
            line >= extent(of_line) || rest >= g.rests)
            return false;
        advance(at, a, of_strip, strip);
        advance(at, a, of_item, item);
        advance(at, a, of_line, line);
        advance(at, a, of_rest + 1, g.rest.split(rest));
        advance(at, a, of_rest, rest);
        live = extent(of_item) - item < g.items ? extent(of_item) - item : g.items;
        place.apart = g.apart;
        place.there = 0;
        SINTER_UNROLLED
        for (uint32 e = 0; e < width; ++e) place.there += strip + e * g.apart < extent(of_strip);
        place.whole = place.there == width;
        return true;
    }

    template <reading R, int N, class T>
    SINTER_DEVICE static simt::vec<T, N> elements(const T* p) {
        if constexpr (R == reading::own) {
            return simt::load_own<N>(p);
        } else {
            return simt::load<N>(p);
        }
    }
    /// The strip of load J at an offset; elements that do not exist are zero.
    template <int J, reading R>
    SINTER_DEVICE auto read(int64 offset) const {
        constexpr int slot = load_slot<C>(J);
        using T = loaded_t<C, slot>;
        packed<T, width> x;
        const int64 beside = scaled(g.apart, a.load[slot].stride[of_strip]);
        if constexpr (slot_counts<C>(slot)) {
            x.clear();
            SINTER_UNROLLED
            for (int e = 0; e < width; ++e) x.set(e, count<C, slot>(a, offset + e * beside));
        } else {
            const T* p = static_cast<const T*>(a.load[slot].data) + offset;
            if ((g.wide.load >> slot & 1) && place.whole)
                return packed<T, width>::from(elements<R, width>(p));
            x.clear();
            if (g.same >> slot & 1) {
                const T one = elements<R, 1>(p)[0];
                SINTER_UNROLLED
                for (int e = 0; e < width; ++e) x.set(e, one);
                return x;
            }
            // Sums, because products would stand in the loop.
            SINTER_UNROLLED
            for (int e = 0; e < width; ++e) {
                if (place.has(e)) x.set(e, elements<R, 1>(p)[0]);
                p += beside;
            }
        }
        return x;
    }
    /// The strips of load J for all items, at the step at which `at` is; `again`: the step before
    /// was the one before along the last axis of the window.
    template <int J, reading R, class Strips>
    SINTER_DEVICE void read_items(Strips& x, bool again) const {
        constexpr int slot = load_slot<C>(J);
        const int64 offset = at.load[slot];
        if constexpr (C::at(J).same_for_windows) {
            x[0] = read<J, R>(offset);
        } else {
            const int64 step = a.load[slot].stride[of_item];
            if (again && (g.slides >> slot & 1)) {
                const auto next = read<J, R>(offset + scaled(live - 1, step));
                SINTER_UNROLLED
                for (uint32 i = 0; i + 1 < items; ++i) x[i] = i + 1 == live ? next : x[i + 1];
                x[items - 1] = next;
                return;
            }
            int64 o = offset;
            SINTER_UNROLLED
            for (uint32 i = 0; i < items; ++i) {
                if (i < live) {
                    x[i] = read<J, R>(o);
                } else {
                    x[i].clear();
                }
                o += step;
            }
        }
    }
    struct read_elements {
        window_work& w;
        bool again;
        template <int K>
        SINTER_DEVICE void operator()(number<K>) const {
            w.template read_items<walk::loads().at[K], reading::constant>(w.in.template at<K>(),
                                                                          again);
        }
    };
    // A residual may lie where its sum is written.
    struct read_row_values {
        window_work& w;
        template <int K>
        SINTER_DEVICE void operator()(number<K>) const {
            constexpr int j = ir::pass<C, 0>::row_values().at[K];
            if constexpr (C::at(j).h == ir::how::load)
                w.template read_items<j, reading::own>(w.of_row.template at<K>(), false);
        }
    };
    struct unpack_element {
        window_work& w;
        ir::registers<C>& v;
        int i, e;
        template <int K>
        SINTER_DEVICE void operator()(number<K>) const {
            constexpr int j = walk::loads().at[K];
            v.template at<j>() = w.template unpacked<j>(w.in.template at<K>(), i, e);
        }
    };
    struct unpack_row {
        window_work& w;
        ir::registers<C>& row;
        int i, e;
        template <int K>
        SINTER_DEVICE void operator()(number<K>) const {
            constexpr int j = ir::pass<C, 0>::row_values().at[K];
            if constexpr (C::at(j).h == ir::how::load)
                row.template at<j>() = w.template unpacked<j>(w.of_row.template at<K>(), i, e);
        }
    };
    template <int J, class Strips>
    SINTER_DEVICE static auto unpacked(Strips& x, int i, int e) {
        return static_cast<compute_t<C::at(J).type>>(x[C::at(J).same_for_windows ? 0 : i].get(e));
    }
    /// What is known of an output before its window is walked.
    SINTER_DEVICE ir::registers<C> row_of(int i, int e) {
        ir::registers<C> row = numbers;
        row.exists(place.has(e));
        each<row_values>(unpack_row{*this, row, i, e});
        ir::pass<C, 0>::compute_row(row, a.functors);
        return row;
    }
    SINTER_DEVICE void step(uint32 position) {
        SINTER_UNROLLED
        for (int i = 0; i < items; ++i) {
            if (static_cast<uint32>(i) >= live) continue;
            SINTER_UNROLLED
            for (int e = 0; e < width; ++e) {
                ir::registers<C> v;
                each<loads>(unpack_element{*this, v, i, e});
                v.exists(place.has(e));
                if constexpr (walk_uses_row<C>()) {
                    const ir::registers<C> row = row_of(i, e);
                    walk::compute(v, row, a);
                    state[i][e].step(v, row, position);
                } else {
                    walk::compute(v, numbers, a);
                    state[i][e].step(v, numbers, position);
                }
            }
        }
    }

    struct move_loads {
        window_work& w;
        int axis;
        template <int K>
        SINTER_DEVICE void operator()(number<K>) const {
            constexpr int slot = load_slot<C>(walk::loads().at[K]);
            w.at.load[slot] += w.a.load[slot].stride[axis];
        }
    };
    SINTER_DEVICE void fold() {
        SINTER_UNROLLED
        for (int i = 0; i < items; ++i) {
            SINTER_UNROLLED
            for (int e = 0; e < width; ++e) state[i][e].clear();
        }
        if constexpr (walk_uses_row<C>()) each<row_values>(read_row_values{*this});
        uint32 outer = 0;
        SINTER_ROLLED
        for (uint32 x = 0; x < extent(0); ++x) {
            uint32 middle = outer;
            SINTER_ROLLED
            for (uint32 y = 0; y < extent(1); ++y) {
                uint32 position = middle;
                SINTER_ROLLED
                for (uint32 z = 0; z < extent(2); ++z) {
                    each<loads>(read_elements{*this, z > 0});
                    step(position);
                    each<loads>(move_loads{*this, 2});
                    position += g.position[2];
                }
                each<loads>(move_loads{*this, 1});
                middle += g.position[1];
            }
            each<loads>(move_loads{*this, 0});
            outer += g.position[0];
        }
    }

    using results = strip_vectors<C, walk, width, ints<>, make_ints<C::stores>>;
    struct pack_one {
        typename results::stores& out;
        const ir::registers<C>& row;
        int e;
        template <int K>
        SINTER_DEVICE void operator()(number<K>) const {
            out.template at<K>()[e] =
                static_cast<stored_t<C, K>>(ir::pass<C, 1>::template get<C::stored(K)>(row, row));
        }
    };
    struct write_one {
        window_work& w;
        typename results::stores& out;
        uint32 i;
        template <int K>
        SINTER_DEVICE void operator()(number<K>) const {
            using T = stored_t<C, K>;
            if (!w.a.store[K].data) return;
            // Behind a product the address is one number for nvcc, which stores elements one by one
            // where it sees a sum of several.
            const int64 to = scaled(1, w.at.store[K] + scaled(i, w.a.store[K].stride[of_item]));
            write_strip<width>(static_cast<T*>(w.a.store[K].data) + to,
                               out.template at<K>(),
                               w.place,
                               (w.g.wide.store >> K & 1) != 0,
                               w.a.store[K].stride[of_strip]);
        }
    };
    SINTER_DEVICE void store() {
        if constexpr (!walk_uses_row<C>()) each<row_values>(read_row_values{*this});
        SINTER_UNROLLED
        for (int i = 0; i < items; ++i) {
            if (static_cast<uint32>(i) >= live) continue;
            typename results::stores out;
            SINTER_UNROLLED
            for (int e = 0; e < width; ++e) {
                ir::registers<C> row = row_of(i, e);
                state[i][e].template finish<1>(row);
                ir::pass<C, 1>::compute_row(row, a.functors);
                each<C::stores>(pack_one{out, row, e});
            }
            each<C::stores>(write_one{*this, out, static_cast<uint32>(i)});
        }
    }
};

template <class C>
SINTER_DEVICE void window<C>::operator()() const {
    static_assert(folds_windows<C>());
    window_work<C> work(*this);
    if (!work.find()) return;
    take_scalars(work.numbers, a);
    work.fold();
    work.store();
}

#endif

}  // namespace sinter::kernel
