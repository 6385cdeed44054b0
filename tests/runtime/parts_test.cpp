// Storages that are parts of another one, and those that move there.
#include <doctest/doctest.h>

#include <cstring>
#include <vector>

#include "runtime/fake_cuda.hpp"
#include "sinter/runtime/launch.hpp"

using namespace sinter;
using namespace sinter::runtime;
using sinter_test::fake;
using sinter_test::fake_cuda_scope;

namespace {

std::vector<float> read(const storage& s) {
    std::vector<float> v(s.bytes() / sizeof(float));
    copy(v.data(), device::host(), s.data(), s.where(), s.bytes());
    return v;
}
storage_ptr make(device d, const std::vector<float>& v) {
    storage_ptr s = allocate(d, v.size() * sizeof(float));
    copy(s->data(), d, v.data(), device::host(), s->bytes());
    return s;
}

void check_moves(device d) {
    const int64 before = live_allocations;
    storage_ptr s = make(d, {1, 2, 3, 4});
    const storage_ptr handle = s;
    {
        storage_ptr whole = make(d, std::vector<float>(16, 9));
        CHECK(s->owns());
        move_into(*s, whole, 32);
        CHECK(!s->owns());
        CHECK(s->is_managed());
        CHECK(s->whole() == whole);
        CHECK(s->where() == d);
        CHECK(handle->data() == static_cast<char*>(whole->data()) + 32);
        CHECK(read(*whole)[8] == 1);
        // The whole may move as well: its parts go along.
        storage_ptr larger = make(d, std::vector<float>(40, 7));
        move_into(*whole, larger, 64);
        CHECK(handle->data() == static_cast<char*>(larger->data()) + 96);
        CHECK(live_allocations == before + 1);
    }
    // The part keeps its whole alive.
    CHECK(live_allocations == before + 1);
    CHECK(read(*handle) == std::vector<float>{1, 2, 3, 4});
    // And moves out of it into another one.
    storage_ptr other = make(d, std::vector<float>(4, 5));
    move_into(*s, other, 0);
    CHECK(read(*other) == std::vector<float>{1, 2, 3, 4});
    CHECK(live_allocations == before + 1);
    float plain[4]{};
    CHECK(!storage::part_of(storage::borrow(device::host(), plain, 16), 4, 8)->is_managed());
}

}  // namespace

TEST_CASE("a storage that moves into another one keeps its contents and its handles") {
    SUBCASE("host") { check_moves(device::host()); }
    SUBCASE("CUDA") {
        const fake_cuda_scope scope;
        check_moves(device::cuda());
        CHECK(fake().mistakes.empty());
    }
}

TEST_CASE("memory waits for work on its parts") {
    const fake_cuda_scope scope;
    const device d = device::cuda();
    const stream other(d);
    {
        const storage_ptr source = make(d, {1, 2}), whole = allocate(d, 64);
        const storage_ptr part = storage::part_of(whole, 8, 8);
        synchronize(d);  // the memory is there now, for all streams
        CHECK(part->used_only_on(current_stream(d)));
        CHECK(part->home() == whole->home());
        copy_async(*part, part->data(), *source, source->data(), 8, other);
        CHECK(!part->used_only_on(current_stream(d)));
        CHECK(!whole->used_only_on(current_stream(d)));
    }
    CHECK(fake().count("stream_wait_event") >= 1);  // the free comes after the copy
    synchronize(d);
    CHECK(fake().mistakes.empty());
}
