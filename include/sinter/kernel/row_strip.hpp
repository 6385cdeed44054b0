// What the row and the reduce kernel do with a few elements at a time: load them, evaluate one walk
// over the row for each, store results. Device-readable.
//
// A strip is 16 bytes of the widest operand. Where its elements are neighbours in memory and
// aligned, an operand moves in one access; elsewhere, and at the ragged ends of a row, element by
// element, but through the same computation, which is there once. Elements that do not exist are
// computed from zeroes and dropped: that is cheaper than a second copy of the code.
#pragma once

#include "sinter/kernel/element.hpp"
#include "sinter/kernel/fold.hpp"
#include "sinter/kernel/map_walk.hpp"
#include "sinter/kernel/tuning.hpp"

namespace sinter::kernel {

/// Elements of a strip of a stage with these instructions, of which it stores `stored`.
SINTER_HD constexpr int strip_width_of(const ir::instr* code,
                                       int size,
                                       const short* stored,
                                       int stores) {
    int widest = 1;
    for (int i = 0; i < size; ++i)
        if (code[i].h == ir::how::load && !code[i].is_coordinate() && !code[i].row_constant &&
            size_of(code[i].type) > widest)
            widest = size_of(code[i].type);
    for (int j = 0; j < stores; ++j) {
        const ir::instr& x = code[stored[j]];
        if (!x.row_constant && !x.is_late() && size_of(x.type) > widest) widest = size_of(x.type);
    }
    int width = tuning::vector_bytes / widest;
    if (width > tuning::strip_most) width = tuning::strip_most;
    bool columns = false;
    for (int i = 0; i < size; ++i)
        columns = columns || (code[i].h == ir::how::total && !code[i].row_constant);
    const int most = columns ? tuning::strip_instructions_columns : tuning::strip_instructions;
    while (width > 1 && width * size > most) width /= 2;
    return width;
}
template <class C>
struct stored_copy {
    short at[C::stores];
};
template <class C>
SINTER_HD constexpr stored_copy<C> stored_of() {
    stored_copy<C> r{};
    for (int j = 0; j < C::stores; ++j) r.at[j] = static_cast<short>(C::stored(j));
    return r;
}
/// Elements of a strip of stage C.
template <class C>
SINTER_HD constexpr int strip_width() {
    return strip_width_of(code_of<C>().at, C::size, stored_of<C>().at, C::stores);
}

/// What one walk over a row evaluates: everything that passes W..Last want of an element and that
/// is known before pass W.
template <class C, int W, int Last>
struct sweep {
    static constexpr int first_pass = W, last_pass = Last;
    struct wanted {
        bool loads;
        SINTER_HD constexpr bool operator()(const ir::instr& x) const {
            const bool here = (x.loops >> W & 1) || (x.loops >> Last & 1);
            return here && !x.row_constant && x.level <= W &&
                   x.h == (loads ? ir::how::load : ir::how::compute);
        }
    };
    SINTER_HD static constexpr auto loads() { return C::select(wanted{true}); }
    SINTER_HD static constexpr auto points() { return C::select(wanted{false}); }

    /// Runs the computations on registers `v`, whose loads are filled in.
    SINTER_DEVICE static void compute(ir::registers<C>& v,
                                      const ir::registers<C>& row,
                                      const args<C>& a) {
        each<points().count>(compute_one{v, row, a});
    }

private:
    struct compute_one {
        ir::registers<C>& v;
        const ir::registers<C>& row;
        const args<C>& a;
        template <int K>
        SINTER_DEVICE void operator()(number<K>) const {
            constexpr int j = points().at[K];
            v.template at<j>() = ir::pass<C, W>::template value<j>(v, row, a.functors);
        }
    };
};

/// Bit j: load (store) j of a strip moves in one access where the whole strip exists.
struct wide_operands {
    uint64 load = 0, store = 0;
};

#if SINTER_NVCC || SINTER_EMULATOR

/// Where a strip lies: its element e has the number first + e * apart along `axis`. Those with a
/// number from `low` on exist, `span` of them.
template <class C>
struct strip_place {
    offsets<C> at;  // of element 0
    uint32 first, apart, low, span;
    int axis;
    bool whole;  // its elements are neighbours and all exist

    SINTER_DEVICE bool has(int e) const {
        return first + static_cast<uint32>(e) * apart - low < span;
    }
};

/// `Width` values of T as they came from memory: elements of less than a word share words, because
/// one register each would be too many.
template <class T, int Width>
struct packed {
    static constexpr int bytes = int(sizeof(T)) * Width;
    static constexpr bool small = sizeof(T) < 4 && bytes % 4 == 0;
    static constexpr int in_word = small ? 4 / int(sizeof(T)) : 1, bits = 8 * int(sizeof(T));
    using word = select_t<small, uint32, T>;
    word w[Width / in_word];

