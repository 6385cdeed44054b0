// What the planners of the row and the reduce kernel know of a stage, and which operands move in
// vectors. Host code, compiled once: it knows a stage by plain data.
#pragma once

#include "sinter/ir/bound.hpp"
#include "sinter/kernel/limits.hpp"
#include "sinter/kernel/row_finder.hpp"

namespace sinter::kernel {

/// What matters of a stage here.
struct row_facts {
    static constexpr int most = 64;
    int loads = 0, stores = 0, walks = 0, width = 1;
    int state_bytes = 0;  // of the largest set of states
    dtype load_type[most]{}, store_type[most]{};
    unsigned char read_in[most]{};  // bit w: walk w reads load j element by element
    bool store_per_row[most]{};
    bool store_late[most]{};  // written when all rows are done
    int total_bytes = 0;      // of the states of totals of the whole stage
    int column_bytes = 0;     // of those of a column
    bool totals = false;
    bool per_row_apart = false;  // strips do not store values of rows
};

/// The facts of a stage with these instructions, but for the bytes of its states.
constexpr row_facts row_facts_of(
    const ir::instr* code, int size, const short* stored, int stores, int passes) {
    row_facts f;
    f.width = strip_width_of(code, size, stored, stores);
    f.stores = stores;
    for (int j = 0; j < stores; ++j) {
        f.store_type[j] = code[stored[j]].type;
        f.store_per_row[j] = code[stored[j]].row_constant;
        f.store_late[j] = code[stored[j]].is_late();
    }
    unsigned walk[ir::max_passes]{};
    for (int w = 0; w < passes; ++w) {
        unsigned bits = 1U << w;
        if (passes_join(code, size, passes, w)) bits |= 1U << ++w;
        walk[f.walks++] = bits;
    }
    for (int i = 0; i < size; ++i) {
        if (code[i].h != ir::how::load) continue;
        f.load_type[f.loads] = code[i].type;
        for (int w = 0; w < f.walks; ++w)
            if (!code[i].row_constant && !code[i].is_coordinate() && (code[i].loops & walk[w]))
                f.read_in[f.loads] = static_cast<unsigned char>(f.read_in[f.loads] | 1U << w);
        ++f.loads;
    }
    for (int i = 0; i < size; ++i) f.totals |= code[i].h == ir::how::total;
    return f;
}

/// At least the bytes of the largest set of states of a walk, for those who only know the code.
constexpr int state_bytes_of(const ir::instr* code, int size, int passes) {
    int most = 0;
    for (int w = 0; w < passes; ++w) {
        const int last = w + passes_join(code, size, passes, w);
        int bytes = 0;
        for (int r = 0; r < size; ++r) {
            if (code[r].h != ir::how::reduce || code[r].level < w + 1 || code[r].level > last + 1)
                continue;
            const bool joined = code[r].level > w + 1;
            bytes += joined || ir::reduction_info_of(code[r].op).result == ir::reduces_to::position
                         ? 32
                         : 8;
        }
        most = bytes > most ? bytes : most;
        w = last;
    }
    int bytes = 0;
    for (int r = 0; r < size; ++r)
        if (code[r].h == ir::how::total && code[r].row_constant) bytes += 8;
    return bytes > most ? bytes : most;
}

namespace detail {

inline int64 round_up(int64 n, int64 to) { return (n + to - 1) / to * to; }

/// Operands are numbered: the loads, then the stores.
class strip_chooser {
protected:
    strip_chooser(const row_facts& f, const ir::bound_stage& b)
        : f_(f), b_(b), axis_(b.outer_rank + (b.row_rank > 1 ? b.row_rank - 1 : 0)) {}

