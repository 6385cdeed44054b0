// Matches the operands of expressions to the slots of a program, checks what the program assumed
// about them, and finds the extents of every node.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "sinter/core/error.hpp"
#include "sinter/exec/tables.hpp"
#include "sinter/expr/expr.hpp"
#include "sinter/ir/infer.hpp"
#include "sinter/runtime/device.hpp"
#include "sinter/runtime/memory.hpp"

namespace sinter::exec {

/// What `share` made of an expression: its operands, and how to evaluate it on its own.
struct shared_part {
    operand_list operands;
    operand (*evaluate)(const shared_part&);
};

/// A program with its operands.
struct binding {
    const program_table* table = nullptr;
    device where{};
    bool placed = false;              // some operand told the device
    std::vector<ir::array_ref> leaf;  // by slot
    std::vector<const operand*> leaf_operand;
    std::vector<ir::scalar_bits> scalar;  // by slot
    std::vector<char> scalar_set;
    std::vector<const void*> functor;
    std::vector<const operand*> functor_operand;
    std::vector<ir::slice_args> slice;
    std::vector<ir::shape_args> shape;
    std::vector<const shared_part*> share;
    std::vector<operand> made;             // arrays that stand for shared parts
    std::vector<ir::array_ref> value;      // by node: extents of all, data of arrays
    std::shared_ptr<const void> functors;  // as kernels take them

    explicit binding(const program_table& t)
        : table(&t),
          leaf(static_cast<std::size_t>(t.leaves)),
          leaf_operand(static_cast<std::size_t>(t.leaves)),
          scalar(static_cast<std::size_t>(t.scalars)),
          scalar_set(static_cast<std::size_t>(t.scalars)),
          functor(static_cast<std::size_t>(t.functors)),
          functor_operand(static_cast<std::size_t>(t.functors)),
          slice(static_cast<std::size_t>(t.slices)),
          shape(static_cast<std::size_t>(t.shapes)),
          share(static_cast<std::size_t>(t.shares)),
          value(static_cast<std::size_t>(t.graph.size)) {}

    const ir::array_ref& at(int node) const { return value[static_cast<std::size_t>(node)]; }
    ir::array_ref& at(int node) { return value[static_cast<std::size_t>(node)]; }
};

/// The storage behind an array operand.
inline runtime::storage& storage_of(const operand& o) {
    return *static_cast<runtime::storage*>(o.held.get());
}

inline bool same_view(const ir::array_ref& a, const ir::array_ref& b) {
    if (a.data != b.data || a.type != b.type) return false;
    for (int j = 0; j < max_rank; ++j)
        if (a.extent[j] != b.extent[j] || a.stride[j] != b.stride[j]) return false;
    return true;
}

namespace detail {

inline void take_device(binding& b, const operand& o) {
    const device d = storage_of(o).where();
    if (!b.placed) {
        b.where = d;
        b.placed = true;
    } else if (!(b.where == d)) {
        throw device_error("An expression mixes arrays on " + b.where.name() + " and " + d.name() +
                           ": move them to one device with to(device).");
    }
}

// One operand into the slot that the program gave it; false when the slot holds something else
// already.
inline bool take(binding& b, const operand& o, const visited& v) {
    const auto slot = static_cast<std::size_t>(v.slot);
    switch (v.what) {
        case ir::visit::leaf:
            take_device(b, o);
            if (b.leaf_operand[slot]) return same_view(b.leaf[slot], o.array);
            b.leaf[slot] = o.array;
            b.leaf_operand[slot] = &o;
            return true;
        case ir::visit::scalar:
            if (b.scalar_set[slot]) return b.scalar[slot].bits == o.number.bits;
            b.scalar[slot] = o.number;
            b.scalar_set[slot] = 1;
            return true;
        case ir::visit::functor:
            if (b.functor_operand[slot])
                return b.functor_operand[slot]->number.bits == o.number.bits &&
                       std::memcmp(b.functor[slot], o.held.get(), o.number.bits) == 0;
            b.functor[slot] = o.held.get();
            b.functor_operand[slot] = &o;
            return true;
        case ir::visit::slice:
            b.slice[slot] = *static_cast<const ir::slice_args*>(o.held.get());
            return true;
        case ir::visit::shape:
            for (int j = 0; j < max_rank; ++j) b.shape[slot].extent[j] = o.array.extent[j];
            return true;
        default: return false;
    }
}

// The operands of one expression or shared part, from visit `at` on.
inline bool take_all(binding& b, const operand_list& list, int& at, std::vector<operand>& made) {
    for (const operand& o : list) {
        const visited& v = b.table->visits[at++];
        if (o.what != ir::visit::share) {
            if (!take(b, o, v)) return false;
            continue;
        }
        const auto& part = *static_cast<const shared_part*>(o.held.get());
        if (v.what == ir::visit::leaf) {  // evaluated before: one more array
            made.push_back(part.evaluate(part));
            if (!take(b, made.back(), v)) return false;
            continue;
        }
        auto& seen = b.share[static_cast<std::size_t>(v.slot)];
        if (v.what == ir::visit::share_again) {
            if (seen != &part) return false;
        } else {
            seen = &part;
            if (!take_all(b, part.operands, at, made)) return false;
        }
    }
    return true;
}

}  // namespace detail

/// Binds the operands of a program's expressions, in order. False when they do not fulfil what the
/// program assumed; another variant then takes them. Throws device_error for operands on different
/// devices and shape_error for extents that do not fit.
inline bool bind(binding& b, const operand_list* const* lists, int count) {
    int at = 0, arrays = 0;
    for (int i = 0; i < b.table->visit_count; ++i)
        arrays += b.table->visits[i].what == ir::visit::leaf;
    b.made.reserve(static_cast<std::size_t>(arrays));  // addresses of its elements are kept
    for (int i = 0; i < count; ++i)
        if (!detail::take_all(b, *lists[i], at, b.made)) return false;
    if (b.table->pack_functors) b.functors = b.table->pack_functors(b.functor.data());
    ir::infer(b.table->graph, b.leaf.data(), b.slice.data(), b.shape.data(), b.value.data());
    return true;
}

}  // namespace sinter::exec