    SINTER_DEVICE static packed from(const simt::vec<T, Width>& v) { return bits_as<packed>(v); }
    SINTER_DEVICE void clear() {
        SINTER_UNROLLED
        for (int i = 0; i < Width / in_word; ++i) w[i] = word();
    }
    /// Sets element e of a cleared strip.
    SINTER_DEVICE void set(int e, T x) {
        if constexpr (small) {
            using raw = unsigned_t<int(sizeof(T))>;
            w[e / in_word] |= static_cast<uint32>(bits_as<raw>(x)) << (e % in_word * bits);
        } else {
            w[e] = x;
        }
    }
    SINTER_DEVICE T get(int e) const {
        if constexpr (same_v<T, bool>) {
            if constexpr (small) return (w[e / 4] >> (e % 4 * 8) & 1U) != 0;
            return w[e];
        } else if constexpr (small) {
            using raw = unsigned_t<int(sizeof(T))>;
            return bits_as<T>(static_cast<raw>(w[e / in_word] >> (e % in_word * bits)));
        } else {
            return w[e];
        }
    }
};

/// `Width` elements from global memory; those that do not exist are zero.
template <int Width, reading R, class T, class Place>
SINTER_DEVICE packed<T, Width> read_strip(const T* p, const Place& at, bool wide, int64 stride) {
    if (wide && at.whole) {
        if constexpr (R == reading::own) {
            return packed<T, Width>::from(simt::load_own<Width>(p));
        } else {
            return packed<T, Width>::from(simt::load<Width>(p));
        }
    }
    packed<T, Width> x;
    x.clear();
    const uint64 beside = static_cast<uint64>(scaled(at.apart, stride));
    SINTER_UNROLLED
    for (int e = 0; e < Width; ++e) {
        if (!at.has(e)) continue;
        const T* q = p + static_cast<int64>(static_cast<uint64>(e) * beside);
        if constexpr (R == reading::own) {
            x.set(e, simt::load_own<1>(q)[0]);
        } else {
            x.set(e, simt::load<1>(q)[0]);
        }
    }
    return x;
}
/// Writes those of `Width` elements that exist.
template <int Width, class T, class Place>
SINTER_DEVICE void write_strip(
    T* p, const simt::vec<T, Width>& x, const Place& at, bool wide, int64 stride) {
    if (wide && at.whole) {
        simt::store<Width>(p, x);
        return;
    }
    const uint64 beside = static_cast<uint64>(scaled(at.apart, stride));
    SINTER_UNROLLED
    for (int e = 0; e < Width; ++e)
        if (at.has(e))
            simt::store<1>(p + static_cast<int64>(static_cast<uint64>(e) * beside),
                           simt::vec<T, 1>{{x[e]}});
}

/// The kept rows of a block in shared memory; `at` says for each load where its row begins, in
/// bytes, or is negative. Number i of a row is element i * pitch.
struct kept_rows {
    unsigned char* base;
    const int* at;
    const short* same;    // of each load: the first load of the same view
    unsigned row, pitch;  // of this thread's row: its first element; from element to element
};
/// The same from shared memory.
template <int Width, class T, class Place>
SINTER_DEVICE packed<T, Width> read_kept(const T* p, const Place& at, unsigned pitch) {
    if (at.whole) return packed<T, Width>::from(simt::load_shared<Width>(p));
    packed<T, Width> x;
    x.clear();
    SINTER_UNROLLED
    for (int e = 0; e < Width; ++e)
        if (at.has(e))
            x.set(e, simt::load_shared<1>(p + static_cast<uint32>(e) * (at.apart * pitch))[0]);
    return x;
}

template <class C, class Sweep, int Width, class L, class S>
struct strip_vectors;
template <class C, class Sweep, int Width, int... L, int... S>
struct strip_vectors<C, Sweep, Width, ints<L...>, ints<S...>> {
    using loads = fields<packed<storage_t<C::at(Sweep::loads().at[L]).type>, Width>...>;
    using stores = fields<simt::vec<stored_t<C, S>, Width>...>;
};

/// One strip of a thread in the walk `Sweep`, between its loads and its stores.
template <class C, class Sweep, int Width, reading R, which Stored>
struct strip {
    static constexpr int width = Width, loads = Sweep::loads().count;
    using vectors = strip_vectors<C, Sweep, Width, make_ints<loads>, make_ints<C::stores>>;
    typename vectors::loads in;
    typename vectors::stores out;

