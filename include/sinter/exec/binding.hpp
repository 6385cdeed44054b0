// Matches the operands of expressions to the slots of a program, checks what the program assumed
// about them, and finds the extents of every node.
#pragma once

#include <cstring>
#include <string>

#include "sinter/core/error.hpp"
#include "sinter/exec/scratch.hpp"
#include "sinter/exec/tables.hpp"
#include "sinter/expr/expr.hpp"
#include "sinter/ir/frames.hpp"
#include "sinter/ir/infer.hpp"
#include "sinter/runtime/device.hpp"
#include "sinter/runtime/memory.hpp"

namespace sinter::exec {

struct shared_part;
/// An array that was evaluated for an expression, because it stands for a shared part.
struct made_array {
    ir::array_ref array;
    runtime::storage_ptr memory;
    const shared_part* part = nullptr;
};
/// What `share` made of an expression: its operands, and how to evaluate it on its own.
struct shared_part {
    operand_list operands;
    made_array (*evaluate)(const shared_part&);
};

/// Applies a functor, given by its bytes, to values at run time: for the interpreter.
using apply_functor = void (*)(const void* functor,
                               const ir::scalar_bits* in,
                               ir::scalar_bits* out);

/// The bytes of a functor in an operand_list.
struct bound_functor {
    const void* bytes = nullptr;
    int64 size = 0;
    apply_functor apply = nullptr;
};

/// The launches of every stage of a plan, one stage after the other, and how many each has.
struct plan_launches {
    ir::stage_launch* list = nullptr;
    int* count = nullptr;
};
/// Why a plan runs: it is the fused one; rows are unequal; a costly value is read often; it is the
/// fused one although a costly value is read often, because storing costs more.
enum class reason_for_plan : unsigned char { fused, rows, dear, work };
/// The plan that runs, why, and its launches. `dear` is the costly value that decided, of those
/// that the fused plan names; -1: none.
struct plan_choice {
    const plan_table* plan = nullptr;
    reason_for_plan why = reason_for_plan::fused;
    int dear = -1;
    plan_launches launches;
};

/// A program with its operands. Arrays by slot or node; their memory is `room`.
struct binding {
    scratch room;
    const program_table* table;
    device where{};
    bool placed = false;  // some operand told the device
    ir::array_ref* leaf;
    runtime::storage** leaf_memory;  // null: the slot has no array yet
    ir::scalar_bits* scalar;
    bool* scalar_set;
    bound_functor* functor;
    ir::slice_args* slice;
    ir::shape_args* shape;
    bool* shape_set;
    const shared_part** share;
    ir::array_ref* value;                   // by node: extents of all, data of arrays
    scratch_list<made_array> made;          // arrays that stand for shared parts
    const void* packed_functors = nullptr;  // as kernels take them
    plan_choice choice;
    bool guessed = false, refused = false;  // the program assumes equal operands; another one did
    bool stores_operands = false;           // another one would compute them again

    explicit binding(const program_table& t)
        : table(&t),
          leaf(room.take<ir::array_ref>(t.leaves)),
          leaf_memory(room.take<runtime::storage*>(t.leaves, nullptr)),
          scalar(room.take<ir::scalar_bits>(t.scalars)),
          scalar_set(room.take<bool>(t.scalars, false)),
          functor(room.take<bound_functor>(t.functors, {})),
          slice(room.take<ir::slice_args>(t.slices)),
          shape(room.take<ir::shape_args>(t.shapes)),
          shape_set(room.take<bool>(t.shapes, false)),
          share(room.take<const shared_part*>(t.shares, nullptr)),
          value(room.take<ir::array_ref>(t.graph.size)) {}

