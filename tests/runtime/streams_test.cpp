// Streams, events, memory in flight and copies that do not wait, on a fake of CUDA that runs work
// as late as order allows and finds every use of memory without order.
#include <doctest/doctest.h>

#include <cstring>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "runtime/fake_cuda.hpp"
#include "sinter/ir/pass.hpp"
#include "sinter/runtime/launch.hpp"

namespace {

using namespace sinter;
using namespace sinter::runtime;
using sinter_test::fake;
using sinter_test::fake_cuda;
using sinter_test::fake_cuda_scope;
using sinter_test::fake_parameter;

// args: float* to, const float* from, int n.
void twice_kernel(dim, dim, void** args) {
    float* to = *static_cast<float**>(args[0]);
    const float* from = *static_cast<const float**>(args[1]);
    for (int i = 0; i < *static_cast<int*>(args[2]); ++i) to[i] = 2 * from[i];
}

void launch_twice(storage& to, storage& from, const stream& s) {
    fake().declare(
        twice_kernel,
        {{sizeof(void*), fake_parameter::writes}, {sizeof(void*), fake_parameter::reads}, {4}});
    to.note_use(s);
    from.note_use(s);
    void *t = to.data(), *f = from.data();
    int n = static_cast<int>(to.bytes() / sizeof(float));
    void* args[] = {&t, &f, &n};
    cuda_launch({.kernel = "map", .where = to.where()},
                reinterpret_cast<const void*>(&twice_kernel),
                args,
                0,
                s);
}
storage_ptr allocate_on(const stream& s, std::size_t bytes) {
    const stream_scope scope(s);
    return allocate(s.where(), bytes);
}
storage_ptr pinned_with(const std::vector<float>& values) {
    storage_ptr p = storage::allocate_pinned(values.size() * sizeof(float));
    std::memcpy(p->data(), values.data(), p->bytes());
    return p;
}
float first_of(const storage_ptr& s) { return *static_cast<const float*>(s->data()); }
bool has_mistake(const char* text) {
    for (const std::string& m : fake().mistakes)
        if (m.find(text) != std::string::npos) return true;
    return false;
}
template <class F>
std::string message_of(F&& f) {
    try {
        f();
    } catch (const error& e) {
        return e.what();
    }
    return "nothing was thrown";
}

/// A pipeline over two streams: copies in on one, computes and copies out on the other. What is
/// left out makes it wrong.
struct left_out {
    bool wait_for_copy = false, wait_for_result = false, note = false;
};
float pipeline(const left_out& out) {
    const device d = device::cuda();
    const std::size_t bytes = 64;
    const stream in(d), work(d);
    const storage_ptr source = pinned_with(std::vector<float>(16, 3)),
                      result = pinned_with(std::vector<float>(16, 0));
    storage_ptr x = allocate_on(in, bytes), y = allocate_on(work, bytes);
    copy_async(*x, x->data(), *source, source->data(), bytes, in);
    event copied(d);
    copied.record(in);
    if (!out.wait_for_copy) work.wait(copied);
    if (out.note) {  // a launch that tells nobody what it uses
        void *t = y->data(), *f = x->data();
        int n = 16;
        void* args[] = {&t, &f, &n};
        launch_twice(*y, *y, work);
        current_cuda_api()->launch_kernel(
            reinterpret_cast<const void*>(&twice_kernel), {}, {}, args, 0, work.handle());
    } else {
        launch_twice(*y, *x, work);
    }
    x.reset();  // in flight
    copy_async(*result, result->data(), *y, y->data(), bytes, work);
    y.reset();
    if (!fake().failed) CHECK(!fake().host_may_use(result->data()));
    if (!out.wait_for_result) synchronize(work);
    if (!fake().failed) CHECK(fake().host_may_use(result->data()) == !out.wait_for_result);
    return first_of(result);
}

}  // namespace

TEST_CASE("two streams in order: right; every missing wait is found") {
    {
        const fake_cuda_scope scope;
        CHECK(pipeline({}) == 6);
        CHECK(fake().clean());
    }
    {
        const fake_cuda_scope scope;
        pipeline({.wait_for_copy = true});
        CHECK(has_mistake("two streams use memory without order"));
    }
    {
        const fake_cuda_scope scope;
        CHECK(pipeline({.wait_for_result = true}) == 0);  // the work has not even begun
        CHECK(fake().clean());                            // the end of pinned memory waits for it
    }
    {
        const fake_cuda_scope scope;
        pipeline({.note = true});
        CHECK(has_mistake("memory is freed while a stream may use it"));
    }
    {
        const fake_cuda_scope scope;
        const stream a(device::cuda()), b(device::cuda());
        const storage_ptr x = allocate_on(a, 64);
        fill_zero(x->data(), device::cuda(), 64, b);
        CHECK(has_mistake("does not wait for its allocation"));
    }
    fake().mistakes.clear();
}

