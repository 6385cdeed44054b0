// The matrix product kernels against plain loops.
#include <algorithm>

#include "kernel/stages.hpp"
#include "kernel/support.hpp"

namespace kernel_test {
namespace {

template <class A, class B>
double reference_product(const A* a, const B* b, int64 k, int64 step_a, int64 step_b) {
    double sum = 0;
    for (int64 q = 0; q < k; ++q)
        sum += static_cast<double>(number_of(a[q * step_a])) *
               static_cast<double>(number_of(b[q * step_b]));
    return sum;
}

struct extents {
    int64 m, n, k;
};

// How a matrix of r x c lies in memory.
enum class layout { rows, columns, padded, backwards };
constexpr layout layouts[] = {layout::rows, layout::columns, layout::padded, layout::backwards};
template <class T>
struct matrix {
    int64 row, column, first;
    array<T> memory;
    matrix(int64 r, int64 c, layout l, int64 offset)
        : row(l == layout::rows      ? c
              : l == layout::columns ? 1
              : l == layout::padded  ? 2 * c + 3
                                     : -c),
          column(l == layout::rows      ? 1
                 : l == layout::columns ? r
                 : l == layout::padded  ? 2
                                        : -1),
          first(l == layout::backwards ? std::max<int64>(r * c - 1, 0) : 0),
          memory(r * (l == layout::padded ? 2 * c + 3 : c), offset) {}
    T* data() const { return memory.data() + first; }
    T& at(int64 i, int64 j) const { return data()[i * row + j * column]; }
    std::vector<int64> as_left() const { return {row, 0, column}; }
    std::vector<int64> as_right() const { return {0, column, row}; }
    std::vector<int64> as_result() const { return {row, column, 0}; }
};

template <class Stage, class A, class B, class T>
emulator::result check_stage(extents e, layout la, layout lb, int64 offset = 0) {
    CAPTURE(e.m);
    CAPTURE(e.n);
    CAPTURE(e.k);
    CAPTURE(static_cast<int>(la));
    CAPTURE(static_cast<int>(lb));
    CAPTURE(sinter::name_of(sinter::dtype_v<A>));
    matrix<A> a(e.m, e.k, la, offset);
    matrix<B> b(e.k, e.n, lb, offset);
    matrix<T> c(e.m, e.n, la, 1);
    fill_samples(a.memory, 1);
    fill_samples(b.memory, 2);
    c.memory.fill(T(99));
    binding s({e.m, e.n}, {e.k});
    s.load(a.data(), a.as_left()).load(b.data(), b.as_right()).store(c.data(), c.as_result());
    const auto r = run<stage<Stage>>(s);
    bool same = true;
    for (int64 i = 0; i < e.m; ++i)
        for (int64 j = 0; j < e.n; ++j) {
            const double want = reference_product(&a.at(i, 0), &b.at(0, j), e.k, a.column, b.row);
            same &= close(c.at(i, j), want, 64);
        }
    CHECK(same);
    return r;
}
template <class T>
emulator::result check_plain(extents e, layout la, layout lb, int64 offset = 0) {
    return check_stage<plain<sinter::dtype_v<T>>, T, T, T>(e, la, lb, offset);
}
constexpr auto check_tf32 = check_stage<plain_tf32, float, float, float>;
template <class A, class B, class T>
constexpr auto check_bytes =
    check_stage<bytes<sinter::dtype_v<A>, sinter::dtype_v<B>, sinter::dtype_v<T>>, A, B, T>;
constexpr auto check_int8 = check_bytes<int8, int8, int32>;
constexpr extents sizes[] = {{1, 1, 1},
                             {1, 1, 0},
                             {5, 3, 0},
                             {3, 5, 7},
                             {17, 1, 33},
                             {1, 70, 16},
                             {64, 64, 16},
                             {65, 63, 17},
                             {40, 129, 31},
                             {128, 128, 32},
                             {131, 66, 100}};

TEST_CASE("matmul: every type, size and layout") {
    for (const extents& e : sizes) {
        for (const layout l : layouts) {
            check_plain<float>(e, l, layout::rows);
            check_plain<bfloat16>(e, l, layout::rows);
            check_plain<half>(e, layout::columns, l);
        }
        check_plain<float>(e, layout::rows, layout::columns, 1);
        check_plain<double>(e, layout::rows, layout::rows);
        check_plain<double>(e, layout::columns, layout::columns, 3);
        check_plain<int64>(e, layout::rows, layout::backwards);
        check_plain<bfloat16>(e, layout::columns, layout::columns);
        check_plain<bfloat16>(e, layout::rows, layout::columns, 8);
        check_plain<bfloat16>(e, layout::rows, layout::columns, 3);
        check_plain<half>(e, layout::columns, layout::rows, 8);
    }
}
TEST_CASE("matmul: tf32 and 8-bit integers in tensor cores, every size and layout") {
    for (const extents& e : sizes)
        for (const layout l : layouts)
            for (const layout k : {layout::rows, layout::columns}) {
                const bool odd = l == k;
                check_tf32(e, l, k, odd ? 1 : 0);
                check_int8(e, k, l, odd ? 5 : 0);
            }
    for (const layout l : {layout::rows, layout::columns}) {
        // Copied 16 bytes at a time.
        check_tf32({132, 140, 72}, l, l, 4);
        check_int8({144, 160, 192}, l, l, 16);
        // 8 at a time: parts of tiles, odd sums.
        check_int8({136, 264, 131}, l, l, 8);
        check_int8({8, 200, 5}, l, l, 24);
        check_int8({136, 72, 67}, l, l, 4);
        check_bytes<int8, sinter::uint8, int32>({40, 50, 90}, l, layout::rows, 0);
        check_bytes<sinter::uint8, int8, sinter::int16>({40, 50, 90}, l, layout::rows, 0);
        check_bytes<sinter::uint8, sinter::uint8, int32>({40, 50, 90}, l, layout::rows, 0);
        // Sums wrap to the type of the product.
        CHECK(check_plain<int8>({40, 50, 90}, l, layout::rows).stats.mma > 0);
        CHECK(check_plain<sinter::uint8>({40, 50, 90}, l, layout::rows).stats.mma > 0);
    }
}
TEST_CASE("matmul: what enters tensor cores as tf32 is rounded to nearest, ties away from zero") {
    const int64 m = 5, n = 6, k = 40;
    array<float> a(m * k), b(k * n), c(m * n);
    for (int64 i = 0; i < a.size(); ++i) a[i] = std::sin(static_cast<float>(i));
    for (int64 i = 0; i < b.size(); ++i)
        b[i] = static_cast<float>(i % 7 - 3) * (1 + 0x1p-11F);  // in a tie
    const auto rounded = [](float x) {
        return static_cast<double>(
            sinter::bits_as<float>(simt::tf32_bits(sinter::bits_as<uint32>(x))));
    };
    for (const bool across : {false, true}) {
        binding s({m, n}, {k});
        s.load(a.data(), across ? std::vector<int64>{1, 0, m} : std::vector<int64>{k, 0, 1});
        s.load(b.data(), across ? std::vector<int64>{0, 1, n} : std::vector<int64>{0, k, 1});
        s.store(c.data(), {n, 1, 0});
        CHECK(run<stage<plain_tf32>>(s).stats.mma > 0);
        double worst = 0, unrounded = 0;
        for (int64 i = 0; i < m; ++i)
            for (int64 j = 0; j < n; ++j) {
                double want = 0, exact = 0, size = 0;
                for (int64 q = 0; q < k; ++q) {
                    const float x = a[across ? q * m + i : i * k + q],
                                y = b[across ? q * n + j : j * k + q];
                    want += rounded(x) * rounded(y);
                    exact += static_cast<double>(x) * static_cast<double>(y);
                    size += std::fabs(static_cast<double>(x) * static_cast<double>(y));
                }
                const double got = static_cast<double>(c[i * n + j]);
                worst = std::max(worst, std::fabs(got - want) / size);
                unrounded = std::max(unrounded, std::fabs(got - exact) / size);
            }
        CHECK(worst < 1e-6);
        CHECK(unrounded > 1e-4);
        CHECK(unrounded < 0x1p-10);
    }
}
template <dtype D, dtype Sum>
void check_fused_cores() {
    using T = sinter::storage_t<D>;
    using S = sinter::storage_t<Sum>;
    const int64 m = 131, n = 65, k = 70;
    array<T> a(m * k), r(m), b(k * n);
    using total = sinter::storage_t<ir::reduced_dtype(ir::reduction_id<ir::red::sum>, Sum)>;
    array<S> bias(n), c(m * n);
    array<total> sums(n);
    for (int64 i = 0; i < a.size(); ++i) a[i] = static_cast<T>(i * 5 % 23 - 11);
    for (int64 i = 0; i < m; ++i) r[i] = static_cast<T>(i % 5 - 2);
    for (int64 i = 0; i < b.size(); ++i) b[i] = static_cast<T>(i * 3 % 17 - 8);
    for (int64 i = 0; i < n; ++i) bias[i] = static_cast<S>(i * 7 % 100);
    binding s({m, n}, {k});
    s.load(a.data(), {k, 0, 1}).load(r.data(), {1, 0, 0}).load(b.data(), {0, 1, n});
    s.load(bias.data(), {0, 1, 0}).store(c.data(), {n, 1, 0}).store(sums.data(), {0, 1, 0});
    s.b.folded = 1;
    CHECK(run<stage<fused_cores<D, Sum>>>(s).stats.mma > 0);
    bool same = true;
    for (int64 j = 0; j < n; ++j) {
        total sum = 0;
        for (int64 i = 0; i < m; ++i) {
            S want = bias[j];
            for (int64 q = 0; q < k; ++q)
                want += static_cast<S>(a[i * k + q] * r[i] * b[q * n + j]);
            want = std::max(want, S(0));
            same &= c[i * n + j] == want;
            sum += want;
        }
        same &= sums[j] == sum;
    }
    CHECK(same);
}
TEST_CASE("matmul: tf32 and 8-bit integers with a prologue, an epilogue and folded columns") {
    check_fused_cores<dtype::f32, dtype::f32>();
    check_fused_cores<dtype::i8, dtype::i32>();
}
TEST_CASE("matmul: under every schedule") {
    under_all_schedules([] {
        check_tf32({130, 65, 40}, layout::rows, layout::rows, 0);
        check_int8({65, 130, 150}, layout::rows, layout::columns, 0);
        check_int8({72, 136, 150}, layout::columns, layout::rows, 0);
        check_plain<float>({70, 65, 40}, layout::rows, layout::rows);
        check_plain<bfloat16>({130, 65, 70}, layout::rows, layout::columns);
        check_plain<bfloat16>({72, 136, 168}, layout::columns, layout::rows);
        check_plain<half>({130, 72, 136}, layout::rows, layout::rows);
    });
}

TEST_CASE("matmul: shared memory without bank conflicts, and the bytes of one tile") {
    for (const layout l : {layout::rows, layout::columns})
        for (const layout k : {layout::rows, layout::columns}) {
            const auto f = check_plain<float>({64, 64, 48}, l, k);
            CHECK(f.stats.shared_conflicts == 0);
            CHECK(f.stats.bytes_loaded == 2 * 64 * 48 * 4);
            CHECK(f.stats.bytes_stored == 64 * 64 * 4);
            // Tiles of 128 x 128, of which the second reads the same columns.
            const auto large = check_plain<float>({256, 128, 24}, l, k);
            CHECK(large.stats.blocks == 2);
            CHECK(large.stats.shared_conflicts == 0);
            CHECK(large.stats.bytes_loaded == (256 + 2 * 128) * 24 * 4);
            const auto d = check_plain<double>({64, 64, 32}, l, k);
            CHECK(d.stats.shared_conflicts == 0);
            const auto h = k == layout::rows ? check_plain<bfloat16>({128, 128, 96}, l, k)
                                             : check_plain<half>({128, 128, 96}, l, k);
            CHECK(h.stats.shared_conflicts == 0);
            CHECK(h.stats.ldmatrix_conflicts == 0);
            CHECK(h.stats.ldmatrix > 0);
            CHECK(h.stats.bytes_loaded == 2 * 128 * 96 * 2);
            CHECK(h.stats.bytes_stored == 128 * 128 * 2);
            // 8 x 4 x 4 products of 16 x 8 x 16 in each of 6 steps of 16 along k.
            CHECK(h.stats.mma == 8 * 4 * 4 * 6);
            // Eight at a time, past the registers, whichever axis is contiguous.
            CHECK(h.stats.async_copies == 2 * 128 * 96 / 8);
            CHECK(h.stats.loads == h.stats.async_copies);
            // Not aligned: one by one, into the same places.
            const auto odd = check_plain<half>({128, 128, 64}, l, k, 1);
            CHECK(odd.stats.async_copies == 0);
            CHECK(odd.stats.loads == 2 * 128 * 64);
            CHECK(odd.stats.shared_conflicts == 0);
            CHECK(odd.stats.ldmatrix_conflicts == 0);
            const auto t = check_tf32({128, 128, 48}, l, k, 0);
            CHECK(t.stats.shared_conflicts == 0);
            CHECK(t.stats.ldmatrix_conflicts == 0);
            CHECK(t.stats.bytes_loaded == 2 * 128 * 48 * 4);
            CHECK(t.stats.mma == 8 * 4 * 4 * 6);
            CHECK(t.stats.async_copies == 2 * 128 * 48 / 4);
            CHECK(t.stats.loads == t.stats.async_copies);
            // Bytes that lie across are loaded 8 at a time and turned round.
            const auto i = check_int8({128, 128, 192}, l, k, 0);
            const std::uint64_t along = (l == layout::rows) + (k == layout::columns);
            CHECK(i.stats.shared_conflicts == 0);
            CHECK(i.stats.ldmatrix_conflicts == 0);
            CHECK(i.stats.bytes_loaded == 2 * 128 * 192);
            CHECK(i.stats.mma == 8 * 4 * 4 * 6);
            CHECK(i.stats.async_copies == along * 128 * 192 / 16);
            CHECK(i.stats.loads == i.stats.async_copies + (2 - along) * 128 * 192 / 8);
            // Where rows have no multiple of 8 bytes they are gathered one by one.
            const auto single = check_int8({128, 124, 64}, layout::rows, layout::rows, 0);
            CHECK(single.stats.loads == 128 * 64 / 16 + 124 * 64);
            CHECK(single.stats.shared_conflicts == 0);
        }
}

// A batch of two axes, the right operand without the first, and two summed axes whose steps do not
// join.
template <class T>
void check_batch(int64 p, int64 q, extents e, int64 s) {
    constexpr dtype d = sinter::dtype_v<T>;
    CAPTURE(e.m);
    CAPTURE(e.n);
    CAPTURE(e.k);
    CAPTURE(sinter::name_of(d));
    array<T> a(p * q * e.m * s * e.k), b(q * s * e.k * e.n), c(p * q * e.m * e.n);
    fill_samples(a, 1);
    fill_samples(b, 2);
    binding x({p, q, e.m, e.n}, {s, e.k});
    // a[q][s][p][m][k], b[s][q][k][n], c[q][n][p][m]
    x.load(a.data(), {e.m * e.k, s * p * e.m * e.k, e.k, 0, p * e.m * e.k, 1});
    x.load(b.data(), {0, e.k * e.n, 0, 1, q * e.k * e.n, e.n});
    x.store(c.data(), {e.m, e.n * p * e.m, 1, p * e.m, 0, 0});
    run<stage<plain<d>>>(x);
    bool same = true;
    for (int64 f = 0; f < p; ++f)
        for (int64 g = 0; g < q; ++g)
            for (int64 i = 0; i < e.m; ++i)
                for (int64 j = 0; j < e.n; ++j) {
                    double want = 0;
                    for (int64 t = 0; t < s; ++t)
                        want += reference_product(
                            a.data() + ((g * s + t) * p + f) * e.m * e.k + i * e.k,
                            b.data() + (t * q + g) * e.k * e.n + j,
                            e.k,
                            1,
                            e.n);
                    same &= close(c[((g * e.n + j) * p + f) * e.m + i], want, 64);
                }
    CHECK(same);
}
TEST_CASE("matmul: a batch and several summed axes, in one launch") {
    for (const extents& e : {extents{1, 1, 1}, {5, 70, 7}, {66, 3, 40}, {4, 3, 0}})
        for (const int64 s : {1, 3}) {
            check_batch<float>(2, 3, e, s);
            check_batch<double>(1, 2, e, s);
            check_batch<bfloat16>(3, 2, e, s);
            check_batch<half>(1, 2, e, s);
            check_batch<int64>(2, 1, e, s);
        }
    check_batch<bfloat16>(2, 2, {130, 20, 64}, 2);
    under_all_schedules([] {
        check_batch<float>(2, 2, {20, 70, 20}, 2);
        check_batch<bfloat16>(2, 2, {20, 130, 40}, 2);
    });
}

// Few tiles and long sums: blocks share the steps of a tile.
template <class T>
void check_split(extents e, int64 p, int64 s, int sm_count, unsigned splits) {
    constexpr dtype d = sinter::dtype_v<T>;
    CAPTURE(e.m);
    CAPTURE(e.n);
    CAPTURE(e.k);
    CAPTURE(sinter::name_of(d));
    array<T> a(p * s * e.m * e.k), b(s * e.k * e.n), c(p * e.m * e.n);
    fill_samples(a, 1);
    fill_samples(b, 2);
    binding x({p, e.m, e.n}, {s, e.k});
    x.load(a.data(), {s * e.m * e.k, e.k, 0, e.m * e.k, 1});
    x.load(b.data(), {0, 0, 1, e.k * e.n, e.n}).store(c.data(), {e.m * e.n, e.n, 1, 0, 0});
    const kernel::device_limits wide{sm_count, 48 * 1024, 100 * 1024};
    CHECK(kernel::plan_launch<stage<plain<d>>>(x.stage(), wide).kernel.p.splits == splits);
    run<stage<plain<d>>>(x, wide);
    bool same = true;
    for (int64 f = 0; f < p; ++f)
        for (int64 i = 0; i < e.m; ++i)
            for (int64 j = 0; j < e.n; ++j) {
                double want = 0;
                for (int64 t = 0; t < s; ++t)
                    want += reference_product(a.data() + ((f * s + t) * e.m + i) * e.k,
                                              b.data() + t * e.k * e.n + j,
                                              e.k,
                                              1,
                                              e.n);
                same &= close(c[(f * e.m + i) * e.n + j], want, 64);
            }
    CHECK(same);
}
TEST_CASE("matmul: blocks share long sums, in a fixed order") {
    check_split<float>({5, 7, 1000}, 1, 1, 16, 7);
    check_split<float>({65, 7, 130}, 2, 3, 16, 3);
    check_split<double>({3, 70, 500}, 1, 1, 6, 3);
    check_split<int64>({9, 9, 300}, 1, 2, 4, 4);
    check_split<bfloat16>({24, 40, 1100}, 1, 1, 16, 4);
    check_split<half>({136, 8, 264}, 2, 4, 8, 2);
    check_split<bfloat16>({5, 3, 100}, 1, 1, 16, 1);
    under_all_schedules([] {
        check_split<float>({20, 70, 300}, 1, 1, 16, 2);
        check_split<half>({130, 16, 560}, 1, 1, 16, 2);
    });
}

template <class T>
void check_fused(extents e, bool second, int64 offset) {
    constexpr dtype d = sinter::dtype_v<T>;
    CAPTURE(e.m);
    CAPTURE(e.n);
    CAPTURE(e.k);
    CAPTURE(sinter::name_of(d));
    matrix<T> a(e.m, e.k, layout::rows, offset), b(e.k, e.n, layout::rows, 0);
    matrix<T> c(e.m, e.n, layout::columns, 0), residual(e.m, e.n, layout::padded, 2);
    array<T> r(e.m), bias(e.n, 1), shift(1);
    array<bool> positive(e.m * e.n);
    fill_samples(a.memory, 1);
    fill_samples(b.memory, 2);
    fill_samples(residual.memory, 3);
    fill_samples(r, 4);
    fill_samples(bias, 5);
    shift[0] = T(3);
    binding s({e.m, e.n}, {e.k});
    s.load(a.data(), a.as_left()).load(r.data(), {1, 0, 0}).load(b.data(), b.as_right());
    s.load(bias.data(), {0, 1, 0}).load(residual.data(), residual.as_result());
    s.load(shift.data(), {0, 0, 0});
    if constexpr (sinter::same_v<T, int64>) {
        s.integer(2);
    } else {
        s.scalar(2);
    }
    s.store(c.data(), c.as_result());
    s.store(second ? positive.data() : nullptr, {e.n, 1, 0});
    run<stage<fused<d>>>(s);
    bool same = true;
    for (int64 i = 0; i < e.m; ++i)
        for (int64 j = 0; j < e.n; ++j) {
            double p = 0, size = 0;
            for (int64 q = 0; q < e.k; ++q) {
                // What enters the tensor cores is rounded after the prologue.
                const T left(static_cast<T>(number_of(a.at(i, q)) * number_of(r[i]) * 2));
                const T right(static_cast<T>(number_of(b.at(q, j)) + 1));
                p += static_cast<double>(number_of(left)) * static_cast<double>(number_of(right));
                size += std::fabs(static_cast<double>(number_of(left)) *
                                  static_cast<double>(number_of(right)));
            }
            const double z = p + static_cast<double>(number_of(bias[j])) + 6;
            const double want =
                std::max(z, 0.0) + static_cast<double>(number_of(residual.at(i, j)));
            const double slack = 1e-6 * size;
            const double got = static_cast<double>(number_of(c.at(i, j)));
            same &= close(c.at(i, j), want, 4) || std::fabs(got - want) <= slack;
            if (std::fabs(p) > slack) same &= positive[i * e.n + j] == (second && p > 0);
        }
    CHECK(same);
}
TEST_CASE("matmul: prologue on both operands, epilogue with several operands and results") {
    for (const extents& e : sizes) {
        check_fused<float>(e, true, 0);
        check_fused<double>(e, true, 1);
        check_fused<int64>(e, true, 0);
        check_fused<bfloat16>(e, true, 0);
        check_fused<bfloat16>(e, false, 5);
        check_fused<half>(e, true, 3);
    }
    under_all_schedules([] {
        check_fused<float>({66, 3, 20}, true, 0);
        check_fused<bfloat16>({3, 130, 40}, true, 0);
    });
}

TEST_CASE("matmul: a converted operand is rounded once, sums stay in float") {
    const int64 m = 9, n = 7, k = 45;
    array<float> a(m * k), c(m * n);
    array<bfloat16> b(k * n);
    for (int64 i = 0; i < a.size(); ++i) a[i] = std::sin(static_cast<float>(i));
    fill_samples(b, 2);
    binding s({m, n}, {k});
    s.load(a.data(), {k, 0, 1}).load(b.data(), {0, 1, n}).store(c.data(), {n, 1, 0});
    const auto r = run<stage<rounded>>(s);
    CHECK(r.stats.mma > 0);
    bool same = true;
    for (int64 i = 0; i < m; ++i)
        for (int64 j = 0; j < n; ++j) {
            double want = 0;
            for (int64 q = 0; q < k; ++q)
                want += static_cast<double>(static_cast<float>(bfloat16(a[i * k + q]))) *
                        static_cast<double>(static_cast<float>(b[q * n + j]));
            same &= close(c[i * n + j], want, 64);
        }
    CHECK(same);
}

TEST_CASE("matmul: no rows or no columns, no launch; int64 wraps") {
    using C = stage<plain<dtype::i64>>;
    binding none({0, 4}, {3});
    none.load<int64>(nullptr, {3, 0, 1}).load<int64>(nullptr, {0, 1, 4});
    none.store<int64>(nullptr, {4, 1, 0});
    CHECK(kernel::plan_launch<C>(none.stage(), small_device).nothing);
    array<int64> a(2), b(2), c(1);
    a[0] = a[1] = int64{1} << 62;
    b[0] = 2;
    b[1] = 3;
    binding s({1, 1}, {2});
    s.load(a.data(), {0, 0, 1}).load(b.data(), {0, 0, 1}).store(c.data(), {0, 0, 0});
    run<C>(s);
    CHECK(c[0] == (int64{1} << 62));
}

}  // namespace
}  // namespace kernel_test
