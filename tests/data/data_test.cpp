// Data sets and the loader: every row once, in the order that was asked for. Images changed at
// random: each is one of those that it may become, all of these come, and nothing is stored.
#include <sinter/data/augment.hpp>
#include <sinter/data/loader.hpp>

#include <algorithm>
#include <map>
#include <set>

#include "tensor/support.hpp"

namespace {

namespace sn = sinter;
namespace data = sinter::data;
using sn::device;
using sn::int64;
using tensor_test::error_of;
using tensor_test::on_each_device;

/// Row i holds i * 10, i * 10 + 1, ...
sn::tensor<float, 3> pictures(int64 rows, device d = sn::default_device()) {
    std::vector<float> v;
    for (int64 i = 0; i < rows; ++i)
        for (int64 k = 0; k < 6; ++k) v.push_back(static_cast<float>(10 * i + k));
    return sn::from(v, sn::shape{rows, 2, 3}, d);
}
sn::tensor<int64, 1> numbers(int64 rows, device d = sn::default_device()) {
    return sn::arange<int64>(rows, d);
}
/// What each row is called by its label, when its picture agrees.
void collect(std::vector<int64>& seen,
             const sn::tensor<float, 3>& x,
             const sn::tensor<int64, 1>& y) {
    const auto hx = x.to(device::host());
    const auto hy = y.to(device::host());
    REQUIRE(hx.extent(0) == hy.extent(0));
    for (int64 i = 0; i < hy.size(); ++i) {
        seen.push_back(hy(i));
        REQUIRE(hx(i, 0, 0) == static_cast<float>(10 * hy(i)));
        REQUIRE(hx(i, 1, 2) == static_cast<float>(10 * hy(i) + 5));
    }
}
std::vector<int64> in_order(int64 n) {
    std::vector<int64> v;
    for (int64 i = 0; i < n; ++i) v.push_back(i);
    return v;
}

/// Pixel (n, y, x, c) of an image that is zero outside; all others differ.
float pixel(const sn::shape<4>& s, int64 n, int64 y, int64 x, int64 c) {
    if (y < 0 || y >= s[1] || x < 0 || x >= s[2]) return 0;
    return static_cast<float>(1 + ((n * s[1] + y) * s[2] + x) * s[3] + c);
}
/// Counts how often each place and side came; fails where an image is none of the possible ones.
std::map<std::array<int64, 3>, int> choices_in(const sn::tensor<float, 4>& made,
                                               const sn::shape<4>& s,
                                               const data::augment_options& o) {
    std::map<std::array<int64, 3>, int> count;
    const auto m = made.to(device::host());
    const int64 h = m.extent(1), w = m.extent(2);
    for (int64 n = 0; n < s[0]; ++n) {
        int found = 0;
        for (int64 dy = -o.shift; dy <= s[1] - h + o.shift; ++dy)
            for (int64 dx = -o.shift; dx <= s[2] - w + o.shift; ++dx)
                for (const int64 flip : {0, 1}) {
                    bool same = flip == 0 || o.flip;
                    for (int64 y = 0; y < h && same; ++y)
                        for (int64 x = 0; x < w && same; ++x)
                            for (int64 c = 0; c < s[3] && same; ++c)
                                same = m(n, y, x, c) ==
                                       pixel(s, n, y + dy, (flip ? w - 1 - x : x) + dx, c);
                    if (!same) continue;
                    ++found;
                    ++count[{dy, dx, flip}];
                }
        REQUIRE(found == 1);
    }
    return count;
}

}  // namespace

