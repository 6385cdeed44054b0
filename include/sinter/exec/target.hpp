// Where results go, and when writing one there would change what is still read.
#pragma once

#include <cstdint>

#include "sinter/exec/binding.hpp"

namespace sinter::exec {

/// Where one result of a program goes. A target that writes through keeps its array; one that is
/// re-seated takes its own array only when nobody else holds it and it fits.
struct target {
    bool write_through = false;
    bool present = false;  // before: `array` and `memory` describe an existing array
    bool copy_back =
        false;              // after: write-through whose result must still be copied into its array
    ir::array_ref array{};  // before: the existing array; after: the result
    runtime::storage_ptr* memory = nullptr;  // the target's handle, which counts as one owner
    runtime::storage_ptr fresh{};            // after: set when the result is in a new allocation
};

namespace detail {

struct byte_range {
    std::uintptr_t first = 0, last = 0;  // last is one past the end
};
[[gnu::noinline]] inline byte_range range_of(const ir::array_ref& a) {
    std::int64_t low = 0, high = 0;
    for (int j = 0; j < max_rank; ++j) {
        if (a.extent[j] == 0) return {};
        (a.stride[j] < 0 ? low : high) += a.stride[j] * (a.extent[j] - 1);
    }
    const auto base = reinterpret_cast<std::uintptr_t>(a.data);
    const auto size = static_cast<std::int64_t>(size_of(a.type));
    return {base + static_cast<std::uintptr_t>(low * size),
            base + static_cast<std::uintptr_t>((high + 1) * size)};
}
inline bool overlap(const byte_range& p, const byte_range& q) {
    return p.first < q.last && q.first < p.last;
}

// True when two allocations cannot have a byte in common: memory that is borrowed can lie anywhere.
inline bool apart(const runtime::storage& a, const runtime::storage& b) {
    return &a != &b && a.owns() && b.owns();
}

// True when writing result `out`, in `memory`, of the program's root could change a value that the
// program still reads: an overlapping array is harmless only when the only launch reads the very
// same element just before it writes it. This is asked for each result, so that several may be
// written in place by one launch.
inline bool may_clobber(const binding& b,
                        const ir::array_ref& out,
                        const runtime::storage& memory,
                        bool one_launch) {
    const program_table& t = *b.table;
    const plan_table& p = *b.choice.plan;
    bool moves = one_launch;
    for (int j = 0; one_launch && j < p.stage[0].stores; ++j)
        moves = moves && !p.stage[0].code[p.stage[0].store[j].value].row_constant;
    for (int k = 0; k < p.stages; ++k) {
        const stage_table& s = p.stage[k];
        for (int j = 0; j < s.scalar_count; ++j) {  // read at any place
            const ir::node& x = t.graph.n[s.node_of[s.scalars[j]]];
            if (x.k == ir::kind::address &&
                !apart(*b.leaf_memory[t.graph.n[x.in[0]].slot], memory) &&
                overlap(range_of(b.at(x.in[0])), range_of(out)))
                return true;
        }
        for (int j = 0; j < s.load_count; ++j) {
            const int n = s.node_of[s.loads[j]];
            const ir::node& x = t.graph.n[n];
            if (x.k != ir::kind::leaf || apart(*b.leaf_memory[x.slot], memory) ||
                !overlap(range_of(b.at(n)), range_of(out)))
                continue;
            const ir::instr& i = s.code[s.loads[j]];
            const bool beside =
                moves && !i.row_constant && !(i.loops >> ir::side_a & 3) && same_view(b.at(n), out);
            if (!beside) return true;
        }
    }
    return false;
}

[[gnu::noinline]] inline bool same_extents(const ir::array_ref& a, const ir::array_ref& b) {
    for (int j = 0; j < max_rank; ++j)
        if (a.extent[j] != b.extent[j]) return false;
    return true;
}
[[gnu::noinline]] inline bool contiguous(const ir::array_ref& a) {
    int64 n = 1;
    for (int j = 0; j < max_rank; ++j) {
        if (a.extent[j] != 1 && a.stride[j] != n) return false;
        n *= a.extent[j];
    }
    return true;
}
// How many operands of the expressions hold the storage: these are no owners outside them.
inline long held_by_operands(const operand_list* const* lists, int count, const void* memory) {
    long n = 0;
    for (int i = 0; i < count; ++i) n += lists[i]->held(memory);
    return n;
}
/// True when `to` may be written in place by whoever evaluates `lists`, if its shape fits.
inline bool owned_by_target(const target& to,
                            device where,
                            const operand_list* const* lists,
                            int count) {
    if (!to.present) return false;
    const runtime::storage_ptr& m = *to.memory;
    return m->is_managed() && m->where() == where &&
           m.use_count() == 1 + held_by_operands(lists, count, m.get()) &&
           (!where.is_cuda() || m->used_only_on(current_stream(where)));
}

}  // namespace detail
}  // namespace sinter::exec
