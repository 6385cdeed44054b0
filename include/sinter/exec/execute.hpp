// Runs a bound program: decides where results go, allocates, launches every stage once.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "sinter/cpu/run.hpp"
#include "sinter/exec/space.hpp"
#include "sinter/runtime/launch.hpp"
#include "sinter/runtime/log.hpp"

namespace sinter::exec {

/// Where one result of a program goes. A target that writes through keeps its array; one that is
/// re-seated takes its own array only when nobody else holds it and it fits.
struct target {
    bool write_through = false;
    bool present = false;  // `array` and `memory` describe an existing array
    ir::array_ref array{};
    runtime::storage_ptr* memory = nullptr;  // the target's handle, which counts as one owner
    // Result:
    ir::array_ref result{};
    runtime::storage_ptr fresh{};  // set when the result is in a new allocation
    bool copy_back = false;        // write-through whose result must still be copied into `array`
};

namespace detail {

struct byte_range {
    std::uintptr_t first = 0, last = 0;  // last is one past the end
};
inline byte_range range_of(const ir::array_ref& a) {
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
inline bool overlap(const ir::array_ref& a, const ir::array_ref& b) {
    const byte_range p = range_of(a), q = range_of(b);
    return p.first < q.last && q.first < p.last;
}

// True when writing result `out` of `root` could change a value that the program still reads: an
// overlapping array is harmless only when the same kernel reads the very same element just before
// it writes it.
inline bool may_clobber(const binding& b, const ir::array_ref& out) {
    const program_table& t = *b.table;
    for (int k = 0; k < t.stages; ++k) {
        const stage_table& s = t.stage[k];
        for (int j = 0; j < s.load_count; ++j) {
            const int n = s.node_of[s.loads[j]];
            if (t.graph.n[n].k != ir::kind::leaf || !overlap(b.at(n), out)) continue;
            const ir::instr& x = s.code[s.loads[j]];
            const bool beside = t.stages == 1 && !x.row_constant && !(x.loops >> ir::side_a & 3) &&
                                !s.code[s.store[0].value].row_constant && same_view(b.at(n), out);
            if (!beside || t.graph.roots > 1) return true;
        }
    }
    return false;
}

inline std::string shape_of(const ir::array_ref& a, int rank) {
    int64 e[max_rank];
    for (int j = 0; j < rank; ++j) e[j] = a.extent[rank - 1 - j];
    return shape_text(e, rank);
}
inline bool same_extents(const ir::array_ref& a, const ir::array_ref& b) {
    for (int j = 0; j < max_rank; ++j)
        if (a.extent[j] != b.extent[j]) return false;
    return true;
}
inline bool contiguous(const ir::array_ref& a) {
    ir::array_ref c = a;
    ir::make_row_major(c);
    for (int j = 0; j < max_rank; ++j)
        if (a.extent[j] != 1 && a.stride[j] != c.stride[j]) return false;
    return true;
}
// How many operands of the expression hold the storage: these are no owners outside it.
inline long held_by_operands(const operand_list* const* lists, int count, const void* memory) {
    long n = 0;
    for (int i = 0; i < count; ++i)
        for (const operand& o : *lists[i]) n += o.held.get() == memory;
    return n;
}

inline std::size_t size(int n) { return static_cast<std::size_t>(n); }

}  // namespace detail

/// What the environment can ask for, set by including <sinter/debug.hpp> in one file of the
/// program: whoever does not debug does not compile it.
struct debug_hooks {
    void (*evaluate_eagerly)(const binding&, const target*) = nullptr;  // SINTER_EAGER=1
    std::string (*plan_text)(const binding&) = nullptr;                 // SINTER_LOG=plan
};
inline debug_hooks the_debug_hooks;

/// Says more of a launch while launches are watched: its label and FLOPs. <sinter/profile.hpp> sets
/// it.
using launch_describer = void (*)(const binding&, const stage_table&, runtime::launch_record&);
inline constinit launch_describer describe_launch = nullptr;

/// True when the environment variable SINTER_EAGER is set to something else than 0.
inline bool eager_wanted() {
    static const bool wanted = [] {
        const char* text = std::getenv("SINTER_EAGER");
        return text && *text && std::string_view(text) != "0";
    }();
    return wanted;
}

/// One evaluation: frames, then memory, then launches; nothing is written before everything else is
/// known to fit.
class evaluation {
public:
    evaluation(binding& b, const operand_list* const* lists, int count, target* targets)
        : b_(b), t_(*b.table), lists_(lists), count_(count), targets_(targets) {}