TEST_CASE("memory in flight: freed in the order of every stream that uses it") {
    const fake_cuda_scope scope;
    const device d = device::cuda();
    const std::int64_t live = live_allocations;
    for (int users = 0; users <= 3; ++users) {
        fake_cuda_scope::restart();
        const stream home(d);
        std::vector<stream> others;
        for (int i = 0; i < users; ++i) others.emplace_back(d);
        storage_ptr x = allocate_on(home, 64);
        fill_zero(x->data(), d, 64, home);
        std::vector<storage_ptr> results;
        for (const stream& s : others) {
            s.wait(home);
            results.push_back(allocate_on(s, 64));
            for (int i = 0; i < 3; ++i) launch_twice(*results.back(), *x, s);
        }
        const int events = fake().count("event_record");
        x.reset();
        CHECK(fake().last_free_stream == home.handle());
        CHECK(fake().count("event_record") == events + users);
        results.clear();
        CHECK(fake().mistakes.empty());
    }
    CHECK(live_allocations == live);
    CHECK(fake().clean());
}

TEST_CASE("pinned memory outlives the copies that use it, and waits only for those") {
    const fake_cuda_scope scope;
    const device d = device::cuda();
    const stream s(d);
    const storage_ptr x = allocate_on(s, 64);
    {
        const storage_ptr source = pinned_with(std::vector<float>(16, 1));
        CHECK(source->pinned());
        copy_async(*x, x->data(), *source, source->data(), 64, s);
        CHECK(!fake().host_may_use(source->data(), true));
        CHECK(fake().host_may_use(source->data()));
    }
    CHECK(fake().count("stream_synchronize") == 1);
    { const storage_ptr idle = pinned_with({1}); }
    CHECK(fake().count("stream_synchronize") == 1);
    CHECK(fake().mistakes.empty());

    // Memory that is not pinned makes the copy wait.
    const storage_ptr plain = allocate(device::host(), 64);
    CHECK(!plain->pinned());
    copy_async(*plain, plain->data(), *x, x->data(), 64, s);
    CHECK(fake().count("stream_synchronize") == 2);
    CHECK(first_of(plain) == 1);
    copy_async(*x, x->data(), *plain, plain->data(), 64, s);
    CHECK(fake().count("stream_synchronize") == 3);
}

TEST_CASE("events: recorded, waited for, asked and timed") {
    const fake_cuda_scope scope(2);
    const device d = device::cuda();
    const stream s(d);
    event start(d), stop(d);
    CHECK(start.where() == d);
    CHECK(start.query());
    start.synchronize();  // never recorded: nothing to wait for
    s.wait(start);
    CHECK(message_of([&] { (void)elapsed_ms(start, stop); }) ==
          "elapsed_ms: an event was not recorded yet.");
    const storage_ptr x = allocate_on(s, 64), y = allocate_on(s, 64);
    fill_zero(x->data(), d, 64, s);
    start.record(s);
    for (int i = 0; i < 5; ++i) launch_twice(*y, *x, s);
    stop.record(s);
    CHECK(!stop.query());
    CHECK(!s.query());
    CHECK(fake_cuda::last_error == 0);  // "not ready" is no error
    int asked = 0;
    while (!stop.query()) ++asked;
    CHECK(asked > 3);
    CHECK(s.query());
    // 5 kernels of 10 us and the calls between
    CHECK(elapsed_ms(start, stop) == doctest::Approx(0.05).epsilon(0.2));
    {
        const stream_scope current(s);
        launch_twice(*y, *x, s);
        const event copy = stop;  // names the same event
        stop.record();
        CHECK(!copy.query());
        copy.synchronize();
        CHECK(stop.query());
    }
    const stream other(device::cuda(1));
    CHECK(message_of([&] { stop.record(other); }) ==
          "record an event: the event is on cuda:0, the stream on cuda:1.");
    const event far(device::cuda(1));
    CHECK(message_of([&] { (void)elapsed_ms(start, far); }) ==
          "elapsed_ms: one event is on cuda:0, the other one on cuda:1.");

    // On the host an event is a time, and nothing needs waiting for.
    event a(device::host()), b(device::host());
    a.record();
    b.record(stream(device::host()));
    CHECK(sinter::elapsed_ms(a, b) >= 0);
    CHECK(elapsed_ms(a, b) < 10000);
    CHECK(a.query());
    CHECK(a.handle() == nullptr);
    s.wait(a);
    stop.record(s);
    stream(device::host()).wait(stop);  // the host waits itself
    CHECK(stop.query());
    CHECK(fake().mistakes.empty());
}

