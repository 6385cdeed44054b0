// Every entry of the table of operations as a user calls it, on the host and on the emulator: a few
// at a time in one kernel, on operands in every layout, against the column beside the table. Each
// operations_*_layouts_test.cpp takes one element type.
#pragma once

#include <tuple>

#include "expr/operations_reference.hpp"
#include "tensor/support.hpp"

namespace operation_test {

using namespace tensor_test;
namespace ir = sn::ir;

/// The operations of a list that take `Arity` operands of T, in groups of Size.
template <int Size, class Done, class... Groups>
struct grouped;
template <int Size, class... O, class... G>
struct grouped<Size, ir::op_list<O...>, G...> {
    static constexpr bool full = sizeof...(O) == Size;
    template <class X>
    using with = std::conditional_t<full,
                                    grouped<Size, ir::op_list<X>, ir::op_list<O...>, G...>,
                                    grouped<Size, ir::op_list<O..., X>, G...>>;
    using all = std::tuple<ir::op_list<O...>, G...>;
};
template <class T, int Arity, class O>
constexpr bool chosen() {
    constexpr ir::op_info info = O::info();
    return info.arity == Arity && info.operands != ir::takes::condition &&
           ir::accepts(info, sn::dtype_v<T>);
}
template <class T, int Arity, class Into, class... O>
struct collect {
    using all = typename Into::all;
};
template <class T, int Arity, class Into, class O, class... More>
struct collect<T, Arity, Into, O, More...>
    : std::conditional_t<chosen<T, Arity, O>(),
                         collect<T, Arity, typename Into::template with<O>, More...>,
                         collect<T, Arity, Into, More...>> {};
template <class T, int Arity, class... O>
typename collect<T, Arity, grouped<6, ir::op_list<>>, O...>::all groups_of(ir::op_list<O...>);

/// Operands of one operation: up to three arrays and their values.
template <class T>
struct given {
    sn::tensor<T, 2> a, b, c;
    values<exact_t<T>> x, y, z;
};

template <class O, class R, class V>
void check_result(const sn::tensor<R, 2>& r, const given<V>& g) {
    const std::string name = O::info().name;
    CAPTURE(name);
    const reference* f = find_reference(name);
    const bool row = f;
    REQUIRE(row);
    constexpr int arity = O::info().arity;
    const extents e = arity == 1   ? g.x.shape
                      : arity == 2 ? broadcast(g.x.shape, g.y.shape)
                                   : broadcast(broadcast(g.x.shape, g.y.shape), g.z.shape);
    const auto got = get(r);
    REQUIRE(got.shape == e);
    std::size_t k = 0;
    int wrong = 0;
    for_each_index(e, [&](const extents& i) {
        const auto p = element_at(g.x, i);
        const auto q = arity > 1 ? element_at(g.y, i) : p;
        const auto s = arity > 2 ? element_at(g.z, i) : p;
        const auto v = got.of[k++];
        bool same;
        if constexpr (sn::is_floating(sn::dtype_v<R>)) {
            // Integers become float first.
            using C = sn::compute_t<sn::dtype_v<R>>;
            const C a = static_cast<C>(p), b = static_cast<C>(q), c = static_cast<C>(s);
            if (f->domain && !f->domain(a, b, c)) return;
            const real want = f->of_reals(a, b, c);
            same = agrees(*f, static_cast<C>(v), want);
        } else if constexpr (std::is_same_v<V, sn::int64> || std::is_same_v<V, bool>) {
            whole want = f->of_wholes(p, q, s);
            if (std::is_same_v<V, bool>) want = name == "bitwise_not" ? !p : want != 0;
            if (std::is_same_v<R, bool>) want = want != 0;
            same = v == want;
        } else {  // a comparison
            same = v == (f->of_reals(p, q, s) != 0);
        }
        if (!same && ++wrong == 1)
            FAIL_CHECK("at " << sn::shape_text(i.data(), 2) << ": of " << p << ", " << q << ", "
                             << s << " it is " << v);
    });
    CHECK(wrong == 0);
}

template <class O, class V>
auto applied(const given<V>& g) {
    if constexpr (O::info().arity == 1) {
        return sn::detail::elementwise<O>(g.a);
    } else if constexpr (O::info().arity == 2) {
        return sn::detail::elementwise<O>(g.a, g.b);
    } else {
        return sn::detail::elementwise<O>(g.a, g.b, g.c);
    }
}
template <class O, class V>
using result_of = sn::storage_t<decltype(applied<O>(std::declval<const given<V>&>()))::type>;

/// One group in one evaluation.
template <class V, class... O>
void check_group(const given<V>& g, ir::op_list<O...>) {
    if constexpr (sizeof...(O) > 0) {
        std::tuple<sn::tensor<result_of<O, V>, 2>...> r;
        std::apply([&](auto&... t) { sn::evaluate((sn::out(t) = applied<O>(g))...); }, r);
        std::apply([&](auto&... t) { (check_result<O>(t, g), ...); }, r);
    }
}
template <class V, class... Group>
void check_groups(const given<V>& g, std::tuple<Group...>*) {
    (check_group(g, Group{}), ...);
}
template <class V>
void check_all(const given<V>& g, int arity) {
    using operations = ir::operations;
    if (arity == 1) check_groups(g, static_cast<decltype(groups_of<V, 1>(operations{}))*>(nullptr));
    if (arity == 2) check_groups(g, static_cast<decltype(groups_of<V, 2>(operations{}))*>(nullptr));
    if (arity == 3) check_groups(g, static_cast<decltype(groups_of<V, 3>(operations{}))*>(nullptr));
}

template <class T>
given<T> operands(
    device d, const extents& x, const extents& y, const extents& z, layout l, layout m) {
    using V = exact_t<T>;
    given<T> g;
    g.x = random<V>(x, 1);
    g.y = random<V>(y, 2);
    g.z = random<V>(z, 3);
    if (std::is_same_v<T, bool>)
        for (auto* v : {&g.x, &g.y, &g.z})
            for (V& e : v->of) e = e != 0;
    g.a = put<T, 2>(g.x, d, l);
    g.b = put<T, 2>(g.y, d, m);
    g.c = put<T, 2>(g.z, d, l);
    return g;
}

/// Every operation of type T: each layout, also beside another one, every way to broadcast,
/// nothing, one element, and enough of them for several vectors and a rest.
template <class T>
void check_everywhere() {
    on_each_device([](device d) {
        const auto run = [&](const extents& x,
                             const extents& y,
                             const extents& z,
                             layout l = layout::plain,
                             layout m = layout::plain) {
            for (const int arity : {1, 2, 3})
                if (arity > 1 || x == broadcast(x, y))
                    check_all(operands<T>(d, x, y, z, l, m), arity);
        };
        for (const layout l : layouts) {
            run({5, 7}, {5, 7}, {5, 7}, l, l);
            run({5, 7}, {5, 7}, {1, 7}, l, layout::mixed);
        }
        run({5, 1}, {1, 7}, {5, 7});
        run({1, 1}, {5, 7}, {5, 1}, layout::plain, layout::backwards);
        run({1, 1}, {1, 1}, {1, 1});
        run({0, 3}, {1, 3}, {0, 1});
        run({3, 67}, {3, 67}, {3, 67});
    });
}

}  // namespace operation_test
