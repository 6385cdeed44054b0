// What follows the rows in the row kernel: reductions over all of them, in the same launch. Each
// block leaves the states of its rows in device memory; the last block to finish (ticket and fence)
// merges them, always in the same order, computes what follows and writes it. Traffic: a state per
// block, written and read once. Device-readable.
#pragma once

#include "sinter/ir/ends.hpp"
#include "sinter/kernel/element.hpp"
#include "sinter/kernel/finish.hpp"
#include "sinter/kernel/fold.hpp"
#include "sinter/kernel/row_group.hpp"

namespace sinter::kernel {

template <class C, bool Columns, class I>
struct total_states_of;
template <class C, bool Columns, int... K>
struct total_states_of<C, Columns, ints<K...>> {
    static constexpr int pass = C::head().passes - 1;
    using type = fields<typename fold<C, ir::ends<C, Columns>::totals().at[K], pass>::state...>;
};

/// The states of the totals of stage C: those of the whole stage, or of one column.
template <class C, bool Columns>
struct alignas(8) total_states {
    static constexpr int pass = C::head().passes - 1;
    SINTER_HD static constexpr int count() { return ir::ends<C, Columns>::totals().count; }
    template <int K>
    using at = fold<C, ir::ends<C, Columns>::totals().at[K], pass>;

    typename total_states_of<C, Columns, make_ints<count()>>::type all;

    SINTER_DEVICE void clear() { each<count()>(clear_one{*this}); }
    /// Folds the values of one row or, not `PerRow`, of one element.
    template <bool PerRow>
    SINTER_DEVICE void step(const ir::registers<C>& v, const ir::registers<C>& row) {
        each<count()>(step_one<PerRow>{*this, v, row});
    }
    SINTER_DEVICE void merge(total_states& other) { each<count()>(merge_one{*this, other}); }
    /// Writes the results to registers.
    SINTER_DEVICE void finish(ir::registers<C>& v) { each<count()>(finish_one{*this, v}); }

private:
    struct clear_one {
        total_states& s;
        template <int K>
        SINTER_DEVICE void operator()(number<K>) const {
            s.all.template at<K>() = at<K>::op::template init<typename at<K>::value>();
        }
    };
    template <bool PerRow>
    struct step_one {
        total_states& s;
        const ir::registers<C>&v, &row;
        template <int K>
        SINTER_DEVICE void operator()(number<K>) const {
            using f = at<K>;
            if constexpr (C::at(f::operand()).row_constant == PerRow) {
                const auto x = ir::pass<C, pass>::template get<f::operand()>(v, row);
                f::op::step(s.all.template at<K>(), ir::convert<dtype_v<typename f::value>>(x), 0);
            }
        }
    };
    struct merge_one {
        total_states &s, &other;
        template <int K>
        SINTER_DEVICE void operator()(number<K>) const {
            at<K>::op::merge(s.all.template at<K>(), other.all.template at<K>());
        }
    };
    struct finish_one {
        total_states& s;
        ir::registers<C>& v;
        template <int K>
        SINTER_DEVICE void operator()(number<K>) const {
            constexpr int j = ir::ends<C, Columns>::totals().at[K];
            v.template at<j>() = ir::convert<compute_dtype(C::at(j).type)>(
                at<K>::op::result(s.all.template at<K>()));
        }
    };
};

/// Bytes of the states of the whole stage; 0: it has none.
template <class C>
SINTER_HD constexpr int total_state_bytes() {
    if constexpr (ir::ends<C, false>::totals().count == 0) {
        return 0;
    } else {
        return sizeof(total_states<C, false>);
    }
}
/// True when elements are reduced over the rows: the last pass has to walk them.
template <class C>
SINTER_HD constexpr bool totals_elements() {
    return ir::ends<C, true>::totals().count > 0 || ir::ends<C, false>::totals_of(false).count > 0;
}

/// Bytes of the states of a column; 0: no total is of columns.
template <class C>
SINTER_HD constexpr int column_state_bytes() {
    if constexpr (ir::ends<C, true>::totals().count == 0) {
        return 0;
    } else {
        return sizeof(total_states<C, true>);
    }
}

/// Where totals lie in the workspace of a launch.
struct totals_layout {
    unsigned counter = 0, meeting = 0;  // which counters
    int64 partials = 0, columns = 0;    // bytes from the kernel's others
    bool columns_in_shared = false;     // while rows come in
    unsigned columns_at = 0;            // bytes from the kept rows
    unsigned columns_per_block = 1;     // in the end
};

#if SINTER_NVCC || SINTER_EMULATOR

/// Writes those stores of stage C that are known when all rows are done.
template <class C, bool Columns>
struct write_late {
    const args<C>& a;
    const offsets<C>& o;
    const ir::registers<C>& v;
    template <int J>
    SINTER_DEVICE void operator()(number<J>) const {
        constexpr ir::instr x = C::at(C::stored(J));
        if constexpr (x.is_late() && x.row_constant != Columns)
            if (a.store[J].data) write<C, J>(a, o.store[J], v.template at<C::stored(J)>());
    }
};

/// A block at the end of its rows.
template <class C, class Kernel, class Sync>
struct row_end {
    using states = total_states<C, false>;
    const Kernel& k;
    unsigned char* shared;  // of the row's groups, who are done with it

    SINTER_DEVICE void join(states& s) const {
        Sync::template block<6>();
        row_group<Sync> all(simt::bdim().x, 1, false, shared, 0);
        all.join(s);
    }
    SINTER_DEVICE void run(states& s) const {
        constexpr int words = sizeof(states) / sizeof(uint64);
        const unsigned blocks = simt::gdim().x;
        join(s);
        if (blocks > 1) {
            auto* const parts = reinterpret_cast<states*>(k.partials + k.totals.partials);
            if (simt::tid().x == 0)
                simt::store<words>(reinterpret_cast<uint64*>(parts + simt::bid().x),
                                   bits_as<simt::vec<uint64, words>>(s));
            unsigned& last = simt::shared<unsigned, row_end>();
            if (!arrives_last<Sync, 7>(k.counters + k.totals.counter, blocks, last)) return;
            s.clear();
            SINTER_ROLLED
            for (unsigned i = simt::tid().x; i < blocks; i += simt::bdim().x) {
                auto next = bits_as<states>(
                    simt::load_coherent<words>(reinterpret_cast<const uint64*>(parts + i)));
                s.merge(next);
            }
            join(s);
        }
        if (simt::tid().x != 0) return;
        ir::registers<C> v;
        take_scalars(v, k.a);
        ir::ends<C, false>::compute_numbers(v, k.a.functors);
        s.finish(v);
        ir::ends<C, false>::compute(v, k.a.functors);
        each<C::stores>(write_late<C, false>{k.a, no_offsets<C>(), v});
    }
};

#endif

}  // namespace sinter::kernel
