// Random programs: lowered stages run by the stage interpreter equal node-by-node evaluation, and
// both equal plain loops.
#include "ir/random_graph.hpp"

#include <doctest/doctest.h>
#include <algorithm>
#include <cstring>
#include <string>

#include "sinter/ir/lower.hpp"
#include "sinter/ir/stage_interpreter.hpp"

namespace sinter::test {
namespace {

using results = std::vector<std::vector<cell>>;

bool same_cell(cell a, cell b, dtype t) {
    if (a.bits == b.bits) return true;
    if (!is_floating(t)) return false;
    const double x = a.as<dtype::f64>(), y = b.as<dtype::f64>();
    return x == y || (x != x && y != y);
}
bool same(const results& a, const results& b, const random_program& p) {
    if (a.size() != b.size()) return false;
    for (std::size_t k = 0; k < a.size(); ++k) {
        if (a[k].size() != b[k].size()) return false;
        for (std::size_t i = 0; i < a[k].size(); ++i)
            if (!same_cell(a[k][i], b[k][i], p.out[k].type)) return false;
    }
    return true;
}

struct outcome {
    bool right = true, needed_split = false, could_need_split = false, several_launches = false;
    bool many_instructions = false;
    run_counts counts{};
    int64 stored = 0;  // elements of the values that stages store
    int stages = 0;
    std::string why;
};

/// Runs the program by plan and compares with node-by-node evaluation.
template <int Cap>
bool run_plan(random_program& p, const bound_program& b, const plan<Cap>& q, outcome& o) {
    using stage = typename lowering<Cap>::result;
    std::vector<stage> lowered;
    for (int s = 0; s < q.stages; ++s) lowered.push_back(lower(p.g, q, s));
    std::vector<stage_view> stages;
    for (const auto& s : lowered) stages.push_back(view_of_stage(s));
    o.counts = {};
    o.stored = 0;
    o.stages = q.stages;
    for (const auto& s : stages) {
        for (int k = 0; k < s.stores; ++k) o.stored += elements_of(b.value[s.store[k].node]);
        o.many_instructions |= s.size > 100;
    }
    if (!run_stages(b, stages.data(), q.stages, &o.counts)) return false;
    const results fused = p.take_results();
    evaluate_graph(b, q.stored);
    const results judged = p.take_results();
    if (!same(fused, judged, p)) {
        o.right = false;
        o.why = "the stages give another value than the nodes";
    }
    o.several_launches |= o.counts.launches > q.stages;
    return true;
}

outcome judge(random_program& p, policy rules) {
    outcome o;
    try {
        const bound_program b = p.bind();
        const auto q = schedule(p.g, rules);
        o.could_need_split = may_need_split(p.g, q) || pools(q);
        if (!run_plan(p, b, q, o)) {
            o.needed_split = true;
            rules.split = true;
            if (!run_plan(p, b, schedule(p.g, rules), o)) {
                o.right = false;
                o.why = "the split plan does not fit either";
            }
        }
    } catch (const char* what) {
        o.right = false;
        o.why = what;
    } catch (const std::exception& e) {
        o.right = false;
        o.why = e.what();
    }
    return o;
}

random_options options_of(unsigned seed) {
    random_options o;
    o.exact = seed % 2 == 0;
    o.operations = seed % 50 == 7 ? 260 : 3 + static_cast<int>(seed * 7 % 17);
    o.leaves = seed % 50 == 7 ? 45 : 1 + static_cast<int>(seed * 5 % 6);
    o.gather = seed % 100 == 7;
    return o;
}

/// True when an extent is 1 that could have been another: it may be broadcast by a reader that was
/// to have the same extents.
bool has_unit_extent(const random_program& p) {
    const auto live = live_nodes(view_of_graph(p.g));
    for (std::size_t i = 0; i < static_cast<std::size_t>(p.g.size); ++i)
        for (int j = 0; j < max_rank; ++j)
            if (live[i] && p.value[i].extent[j] == 1 && !(p.g.n[i].ones >> j & 1)) return true;
    return false;
}
/// Elements that the reductions and contractions of a program fold when each is computed once.
void work_of(const random_program& p, int64& folds, int64& products) {
    const auto live = live_nodes(view_of_graph(p.g));
    for (int i = 0; i < p.g.size; ++i) {
        const node& x = p.g.n[i];
        if (!live[static_cast<std::size_t>(i)]) continue;
        const auto extent = [&](int c, int j) {
            return p.value[static_cast<std::size_t>(c)].extent[j];
        };
        int64 n = 1;
        if (x.k == kind::reduction) {
            for (int j = 0; j < max_rank; ++j) n *= extent(x.in[0], j);
            folds += n;
        } else if (x.k == kind::contraction) {
            for (int j = 0; j < max_rank; ++j)
                n *= x.axes >> j & 1
                         ? (extent(x.in[0], j) == 1 ? extent(x.in[1], j) : extent(x.in[0], j))
                         : extent(i, j);
            products += n;
        }
    }
}

/// True when something about the plan of this program is wrong: a stage that cannot be, another
/// value, or more work than computing every node once.
bool goes_wrong(random_program& p, policy rules) {
    const outcome o = judge(p, rules);
    if (!o.right || (o.needed_split && !o.could_need_split)) return true;
    if (o.needed_split || o.several_launches) return false;
    if (o.counts.stores != o.stored) return true;
    if (has_unit_extent(p)) return false;
    int64 folds = 0, products = 0;
    work_of(p, folds, products);
    return o.counts.folds > folds || o.counts.products > products;
}

}  // namespace

TEST_CASE("random graphs: fused, split and node by node agree") {
    constexpr unsigned count = 20000;
    int reductions = 0, contractions = 0, aliases = 0, splits = 0, several = 0, fused = 0,
        ended = 0, large = 0, counted = 0, more_stages = 0;
    for (unsigned seed = 0; seed < count; ++seed) {
        CAPTURE(seed);
        const random_options options = options_of(seed);
        random_program p(seed, options);
        reductions += p.has_reduction;
        contractions += p.has_contraction;
        aliases += p.has_alias;

        const outcome o = judge(p, {});
        REQUIRE_MESSAGE(o.right, o.why);
        REQUIRE(p.wrong_shape() == -1);
        if (o.needed_split) REQUIRE(o.could_need_split);
        splits += o.needed_split;
        several += o.several_launches;
        large += o.many_instructions;
        if (!o.several_launches) REQUIRE(o.counts.stores == o.stored);
        if (!o.several_launches && !has_unit_extent(p)) {
            ++counted;
            int64 folds = 0, products = 0;
            work_of(p, folds, products);
            REQUIRE(o.counts.folds <= folds);
            REQUIRE(o.counts.products <= products);
        }
        fused += o.stages == 1;
        if (seed % 4 == 3) {
            policy apart;
            apart.totals = false;
            const outcome s = judge(p, apart);
            REQUIRE_MESSAGE(s.right, s.why);
            ended += s.stages > o.stages;
        }

        const bound_program b = p.bind();
        if (options.exact) {
            evaluate_graph(b);
            const results judged = p.take_results();
            results plain_values;
            for (const plain& x : p.expected) plain_values.push_back(x.v);
            REQUIRE(same(judged, plain_values, p));
        }
        if (seed % 4 == 1) {
            policy thrifty;
            thrifty.store_dear = true;
            const outcome s = judge(p, thrifty);
            REQUIRE_MESSAGE(s.right, s.why);
            more_stages += s.stages > o.stages;
        }
        if (seed % 4 == 0) {
            policy split;
            split.split = true;
            split.store_dear = seed % 8 == 0;
            const outcome s = judge(p, split);
            REQUIRE_MESSAGE(s.right, s.why);
            REQUIRE_FALSE(s.needed_split);
        }
    }
    MESSAGE(count << " graphs: " << reductions << " with reductions, " << contractions
                  << " with contractions, " << aliases << " with aliased leaves, " << splits
                  << " needed the split plan, " << several << " several launches of a stage, "
                  << fused << " one kernel, " << large << " large stages, " << counted
                  << " with their work counted, " << ended << " with totals in one kernel");
    CHECK(reductions * 10 >= static_cast<int>(count) * 3);
    CHECK(contractions * 5 >= static_cast<int>(count));
    CHECK(aliases * 5 >= static_cast<int>(count));
    CHECK(splits > 0);
    CHECK(several > 0);
    CHECK(fused > 1000);
    CHECK(counted > 1000);
    CHECK(large > 0);
    CHECK(ended > 0);
    CHECK(more_stages > 0);
}

TEST_CASE("random graphs: every rule of the scheduler is needed") {
    struct guard {
        const char* name;
        bool policy::*rule;
    };
    const guard guards[] = {
        {"one contraction per kernel", &policy::one_contraction},
        {"reductions step aside for a contraction", &policy::reductions_aside},
        {"a reduction over a contraction stores its operand", &policy::store_reduced},
        {"reductions of a kernel fold the same axes", &policy::one_row_set},
        {"one value for several rows is stored", &policy::store_repeated},
        {"a contraction is not broadcast inside its kernel", &policy::store_wider},
        {"what is reshaped is stored", &policy::store_reshaped},
        {"a contraction is computed once", &policy::contract_once},
        {"a reduction is computed once", &policy::reduce_once},
        {"a stage has a capacity", &policy::capacity},
        {"values at other coordinates come from an earlier kernel", &policy::in_order},
    };
    for (const guard& x : guards) {
        policy rules;
        rules.*x.rule = false;
        int wrong = 0, tried = 0;
        for (unsigned seed = 0; seed < 20000 && wrong == 0; ++seed, ++tried) {
            random_program p(seed, options_of(seed));
            wrong += goes_wrong(p, rules);
        }
        const std::string name = x.name;
        CHECK_MESSAGE(wrong > 0, name);
        MESSAGE(name << ": without it graph " << tried << " goes wrong");
    }
}

}  // namespace sinter::test
