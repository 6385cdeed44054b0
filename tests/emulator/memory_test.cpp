// The emulator's memory: vectors, counted bytes, allocations, atomics, asynchronous copies.
#include <algorithm>

#include "support.hpp"

namespace emulator_test {
namespace {

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

}  // namespace
}  // namespace emulator_test
