// The row kernel against plain loops, and the planner of its row buffers.
#include <algorithm>

#include "kernel/stages.hpp"
#include "kernel/support.hpp"

namespace kernel_test {
namespace {

struct row_case {
    int64 rows, length, offset;
    bool buffers;
};
constexpr row_case cases[] = {{0, 5, 0, true},
                              {1, 1, 0, false},
                              {3, 10, 0, true},
                              {2, 32, 1, false},
                              {67, 33, 3, true},
                              {2, 127, 15, true},
                              {1, 1021, 0, true},
                              {5, 2500, 7, true},
                              {2, 2500, 7, false}};

template <class T>
void check_softmax(const row_case& c) {
    constexpr dtype d = sinter::dtype_v<T>;
    using C = stage<softmax<d>>;
    CAPTURE(c.rows);
    CAPTURE(c.length);
    CAPTURE(c.buffers);
    CAPTURE(sinter::name_of(d));
    const int64 n = c.rows * c.length;
    array<T> z(n, c.offset), out(n, c.offset);
    fill_samples(z, 1);
    binding b({c.rows}, {c.length});
    b.load(z.data(), {c.length, 1}).store(out.data(), {c.length, 1});
    if (c.buffers) CHECK(b.keep_rows<C>({0}, 32 * 1024).buffers == 1);
    const auto r = run<C>(b);
    bool same = true;
    for (int64 i = 0; i < c.rows; ++i) {
        double top = -1e30, sum = 0;
        for (int64 j = 0; j < c.length; ++j) top = std::max<double>(top, z[i * c.length + j]);
        for (int64 j = 0; j < c.length; ++j) sum += std::exp(z[i * c.length + j] - top);
        for (int64 j = 0; j < c.length; ++j)
            same &= close(out[i * c.length + j], std::exp(z[i * c.length + j] - top) / sum);
    }
    CHECK(same);
    // One read of the array with a buffer, else one per pass.
    CHECK(r.stats.bytes_loaded == z.bytes() * (c.buffers ? 1U : 3U));
    CHECK(r.stats.bytes_stored == out.bytes());
    CHECK(r.stats.shared_conflicts == 0);
}
TEST_CASE("row: softmax of every floating type, each array read once when rows are kept") {
    for (const row_case& c : cases) {
        check_softmax<float>(c);
        check_softmax<double>(c);
        check_softmax<bfloat16>(c);
    }
    under_all_schedules([] {
        check_softmax<float>({5, 300, 1, true});
        check_softmax<float>({5, 300, 1, false});
        check_softmax<bfloat16>({70, 40, 1, true});
    });
}

template <class T>
void check_layer_norm(const row_case& c, bool want_mean, bool want_above) {
    constexpr dtype d = sinter::dtype_v<T>;
    using C = stage<layer_norm<d>>;
    CAPTURE(c.rows);
    CAPTURE(c.length);
    const int64 n = c.rows * c.length;
    array<T> z(n, c.offset), gamma(c.length), beta(c.length, 1), shift(c.rows), out(n),
        mean(c.rows);
    array<bool> above(n);
    fill_samples(z, 1);
    fill_samples(gamma, 2);
    fill_samples(beta, 3);
    fill_samples(shift, 4);
    binding b({c.rows}, {c.length});
    b.load(z.data(), {c.length, 1}).load(z.data(), {c.length, 1});
    b.load(gamma.data(), {0, 1}).load(beta.data(), {0, 1}).load(shift.data(), {1, 0});
    b.scalar(static_cast<double>(c.length)).store(out.data(), {c.length, 1});
    b.store(want_mean ? mean.data() : nullptr, {1, 0});
    b.store(want_above ? above.data() : nullptr, {c.length, 1});
    // Load 5 is `shift`, the row constant; gamma and beta are read in one pass only.
    if (c.buffers) CHECK(b.keep_rows<C>({0, 0, 1, 2, 3}, 32 * 1024).buffers == 1);
    emulator::traffic of_z(z.data(), z.bytes());
    run<C>(b);
    bool same = true;
    for (int64 i = 0; i < c.rows; ++i) {
        const T* x = &z[i * c.length];
        double sum = 0, squares = 0;
        for (int64 j = 0; j < c.length; ++j) sum += x[j];
        const double m = sum / static_cast<double>(c.length);
        for (int64 j = 0; j < c.length; ++j) squares += (x[j] - m) * (x[j] - m);
        const double s = std::sqrt(squares / static_cast<double>(c.length) + 1e-5);
        for (int64 j = 0; j < c.length; ++j) {
            const double y = (x[j] - m) / s * gamma[j] + beta[j] + x[j] + shift[i];
            same &= close(out[i * c.length + j], y, 100);
            same &=
                above[i * c.length + j] == (want_above && x[j] > m) || std::fabs(x[j] - m) < 1e-6;
        }
        same &= want_mean ? close(mean[i], m, 100) : mean[i] == T(0);
    }
    CHECK(same);
    CHECK(of_z.loaded() == z.bytes() * (c.buffers ? 1U : 4U));
}
TEST_CASE("row: layer norm with several results and a row constant operand") {
    for (const row_case& c : cases) {
        check_layer_norm<float>(c, true, true);
        check_layer_norm<double>(c, true, false);
    }
    under_all_schedules([] {
        check_layer_norm<float>({9, 200, 3, true}, true, true);
        check_layer_norm<float>({2, 2100, 0, false}, false, true);
    });
}

template <class T>
void check_peaks(int64 rows, int64 length, bool with_nan) {
    constexpr dtype d = sinter::dtype_v<T>;
    using C = stage<peaks<d>>;
    CAPTURE(sinter::name_of(d));
    array<T> x(rows * length), top(rows);
    array<int64> at(rows), count(rows);
    array<bool> is(rows * length);
    fill_samples(x, 7);
    if constexpr (sinter::is_floating(d)) {
        if (with_nan) x[length / 2] = x[length - 1] = T(std::nanf(""));
    }
    binding b({rows}, {length});
    b.load(x.data(), {length, 1}).store(at.data(), {1, 0}).store(is.data(), {length, 1});
    b.store(count.data(), {1, 0}).store(top.data(), {1, 0});
    b.keep_rows<C>({0}, 48 * 1024);
    run<C>(b);
    bool same = true;
    for (int64 i = 0; i < rows; ++i) {
        int64 best = 0, equal = 0;
        for (int64 j = 1; j < length; ++j) {
            const auto v = number_of(x[i * length + j]), w = number_of(x[i * length + best]);
            if (v > w || (v != v && w == w)) best = j;
        }
        for (int64 j = 0; j < length; ++j) {
            const bool e = number_of(x[i * length + j]) == number_of(x[i * length + best]);
            equal += e;
            same &= is[i * length + j] == e;
        }
        same &= at[i] == best && count[i] == equal;
        same &= std::memcmp(&top[i], &x[i * length + best], sizeof(T)) == 0;
    }
    CHECK(same);
}
TEST_CASE("row: argmax and max of every type; the first maximum, NaN above all") {
    under_all_schedules([] {
        for (const int64 length : {1, 5, 64, 1000}) {
            check_peaks<float>(3, length, false);
            check_peaks<float>(3, length, true);
            check_peaks<double>(3, length, true);
            check_peaks<bfloat16>(3, length, true);
            check_peaks<int64>(3, length, false);
            check_peaks<bool>(3, length, false);
        }
    });
}

TEST_CASE("row: int64 rows of several axes, strided; a row constant stored to every element") {
    under_all_schedules([] {
        const int64 m = 3, p = 4, q = 5, r = 7;  // x[p][m][r][q], reduced over p and q
        using C = stage<whole_sum>;
        array<int64> x(m * p * q * r), out(m * p * q * r), once(m * r), every(m * p * q * r);
        fill_samples(x, 3);
        binding b({m, r}, {p, q});
        const std::vector<int64> strides = {r * q, q, m * r * q, 1};
        b.load(x.data(), strides).store(out.data(), strides);
        b.store(once.data(), {r, 1, 0, 0}).store(every.data(), strides);
        run<C>(b);
        bool same = true;
        for (int64 i = 0; i < m; ++i)
            for (int64 k = 0; k < r; ++k) {
                int64 sum = 0;
                for (int64 e = 0; e < p * q; ++e)
                    sum += x[i * r * q + k * q + e / q * m * r * q + e % q];
                for (int64 e = 0; e < p * q; ++e) {
                    const int64 o = i * r * q + k * q + e / q * m * r * q + e % q;
                    same &= out[o] == x[o] - sum && every[o] == sum;
                }
                same &= once[i * r + k] == sum;
            }
        CHECK(same);
    });
}

TEST_CASE("row: rows of no elements still have their sum; no rows, no launch") {
    using C = stage<whole_sum>;
    array<int64> sum(3);
    sum.fill(9);
    binding b({3}, {0});
    b.load<int64>(nullptr, {0, 1}).store<int64>(nullptr, {0, 1});
    b.store(sum.data(), {1, 0}).store<int64>(nullptr, {0, 1});
    run<C>(b);
    for (int64 i = 0; i < 3; ++i) CHECK(sum[i] == 0);
    binding none({0}, {4});
    none.load<int64>(nullptr, {4, 1}).store<int64>(nullptr, {4, 1});
    none.store<int64>(nullptr, {1, 0}).store<int64>(nullptr, {4, 1});
    CHECK(kernel::plan_launch<C>(none.stage(), small_device).nothing);
}

TEST_CASE("row: in place") {
    under_all_schedules([] {
        const int64 rows = 6, n = 100;
        using C = stage<softmax<dtype::f32>>;
        for (const bool buffers : {false, true}) {
            array<float> z(rows * n), w(rows * n);
            fill_samples(z, 1);
            fill_samples(w, 1);
            binding apart({rows}, {n}), same({rows}, {n});
            array<float> out(rows * n);
            apart.load(w.data(), {n, 1}).store(out.data(), {n, 1});
            same.load(z.data(), {n, 1}).store(z.data(), {n, 1});
            if (buffers) same.keep_rows<C>({0}, 4096);
            run<C>(apart);
            run<C>(same);
            CHECK(std::memcmp(z.data(), out.data(), out.bytes()) == 0);
        }
    });
}

TEST_CASE("row: which loads get a row buffer") {
    // Loads: z in passes 0, 1, 2; the same z again in pass 2; w in passes 1, 2; v in pass 2; u per
    // row.
    ir::instr code[5];
    code[0].loops = 7;
    code[1].loops = 4;
    code[2].loops = 6;
    code[3].loops = 4;
    code[4].loops = 4;
    code[4].row_constant = true;
    code[2].type = dtype::f64;
    const int view[] = {0, 0, 1, 2, 3};
    struct wanted {
        int64 room;
        int buffers, refused, rereads;
        int64 bytes;
        short buffer[5];
        unsigned char fills[5];
    };
    const wanted table[] = {
        {0, 0, 2, 4, 0, {-1, -1, -1, -1, -1}, {255, 255, 255, 255, 255}},
        {399, 0, 2, 4, 0, {-1, -1, -1, -1, -1}, {255, 255, 255, 255, 255}},
        {400, 1, 1, 1, 400, {0, 0, -1, -1, -1}, {1, 0, 255, 255, 255}},
        {1199, 1, 1, 1, 400, {0, 0, -1, -1, -1}, {1, 0, 255, 255, 255}},
        {1200, 2, 0, 0, 1200, {0, 0, 1, -1, -1}, {1, 0, 2, 255, 255}},
    };
    for (const wanted& w : table) {
        CAPTURE(w.room);
        short buffer[5];
        unsigned char fills[5];
        const auto plan = kernel::plan_row_buffers(code, view, 5, 100, w.room, buffer, fills);
        CHECK(plan.buffers == w.buffers);
        CHECK(plan.refused == w.refused);
        CHECK(plan.rereads == w.rereads);
        CHECK(plan.bytes == w.bytes);
        for (int j = 0; j < 5; ++j) {
            CHECK(buffer[j] == w.buffer[j]);
            CHECK(fills[j] == w.fills[j]);
        }
    }
    // A view that has room though a more wanted one has not.
    code[0].type = code[1].type = dtype::f64;
    code[2].type = dtype::bf16;
    short buffer[5];
    unsigned char fills[5];
    const auto plan = kernel::plan_row_buffers(code, view, 5, 100, 300, buffer, fills);
    CHECK(plan.buffers == 1);
    CHECK(plan.rereads == 3);
    CHECK(buffer[0] == -1);
    CHECK(buffer[2] == 0);
}

}  // namespace
}  // namespace kernel_test