    /// False when some stage cannot run as one program, because extents that were to be equal
    /// differ.
    bool fits() {
        launches_.assign(detail::size(t_.stages), {});
        for (int k = 0; k < t_.stages; ++k) {
            const stage_table& s = t_.stage[k];
            auto& list = launches_[detail::size(k)];
            list.resize(detail::size(s.stores));
            const int n = ir::frames_of(t_.graph, s, b_.value.data(), list.data());
            if (n < 0) return false;
            list.resize(detail::size(n));
        }
        return true;
    }
    /// Allocates and launches.
    void run() {
        runtime::require_device(b_.where, "evaluate");
        if (eager_wanted()) return run_eagerly();
        if (!b_.where.is_host())
            for (int k = 0; k < t_.stages; ++k)
                if (!t_.stage[k].launch)
                    throw device_error("An expression over arrays on " + b_.where.name() +
                                       " was compiled without kernels: compile this file as CUDA, "
                                       "or move the arrays "
                                       "to device::host().");
        for (int r = 0; r < t_.graph.roots; ++r) place(r);
        for (int i = 0; i < t_.graph.size; ++i) keep(i);
        for (int i = 0; i < t_.graph.size; ++i)
            if (t_.plan.live[i] && t_.graph.n[i].k == ir::kind::index_map) remap(i);
        if (runtime::log_enabled("plan")) log_plan();
        if (b_.where.is_cuda()) note_use();
        for (int k = 0; k < t_.stages; ++k) launch(k);
    }

private:
    void log_plan() const {
        const std::string plan =
            the_debug_hooks.plan_text
                ? the_debug_hooks.plan_text(b_)
                : std::to_string(t_.stages) +
                      " kernel(s); include <sinter/debug.hpp> in one file to see the plan\n";
        std::fprintf(stderr, "sinter: on %s: %s", b_.where.name().c_str(), plan.c_str());
    }
    void run_eagerly() {
        if (!the_debug_hooks.evaluate_eagerly)
            throw error(
                "SINTER_EAGER=1 needs the interpreter: include <sinter/debug.hpp> in one file of "
                "the "
                "program.");
        for (int r = 0; r < t_.graph.roots; ++r) place(r);
        the_debug_hooks.evaluate_eagerly(b_, targets_);
    }
    // Memory that is freed while these kernels are in flight must wait for them, also when a later
    // one of them is refused.
    void note_use() const {
        const stream s = current_stream(b_.where);
        for (const operand* o : b_.leaf_operand)
            if (o) storage_of(*o).note_use(s);
        for (int r = 0; r < t_.graph.roots; ++r) {
            const target& to = targets_[r];
            if (to.fresh)
                to.fresh->note_use(s);
            else if (to.memory && *to.memory)
                (*to.memory)->note_use(s);
        }
    }

