// The emulator keeps the rules of CUDA: correct kernels, under every schedule.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <memory>
#include <stdexcept>

#include "support.hpp"

namespace emulator_test {
namespace {

// Runs `f` under every schedule.
template <class F>
void under_all_schedules(F f) {
    for (const auto& o : schedules()) {
        const emulator::scoped_options scope(o);
        CAPTURE(static_cast<int>(o.schedule));
        CAPTURE(o.seed);
        f();
    }
}
template <class K>
void run(const K& k, simt::dim grid, simt::dim block, std::size_t shared = 0) {
    simt::launch(k, grid, block, shared);
    CHECK_MESSAGE(emulator::last().errors.empty(), errors());
    CHECK(emulator::last().stats.blocks == std::uint64_t(grid.x) * grid.y * grid.z);
}

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

// ---- Global memory: vectors, counted bytes

template <class T, int N>
struct copy_vectors {
    static constexpr int max_threads = 64, min_blocks = 1;
    const T* x;
    T* y;
    void operator()() const {
        const std::size_t i = (std::size_t(simt::bid().x) * 64 + simt::tid().x) * N;
        simt::store<N>(y + i, simt::load<N>(x + i));
        simt::store<N>(y + i, simt::load_coherent<N>(y + i));
    }
};
template <class T, int N>
void check_copy() {
    constexpr std::size_t n = 3 * 64 * N;
    std::vector<T> in(n);
    for (std::size_t i = 0; i < n; ++i) in[i] = T(float(i % 2 == 0));
    buffer<T> x(in), y(n);
    const emulator::traffic from(x.p(), x.bytes()), half(y.p(), y.bytes() / 2), none(x.p(), 0);
    run(copy_vectors<T, N>{x.p(), y.p()}, {3}, {64});
    const auto out = y.host();
    CHECK(std::memcmp(out.data(), in.data(), n * sizeof(T)) == 0);
    const auto& s = emulator::last().stats;
    CHECK(s.bytes_loaded == 2 * n * sizeof(T));
    CHECK(s.bytes_stored == 2 * n * sizeof(T));
    CHECK(s.loads == 2 * 3 * 64);
    CHECK(s.uncounted == 0);
    CHECK((s.checked > 0) == race_flavour);
    CHECK(from.loaded() == n * sizeof(T));
    CHECK(from.stored() == 0);
    CHECK(half.loaded() == n * sizeof(T) / 2);
    CHECK(half.stored() == n * sizeof(T));
    CHECK(none.loaded() == 0);
}
TEST_CASE("emulator: vector access moves and counts exact bytes") {
    under_all_schedules([] {
        check_copy<float, 1>();
        check_copy<float, 2>();
        check_copy<float, 3>();
        check_copy<float, 4>();
        check_copy<bfloat16, 1>();
        check_copy<bfloat16, 8>();
        check_copy<double, 4>();
        check_copy<sinter::int64, 2>();
    });
    static_assert(alignof(simt::vec<float, 3>) == 4 && alignof(simt::vec<float, 4>) == 16);
    static_assert(alignof(simt::vec<double, 4>) == 16 && sizeof(simt::vec<double, 4>) == 32);
    static_assert(alignof(simt::vec<bool, 1>) == 1 && alignof(simt::vec<bfloat16, 8>) == 16);
}

struct past_the_counter {
    static constexpr int max_threads = 32, min_blocks = 1;
    const float* x;
    float* y;
    void operator()() const { y[simt::lane()] = x[simt::lane()]; }
};
TEST_CASE("emulator: the race flavour sees global accesses that went past load and store") {
    buffer<float> x(counting(32)), y(std::size_t(32));
    run(past_the_counter{x.p(), y.p()}, {1}, {32});
    CHECK(emulator::last().stats.uncounted == (race_flavour ? 64U : 0U));
    CHECK(emulator::last().stats.bytes_loaded == 0);
}

TEST_CASE("emulator: allocations are aligned, filled with NaN patterns and known") {
    const std::size_t before = emulator::allocated_blocks(), bytes = emulator::allocated_bytes();
    for (std::size_t n : {0UL, 1UL, 255UL, 100000UL}) {
        auto* p = static_cast<unsigned char*>(emulator::allocate(n));
        REQUIRE(p != nullptr);
        CHECK(reinterpret_cast<std::uintptr_t>(p) % 256 == 0);
        CHECK(emulator::allocated_blocks() == before + 1);
        CHECK(emulator::allocated_bytes() == bytes + n);
        CHECK(std::all_of(p, p + n, [](unsigned char c) { return c == 0xff; }));
        CHECK(emulator::release(p));
        CHECK_FALSE(emulator::release(p));
    }
    CHECK(emulator::allocated_blocks() == before);
    CHECK(emulator::allocate(std::size_t(1) << 60) == nullptr);
}

// ---- Atomics

struct add_all {
    static constexpr int max_threads = 64, min_blocks = 1;
    int* i;
    unsigned* u;
    sinter::uint64* w;
    float* f;
    double* d;
    unsigned* ticket;
    unsigned* seen;
    void operator()() const {
        const unsigned t = simt::tid().x;
        simt::atomic_add(i, t % 2 == 0 ? 3 : -2);
        simt::atomic_add(u, t);
        simt::atomic_add(w, sinter::uint64(1) << 40);
        simt::atomic_add(f, 0.5F);
        simt::atomic_add(d, 0.25);
        if (t == 0) seen[simt::bid().x] = simt::atomic_inc(ticket, simt::gdim().x - 1);
    }
};
TEST_CASE("emulator: atomics add, and the ticket leaves its counter as it was") {
    under_all_schedules([] {
        buffer<int> i(std::vector<int>{0});
        buffer<unsigned> u(std::vector<unsigned>{0}), t(std::vector<unsigned>{0}),
            seen(std::size_t(5));
        buffer<sinter::uint64> w(std::vector<sinter::uint64>{0});
        buffer<float> f(std::vector<float>{0});
        buffer<double> d(std::vector<double>{0});
        run(add_all{i.p(), u.p(), w.p(), f.p(), d.p(), t.p(), seen.p()}, {5}, {64});
        CHECK(*i.p() == 5 * 32);
        CHECK(*u.p() == 5 * 63 * 32);
        CHECK(*w.p() == sinter::uint64(320) << 40);
        CHECK(*f.p() == 160.0F);
        CHECK(*d.p() == 80.0);
        CHECK(*t.p() == 0U);
        unsigned bits = 0;
        for (unsigned s : seen.host()) bits |= 1U << s;
        CHECK(bits == 31U);
        CHECK(emulator::last().stats.atomics == 5 * 64 * 5 + 5);
    });
}

// ---- Matrices

struct multiply_twice {
    static constexpr int max_threads = 32, min_blocks = 1;
    const bfloat16 *a, *b;  // 16x16 and 8x16, both with k along the rows
    float *hard, *soft;     // 16x8
    void operator()() const {
        bfloat16(&sa)[256] = simt::shared<bfloat16[256], struct a_tag>();
        bfloat16(&sb)[128] = simt::shared<bfloat16[128], struct b_tag>();
        const int l = int(simt::lane());
        simt::store_shared<8>(&sa[l * 8], simt::load<8>(a + l * 8));
        if (l < 16) simt::store_shared<8>(&sb[l * 8], simt::load<8>(b + l * 8));
        simt::sync_warp();
        uint32 fa[4], fb[4];
        simt::ldmatrix_x4(fa, &sa[(l % 16) * 16 + (l / 16) * 8]);
        simt::ldmatrix_x4(fb, &sb[(l % 8) * 16 + (l / 8 % 2) * 8]);
        const uint32 pair[2] = {fb[0], fb[1]};
        float d[4] = {1, 2, 3, 4}, e[4] = {1, 2, 3, 4};
        simt::mma_bf16_16816(d, fa, pair);
        simt::software_mma_bf16_16816<simt::shuffle_between_lanes>(e, fa, pair);
        for (int i = 0; i < 4; ++i) {
            const int at = (l / 4 + 8 * (i / 2)) * 8 + 2 * (l % 4) + i % 2;
            hard[at] = d[i] - float(i + 1);
            soft[at] = e[i] - float(i + 1);
        }
    }
};
TEST_CASE("emulator: ldmatrix and mma against shuffles and against loops") {
    under_all_schedules([] {
        std::vector<bfloat16> a(256), b(128);
        for (int i = 0; i < 256; ++i) a[std::size_t(i)] = bfloat16(float(i * 7 % 23) - 11);
        for (int i = 0; i < 128; ++i) b[std::size_t(i)] = bfloat16(float(i * 5 % 19) - 9);
        buffer<bfloat16> da(a), db(b);
        buffer<float> hard(std::size_t(128)), soft(std::size_t(128));
        run(multiply_twice{da.p(), db.p(), hard.p(), soft.p()}, {1}, {32});
        const auto h = hard.host(), s = soft.host();
        for (std::size_t i = 0; i < 16; ++i)
            for (std::size_t j = 0; j < 8; ++j) {
                float sum = 0;
                for (std::size_t k = 0; k < 16; ++k)
                    sum += float(a[i * 16 + k]) * float(b[j * 16 + k]);
                CHECK(h[i * 8 + j] == sum);
                CHECK(s[i * 8 + j] == sum);
            }
        CHECK(emulator::last().stats.mma == 1);
        // Rows of 32 bytes: four rows cover all banks, so 8 rows need one more pass each.
        CHECK(emulator::last().stats.ldmatrix_conflicts == 8);
    });
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

// ---- Asynchronous copies

struct copy_async {
    static constexpr int max_threads = 64, min_blocks = 1;
    const float* x;
    float* y;
    unsigned valid;  // bytes of the last vector of each thread
    void operator()() const {
        float(&s)[3][256] = simt::shared<float[3][256], struct async_tag>();
        const unsigned t = simt::tid().x;
        simt::cp_async<16>(&s[0][t * 4], x + t * 4);
        simt::cp_async_commit();
        for (unsigned i = 0; i < 4; ++i) simt::cp_async<4>(&s[1][t * 4 + i], x + 256 + t * 4 + i);
        simt::cp_async_commit();
        simt::cp_async<8>(&s[2][t * 4], x + 512 + t * 4);
        simt::cp_async<8>(&s[2][t * 4 + 2], x + 512 + t * 4 + 2, valid);
        simt::cp_async_commit();
        simt::cp_async_wait<2>();
        simt::sync_block();
        float* out = y + simt::bid().x * 256;
        out[t] = s[0][255 - t];
        simt::cp_async_wait<0>();
        simt::sync_block();
        out[64 + t] = s[1][255 - t];
        out[128 + t] = s[2][t * 4 + 1];
        out[192 + t] = s[2][t * 4 + 3];
    }
};
TEST_CASE("emulator: asynchronous copies, groups, and zeroes behind the valid bytes") {
    under_all_schedules([] {
        for (unsigned valid : {8U, 4U, 0U}) {
            buffer<float> x(counting(768, 768)), y(std::size_t(512));
            run(copy_async{x.p(), y.p(), valid}, {2}, {64});
            const auto h = y.host();
            bool same = true;
            for (unsigned t = 0; t < 64; ++t)
                same &= h[t] == h[256 + t] && h[t] == float(255 - t) &&
                        h[64 + t] == float(511 - t) && h[128 + t] == float(513 + t * 4) &&
                        h[192 + t] == (valid == 8 ? float(515 + t * 4) : 0.0F);
            CHECK(same);
            CHECK(emulator::last().stats.bytes_loaded == 2 * 64 * (16 + 16 + 8 + valid));
        }
    });
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
        simt::sync_block();
        try {
            if (simt::tid().x % 2 == 1) throw std::runtime_error("caught in the kernel");
        } catch (const std::exception&) {
            simt::sync_warp(0xaaaaaaaaU);  // every odd lane handles its own exception here
            simt::atomic_add(y, 1);
        }
        simt::sync_block();
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
