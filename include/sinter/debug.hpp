/// What the environment can ask a program for. Include it in one file of the program; then
///
/// - SINTER_LOG=plan prints the plan of every expression that is evaluated to standard error: its
/// kernels, what each
///   fuses, the bytes and FLOPs, and why a value is stored;
/// - SINTER_EAGER=1 evaluates every expression node by node on the host instead of by fused
/// kernels: slow, and the
///   judge of what kernels do.
#pragma once

#include <map>
#include <vector>

#include "sinter/exec/execute.hpp"
#include "sinter/exec/explain.hpp"
#include "sinter/ir/interpret.hpp"

namespace sinter::exec {

namespace detail {

/// Device memory copied to the host for the interpreter, and back.
class host_mirror {
public:
    /// The host's view of an array in `memory`.
    ir::array_ref see(const ir::array_ref& a, runtime::storage& memory) {
        if (memory.where().has_host_memory()) return a;
        std::vector<char>& copy = copies_[&memory];
        if (copy.empty() && memory.bytes() > 0) {
            copy.resize(memory.bytes());
            runtime::copy(
                copy.data(), device::host(), memory.data(), memory.where(), memory.bytes());
        }
        ir::array_ref r = a;
        r.data = copy.data() + (static_cast<char*>(a.data) - static_cast<char*>(memory.data()));
        return r;
    }
    void write_back(runtime::storage& memory) {
        if (const auto at = copies_.find(&memory); at != copies_.end())
            runtime::copy(
                memory.data(), memory.where(), at->second.data(), device::host(), memory.bytes());
    }

private:
    std::map<runtime::storage*, std::vector<char>> copies_;
};

inline void call_functor(const void* context, int slot, const ir::cell* in, ir::cell* out) {
    const auto& b = *static_cast<const binding*>(context);
    const bound_functor& f = b.functor[slot];
    f.apply(f.bytes, in, out);
}

inline void evaluate_eagerly(const binding& b, const target* targets) {
    const program_table& t = *b.table;
    host_mirror mirror;
    std::vector<ir::array_ref> leaf(b.leaf, b.leaf + t.leaves);
    for (std::size_t i = 0; i < leaf.size(); ++i)
        if (b.leaf_memory[i]) leaf[i] = mirror.see(leaf[i], *b.leaf_memory[i]);
    std::vector<ir::array_ref> value(static_cast<std::size_t>(t.graph.size)), out;
    ir::infer(t.graph, leaf.data(), b.slice, b.shape, value.data());
    const auto memory_of = [&](const target& to) -> runtime::storage& {
        return to.fresh ? *to.fresh : **to.memory;
    };
    for (int r = 0; r < t.graph.roots; ++r)
        out.push_back(mirror.see(targets[r].array, memory_of(targets[r])));
    ir::evaluate_graph({.g = t.graph,
                        .value = value.data(),
                        .slices = b.slice,
                        .shapes = b.shape,
                        .scalars = b.scalar,
                        .functors = {&call_functor, &b},
                        .out = out.data()});
    for (int r = 0; r < t.graph.roots; ++r) mirror.write_back(memory_of(targets[r]));
}

inline const bool debug_installed =
    (the_debug_hooks = {&evaluate_eagerly, &explain_text<binding>}, true);

}  // namespace detail
}  // namespace sinter::exec
