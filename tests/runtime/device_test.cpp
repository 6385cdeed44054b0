// The runtime on a real CUDA device. Every case needs one, so that CTest calls the file skipped
// where there is none.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "sinter/runtime/launch.hpp"
#include "skip.hpp"

namespace {

using namespace sinter;
using namespace sinter::runtime;

// CUDA may be gone when it is freed.
storage_ptr freed_at_exit;

bool missing() {
    if (cuda::is_available()) return false;
    sinter_test::skip("there is no CUDA device");
    return true;
}

}  // namespace

TEST_CASE("a real device: memory, fills, copies, streams and errors") {
    if (missing()) return;
    const device d = device::cuda();
    CHECK(attribute(d, cuda_attribute::sm_count) > 0);
    CHECK(attribute(d, cuda_attribute::capability_major) >= 7);
    CHECK(attribute(d, cuda_attribute::max_shared_per_block) >= 48 * 1024);
    const std::int64_t live = live_allocations;
    {
        const stream s(d), other(d);
        const stream_scope scope(s);
        const std::vector<int> in(100000, 7);
        const std::size_t bytes = in.size() * sizeof(int);
        const storage_ptr a = allocate(d, bytes), b = allocate(d, bytes);
        const storage_ptr out = storage::allocate_pinned(bytes);
        copy(a->data(), d, in.data(), device::host(), bytes);
        copy(b->data(), d, a->data(), d, bytes);
        fill_zero(b->data(), d, 4 * sizeof(int));
        b->note_use(other);
        copy(out->data(), device::host(), b->data(), d, bytes);
        const int* got = static_cast<const int*>(out->data());
        CHECK(std::count(got, got + 4, 0) == 4);
        CHECK(std::count(got + 4, got + in.size(), 7) == static_cast<long>(in.size()) - 4);
    }
    CHECK(live_allocations == live);
    CHECK_THROWS_AS(allocate(d, std::size_t{1} << 50), out_of_memory);
    CHECK_THROWS_AS(cuda_launch({.kernel = "none", .where = d}, &live, nullptr), device_error);
    CHECK(current_cuda_api()->peek_last_error() == cuda_success);
    synchronize(d);
}

TEST_CASE("a real device: events order streams, time them and tell when they are reached") {
    if (missing()) return;
    const device d = device::cuda();
    const stream first(d), second(d);
    const std::size_t bytes = std::size_t{64} << 20;
    const storage_ptr in = storage::allocate_pinned(bytes), out = storage::allocate_pinned(bytes);
    std::memset(in->data(), 3, bytes);
    std::memset(out->data(), 0, bytes);
    storage_ptr there;
    event start(d), copied(d);
    CHECK(start.query());  // never recorded
    {
        const stream_scope scope(first);
        there = allocate(d, bytes);
        start.record();
        copy_async(*there, there->data(), *in, in->data(), bytes, first);
        copied.record();
    }
    second.wait(copied);
    copy_async(*out, out->data(), *there, there->data(), bytes, second);
    there.reset();  // in flight on both
    second.synchronize();
    CHECK(copied.query());
    CHECK(second.query());
    CHECK(std::memcmp(in->data(), out->data(), bytes) == 0);
    const double ms = elapsed_ms(start, copied);
    CHECK(ms > 0);
    CHECK(ms < 10000);
}

TEST_CASE("a real device: memory statistics and an empty cache") {
    if (missing()) return;
    const device d = device::cuda();
    synchronize(d);
    empty_cache(d);
    const memory_statistics before = memory_stats(d);
    const std::size_t bytes = std::size_t{256} << 20;
    storage_ptr a = allocate(d, bytes);
    CHECK(memory_stats(d).in_use == before.in_use + static_cast<int64>(bytes));
    CHECK(memory_stats(d).reserved >= before.reserved + static_cast<int64>(bytes));
    a.reset();
    synchronize(d);
    CHECK(memory_stats(d).in_use == before.in_use);
    CHECK(memory_stats(d).reserved >= static_cast<int64>(bytes));  // kept for the next array
    empty_cache(d);
    CHECK(memory_stats(d).reserved < static_cast<int64>(bytes));
    freed_at_exit = allocate(d, 1024);
    CHECK(freed_at_exit->owns());
}
