// The kernel of a stage without reductions: one thread per element, or per vector of elements.
//
// Shape: threads stride over the flat index space. Where every array is contiguous and aligned
// (which the host finds out, so the branch is uniform) a thread moves 16 bytes of the widest
// operand at a time and no index is ever divided; what is left of the end, and every other layout,
// goes element by element through coordinates. Both live in one kernel: the two entries would hold
// the same code, and the element loop is needed by the contiguous case for its end.
//
// Traffic: each wanted array is read once and written once; an array that is the same for all
// elements is read once per thread. All loads of an element precede its stores, and loads are of
// the kind that may be overwritten later, so that an output may be an input's own memory.
#pragma once

#include "sinter/kernel/element.hpp"
#include "sinter/kernel/tuning.hpp"

namespace sinter::kernel {

/// Elements per thread of the contiguous path: 16 bytes of the widest operand.
template <class C>
SINTER_HD constexpr int map_width() {
    int widest = 1;
    const auto loads = element_loads<C, 0>();
    for (int i = 0; i < loads.count; ++i) {
        const int s = size_of(C::at(loads.at[i]).type);
        widest = s > widest ? s : widest;
    }
    for (int j = 0; j < C::stores; ++j) {
        const int s = size_of(C::at(C::stored(j)).type);
        widest = s > widest ? s : widest;
    }
    int width = tuning::vector_bytes / widest;
    while (width > 1 && width * C::size > tuning::map_unrolled_instructions) width /= 2;
    return width;
}

/// The map kernel of stage C.
template <class C>
struct map {
    static constexpr int max_threads = tuning::map_threads, min_blocks = 1;

    args<C> a;
    bool contiguous;  // every wanted operand has stride 1 and is aligned as a vector
    bool row_varies;  // some row constant is not the same for all elements
    SINTER_DEVICE void operator()() const;
};

#if SINTER_NVCC || SINTER_EMULATOR

template <class C, class I>
struct map_vectors;
template <class C, int... K>
struct map_vectors<C, ints<K...>> {
    template <int J>
    using of_load = simt::vec<storage_t<C::at(element_loads<C, 0>().at[J]).type>, map_width<C>()>;
    template <int J>
    using of_store = simt::vec<stored_t<C, J>, map_width<C>()>;
};
template <class C, class L, class S>
struct map_vector_types;
template <class C, int... L, int... S>
struct map_vector_types<C, ints<L...>, ints<S...>> {
    using vectors = map_vectors<C, ints<>>;
    using loads = fields<typename vectors::template of_load<L>...>;
    using stores = fields<typename vectors::template of_store<S>...>;
};

/// One vector of a contiguous map, from its loads to its stores.
template <class C>
struct map_step {
    using pass = ir::pass<C, 0>;
    using types = map_vector_types<C, make_ints<element_loads<C, 0>().count>, make_ints<C::stores>>;

    const args<C>& a;
    const ir::registers<C>& row;
    int64 first;
    typename types::loads in;
    typename types::stores out;

    struct load_one {
        map_step& s;
        template <int K>
        SINTER_DEVICE void operator()(number<K>) const {
            constexpr int slot = load_slot<C>(element_loads<C, 0>().at[K]);
            using T = loaded_t<C, slot>;
            s.in.template at<K>() = simt::load_own<map_width<C>()>(
                static_cast<const T*>(s.a.load[slot].data) + s.first);
        }
    };
    template <int E>
    struct unpack_one {
        map_step& s;
        ir::registers<C>& v;
        template <int K>
        SINTER_DEVICE void operator()(number<K>) const {
            constexpr int j = element_loads<C, 0>().at[K];
            v.template at<j>() = static_cast<compute_t<C::at(j).type>>(s.in.template at<K>()[E]);
        }
    };
    template <int E>
    struct pack_one {
        map_step& s;
        const ir::registers<C>& v;
        template <int K>
        SINTER_DEVICE void operator()(number<K>) const {
            s.out.template at<K>()[E] =
                static_cast<stored_t<C, K>>(pass::template get<C::stored(K)>(v, s.row));
        }
    };
    struct element {
        map_step& s;
        template <int E>
        SINTER_DEVICE void operator()(number<E>) const {
            ir::registers<C> v;
            each<element_loads<C, 0>().count>(unpack_one<E>{s, v});
            pass::compute(v, s.row, s.a.functors);
            each<C::stores>(pack_one<E>{s, v});
        }
    };
    struct store_one {
        map_step& s;
        template <int K>
        SINTER_DEVICE void operator()(number<K>) const {
            if (s.a.store[K].data)
                simt::store<map_width<C>()>(
                    static_cast<stored_t<C, K>*>(s.a.store[K].data) + s.first,
                    s.out.template at<K>());
        }
    };

    SINTER_DEVICE void run() {
        each<element_loads<C, 0>().count>(load_one{*this});
        each<map_width<C>()>(element{*this});
        each<C::stores>(store_one{*this});
    }
};

template <class C>
SINTER_DEVICE void map<C>::operator()() const {
    static_assert(C::head().passes == 1 && C::head().core < 0);
    constexpr int width = map_width<C>();
    const int64 thread = static_cast<int64>(simt::bid().x) * simt::bdim().x + simt::tid().x;
    const int64 threads = static_cast<int64>(simt::gdim().x) * simt::bdim().x;

    ir::registers<C> row;
    take_scalars(row, a);
    if (!row_varies) take_row_values<C, 0, reading::own>(row, a, no_offsets<C>());

    int64 done = 0;
    if (contiguous) {
        const int64 vectors = a.rows / width;
        SINTER_ROLLED
        for (int64 i = thread; i < vectors; i += threads) {
            map_step<C> step{a, row, i * width, {}, {}};
            step.run();
        }
        done = vectors * width;
    }
    SINTER_ROLLED
    for (int64 i = done + thread; i < a.rows; i += threads) {
        offsets<C> o = no_offsets<C>();
        locate(o, a, 0, a.outer_rank, i);
        if (row_varies) take_row_values<C, 0, reading::own>(row, a, o);
        ir::registers<C> v;
        load_elements<C, 0, reading::own>(v, a, o);
        ir::pass<C, 0>::compute(v, row, a.functors);
        store_values<C, 0, which::all>(v, row, a, o);
    }
}

#endif

}  // namespace sinter::kernel
