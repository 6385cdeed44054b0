// Runs one loop of a stage over a loop space, tile by tile.
#pragma once

#include "sinter/cpu/fold.hpp"
#include "sinter/cpu/walk.hpp"

namespace sinter::cpu {

/// What all loops of one call share.
struct context {
    const stage_loops& code;
    const ir::bound_stage& bound;
    arena memory;
    operand* load = nullptr;   // the core's result comes last
    operand* store = nullptr;  // null data: not wanted
    std::byte* row = nullptr;  // the registers of the row
    int64 capacity = tile_length;

    context(const stage_loops& c, const ir::bound_stage& b) : code(c), bound(b) {
        load = bind(b.load, c.load_bytes, c.loads, c.loads + 1);
        store = bind(b.store, c.store_bytes, c.stores, c.stores);
        row = memory.bytes(c.registers_bytes);
        for (const row_value& s : c.scalars) set_register(s, b.scalar[s.number]);
        for (const row_value& s : c.constants) set_register(s, s.constant);
    }
    operand& input_of(const input& i) { return load[i.load < 0 ? code.loads : i.load]; }

    void set_register(const row_value& v, ir::scalar_bits x) {
        switch (compute_dtype(v.type)) {
            case dtype::boolean: return set(v.reg, x.as<dtype::boolean>());
            case dtype::i64: return set(v.reg, x.as<dtype::i64>());
            case dtype::f64: return set(v.reg, x.as<dtype::f64>());
            default:
                return set(v.reg, v.type == dtype::bf16 ? x.as<dtype::bf16>() : x.as<dtype::f32>());
        }
    }
    /// Reads the values of the row that `l` needs from memory, then computes the others.
    void enter_row(const loop& l, int64 extra_axis, int64 index) {
        for (const row_value& v : l.row_loads) {
            const operand& o = load[v.number];
            const std::byte* at = o.data + (o.offset + index * o.stride[extra_axis]);
            if (v.type == dtype::bf16) {
                bfloat16 x;
                std::memcpy(&x, at, sizeof x);
                set(v.reg, static_cast<float>(x));
            } else {
                std::memcpy(row + v.reg, at, static_cast<std::size_t>(o.bytes));
            }
        }
        if (l.row != nullptr) l.row(row, bound.functors);
    }
    /// Writes the values of the row: once where the array does not move along `s`, else to every
    /// element.
    void leave_row(const loop_space& s, int64 extra_axis, int64 index) {
        for (const row_value& v : code.row_stores) {
            operand& o = store[v.number];
            if (o.data == nullptr) continue;
            alignas(8) std::byte x[8];
            if (v.type == dtype::bf16) {
                float f = 0;
                std::memcpy(&f, row + v.reg, sizeof f);
                const bfloat16 h(f);
                std::memcpy(x, &h, sizeof h);
            } else {
                std::memcpy(x, row + v.reg, static_cast<std::size_t>(o.bytes));
            }
            if (stands(o, s)) {
                std::memcpy(o.data + (o.offset + index * o.stride[extra_axis]),
                            x,
                            static_cast<std::size_t>(o.bytes));
            } else {
                spread(o, s, x);
            }
        }
    }
    /// True when `o` does not move along the axes of `s`.
    static bool stands(const operand& o, const loop_space& s) {
        for (int d = 0; d < s.rank; ++d)
            if (s.extent[d] != 1 && o.stride[s.axis[d]] != 0) return false;
        return true;
    }

private:
    operand* bind(const ir::bound_operand* from, const short* bytes, int n, int room) {
        operand* to = memory.array<operand>(room);
        for (int k = 0; k < n; ++k) {
            to[k].data = static_cast<std::byte*>(from[k].data);
            to[k].bytes = bytes[k];
            for (int d = 0; d < bound.outer_rank + bound.row_rank; ++d)
                to[k].stride[d] = from[k].stride[d] * bytes[k];
        }
        return to;
    }
    template <class T>
    void set(int reg, T x) {
        std::memcpy(row + reg, &x, sizeof x);
    }
    static void spread(operand& o, const loop_space& s, const std::byte* x) {
        stream to;
        to.follow(o, s);
        tile t;
        const int64 limit = to.even ? s.length : s.extent[s.rank - 1];
        for (bool more = t.start(s, limit); more; more = t.next(s, limit))
            copy_elements(o.bytes, to.first(s, t), to.step, x, 0, t.count);
    }
};

/// One loop of the stage over one space.
class runner {
public:
    runner(context& c, const loop& l, const loop_space& s)
        : context_(c),
          loop_(l),
          space_(s),
          in_(c.memory.array<const void*>(l.inputs.count)),
          out_(c.memory.array<void*>(l.outputs.count)),
          input_(c.memory.array<stream>(l.inputs.count)),
          output_(c.memory.array<stream>(l.outputs.count)),
          buffer_(c.memory.array<std::byte*>(l.outputs.count)),
          tile_limit_(c.capacity) {
        int folds = 0;
        bool stores = false;
        bool dense = true;
        for (int k = 0; k < l.inputs.count; ++k) {
            input_[k].follow(c.input_of(l.inputs[k]), s);
            dense = dense && input_[k].contiguous();
        }
        unstaged_ = dense;
        for (int k = 0; k < l.outputs.count; ++k) {
            const output& o = l.outputs[k];
            folds += o.to == goes_to::fold;
            if (o.to == goes_to::store) {
                output_[k].follow(c.store[o.store], s);
                const bool there = c.store[o.store].data != nullptr;
                stores = stores || there;
                unstaged_ = unstaged_ && there && output_[k].contiguous();
            } else {
                wanted_ = true;
                unstaged_ = false;
            }
        }
        wanted_ = wanted_ || stores;
        // Where nothing is written, a value that lies in memory is taken from there.
        for (int k = 0; k < l.outputs.count; ++k)
            needs_run_ = needs_run_ || stores || l.outputs[k].from < 0;
        if (!needs_run_ && dense) tile_limit_ = 8 * tile_length;
        tally_ = c.memory.array<tally>(folds);
    }

