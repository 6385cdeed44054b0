// The compiler's passes on named programs, checked by the compiler that runs them.
#include <doctest/doctest.h>
#include <vector>

#include "ir/run_program.hpp"

namespace sinter::test {
namespace {

// ---- building simplifies
constexpr bool equal_parts_are_one_node() {
    graph<16> g;
    const short x = g.leaf(dtype::f32, 2), y = g.leaf(dtype::f32, 2);
    return add(g, x, y) == add(g, x, y) && add(g, x, y) != add(g, y, x);
}
static_assert(equal_parts_are_one_node());

constexpr bool sums_of_sums_merge() {
    graph<16> g;
    const short x = g.leaf(dtype::f32, 3);
    const short s = sum(g, 2, sum(g, 1, x));
    return g.n[s].in[0] == x && g.n[s].axes == 3 && sum(g, 1, s) == s;
}
static_assert(sums_of_sums_merge());

constexpr bool a_sum_of_a_dropped_sum_keeps_its_rank() {
    graph<32> g;
    const short x = g.leaf(dtype::f32, 2);
    const short s = sum(g, 1, g.drop(sum(g, 1, x), 1));
    return g.n[s].k == kind::reduction && g.n[s].rank == 1 && g.n[s].ones == 0xff &&
           g.n[g.n[s].in[0]].k == kind::leaf;
}
static_assert(a_sum_of_a_dropped_sum_keeps_its_rank());

constexpr bool views_sink_to_the_leaves() {
    graph<32> g;
    const short x = g.leaf(dtype::f32, 2), b = g.leaf(dtype::f32, 1);
    const short t = g.permute(op1<op::exp>(g, add(g, x, b)), transpose);
    const node& sum_node = g.n[g.n[t].in[0]];
    const node &left = g.n[sum_node.in[0]], &right = g.n[sum_node.in[1]];
    return left.k == kind::leaf && left.view >= 0 && right.k == kind::leaf && right.rank == 2 &&
           right.ones == 0xfd && g.permute(t, transpose) != t;
}
static_assert(views_sink_to_the_leaves());

constexpr bool a_transposed_product_is_a_view() {
    graph<32> g;
    const short m = g.matmul(g.leaf(dtype::f32, 2), g.leaf(dtype::f32, 2));
    const short r = op1<op::relu>(g, m), t = g.permute(r, transpose);
    return g.n[t].k == kind::index_map && g.n[t].in[0] == r && g.permute(r, transpose) == t;
}
static_assert(a_transposed_product_is_a_view());

constexpr bool products_of_products_share() {
    graph<32> g;
    const short h = op1<op::relu>(g, g.matmul(g.leaf(dtype::f32, 2), g.leaf(dtype::f32, 2)));
    const short m = g.matmul(h, g.leaf(dtype::f32, 2));
    const node& left = g.n[g.n[m].in[0]];
    return left.k == kind::index_map && left.in[0] == h;
}
static_assert(products_of_products_share());

constexpr bool a_sliced_reduction_is_stored() {
    graph<32> g;
    const short s = g.slice(sum(g, 1, g.leaf(dtype::f32, 2)), 2);
    return g.n[s].k == kind::index_map && g.n[g.n[s].in[0]].k == kind::reduction;
}
static_assert(a_sliced_reduction_is_stored());

constexpr bool folded_axes_keep_their_order() {
    graph<32> g;
    const short x = g.leaf(dtype::f32, 2);
    const short at = g.reduce(reduction_id<red::argmax>, 3, x);
    return g.n[g.permute(at, transpose)].in[0] == x;
}
static_assert(folded_axes_keep_their_order());

// ---- named programs: how many kernels, and of which kind
template <int Cap>
struct expected {
    graph<Cap> g;
    plan<Cap> p = schedule(g);
    constexpr explicit expected(const graph<Cap>& program) : g(program) {}
    constexpr expected(const graph<Cap>& program, policy rules)
        : g(program), p(schedule(g, rules)) {}
    constexpr int passes(int s) const { return lower(g, p, s).head.passes; }
    constexpr int loads(int s) const { return lower(g, p, s).count(how::load); }
    constexpr int stored_because(reason r) const {
        int n = 0;
        for (int i = 0; i < g.size; ++i) n += p.stored[i] && p.why[i] == r;
        return n;
    }
};

constexpr expected softmax_plan(softmax());
static_assert(softmax_plan.p.stages == 1 && softmax_plan.p.stage[0].row_axes == 1);
static_assert(softmax_plan.passes(0) == 3 && softmax_plan.loads(0) == 1);
static_assert(!may_need_split(softmax_plan.g, softmax_plan.p));

constexpr expected norm_plan(layer_norm());
static_assert(norm_plan.p.stages == 1 && norm_plan.loads(0) == 3);
static_assert(may_need_split(norm_plan.g, norm_plan.p));  // scale or shift may be longer than z

constexpr expected mean_plan(mean_of_everything());
static_assert(mean_plan.p.stages == 1 && mean_plan.passes(0) == 2);
static_assert(mean_plan.p.stage[0].row_axes == 3);

constexpr expected loss_plan(cross_entropy_mean());
static_assert(loss_plan.p.stages == 1 && lower(loss_plan.g, loss_plan.p, 0).count(how::total) == 1);

constexpr expected dense_plan(dense_layer());
static_assert(dense_plan.p.stages == 1 && dense_plan.p.stage[0].core >= 0);
static_assert(dense_plan.loads(0) == 5);

constexpr expected saved_plan(softmax_with_saved_parts());
static_assert(saved_plan.p.stages == 1 && lower(saved_plan.g, saved_plan.p, 0).stores == 4);
static_assert(saved_plan.loads(0) == 1);

constexpr expected dense_softmax_plan(softmax_of_dense());
static_assert(dense_softmax_plan.p.stages == 2 && dense_softmax_plan.p.stage[0].core >= 0);
static_assert(dense_softmax_plan.stored_because(reason::reduced) == 1);
static_assert(dense_softmax_plan.loads(0) == 3);  // the bias stays with the product

constexpr expected log_softmax_plan(log_softmax_of_dense());
static_assert(log_softmax_plan.p.stages == 2);

constexpr expected gated_plan(gated());
static_assert(gated_plan.p.stages == 2 &&
              gated_plan.stored_because(reason::second_contraction) == 1);

constexpr expected attention_plan(attention());
static_assert(attention_plan.p.stages == 3 && attention_plan.stored_because(reason::operand) == 1);

constexpr expected chain_plan(chain_of_products());
static_assert(chain_plan.p.stages == 12 && chain_plan.stored_because(reason::operand) == 11);

constexpr expected shared_plan(hidden_and_output());
static_assert(shared_plan.p.stages == 2);

constexpr expected statistics_plan(row_statistics());
static_assert(statistics_plan.p.stages == 1 && statistics_plan.loads(0) == 1);

constexpr expected sum_saved_plan(product_and_its_mean());
static_assert(sum_saved_plan.p.stages == 1 && sum_saved_plan.loads(0) == 1);

// ---- one rule each
constexpr expected dropped_plan(divided_by_total());
static_assert(dropped_plan.p.stages == 2 && dropped_plan.stored_because(reason::dropped_axes) == 1);
constexpr expected repeated_plan(minus_maximum_of_vector());
static_assert(repeated_plan.p.stages == 2 && repeated_plan.stored_because(reason::repeated) == 1);
constexpr expected partial_plan(scaled_total());
static_assert(partial_plan.p.stages == 2 && partial_plan.stored_because(reason::partial) == 1);
constexpr expected wider_plan(broadcast_product());
static_assert(wider_plan.p.stages == 2 && wider_plan.stored_because(reason::wider) == 1);
constexpr expected aside_plan(product_minus_row_maximum());
static_assert(aside_plan.p.stages == 2 &&
              aside_plan.stored_because(reason::beside_contraction) == 1);
constexpr expected reshaped_plan(reshaped_sum());
static_assert(reshaped_plan.p.stages == 2 && reshaped_plan.stored_because(reason::reshaped) == 1);
constexpr expected column_plan(column_sum_of_softmax());
static_assert(column_plan.p.stages == 1);
constexpr expected columns_apart_plan(column_sum_of_softmax(), policy{.totals = false});
static_assert(columns_apart_plan.p.stages == 2 &&
              columns_apart_plan.stored_because(reason::other_axes) == 2);
constexpr expected operand_plan(product_of_softmax());
static_assert(operand_plan.p.stages == 2 && operand_plan.stored_because(reason::operand) == 1);
// Costly values that are broadcast: told by the fused plan, stored by the other one. A statistic of
// the row is computed once for each row anyway.
constexpr expected dear_plan(plus_exp_of_vector());
static_assert(dear_plan.p.stages == 1 && dear_plan.p.dears == 1);
constexpr expected thrifty_plan(plus_exp_of_vector(), policy{.store_dear = true});
static_assert(thrifty_plan.p.stages == 2 && thrifty_plan.p.dears == 0 &&
              thrifty_plan.stored_because(reason::dear) == 1);
static_assert(softmax_plan.p.dears == 0 && norm_plan.p.dears == 0 && mean_plan.p.dears == 0);
// Costly values that two kernels compute are named, and stored.
constexpr expected twice_plan(exp_less_its_total());
static_assert(twice_plan.p.stages == 2 && twice_plan.p.dears == 1);
constexpr expected once_plan(exp_less_its_total(), policy{.store_dear = true});
static_assert(once_plan.p.stages == 2 && lower(once_plan.g, once_plan.p, 0).stores == 2 &&
              once_plan.p.dears == 0 && once_plan.stored_because(reason::twice) == 1);
static_assert(expected(exp_less_its_total(), policy{.split = true}).p.dears == 0);

constexpr expected apart_plan(two_unrelated());
static_assert(apart_plan.p.stages == 2);

template <int Cap>
constexpr int stages_without(const graph<Cap>& g, bool policy::*rule) {
    policy r;
    r.*rule = false;
    return schedule(g, r).stages;
}
static_assert(stages_without(divided_by_total(), &policy::store_dropped) == 1);
static_assert(stages_without(minus_maximum_of_vector(), &policy::store_repeated) == 1);
static_assert(stages_without(scaled_total(), &policy::store_partial) == 1);
static_assert(stages_without(two_unrelated(), &policy::same_frame) == 1);

constexpr int split_stages() {
    policy r;
    r.split = true;
    return schedule(softmax(), r).stages;
}
static_assert(split_stages() == 3);  // maximum; sum; the quotient

// ---- words: what stage_code holds
constexpr auto lowered_softmax = lower(softmax_plan.g, softmax_plan.p, 0);
template <int... I>
constexpr auto as_code(ints<I...>) {
    return stage_code<functor_types<>,
                      lowered_softmax.size,
                      lowered_softmax.stores,
                      lowered_softmax.head.word(),
                      lowered_softmax.word(I)...>{};
}
using softmax_code = decltype(as_code(make_ints<lowered_softmax.words()>{}));
constexpr bool code_is_the_list() {
    for (int i = 0; i < lowered_softmax.size; ++i) {
        const instr a = softmax_code::at(i), b = lowered_softmax.code[i];
        if (a.word() != b.word() || a.value != b.value) return false;
    }
    return softmax_code::stored(0) == lowered_softmax.store[0].value &&
           softmax_code::head().passes == 3 && loads_of<softmax_code>().count == 1;
}
static_assert(code_is_the_list());

// ---- capacity
constexpr auto long_chain_plan = schedule(long_chain<250>());
static_assert(long_chain_plan.stages == 1);
constexpr auto many_leaves = sum_of_leaves<40>();
constexpr auto many_leaves_plan = schedule(many_leaves);
static_assert(many_leaves_plan.stages == 2);
constexpr auto deep = nested_reductions<7>();
constexpr auto deep_plan = schedule(deep);
static_assert(deep_plan.stages == 2);

}  // namespace

TEST_CASE("rules that only run time can judge") {
    struct row {
        const char* name;
        program g;
        bool policy::*rule;
        extents of_leaves;
    };
    const row rows[] = {
        {"dropped axes", divided_by_total(), &policy::store_dropped, {{3, 2}, {2, 4}}},
        {"partial rows", scaled_total(), &policy::store_partial, {{3, 2}, {3}}},
    };
    for (const row& r : rows) {
        CAPTURE(r.name);
        policy off;
        off.*r.rule = false;
        CHECK(run_of(r.g, {}, r.of_leaves).fits);
        CHECK_FALSE(run_of(r.g, off, r.of_leaves).fits);
    }
    // Values that share nothing would run twice, each time for one of them.
    policy off;
    off.same_frame = false;
    const run_of apart(two_unrelated(), {}, {{3, 2}, {4}}),
        together(two_unrelated(), off, {{3, 2}, {4}});
    CHECK(apart.counts.launches == apart.stages);
    CHECK(together.counts.launches == 2 * together.stages);
}

TEST_CASE("every element of every array is read once") {
    const auto loads = [](const program& g, const extents& e) {
        return run_of(g, {}, e).counts.loads;
    };
    CHECK(loads(mean_of_everything(), {{5, 3}, {5, 3}}) == 30);
    CHECK(loads(softmax(), {{5, 3}}) == 3 * 15);  // one per pass: the row is kept on chip
    CHECK(loads(row_statistics(), {{5, 3}}) == 15);
}

TEST_CASE("the scheduler runs at run time as it does in the compiler") {
    const auto g = dense_layer();
    const auto p = schedule(g);
    REQUIRE(p.stages == dense_plan.p.stages);
    for (int i = 0; i < g.size; ++i) CHECK(p.stored[i] == dense_plan.p.stored[i]);
    const auto a = lower(g, p, 0), b = lower(dense_plan.g, dense_plan.p, 0);
    REQUIRE(a.words() == b.words());
    for (int i = 0; i < a.words(); ++i) CHECK(a.word(i) == b.word(i));
}

TEST_CASE("without its rule a contraction's operand is refused") {
    policy r;
    r.plain_operands = false;
    const auto g = product_of_softmax();
    CHECK_THROWS(lower(g, schedule(g, r), 0));
}

TEST_CASE("without its capacity a stage is refused") {
    policy r;
    r.capacity = false;
    CHECK_THROWS(lower(many_leaves, schedule(many_leaves, r), 0));
    CHECK_THROWS(lower(deep, schedule(deep, r), 0));
    const auto chain = long_chain<300>();
    CHECK_THROWS(lower(chain, schedule(chain, r), 0));
    const auto p = schedule(chain);
    CHECK(p.stages == 2);
    for (int s = 0; s < p.stages; ++s) CHECK(lower(chain, p, s).size <= max_stage_instrs);
}

}  // namespace sinter::test
