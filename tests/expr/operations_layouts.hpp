// Every entry of the table of operations as a user calls it, on the host and on the emulator, on
// operands in every layout, against the column beside the table. What compiles is one kernel for
// ten operations; a number says which of them is the result. Each operations_*_layouts_test.cpp
// takes one element type.
#pragma once

#include <tuple>

#include "expr/operations_reference.hpp"
#include "tensor/support.hpp"

namespace operation_test {

using namespace tensor_test;
namespace ir = sn::ir;

/// The operations of a list that take `Arity` operands of T and give R, in groups of Size.
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
template <class T, int Arity, ir::yields R, class O>
constexpr bool chosen() {
    constexpr ir::op_info info = O::info();
    return info.arity == Arity && info.result == R && info.operands != ir::takes::condition &&
           ir::accepts(info, sn::dtype_v<T>);
}
template <class T, int Arity, ir::yields R, class Into, class... O>
struct collect {
    using all = typename Into::all;
};
template <class T, int Arity, ir::yields R, class Into, class O, class... More>
struct collect<T, Arity, R, Into, O, More...>
    : std::conditional_t<chosen<T, Arity, R, O>(),
                         collect<T, Arity, R, typename Into::template with<O>, More...>,
                         collect<T, Arity, R, Into, More...>> {};
template <class T, int Arity, ir::yields R, class... O>
typename collect<T, Arity, R, grouped<10, ir::op_list<>>, O...>::all groups_of(ir::op_list<O...>);

/// Operands of one operation: up to three arrays and their values.
template <class T>
struct given {
    sn::tensor<T, 2> a, b, c;
    values<exact_t<T>> x, y, z;
};

template <class R, class V>
void check_result(const ir::op_info& info, const sn::tensor<R, 2>& r, const given<V>& g) {
    const std::string name = info.name;
    CAPTURE(name);
    const reference* f = find_reference(name);
    const bool row = f;
    REQUIRE(row);
    const int arity = info.arity;
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

/// Every operation of a list on the same operands, and which of them is the result: one kernel for
/// all, instead of one for each.
template <class Operations>
struct one_of;
template <class O, class... More>
struct one_of<ir::op_list<O, More...>> {
    template <class Which, class... X>
    auto operator()(Which which, X... x) const {
        if constexpr (sizeof...(More) == 0) {
            return sn::detail::elementwise<O>(x...);
        } else {
            return where(which == static_cast<int>(sizeof...(More)),
                         sn::detail::elementwise<O>(x...),
                         one_of<ir::op_list<More...>>{}(which, x...));
        }
    }
};
/// One group: one program, one evaluation for each operation.
template <int Arity, class V, class... O>
void check_group(const given<V>& g, ir::op_list<O...>) {
    if constexpr (sizeof...(O) > 0) {
        int which = static_cast<int>(sizeof...(O));
        const auto compute = [&] {
            const sn::tensor<sn::int64, 0> chosen_one(--which);
            const one_of<ir::op_list<O...>> f{};
            if constexpr (Arity == 1) return eval(with(f, chosen_one, g.a));
            if constexpr (Arity == 2) return eval(with(f, chosen_one, g.a, g.b));
            if constexpr (Arity == 3) return eval(with(f, chosen_one, g.a, g.b, g.c));
        };
        (check_result(O::info(), compute(), g), ...);
    }
}
template <int Arity, ir::yields R, class V>
void check_all(const given<V>& g) {
    using groups = decltype(groups_of<V, Arity, R>(ir::operations{}));
    std::apply([&](auto... group) { (check_group<Arity>(g, group), ...); }, groups{});
}
template <int Arity, class V>
void check_all(const given<V>& g) {
    check_all<Arity, ir::yields::same>(g);
    check_all<Arity, ir::yields::floating>(g);
    check_all<Arity, ir::yields::boolean>(g);
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
            const auto g = operands<T>(d, x, y, z, l, m);
            if (x == broadcast(x, y)) check_all<1>(g);
            check_all<2>(g);
            check_all<3>(g);
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