TEST_CASE("an index outside that a kernel left is thrown by whoever waits, once") {
    const sinter::runtime::index_site rows{"take", 0, 2, true, {4, 7}};
    const sinter::runtime::index_site labels{"one_hot", 1, 2, false, {3, 5}};
    {
        const fake_cuda_scope scope(2);
        const device first = device::cuda(0), second = device::cuda(1);
        fake().fail_at = 1 + fake().calls;
        CHECK(message_of([&] { sinter::runtime::index_slot_of(first, rows); }) !=
              "nothing was thrown");
        fake().fail_at = 0;
        const sinter::int64 a = sinter::runtime::index_slot_of(first, rows),
                            b = sinter::runtime::index_slot_of(first, labels),
                            c = sinter::runtime::index_slot_of(second, rows);
        CHECK(fake().count("malloc_host") == 2);
        CHECK(a == sinter::runtime::index_slot_of(first, rows));
        CHECK(a != b);
        CHECK(sinter::runtime::index_slot_of(device::host(), rows) == 0);
        const std::string message = "take: index -5 is outside axis 0 of shape (4, 7).";
        const auto leave = [&] {
            CHECK(!sinter::ir::inside(-1, 4, a));  // -1 + 4 was not enough
            CHECK(!sinter::ir::inside(9, 5, b));   // later: of no interest
        };
        const stream s(first);
        event e(first);
        leave();
        CHECK(message_of([&] { s.synchronize(); }) == message);
        CHECK(message_of([&] { s.synchronize(); }) == "nothing was thrown");
        leave();
        e.record(s);
        CHECK(message_of([&] { sinter::synchronize(second); }) == "nothing was thrown");
        e.wait();
        CHECK(message_of([&] { e.synchronize(); }) == message);
        leave();
        CHECK(message_of([&] { sinter::synchronize(first); }) == message);
        CHECK(!sinter::ir::inside(-3, 5, b));
        CHECK(message_of([&] { sinter::synchronize(first); }) ==
              "one_hot: index -3 is outside axis 1 of shape (3, 5).");
        CHECK(!sinter::ir::inside(4, 4, c));
        CHECK(message_of([&] { sinter::synchronize(second); }) ==
              "take: index 4 is outside axis 0 of shape (4, 7).");
        sinter::runtime::forget_index_record(first);
        sinter::runtime::forget_index_record(second);
    }
    CHECK(fake().clean());
}

TEST_CASE("peers: a copy between devices waits for the target's stream and lets it wait") {
    const fake_cuda_scope scope(2);
    const device d0 = device::cuda(0), d1 = device::cuda(1);
    for (const bool on_target : {false, true}) {
        const stream s0(d0), s1(d1);
        const storage_ptr source = pinned_with(std::vector<float>(16, 5)),
                          result = storage::allocate_pinned(64);
        storage_ptr x = allocate_on(s0, 64);
        copy_async(*x, x->data(), *source, source->data(), 64, s0);
        if (on_target) s1.wait(s0);
        storage_ptr y = allocate_on(s1, 64);
        copy_async(*y, y->data(), *x, x->data(), 64, on_target ? s1 : s0);
        x.reset();
        launch_twice(*y, *y, s1);
        copy_async(*result, result->data(), *y, y->data(), 64, s1);
        const int waits = fake().count("stream_synchronize");
        y.reset();
        CHECK(fake().count("stream_synchronize") == waits);
        s1.synchronize();
        CHECK(first_of(result) == 10);
        CHECK(fake().mistakes.empty());
        CHECK(fake_cuda::current_device == 0);
        // Elsewhere than on one of the two it cannot run.
        const storage_ptr z = allocate_on(s1, 64);
        const storage_ptr host = allocate(device::host(), 64);
        CHECK(message_of([&] { copy_async(*z, z->data(), *host, host->data(), 64, s0); }) ==
              "copy: a copy from host to cuda:1 needs a stream of a CUDA device that takes part in "
              "it, not of cuda:0.");
    }
    CHECK(fake().clean());
}

