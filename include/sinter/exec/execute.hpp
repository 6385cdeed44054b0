// Runs a bound program: decides where results go, allocates, launches every stage once.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "sinter/cpu/run.hpp"
#include "sinter/exec/copy_array.hpp"
#include "sinter/exec/space.hpp"
#include "sinter/exec/target.hpp"
#include "sinter/runtime/launch.hpp"
#include "sinter/runtime/log.hpp"

namespace sinter::exec {

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

/// One evaluation of a bound program by the plan that was chosen: memory first, then launches;
/// nothing is written before everything else is known to fit.
class evaluation {
public:
    evaluation(binding& b, const operand_list* const* lists, int count, target* targets)
        : b_(b),
          t_(*b.table),
          p_(*b.choice.plan),
          lists_(lists),
          count_(count),
          targets_(targets),
          memory_(b.room, most_arrays(t_, p_)) {}

    /// Allocates and launches.
    void run() {
        runtime::require_device(b_.where, "evaluate");
        if (eager_wanted()) return run_eagerly();
        if (!b_.where.is_host())
            for (int k = 0; k < p_.stages; ++k)
                if (!p_.stage[k].launch) refuse_device();
        for (int r = 0; r < t_.graph.roots; ++r) place(r);
        for (int i = 0; i < t_.graph.size; ++i) keep(i);
        for (int i = 0; i < t_.graph.size; ++i)
            if (p_.plan.live[i] && t_.graph.n[i].k == ir::kind::index_map) remap(i);
        if (b_.where.is_host())
            for (int i = 0; i < t_.graph.size; ++i)
                if (p_.plan.live[i] && t_.graph.n[i].k == ir::kind::leaf) store_zeros(i);
        if (runtime::log_enabled("plan")) log_plan();
        if (b_.where.is_cuda()) note_use();
        const plan_launches& l = b_.choice.launches;
        const ir::stage_launch* next = l.list;
        for (int k = 0; k < p_.stages; next += l.count[k++]) launch(k, next, l.count[k]);
    }

private:
    [[noreturn, gnu::cold]] void refuse_device() const {
        sinter::detail::refuse<device_error>(
            {"An expression over arrays on ",
             b_.where.name(),
             " was compiled without kernels: compile this file as CUDA, or move the arrays to "
             "device::host()."});
    }
    [[gnu::cold]] void log_plan() const {
        const std::string plan =
            the_debug_hooks.plan_text
                ? the_debug_hooks.plan_text(b_)
                : sinter::detail::sentence(
                      {p_.stages,
                       " kernel(s); include <sinter/debug.hpp> in one file to see the plan\n"});
        std::fprintf(stderr, "sinter: on %s: %s", b_.where.name().c_str(), plan.c_str());
    }
    [[gnu::cold]] void run_eagerly() {
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
    [[gnu::cold]] void note_use() const {
        const stream s = current_stream(b_.where);
        for (int i = 0; i < t_.leaves; ++i)
            if (b_.leaf_memory[i]) b_.leaf_memory[i]->note_use(s);
        for (int r = 0; r < t_.graph.roots; ++r) {
            const target& to = targets_[r];
            if (to.fresh)
                to.fresh->note_use(s);
            else if (to.memory && *to.memory)
                (*to.memory)->note_use(s);
        }
    }

    [[noreturn, gnu::cold]] void refuse_target(const target& to,
                                               const ir::array_ref& a,
                                               int node) const {
        if (const device d = (*to.memory)->where(); !(d == b_.where))
            sinter::detail::refuse<device_error>({"assignment: the result is computed on ",
                                                  b_.where.name(),
                                                  ", the array it is written to is on ",
                                                  d.name(),
                                                  ": move one of them with to(device)."});
        const int rank = t_.graph.n[node].rank;
        sinter::detail::refuse<shape_error>({"assignment: a result of shape ",
                                             ir::shape_text(a, rank),
                                             " does not fit an array of shape ",
                                             ir::shape_text(to.array, rank),
                                             "."});
    }
    // Where the result of root r goes.
    void place(int r) {
        target& to = targets_[r];
        const int node = t_.graph.root[r], made = ir::written_root(t_.graph, r);
        ir::array_ref a = b_.at(node);
        ir::make_row_major(a);
        written_[r] = made == node ? &to.array : b_.room.take<ir::array_ref>(1, b_.at(made));
        if (to.write_through) {
            const bool here = (*to.memory)->where() == b_.where;
            if (!here || !detail::same_extents(a, to.array)) refuse_target(to, a, node);
            const bool lies =
                detail::contiguous(to.array) || (!reshaped(made) && (made == node || squeezed(r)));
            to.copy_back = !lies || detail::may_clobber(
                                        b_, seen_by_kernel(r, to.array), **to.memory, runs_once());
            (*to.memory)->note_write();
            if (!to.copy_back) return set_value(r, to.array);
            runtime::note_temporary();
        } else if (reusable(to, r, a)) {
            (*to.memory)->note_write();
            return set_value(r, to.array);
        }
        to.fresh = runtime::allocate(b_.where, static_cast<std::size_t>(bytes_of(a)));
        a.data = to.fresh->data();
        to.array = a;
        set_value(r, a);
    }
    bool squeezed(int r) const { return ir::is_squeeze(t_.graph, t_.graph.root[r]); }
    // Where the kernel that writes root r has its elements, when the result is `a`.
    ir::array_ref seen_by_kernel(int r, const ir::array_ref& a) const {
        const short node = t_.graph.root[r], made = ir::written_root(t_.graph, r);
        if (made == node) return a;
        ir::array_ref m = b_.at(made);
        ir::make_row_major(m);
        m.data = a.data;
        if (squeezed(r)) {
            const ir::axis_map& from = t_.graph.views[t_.graph.n[node].view].map;
            for (int j = 0; j < max_rank; ++j)
                if (from.at[j] >= 0) m.stride[from.at[j]] = a.stride[j];
        }
        return m;
    }
    // Between launches that write results, one that asks for workspace could still fail: then
    // nothing may have been written in place.
    bool one_launch() const { return t_.graph.roots == 1 || runs_once(); }
    bool runs_once() const { return p_.stages == 1 && b_.choice.launches.count[0] == 1; }
    bool reusable(const target& to, int r, const ir::array_ref& a) const {
        return one_launch() && detail::owned_by_target(to, b_.where, lists_, count_) &&
               to.array.type == a.type && detail::same_extents(a, to.array) &&
               detail::contiguous(to.array) &&
               !detail::may_clobber(b_, seen_by_kernel(r, to.array), **to.memory, runs_once());
    }
    bool reshaped(int node) const {
        for (int i = 0; i < t_.graph.size; ++i)
            if (p_.plan.live[i] && t_.graph.n[i].k == ir::kind::index_map &&
                t_.graph.n[i].in[0] == node)
                return true;
        return false;
    }
    void set_value(int r, const ir::array_ref& a) {
        const int made = ir::written_root(t_.graph, r);
        const ir::array_ref m = seen_by_kernel(r, a);
        if (made != t_.graph.root[r]) *written_[r] = m;
        const ir::kind k = t_.graph.n[made].k;
        if (k != ir::kind::leaf && k != ir::kind::coordinate) b_.at(made) = m;
    }
    // Memory for an intermediate that a later stage reads.
    void keep(int i) {
        if (!p_.plan.stored[i] || !p_.plan.loaded[i] || b_.at(i).data ||
            t_.graph.n[i].k == ir::kind::leaf)
            return;
        const ir::node& x = t_.graph.n[i];
        const bool padded = ir::is_padded_copy(x);
        ir::array_ref a = b_.at(i);
        if (padded)
            for (int j = 0; j < max_rank; ++j) a.extent[j] = b_.shape[x.slot].extent[j];
        if (p_.plan.why[i] == ir::reason::recomputed)
            lie_as_loaded(i, a);
        else
            ir::make_row_major(a);
        const auto bytes = static_cast<std::size_t>(bytes_of(a));
        a.data = memory_.add(b_.where, bytes).data();
        if (padded) runtime::fill_zero(a.data, b_.where, bytes);
        b_.at(i) = padded ? ir::sliced(a, 0xff, b_.slice[x.axes]) : a;
        runtime::note_temporary();
    }
    // The operand of a product has its axes in the order of the product's: it is stored in the
    // order of the first array of its extents that it is computed from.
    [[gnu::cold]] void lie_as_loaded(int i, ir::array_ref& a) const {
        const stage_table& s = p_.stage[p_.plan.stage_of[i]];
        const ir::array_ref* like = nullptr;
        for (int j = 0; j < s.load_count && !like; ++j)
            if (const ir::array_ref& x = b_.at(s.node_of[s.loads[j]]); detail::same_extents(x, a))
                like = &x;
        if (!like || reshaped(i)) return ir::make_row_major(a);
        const auto step = [&](int j) {
            return like->stride[j] < 0 ? -like->stride[j] : like->stride[j];
        };
        int order[max_rank];
        for (int j = 0; j < max_rank; ++j) {
            int at = j;
            for (; at > 0 && step(order[at - 1]) > step(j); --at) order[at] = order[at - 1];
            order[at] = j;
        }
        int64 n = 1;
        for (const int j : order) {
            a.stride[j] = a.extent[j] == 1 ? 0 : n;
            n *= a.extent[j];
        }
    }
    // A stored value seen under another shape, among zeros or through views.
    [[gnu::cold]] void remap(int i) {
        const ir::node& x = t_.graph.n[i];
        void* data = b_.at(x.in[0]).data;
        if (ir::is_padded(x) && data) {
            ir::array_ref whole = ir::base_of(t_.graph, static_cast<short>(i), b_.shape, b_.value);
            ir::make_row_major(whole);
            data = static_cast<char*>(data) -
                   ir::elements_before(whole, b_.slice[x.axes]) * size_of(x.type);
        }
        b_.at(i) =
            ir::index_mapped(t_.graph, static_cast<short>(i), data, b_.slice, b_.shape, b_.value);
    }

    // A host packs what lies in a row: it has an array among zeros copied there first, which is no
    // loop of its own that is compiled.
    [[gnu::cold]] void store_zeros(int i) {
        const ir::node& x = t_.graph.n[i];
        const short step = ir::zeros_of(t_.graph, x.view);
        if (step < 0) return;
        const ir::view_step& zeros = t_.graph.views[step];
        const ir::array_ref from =
            ir::seen_through(t_.graph, b_.leaf[x.slot], zeros.parent, b_.slice, b_.shape);
        ir::array_ref whole = from;
        for (int j = 0; j < max_rank; ++j)
            if (zeros.axes >> j & 1) whole.extent[j] = b_.shape[zeros.whole].extent[j];
        ir::make_row_major(whole);
        const auto bytes = static_cast<std::size_t>(bytes_of(whole));
        whole.data = memory_.add(b_.where, bytes).data();
        runtime::fill_zero(whole.data, b_.where, bytes);
        runtime::note_temporary();
        copy_array(from, ir::sliced(whole, zeros.axes, b_.slice[zeros.slot]));
        b_.at(i) = ir::seen_through(t_.graph, whole, x.view, b_.slice, b_.shape, step);
    }

    void launch(int k, const ir::stage_launch* list, int count) {
        const stage_table& s = p_.stage[k];
        const ir::array_ref* out[ir::max_stage_stores];
        for (int j = 0; j < s.stores; ++j)
            out[j] = s.store[j].root >= 0 ? written_[s.store[j].root] : &b_.at(s.store[j].node);
        // Results that turned out to walk different spaces take one launch each.
        for (int i = 0; i < count; ++i) {
            bound_space space;
            space_builder(b_, s, list[i]).build(out, space);
            for (int j = 0; j < space.unread_count; ++j)
                space.load[space.unread[j]].data = one_element();
            start(s, space);
        }
    }
    // An element of any type that may be read.
    void* one_element() {
        if (!element_) element_ = memory_.add(b_.where, sizeof(double)).data();
        return element_;
    }
    // The temporaries, and one element.
    static int most_arrays(const program_table& t, const plan_table& p) {
        int n = 1;
        for (int i = 0; i < t.graph.size; ++i)
            n += p.plan.loaded[i] || ir::zeros_of(t.graph, t.graph.n[i].view) >= 0;
        return n;
    }
    void start(const stage_table& s, const bound_space& space) {
        runtime::launch_record r;
        r.kernel = kernel::name_of(s.kind);
        r.where = b_.where;
        r.bytes_in = space.bytes_in;
        r.bytes_out = space.bytes_out;
        if (runtime::launches_are_watched()) [[unlikely]]
            return start_watched(s, space, r);
        if (b_.where.is_host()) {
            cpu::run(s.loops(), space.stage);
            runtime::note_launch(r);
        } else {
            s.launch(space.stage, r);
        }
    }
    [[gnu::cold]] void start_watched(const stage_table& s,
                                     const bound_space& space,
                                     runtime::launch_record& r) {
        if (describe_launch) describe_launch(b_, s, r);
        if (!b_.where.is_host()) return s.launch(space.stage, r);
        const runtime::watched_launch watched(r, nullptr);
        cpu::run(s.loops(), space.stage);
        runtime::note_launch(r);
    }

    binding& b_;
    const program_table& t_;
    const plan_table& p_;
    const operand_list* const* lists_;
    int count_;
    target* targets_;
    ir::array_ref* written_[ir::max_roots];  // by root: where its kernel writes
    scratch_list<runtime::storage> memory_;
    void* element_ = nullptr;
};

}  // namespace sinter::exec
