// Runs lowered stages on the host from their instruction lists, the same lists that kernels get:
// loop by loop, element by element. It checks on the way that every register is written before it
// is read, so that a wrong level, loop or row constant is an error and not a lucky value.
#pragma once

#include "sinter/ir/frames.hpp"
#include "sinter/ir/graph.hpp"
#include "sinter/ir/interpret.hpp"

namespace sinter::ir {

/// What a run did: launches, elements read from and written to arrays, values folded.
struct run_counts {
    int64 launches = 0, loads = 0, stores = 0, folds = 0, products = 0;
};

/// One launch of one stage.
class stage_run {
public:
    stage_run(const bound_program& b,
              const stage_view& s,
              const stage_launch& f,
              const array_ref* loaded,
              const array_ref* stored,
              run_counts& counts)
        : b_(b), s_(s), f_(f), loaded_(loaded), stored_(stored), counts_(counts) {
        reset(row_);
        reset(element_);
        folded_.resize(static_cast<std::size_t>(s.size));
    }

    void run() {
        ++counts_.launches;
        const unsigned char outer = static_cast<unsigned char>(~(s_.row_axes | s_.core_axes));
        total_.assign(static_cast<std::size_t>(s_.size), {});
        int64 extent[max_rank];
        for (int j = 0; j < max_rank; ++j) extent[j] = f_.extent[j];
        if (s_.pool >= 0) pool_ = detail::pooling_in(b_.g, s_.pool);
        for (int k = 0; k < pool_.count; ++k)
            extent[pool_.at[k].axis] = b_.value[s_.pool].extent[pool_.at[k].axis];
        for (walk w(extent, outer); !w.done; w.next()) {
            for (int j = 0; j < max_rank; ++j)
                if (outer >> j & 1) at_[j] = w.at[j];
            reset(row_);
            for (int i = 0; i < s_.size; ++i) {
                const how h = s_.code[i].h;
                if (f_.needed[i] && (h == how::scalar || h == how::constant))
                    set(row_, i, uniform_cell(node_of(i), b_.value, b_.scalars));
            }
            for (int k = 0; k < s_.head.passes; ++k) run_pass(k);
            for (int k = 0; k < s_.stores; ++k)
                if (const instr& x = s_.code[s_.store[k].value]; x.row_constant && !x.is_late())
                    write(k, row_);
            for (int i = 0; i < s_.size; ++i)
                if (total_of(i) && s_.code[s_.code[i].in[0]].row_constant)
                    take(i, 0, get(s_.code[i].in[0], 0));
        }
        run_totals();
    }

private:
    struct registers_at {
        std::vector<cell> v;
        std::vector<char> known;
    };
    void reset(registers_at& r) const {
        r.v.assign(static_cast<std::size_t>(s_.size), {});
        r.known.assign(static_cast<std::size_t>(s_.size), 0);
    }
    static void set(registers_at& r, int i, cell x) {
        r.v[static_cast<std::size_t>(i)] = x;
        r.known[static_cast<std::size_t>(i)] = 1;
    }
    const node& node_of(int i) const { return b_.g.n[s_.node_of[i]]; }