TEST_CASE("any call of a pipeline may fail: nothing leaked, no wrong order, the next one works") {
    for (const int code : {719, 2, 5}) {
        const fake_cuda_scope scope;
        const std::int64_t live = live_allocations;
        int n = 0, thrown = 0;
        for (bool reached = true; reached && n < 500;) {
            fake_cuda_scope::restart(++n, code);
            float got = 6;
            try {
                got = pipeline({});
            } catch (const device_error&) {
                ++thrown;
            }
            reached = fake().failed;
            CAPTURE(n);
            CAPTURE(code);
            // Without pinned memory it is ordinary memory's turn; CUDA is gone after a fault.
            CHECK(fake().blocks.empty());
            CHECK(fake().streams.empty());
            CHECK(fake().events.empty());
            CHECK(live_allocations == live);
            CHECK(fake_cuda::last_error == 0);
            if (thrown == 0) CHECK(got == 6);
            fake().mistakes.clear();
            fake_cuda_scope::restart();
            CHECK(pipeline({}) == 6);
            CHECK(fake().clean());
        }
        CHECK(n > 30);
        CHECK(n < 500);
        CHECK(thrown > 15);
    }
}

TEST_CASE("two threads with streams of their own do not disturb each other") {
    const fake_cuda_scope scope;
    std::vector<std::thread> threads;
    std::atomic<int> wrong = 0;
    for (int t = 0; t < 2; ++t)
        threads.emplace_back([&wrong, t] {
            const device d = device::cuda();
            const stream mine(d);
            const stream_scope current(mine);
            const storage_ptr x = allocate(d, 64), y = allocate(d, 64),
                              out = storage::allocate_pinned(64);
            for (int i = 0; i < 100; ++i) {
                const storage_ptr in =
                    pinned_with(std::vector<float>(16, static_cast<float>(t * 1000 + i)));
                copy_async(*x, x->data(), *in, in->data(), 64, mine);
                launch_twice(*y, *x, current_stream(d));
                copy_async(*out, out->data(), *y, y->data(), 64, mine);
                mine.synchronize();
                wrong += first_of(out) != static_cast<float>(2 * (t * 1000 + i));
            }
        });
    for (std::thread& t : threads) t.join();
    CHECK(wrong == 0);
    CHECK(fake().clean());
}

TEST_CASE("memory statistics: what is in use, the most of it, what the pool keeps") {
    const fake_cuda_scope scope(2);
    for (const device d : {device::cuda(1), device::host()}) {
        CAPTURE(d.name());
        empty_cache(d);
        reset_peak_memory(d);
        const memory_statistics before = memory_stats(d);
        CHECK(before.peak == before.in_use);
        storage_ptr a = allocate(d, 4096), b = allocate(d, 1000);
        memory_statistics now = memory_stats(d);
        CHECK(now.in_use == before.in_use + 5096);
        CHECK(now.live == before.live + 2);
        CHECK(now.allocations == before.allocations + 2);
        CHECK(now.reserved >= now.in_use);
        a.reset();
        b.reset();
        now = memory_stats(d);
        CHECK(now.in_use == before.in_use);
        CHECK(now.peak == before.in_use + 5096);
        CHECK(now.reserved >= before.reserved + 5096);  // kept for the next array
        empty_cache(d);
        CHECK(memory_stats(d).reserved == before.reserved);
        reset_peak_memory(d);
        CHECK(memory_stats(d).peak == before.in_use);
    }
    const storage_ptr p = storage::allocate_pinned(128);
    CHECK(memory_stats(device::host()).pinned == 128);
    CHECK(cuda::memory_stats().in_use == 0);
    cuda::empty_cache(device::cuda(1));
    CHECK_THROWS_AS(cuda::memory_stats(device::cuda(2)), device_error);
    CHECK(fake().mistakes.empty());
}

TEST_CASE(
    "out of memory: what is freed in flight comes back, pieces are trimmed, then a sentence") {
    const fake_cuda_scope scope;
    const device d = device::cuda();
    fake().capacity = 1000;
    {
        storage_ptr a = allocate(d, 900);
        fill_zero(a->data(), d, 900);
        a.reset();  // the fill is still in flight
        const storage_ptr b = allocate(d, 800);
        CHECK(fake().count("malloc_async") == 3);
        CHECK(fake().count("device_synchronize") == 1);
        CHECK(message_of([&] { (void)allocate(d, 300); }) ==
              "allocate: 300 bytes on cuda:0 failed, the device has not enough free memory: arrays "
              "of this program use 800 bytes, its pool has reserved 800, 200 of 1000 are free.");
        CHECK(fake_cuda::last_error == 0);
    }
    empty_cache(d);
    fake().fragmented = true;
    { const storage_ptr a = allocate(d, 600); }
    synchronize(d);
    const int trims = fake().count("pool_trim");
    const storage_ptr b = allocate(d, 700);
    CHECK(b->owns());
    CHECK(fake().count("pool_trim") == trims + 1);
    CHECK(fake().mistakes.empty());
}
