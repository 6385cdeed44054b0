// Kernels that end their device: the next synchronisation names them, later work on the device gets
// the same sentence, the host and other devices go on. On a fake of CUDA.
#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

#include "runtime/fake_cuda.hpp"
#include "sinter/runtime/launch.hpp"

namespace {

using namespace sinter;
using namespace sinter::runtime;
using sinter_test::fake;
using sinter_test::fake_cuda;
using sinter_test::fake_cuda_scope;

void good_kernel(dim, dim, void**) {}
void bad_kernel(dim, dim, void**) {}

void launch(void (*kernel)(dim, dim, void**), const char* name, device d, unsigned blocks = 1) {
    fake().declare(kernel, {});
    void* args[] = {nullptr};
    cuda_launch({.kernel = name, .where = d, .grid = {blocks, 1, 1}, .block = {128, 1, 1}},
                reinterpret_cast<const void*>(kernel),
                args);
}
void plant() { fake().guilty = reinterpret_cast<const void*>(&bad_kernel); }

template <class F>
std::string message_of(F&& f) {
    try {
        f();
    } catch (const device_error& e) {
        return e.what();
    }
    return "nothing was thrown";
}
bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

const std::string ending =
    " CUDA work on cuda:0 is refused from now on, until the program is started again; the host and "
    "other devices go on.";

}  // namespace

TEST_CASE("a fault is reported at the next synchronisation with the kernels in flight") {
    const device d = device::cuda();
    struct row {
        void (*before)();  // after the launches that succeed and are waited for
        void (*sync)();
        const char* suspects;
    };
    const row rows[] = {
        {[] {},
         [] { synchronize(device::cuda()); },
         "(error 700 from cudaDeviceSynchronize, synchronize). The kernel in flight was row (7 "
         "blocks of 128)."},
        {[] { launch(good_kernel, "map", device::cuda()); },
         [] { synchronize(stream::default_of(device::cuda())); },
         "(error 700 from cudaStreamSynchronize, synchronize). 2 kernels were launched since the "
         "last synchronisation that succeeded, first map (1 blocks of 128), row (7 blocks of 128); "
         "one of them failed, and CUDA_LAUNCH_BLOCKING=1 in the environment tells which."},
        {[] {
             for (int i = 0; i < 40; ++i) launch(good_kernel, i ? "map" : "matmul", device::cuda());
         },
         [] {
             event e(device::cuda());
             e.record();
             e.synchronize();
         },
         "(error 700 from cudaEventSynchronize, synchronize with an event). 41 kernels were "
         "launched since the last synchronisation that succeeded, first matmul (1 blocks of 128), "
         "then 8 more, map (1 blocks of 128), "},
        {[] {},
         [] {
             float x = 0;
             const storage_ptr s = allocate(device::cuda(), 4);
             copy(&x, device::host(), s->data(), device::cuda(), 4);
         },
         "The kernel in flight was row (7 blocks of 128)."},
    };
    for (const row& r : rows) {
        const fake_cuda_scope scope(2);
        launch(good_kernel, "reduce", d);
        synchronize(d);
        plant();
        r.before();
        launch(bad_kernel, "row", d, 7);
        const std::string text = message_of(r.sync);
        CAPTURE(text);
        CHECK(contains(text,
                       "cuda:0 has failed: an illegal memory access was encountered (error 700"));
        CHECK(contains(text, r.suspects));
        CHECK(contains(text, ending));
        CHECK(!contains(text, "reduce"));  // it ran before the last synchronisation

        // Everything on that device says the same, and asks CUDA no more.
        const int calls = fake().calls;
        CHECK(message_of([&] { synchronize(d); }) == text);
        CHECK(message_of([&] { allocate(d, 8); }) == text);
        CHECK(message_of([&] { launch(good_kernel, "map", d); }) == text);
        CHECK(message_of([&] { stream{d}; }) == text);
        CHECK(message_of([&] { event{d}; }) == text);
        CHECK(message_of([&] { (void)cuda::memory_stats(d); }) == text);
        CHECK(fake().calls == calls);
        // The host and the other device work.
        CHECK(allocate(device::host(), 64)->owns());
        launch(good_kernel, "map", device::cuda(1));
        synchronize(device::cuda(1));
        CHECK(allocate(device::cuda(1), 64)->owns());
        CAPTURE(fake().mistakes.empty() ? std::string() : fake().mistakes[0]);
        CHECK(fake().mistakes.empty());
    }
}