    int operands() const { return f_.loads + f_.stores; }
    const ir::bound_operand& operand(int i) const {
        return i < f_.loads ? b_.load[i] : b_.store[i - f_.loads];
    }
    int bytes_of(int i) const {
        return size_of(i < f_.loads ? f_.load_type[i] : f_.store_type[i - f_.loads]);
    }
    // True for what strips load or store.
    bool in_strips(int i) const {
        if (i < f_.loads) return f_.read_in[i] != 0;
        const int j = i - f_.loads;
        return operand(i).data && !f_.store_late[j] && !(f_.per_row_apart && f_.store_per_row[j]);
    }
    bool neighbours(int i, int axis) const { return in_strips(i) && operand(i).stride[axis] == 1; }
    int64 phase(int i) const {
        const auto address = reinterpret_cast<uint64>(operand(i).data);
        const auto bytes = static_cast<uint64>(bytes_of(i));
        if (address % bytes != 0) return -1;
        return static_cast<int64>(address / bytes % static_cast<uint64>(f_.width));
    }
    // True when operand i steps by whole strips along axes first..end-1, but for `but`.
    bool whole_steps(int i, int first, int end, int but) const {
        for (int k = first; k < end; ++k)
            if (k != but && b_.extent[k] != 1 && operand(i).stride[k] % f_.width != 0) return false;
        return true;
    }
    // True when operand i has vectors along the row wherever operand `lead` has.
    bool beside(int lead, int i) const {
        if (!neighbours(i, axis_) || phase(i) < 0 || phase(i) != phase(lead)) return false;
        for (int k = 0; k < b_.outer_rank; ++k)
            if (b_.extent[k] != 1 &&
                (operand(i).stride[k] - operand(lead).stride[k]) % f_.width != 0)
                return false;
        if (b_.row_rank <= 1) return true;
        // Strips lie in the last axis of the row and have to be aligned wherever it begins.
        return phase(i) == 0 && b_.extent[axis_] % f_.width == 0 && whole_steps(i, 0, axis_, -1);
    }
    // The same for vectors along the outputs, whose number 0 lies at the phase of `lead`.
    bool beside_outputs(int lead, int i) const {
        const int last = b_.outer_rank - 1;
        if (!neighbours(i, last) || phase(i) < 0 || phase(i) != phase(lead)) return false;
        if (!whole_steps(i, 0, b_.outer_rank + b_.row_rank, last)) return false;
        return last == 0 || (phase(i) == 0 && b_.extent[last] % f_.width == 0);
    }
    template <class Beside>
    bool choose_lead(strip_layout& g, int axis, Beside fits) const {
        int best = 0, all = 0;
        for (int i = 0; i < operands(); ++i) {
            if (!neighbours(i, axis)) continue;
            all += bytes_of(i);
            int bytes = 0;
            for (int j = 0; j < operands(); ++j)
                if (fits(i, j)) bytes += bytes_of(j);
            if (bytes > best) {
                best = bytes;
                g.lead = static_cast<short>(i);
            }
        }
        // Operands that do not lie alike are slower in strips than neighbour by neighbour.
        if (best == 0 || 2 * best < all) return false;
        g.lead_bytes = static_cast<unsigned char>(bytes_of(g.lead));
        for (int j = 0; j < operands(); ++j) {
            if (!fits(g.lead, j)) continue;
            if (j < f_.loads) {
                g.wide.load |= uint64{1} << j;
            } else {
                g.wide.store |= uint64{1} << (j - f_.loads);
            }
        }
        return true;
    }
    void find_vectors(strip_layout& g) const {
        if (f_.width == 1 || b_.row_length < f_.width) return;
        g.vectors = choose_lead(g, axis_, [&](int lead, int i) { return beside(lead, i); });
    }
    // Strips of `lanes` threads along a row.
    void lay_strips(strip_layout& g, unsigned lanes) const {
        if (g.vectors) {
            g.per_thread = static_cast<unsigned>(f_.width);
            g.apart = 1;
            g.stride = lanes * g.per_thread;
        } else if (g.linear) {
            g.per_thread = 1;
            g.apart = lanes;
            g.stride = lanes * static_cast<unsigned>(f_.width);
        } else {
            // One element at a time: the others of the strip are beyond every piece.
            g.per_thread = 1;
            g.apart = static_cast<unsigned>(tuning::row_piece);
            g.stride = lanes;
        }
        for (int k = 0; k < max_rank; ++k)
            g.axes.inverse[k] = b_.extent[k] > 0 ? 1.0 / static_cast<double>(b_.extent[k]) : 0;
    }

    const row_facts& f_;
    const ir::bound_stage& b_;
    int axis_;  // the last of the row
};

}  // namespace detail

}  // namespace sinter::kernel
