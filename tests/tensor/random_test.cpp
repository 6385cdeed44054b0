// Random numbers: the published vectors of Philox, the same bits on every device, statistics of
// each distribution (seeds are fixed, so nothing here is left to chance), and that they fuse.
#include "tensor/support.hpp"

#include <map>
#include <set>
#include <sinter/random.hpp>

namespace {

using namespace tensor_test;
using sn::axis;
using sn::random_key;
using sn::shape;
using sn::tensor;
namespace random_bits = sn::random;

TEST_CASE("Philox4x32-10 gives the known answers") {
    // From the file kat_vectors of Random123, the generator's reference implementation.
    struct row {
        random_bits::words counter;
        sn::uint32 key[2];
        sn::uint32 want[4];
    };
    const row rows[] = {{{{0, 0, 0, 0}}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
                        {{{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}},
                         {0xffffffff, 0xffffffff},
                         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
                        {{{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}},
                         {0xa4093822, 0x299f31d0},
                         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}};
    for (const row& r : rows) {
        const auto got = random_bits::philox(r.counter, r.key[0], r.key[1]);
        for (int i = 0; i < 4; ++i) CHECK(got.w[i] == r.want[i]);
    }
    static_assert(random_bits::philox({{0, 0, 0, 0}}, 0, 0).w[0] == 0x6627e8d5);
    // Element i of stream s and seed k is counter (i, s) under key k.
    const auto a = random_bits::source{0x299f31d0a4093822, 0x0370734413198a2e}.at(
        static_cast<int64>(0x85a308d3243f6a88));
    CHECK(a.low() == 0x94fdccebd16cfe09);
    CHECK(random_bits::high_product(0xfedcba9876543210, 0x123456789abcdef1) == 0x121fa00ad77d7423);
}

/// As large as the sum of squares of `cells` counts that should be `each` gets by chance in one of
/// a million cases, at most.
bool even(const std::map<int64, double>& counts, std::size_t cells, double each) {
    double sum = 0;
    for (const auto& [value, n] : counts) sum += (n - each) * (n - each) / each;
    sum += static_cast<double>(cells - counts.size()) * each;
    const double k = static_cast<double>(cells - 1);
    return counts.size() <= cells && sum < k + 5 * std::sqrt(2 * k) + 25;
}
struct moments {
    double mean = 0, variance = 0, least = INFINITY, most = -INFINITY;
};
moments moments_of(const reals& v) {
    moments m;
    for (const double x : v.of) {
        m.mean += x / static_cast<double>(v.of.size());
        m.least = std::min(m.least, x);
        m.most = std::max(m.most, x);
    }
    for (const double x : v.of)
        m.variance += (x - m.mean) * (x - m.mean) / static_cast<double>(v.of.size());
    return m;
}

TEST_CASE("uniform, normal, bernoulli, randint: statistics, and the same on every device") {
    constexpr int64 n = 30011;
    const random_key key(20, 7);
    std::vector<reals> first;
    std::vector<integers> whole;
    on_each_device([&](device) {
        const std::vector<reals> all{get(sn::uniform(shape{n}, key)),
                                     get(sn::uniform<double>(shape{n}, key)),
                                     get(sn::uniform<half>(shape{n}, key)),
                                     get(sn::uniform<bfloat16>(shape{n}, key)),
                                     get(sn::uniform(shape{n}, -0.1, 0.7, key))};
        for (std::size_t k = 0; k < 4; ++k) {
            CAPTURE(k);
            const moments m = moments_of(all[k]);
            CHECK(std::abs(m.mean - 0.5) < 0.01);
            CHECK(std::abs(m.variance - 1.0 / 12) < 0.003);
            CHECK((m.least >= 0 && m.most < 1));
            std::map<int64, double> cells;
            for (const double x : all[k].of) ++cells[static_cast<int64>(x * 64)];
            CHECK(even(cells, 64, n / 64.0));
        }
        const moments m = moments_of(all[4]);
        CHECK(std::abs(m.mean - 0.3) < 0.008);
        CHECK((m.least >= rounded<float>(-0.1) && m.most < rounded<float>(0.7)));
        const std::vector<integers> integer{get(sn::randint(-3, 4, shape{n}, key)),
                                            get(sn::bernoulli(shape{n}, 0.25, key)),
                                            get(sn::permutation(n, key)),
                                            get(sn::randint(INT64_MIN, INT64_MAX, shape{9}, key))};
        std::map<int64, double> cells;
        for (const int64 x : integer[0].of) ++cells[x];
        CHECK((cells.begin()->first == -3 && cells.rbegin()->first == 3));
        CHECK(even(cells, 7, n / 7.0));
        double heads = 0;
        for (const int64 x : integer[1].of) heads += static_cast<double>(x);
        CHECK(std::abs(heads / n - 0.25) < 0.01);
        if (first.empty()) {
            first = all;
            whole = integer;
        }
        for (std::size_t k = 0; k < all.size(); ++k) CHECK(difference(all[k], first[k]) == "");
        for (std::size_t k = 0; k < integer.size(); ++k)
            CHECK(difference(integer[k], whole[k]) == "");

        const auto z = get(sn::normal<double>(shape{n}, 1, 2, key));
        const moments g = moments_of(z);
        CHECK(std::abs(g.mean - 1) < 0.05);
        CHECK(std::abs(g.variance - 4) < 0.15);
        double inside = 0;
        for (const double x : z.of) inside += std::abs(x - 1) < 2;
        CHECK(std::abs(inside / n - 0.6827) < 0.01);
        const moments f = moments_of(get(sn::normal(shape{n}, 0, 1, key)));
        CHECK((std::abs(f.mean) < 0.03 && std::abs(f.variance - 1) < 0.04));
    });
}

TEST_CASE("streams, seeds, and what is asked twice") {
    const device host = device::host();
    const auto bits = [&](random_key k) { return get(sn::uniform(shape{64}, k, host)).of; };
    std::set<std::vector<double>> seen;
    for (sn::uint64 n = 0; n < 20; ++n) {
        seen.insert(bits(random_key(n)));
        seen.insert(bits(random_key(5, n + 1)));
        seen.insert(bits(random_key(5).fold_in(n)));
        seen.insert(bits(random_key(6).fold_in(n)));
    }
    CHECK(seen.size() == 80);
    sn::manual_seed(3);
    const auto a = sn::uniform(shape{5}, random_key(3), host);
    CHECK(array_equal(sn::uniform(shape{5}), a));
    const auto state = sn::random_state();
    const tensor<float, 1> second = sn::uniform(shape{5});
    CHECK_FALSE(array_equal(second, a));
    sn::set_random_state(state);
    CHECK(array_equal(sn::uniform(shape{5}), second));
    CHECK(array_equal(a, a));
    // A part of an array, and another shape, are the same numbers.
    const auto grid = sn::uniform(shape{7, 9}, random_key(1), host);
    CHECK(array_equal(slice(grid, sn::range(2, 6, 3)),
                      slice(reshape(sn::uniform(shape{63}, random_key(1), host), shape{7, 9}),
                            sn::range(2, 6, 3))));
    for (const auto& [text, call] : std::vector<std::pair<std::string, void (*)()>>{
             {"uniform: the bounds must be", [] { sn::uniform(shape{2}, 1, 0); }},
             {"bernoulli: the probability must lie in [0, 1]",
              [] { sn::bernoulli(shape{2}, 1.5); }},
             {"randint: the lower bound", [] { sn::randint(3, 3, shape{2}); }},
             {"dropout: the probability", [] { sn::dropout(sn::zeros<float>(2), -0.1); }}})
        CHECK(contains(error_of<sn::error>(call), text));
}

TEST_CASE("permutations") {
    const device host = device::host();
    for (const int64 n : {0, 1, 2, 3, 7, 100, 1025}) {
        const auto p = get(sn::permutation(n, random_key(4), host)).of;
        CHECK(static_cast<int64>(std::set<int64>(p.begin(), p.end()).size()) == n);
        if (n > 0)
            CHECK((*std::min_element(p.begin(), p.end()) == 0 &&
                   *std::max_element(p.begin(), p.end()) == n - 1));
    }
    std::map<int64, double> orders, at_first;
    for (sn::uint64 k = 0; k < 2400; ++k) {
        const auto p = get(sn::permutation(4, random_key(k), host)).of;
        ++orders[p[0] * 64 + p[1] * 16 + p[2] * 4 + p[3]];
        ++at_first[get(sn::permutation(30, random_key(1, k), host)).of[3]];
    }
    const auto rows = put<float, 2>(random({9, 3}, 1), host);
    const tensor<float, 2> mixed = sn::shuffle(rows, random_key(3));
    CHECK(array_equal(mixed, sn::take(rows, sn::permutation(9, random_key(3)))));
    CHECK_FALSE(array_equal(mixed, rows));
    CHECK(even(orders, 24, 100));
    CHECK(even(at_first, 30, 80));
}

TEST_CASE("dropout is one kernel without a mask") {
    on_each_device([](device d) {
        const auto v = random({50, 41}, 1);
        for (const layout l : layouts) {
            const auto x = put<float, 2>(v, d, l);
            const byte_meter bytes(x);
            sn::launch_counter ran;
            const tensor<float, 2> y = sn::dropout(x, 0.25, random_key(9));
            CHECK(ran.launches() == 1);
            CHECK(ran.temporaries() == 0);
            CHECK(ran.bytes_loaded() == 4 * v.size());
            CHECK_MESSAGE(bytes.loaded(4 * static_cast<std::uint64_t>(v.size())), bytes.text());
            const auto keep = get(sn::bernoulli(shape{50, 41}, 0.75, random_key(9), d));
            CHECK(difference(get(y),
                             map(
                                 [](double a, int64 k) {
                                     return k ? rounded<float>(a * static_cast<double>(1 / 0.75F))
                                              : 0.0;
                                 },
                                 v,
                                 keep),
                             1e-6) == "");
        }
        const auto x = put<float, 2>(v, d);
        CHECK(difference(get(sn::dropout(x, 0)), v) == "");
        CHECK(difference(get(sn::dropout(x, 1) * 1), reals({50, 41})) == "");
        // Within a row program; the probabilities of a bernoulli fuse as well.
        const auto y = softmax(sn::dropout(x, 0.5, random_key(2)));
        static_assert(sn::kernel_count_v<decltype(y)> == 1);
        CHECK(std::abs(get(sum(y)).of[0] - 50) < 1e-3);
        const auto coins = sn::bernoulli(x * 0 + sn::arange<float>(41) / 40, random_key(8));
        const auto heads = get(sum(coins, axis<0>)).of;
        CHECK((heads[0] == 0 && heads[40] == 50 &&
               std::abs(static_cast<double>(heads[20]) - 25) < 15));
    });
}

}  // namespace