TEST_CASE("an order is a permutation that the seed alone decides") {
    CHECK(data::shuffled_order(0, 1).empty());
    CHECK(data::shuffled_order(1, 1) == std::vector<int64>{0});
    // The same on every platform.
    CHECK(data::shuffled_order(8, 7) == std::vector<int64>{1, 4, 5, 2, 6, 0, 3, 7});
    const auto a = data::shuffled_order(1000, 3);
    CHECK(a == data::shuffled_order(1000, 3));
    CHECK(a != data::shuffled_order(1000, 4));
    auto sorted = a;
    std::sort(sorted.begin(), sorted.end());
    CHECK(sorted == in_order(1000));
    // Every place is as likely: 24 orders of 4, each 1000 times of 24,000.
    std::map<std::vector<int64>, int> counts;
    for (sn::uint64 s = 0; s < 24'000; ++s) ++counts[data::shuffled_order(4, s)];
    REQUIRE(counts.size() == 24);
    double chi = 0;
    for (const auto& c : counts) chi += (c.second - 1000.0) * (c.second - 1000.0) / 1000.0;
    CHECK(chi < 55);  // 23 degrees of freedom: 1 in 5000
}

TEST_CASE("batches are views, in order or shuffled on the device") {
    on_each_device([](device d) {
        for (const int64 rows : {int64{1}, int64{10}, int64{67}}) {
            const auto x = pictures(rows);
            data::dataset set(x, numbers(rows, d));
            CHECK(set.size() == rows);
            const auto pass = [&](const data::batch_options& o) {
                std::vector<int64> seen;
                for (auto [a, b] : set.batches(o)) collect(seen, a, b);
                return seen;
            };
            CHECK(pass({.batch_size = 7}) == in_order(rows));
            CHECK(pass({.batch_size = 7, .drop_last = true}) == in_order(rows / 7 * 7));
            CHECK(set.batches({.batch_size = 7}).size() == (rows + 6) / 7);
            CHECK(std::get<0>(set.rows(0, 1)).shares_memory(x));
            sn::launch_counter c;
            set.shuffle(5);
            CHECK(c.launches() == 2);
            const auto once = pass({});
            CHECK(once == data::shuffled_order(rows, 5));
            set.shuffle(6);
            CHECK(pass({}) == data::shuffled_order(rows, 6));
            set.shuffle(5);
            CHECK(pass({}) == once);
            set.unshuffle();
            CHECK(pass({}) == in_order(rows));
        }
    });
}

TEST_CASE("rows in any order, from any layout; what lies outside is an error") {
    on_each_device([](device) {
        const auto x = pictures(4);
        const sn::tensor<float, 3> turned = permute(x, sn::axes<2, 1, 0>);
        const auto taken = data::take_rows(turned, {2, 0, 2}).to(device::host());
        CHECK(taken.extents() == sn::shape{3, 2, 4});
        CHECK(taken(0, 1, 3) == 35);
        CHECK(taken(1, 0, 1) == 10);
        CHECK(taken(2, 1, 3) == 35);
        CHECK(data::take_rows(x, {}).extents() == sn::shape{0, 2, 3});
    });
    CHECK(error_of([] {
              data::take_rows(pictures(2), {0, 2});
          }) == "take_rows: row 2 is outside an array of 2 rows.");
    CHECK(error_of([] { data::take_rows(pictures(2), {-1}); }) ==
          "take_rows: row -1 is outside an array of 2 rows.");
    CHECK(error_of([] { data::dataset(pictures(2), numbers(3)); }) ==
          "dataset: arrays of shapes (2, 2, 3) and (3,) have different numbers of rows.");
    data::dataset set(pictures(2));
    CHECK(error_of([&] { set.batches({.batch_size = 0}); }) ==
          "batches: batch_size must be at least 1, not 0.");
}

TEST_CASE("the loader brings every row, and what is kept stays as it was") {
    for (const device d : tensor_test::devices()) {
        const auto host = device::host();
        for (const int64 rows : {int64{0}, int64{1}, int64{64}, int64{67}})
            for (const int64 prefetch : {int64{1}, int64{3}}) {
                data::loader load({.batch_size = 8, .prefetch = prefetch, .to = d},
                                  pictures(rows, host),
                                  numbers(rows, host));
                std::vector<int64> seen;
                std::vector<std::tuple<sn::tensor<float, 3>, sn::tensor<int64, 1>>> kept;
                for (auto& [x, y] : load.epoch(0)) {
                    CHECK(x.where() == d);
                    collect(seen, x, y);
                    kept.emplace_back(x, y);
                }
                CHECK(seen == in_order(rows));
                CHECK(static_cast<int64>(kept.size()) == load.batch_count());
                seen.clear();
                for (auto& [x, y] : load.epoch(1)) collect(seen, x, y);
                CHECK(seen == in_order(rows));
                seen.clear();
                for (auto& [x, y] : kept) collect(seen, x, y);
                CHECK(seen == in_order(rows));
            }
        data::loader load({.batch_size = 8, .drop_last = true, .shuffle = true, .seed = 3, .to = d},
                          pictures(67, host),
                          numbers(67, host));
        std::vector<std::vector<int64>> epochs(3);
        for (int64 e = 0; e < 3; ++e)
            for (auto& [x, y] : load.epoch(e == 2 ? 0 : e))
                collect(epochs[static_cast<std::size_t>(e)], x, y);
        CHECK(epochs[0].size() == 64);
        CHECK(std::set<int64>(epochs[0].begin(), epochs[0].end()).size() == 64);
        CHECK(epochs[0] != epochs[1]);
        CHECK(epochs[0] == epochs[2]);
        // An epoch may be left in the middle.
        load.start(1);
        std::tuple<sn::tensor<float, 3>, sn::tensor<int64, 1>> one;
        CHECK(load.next(one));
        std::vector<int64> again;
        for (auto& [x, y] : load.epoch(1)) collect(again, x, y);
        CHECK(again == epochs[1]);
        // Or begin there, as when training goes on.
        again.clear();
        for (load.start(1, 3); load.next(one);) collect(again, std::get<0>(one), std::get<1>(one));
        CHECK(again == std::vector<int64>(epochs[1].begin() + 24, epochs[1].end()));
    }
    const auto x = pictures(2, device::host());
    CHECK(error_of([&] { data::loader({.prefetch = 0}, x); }) ==
          "loader: prefetch must be at least 1.");
    CHECK(error_of([&] { data::loader({.batch_size = 0}, x); }) ==
          "loader: batch_size must be at least 1, not 0.");
}

TEST_CASE("every image becomes one that it may become, and all of these come equally often") {
    struct row {
        sn::shape<4> shape;
        data::augment_options options;
        int choices;
    };
    tensor_test::on_each_device([](device d) {
        const int64 n = d.is_emulator() ? 40 : 4000;
        for (const row& r :
             {row{{n, 4, 5, 1}, {}, 1},
              row{{n, 4, 5, 1}, {.shift = 1}, 9},
              row{{n, 3, 5, 2}, {.flip = true}, 2},
              row{{n, 5, 6, 1}, {.height = 4, .width = 5}, 4},
              row{{n, 4, 4, 3}, {.shift = 1, .flip = true, .height = 3, .width = 3}, 32},
              row{{0, 4, 4, 1}, {.shift = 1}, 0}}) {
            std::vector<float> v;
            const sn::shape<4>& s = r.shape;
            for (int64 i = 0; i < s.size(); ++i) v.push_back(static_cast<float>(1 + i));
            // A view that begins in the middle of memory.
            v.insert(v.begin(), static_cast<std::size_t>(s[1] * s[2] * s[3]), -1.0F);
            const auto all = sn::from(v, sn::shape<4>{s[0] + 1, s[1], s[2], s[3]}, d);
            const sn::tensor<float, 4> x = slice(all, sn::range(1, s[0] + 1));
            sn::launch_counter ran;
            const sn::tensor<float, 4> made = data::augment(x, r.options, sn::random_key(7));
            CHECK((ran.launches() == 1 || s[0] == 0));
            auto count = choices_in(made, s, r.options);
            if (d.is_emulator()) continue;
            CHECK(static_cast<int>(count.size()) == r.choices);
            const double expected = static_cast<double>(s[0]) / std::max(r.choices, 1);
            for (const auto& [choice, times] : count)
                CHECK(std::abs(times - expected) < 5 * std::sqrt(expected) + 1);
            const sn::tensor<float, 4> again = data::augment(x, r.options, sn::random_key(7));
            CHECK(array_equal(again, made));
            const sn::tensor<float, 4> other = data::augment(x, r.options, sn::random_key(8));
            CHECK(array_equal(other, made) == (r.choices < 2));
        }
    });
}

TEST_CASE("the functions by their names, and what makes no sense") {
    const tensor_test::default_device_scope on(device::host());
    const sn::random_key key(3);
    const sn::tensor<float, 4> x = sn::uniform<float>(sn::shape<4>{20, 6, 6, 1}, key);
    const auto same = [&](const auto& a, const data::augment_options& o) {
        const sn::tensor<float, 4> made = a;
        const sn::tensor<float, 4> expected = data::augment(x, o, key);
        return array_equal(made, expected);
    };
    CHECK(same(data::random_shift(x, 2, key), {.shift = 2}));
    CHECK(same(data::random_flip(x, key), {.flip = true}));
    CHECK(same(data::random_crop(x, 5, 4, key, 1), {.shift = 1, .height = 5, .width = 4}));
    // The border stays zero: what is moved out of the part does not stand there.
    const sn::tensor<float, 4> part =
        data::augment(x, {.shift = 2, .flip = true, .height = 5, .width = 4}, key);
    const sn::tensor<float, 4> around =
        data::augment(x, {.shift = 2, .flip = true, .height = 5, .width = 4, .border = 2}, key);
    CHECK(array_equal(around, sn::pad(part, {{0, 0}, {2, 2}, {2, 2}, {0, 0}})));
    const auto normal = data::normalize(data::random_shift(x, 2, key), 0.5F, 0.25F);
    static_assert(sn::kernel_count(normal) == 1);
    const sn::tensor<float, 4> moved = data::random_shift(x, 2, key);
    CHECK(allclose(normal, (moved - 0.5F) / 0.25F));
    CHECK(error_of([&] { data::random_crop(x, 7, 4, key); }) ==
          "augment: a shift of 0 and a part of 7 x 4 make no sense for images of shape (20, 6, 6, "
          "1).");
    CHECK(error_of([&] { data::random_shift(x, -1, key); }).find("augment: a shift of -1") == 0);
}

TEST_CASE("what is drawn and normalised fuses into the first layer's product") {
    const sn::random_key key(5);
    const auto changed = [&](const auto& made) { return data::normalize(made, 0.25F, 0.5F); };
    const data::augment_options moved{.shift = 2, .flip = true};
    on_each_device([&](device d) {
        // A device computes what few windows and tiles repeat; a host multiplies arrays faster.
        const int launches = d.is_host() ? 2 : 1;
        const sn::tensor<float, 4> x = sn::uniform<float>(sn::shape<4>{3, 7, 6, 2}, key, d);
        const sn::tensor<float, 4> w = sn::normal<float>(sn::shape<4>{5, 3, 3, 2}, 0, 1, key, d);
        const sn::tensor<float, 1> b = sn::uniform<float>(sn::shape<1>{5}, key, d);
        const sn::tensor<float, 4> seen = changed(data::augment(x, moved, key));
        const sn::tensor<float, 4> expected = relu(conv2d(seen, w) + b);
        sn::launch_counter ran;
        const sn::tensor<float, 4> made =
            relu(conv2d(changed(data::augment(x, moved, key)), w) + b);
        CHECK(ran.launches() == launches);
        CHECK(array_equal(made, expected));

        const sn::tensor<float, 2> dense = sn::normal<float>(sn::shape<2>{84, 5}, 0, 1, key, d);
        const sn::tensor<float, 2> rows = changed(data::augment_rows(x, moved, key));
        CHECK(array_equal(rows, reshape(seen, sn::shape<2>{3, 84})));
        const sn::tensor<float, 2> out = relu(matmul(rows, dense) + b);
        const sn::launch_counter also;
        const sn::tensor<float, 2> fused =
            relu(matmul(changed(data::augment_rows(x, moved, key)), dense) + b);
        CHECK(also.launches() == launches);
        CHECK(allclose(fused, out));

        if (d.is_host()) return;
        // So many images are stored first: the windows would take longer to compute them again.
        const auto many = sn::zeros<float>(sn::shape<4>{64, 28, 28, 1}, d);
        const auto filters = sn::zeros<float>(sn::shape<4>{4, 3, 3, 1}, d);
        const auto text = [&](const auto& images) {
            return sn::explain(conv2d(changed(data::augment(images, moved, key)), filters));
        };
        CHECK(text(many).find("the operand of a product is stored") != std::string::npos);
        const sn::tensor<float, 4> few = slice(many, sn::range(0, 32));
        CHECK(text(few).find("1 kernel\n") == 0);
        // What is normalised alone costs less than the loads around it, however many there are.
        CHECK(sn::explain(conv2d(changed(many), filters)).find("1 kernel\n") == 0);
    });
}
