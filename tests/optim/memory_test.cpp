// The memory behind parameters: what moves, who follows, what a step reads and writes, and states.
#include <sinter/optim/adam.hpp>
#include <sinter/sinter.hpp>

#include "tensor/support.hpp"

namespace {

namespace sn = sinter;
namespace optim = sinter::optim;
using sn::device;
using sn::int64;
using tensor_test::contains;
using tensor_test::error_of;
using tensor_test::on_each_device;
using list = optim::parameters<float>;

/// Parameters of given sizes, all ones, with gradients of one half.
struct model {
    std::vector<sn::tensor<float, 1>> value, gradient;
    explicit model(const std::vector<int64>& sizes) {
        for (const int64 n : sizes) {
            value.push_back(sn::ones<float>(n));
            gradient.push_back(sn::full<float>(sn::shape{n}, 0.5F));
        }
    }
    list all(std::size_t first = 0, std::size_t last = 100) {
        list r;
        for (std::size_t i = first; i < std::min(last, value.size()); ++i)
            r.add("p" + std::to_string(i), value[i], gradient[i]);
        return r;
    }
};
float first(const sn::tensor<float, 1>& t) { return t.to(device::host())(0); }
// What Adam's first step does to a 1, whatever the gradient.
const float stepped = 1 - 0.1F;
bool is_stepped(float x) { return std::fabs(x - stepped) < 1e-6F; }

}  // namespace

TEST_CASE("a step of Adam reads 16 bytes a parameter and writes 12, in one launch") {
    on_each_device([](device) {
        // 128-byte places: 32 floats.
        for (const auto& sizes :
             {std::vector<int64>{1}, {32}, {33, 0, 31}, {4096}, std::vector<int64>(40, 77)}) {
            model m(sizes);
            int64 room = 0;
            for (const int64 n : sizes) room += (n + 31) / 32 * 32;
            optim::adam opt(m.all(), {.lr = 0.1});
            sn::launch_counter c;
            opt.step();
            CHECK(c.launches() == 1);
            CHECK(c.bytes_loaded() == 16 * room);
            CHECK(c.bytes_stored() == 12 * room);
            CHECK(c.temporaries() == 0);
            for (const auto& v : m.value)
                if (v.size() > 0) CHECK(is_stepped(first(v)));
        }
        // Two groups: each in blocks of 1024, and six numbers a block.
        model m({1000, 3000, 7});
        optim::adam opt(m.all(0, 1), {.lr = 0.1});
        opt.add_group(m.all(1), {.lr = 0.2});
        sn::launch_counter c;
        opt.step();
        CHECK(c.launches() == 1);
        CHECK(c.bytes_loaded() == 4096 * 16 + 4 * 6 * 4);
        CHECK(c.bytes_stored() == 4096 * 12);
        CHECK(is_stepped(first(m.value[0])));
        CHECK(std::fabs(first(m.value[2]) - 0.8F) < 1e-6F);
        // A changed option is seen by the next step.
        opt.group(1).lr = 0;
        opt.step();
        CHECK(std::fabs(first(m.value[2]) - 0.8F) < 1e-6F);
        CHECK(first(m.value[0]) < 0.85F);
    });
}

TEST_CASE("views, tied weights and expressions follow a parameter into the arena") {
    on_each_device([](device) {
        model m({7, 5});
        const sn::tensor<float, 1> tied = m.value[0];
        const auto view = slice(m.value[0], sn::range(2, 4));
        const auto lazy = m.value[0] * 2 + 1;
        const auto gradient_view = slice(m.gradient[1], sn::range(0, 2));
        const float* const before = m.value[0].data();
        optim::adam opt(m.all(), {.lr = 0.1});
        CHECK(m.value[0].data() != before);
        CHECK(m.value[0].data() == opt.memory().values.data());
        CHECK(m.value[1].data() == opt.memory().values.data() + 32);
        CHECK(tied.data() == m.value[0].data());
        CHECK(view.data() == m.value[0].data() + 2);
        CHECK(gradient_view.data() == opt.memory().gradients.data() + 32);
        opt.step();
        CHECK(is_stepped(first(tied)));
        CHECK(is_stepped(first(view)));
        CHECK(std::fabs(first(sn::tensor<float, 1>(lazy)) - (2 * stepped + 1)) < 1e-6F);
        // Writing through a view is seen by the optimiser.
        sn::tensor_view<float, 1> write(view);
        write = 3.0F;
        CHECK(opt.memory().values.to(device::host())(3) == 3);
    });
}

TEST_CASE("an assignment stays in the arena where it can, and else comes back with the next step") {
    on_each_device([](device) {
        model m({7, 40});
        optim::adam opt(m.all(), {.lr = 0.1});
        const float* const g = opt.memory().gradients.data();
        // Nobody else holds the gradient: in place.
        m.gradient[1] = m.value[1] * 3;
        CHECK(m.gradient[1].data() == g + 32);
        // Somebody does: new memory, which the step fetches.
        const sn::tensor<float, 1> held = m.gradient[0], kept = m.value[0];
        m.gradient[0] = m.value[0] * -1;
        m.value[0] = m.value[0] + 10;
        CHECK(m.gradient[0].data() != g);
        sn::launch_counter c;
        opt.step();
        CHECK(c.launches() == 1);
        CHECK(m.gradient[0].data() == g);
        CHECK(m.value[0].data() == opt.memory().values.data());
        CHECK(std::fabs(first(m.value[0]) - 11.1F) < 1e-5F);
        CHECK(is_stepped(first(m.value[1])));
        // Another shape is refused.
        m.gradient[0] = sn::ones<float>(8);
        CHECK(error_of<sn::shape_error>([&] { opt.step(); }) ==
              "optim: the gradient of 'p0' is float (8,), but the parameter has the shape (7,).");
    });
}