    // Where the result of root r goes.
    void place(int r) {
        target& to = targets_[r];
        const int node = t_.graph.root[r];
        ir::array_ref a = b_.at(node);
        ir::make_row_major(a);
        if (to.write_through) {
            if (const device d = (*to.memory)->where(); !(d == b_.where))
                throw device_error("assignment: the result is computed on " + b_.where.name() +
                                   ", the array it is written to is on " + d.name() +
                                   ": move one of them with to(device).");
            if (!detail::same_extents(a, to.array))
                throw shape_error("assignment: a result of shape " +
                                  detail::shape_of(a, t_.graph.n[node].rank) +
                                  " does not fit an array of shape " +
                                  detail::shape_of(to.array, t_.graph.n[node].rank) + ".");
            to.copy_back = detail::may_clobber(b_, to.array) ||
                           (reshaped(node) && !detail::contiguous(to.array));
            if (!to.copy_back) {
                to.result = to.array;
                set_value(node, to.result);
                return;
            }
            runtime::note_temporary();
        } else if (to.present && reusable(to, a)) {
            to.result = to.array;
            set_value(node, to.result);
            return;
        }
        to.fresh = runtime::allocate(b_.where, static_cast<std::size_t>(bytes_of(a)));
        a.data = to.fresh->data();
        to.result = a;
        set_value(node, a);
    }
    // Between launches that write results, one that asks for workspace could still fail: then
    // nothing may have been written in place.
    bool one_launch() const {
        return t_.graph.roots == 1 || (t_.stages == 1 && launches_.front().size() == 1);
    }
    bool reusable(const target& to, const ir::array_ref& a) const {
        const runtime::storage_ptr& m = *to.memory;
        return m && one_launch() && m->owns() && m->where() == b_.where &&
               to.array.type == a.type && detail::same_extents(a, to.array) &&
               detail::contiguous(to.array) &&
               m.use_count() == 1 + detail::held_by_operands(lists_, count_, m.get()) &&
               !detail::may_clobber(b_, to.array);
    }
    bool reshaped(int node) const {
        for (int i = 0; i < t_.graph.size; ++i)
            if (t_.plan.live[i] && t_.graph.n[i].k == ir::kind::index_map &&
                t_.graph.n[i].in[0] == node)
                return true;
        return false;
    }
    void set_value(int node, const ir::array_ref& a) {
        if (t_.graph.n[node].k != ir::kind::leaf) b_.at(node) = a;
    }
    // Memory for an intermediate that a later stage reads.
    void keep(int i) {
        if (!t_.plan.stored[i] || !t_.plan.loaded[i] || b_.at(i).data ||
            t_.graph.n[i].k == ir::kind::leaf)
            return;
        ir::make_row_major(b_.at(i));
        memory_.push_back(
            runtime::allocate(b_.where, static_cast<std::size_t>(bytes_of(b_.at(i)))));
        b_.at(i).data = memory_.back()->data();
        runtime::note_temporary();
    }
    // A stored value seen under another shape or through views.
    void remap(int i) {
        b_.at(i) = ir::index_mapped(t_.graph,
                                    static_cast<short>(i),
                                    b_.at(t_.graph.n[i].in[0]).data,
                                    b_.slice.data(),
                                    b_.shape.data(),
                                    b_.value.data());
    }

    void launch(int k) {
        const stage_table& s = t_.stage[k];
        std::vector<ir::array_ref> out(detail::size(s.stores));
        for (int j = 0; j < s.stores; ++j)
            out[detail::size(j)] =
                s.store[j].root >= 0 ? targets_[s.store[j].root].result : b_.at(s.store[j].node);
        // Results that turned out to walk different spaces take one launch each.
        for (const ir::stage_launch& l : launches_[detail::size(k)]) {
            bound_space space;
            space_builder(b_, s, l).build(out.data(), space);
            for (const int i : space.unread) space.load[detail::size(i)].data = one_element();
            start(s, space);
        }
    }
    // An element of any type that may be read.
    void* one_element() {
        memory_.push_back(runtime::allocate(b_.where, sizeof(double)));
        return memory_.back()->data();
    }
    void start(const stage_table& s, const bound_space& space) {
        runtime::launch_record r;
        r.kernel = kernel::name_of(s.kind);
        r.where = b_.where;
        r.bytes_in = space.bytes_in;
        r.bytes_out = space.bytes_out;
        if (runtime::launches_are_watched() && describe_launch) [[unlikely]]
            describe_launch(b_, s, r);
        if (b_.where.is_host()) {
            const runtime::watched_launch watched(r, nullptr);
            cpu::run(s.loops(), space.stage);
            runtime::note_launch(r);
        } else {
            s.launch(space.stage, r);
        }
    }

    binding& b_;
    const program_table& t_;
    const operand_list* const* lists_;
    int count_;
    target* targets_;
    std::vector<std::vector<ir::stage_launch>> launches_;  // by stage
    std::vector<runtime::storage_ptr> memory_;
};

}  // namespace sinter::exec
