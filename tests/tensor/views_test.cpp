// Views of tensors and of expressions, assignment through views, and aliasing: whatever overlaps,
// the result is that of computing into new memory first.
#include "tensor/support.hpp"

namespace {

using namespace tensor_test;
using sn::axes;
using sn::axis;
using sn::keepdims;
using sn::out;
using sn::range;
using sn::shape;
using sn::tensor;

// ---- references

/// Axis i of the result is axis order[i] of `v`.
template <class V>
values<V> permuted(const values<V>& v, const std::vector<std::size_t>& order) {
    extents e;
    for (const std::size_t k : order) e.push_back(v.shape[k]);
    values<V> r(e);
    std::size_t n = 0;
    for_each_index(e, [&](const extents& i) {
        extents from(i.size());
        for (std::size_t k = 0; k < order.size(); ++k) from[order[k]] = i[k];
        r.of[n++] = element_at(v, from);
    });
    return r;
}
/// As Python's v[start:stop:step] along one axis.
template <class V>
values<V> cut(const values<V>& v, std::size_t axis_, int64 start, int64 stop, int64 step) {
    const int64 n = v.shape[axis_];
    if (start < 0) start += n;
    if (stop < 0) stop += n;
    std::vector<int64> kept;
    if (step > 0)
        for (int64 i = std::max<int64>(start, 0); i < std::min(stop, n); i += step)
            kept.push_back(i);
    else
        for (int64 i = std::min(start, n - 1); i > std::max<int64>(stop, -1); i += step)
            kept.push_back(i);
    extents e = v.shape;
    e[axis_] = static_cast<int64>(kept.size());
    values<V> r(e);
    std::size_t k = 0;
    for_each_index(e, [&](extents i) {
        i[axis_] = kept[at(i[axis_])];
        r.of[k++] = element_at(v, i);
    });
    return r;
}
reals doubled_plus_one(const reals& v) {
    return map([](double x) { return 2 * x + 1; }, v);
}

// ---- views

TEST_CASE("views of tensors look at the same memory") {
    on_each_device([](device d) {
        const auto v = random({3, 4, 5});
        for (const layout l : layouts) {
            const auto a = put<float, 3>(v, d, l);
            const auto p = permute(a, axes<2, 0, 1>);
            CHECK(p.shares_memory(a));
            CHECK(difference(get(p), permuted(v, {2, 0, 1})) == "");
            CHECK(difference(get(permute(a, axes<-1, -2, 0>)), permuted(v, {2, 1, 0})) == "");
            const auto s = slice(a, range(-2, 3), sn::_, range(4, -10, -2));
            CHECK(s.shares_memory(a));
            CHECK(difference(get(s), cut(cut(v, 0, -2, 3, 1), 2, 4, -10, -2)) == "");
            const auto b = broadcast_to(slice(a, range(1, 2)), shape{2, 7, 4, 5});
            CHECK(b.shares_memory(a));
            CHECK(difference(get(b),
                             map([](double, double x) { return x; },
                                 reals({2, 7, 4, 5}),
                                 cut(v, 0, 1, 2, 1))) == "");
            const auto r = reshape(a, shape{4, 15});
            CHECK(r.shares_memory(a) == a.is_contiguous());
            CHECK(difference(get(r), reals({4, 15}, v.of)) == "");
        }
        const auto a = put<float, 2>(random({6, 7}), d);
        CHECK(difference(get(transpose(a)), transposed(random({6, 7}))) == "");
        CHECK(reshape(a, shape{42, 1, 1}).data() == a.data());
        CHECK(reshape(put<float, 1>(random({0}), d), shape{3, 0}).extents() == shape{3, 0});
        CHECK(get(reshape(put<float, 2>(reals({1, 1}, {5}), d), shape<0>{})).of[0] == 5);
    });
}

TEST_CASE("slices follow Python's rules") {
    on_each_device([](device d) {
        const auto v = random({7});
        const auto a = put<double, 1>(v, d);
        for (int64 start = -9; start <= 9; ++start)
            for (int64 stop = -9; stop <= 9; ++stop)
                for (const int64 step : {-3, -2, -1, 1, 2, 5}) {
                    const auto want = cut(v, 0, start, stop, step);
                    const tensor<double, 1> s = slice(a, range(start, stop, step));
                    if (difference(get(s), want) == "") continue;
                    FAIL(start << ":" << stop << ":" << step << " " << difference(get(s), want));
                }
        for (const auto& r : {range(2, 6, 2), range(5, 0, -2), range(3, 3), range(-1, -20, -1)}) {
            const tensor<double, 1> of_tensor = slice(a, r), lazy = slice(a * 2 + 1, r);
            CHECK(difference(get(lazy), doubled_plus_one(get(of_tensor))) == "");
        }
    });
}

TEST_CASE("views of expressions") {
    on_each_device([](device d) {
        const auto v = random({3, 4, 5});
        const auto e2 = doubled_plus_one(v);
        for (const layout l : layouts) {
            const auto a = put<float, 3>(v, d, l);
            const auto e = a * 2 + 1;
            sn::launch_counter ran;
            const tensor<float, 3> p = permute(e, axes<1, 2, 0>);
            const tensor<float, 3> s = slice(e, range(2, 0, -1), range(1, 4, 2));
            const tensor<float, 3> both = slice(permute(e, axes<2, 1, 0>), sn::_, range(0, 2));
            const tensor<float, 4> b = broadcast_to(e, shape{2, 3, 4, 5});
            CHECK(ran.launches() == 4);
            CHECK(ran.temporaries() == 0);
            const tensor<float, 2> r = reshape(e, shape{15, 4});
            CHECK(difference(get(p), permuted(e2, {1, 2, 0})) == "");
            CHECK(difference(get(s), cut(cut(e2, 0, 2, 0, -1), 1, 1, 4, 2)) == "");
            CHECK(difference(get(both), cut(permuted(e2, {2, 1, 0}), 1, 0, 2, 1)) == "");
            CHECK(difference(get(b),
                             map([](double, double x) { return x; }, reals({2, 3, 4, 5}), e2)) ==
                  "");
            CHECK(difference(get(r), reals({15, 4}, e2.of)) == "");
        }
        const auto m = random({6, 4}, 1), n = random({4, 6}, 2);
        const auto x = put<float, 2>(m, d), y = put<float, 2>(n, d);
        const auto total = [](const reals& of, int k, bool keep) {
            return fold(of, {k}, keep, [](const std::vector<double>& row) {
                double t = 0;
                for (const double w : row) t += w;
                return t;
            });
        };
        const tensor<float, 2> sums = transpose(sum(x, axis<1>, keepdims));
        CHECK(difference(get(sums), transposed(total(m, 1, true))) == "");
        const tensor<float, 2> some = slice(sum(x, axis<0>, keepdims), sn::_, range(3, 0, -1));
        CHECK(difference(get(some), cut(total(m, 0, true), 1, 3, 0, -1)) == "");
        const tensor<float, 2> spread = broadcast_to(sum(x, axis<1>, keepdims), shape{6, 3});
        CHECK(difference(
                  get(spread),
                  map([](double, double t) { return t; }, reals({6, 3}), total(m, 1, true))) == "");
        const tensor<float, 2> folded = reshape(sum(x, axis<1>), shape{2, 3}) * 2;
        CHECK(difference(
                  get(folded),
                  reals({2, 3}, map([](double t) { return 2 * t; }, total(m, 1, false)).of)) == "");
        const tensor<float, 2> square = transpose(matmul(x, y)) + 1;
        CHECK(difference(get(square),
                         map([](double t) { return t + 1; }, transposed(product(m, n)))) == "");
        const tensor<float, 2> corner = slice(matmul(x, y), range(0, 3), range(5, 1, -1));
        CHECK(difference(get(corner), cut(cut(product(m, n), 0, 0, 3, 1), 1, 5, 1, -1)) == "");
        // A view of a view of a stored value, read again in another shape.
        const tensor<float, 2> deep = transpose(reshape(transpose(x) * 2, shape{3, 8})) + 1;
        CHECK(difference(get(deep),
                         doubled_plus_one(transposed(reals({3, 8}, transposed(m).of)))) == "");
        // Another shape of such a view: its order counts, not that in memory.
        const tensor<float, 1> flat = flatten(transpose(reshape(x * 2 + 1, shape{3, 8})));
        CHECK(difference(get(flat),
                         reals({24}, doubled_plus_one(transposed(reals({3, 8}, m.of))).of)) == "");
    });
}

TEST_CASE("a view of a stored value under another shape") {
    on_each_device([](device d) {
        const integers v = random<int64>({3, 4}, 1);
        const auto a = put<int, 2>(v, d), one = put<int, 2>(random<int64>({4, 4}, 2), d);
        const tensor<int, 2> product = matmul(a, one);
        const integers p = get(product);
        integers cut({2, 3}), turned({2, 6}), flat({12});
        flat.of = p.of;
        for (std::size_t i = 0; i < 6; ++i) cut.of[i] = p.of[i / 2 * 4 + 1 + i % 2];
        for (std::size_t i = 0; i < 12; ++i) turned.of[i] = p.of[i / 4 * 4 + 3 - i % 4];
        const tensor<int, 2> r = reshape(slice(matmul(a, one), sn::_, range(1, 3)), shape<2>{2, 3});
        CHECK(difference(get(r), cut) == "");
        const tensor<int, 2> s = reshape(flip(matmul(a, one), axis<1>), shape<2>{2, 6});
        CHECK(difference(get(s), turned) == "");
        const tensor<int, 1> t = reshape(reshape(matmul(a, one), shape<2>{2, 6}), shape<1>{12});
        CHECK(difference(get(t), flat) == "");
    });
}

TEST_CASE("flip, squeeze, unsqueeze, flatten and open extents") {
    on_each_device([](device d) {
        const auto v = random({3, 1, 5});
        const auto e2 = doubled_plus_one(v);
        const auto backwards = [](const reals& x, std::size_t k) {
            return cut(x, k, 100, -100, -1);
        };
        for (const layout l : layouts) {
            const auto a = put<float, 3>(v, d, l);
            const auto e = a * 2 + 1;
            CHECK(flip(a, axis<0>).shares_memory(a));
            CHECK(difference(get(flip(a, axis<-1>)), backwards(v, 2)) == "");
            CHECK(difference(get(flip(a, axis<>)), backwards(backwards(v, 0), 2)) == "");
            const tensor<float, 3> f = flip(e, axis<0, 2>);
            CHECK(difference(get(f), backwards(backwards(e2, 0), 2)) == "");
            const auto s = squeeze(a, axis<1>);
            CHECK(s.shares_memory(a));
            CHECK(difference(get(s), reals({3, 5}, v.of)) == "");
            const tensor<float, 2> t = squeeze(e, axis<-2>) * 1;
            CHECK(difference(get(t), reals({3, 5}, e2.of)) == "");
            const auto u = unsqueeze(s, axis<0, -1>);
            CHECK(u.shares_memory(a));
            CHECK(difference(get(u), reals({1, 3, 5, 1}, v.of)) == "");
            const tensor<float, 4> w = unsqueeze(e, axis<2>) + 0;
            CHECK(difference(get(w), reals({3, 1, 1, 5}, e2.of)) == "");
            CHECK(difference(get(flatten(a)), reals({15}, v.of)) == "");
            CHECK(flatten(a).shares_memory(a) == a.is_contiguous());
            const tensor<float, 1> g = flatten(e);
            CHECK(difference(get(g), reals({15}, e2.of)) == "");
            CHECK(difference(get(reshape(a, shape{5, -1})), reals({5, 3}, v.of)) == "");
            const tensor<float, 2> r = reshape(e, shape{-1, 5});
            CHECK(difference(get(r), reals({3, 5}, e2.of)) == "");
        }
        // What was reduced, without its axis.
        const auto m = put<float, 2>(random({4, 6}), d);
        const tensor<float, 1> sums = squeeze(sum(m, axis<1>, keepdims), axis<1>) * 2;
        const tensor<float, 1> same = sum(m, axis<1>) * 2;
        CHECK(difference(get(sums), get(same)) == "");

        CHECK(flip(put<float, 2>(random({0, 3}), d), axis<>).extents() == shape{0, 3});
        CHECK(error_of<sn::shape_error>([&] { squeeze(m, axis<0>); }) ==
              "squeeze: axis 0 of shape (4, 6) has extent 4, not 1.");
        CHECK(error_of<sn::shape_error>([&] { squeeze(m + 1, axis<-1>); }) ==
              "squeeze: axis -1 of shape (4, 6) has extent 6, not 1.");
        for (const auto& bad : {shape{5, -1}, shape{-1, -1}, shape{-1, 0}, shape{-2, 12}}) {
            const auto why = "reshape: shape (4, 6) has 24 elements and cannot become " +
                             sn::shape_text(bad) + ".";
            CHECK(error_of<sn::shape_error>([&] { reshape(m, bad); }) == why);
            CHECK(error_of<sn::shape_error>([&] { sn::eval(reshape(m + 1, bad)); }) == why);
        }
    });
}

TEST_CASE("an array by index: integers drop an axis, ranges cut it") {
    on_each_device([](device d) {
        const auto v = random({3, 4, 5});
        const auto at_place = [](const reals& x, std::size_t k, int64 i) {
            auto r = cut(x, k, i, i < 0 ? i + x.shape[k] + 1 : i + 1, 1);
            r.shape.erase(r.shape.begin() + static_cast<std::ptrdiff_t>(k));
            return r;
        };
        for (const layout l : layouts) {
            const auto a = put<float, 3>(v, d, l);
            CHECK(a(1).shares_memory(a));
            CHECK(difference(get(a(1)), at_place(v, 0, 1)) == "");
            CHECK(difference(get(a(-1, 2)), at_place(at_place(v, 0, -1), 0, 2)) == "");
            CHECK(difference(get(a(sn::_, range(2, -1), 3)), at_place(cut(v, 1, 2, -1, 1), 2, 3)) ==
                  "");
            CHECK(difference(get(a(range(2, -10, -2), sn::_, range(1, 3))),
                             cut(cut(v, 0, 2, -10, -2), 2, 1, 3, 1)) == "");
            CHECK(a(range(0, 0), 1).extents() == shape{0, 5});
            const tensor<float, 2> sums = a(0) + a(1, range(0, 1));
            CHECK(sums.extents() == shape{4, 5});
        }
        const auto b = put<float, 2>(reals({2, 3}, {1, 2, 3, 4, 5, 6}), d);
        b(sn::_, 1) = b(sn::_, 2) * 10;
        b(0) = 7.0F;
        CHECK(difference(get(b), reals({2, 3}, {7, 7, 7, 4, 60, 6})) == "");
        CHECK(error_of<sn::shape_error>([&] { b(2); }) ==
              "Indexing: index 2 is outside axis 0 of shape (2, 3).");
        CHECK(error_of<sn::shape_error>([&] { b(sn::_, -4); }) ==
              "Indexing: index -4 is outside axis 1 of shape (2, 3).");
    });
}

// ---- assignment through views

TEST_CASE("assignment to a view writes through") {
    on_each_device([](device d) {
        for (const layout l : layouts) {
            const auto v = random({4, 6}, 1), w = random({6, 4}, 2);
            const auto a = put<float, 2>(v, d, l);
            const auto b = put<float, 2>(w, d, l);
            const float* before = a.data();
            transpose(a) = b * 2 + 1;
            CHECK(a.data() == before);
            CHECK(difference(get(a), transposed(doubled_plus_one(w))) == "");
            slice(a, range(1, 3), range(0, 6, 2)) = 7;
            auto want = transposed(doubled_plus_one(w));
            for (const std::size_t i : {1UL, 2UL})
                for (const std::size_t j : {0UL, 2UL, 4UL}) want.of[i * 6 + j] = 7;
            CHECK(difference(get(a), want) == "");
            slice(a, range(3, 4)) = slice(b, range(2, 3), range(1, 2));  // one value for a row
            for (const std::size_t j : {18UL, 19UL, 20UL, 21UL, 22UL, 23UL}) want.of[j] = w.of[9];
            CHECK(difference(get(a), want) == "");
            permute(a, axes<1, 0>) = slice(b, sn::_, range(3, 4));  // a column for every column
            CHECK(difference(get(a),
                             map([](double, double x) { return x; },
                                 want,
                                 transposed(cut(w, 1, 3, 4, 1)))) == "");
            auto from = slice(b, range(0, 4), range(0, 4));
            auto to = slice(a, sn::_, range(2, 6));
            to = from;  // of one type: writes through as well
            CHECK(difference(get(slice(a, sn::_, range(2, 6))), cut(w, 0, 0, 4, 1)) == "");
            to = std::move(from);
            CHECK(to.shares_memory(a));
            tensor<float, 2> handle = to;  // a handle on the same memory, which re-seats
            handle = b;
            CHECK(handle.shares_memory(b));
            CHECK(to.shares_memory(a));
            CHECK(
                contains(error_of<sn::shape_error>([&] { slice(a, range(0, 2)) = b; }), "(6, 4)"));
        }
    });
}

TEST_CASE("compound assignment reaches everyone who shares the memory") {
    on_each_device([](device d) {
        const auto v = random({3, 5}, 1), w = random({5}, 2);
        for (const layout l : layouts) {
            tensor<float, 2> a = put<float, 2>(v, d, l);
            const tensor<float, 2> also = a;
            const auto b = put<float, 1>(w, d);
            a += b;
            a *= 3;
            a -= b * 0.5;
            auto column = slice(a, sn::_, range(2, 3));
            column /= 2;
            auto want = map([](double x, double y) { return (x + y) * 3 - y * 0.5; }, v, w);
            for (const std::size_t i : {2UL, 7UL, 12UL}) want.of[i] /= 2;
            CHECK(difference(get(also), want) == "");
            CHECK(also.data() == a.data());
        }
        auto i = put<int64, 1>(integers({4}, {7, -7, 5, 0}), d);
        i /= 2;
        i += i;
        CHECK(difference(get(i), integers({4}, {6, -6, 4, 0})) == "");
    });
}

// ---- aliasing

/// What memory holds after `v` was written through the view `to` of a whole tensor.
reals written(reals memory, const tensor<float, 2>& to, const reals& v) {
    std::size_t k = 0;
    for_each_index(v.shape, [&](const extents& i) {
        memory.of[at(to.offset() + i[0] * to.strides()[0] + i[1] * to.strides()[1])] = v.of[k++];
    });
    return memory;
}
/// A random view of n x n elements, shifted, reversed, spread or transposed.
sn::tensor_view<float, 2> random_view(const tensor<float, 2>& a, int64 n, random_numbers& r) {
    const auto cut_axis = [&](int64 extent) {
        const int64 step = (1 + r.below((extent - 1) / (n - 1))) * (r.below(2) ? 1 : -1);
        const int64 span = std::abs(step) * (n - 1), start = r.below(extent - span);
        return step > 0 ? range(start, start + span + 1, step)
                        : range(start + span, start == 0 ? -extent - 1 : start - 1, step);
    };
    const auto rows = cut_axis(a.extent(0)), columns = cut_axis(a.extent(1));
    const auto s = slice(a, rows, columns);
    return r.below(2) ? transpose(s) : s;
}

TEST_CASE("overlapping views: the result is that of computing through a temporary") {
    const auto v = random({9, 9});
    on_each_device([&](device d) {
        random_numbers r(d.is_host() ? 5 : 6);
        for (int round = 0; round < 150; ++round) {
            CAPTURE(round);
            const auto a = put<float, 2>(v, d);
            auto to = random_view(a, 3, r);
            const auto x = random_view(a, 3, r), y = random_view(a, 3, r);
            const auto vx = get(x), vy = get(y), vt = get(to);
            reals want;
            switch (round % 6) {
                case 0:
                    to = x * 2 + 1;
                    want = doubled_plus_one(vx);
                    break;
                case 1:
                    to = x + transpose(y);
                    want = map([](double p, double q) { return p + q; }, vx, transposed(vy));
                    break;
                case 2:
                    to += x;
                    want = map([](double p, double q) { return p + q; }, vt, vx);
                    break;
                case 3:
                    to = x;
                    want = vx;
                    break;
                case 4:
                    to = matmul(x, y);
                    want = product(vx, vy);
                    break;
                default:
                    to = y - max(x, axis<0>);
                    want = map([](double p, double q) { return p - q; },
                               vy,
                               fold(vx, {0}, false, [](const std::vector<double>& c) {
                                   return *std::max_element(c.begin(), c.end());
                               }));
            }
            if (const auto text = difference(get(a), written(v, to, want)); text != "")
                FAIL_CHECK(text);
        }
    });
}

TEST_CASE("an array may stand on both sides") {
    on_each_device([](device d) {
        for (const int64 n : {1, 5, 70}) {
            CAPTURE(n);
            const auto v = random({n, n}, 1), w = random({n, n}, 2);
            const auto plus = [](double p, double q) { return p + q; };
            tensor<double, 2> x = put<double, 2>(v, d);
            x = transpose(x) + x;
            const auto sum_of = map(plus, transposed(v), v);
            CHECK(difference(get(x), sum_of) == "");
            x = matmul(x, x) + x;
            CHECK(difference(get(x), map(plus, product(sum_of, sum_of), sum_of)) == "");

            tensor<double, 2> s = put<double, 2>(v, d);
            const double* before = s.data();
            s = softmax(s);
            CHECK(s.data() == before);  // a row is read before it is written
            const auto parts = map([](double p) { return std::exp(p); }, v);
            const auto row_sums = fold(parts, {1}, true, [](const std::vector<double>& row) {
                double t = 0;
                for (const double p : row) t += p;
                return t;
            });
            const auto soft = map([](double p, double t) { return p / t; }, parts, row_sums);
            CHECK(difference(get(s), soft, 1e-13) == "");

            tensor<double, 2> c = put<double, 2>(v, d);
            c = c - sum(c, axis<0>);  // columns are needed whole before anything is written
            const auto columns = fold(v, {0}, false, [](const std::vector<double>& column) {
                double t = 0;
                for (const double p : column) t += p;
                return t;
            });
            CHECK(difference(get(c), map([](double p, double q) { return p - q; }, v, columns)) ==
                  "");

            tensor<double, 2> weights = put<double, 2>(v, d);
            const tensor<double, 2> held = weights;
            const auto g = put<double, 2>(w, d), images = put<double, 2>(v, d);
            weights -= 0.25 * matmul(transpose(images), g);
            CHECK(difference(get(held),
                             map([](double p, double q) { return p - 0.25 * q; },
                                 v,
                                 product(transposed(v), w))) == "");
            weights += transpose(weights);
            const auto u =
                map([](double p, double q) { return p - 0.25 * q; }, v, product(transposed(v), w));
            CHECK(difference(get(held), map(plus, u, transposed(u))) == "");
        }
    });
}

TEST_CASE("evaluate: all right sides read the values from before") {
    on_each_device([](device d) {
        const auto v = random({5, 5}, 1), w = random({5, 5}, 2);
        for (const bool shared : {false, true}) {
            tensor<float, 2> a = put<float, 2>(v, d), b = put<float, 2>(w, d);
            tensor<float, 2> keep_a, keep_b;
            if (shared) keep_a = a, keep_b = b;
            sn::evaluate(out(a) = b + 1, out(b) = a * 2);
            CHECK(difference(get(a), map([](double q) { return q + 1; }, w)) == "");
            CHECK(difference(get(b), map([](double p) { return p * 2; }, v)) == "");
            if (shared) {
                CHECK(difference(get(keep_a), v) == "");
                CHECK(difference(get(keep_b), w) == "");
            }
            a = put<float, 2>(v, d);
            b = put<float, 2>(w, d);
            sn::evaluate(out(a) = transpose(b) - a, out(b) = b - a);
            CHECK(difference(get(a),
                             map([](double q, double p) { return q - p; }, transposed(w), v)) ==
                  "");
            CHECK(difference(get(b), map([](double q, double p) { return q - p; }, w, v)) == "");
            // The same tensor twice: the later one stays.
            sn::evaluate(out(a) = b, out(a) = b + 1);
            CHECK(difference(get(a), map([](double q, double p) { return q - p + 1; }, w, v)) ==
                  "");
        }
        // Plain handles swap without a copy being lost.
        tensor<float, 2> a = put<float, 2>(v, d), b = put<float, 2>(w, d);
        sn::evaluate(out(a) = b, out(b) = a);
        CHECK(difference(get(a), w) == "");
        CHECK(difference(get(b), v) == "");
    });
}

}  // namespace
