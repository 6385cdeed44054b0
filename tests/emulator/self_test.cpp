// The emulator keeps the rules of CUDA: correct kernels, under every schedule.
#include <doctest/doctest.h>

#include <atomic>
#include <cmath>
#include <memory>
#include <stdexcept>
#include <thread>

#include "support.hpp"

namespace emulator_test {
namespace {

// ---- Indices

struct write_indices {
    static constexpr int max_threads = 256, min_blocks = 1;
    uint32* out;
    void operator()() const {
        const auto t = simt::tid(), b = simt::bid(), n = simt::bdim(), g = simt::gdim();
        const unsigned block = b.x + g.x * (b.y + g.y * b.z);
        const unsigned thread = t.x + n.x * (t.y + n.y * t.z);
        uint32* p = out + (block * n.x * n.y * n.z + thread) * 4;
        simt::store<4>(p, simt::vec<uint32, 4>{{block, thread, simt::lane(), simt::warp()}});
    }
};
TEST_CASE("emulator: indices of grids and blocks of three axes") {
    under_all_schedules([] {
        buffer<uint32> out(12 * 128 * 4);
        run(write_indices{out.p()}, {2, 3, 2}, {32, 2, 2});
        const auto h = out.host();
        bool same = true;
        for (unsigned i = 0; i < 12 * 128; ++i)
            same &= h[i * 4] == i / 128 && h[i * 4 + 1] == i % 128 && h[i * 4 + 2] == i % 32 &&
                    h[i * 4 + 3] == 0;
        CHECK(same);
    });
}

// ---- Warp collectives: T of 1, 2, 3, 4, 8, 12 and 16 bytes

template <int N>
struct bytes {
    unsigned char b[N];
};
template <class T>
struct shuffle_all {
    static constexpr int max_threads = 64, min_blocks = 1;
    const T* in;
    T* out;  // six results a thread
    void operator()() const {
        const unsigned t = simt::tid().x;
        const T v = in[t];
        T* p = out + std::size_t(t) * 6;
        p[0] = simt::shfl(v, 5);
        p[1] = simt::shfl(v, 3, 8);
        p[2] = simt::shfl_xor(v, 16);
        p[3] = simt::shfl_xor(v, 3, 4);
        p[4] = simt::shfl_down(v, 4);
        p[5] = simt::shfl_down(v, 2, 8);
    }
};
template <class T>
void check_shuffles() {
    std::vector<T> in(64);
    for (int i = 0; i < 64; ++i)
        std::memset(static_cast<void*>(&in[std::size_t(i)]), i + 1, sizeof(T));
    buffer<T> x(in), y(std::size_t(64 * 6));
    run(shuffle_all<T>{x.p(), y.p()}, {1}, {64});
    const auto h = y.host();
    for (int t = 0; t < 64; ++t) {
        const int w = t & ~31, l = t & 31;
        const int from[6] = {
            5, (l & ~7) + 3, l ^ 16, l ^ 3, l + 4 < 32 ? l + 4 : l, (l & 7) + 2 < 8 ? l + 2 : l};
        for (int i = 0; i < 6; ++i)
            REQUIRE(std::memcmp(
                        &h[std::size_t(t * 6 + i)], &in[std::size_t(w + from[i])], sizeof(T)) == 0);
    }
}
TEST_CASE("emulator: shuffles of every size") {
    under_all_schedules([] {
        check_shuffles<bytes<1>>();
        check_shuffles<bfloat16>();
        check_shuffles<bytes<3>>();
        check_shuffles<float>();
        check_shuffles<double>();
        check_shuffles<bytes<12>>();
        check_shuffles<bytes<16>>();
    });
}

struct vote_with_masks {
    static constexpr int max_threads = 32, min_blocks = 1;
    uint32* out;
    void operator()() const {
        const unsigned l = simt::lane();
        uint32 r[5] = {};
        r[0] = simt::ballot(l % 3 == 0);
        // Two groups of lanes do different things at the same time.
        if (l < 16) {
            r[1] = simt::ballot(l % 2 == 0, 0xffffU);
            r[2] = simt::shfl_xor(l, 8, 32, 0xffffU);
            simt::sync_warp(0xffffU);
        } else {
            r[1] = simt::any(l == 40, 0xffff0000U) ? 1U : 0U;
            simt::sync_warp(0xffff0000U);
            r[2] = simt::all(l > 15, 0xffff0000U) ? 7U : 0U;
        }
        r[3] = simt::any(l == 31) ? 1U : 0U;
        r[4] = simt::all(l != 31) ? 1U : 0U;
        for (unsigned i = 0; i < 5; ++i) out[l * 5 + i] = r[i];
    }
};
TEST_CASE("emulator: votes, and groups of lanes that diverge") {
    under_all_schedules([] {
        buffer<uint32> out(32 * 5);
        run(vote_with_masks{out.p()}, {1}, {32});
        const auto h = out.host();
        for (unsigned l = 0; l < 32; ++l) {
            CHECK(h[l * 5] == 0x49249249U);
            CHECK(h[l * 5 + 1] == (l < 16 ? 0x5555U : 0U));
            CHECK(h[l * 5 + 2] == (l < 16 ? l ^ 8U : 7U));
            CHECK(h[l * 5 + 3] == 1U);
            CHECK(h[l * 5 + 4] == 0U);
        }
    });
}

// ---- Block barriers, shared memory

struct rotate {
    static constexpr int max_threads = 256, min_blocks = 1;
    float* x;
    int rounds;
    void operator()() const {
        float(&s)[256] = simt::shared<float[256], struct rotate_tag>();
        simt::carver cut;
        float* d = cut.take<float>(256, 128);
        const unsigned t = simt::tid().x, n = simt::bdim().x;
        float v = x[simt::bid().x * n + t];
        for (int i = 0; i < rounds; ++i) {
            simt::store_shared<1>(&s[t], simt::vec<float, 1>{{v}});
            const bool any = simt::sync_block_or(t == 7 && i % 2 == 1);
            d[t] = s[(t + 1) % n] + (any ? 1.0F : 0.0F);
            simt::sync_block();
            v = d[t];
        }
        x[simt::bid().x * n + t] = v;
    }
};
TEST_CASE("emulator: barriers, votes of a block, static and dynamic shared memory") {
    under_all_schedules([] {
        for (unsigned n : {1U, 33U, 256U}) {
            buffer<float> x(counting(5 * n, 5 * n));
            run(rotate{x.p(), 6}, {5}, {n}, 1024);
            const auto h = x.host();
            bool same = true;
            for (unsigned b = 0; b < 5; ++b)
                for (unsigned t = 0; t < n; ++t)
                    same &= h[b * n + t] == float(b * n + (t + 6) % n) + (n > 7 ? 3.0F : 0.0F);
            CHECK(same);
            CHECK(emulator::last().stats.barriers == 5 * 12);
        }
    });
}

struct banks {
    static constexpr int max_threads = 32, min_blocks = 1;
    float* out;
    unsigned stride;
    void operator()() const {
        float(&s)[32 * 33] = simt::shared<float[32 * 33], struct banks_tag>();
        const unsigned l = simt::lane();
        simt::store_shared<1>(&s[l * stride], simt::vec<float, 1>{{1.0F}});
        out[l] = simt::load_shared<1>(&s[l * stride])[0];
    }
};
TEST_CASE("emulator: bank conflicts of shared memory are counted") {
    struct {
        unsigned stride;
        std::uint64_t conflicts;
    } const rows[] = {{1, 0}, {2, 2}, {32, 62}, {33, 0}, {8, 14}};
    for (const auto& row : rows) {
        buffer<float> y(std::size_t(32));
        run(banks{y.p(), row.stride}, {1}, {32});
        CHECK(emulator::last().stats.shared_accesses == 2);
        CHECK(emulator::last().stats.shared_conflicts == row.conflicts);
    }
}

struct strided_copy {
    static constexpr int max_threads = 32, min_blocks = 1;
    const float* x;
    float* y;
    unsigned stride;
    void operator()() const {
        const unsigned l = simt::lane();
        if (l % 2 == 0) simt::store<1>(y + l, simt::load<1>(x));  // a branch that half of them take
        simt::store<1>(y + l, simt::load<1>(x + l * stride));
    }
};
TEST_CASE("emulator: sectors of global memory are counted") {
    struct {
        unsigned stride, offset;
        std::uint64_t sectors;
    } const rows[] = {{0, 0, 1}, {1, 0, 4}, {1, 1, 5}, {2, 0, 8}, {8, 0, 32}, {100, 0, 32}};
    emulator::options o;
    o.count_sectors = true;
    for (const auto& row : rows) {
        const emulator::scoped_options scope(o);
        buffer<float> x(std::size_t(32 * 100 + 1)), y(std::size_t(32));
        std::memset(x.p(), 0, x.bytes());
        run(strided_copy{x.p() + row.offset, y.p(), row.stride}, {1}, {32});
        CHECK(emulator::last().stats.load_sectors == 1 + row.sectors);
        CHECK(emulator::last().stats.store_sectors == 4 + 4);
    }
    buffer<float> x(std::size_t(32)), y(std::size_t(32));
    run(strided_copy{x.p(), y.p(), 0}, {1}, {32});
    CHECK(emulator::last().stats.load_sectors == 0);
}

// ---- Matrices

template <class A, class B>
struct multiply_twice {
    using D = simt::mma_sum_t<A>;
    static constexpr int max_threads = 32, min_blocks = 1;
    static constexpr int chunk = 16 / int(sizeof(A)), k = 2 * chunk;
    const A* a;  // 16 x k and 8 x k, both with k along the rows
    const B* b;
    D *hard, *soft;  // 16 x 8
    void operator()() const {
        A(&sa)[16 * k] = simt::shared<A[16 * k], struct a_tag>();
        B(&sb)[8 * k] = simt::shared<B[8 * k], struct b_tag>();
        const int l = int(simt::lane());
        simt::store_shared<chunk>(&sa[l * chunk], simt::load<chunk>(a + l * chunk));
        if (l < 16) simt::store_shared<chunk>(&sb[l * chunk], simt::load<chunk>(b + l * chunk));
        simt::sync_warp();
        uint32 fa[4], fb[4];
        simt::ldmatrix_x4(fa, &sa[(l % 16) * k + (l / 16) * chunk]);
        simt::ldmatrix_x4(fb, &sb[(l % 8) * k + (l / 8 % 2) * chunk]);
        if constexpr (sizeof(A) == 4) {
            for (uint32& x : fa) x = simt::round_to_tf32(x);
            for (uint32& x : fb) x = simt::round_to_tf32(x);
        }
        const uint32 pair[2] = {fb[0], fb[1]};
        D d[4] = {1, 2, 3, 4}, e[4] = {1, 2, 3, 4};
        simt::mma<A, B>(d, fa, pair);
        simt::software_mma<A, B, simt::shuffle_between_lanes>(e, fa, pair);
        for (int i = 0; i < 4; ++i) {
            const int at = (l / 4 + 8 * (i / 2)) * 8 + 2 * (l % 4) + i % 2;
            hard[at] = d[i] - D(i + 1);
            soft[at] = e[i] - D(i + 1);
        }
    }
};
template <class A, class B>
void check_products() {
    under_all_schedules([] {
        using kernel = multiply_twice<A, B>;
        using D = typename kernel::D;
        constexpr std::size_t n = kernel::k;
        // Of tf32 the number in a tie with the next one.
        const float beyond = sizeof(A) == 4 ? 1 + 0x1p-11F : 1;
        std::vector<A> a(16 * n);
        std::vector<B> b(8 * n);
        for (std::size_t i = 0; i < 16 * n; ++i)
            a[i] = A(float(int(i) * 7 % 23 - (A(-1) < A(0) ? 11 : 0)) * beyond);
        for (std::size_t i = 0; i < 8 * n; ++i)
            b[i] = B(float(int(i) * 5 % 19 - (B(-1) < B(0) ? 9 : 0)));
        buffer<A> da(a);
        buffer<B> db(b);
        buffer<D> hard(std::size_t(128)), soft(std::size_t(128));
        run(kernel{da.p(), db.p(), hard.p(), soft.p()}, {1}, {32});
        const auto h = hard.host(), s = soft.host();
        for (std::size_t i = 0; i < 16; ++i)
            for (std::size_t j = 0; j < 8; ++j) {
                double sum = 0;
                for (std::size_t k = 0; k < n; ++k) {
                    // A fraction of 11 bits with its leading one: what is half way goes outwards.
                    int exponent = 0;
                    const double x = double(a[i * n + k]), f = std::frexp(x, &exponent);
                    const double rounded = std::ldexp(std::round(f * 2048), exponent - 11);
                    sum += (sizeof(A) == 4 ? rounded : x) * double(b[j * n + k]);
                }
                CHECK(double(h[i * 8 + j]) == sum);
                CHECK(double(s[i * 8 + j]) == sum);
            }
        CHECK(emulator::last().stats.mma == 1);
        // Rows of 32 bytes: four rows cover all banks, so 8 rows need one more pass each.
        CHECK(emulator::last().stats.ldmatrix_conflicts == 8);
    });
}
TEST_CASE("emulator: ldmatrix and mma against shuffles and against loops") {
    check_products<sinter::bfloat16, sinter::bfloat16>();
    check_products<sinter::half, sinter::half>();
    check_products<float, float>();
    check_products<sinter::int8, sinter::int8>();
    check_products<sinter::int8, sinter::uint8>();
    check_products<sinter::uint8, sinter::int8>();
    check_products<sinter::uint8, sinter::uint8>();
}
TEST_CASE("emulator: tf32 rounds to nearest, ties away from zero") {
    struct row {
        float from, to;
    };
    const float far = std::numeric_limits<float>::infinity();
    for (const row& r : {row{0, 0},
                         {1, 1},
                         {1 + 0x1p-11F, 1 + 0x1p-10F},
                         {1 + 0x1p-11F - 0x1p-20F, 1},
                         {-1 - 0x1p-11F, -1 - 0x1p-10F},
                         {0x1p-149F, 0},
                         {0x1p-137F, 0x1p-136F},
                         {std::numeric_limits<float>::max(), far},
                         {-far, -far}})
        CHECK(std::bit_cast<float>(simt::tf32_bits(std::bit_cast<std::uint32_t>(r.from))) == r.to);
    for (const std::uint32_t bits : {0x7f800001U, 0xffffffffU, 0x7fc00000U})
        CHECK(std::isnan(std::bit_cast<float>(simt::tf32_bits(bits))));
}
struct transposed_load {
    static constexpr int max_threads = 32, min_blocks = 1;
    uint32* out;
    void operator()() const {
        unsigned short(&s)[256] = simt::shared<unsigned short[256], struct t_tag>();
        const unsigned l = simt::lane();
        for (unsigned i = 0; i < 8; ++i) s[l * 8 + i] = static_cast<unsigned short>(l * 8 + i);
        simt::sync_warp();
        uint32 r[4];
        simt::ldmatrix_x4_trans(r, &s[l * 8]);
        for (unsigned i = 0; i < 4; ++i) out[l * 4 + i] = r[i];
    }
};
TEST_CASE("emulator: ldmatrix transposed") {
    buffer<uint32> out(std::size_t(128));
    run(transposed_load{out.p()}, {1}, {32});
    const auto h = out.host();
    for (unsigned l = 0; l < 32; ++l)
        for (unsigned m = 0; m < 4; ++m) {
            const unsigned low = m * 64 + 2 * (l % 4) * 8 + l / 4;
            CHECK(h[l * 4 + m] == (low | (low + 8) << 16));
        }
    CHECK(emulator::last().stats.ldmatrix_conflicts == 0);
}

// ---- The engine itself

struct order_of_blocks {
    static constexpr int max_threads = 32, min_blocks = 1;
    unsigned *counter, *out;
    void operator()() const {
        for (int i = 0; i < 4; ++i) {
            const unsigned n = simt::atomic_add(counter, 1U);
            out[n] = simt::bid().x * 32 + simt::lane();
            simt::sync_warp();
        }
    }
};
std::vector<unsigned> order_with(std::uint64_t seed, double preempt) {
    emulator::options o;
    o.schedule = emulator::order::random;
    o.seed = seed;
    o.resident_blocks = 3;
    o.preempt = preempt;
    const emulator::scoped_options scope(o);
    buffer<unsigned> counter(std::vector<unsigned>{0}), out(std::size_t(512));
    run(order_of_blocks{counter.p(), out.p()}, {4}, {32});
    return out.host();
}
TEST_CASE("emulator: a seed is a schedule") {
    CHECK(order_with(1, 0) == order_with(1, 0));
    CHECK(order_with(1, 0) != order_with(2, 0));
    CHECK(order_with(1, 0.2) == order_with(1, 0.2));
    CHECK(order_with(1, 0.2) != order_with(1, 0));
}

struct throws_inside {
    static constexpr int max_threads = 64, min_blocks = 1;
    int* y;
    void operator()() const {
        const int lane = int(simt::lane());
        simt::sync_block();
        try {
            try {
                if (lane % 2 == 1) throw lane;
            } catch (int) {
                simt::sync_warp(0xaaaaaaaaU);  // every odd lane handles its own exception here
                throw;
            }
        } catch (int thrown) {
            if (thrown == lane) simt::atomic_add(y, 1);
        }
        simt::sync_block();
    }
};
struct count_threads {
    static constexpr int max_threads = 64, min_blocks = 1;
    int* n;
    void operator()() const {
        simt::sync_block();
        simt::atomic_add(n, 1);
    }
};
TEST_CASE("emulator: exceptions that a kernel catches itself, and host code beside kernels") {
    under_all_schedules([] {
        buffer<int> y(std::vector<int>{0});
        run(throws_inside{y.p()}, {2}, {64});
        CHECK(*y.p() == 64);
    });
    CHECK_THROWS_AS(throw std::runtime_error("host"), std::runtime_error);
    const auto shared = std::make_shared<std::atomic<long>>(1);
    const auto copy = shared;
    long expected = 4;
    copy->fetch_add(3);
    CHECK(shared->compare_exchange_strong(expected, 9));
    CHECK(shared->exchange(2) == 9);
    CHECK(shared.use_count() == 2);
    CHECK(emulator::checks_races() == race_flavour);
    CHECK(emulator::checks_addresses() == asan_flavour);
}

TEST_CASE("emulator: launches from several threads of the host run one after another") {
    buffer<int> i(std::vector<int>{0});
    std::vector<std::thread> threads;
    std::atomic<int> good = 0;
    for (int t = 0; t < 3; ++t)
        threads.emplace_back([&] {
            for (int k = 0; k < 5; ++k) {
                buffer<int> own(std::vector<int>{0});
                simt::launch(count_threads{own.p()}, {3}, {64});
                const bool quiet = emulator::last().errors.empty();
                simt::launch(count_threads{i.p()}, {1}, {64});
                if (quiet && emulator::last().errors.empty() && *own.p() == 192) ++good;
            }
        });
    for (auto& t : threads) t.join();
    CHECK(good == 15);
    CHECK(*i.p() == 3 * 5 * 64);
}

struct deep {
    static constexpr int max_threads = 1024, min_blocks = 1;
    float* y;
    static float fall(int n) {
        volatile float room[64];
        room[n % 64] = float(n);
        return n == 0 ? room[0] : fall(n - 1) + room[n % 64];
    }
    void operator()() const {
        if (simt::tid().x % 512 == 0) y[simt::tid().x / 512] = fall(100);
    }
};
TEST_CASE("emulator: blocks of 1024 threads and deep stacks") {
    buffer<float> y(std::size_t(2));
    run(deep{y.p()}, {1}, {1024});
    CHECK(y.host() == std::vector<float>{5050.0F, 5050.0F});
}

}  // namespace
}  // namespace emulator_test
