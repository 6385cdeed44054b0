// The tape: what assignments to variables recorded, and the walk back over it. Ordinary code; the
// programs of an assignment are tables.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "sinter/autodiff/accumulate.hpp"

namespace sinter::autodiff {

struct recorded;

/// What handles on a variable share: its value, its gradient, and the assignment that made it.
struct variable_state {
    exec::made_array value, gradient;
    exec::made_array home{};  // where an optimiser wants the gradient; it may be anywhere
    int rank = 0;
    bool requires_grad = false;
    bool keeps_gradient = false;  // asked for although it is no leaf
    const accumulator* sums = nullptr;
    sinter::detail::shared<recorded> from{};  // null: a leaf
    std::vector<std::function<exec::made_array(const exec::made_array&)>> hooks{};
};
using state_ptr = sinter::detail::shared<variable_state>;

/// Takes a gradient that arrives at a variable.
using take_gradient = std::function<void(const state_ptr&, exec::made_array)>;

/// One assignment: the operands of its expression, what its forward program kept, and the programs
/// of its gradients.
struct recorded {
    const gradient_table* table = nullptr;
    const accumulator* sums = nullptr;  // of the result's type
    operand_list operands{};
    std::vector<exec::made_array> kept{};
    std::vector<state_ptr> inputs{};  // by slot; null where no gradient is wanted
    std::vector<uint64> versions{};   // of the arrays by slot, then of the kept values
    uint64 number = 0;                // assignments before it have smaller ones
    // Instead of the programs: computes the gradients of the inputs, given the result's.
    std::function<void(const exec::made_array& seed, const take_gradient&)> again{};
    bool released = false;