    // Register i as loop `loop` sees it.
    cell get(int i, int loop) const {
        const instr& x = s_.code[i];
        const bool row =
            x.h == how::scalar || x.h == how::constant || (x.row_constant && loop < max_passes);
        const registers_at& r = row ? row_ : element_;
        if (!r.known[static_cast<std::size_t>(i)])
            throw error("A stage reads a register before it is written.");
        return r.v[static_cast<std::size_t>(i)];
    }
    cell compute(int i, int loop) const {
        cell in[3]{};
        for (int k = 0; k < 3; ++k)
            if (s_.code[i].in[k] >= 0) in[k] = get(s_.code[i].in[k], loop);
        return apply_node(b_.g, node_of(i), in, b_.functors);
    }
    cell load(int i) {
        const array_ref& a = loaded_[s_.node_of[i]];
        if (!a.data) throw error("A stage reads an array that no stage has written.");
        const unsigned char groups = core_groups();
        int64 own[max_rank];
        for (int j = 0; j < max_rank; ++j) {
            own[j] = at_[j];
            if (a.extent[j] == 1 || a.extent[j] == f_.extent[j]) continue;
            if (!(groups >> j & 1))
                throw error("A stage reads an array that does not fit its index space.");
            own[j] = at_[j] * a.extent[j] / f_.extent[j];
        }
        guard guards[max_guards];
        const int n = find_guards(b_.g, node_of(i).view, b_.slices, guards);
        for (int k = 0; k < n; ++k)
            if (!guards[k].holds(own)) return {};
        if (s_.code[i].is_coordinate()) return coordinate_cell(a, offset_of(a, own));
        ++counts_.loads;
        return load_cell(a.data, offset_of(a, own), a.type);
    }
    // The axes along which an operand of the contraction has one element for several.
    unsigned char core_groups() const {
        if (s_.head.core < 0) return 0;
        const node& x = node_of(s_.head.core);
        return static_cast<unsigned char>(groups_of(x, 0) | groups_of(x, 1));
    }
    void write(int k, const registers_at& r) {
        const stage_store& s = s_.store[k];
        if (!(f_.stores >> k & 1)) return;
        if (!r.known[static_cast<std::size_t>(s.value)])
            throw error("A stage stores a register before it is written.");
        const array_ref& a = stored_[s.node];
        ++counts_.stores;
        store_cell(a.data,
                   offset_of(a, at_),
                   a.type,
                   r.v[static_cast<std::size_t>(s.value)],
                   b_.g.n[s.node].type);
    }
    // ---- totals over the rows
    bool total_of(int i) const { return f_.needed[i] && s_.code[i].h == how::total; }
    void take(int i, std::size_t column, cell x) {
        auto& columns = total_[static_cast<std::size_t>(i)];
        if (columns.size() <= column) columns.resize(column + 1);
        columns[column].push_back(x);
        ++counts_.folds;
    }
    void run_totals() {
        for (int j = 0; j < max_rank; ++j) at_[j] = 0;
        compute_totals(0, true);
        std::size_t column = 0;
        for (walk w(f_.extent, s_.row_axes); !w.done; w.next()) {
            for (int j = 0; j < max_rank; ++j)
                if (s_.row_axes >> j & 1) at_[j] = w.at[j];
            compute_totals(column++, false);
        }
    }
    // Totals of one column, or those that have one value, and what follows from them.
    void compute_totals(std::size_t column, bool one) {
        for (int i = 0; i < s_.size; ++i) {
            const instr& x = s_.code[i];
            if (!f_.needed[i]) continue;
            if (one && (x.h == how::scalar || x.h == how::constant))
                set(row_, i, uniform_cell(node_of(i), b_.value, b_.scalars));
            if (one && x.h == how::compute && x.row_constant && x.level == 0 && number(i))
                set(row_, i, compute(i, 0));
            if (!x.is_late() || x.row_constant != one) continue;
            if (x.h == how::after) {
                set(one ? row_ : element_, i, compute(i, 0));
                continue;
            }
            auto& columns = total_[static_cast<std::size_t>(i)];
            if (columns.size() <= column) columns.resize(column + 1);
            set(one ? row_ : element_,
                i,
                fold_cells(x.op,
                           s_.code[x.in[0]].type,
                           columns[column].data(),
                           static_cast<int64>(columns[column].size())));
        }
        for (int k = 0; k < s_.stores; ++k)
            if (const instr& x = s_.code[s_.store[k].value]; x.is_late() && x.row_constant == one)
                write(k, one ? row_ : element_);
    }
    // True for what is computed from numbers alone.
    bool number(int i) const {
        const instr& x = s_.code[i];
        if (x.h != how::compute) return x.h == how::scalar || x.h == how::constant;
        for (const short c : x.in)
            if (c >= 0 && !number(c)) return false;
        return true;
    }

