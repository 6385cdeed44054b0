// Dear values of arrays that turn out to be broadcast: computed once for each of their own
// elements, before the stage, which then reads them like any other array.
#pragma once

#include "sinter/cpu/space.hpp"

namespace sinter::cpu {

/// How many elements at least a broadcast must save: what one more loop costs.
inline constexpr int64 lift_least = 512;

/// A stage whose broadcast values are computed.
class lifted {
public:
    using runs = void (*)(const stage_loops&, const ir::bound_stage&);
    /// `run` runs an elementwise stage.
    lifted(const stage_loops& code, const ir::bound_stage& b, runs run)
        : code_(code),
          stage_(b),
          run_(run),
          rank_(b.outer_rank + (code.product == nullptr ? b.row_rank : 0)) {
        const int loads = code.loads, made = code.made.count;
        load_ = memory_.array<ir::bound_operand>(loads + 1 + made);
        for (int k = 0; k < loads; ++k) new (load_ + k) ir::bound_operand(b.load[k]);
        for (int k = loads; k <= loads + made; ++k) new (load_ + k) ir::bound_operand;
        stage_.load = load_;
        for (int w = 0; w < code.passes; ++w)
            for (const loop& l : code.pass[w].before) lift(l);
    }
    const ir::bound_stage& stage() const { return stage_; }

private:
    void lift(const loop& l) {
        if (l.row_reads.count > 0) return;
        for (const input& i : l.inputs)  // another value that could not be computed before
            if (i.load > code_.loads && load_[i.load].data == nullptr) return;
        ir::bound_operand& value = load_[code_.loads + 1 + l.outputs[0].keep];
        int64 all = 1, own = 1;
        ir::bound_stage s;
        s.outer_rank = rank_;
        for (int d = rank_ - 1; d >= 0; --d) {
            const int64 e = stage_.extent[d];
            all *= e;
            bool moves = false;
            for (const input& i : l.inputs) moves = moves || load_[i.load].stride[d] != 0;
            s.extent[d] = moves ? e : 1;
            value.stride[d] = moves && e != 1 ? own : 0;
            own *= s.extent[d];
        }
        if (own == 0 || all < 2 * own || all - own < lift_least) return;

        const int n = l.inputs.count;
        ir::bound_operand* const from = memory_.array<ir::bound_operand>(n);
        input* const inputs = memory_.array<input>(n);
        short* const bytes = memory_.array<short>(n);
        unsigned counted = 0;
        for (int k = 0; k < n; ++k) {
            new (from + k) ir::bound_operand(load_[l.inputs[k].load]);
            inputs[k] = {static_cast<short>(k), l.inputs[k].bytes};
            bytes[k] = l.inputs[k].bytes;
            if (l.inputs[k].load < code_.loads && (code_.counted >> l.inputs[k].load & 1) != 0)
                counted |= 1U << k;
        }
        output o = l.outputs[0];
        o.to = goes_to::store;
        o.store = 0;
        o.keep = -1;
        stage_loops loops;
        loops.loads = n;
        loops.stores = loops.passes = 1;
        loops.registers = code_.registers;
        loops.flops = code_.flops;
        loops.counted = counted;
        loops.load_bytes = bytes;
        loops.store_bytes = &o.bytes;
        loops.scalars = code_.scalars;
        loops.pass[0].inputs = {inputs, n};
        loops.pass[0].outputs = {&o, 1};
        loops.pass[0].run = l.run;

        value.data = memory_.bytes(own * o.bytes);
        s.rows = own;
        s.load = from;
        s.store = &value;
        s.scalar = stage_.scalar;
        s.functors = stage_.functors;
        run_(loops, s);
    }
    const stage_loops& code_;
    ir::bound_stage stage_;
    runs run_;
    int rank_;
    ir::bound_operand* load_;
    alignas(arena::line) std::byte small_[2048];
    arena memory_{small_, sizeof small_};
};

}  // namespace sinter::cpu