    recorded() = default;
    recorded(const recorded&) = delete;
    recorded& operator=(const recorded&) = delete;
    // A chain of a hundred thousand assignments is freed one by one, not by recursion.
    ~recorded() { release(); }
    void release() {
        std::vector<sinter::detail::shared<recorded>> chain;
        drop(chain);
        while (!chain.empty()) {
            const sinter::detail::shared<recorded> last = std::move(chain.back());
            chain.pop_back();
            if (last.use_count() == 1) last->drop(chain);
        }
    }

private:
    void drop(std::vector<sinter::detail::shared<recorded>>& chain) {
        released = true;
        again = nullptr;
        kept.clear();
        operands = {};  // holds states too: those in `inputs` outlive it
        for (state_ptr& s : inputs)
            if (s && s.use_count() == 1 && s->from) chain.push_back(std::move(s->from));
        inputs.clear();
    }
};

inline thread_local int gradients_off = 0;
/// True unless a no_grad scope is alive on this thread.
inline bool gradients_wanted() { return gradients_off == 0; }

/// The number of the next assignment.
inline uint64 next_number() {
    static std::atomic<uint64> last{0};
    return ++last;
}

/// The variables among the operands of an expression, by the slots of one of its programs.
class input_finder {
public:
    /// `all`: also variables that want no gradient.
    input_finder(const exec::program_table& t, std::vector<state_ptr>& inputs, bool all = false)
        : t_(t), inputs_(inputs), all_(all) {
        inputs.resize(static_cast<std::size_t>(t.leaves));
    }
    void find(const operand_list& list) {
        int slot = -1;
        list.each_with_notes([&](const operand& o) {
            if (o.what == ir::visit::note) {
                auto state = o.owner->as<variable_state>();
                if (all_ || state->requires_grad)
                    inputs_[static_cast<std::size_t>(slot)] = std::move(state);
                return true;
            }
            const exec::visited& v = t_.visits[at_++];
            slot = v.slot;
            if (v.what == ir::visit::share)
                find(static_cast<const exec::shared_part*>(o.owner->get())->operands);
            return true;
        });
    }

private:
    const exec::program_table& t_;
    std::vector<state_ptr>& inputs_;
    bool all_;
    int at_ = 0;
};

/// True when some variable among the operands wants a gradient.
inline bool wants_gradient(const operand_list& list) {
    return !list.each_with_notes([](const operand& o) {
        if (o.what == ir::visit::share)
            return !wants_gradient(static_cast<const exec::shared_part*>(o.owner->get())->operands);
        return o.what != ir::visit::note ||
               !static_cast<const variable_state*>(o.owner->get())->requires_grad;
    });
}

namespace detail {

[[noreturn, gnu::cold]] inline void refuse_shared() {
    throw error(
        "Gradient: parts given to share() that look alike are different, and the gradient needs "
        "to know them apart: assign one of them to a variable first.");
}

inline bool bind_and_choose(exec::binding& b, const operand_list* const* lists, int count) {
    if (!exec::bind(b, lists, count) || exec::recomputes_much(*b.table, b.value, b.where))
        return false;
    b.choice = exec::choose(*b.table, b.value, b.where, b.room);
    return true;
}

}  // namespace detail

/// Evaluates an expression and records what its gradients need; `all`: also those by variables that
/// want none.
inline sinter::detail::shared<recorded> record(const gradient_table* tables,
                                               int count,
                                               const operand_list& list,
                                               const accumulator& sums,
                                               exec::made_array& result,
                                               bool all = false) {
    const operand_list* const lists[] = {&list};
    for (int i = 0; i < count; ++i) {
        const gradient_table& g = tables[i];
        const exec::program_table& t = g.forward();
        exec::binding b(t);
        if (!detail::bind_and_choose(b, lists, 1)) continue;
        exec::target to[ir::max_roots];
        exec::evaluation(b, lists, 1, to).run();
        auto r = sinter::detail::shared<recorded>::make();
        r->table = &g;
        r->sums = &sums;
        result = {to[0].array, std::move(to[0].fresh)};
        for (int j = 0, next = 1; j < g.kept; ++j) {
            if (j == g.kept_result) {
                r->kept.push_back(result);
            } else {
                r->kept.push_back({to[next].array, std::move(to[next].fresh)});
                ++next;
            }
        }
        input_finder(t, r->inputs, all).find(list);
        for (int s = 0; s < t.leaves; ++s)
            r->versions.push_back(b.leaf_memory[s] ? b.leaf_memory[s]->version() : 0);
        for (const exec::made_array& m : r->kept) r->versions.push_back(m.memory->version());
        r->operands.append(list);
        r->number = next_number();
        return r;
    }
    detail::refuse_shared();
}

namespace detail {

[[noreturn, gnu::cold]] inline void refuse_changed() {
    throw error(
        "backward: an array that this gradient needs was changed in place after the assignment "
        "that used it: change a copy (clone), or call backward first.");
}
inline void check_versions(const recorded& r, const exec::binding& b) {
    const ir::graph_view& g = b.table->graph;
    for (int i = 0; i < g.size; ++i) {
        if (!b.choice.plan->plan.live[i] || g.n[i].k != ir::kind::leaf) continue;
        const auto slot = static_cast<std::size_t>(g.n[i].slot);
        if (slot < r.versions.size() && b.leaf_memory[slot]->version() != r.versions[slot])
            refuse_changed();
    }
}

}  // namespace detail

namespace detail {

/// The gradient of an array of which a node sees windows or slices.
struct seen_gradient {
    exec::made_array all{}, seen{};  // of the array; as the node sees it

