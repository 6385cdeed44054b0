// Runs and explains named programs on the host.
#pragma once

#include <vector>

#include "ir/programs.hpp"
#include "sinter/ir/explain.hpp"
#include "sinter/ir/lower.hpp"
#include "sinter/ir/schedule.hpp"
#include "sinter/ir/stage_interpreter.hpp"

namespace sinter::test {

using extents = std::vector<std::vector<int64>>;  // by leaf, by axis from the right

/// A program bound to float arrays that hold 1: scheduled, lowered, its shapes inferred.
template <int Cap>
struct bound_graph {
    const graph<Cap>& g;
    plan<Cap> p;
    std::vector<std::vector<float>> memory;
    std::vector<array_ref> leaf, value, out;
    std::vector<typename lowering<Cap>::result> lowered;
    std::vector<stage_view> views;
    bound_program b{};

    bound_graph(const graph<Cap>& of, policy rules, const extents& of_leaves)
        : g(of), p(schedule(of, rules)), value(static_cast<std::size_t>(g.size)) {
        for (const auto& e : of_leaves) {
            array_ref a;
            for (std::size_t j = 0; j < e.size(); ++j) a.extent[j] = e[j];
            leaf.push_back(fresh(a));
        }
        b.g = view_of_graph(g);
        infer(b.g, leaf.data(), nullptr, nullptr, value.data());
        for (int k = 0; k < g.roots; ++k)
            out.push_back(fresh(value[static_cast<std::size_t>(g.root[k])]));
        b.value = value.data();
        b.out = out.data();
        for (int s = 0; s < p.stages; ++s) lowered.push_back(lower(g, p, s));
        for (const auto& l : lowered) views.push_back(view_of_stage(l));
    }
    explanation explained() const {
        explanation e;
        e.g = b.g;
        e.p = view_of_plan(p);
        e.stage = views.data();
        e.value = value.data();
        return e;
    }

private:
    array_ref fresh(array_ref a) {
        make_row_major(a);
        memory.emplace_back(static_cast<std::size_t>(elements_of(a) + 1), 1.0F);
        a.data = memory.back().data();
        return a;
    }
};

/// What running a program by its stages did.
struct run_of {
    bool fits = false;
    int stages = 0;
    run_counts counts{};

    template <int Cap>
    run_of(const graph<Cap>& g, policy rules, const extents& of_leaves) {
        const bound_graph<Cap> x(g, rules, of_leaves);
        stages = x.p.stages;
        fits = run_stages(x.b, x.views.data(), stages, &counts);
    }
};

}  // namespace sinter::test
