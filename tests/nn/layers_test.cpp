// Every layer and loss, with its gradients, beside what PyTorch computed: golden.py wrote
// golden.txt.
#include <fstream>
#include <map>
#include <sinter/autodiff/gradcheck.hpp>
#include <sinter/nn.hpp>
#include <sinter/nn/embedding.hpp>
#include <sstream>

#include "tensor/support.hpp"

namespace {

using namespace tensor_test;
namespace nn = sn::nn;
using sn::shape;
using sn::tensor;
using sn::variable;
using numbers = std::vector<double>;

const std::map<std::string, std::vector<numbers>>& golden() {
    static const auto all = [] {
        std::map<std::string, std::vector<numbers>> r;
        std::ifstream file("tests/nn/golden.txt");
        std::string line, name;
        while (std::getline(file, line)) {
            std::istringstream words(line);
            numbers n;
            for (double x = 0; words >> x;) n.push_back(x);
            if (n.empty()) {
                name = line;
            } else {
                r[name].push_back(n);
            }
        }
        REQUIRE(r.size() >= 25);
        return r;
    }();
    return all;
}

/// The numbers that golden.py begins with.
template <int R>
tensor<double, R> wave(const shape<R>& s, int p) {
    tensor<double, R> t(s, device::host());
    for (int64 k = 0; k < t.size(); ++k)
        t.data()[k] = std::sin(0.7 * static_cast<double>(k) + 1 + p);
    return t.to(sn::default_device());
}
template <int R>
tensor<double, R> seed_for(const shape<R>& s) {
    tensor<double, R> t(s, device::host());
    for (int64 k = 0; k < t.size(); ++k) t.data()[k] = std::cos(0.3 * static_cast<double>(k));
    return t.to(sn::default_device());
}
template <int R>
void check_line(const char* what,
                const tensor<double, R>& t,
                const numbers& want,
                double tolerance = 1e-9) {
    CAPTURE(std::string(what));
    CHECK(difference(get(t),
                     reals(extents(t.extents().begin(), t.extents().end()), want),
                     tolerance,
                     1e-2 * tolerance) == "");
}
template <class M>
void fill_parameters(M& m) {
    int p = 0;
    nn::for_each_parameter(m, [&](const std::string&, auto& v) {
        ++p;
        v.value() = wave(v.extents(), p);
    });
}

/// The layer's result and gradients.
template <int R, class M>
void check_layer(const char* name, M m, const shape<R>& s, double tolerance = 1e-9) {
    CAPTURE(std::string(name));
    if constexpr (nn::module<M>) fill_parameters(m);
    REQUIRE(golden().count(name) == 1);
    const auto& want = golden().at(name);
    variable<double, R> x(wave(s, 0));
    sn::variable y = m(x);
    check_line("result", y.detach(), want[0], tolerance);
    y.backward(seed_for(y.extents()));
    check_line("gradient of the input", x.grad(), want[1], tolerance);
    if constexpr (nn::module<M>) {
        std::size_t line = 2;
        nn::for_each_parameter(m, [&](const std::string& parameter, auto& v) {
            REQUIRE(line < want.size());
            check_line(parameter.c_str(), v.grad(), want[line++]);
        });
        CHECK(line == want.size());
    }
}

TEST_CASE("dense and convolution layers") {
    on_each_device([](device) {
        check_layer("linear", nn::linear<double>(3, 5), shape<2>{4, 3});
        check_layer(
            "linear_no_bias", nn::linear<double, false>(3, 5, nn::no_bias), shape<3>{2, 4, 3});
        check_layer("conv2d", nn::conv2d<double>(3, 4, {.kernel = {3, 2}}), shape<4>{2, 6, 5, 3});
        check_layer("conv2d_padded",
                    nn::conv2d<double, true>(
                        3, 4, {.kernel = 3, .stride = {2, 1}, .dilation = {1, 2}}, sn::padding(1)),
                    shape<4>{2, 6, 5, 3});
        check_layer(
            "conv_transpose2d",
            nn::conv_transpose2d<double>(3, 2, {.kernel = 3, .stride = 2}, sn::padding(1), 1),
            shape<4>{2, 3, 4, 3});
    });
}

TEST_CASE("pooling layers") {
    on_each_device([](device) {
        check_layer("max_pool2d", nn::max_pool2d(3, {.stride = 2}), shape<4>{2, 7, 6, 3});
        check_layer("avg_pool2d", nn::avg_pool2d(2), shape<4>{2, 6, 6, 3});
        check_layer("adaptive_avg_pool2d", nn::adaptive_avg_pool2d({2, 3}), shape<4>{2, 4, 6, 3});
    });
}

TEST_CASE("layers of channels in groups are what the functions say") {
    const variable<double, 4> x(wave(shape<4>{1, 5, 6, 4}, 0));
    const nn::conv2d<double, true, true, true> grouped(
        4, 6, {.kernel = 3}, sn::same, sn::groups(2));
    CHECK(grouped.weight.extents() == shape<4>{6, 3, 3, 2});
    const variable<double, 4> y = grouped(x),
                              z = conv2d(x, grouped.weight, {}, sn::same, sn::groups(2)) +
                                  grouped.bias;
    CHECK(difference(get(y.detach()), get(z.detach()), 1e-12) == "");
    const nn::depthwise_conv2d<double> each(4, {.kernel = 3, .stride = 2});
    const variable<double, 4> u = each(x),
                              v = conv2d(x, each.weight, {{2, 2}}, sn::groups(4)) + each.bias;
    CHECK(difference(get(u.detach()), get(v.detach()), 1e-12) == "");
    CHECK(error_of([] { nn::conv2d(5, 4, {.kernel = 3}, sn::padding(0), sn::groups(2)); }) ==
          "nn::conv2d: 5 channels do not come in 2 groups.");
}

TEST_CASE("normalisation layers") {
    on_each_device([](device) {
        check_layer("layer_norm", nn::layer_norm<double>(7), shape<2>{3, 7});
        check_layer("rms_norm", nn::rms_norm<double>(7), shape<2>{3, 7});
        check_layer("group_norm", nn::group_norm<double>(2, 6), shape<4>{2, 3, 4, 6});
        nn::batch_norm<double> norm(3);
        check_layer(
            "batch_norm",
            [&](auto& x) {
                fill_parameters(norm);
                return norm(x);
            },
            shape<4>{2, 3, 4, 3});
        const auto& want = golden().at("batch_norm");
        check_line("weight", norm.weight.grad(), want[2]);
        check_line("bias", norm.bias.grad(), want[3]);
        check_line("running mean", norm.running_mean, golden().at("batch_norm_statistics")[0]);
        check_line("running variance", norm.running_var, golden().at("batch_norm_statistics")[1]);
        nn::evaluation(norm);
        CHECK(!norm.training);
        nn::zero_grad(norm);
        check_layer("batch_norm_evaluation", norm, shape<4>{2, 3, 4, 3});
    });
    CHECK(error_of([] { nn::group_norm(4, 6); }) ==
          "group_norm: 6 channels do not make 4 equal groups.");
}

TEST_CASE("activations, each with a weight of its own") {
    on_each_device([](device) {
        const shape<2> s{3, 7};
        check_layer(
            "activations",
            [](auto& v) {
                const auto x = share(4.0 * v);
                return nn::relu()(x) + 2.0 * nn::sigmoid()(x) + 3.0 * nn::tanh()(x) +
                       4.0 * nn::gelu()(x) + 5.0 * nn::silu()(x) + 6.0 * nn::mish()(x) +
                       7.0 * nn::selu()(x) + 8.0 * nn::softplus()(x) + 9.0 * nn::hardswish()(x) +
                       10.0 * nn::hardsigmoid()(x) + 11.0 * nn::leaky_relu(0.2)(x) +
                       12.0 * nn::elu(1.5)(x);
            },
            s,
            1e-6);  // PyTorch takes float's 1/6 for the slope of hardsigmoid
        check_layer(
            "softmax",
            [](auto& v) { return nn::softmax()(4.0 * v) + 2.0 * nn::log_softmax()(v); },
            s);
    });
}

TEST_CASE("losses") {
    on_each_device([](device) {
        const tensor<int64, 1> labels{2, 0, 4, 1};
        const shape<2> rows{4, 5}, s{3, 7};
        check_layer(
            "cross_entropy", [&](auto& x) { return cross_entropy(x, labels); }, rows);
        check_layer(
            "cross_entropy_smoothed",
            [&](auto& x) { return cross_entropy(x, labels, {.label_smoothing = 0.1}); },
            rows);
        check_layer(
            "cross_entropy_ignoring",
            [&](auto& x) { return cross_entropy(x, labels, {.ignore_index = 0}); },
            rows);
        check_layer(
            "nll_loss", [&](auto& x) { return nn::nll_loss(log_softmax(x), labels); }, rows);
        const tensor<double, 2> log_p = -sn::ones<double>(4, 5);
        const tensor<int64, 1> outside{2, 0, 5, 1};
        CHECK(error_of([&] { eval(nn::nll_loss(log_p, outside)).item(); }) ==
              "nll_loss: index 5 is outside axis 1 of shape (4, 5).");
        tensor<double, 2> shares(rows, device::host());
        for (int64 k = 0; k < 20; ++k) shares.data()[k] = static_cast<double>(k % 3) / 2;
        shares = shares.to(sn::default_device());
        check_layer(
            "cross_entropy_probabilities", [&](auto& x) { return cross_entropy(x, shares); }, rows);
        check_layer(
            "cross_entropy_rows",
            [&](auto& x) {
                return sn::cross_entropy<sn::reduction::none>(
                    x, labels, {.ignore_index = 1, .label_smoothing = 0.2});
            },
            rows);
        check_layer(
            "cross_entropy_sum",
            [&](auto& x) {
                return sn::cross_entropy<sn::reduction::sum>(x, shares, {.label_smoothing = 0.1});
            },
            rows);
        const tensor<double, 2> y = wave(s, 1);
        check_layer(
            "mse_loss", [&](auto& x) { return nn::mse_loss(x, y); }, s);
        check_layer(
            "l1_loss", [&](auto& x) { return nn::l1_loss(x, y); }, s);
        check_layer(
            "huber_loss", [&](auto& x) { return nn::huber_loss(4.0 * x, y, 1.5); }, s);
        tensor<double, 2> thirds(s, device::host());
        for (int64 k = 0; k < 21; ++k) thirds.data()[k] = static_cast<double>(k % 3) / 2;
        thirds = thirds.to(sn::default_device());
        check_layer(
            "binary_cross_entropy_with_logits",
            [&](auto& x) { return nn::binary_cross_entropy_with_logits(20.0 * x, thirds); },
            s);
        const tensor<double, 2> p = thirds * (2.0 / 7);
        check_layer(
            "kl_div_loss", [&](auto& x) { return nn::kl_div_loss(log_softmax(x), p); }, s);
    });
}

TEST_CASE("rows of a table, with their gradient") {
    on_each_device([](device d) {
        const tensor<int64, 2> words{{0, 4, 2}, {2, 1, -3}};
        const shape<2> s{5, 3};
        const auto with_padding = [&](auto padding) {
            return [&words, padding](auto& w) {
                nn::embedding<double> e(5, 3, {.padding_idx = padding});
                e.weight = w;
                return e(words);
            };
        };
        check_layer("embedding", with_padding(std::nullopt), s);
        check_layer("embedding_padded", with_padding(-3), s);
        // Along another axis, and places of their own; used twice.
        const tensor<int, 1> columns{1, -1, 0, 1};
        const tensor<int, 2> places{{0, -1}, {1, 1}};
        const variable<double, 2> x(wave(shape<2>{3, 2}, 0));
        const auto along = [&](auto& v) { return take(v, columns, sn::axis<1>) * sum(v); };
        CHECK(sn::gradcheck(along, x).passed);
        CHECK(
            sn::gradcheck([&](auto& v) { return gather(v, places, sn::axis<0>) * 2.0; }, x).passed);
        CHECK(
            sn::gradcheck([&](auto& v) { return gather(v, places, sn::axis<1>) * 2.0; }, x).passed);
        tensor<int, 1> changing{0, 1};
        const variable y = sum(take(x, changing));
        changing += 1;
        CHECK(error_of([&] { y.backward(); }).find("changed in place") != std::string::npos);
        const tensor<int, 1> outside{0, 3};
        if (d.is_host())
            CHECK(error_of([&] { take(x, outside); }) ==
                  "take: index 3 is outside axis 0 of shape (3, 2).");
        const sn::no_grad scope;
        CHECK(!take(x, columns, sn::axis<1>).requires_grad());
    });
    const nn::embedding<> e(4, 2, {.padding_idx = 1});
    CHECK(get(e.weight.detach()(1)).of == std::vector<double>{0, 0});
    CHECK(error_of([] { nn::embedding<>(4, 2, {.padding_idx = 4}); }) ==
          "embedding: padding_idx 4 is outside a table of 4 rows.");
}

TEST_CASE("a sequence of layers; a kernel ends where the next one must begin") {
    on_each_device([](device) {
        nn::sequential net(nn::conv2d<double>(1, 3, {.kernel = 3}),
                           nn::relu(),
                           nn::max_pool2d(2),
                           nn::flatten(),
                           nn::linear<double>(12, 5));
        check_layer("lenet", net, shape<4>{2, 6, 6, 1});
        CHECK(nn::parameter_count(net) == 3 * 9 + 3 + 12 * 5 + 5);
        std::string names;
        nn::for_each_parameter(net, [&](const std::string& n, auto&) { names += n + " "; });
        CHECK(names == "0.weight 0.bias 4.weight 4.bias ");
        const tensor<double, 4> x = wave(shape<4>{2, 6, 6, 1}, 0);
        sn::launch_counter ran;
        variable y = net(x);
        // Convolution, bias and relu, which the gradient needs; pooling; the product.
        CHECK(ran.launches() == 3);
        nn::sequential wide(nn::conv2d<double>(1, 16, {.kernel = 3}),
                            nn::relu(),
                            nn::max_pool2d(2),
                            nn::flatten(),
                            nn::linear<double>(64, 5));
        const sn::no_grad scope;
        ran.reset();
        y = wide(x);
        // Convolution, bias, relu and pooling; the product.
        CHECK(ran.launches() == 2);
        CHECK(ran.temporaries() == 0);
    });
}
TEST_CASE("a layer whose products may round keeps its names and its place in a sequence") {
    on_each_device([](device d) {
        nn::sequential exact{nn::linear(40, 30), nn::relu(), nn::linear(30, 20)};
        nn::sequential rounded{
            nn::tf32{exact.at<0>()}, nn::relu(), nn::tf32{exact.at<2>()}};  // the same weights
        const auto names = [](auto& m) {
            std::string all;
            nn::for_each_member(m, [&](const std::string& name, auto&) { all += name + " "; });
            return all;
        };
        CHECK(names(rounded) == "0.weight 0.bias 2.weight 2.bias ");
        CHECK(names(rounded) == names(exact));
        const variable<float, 2> x(put<float, 2>(random({10, 40}), d));
        const variable<float, 2> y = exact(x * 1.2345678F), z = rounded(x * 1.2345678F);
        const auto want = get(sn::detach(y)), got = get(sn::detach(z));
        CHECK((got.of == want.of) == d.is_host());
        CHECK(difference(got, want, 0x1p-9, 0x1p-7) == "");
    });
}

TEST_CASE("flatten sees a variable as it lies, forth and back") {
    on_each_device([](device) {
        const variable<double, 3> x(wave(shape<3>{2, 3, 2}, 0));
        sn::launch_counter ran;
        const variable<double, 2> y = nn::flatten()(x);
        CHECK(y.detach().data() == x.detach().data());
        y.backward(seed_for(shape<2>{2, 6}), sn::retain_graph);
        CHECK(ran.launches() == 0);
        CHECK(difference(get(x.grad()), get(seed_for(shape<3>{2, 3, 2}))) == "");
        y.backward(seed_for(shape<2>{2, 6}));
        CHECK(difference(get(x.grad()), get(seed_for(shape<3>{2, 3, 2}) * 2.0)) == "");
        // A leaf's gradient is its own, whoever holds what it came from.
        const auto given = seed_for(shape<2>{2, 6});
        const variable<double, 3> cut(permute(x.detach(), sn::axes<2, 0, 1>));
        const variable<double, 2> z = nn::flatten()(cut);
        z.backward(given);
        CHECK(cut.grad().extents() == shape<3>{2, 2, 3});
        CHECK(difference(get(cut.grad()), get(sn::reshape(given, shape<3>{2, 2, 3}))) == "");
        CHECK_FALSE(cut.grad().shares_memory(given));
        const sn::no_grad scope;
        CHECK_FALSE(variable<double, 2>(nn::flatten()(x)).requires_grad());
    });
}

struct block {
    nn::linear<> one{4, 4};
    std::vector<nn::linear<>> more;
    nn::dropout drop{0.5};
    template <class V>
    void members(V&& v) {
        v("one", one);
        v("more", more);
        v("drop", drop);
    }
    template <class X>
    auto operator()(const X& x) const {
        return x + drop(relu(one(x)));
    }
};

TEST_CASE("modules of one's own: names, modes, freezing") {
    block b;
    b.more.emplace_back(2, 3);
    b.more.emplace_back(3, 2, nn::no_bias);
    std::string names;
    nn::for_each_parameter(b, [&](const std::string& n, auto&) { names += n + " "; });
    CHECK(names == "one.weight one.bias more.0.weight more.0.bias more.1.weight more.1.bias ");
    CHECK(b.drop.training);
    nn::evaluation(b);
    CHECK(!b.drop.training);
    const tensor<float, 2> x = sn::ones<float>(3, 4);
    const tensor<float, 2> still = detach(b(x)), again = detach(b(x));
    CHECK(difference(get(still), get(again)) == "");
    nn::train(b);
    nn::requires_grad(b, false);
    CHECK(!b.one.weight.requires_grad());
}

TEST_CASE("parameters begin as PyTorch's do") {
    sn::manual_seed(5);
    nn::linear<> l(400, 300);
    double low = 0, high = 0, square = 0;
    const reals w = get(l.weight.detach());
    for (const double v : w.of) {
        low = std::min(low, v);
        high = std::max(high, v);
        square += v * v / static_cast<double>(w.of.size());
    }
    CHECK(low >= -0.05);
    CHECK(high < 0.05);
    CHECK(low < -0.0499);
    CHECK(high > 0.0499);
    CHECK(square == doctest::Approx(0.0025 / 3).epsilon(0.01));
    nn::init::kaiming_normal(l.weight);
    double all = 0;
    for (const double v : get(l.weight.detach()).of) all += v * v;
    CHECK(all / 120000 == doctest::Approx(2.0 / 400).epsilon(0.02));
    nn::init::xavier_uniform(l.weight);
    for (const double v : get(l.weight.detach()).of)
        REQUIRE(std::fabs(v) <= std::sqrt(6.0 / 700) + 1e-7);
    nn::init::constant(l.bias, 0.25);
    CHECK(get(l.bias.detach()).of == std::vector<double>(300, 0.25));
}

}  // namespace