    const ir::array_ref& at(int node) const { return value[node]; }
    ir::array_ref& at(int node) { return value[node]; }
};

/// The storage behind an array operand.
inline runtime::storage& storage_of(const operand& o) {
    return *static_cast<runtime::storage*>(o.owner->get());
}
/// The address of a leaf's first element.
inline void* data_of(const operand& o) {
    return static_cast<char*>(storage_of(o).data()) + o.word[0];
}
/// Makes the new array `a` that of a leaf.
[[gnu::noinline]] inline void set_array(ir::array_ref& a, const operand& o) {
    a.data = data_of(o);
    a.type = o.type;
    for (int j = 0; j < o.rank; ++j) {
        a.extent[j] = o.word[o.rank - j];
        if (a.extent[j] != 1) a.stride[j] = o.word[2 * o.rank - j];
    }
}

[[gnu::noinline]] inline bool same_view(const ir::array_ref& a, const ir::array_ref& b) {
    if (a.data != b.data || a.type != b.type) return false;
    for (int j = 0; j < max_rank; ++j)
        if (a.extent[j] != b.extent[j] || a.stride[j] != b.stride[j]) return false;
    return true;
}

namespace detail {

[[noreturn, gnu::cold]] inline void refuse_mixture(device a, device b) {
    sinter::detail::refuse<device_error>({"An expression mixes arrays on ",
                                          a.name(),
                                          " and ",
                                          b.name(),
                                          ": move them to one device with to(device)."});
}
inline void take_device(binding& b, device d) {
    if (!b.placed) {
        b.where = d;
        b.placed = true;
    } else if (!(b.where == d)) {
        refuse_mixture(b.where, d);
    }
}

// `see` gives the array: into its slot, or to compare it with what the slot holds.
template <class See>
bool take_array(binding& b, int slot, runtime::storage& memory, See see) {
    take_device(b, memory.where());
    if (b.leaf_memory[slot]) {
        ir::array_ref again;
        see(again);
        return same_view(b.leaf[slot], again);
    }
    see(*new (b.leaf + slot) ir::array_ref);
    b.leaf_memory[slot] = &memory;
    return true;
}

[[gnu::cold]] inline bool take_origin(binding& b, const operand& o, int slot) {
    if (const int64 where = o.word[o.rank]; where >= 0)
        take_device(b, runtime::device_of_word(where));
    ir::shape_args s;
    for (int j = 0; j < o.rank; ++j) s.extent[j] = o.word[o.rank - 1 - j];
    for (int j = 0; b.shape_set[slot] && j < max_rank; ++j)
        if (b.shape[slot].extent[j] != s.extent[j]) return false;
    b.shape[slot] = s;
    b.shape_set[slot] = true;
    return true;
}

// One operand into the slot that the program gave it; false when the slot holds something else
// already.
inline bool take(binding& b, const operand& o, int slot) {
    switch (o.what) {
        case ir::visit::leaf:
            return take_array(b, slot, storage_of(o), [&](ir::array_ref& a) { set_array(a, o); });
        case ir::visit::scalar: {
            const ir::scalar_bits number{bits_as<uint64>(o.word[0])};
            if (b.scalar_set[slot]) return b.scalar[slot].bits == number.bits;
            b.scalar[slot] = number;
            b.scalar_set[slot] = true;
            return true;
        }
        case ir::visit::functor: {
            bound_functor& f = b.functor[slot];
            const void* const bytes = o.word + 2;
            if (f.bytes)
                return f.size == o.word[0] &&
                       std::memcmp(f.bytes, bytes, static_cast<std::size_t>(f.size)) == 0;
            f = {bytes, o.word[0], reinterpret_cast<apply_functor>(o.word[1])};
            return true;
        }
        case ir::visit::slice:
            for (int j = 0; j < o.rank; ++j) {
                const int64* const w = o.word + 3 * (o.rank - 1 - j);
                b.slice[slot].axis[j] = {w[0], w[1], w[2]};
            }
            for (int j = o.rank; j < max_rank; ++j) b.slice[slot].axis[j] = {};
            return true;
        case ir::visit::shape:
            b.shape[slot] = {};
            for (int j = 0; j < o.rank; ++j) b.shape[slot].extent[j] = o.word[o.rank - 1 - j];
            return true;
        case ir::visit::origin: return take_origin(b, o, slot);
        default: return false;
    }
}

// The array of a shared part, which is evaluated once however often it is mentioned.
inline const made_array& made_of(binding& b, const shared_part& part) {
    for (const made_array& m : b.made)
        if (m.part == &part) return m;
    if (b.made.size() == 0) b.made.reserve(b.room, b.table->leaves);
    return b.made.add(part.evaluate(part));
}

// The operands of one expression or shared part, from visit `at` on.
inline bool take_all(binding& b, const operand_list& list, int& at) {
    return list.each([&](const operand& o) {
        const visited& v = b.table->visits[at++];
        if (o.what != ir::visit::share) return take(b, o, v.slot);
        const auto& part = *static_cast<const shared_part*>(o.owner->get());
        if (v.what == ir::visit::leaf) {  // evaluated before: one more array
            const made_array& m = made_of(b, part);
            return take_array(b, v.slot, *m.memory, [&](ir::array_ref& a) { a = m.array; });
        }
        const shared_part*& seen = b.share[v.slot];
        if (v.what == ir::visit::share_known) return true;
        if (v.what == ir::visit::share_again) return seen == &part;
        seen = &part;
        return take_all(b, part.operands, at);
    });
}

}  // namespace detail

/// Binds the operands of a program's expressions, in order. False when they do not fulfil what the
/// program assumed; the plain program then takes them. Throws device_error for operands on
/// different devices and shape_error for extents that do not fit.
inline bool bind(binding& b, const operand_list* const* lists, int count) {
    int at = 0;
    for (int i = 0; i < count; ++i)
        if (!detail::take_all(b, *lists[i], at)) return false;
    const program_table& t = *b.table;
    if (t.pack_functors) {
        const void** const bytes = b.room.take<const void*>(t.functors);
        for (int i = 0; i < t.functors; ++i) bytes[i] = b.functor[i].bytes;
        b.packed_functors = t.pack_functors(bytes, b.room);
    }
    if (!b.placed) b.where = default_device();
    ir::infer(t.graph, b.leaf, b.slice, b.shape, b.value);
    return true;
}

}  // namespace sinter::exec
