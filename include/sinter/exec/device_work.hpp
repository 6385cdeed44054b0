// What a plan costs a device besides its products: whether to store the costly operand of one
// pays.
#pragma once

#include "sinter/exec/binding.hpp"
#include "sinter/exec/launch_kernel.hpp"

namespace sinter::exec {

/// The instructions of a stage as what asks about kernels takes them.
struct stage_instructions {
    const ir::instr* code;
    SINTER_HD constexpr const ir::instr& at(int j) const { return code[j]; }
};

/// How many tiles along the rows, and along the columns, of a product compute the same elements of
/// the other operand, where batches that they walk do as well: by operand.
struct operand_repeats {
    double left = 1, right = 1;
};

/// The tiles of one product as its kernel will have them (see space_builder and plan_matmul).
class product_tiles {
public:
    product_tiles(const program_table& t,
                  const stage_table& s,
                  const ir::stage_launch& f,
                  const ir::array_ref* value,
                  device where)
        : t_(t), s_(s), value_(value) {
        const ir::node& core = t.graph.n[s.node_of[s.head.core]];
        const ir::array_ref &a = value[core.in[0]], &b = value[core.in[1]];
        axis_run rows, columns;
        double batch = 1;
        for (int j = t.graph.axes - 1; j >= 0; --j) {
            const int64 e = f.extent[j];
            if ((core.axes >> j & 1) || e == 1) continue;
            if (a.extent[j] != 1 && b.extent[j] != 1)
                batch *= static_cast<double>(e);
            else
                add(b.extent[j] == 1 ? rows : columns, j, e);
        }
        const stage_instructions code{s.code};
        int side = kernel::tuning::small_tile::side;
        if (kernel::multiplier_of(code, s.head) != kernel::multiplier::registers) {
            side = kernel::tuning::mma_n;
        } else if (size_of(compute_dtype(core.type)) == 4) {
            const int large = kernel::tuning::large_tile::side;
            if (tiles(rows, large) * tiles(columns, large) * batch >= limits_of(where).sm_count)
                side = large;
        }
        repeats.left = tiles(columns, side);
        repeats.right = tiles(rows, side);
    }
    operand_repeats repeats;

private:
    // Axes of rows, or of columns: the longest run that all arrays walk as one makes tiles.
    struct axis_run {
        int last = -1;
        int64 run = 1, longest = 1, all = 1;
    };
    static double tiles(const axis_run& r, int side) {
        if (r.longest == 0) return 0;
        return static_cast<double>(kernel::detail::divide_up(r.longest, side) *
                                   (r.all / r.longest));
    }
    void add(axis_run& r, int axis, int64 n) const {
        r.run = r.last >= 0 && merge(r.last, axis, n) ? r.run * n : n;
        r.last = axis;
        r.all *= n;
        if (r.run > r.longest) r.longest = r.run;
        if (n == 0) r.longest = 0;
    }
    // What later stages will store lies row by row.
    bool merge(int p, int q, int64 extent) const {
        for (int j = 0; j < s_.load_count; ++j) {
            const ir::array_ref& a = value_[s_.node_of[s_.loads[j]]];
            const bool known = t_.graph.n[s_.node_of[s_.loads[j]]].k == ir::kind::leaf;
            const auto step = [&](int axis) { return a.extent[axis] == 1 ? 0 : a.stride[axis]; };
            if (known && step(p) != step(q) * extent) return false;
            if (!known && (a.extent[p] == 1) != (a.extent[q] == 1)) return false;
        }
        return true;
    }

    const program_table& t_;
    const stage_table& s_;
    const ir::array_ref* value_;
};

/// How often the tiles of its product compute each element of `d`, an operand in plan `p`; 0: no
/// stage does.
[[gnu::cold]] inline double computed_by_tiles(const program_table& t,
                                              const plan_table& p,
                                              const plan_launches& launches,
                                              const ir::array_ref* value,
                                              device where,
                                              const ir::dear_value& d) {
    const ir::stage_launch* f = launches.list;
    for (int k = 0; k < p.stages; f += launches.count[k++]) {
        const stage_table& s = p.stage[k];
        if (s.head.core < 0 || s.node_of[s.head.core] != d.reader || launches.count[k] == 0)
            continue;
        const operand_repeats r = product_tiles(t, s, *f, value, where).repeats;
        return s.node_of[s.head.core_a] == d.value ? r.left : r.right;
    }
    return 0;
}

/// The time that plan `p` takes a device, without the arithmetic of products, in bytes that its
/// memory moves meanwhile: arrays are read and written once in each launch that has them; a map or
/// row computes while it waits for memory, the tiles of a product compute their operands before
/// they multiply.
[[gnu::cold]] inline double device_work_of(const program_table& t,
                                           const plan_table& p,
                                           const plan_launches& launches,
                                           const ir::array_ref* value,
                                           device where) {
    namespace tuning = kernel::tuning;
    double work = 0;
    const ir::stage_launch* f = launches.list;
    for (int k = 0; k < p.stages; ++k) {
        const stage_table& s = p.stage[k];
        for (int i = 0; i < launches.count[k]; ++i, ++f) {
            double bytes = 0, flops = 0;
            operand_repeats repeats;
            if (s.head.core >= 0) repeats = product_tiles(t, s, *f, value, where).repeats;
            const auto elements = [&](int j) {
                return static_cast<double>(ir::elements_of(value[s.node_of[j]]));
            };
            for (int n = 0; n < s.size; ++n) {
                const ir::instr& x = s.code[n];
                if (!f->needed[n]) continue;
                if (x.h == ir::how::load && !x.is_coordinate())
                    bytes += elements(n) * static_cast<double>(size_of(x.type));
                if (x.h != ir::how::compute) continue;
                const int cost = ir::info_of(x.op).flops;
                if (x.loops >> ir::side_a & 1)
                    flops += cost * elements(s.head.core_a) * repeats.left;
                if (x.loops >> ir::side_b & 1)
                    flops += cost * elements(s.head.core_b) * repeats.right;
                if (s.head.core < 0) flops += cost * elements(n);
            }
            for (int j = 0; j < s.stores; ++j)
                if (f->stores >> j & 1)
                    bytes += static_cast<double>(ir::elements_of(value[s.store[j].node]) *
                                                 size_of(t.graph.n[s.store[j].node].type));
            flops /= tuning::device_flops_per_byte;
            work += tuning::device_launch_bytes + (s.head.core >= 0 ? bytes + flops
                                                   : bytes > flops  ? bytes
                                                                    : flops);
        }
    }
    return work;
}

/// The costly operand of a product that the tiles of a device compute most often; -1: there is
/// none.
[[gnu::cold]] inline int recomputed_by_tiles(const program_table& t,
                                             const plan_launches& launches,
                                             const ir::array_ref* value,
                                             device where) {
    const plan_table& p = *t.fused;
    int worst = -1;
    double most = 0;
    for (int k = 0; k < p.plan.dears; ++k) {
        const ir::dear_value& d = p.plan.dear[k];
        if (!ir::is_operand(t.graph.n, d)) continue;
        const double values = static_cast<double>(ir::elements_of(value[d.value])) *
                              computed_by_tiles(t, p, launches, value, where, d);
        if (values <= most) continue;
        worst = k;
        most = values;
    }
    return worst;
}

inline constexpr device_costs the_device_costs{&recomputed_by_tiles, &device_work_of};

}  // namespace sinter::exec
