// The map kernel against plain loops.
#include "kernel/stages.hpp"
#include "kernel/support.hpp"

namespace kernel_test {
namespace {

// One contiguous case of `chain`; offsets in elements.
template <class T>
void check_chain(
    int64 n, int64 offset_x, int64 offset_y, int64 offset_out, bool first, bool second) {
    constexpr dtype d = sinter::dtype_v<T>;
    CAPTURE(n);
    CAPTURE(offset_x);
    CAPTURE(offset_out);
    CAPTURE(sinter::name_of(d));
    array<T> x(n, offset_x), y(n, offset_y), out(n, offset_out);
    array<bool> below(n, offset_out);
    fill_samples(x, 1);
    fill_samples(y, 2);
    binding b({n});
    b.load(x.data(), {1}).load(y.data(), {1});
    if constexpr (sinter::same_v<T, int64>) {
        b.integer(3);
    } else {
        b.scalar(3);
    }
    b.store(first ? out.data() : nullptr, {1}).store(second ? below.data() : nullptr, {1});
    const auto r = run<stage<chain<d>>>(b);
    bool same = true;
    for (int64 i = 0; i < n; ++i) {
        const auto v = number_of(x[i]) * number_of(y[i]) + 3;
        same &= first ? close(out[i], v) : out[i] == T(0);
        same &= second ? below[i] == (v < number_of(x[i])) : !below[i];
    }
    CHECK(same);
    const std::uint64_t u = static_cast<std::uint64_t>(n);
    CHECK(r.stats.bytes_loaded == 2 * u * sizeof(T));
    CHECK(r.stats.bytes_stored == u * ((first ? sizeof(T) : 0) + (second ? 1 : 0)));
}

template <class T>
void check_sizes() {
    for (const int64 n : {0, 1, 2, 3, 15, 16, 17, 31, 101, 997, 4096, 20011})
        check_chain<T>(n, 0, 0, 0, true, true);
}
TEST_CASE("map: contiguous arrays of every type and size, each byte moved once") {
    check_sizes<float>();
    check_sizes<double>();
    check_sizes<bfloat16>();
    check_sizes<int64>();
}

TEST_CASE("map: misaligned arrays and results that are not wanted") {
    for (int64 offset = 0; offset < 16; ++offset) {
        check_chain<float>(101, offset, 0, 0, true, true);
        check_chain<float>(101, 0, 0, offset, true, true);
        check_chain<bfloat16>(101, offset, offset, offset, true, true);
        check_chain<double>(37, 0, offset, 1, true, true);
        check_chain<int64>(37, offset, 3, offset, true, true);
    }
    check_chain<float>(1000, 0, 0, 0, true, false);
    check_chain<float>(1000, 0, 0, 0, false, true);
    check_chain<float>(1000, 1, 0, 0, false, true);
}
TEST_CASE("map: nothing is launched where nothing is wanted") {
    array<float> x(8);
    binding b({8});
    b.load(x.data(), {1}).load(x.data(), {1}).scalar(1);
    b.store<float>(nullptr, {1}).store<bool>(nullptr, {1});
    CHECK(kernel::plan_launch<stage<chain<dtype::f32>>>(b.stage(), small_device).nothing);
}

TEST_CASE("map: vectors wherever operands allow them") {
    struct alignment {
        int64 x, y, out;
        std::uint64_t x_accesses, y_accesses, stores;  // per four elements
    };
    const alignment rows[] = {
        {0, 0, 0, 1, 1, 1},
        {1, 1, 1, 1, 1, 1},  // the same misalignment: a peeled head
        {3, 3, 3, 1, 1, 1},
        {2, 0, 0, 2, 1, 1},  // halves
        {0, 2, 1, 4, 4, 1},  // the results decide; operands fall back one by one
        {1, 3, 3, 2, 1, 1},
    };
    const int64 n = 1 << 14;
    for (const alignment& r : rows) {
        array<float> x(n, r.x), y(n, r.y), out(n, r.out);
        binding b({n});
        b.load(x.data(), {1}).load(y.data(), {1}).scalar(1);
        b.store(out.data(), {1}).store<bool>(nullptr, {1});
        emulator::options o;
        o.count_sectors = true;
        const emulator::scoped_options scope(o);
        const auto stats = run<stage<chain<dtype::f32>>>(b).stats;
        // A head and a tail of at most seven elements go one by one.
        const std::uint64_t v = n / 4, peeled = r.out == 0 ? 0 : 7;
        CHECK(stats.loads >= (r.x_accesses + r.y_accesses) * (v - 1));
        CHECK(stats.loads <= (r.x_accesses + r.y_accesses) * v + 2 * peeled);
        CHECK(stats.stores >= r.stores * (v - 1));
        CHECK(stats.stores <= r.stores * v + peeled);
        CHECK(stats.bytes_loaded == 8 * n);
        if (r.x == r.out && r.y == r.out) CHECK(stats.load_sectors <= 2 * n / 8 + 4 + 2 * peeled);
        CHECK(stats.store_sectors <= n / 8 + 2 + peeled);
    }
}

TEST_CASE("map: strided, negative, broadcast and permuted operands of up to eight axes") {
    struct placed_layout {
        std::vector<int64> extent, x, y, out;
    };
    const placed_layout layouts[] = {
        {{}, {}, {}, {}},
        {{1}, {5}, {7}, {1}},
        {{13}, {3}, {-2}, {1}},
        {{7, 11}, {11, 1}, {0, 1}, {11, 1}},
        {{7, 11}, {1, 7}, {11, 1}, {-11, -1}},
        {{5, 1, 9}, {9, 0, 1}, {0, 0, 0}, {18, 0, 2}},
        {{3, 5, 7}, {35, 7, 1}, {1, 3, 15}, {1, 3, 15}},
        {{2, 3, 2, 3, 2, 2, 3, 2},
         {432, 144, 72, 24, 12, 6, 2, 1},
         {1, 2, 6, 12, 36, 72, 144, 432},
         {432, 144, 72, 24, 12, 6, 2, 1}},
    };
    for (const placed_layout& l : layouts) {
        int64 n = 1;
        for (const int64 e : l.extent) n *= e;
        // Negative strides start from the far end.
        const auto room = [&](const std::vector<int64>& stride, int64& first) {
            int64 size = 1;
            first = 0;
            for (std::size_t d = 0; d < stride.size(); ++d) {
                size += std::abs(stride[d]) * (l.extent[d] - 1);
                if (stride[d] < 0) first -= stride[d] * (l.extent[d] - 1);
            }
            return size;
        };
        int64 fx = 0, fy = 0, fo = 0;
        array<float> x(room(l.x, fx)), y(room(l.y, fy)), out(room(l.out, fo));
        fill_samples(x, 3);
        fill_samples(y, 4);
        under_all_schedules([&] {
            out.fill(-7);
            binding b(l.extent);
            b.load(x.data() + fx, l.x).load(y.data() + fy, l.y).scalar(2);
            b.store(out.data() + fo, l.out).store<bool>(nullptr, {});
            run<stage<chain<dtype::f32>>>(b);
            bool same = true;
            for (int64 i = 0; i < n; ++i) {
                int64 rest = i, ox = fx, oy = fy, oo = fo;
                for (std::size_t d = l.extent.size(); d-- > 0;) {
                    const int64 c = rest % l.extent[d];
                    rest /= l.extent[d];
                    ox += c * l.x[d];
                    oy += c * l.y[d];
                    oo += c * l.out[d];
                }
                same &= close(out[oo], static_cast<double>(x[ox]) * y[oy] + 2);
            }
            CHECK(same);
        });
    }
}

TEST_CASE("map: operands of unequal width share one vector length") {
    for (const int64 n : {1, 64, 999}) {
        array<double> x(n), out(n);
        array<bfloat16> y(n);
        array<bool> z(n);
        array<int64> whole(n);
        fill_samples(x, 1);
        fill_samples(y, 2);
        fill_samples(z, 3);
        binding b({n});
        b.load(x.data(), {1}).load(y.data(), {1}).load(z.data(), {1});
        b.store(out.data(), {1}).store(whole.data(), {1});
        run<stage<mixed>>(b);
        bool same = true;
        for (int64 i = 0; i < n; ++i) {
            const double v = x[i] + static_cast<float>(y[i]) * 0.5;
            same &= out[i] == (z[i] ? v : x[i]) && whole[i] == static_cast<int64>(v);
        }
        CHECK(same);
    }
}

TEST_CASE("map: a user's functor with state; a rank 0 array is read once per thread") {
    using C = stage<user_call, ir::functor_types<scale_and_shift>>;
    const ir::functor_pack<ir::functor_types<scale_and_shift>> pack{{2, 0.25F}, {}};
    for (const int64 stride : {1, 2}) {
        const int64 n = 5000;
        array<float> x(n * stride), y(1), out(n);
        fill_samples(x, 5);
        y[0] = 1.5F;
        binding b({n});
        b.load(x.data(), {stride}).load(y.data(), {0}).store(out.data(), {1});
        b.b.functors = &pack;
        emulator::traffic of_y(y.data(), y.bytes());
        run<C>(b);
        bool same = true;
        for (int64 i = 0; i < n; ++i) same &= close(out[i], x[i * stride] * 2.0 + 3.25);
        CHECK(same);
        CHECK(of_y.loaded() <= 4 * 256 * 32);
    }
}

TEST_CASE("map: row constants that do move are read per element") {
    using C = stage<user_call, ir::functor_types<scale_and_shift>>;
    const ir::functor_pack<ir::functor_types<scale_and_shift>> pack{{1, 0}, {}};
    array<float> x(6 * 5), y(6), out(6 * 5);
    fill_samples(x, 5);
    fill_samples(y, 6);
    binding b({6, 5});
    b.load(x.data(), {5, 1}).load(y.data(), {1, 0}).store(out.data(), {5, 1});
    b.b.functors = &pack;
    run<C>(b);
    for (int64 i = 0; i < 30; ++i) CHECK(out[i] == x[i] + 2 * y[i / 5]);
}

TEST_CASE("map: without operands") {
    array<float> out(77);
    array<int64> count(77);
    binding b({77});
    b.integer(-5).store(out.data(), {1}).store(count.data(), {1});
    run<stage<fill_constant>>(b);
    for (int64 i = 0; i < 77; ++i) CHECK((out[i] == 3 && count[i] == -5));
}

TEST_CASE("map: in place, the results may even change places with the operands") {
    for (const int64 n : {64, 1001}) {
        under_all_schedules([n] {
            array<float> p(n), q(n);
            fill_samples(p, 1);
            fill_samples(q, 2);
            binding b({n});
            b.load(p.data(), {1}).load(q.data(), {1});
            b.store(p.data(), {1}).store(q.data(), {1});  // p = q + 1, q = p + 1
            run<stage<add_one>>(b);
            bool same = true;
            for (int64 i = 0; i < n; ++i)
                same &= p[i] == sample<float>(i, 2) + 1 && q[i] == sample<float>(i, 1) + 1;
            CHECK(same);
        });
    }
}

}  // namespace
}  // namespace kernel_test