    bool writes_in(int k) const {
        for (int i = 0; i < s_.size; ++i)
            if (s_.code[i].h == how::total) return k == s_.head.passes - 1;
        if (s_.head.core >= 0) return k == 0;
        if (s_.head.passes != 2) return k == s_.head.passes - 1;
        for (int j = 0; j < s_.stores; ++j) {
            const instr& x = s_.code[s_.store[j].value];
            if (!x.row_constant && x.level > 0) return k == 1;
        }
        return k == 0;
    }
    void run_pass(int k) {
        for (int i = 0; i < s_.size; ++i) {
            const instr& x = s_.code[i];
            if (!f_.needed[i] || !x.row_constant || x.level != k) continue;
            if (x.h == how::load) set(row_, i, load(i));
            if (x.h == how::compute) set(row_, i, compute(i, k));
        }
        for (auto& f : folded_) f.clear();
        std::size_t column = 0;
        int64 inside[max_rank] = {1, 1, 1, 1, 1, 1, 1, 1}, window[max_rank];
        for (int j = 0; j < max_rank; ++j) window[j] = at_[j];
        for (int j = 0; j < max_rank; ++j)
            if (s_.row_axes >> j & 1) inside[j] = f_.extent[j];
        for (int i = 0; i < pool_.count; ++i)
            inside[pool_.at[i].axis] = b_.value[s_.pool].extent[pool_.at[i].inside];
        for (walk w(inside, 0xff); !w.done; w.next()) {
            for (int j = 0; j < max_rank; ++j)
                if (s_.row_axes >> j & 1) at_[j] = w.at[j];
            for (int i = 0; i < pool_.count; ++i) {
                const pooled_axis& a = pool_.at[i];
                const slice_bounds* const bounds = b_.slices[pool_.slot].axis;
                at_[a.axis] = window[a.axis] * bounds[a.windows_bounds].step +
                              w.at[a.axis] * bounds[a.inside_bounds].step;
            }
            run_loop(k);
            for (int i = 0; i < s_.size; ++i) {
                const instr& x = s_.code[i];
                if (f_.needed[i] && x.h == how::reduce && x.level == k + 1) {
                    ++counts_.folds;
                    folded_[static_cast<std::size_t>(i)].push_back(get(x.in[0], k));
                }
            }
            ++column;
            if (!writes_in(k)) continue;
            for (int j = 0; j < s_.stores; ++j)
                if (const instr& x = s_.code[s_.store[j].value]; !x.row_constant && !x.is_late())
                    write(j, element_);
            for (int i = 0; i < s_.size; ++i)
                if (total_of(i) && !s_.code[s_.code[i].in[0]].row_constant)
                    take(i, s_.code[i].row_constant ? 0 : column - 1, get(s_.code[i].in[0], k));
        }
        for (int j = 0; j < max_rank; ++j)
            if (s_.row_axes >> j & 1) at_[j] = 0;
        for (int i = 0; i < pool_.count; ++i) at_[pool_.at[i].axis] = window[pool_.at[i].axis];
        for (int i = 0; i < s_.size; ++i) {
            const instr& x = s_.code[i];
            const auto& f = folded_[static_cast<std::size_t>(i)];
            if (f_.needed[i] && x.h == how::reduce && x.level == k + 1)
                set(row_,
                    i,
                    fold_cells(
                        x.op, s_.code[x.in[0]].type, f.data(), static_cast<int64>(f.size())));
        }
    }
    // Loads and computations of one loop at the current coordinates.
    void run_loop(int loop) {
        if (loop < max_passes) reset(element_);
        for (int i = 0; i < s_.size; ++i) {
            const instr& x = s_.code[i];
            if (!f_.needed[i] || !(x.loops >> loop & 1)) continue;
            if (x.h == how::load) set(element_, i, load(i));
            if (x.h == how::compute) set(element_, i, compute(i, loop));
            if (x.h == how::core) run_core(i);
        }
    }
    void run_core(int i) {
        registers_at outer = element_;
        cell sum{};
        for (walk w(f_.extent, s_.core_axes); !w.done; w.next()) {
            for (int j = 0; j < max_rank; ++j)
                if (s_.core_axes >> j & 1) at_[j] = w.at[j];
            reset(element_);
            run_loop(side_a);
            const cell a = get(s_.head.core_a, side_a);
            reset(element_);
            run_loop(side_b);
            sum = multiply_add(s_.code[i].type, a, get(s_.head.core_b, side_b), sum);
            ++counts_.products;
        }
        for (int j = 0; j < max_rank; ++j)
            if (s_.core_axes >> j & 1) at_[j] = 0;
        element_ = std::move(outer);
        set(element_, i, sum);
    }