TEST_CASE(
    "a parameter without a gradient counts as one with a gradient of zero; zero_grad clears") {
    on_each_device([](device) {
        sn::tensor<float, 1> v = sn::ones<float>(3), none;
        optim::adam opt(list().add("v", v, none), {.lr = 0.1});
        CHECK(none.size() == 3);
        opt.step();
        CHECK(first(v) == 1);
        none = v * 2;
        opt.step();
        CHECK(first(v) < 1);
        opt.zero_grad();
        CHECK(first(none) == 0);
    });
}

TEST_CASE("memory lives as long as anyone needs it, and is freed then") {
    const int64 before = sn::runtime::live_allocations;
    {
        sn::tensor<float, 1> survivor;
        {
            model m({7, 5});
            optim::adam opt(m.all(), {.lr = 0.1});
            opt.step();
            survivor = m.value[1];
        }
        CHECK(is_stepped(first(survivor)));
    }
    CHECK(sn::runtime::live_allocations == before);
}

TEST_CASE("a state_dict resumes exactly, and a wrong one changes nothing") {
    on_each_device([](device) {
        model m({7, 5}), n({7, 5});
        optim::adam a(m.all(), {.lr = 0.1});
        for (int i = 0; i < 3; ++i) a.step();
        for (std::size_t i = 0; i < 2; ++i)
            n.value[i].copy_from(m.value[i], sn::current_stream(n.value[i].where()));
        optim::adam b(n.all(), {.lr = 0.7});
        b.load_state_dict(a.state_dict());
        CHECK(b.steps() == 3);
        CHECK(b.group().lr == 0.1);
        a.step();
        b.step();
        for (std::size_t i = 0; i < 2; ++i)
            CHECK(tensor_test::get(m.value[i]).of == tensor_test::get(n.value[i]).of);

        model other({7, 6});
        optim::adam c(other.all(), {.lr = 0.3});
        const auto said = error_of<sn::shape_error>([&] { c.load_state_dict(a.state_dict()); });
        CHECK(said ==
              "load: the array 'state.p1.exp_avg' is float (5,), but float (6,) is needed.");
        CHECK(c.steps() == 0);
        CHECK(c.group().lr == 0.3);
        model more({7, 5, 1});
        optim::adam d(more.all(), {.lr = 0.3});
        CHECK(error_of([&] { d.load_state_dict(a.state_dict()); }) ==
              "load: there is no array 'state.p2.exp_avg'.");
        CHECK(error_of([&] { a.load_state_dict(d.state_dict()); }) ==
              "load: nothing takes the array 'state.p2.exp_avg'.");
    });
}

TEST_CASE("an optimiser refuses what it cannot take, and nothing has moved then") {
    model m({7, 5});
    const float* const before = m.value[0].data();
    sn::tensor<float, 1> part = slice(m.value[1], sn::range(1, 3)), none, empty;
    float own[3]{};
    sn::tensor<float, 1> borrowed = sn::view(own, sn::shape{3});
    const auto said = [&](list l) { return error_of([&] { optim::adam opt(l, {}); }); };
    CHECK(contains(said(m.all(0, 1).add("part", part, none)),
                   "'part' is a view of a larger array or not row-major"));
    CHECK(contains(said(m.all(0, 1).add("own", borrowed, none)), "memory that is not Sinter's"));
    CHECK(contains(said(m.all(0, 1).add("empty", empty, none)), "'empty' has no memory yet"));
    sn::tensor<float, 1> longer = sn::ones<float>(9), short_gradient = sn::ones<float>(8);
    CHECK(contains(said(m.all(0, 1).add("longer", longer, short_gradient)),
                   "the gradient of 'longer' is float (8,), but the parameter has the shape (9,)"));
    CHECK(m.value[0].data() == before);
    CHECK(error_of([&] { m.all().add("p0", none, none); }) ==
          "optim: two parameters are called 'p0'.");
    CHECK(error_of([&] {
              optim::adam opt(m.all(), {.betas = {1.0, 0.9}});
          }) == "adam: both betas must be in [0, 1).");
    // One array twice is one parameter; in two groups it is an error.
    sn::tensor<float, 1> tied = m.value[0];
    optim::adam opt(m.all().add("tied", tied, none), {});
    CHECK(opt.memory().segments().size() == 2);
    CHECK(contains(error_of([&] { opt.add_group(list().add("tied", tied, none), {}); }),
                   "'tied' shares its memory with 'p0' of another group"));
    // Nothing to learn is no error.
    optim::adam idle(list(), {});
    idle.step();
    idle.zero_grad();
    CHECK(idle.steps() == 1);
}
