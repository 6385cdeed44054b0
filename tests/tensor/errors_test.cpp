// Errors: what they say, that targets stay as they were, that nothing leaks and the next operation
// works; and expressions that outlive what they were made of.
#include <functional>

#include "tensor/support.hpp"

namespace {

using namespace tensor_test;
using sn::axis;
using sn::keepdims;
using sn::out;
using sn::range;
using sn::shape;
using sn::tensor;

struct failure {
    const char* name;
    std::vector<std::string> says;
    std::function<void()> run;
};

/// Runs each: it must throw E with these words, and leave `target` and the number of allocations.
template <class E>
void check_failures(const tensor<float, 2>& target, const std::vector<failure>& all) {
    const auto before = get(target);
    const float* data = target.data();
    for (const failure& f : all) {
        CAPTURE(f.name);
        const auto live = sn::runtime::live_allocations.load();
        const std::string text = error_of<E>(f.run);
        CAPTURE(text);
        CHECK(text != "");
        CHECK(text.back() == '.');
        for (const std::string& part : f.says) CHECK_MESSAGE(contains(text, part), part);
        CHECK(sn::runtime::live_allocations == live);
        CHECK(target.data() == data);
        CHECK(difference(get(target), before) == "");
    }
}

TEST_CASE("extents that do not fit are shape errors that name the operation and both shapes") {
    on_each_device([](device d) {
        const auto v = random({2, 3});
        tensor<float, 2> t = put<float, 2>(v, d);
        const auto a = put<float, 2>(v, d);
        const auto b = put<float, 2>(random({4, 3}), d);
        const auto c = put<float, 1>(random({5}), d);
        const auto none = put<float, 2>(random({0, 3}), d);
        const auto wide = put<float, 3>(random({2, 1, 3}), d);
        check_failures<sn::shape_error>(
            t,
            {
                {"add", {"add", "(2, 3)", "(4, 3)"}, [&] { t = a + b; }},
                {"deep", {"mul", "(2, 3)", "(5,)"}, [&] { t = exp(a) * (c + 1); }},
                {"where", {"where", "(2, 3)", "(4, 3)", "(5,)"}, [&] { t = where(a > 0, b, c); }},
                {"compare", {"less", "(2, 3)", "(4, 3)"}, [&] { (void)sn::eval(a < b); }},
                {"matmul", {"matmul", "(2, 3)", "(4, 3)", "3 is not 4"}, [&] { t = matmul(a, b); }},
                {"matmul of a transposed",
                 {"matmul", "(3, 2)", "(4, 3)"},
                 [&] { t = matmul(transpose(a), b); }},
                {"epilogue", {"add", "(2, 4)", "(5,)"}, [&] { t = matmul(a, transpose(b)) + c; }},
                {"rows", {"sub", "(2, 3)", "(4, 1)"}, [&] { t = a - max(b, axis<1>, keepdims); }},
                {"reshape",
                 {"reshape", "(2, 3)", "(4, 2)"},
                 [&] {
                     t = reshape(a, shape{4, 2});
                 }},
                {"reshape lazy",
                 {"reshape", "(2, 3)", "(5, 1)"},
                 [&] {
                     t = reshape(a + 1, shape{5, 1});
                 }},
                {"broadcast_to",
                 {"broadcast_to", "(2, 3)", "(4, 3)"},
                 [&] {
                     t = broadcast_to(a, shape{4, 3});
                 }},
                {"broadcast_to lazy",
                 {"broadcast_to", "(2, 3)", "(2, 6)"},
                 [&] {
                     t = broadcast_to(a + 1, shape{2, 6});
                 }},
                {"max of nothing", {"max", "(0, 3)"}, [&] { t = a + max(none, axis<0>); }},
                {"argmax of nothing", {"argmax", "(0, 3)"}, [&] { (void)sn::eval(argmax(none)); }},
                {"write through", {"(4, 3)", "(2, 3)"}, [&] { slice(t, sn::_) = b * 2; }},
                {"compound", {"add", "(2, 3)", "(4, 3)"}, [&] { t += b; }},
                {"compound of another shape",
                 {"(2, 3)", "(1, 3)"},
                 [&] {
                     auto one = slice(t, range(0, 1));
                     one -= sum(wide, axis<1>);
                 }},
                {"step", {"slice", "step"}, [&] { t = slice(a, range(0, 2, 0)); }},
                {"evaluate",
                 {"add", "(2, 3)", "(4, 3)"},
                 [&] {
                     tensor<float, 2> other;
                     sn::evaluate(out(t) = a * 2, out(other) = a + b);
                 }},
                {"no memory yet", {"no memory yet"}, [&] { t = a + tensor<float, 2>{}; }},
                {"no memory to write to",
                 {"no memory yet"},
                 [&] {
                     tensor<float, 2> nothing;
                     nothing += a;
                 }},
            });
        CHECK(get(sn::tensor<float, 1>(max(none, axis<1>))).shape == extents{0});  // no results
        t = a + 1;
        CHECK(difference(get(t), map([](double x) { return x + 1; }, v)) == "");
    });
}

TEST_CASE("operands on different devices are an error that names both") {
    const auto v = random({2, 3});
    for (const device d : devices())
        for (const device other : devices()) {
            if (d == other) continue;
            tensor<float, 2> t = put<float, 2>(v, d);
            const auto a = put<float, 2>(v, d), b = put<float, 2>(v, other);
            check_failures<sn::device_error>(
                t,
                {
                    {"add", {d.name(), other.name(), "to(device)"}, [&] { t = a + b; }},
                    {"matmul", {d.name(), other.name()}, [&] { t = matmul(a, transpose(b)); }},
                    {"write through", {d.name(), other.name()}, [&] { slice(t, sn::_) = b * 2; }},
                    {"compound", {d.name(), other.name()}, [&] { t += b; }},
                    {"evaluate",
                     {d.name(), other.name()},
                     [&] {
                         tensor<float, 2> u;
                         sn::evaluate(out(t) = a + 1, out(u) = b + 1);
                     }},
                });
            t = a + b.to(d);
            CHECK(difference(get(t), map([](double x) { return x + x; }, v)) == "");
        }
    CHECK(contains(error_of<sn::device_error>([] { sn::zeros<float>(shape{2}, device::cuda(99)); }),
                   "cuda:99"));
}

/// Runs `operation` with the n-th allocation failing, for every n that it reaches: then `state()`
/// must be what it was and nothing may have leaked.
void check_out_of_memory(const char* name,
                         const std::function<void()>& operation,
                         const std::function<std::vector<double>()>& state) {
    CAPTURE(name);
    const auto before = state();
    for (int n = 1;; ++n) {
        CAPTURE(n);
        REQUIRE(n < 50);
        const auto live = sn::runtime::live_allocations.load();
        std::string text;
        bool fired = false;
        {
            const sn::runtime::fail_allocation fail(n);
            text = error_of<sn::out_of_memory>(operation);
            fired = fail.fired();
        }
        CHECK(fired == (text != ""));
        if (!fired) {
            CHECK(n > 1);  // it does allocate
            return;
        }
        CHECK(contains(text, "bytes on"));
        CHECK(sn::runtime::live_allocations == live);
        CHECK(state() == before);
    }
}

TEST_CASE("every allocation may fail: strong guarantee, nothing leaked") {
    on_each_device([](device d) {
        const auto v = random({40, 30}, 1);
        const auto tall = put<float, 2>(random({9000, 2}, 2), d);
        const auto x = put<float, 2>(v, d);
        tensor<float, 2> t = put<float, 2>(v, d), u = x + 0;
        const tensor<float, 2> held = t;
        tensor<float, 1> row = put<float, 1>(random({2}), d);
        const tensor<float, 1> held_row = row;
        const auto state = [&] {
            std::vector<double> all;
            for (const auto& values :
                 {get(t).of, get(u).of, get(held).of, get(row).of, get(held_row).of})
                all.insert(all.end(), values.begin(), values.end());
            return all;
        };
        check_out_of_memory(
            "a new result", [&] { t = x + 1; }, state);
        t = held;
        check_out_of_memory(
            "two stages", [&] { t = matmul(x, transpose(x)); }, state);
        t = held;
        check_out_of_memory(
            "an intermediate", [&] { u = u + sum(matmul(transpose(x), x), axis<0>) * 0; }, state);
        check_out_of_memory(
            "through a temporary",
            [&] { slice(t, range(1, 40)) = slice(t, range(0, 39)) * 1; },
            [&] { return std::vector<double>{}; });
        slice(t, sn::_) = x;
        check_out_of_memory(
            "a sum over many rows", [&] { row = sum(tall, axis<0>); }, state);
        row = held_row;
        // One result could be written in place before the memory for the other one is asked for.
        check_out_of_memory(
            "several results",
            [&] {
                sn::evaluate(out(u) = u + 0 * x, out(row) = sum(tall, axis<0>), out(t) = x - 1);
            },
            state);
        t = held;
        row = held_row;
        // A result that fits its target's memory, beside a reduction that asks for workspace when
        // it starts.
        check_out_of_memory(
            "workspace",
            [&] {
                tensor<float, 1> fresh;
                sn::evaluate(out(u) = x - 1, out(fresh) = sum(tall, axis<0>));
                u = x + 0;
            },
            state);
        check_out_of_memory(
            "clone",
            [&] { t = transpose(x).clone().clone(); },
            [&] { return std::vector<double>{}; });
        t = held;
        check_out_of_memory(
            "making",
            [&] {
                (void)sn::full(shape{5, 5}, 1.0F, d);
            },
            state);
        if (!d.is_host())
            check_out_of_memory(
                "to", [&] { (void)transpose(x).to(device::host()); }, state);
        t = x + 1;
        CHECK(difference(get(t), map([](double p) { return p + 1; }, v)) == "");
    });
    CHECK(sn::runtime::damaged_releases == 0);
}

// ---- expressions outlive what they were made of

auto scaled(const tensor<float, 1>& x) {
    const tensor<float, 1> local = x.clone();
    const auto part = local * 2;
    return part + sn::tensor<float, 1>(local + 1);  // a temporary tensor inside
}
struct offset_by {
    tensor<float, 1> held;
    template <class X>
    auto operator()(X x) const {
        return x + held * x;
    }
};
struct power {
    float of = 1;
    SINTER_HD float operator()(float x) const { return x * x * of; }
};
auto everything(device d) {
    const auto x = put<float, 1>(reals({3}, {1, 2, 3}), d);
    auto once = share(x * x + 1);
    const auto cut = slice(x * 2, range(2, -4, -1));
    const tensor<float, 1> weight = put<float, 1>(reals({3}, {1, 1, 1}), d);
    return with(offset_by{weight}, once) + once * cut + elementwise(power{3}, x) +
           reshape(slice(put<float, 2>(reals({1, 3}, {7, 8, 9}), d), sn::_, sn::_) * 1, shape{3});
}

TEST_CASE("nothing that an expression refers to dangles") {
    const auto live = sn::runtime::live_allocations.load();
    on_each_device([](device d) {
        const auto e = scaled(put<float, 1>(reals({3}, {1, 2, 3}), d));
        for (int twice = 0; twice < 2; ++twice) {
            const tensor<float, 1> r = e;
            CHECK(difference(get(r), reals({3}, {4, 7, 10})) == "");
        }
        const auto all = everything(d);
        auto copy = all;
        const auto moved = std::move(copy);
        for (int twice = 0; twice < 2; ++twice) {
            // x * x + 1 = 2, 5, 10; cut = 6, 4, 2
            const tensor<float, 1> r = moved;
            CHECK(difference(get(r),
                             reals({3}, {4 + 12 + 3 + 7, 10 + 20 + 12 + 8, 20 + 20 + 27 + 9})) ==
                  "");
        }
        tensor<float, 1> a = put<float, 1>(reals({3}, {1, 2, 3}), d);
        const auto before = a * 2;  // keeps the memory, not the handle
        const tensor<float, 1> b = std::move(a);
        const tensor<float, 1> r = before;
        CHECK(difference(get(r), reals({3}, {2, 4, 6})) == "");
        a = b + 1;  // a moved-from tensor takes a value again
        CHECK(difference(get(a), reals({3}, {2, 3, 4})) == "");
        const auto view = [&] {
            return slice(put<float, 1>(reals({3}, {1, 2, 3}), d), range(1, 3));
        }();
        const tensor<float, 1> s = view + 1;
        CHECK(difference(get(s), reals({2}, {3, 4})) == "");
    });
    CHECK(sn::runtime::live_allocations == live);
}

}  // namespace