    /// Without a value. `empty`: the parts that are seen lie apart; they need no zeros where they
    /// make up the array.
    seen_gradient(const exec::binding& b, short through, device where) {
        const ir::graph_view& g = b.table->graph;
        const ir::node& x = g.n[through];
        const ir::array_ref base =
            x.k == ir::kind::leaf ? b.leaf[x.slot] : ir::base_of(g, through, b.shape, b.value);
        all = empty_like(base, where);
        seen = {ir::seen_through(g, all.array, x.view, b.slice, b.shape), all.memory};
        apart = overlapping_axis(seen.array, 0) < 0;
        if (!apart || bytes_of(seen.array) != bytes_of(all.array))
            runtime::fill_zero(all.array.data, where, bytes_of(all.array));
    }
    /// The gradient of what the node's operand is.
    exec::made_array of_operand(const exec::binding& b, short through) const {
        const ir::node& x = b.table->graph.n[through];
        exec::made_array r = all;
        if (x.k == ir::kind::leaf) return r;
        const ir::array_ref& inside = b.at(x.in[0]);
        if (ir::is_padded(x)) r.array = ir::sliced(r.array, 0xff, b.slice[x.axes]);
        for (int j = 0; j < max_rank; ++j) r.array.extent[j] = inside.extent[j];
        if (!ir::is_padded(x)) ir::make_row_major(r.array);
        return r;
    }
    bool apart = false;
};

}  // namespace detail

/// Which inputs' gradients may be written where they are wanted: none, unless a walk says so.
struct nowhere {
    bool operator()(const variable_state&) const { return false; }
};

/// Runs the gradients of one place: calls take(part, gradient) for each part of one that is wanted.
/// A part that is all of a variable's gradient is written to its home if `at_home(variable)`, one
/// that is seen in windows which lie apart to its places.
/// `between` adds up what arrives at values between two programs.
template <class Take, class AtHome>
void run_segment(exec::binding& b,
                 const operand_list* const* lists,
                 const segment_table& s,
                 const std::vector<state_ptr>& inputs,
                 const accumulator& between,
                 Take&& take,
                 AtHome&& at_home) {
    const auto input_of = [&](const ir::gradient_part& p) {
        return p.slot < 0 ? nullptr : inputs[static_cast<std::size_t>(p.slot)].get();
    };
    exec::target to[ir::max_roots];
    std::unique_ptr<detail::seen_gradient> seen_as[ir::max_roots];
    for (int k = 0; k < s.parts; ++k) {
        const ir::gradient_part& p = s.part[k];
        variable_state* const input = input_of(p);
        const ir::array_ref& root = b.at(b.table->graph.root[k]);
        if (p.slot >= 0 && !input) continue;
        if (p.through >= 0) {
            auto& g = seen_as[k] = std::make_unique<detail::seen_gradient>(b, p.through, b.where);
            if (!g->apart || !exec::detail::same_extents(root, g->seen.array)) continue;
            // What lies in memory as a value of another shape does cannot be written to windows.
            const ir::graph_view& graph = b.table->graph;
            if (ir::written_root(graph, k) != graph.root[k]) {
                runtime::fill_zero(g->all.array.data, b.where, detail::bytes_of(g->all.array));
                continue;
            }
            to[k].write_through = to[k].present = true;
            to[k].array = g->seen.array;
            to[k].memory = &g->seen.memory;
            continue;
        }
        if (!input || !at_home(*input)) continue;
        const exec::made_array& home = input->home;
        bool taken =
            !exec::detail::same_extents(root, home.array) || !(home.memory->where() == b.where);
        for (int j = 0; j < k; ++j) taken = taken || to[j].memory == &input->home.memory;
        if (taken) continue;
        to[k].write_through = to[k].present = true;
        to[k].array = home.array;
        to[k].memory = &input->home.memory;
    }
    exec::evaluation(b, lists, 2, to).run();
    for (int k = 0; k < s.parts; ++k) {
        const ir::gradient_part& p = s.part[k];
        const variable_state* const input = input_of(p);
        if (p.slot >= 0 && !input) continue;
        const accumulator& sums = input ? *input->sums : between;
        if (const auto& g = seen_as[k]) {
            if (!to[k].write_through) {
                exec::made_array part{to[k].array, std::move(to[k].fresh)};
                if (!exec::detail::same_extents(part.array, g->seen.array))
                    part = sums.sum_to(part, g->seen.array);
                sums.add_to_windows(g->seen, part);
            }
            take(p, g->of_operand(b, p.through));
            continue;
        }
        exec::made_array part{to[k].array, std::move(to[k].fresh)};
        if (!part.memory) part.memory = *to[k].memory;
        if (p.slot >= 0 && !exec::detail::same_extents(part.array, b.leaf[p.slot]))
            part = sums.sum_to(part, b.leaf[p.slot]);
        take(p, std::move(part));
    }
}

/// The gradients of recorded assignment `r`, given the derivative by its result: calls
/// take(variable, gradient).
template <class Take, class AtHome = nowhere>
void run_backward(const recorded& r,
                  const exec::made_array& seed,
                  Take&& take,
                  AtHome&& at_home = {}) {
    const gradient_table& g = *r.table;
    exec::made_array arrived[ir::gradient_cuts::most];
    arrived[0] = seed;
    for (int k = 0; k < g.segments; ++k) {
        const segment_table& s = g.segment[k];
        if (s.parts == 0 || !arrived[k].memory) continue;
        operand_list extra;
        for (const exec::made_array& m : r.kept) detail::add_array(extra, m);
        detail::add_array(extra, arrived[k]);
        const operand_list* const lists[] = {&r.operands, &extra};
        exec::binding b(s.backward());
        if (!detail::bind_and_choose(b, lists, 2)) detail::refuse_shared();
        detail::check_versions(r, b);
        const auto pass_on = [&](const ir::gradient_part& p, exec::made_array part) {
            if (p.slot >= 0)
                return take(r.inputs[static_cast<std::size_t>(p.slot)], std::move(part));
            int to = k + 1;
            while (g.segment[to].top != p.cut) ++to;
            arrived[to] = arrived[to].memory ? r.sums->sum_of(arrived[to], part) : std::move(part);
        };
        run_segment(b, lists, s, r.inputs, *r.sums, pass_on, at_home);
    }
}

/// What backward() will run for an expression with these operands, in words. `Explain` writes the
/// plan of a binding.
template <class Explain>
std::string explain_backward(const gradient_table* tables,
                             int count,
                             const operand_list& list,
                             Explain explain) {
    for (int i = 0; i < count; ++i) {
        const gradient_table& g = tables[i];
        const operand_list* const first[] = {&list};
        exec::binding forward(g.forward());
        if (!exec::bind(forward, first, 1) ||
            exec::recomputes_much(*forward.table, forward.value, forward.where))
            continue;
        std::string text;
        for (int k = 0; k < g.segments; ++k) {
            if (g.segment[k].parts == 0) continue;
            operand_list extra;
            const auto add = [&](short node) {
                exec::made_array m{forward.at(node),
                                   runtime::storage::borrow(forward.where, nullptr, 0)};
                m.array.data = nullptr;
                ir::make_row_major(m.array);
                detail::add_array(extra, m);
            };
            for (int j = 0; j < g.kept; ++j) add(g.kept_node[j]);
            add(g.segment[k].top);
            const operand_list* const lists[] = {&list, &extra};
            exec::binding b(g.segment[k].backward());
            if (!detail::bind_and_choose(b, lists, 2)) detail::refuse_shared();
            text += explain(b);
        }
        return text;
    }
    detail::refuse_shared();
}

/// Walks back from `root`, whose derivative is `seed`.
class backward_walk {
public:
    explicit backward_walk(bool retain) : retain_(retain) {}