    const bound_program& b_;
    const stage_view& s_;
    const stage_launch& f_;
    const array_ref *loaded_, *stored_;  // by node
    run_counts& counts_;
    int64 at_[max_rank]{};
    pooling pool_{};
    registers_at row_, element_;
    std::vector<std::vector<cell>> folded_;
    std::vector<std::vector<std::vector<cell>>> total_;  // by instruction and column
};

/// The arrays that the stages of one run share.
class stage_arrays {
public:
    explicit stage_arrays(const bound_program& b)
        : b_(b),
          loaded_(b.value, b.value + b.g.size),
          stored_(static_cast<std::size_t>(b.g.size)),
          memory_(2 * static_cast<std::size_t>(b.g.size)) {}

    void run(const stage_view& s, run_counts& counts) {
        for (int i = 0; i < s.size; ++i)
            if (s.code[i].h == how::load && b_.g.n[s.node_of[i]].k == kind::index_map)
                map_index(s.node_of[i]);
        for (int j = 0; j < s.stores; ++j) {
            array_ref& a = stored_[static_cast<std::size_t>(s.store[j].node)];
            if (!a.data) a = allocate(b_.value[s.store[j].node], s.store[j].node);
        }
        stage_launch launch[max_roots];
        const int launches = frames_of(b_.g, s, b_.value, launch);
        for (int l = 0; l < launches; ++l)
            stage_run(b_, s, launch[l], loaded_.data(), stored_.data(), counts).run();
        for (int j = 0; j < s.stores; ++j) {  // a stored copy of an array does not replace it
            const auto n = static_cast<std::size_t>(s.store[j].node);
            if (!is_source(b_.g.n[n].k)) loaded_[n] = stored_[n];
        }
    }
    void write_results() const {
        for (int k = 0; k < b_.g.roots; ++k) {
            const short i = b_.g.root[k], made = written_root(b_.g, k);
            const array_ref& a = stored_[static_cast<std::size_t>(made)];
            copy(made == i ? a : index_mapped(b_.g, i, a.data, b_.slices, b_.shapes, b_.value),
                 b_.out[k]);
        }
    }

private:
    array_ref allocate(array_ref a, int place) {
        auto& m = memory_[static_cast<std::size_t>(place)];
        make_row_major(a);
        m.assign(static_cast<std::size_t>(elements_of(a) * size_of(a.type) + 1), 0x55);
        a.data = m.data();
        return a;
    }
    static void copy(const array_ref& from, const array_ref& to) {
        for (walk w(from.extent, 0xff); !w.done; w.next())
            store_cell(to.data,
                       offset_of(to, w.at),
                       to.type,
                       load_cell(from.data, offset_of(from, w.at), from.type),
                       from.type);
    }
    // The operand copied into row-major order, in the midst of zeros if it is padded, seen as the
    // map sees it.
    void map_index(short i) {
        const short c = b_.g.n[i].in[0];
        const auto& from =
            (b_.g.n[c].k == kind::leaf ? loaded_ : stored_)[static_cast<std::size_t>(c)];
        if (!from.data) throw error("A stage reads an array that no stage has written.");
        array_ref a = from;
        if (is_padded(b_.g.n[i])) {
            a = allocate(base_of(b_.g, i, b_.shapes, b_.value), b_.g.size + i);
            auto& m = memory_[static_cast<std::size_t>(b_.g.size + i)];
            m.assign(m.size(), 0);
            copy(from, sliced(a, 0xff, b_.slices[b_.g.n[i].axes]));
        } else {
            a = allocate(from, b_.g.size + i);
            copy(from, a);
        }
        loaded_[static_cast<std::size_t>(i)] =
            index_mapped(b_.g, i, a.data, b_.slices, b_.shapes, b_.value);
    }

    const bound_program& b_;
    std::vector<array_ref> loaded_, stored_;  // by node
    std::vector<std::vector<char>> memory_;
};

/// Runs the stages of a plan in order and writes the results. False when some row does not fit, so
/// that the split plan must run: then nothing was written.
inline bool run_stages(const bound_program& b,
                       const stage_view* stages,
                       int count,
                       run_counts* counts = nullptr) {
    stage_launch launch[max_roots];
    for (int k = 0; k < count; ++k)
        if (frames_of(b.g, stages[k], b.value, launch) < 0) return false;
    run_counts own;
    stage_arrays arrays(b);
    for (int k = 0; k < count; ++k) arrays.run(stages[k], counts ? *counts : own);
    arrays.write_results();
    return true;
}

}  // namespace sinter::ir