    template <int K>
    struct take_same {
        strip& s;
        const kept_rows& kept;
        bool& there;
        template <int J>
        SINTER_DEVICE void operator()(number<J>) const {
            constexpr int mine = Sweep::loads().at[K], other = Sweep::loads().at[J];
            if constexpr (C::at(mine).type == C::at(other).type) {
                if (kept.same[load_slot<C>(mine)] != kept.same[load_slot<C>(other)]) return;
                s.in.template at<K>() = s.in.template at<J>();
                there = true;
            }
        }
    };
    struct load_one {
        strip& s;
        const args<C>& a;
        const strip_place<C>& at;
        const wide_operands& wide;
        const kept_rows* kept;
        template <int K>
        SINTER_DEVICE void operator()(number<K>) const {
            constexpr int slot = load_slot<C>(Sweep::loads().at[K]);
            if constexpr (slot_counts<C>(slot)) {
                const int64 apart = scaled(at.apart, a.load[slot].stride[at.axis]);
                SINTER_UNROLLED
                for (int e = 0; e < width; ++e)
                    s.in.template at<K>().set(e, count<C, slot>(a, at.at.load[slot] + e * apart));
            } else {
                read<K, slot>();
            }
        }
        template <int K, int slot>
        SINTER_DEVICE void read() const {
            using T = loaded_t<C, slot>;
            // What two loads of a walk read is read once.
            bool there = false;
            if (kept != nullptr && kept->same[slot] != slot) each<K>(take_same<K>{s, *kept, there});
            if (there) return;
            if (kept != nullptr && kept->at[slot] >= 0) {
                const T* row = reinterpret_cast<const T*>(kept->base + kept->at[slot]) + kept->row;
                s.in.template at<K>() =
                    read_kept<width>(row + at.first * kept->pitch, at, kept->pitch);
            } else {
                s.in.template at<K>() = read_strip<width, R>(
                    static_cast<const T*>(a.load[slot].data) + at.at.load[slot],
                    at,
                    (wide.load >> slot & 1) != 0,
                    a.load[slot].stride[at.axis]);
            }
        }
    };
    /// Loads what the walk wants; from kept rows where `kept` (which may be null) has them.
    SINTER_DEVICE void load(const args<C>& a,
                            const strip_place<C>& at,
                            const wide_operands& wide,
                            const kept_rows* kept) {
        each<loads>(load_one{*this, a, at, wide, kept});
    }

    struct unpack_one {
        strip& s;
        ir::registers<C>& v;
        int e;
        template <int K>
        SINTER_DEVICE void operator()(number<K>) const {
            constexpr int j = Sweep::loads().at[K];
            v.template at<j>() =
                static_cast<compute_t<C::at(j).type>>(s.in.template at<K>().get(e));
        }
    };
    template <int K>
    SINTER_HD static constexpr bool stored() {
        return !store_is_late<C>(K) &&
               (Stored == which::all || store_is_per_row<C>(K) == (Stored == which::per_row));
    }
    struct pack_one {
        strip& s;
        const ir::registers<C>&v, &row;
        int e;
        template <int K>
        SINTER_DEVICE void operator()(number<K>) const {
            if constexpr (stored<K>())
                s.out.template at<K>()[e] = static_cast<stored_t<C, K>>(
                    ir::pass<C, Sweep::last_pass>::template get<C::stored(K)>(v, row));
        }
    };
    /// Evaluates every element, tells `sink.step(e, v, row)` of those that exist, and packs results
    /// when `Pack`.
    template <bool Pack, class Sink>
    SINTER_DEVICE void compute(const ir::registers<C>& row,
                               const args<C>& a,
                               const strip_place<C>& at,
                               Sink& sink) {
        SINTER_UNROLLED
        for (int e = 0; e < width; ++e) {
            ir::registers<C> v;
            each<loads>(unpack_one{*this, v, e});
            v.exists(at.has(e));
            Sweep::compute(v, row, a);
            if (at.has(e)) sink.step(e, v, row);
            if constexpr (Pack) each<C::stores>(pack_one{*this, v, row, e});
        }
    }

    struct store_one {
        const strip& s;
        const args<C>& a;
        const strip_place<C>& at;
        const wide_operands& wide;
        uint64 skip;
        template <int K>
        SINTER_DEVICE void operator()(number<K>) const {
            static_assert(C::stores <= 64, "A kernel stores at most 64 results.");
            if constexpr (stored<K>()) {
                if (!a.store[K].data || (skip >> K & 1)) return;
                write_strip<width>(static_cast<stored_t<C, K>*>(a.store[K].data) + at.at.store[K],
                                   const_cast<strip&>(s).out.template at<K>(),
                                   at,
                                   (wide.store >> K & 1) != 0,
                                   a.store[K].stride[at.axis]);
            }
        }
    };
    /// Writes the packed results; bit j of `skip`: not store j.
    SINTER_DEVICE void store(const args<C>& a,
                             const strip_place<C>& at,
                             const wide_operands& wide,
                             uint64 skip) const {
        each<C::stores>(store_one{*this, a, at, wide, skip});
    }
};

#endif

}  // namespace sinter::kernel