    void run(const state_ptr& root, exec::made_array seed) {
        give(root, std::move(seed));
        while (!waiting_.empty()) {
            auto at = waiting_.begin();
            const state_ptr s = at->second.state;
            exec::made_array gradient = std::move(at->second.gradient);
            waiting_.erase(at);
            arrive(*s, gradient);
            if (s->from) pass(*s->from, gradient);
        }
    }

private:
    struct entry {
        state_ptr state;
        exec::made_array gradient;
    };
    // The latest assignment first.
    using key = std::pair<uint64, const variable_state*>;

    void give(const state_ptr& s, exec::made_array gradient) {
        entry& e = waiting_[{s->from ? s->from->number : 0, s.get()}];
        if (!e.state) {
            e = {s, std::move(gradient)};
        } else if (e.gradient.memory.use_count() == 1 || is_home(*s, e.gradient)) {
            s->sums->add_to(e.gradient, gradient);
        } else {
            e.gradient = s->sums->sum_of(e.gradient, gradient);
        }
    }
    static bool is_home(const variable_state& s, const exec::made_array& gradient) {
        return s.home.memory && gradient.memory == s.home.memory;
    }
    // Nothing of its gradient may be there yet, and no hook may want to see it.
    bool takes_first(const variable_state& s) const {
        return s.home.memory && !s.gradient.memory && !s.from && s.hooks.empty() &&
               !waiting_.count({0, &s});
    }
    static void arrive(variable_state& s, exec::made_array& gradient) {
        for (const auto& hook : s.hooks) gradient = hook(gradient);
        if (s.from && !s.keeps_gradient) return;
        if (s.gradient.memory) {
            s.sums->add_to(s.gradient, gradient);
        } else if (gradient.memory.use_count() == 1 || is_home(s, gradient)) {
            s.gradient = gradient;
        } else {
            s.gradient = accumulator::copy_of(gradient);
        }
    }
    void pass(recorded& r, const exec::made_array& gradient) {
        if (r.released)
            throw error(
                "backward: an earlier backward() has freed what this gradient needs: call it with "
                "retain_graph, or compute the loss again.");
        if (r.again) {
            r.again(gradient, [&](const state_ptr& to, exec::made_array part) {
                if (to->requires_grad) give(to, std::move(part));
            });
            if (!retain_) r.release();
            return;
        }
        run_backward(
            r,
            gradient,
            [&](const state_ptr& to, exec::made_array part) { give(to, std::move(part)); },
            [&](const variable_state& s) { return takes_first(s); });
        if (!retain_) r.release();
    }

    bool retain_;
    std::map<key, entry, std::greater<>> waiting_;
};

}  // namespace sinter::autodiff