TEST_CASE("what has run is no suspect: streams and events retire their own launches") {
    const fake_cuda_scope scope;
    const device d = device::cuda();
    const stream a(d), b(d);
    const auto launch_on = [&](const stream& s, const char* name) {
        const stream_scope current(s);
        launch(name[0] == '!' ? bad_kernel : good_kernel, name, d);
    };
    plant();
    launch_on(a, "first");
    launch_on(b, "second");
    a.synchronize();  // retires "first"
    launch_on(b, "third");
    event reached(d);
    reached.record(b);
    launch_on(b, "fourth");
    while (!reached.query()) {  // retires "second" and "third"
    }
    launch_on(a, "!bad");
    const std::string text = message_of([&] { synchronize(d); });
    CAPTURE(text);
    CHECK(contains(text, "2 kernels were launched"));
    CHECK(contains(text, "first fourth (1 blocks of 128), !bad"));
}

TEST_CASE("a fault that another call meets is the same fault; other errors end nothing") {
    const fake_cuda_scope scope;
    const device d = device::cuda();
    plant();
    launch(bad_kernel, "row", d);
    fake().queue_of(nullptr)->drain();  // nobody has asked yet
    const std::string text = message_of([&] { launch(good_kernel, "map", d); });
    CAPTURE(text);
    CHECK(contains(text, "cudaLaunchKernel, launch of kernel map). 2 kernels were launched"));
    CHECK(message_of([&] { synchronize(d); }) == text);
    // A table that is put in place anew knows of no fault.
    fake_cuda_scope::restart();
    launch(good_kernel, "map", d);
    synchronize(d);

    for (const int code : {1, 2, 5, 98, 100, 801}) {
        CHECK(!is_sticky(code));
        fake_cuda_scope::restart(3, code);
        CHECK(contains(message_of([&] { synchronize(d); }), "synchronize on cuda:0: "));
        synchronize(d);
    }
    for (const int code : {214, 226, 700, 702, 710, 714, 715, 716, 717, 718, 719, 721, 810, 911}) {
        CHECK(is_sticky(code));
        fake_cuda_scope::restart(3, code);
        const std::string first = message_of([&] { synchronize(d); });
        CHECK(contains(first, "No kernel of Sinter was in flight"));
        CHECK(message_of([&] { synchronize(d); }) == first);
    }
}

TEST_CASE("a launch that CUDA refused is no suspect; a blocking launch is the only one") {
    const fake_cuda_scope scope;
    const device d = device::cuda();
    launch(good_kernel, "map", d);
    fake().fail_at = fake().calls + 2;
    fake().fail_code = 1;
    CHECK(contains(message_of([&] { launch(good_kernel, "too large", d); }), "invalid argument"));
    plant();
    ::setenv("CUDA_LAUNCH_BLOCKING", "1", 1);
    launch(bad_kernel, "row", d);
    const std::string text = message_of([&] { synchronize(d); });
    ::unsetenv("CUDA_LAUNCH_BLOCKING");
    CHECK(contains(text, "The kernel in flight was row (1 blocks of 128)."));
    fake_cuda_scope::restart();
    launch(good_kernel, "map", d);
    fake().fail_at = fake().calls + 2;
    fake().fail_code = 1;
    CHECK_THROWS_AS(launch(good_kernel, "too large", d), device_error);
    plant();
    launch(bad_kernel, "row", d);
    const std::string both = message_of([&] { synchronize(d); });
    CHECK(contains(both, "2 kernels were launched"));
    CHECK(!contains(both, "too large"));
}

TEST_CASE("after a fault nothing throws from destructors and nothing is lost twice") {
    const fake_cuda_scope scope;
    const std::int64_t live = live_allocations;
    const device d = device::cuda();
    {
        const stream s(d), other(d);
        const stream_scope current(s);
        const storage_ptr x = allocate(d, 64), pinned = storage::allocate_pinned(64);
        other.wait(s);
        x->note_use(other);
        pinned->note_use(s);
        const event e(d);
        plant();
        launch(bad_kernel, "row", d);
        CHECK_THROWS_AS(synchronize(d), device_error);
    }
    CHECK(live_allocations == live);
    CHECK(fake().blocks.empty());
    CHECK(fake().streams.empty());
    CHECK(fake().events.empty());
}