    /// The whole space, and the results of the loop's reductions into the registers of the row.
    void run() {
        if (!wanted_) return;
        const table<output>& outputs = loop_.outputs;
        const int folds = fold_count();
        for (int k = 0; k < folds; ++k) tally_[k].clear();
        const int64 limit = unstaged_ ? std::max<int64>(space_.length, 1) : tile_limit_;
        tile t;
        for (bool more = t.start(space_, limit); more; more = t.next(space_, limit)) {
            evaluate(t);
            for (int k = 0; k < folds; ++k)
                tally_[k].add(*outputs[k].fold, value(k), t.count, t.begin);
        }
        for (int k = 0; k < folds; ++k)
            tally_[k].finish(*outputs[k].fold, context_.row + outputs[k].reg);
    }
    /// One tile: stores are written, the other values can be had from value().
    void evaluate(const tile& t) {
        for (int k = 0; k < loop_.inputs.count; ++k)
            in_[k] = input_[k].stage(space_, t, context_.capacity, context_.memory);
        if (!needs_run_) return;
        for (int k = 0; k < loop_.outputs.count; ++k)
            out_[k] = in_place(k, t) ? output_[k].first(space_, t) : buffer(k);
        loop_.run(in_, out_, context_.row, context_.bound.functors, t.count);
        for (int k = 0; k < loop_.outputs.count; ++k)
            if (writes(k) && out_[k] == buffer_[k]) output_[k].copy(space_, t, buffer_[k], true);
    }
    /// Output k of the last tile.
    const void* value(int k) const { return needs_run_ ? out_[k] : in_[loop_.outputs[k].from]; }
    /// How many of the outputs are reductions; these come first.
    int fold_count() const {
        int n = 0;
        for (const output& o : loop_.outputs) n += o.to == goes_to::fold;
        return n;
    }

private:
    bool writes(int k) const {
        return loop_.outputs[k].to == goes_to::store && output_[k].of->data != nullptr;
    }
    bool in_place(int k, const tile& t) const {
        return writes(k) && output_[k].steady(t) && output_[k].step == output_[k].of->bytes;
    }
    std::byte* buffer(int k) {
        if (buffer_[k] == nullptr)
            buffer_[k] = context_.memory.bytes(context_.capacity * loop_.outputs[k].bytes);
        return buffer_[k];
    }

    context& context_;
    const loop& loop_;
    const loop_space& space_;
    const void** in_;
    void** out_;
    stream *input_, *output_;
    std::byte** buffer_;
    int64 tile_limit_;  // without buffers a tile may be longer
    tally* tally_ = nullptr;
    bool unstaged_ = false, wanted_ = false, needs_run_ = false;
};

}  // namespace sinter::cpu
