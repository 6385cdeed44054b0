// The runtime's use of CUDA, on a fake: what is called, on which device and stream, and that
// every failing call leaves nothing behind.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "runtime/fake_cuda.hpp"
#include "sinter/runtime/launch.hpp"

namespace {

using namespace sinter;
using namespace sinter::runtime;
using sinter_test::fake;
using sinter_test::fake_cuda;
using sinter_test::fake_cuda_scope;

// args: float* data, int n, float by.
void add_kernel(dim, dim, void** args) {
    float* data = *static_cast<float**>(args[0]);
    const int n = *static_cast<int*>(args[1]);
    for (int i = 0; i < n; ++i) data[i] += *static_cast<float*>(args[2]);
}
const void* entry() {
    fake().declare(
        add_kernel,
        {{sizeof(float*), sinter_test::fake_parameter::writes}, {sizeof(int)}, {sizeof(float)}});
    return reinterpret_cast<const void*>(&add_kernel);
}

void launch_add(const storage_ptr& s, float by, unsigned shared = 0, bool cooperative = false) {
    void* data = s->data();
    int n = static_cast<int>(s->bytes() / sizeof(float));
    void* args[] = {&data, &n, &by};
    cuda_launch({.kernel = "map",
                 .where = s->where(),
                 .grid = {2, 1, 1},
                 .block = {32, 1, 1},
                 .cooperative = cooperative},
                entry(),
                args,
                shared);
}

/// Everything that the runtime does on a CUDA device; true when the numbers are right.
bool work(device d) {
    const stream mine(d), other(d);
    const stream_scope scope(mine);
    const std::vector<float> in = {1, 2, 3, 4};
    const std::size_t bytes = in.size() * sizeof(float);
    const storage_ptr a = allocate(d, bytes), b = allocate(d, bytes);
    const storage_ptr pinned = storage::allocate_pinned(bytes);
    copy(a->data(), d, in.data(), device::host(), bytes);
    fill_zero(b->data(), d, bytes);
    launch_add(b, 5);
    launch_add(a, 1, 100 * 1024, true);
    copy(b->data(), d, a->data(), d, bytes);
    other.wait(mine);
    b->note_use(other);
    b->note_use(other);
    fill_zero(b->data(), d, 0, other);
    event done(d);
    done.record(other);
    mine.wait(done);
    done.synchronize();
    other.synchronize();
    copy(pinned->data(), device::host(), b->data(), d, bytes);
    synchronize(d);
    const float* out = static_cast<const float*>(pinned->data());
    return attribute(d, cuda_attribute::sm_count) == 100 &&
           std::equal(out, out + 4, std::vector<float>{2, 3, 4, 5}.begin());
}

std::string message_of(void (*f)()) {
    try {
        f();
    } catch (const error& e) {
        return e.what();
    }
    return "nothing was thrown";
}

}  // namespace

TEST_CASE("a whole session on one device") {
    const fake_cuda_scope scope;
    const launch_counter counter;
    CHECK(work(device::cuda()));
    CHECK(fake().clean());
    CHECK(counter.launches_on(device::cuda()) == 2);
    CHECK(fake().last_shared == 100 * 1024);
    CHECK(fake().count("set_pool_threshold") == 1);
    CHECK(fake().count("set_max_shared") == 1);
    CHECK(fake().count("launch_kernel") == 1);
    CHECK(fake().count("launch_cooperative") == 1);
    CHECK(fake().count("set_device") == 0);    // it was current already
    CHECK(fake().count("event_record") == 3);  // two of the session, one to free b
    CHECK(fake().count("free_async") == 2);
    CHECK(fake().count("free") == 0);
    CHECK(fake().count("device_count") == 1);
}

TEST_CASE("any call may fail: an error or no effect, nothing leaked, the next session works") {
    for (const int device_in_use : {0, 1})  // 1: the caller's device is another one
        for (const int code : {719, 2, 801}) {
            const fake_cuda_scope scope(2);
            fake_cuda::current_device = device_in_use;
            const std::int64_t live = live_allocations;
            int n = 0, thrown = 0;
            for (bool reached = true; reached && n < 1000;) {
                fake_cuda_scope::restart(++n, code);
                fake_cuda::current_device = device_in_use;
                std::string text;
                bool right = true;
                try {
                    right = work(device::cuda(0));
                } catch (const device_error& e) {
                    text = e.what();
                    ++thrown;
                }
                reached = fake().failed;
                CAPTURE(n);
                CAPTURE(code);
                CAPTURE(text);
                CAPTURE(fake().mistakes.empty() ? std::string() : fake().mistakes[0]);
                CHECK(right);
                CHECK(fake().clean());
                CHECK(live_allocations == live);
                CHECK(fake_cuda::last_error == 0);
                if (!text.empty()) {
                    CHECK((text.find("on cuda:0") != std::string::npos ||
                           text.find("cuda:0 does not exist") != std::string::npos ||
                           text.find("can be pinned") != std::string::npos));
                    CHECK(text.back() == '.');
                }
                fake_cuda_scope::restart();
                CHECK(work(device::cuda(0)));
                CHECK(fake().clean());
            }
            CHECK(n > 40);
            CHECK(n < 1000);
            CHECK(thrown > 20);
        }
}

TEST_CASE("errors name the operation, the device and what CUDA said") {
    struct row {
        int fail_at;
        int code;
        void (*f)();
        const char* text;
    };
    // In every row call 1 counts the devices and call 2 asks for the current one.
    const row rows[] = {
        {3,
         5,
         [] { synchronize(device::cuda()); },
         "synchronize on cuda:0: planted failure (cudaDeviceSynchronize returned error 5)."},
        {3,
         5,
         [] { cuda_launch({.kernel = "row", .where = device::cuda()}, entry(), nullptr); },
         "launch of kernel row on cuda:0: planted failure (cudaLaunchKernel returned error 5)."},
        {4,
         2,
         [] { allocate(device::cuda(), 1234); },
         "nothing was thrown"},  // the second try works
        {3,
         3,
         [] { stream{device::cuda()}; },
         "create a stream on cuda:0: planted failure (cudaStreamCreateWithFlags returned error "
         "3)."},
        {4,
         9,
         [] { allocate(device::cuda(), 1234); },
         "allocate on cuda:0: planted failure (cudaMallocAsync returned error 9)."},
    };
    for (const row& r : rows) {
        const fake_cuda_scope scope;
        fake_cuda_scope::restart(r.fail_at, r.code);
        CHECK(message_of(r.f) == r.text);
        CHECK(fake().failed);
        CHECK(fake_cuda::last_error == 0);
        CHECK(fake().clean());
    }
    const fake_cuda_scope scope;
    fake_cuda_scope::restart(4, 2, true);
    CHECK(message_of([] { allocate(device::cuda(), 1234); }) ==
          "allocate: 1234 bytes on cuda:0 failed, the device has not enough free memory: arrays of "
          "this program use 0 bytes.");
    // The first try, the wait before the second one and the trimming fail, the second one works.
    fake_cuda_scope::restart(4, 2);
    fake().fail_count = 2;
    CHECK(allocate(device::cuda(), 1234)->owns());
    CHECK(fake().count("malloc_async") == 2);
    CHECK(fake_cuda::last_error == 0);
    fake_cuda_scope::restart();
    const fail_allocation fault(1);
    CHECK_THROWS_AS(storage::allocate_pinned(8), out_of_memory);
}

TEST_CASE(
    "after a sticky fault CUDA refuses, the host goes on and nothing throws from destructors") {
    const fake_cuda_scope scope;
    {
        const storage_ptr a = allocate(device::cuda(), 64);
        const stream s(device::cuda());
        fake_cuda_scope::restart(1, 700, true);
        CHECK(!cuda::is_available());
        fake_cuda_scope::restart(3, 700, true);
        CHECK_THROWS_AS(synchronize(device::cuda()), device_error);
        CHECK_THROWS_AS(allocate(device::cuda(), 64), device_error);
        CHECK_THROWS_AS(launch_add(a, 1), device_error);
        CHECK(allocate(device::host(), 64)->data() != nullptr);
    }
    CHECK(fake().mistakes.empty());
    // The process has lost that memory; here it is given back by hand.
    for (auto& [p, b] : fake().blocks) std::free(p);
    fake().blocks.clear();
}

TEST_CASE("the caller's current device is left as it was") {
    const fake_cuda_scope scope(3);
    fake_cuda::current_device = 2;
    CHECK(work(device::cuda(0)));
    CHECK(fake_cuda::current_device == 2);
    CHECK_THROWS_AS(
        [] {
            fake().fail_at = fake().calls + 3;
            fake().fail_code = 5;
            synchronize(device::cuda(1));
        }(),
        device_error);
    CHECK(fake_cuda::current_device == 2);
    const storage_ptr a = allocate(device::cuda(0), 8), b = allocate(device::cuda(1), 8);
    fill_zero(a->data(), a->where(), 8);
    const int synchronized = fake().count("device_synchronize");
    copy(b->data(), b->where(), a->data(), a->where(), 8);
    CHECK(fake().count("device_synchronize") == synchronized + 1);
    CHECK(fake_cuda::current_device == 2);
    CHECK(fake().mistakes.empty());
}

TEST_CASE("streams: scopes nest by device, memory is freed on the stream that made it") {
    const fake_cuda_scope scope(2);
    const device d0 = device::cuda(0), d1 = device::cuda(1);
    CHECK(current_stream(d0).handle() == nullptr);
    storage_ptr kept;
    void* home = nullptr;
    {
        const stream s(d0);
        home = s.handle();
        const stream_scope on0(s);
        {
            int users = 0;
            const stream_scope on1(stream::borrow(d1, nullptr));
            const stream_scope user(stream::borrow(d1, &users));
            CHECK(current_stream(d0) == s);
            CHECK(current_stream(d1).handle() == &users);
            bool elsewhere = false;
            std::thread([&] { elsewhere = current_stream(d0).handle() == nullptr; }).join();
            CHECK(elsewhere);
        }
        CHECK(current_stream(d1).handle() == nullptr);
        kept = allocate(d0, 64);
        launch_add(kept, 1);
        CHECK(fake().last_launch_stream == home);
    }
    CHECK(current_stream(d0).handle() == nullptr);
    CHECK(fake().streams.size() == 1);  // the memory keeps its stream alive
    kept->note_use(current_stream(d0));
    kept.reset();
    CHECK(fake().last_free_stream == home);
    CHECK(fake().count("stream_wait_event") == 1);
    CHECK(fake().clean());

    // On the host a stream is a name.
    const stream name(device::host());
    name.synchronize();
    CHECK(name.handle() == nullptr);
    CHECK(name == stream::default_of(device::host()));
}

TEST_CASE("memory goes back through the table that made it") {
    storage_ptr kept;
    {
        const fake_cuda_scope scope;
        kept = allocate(device::cuda(), 64);
    }
    CHECK(fake().blocks.size() == 1);
    kept.reset();
    CHECK(fake().clean());
}

TEST_CASE("pinned memory is host memory; without CUDA it is ordinary") {
    {
        const fake_cuda_scope scope;
        const storage_ptr p = storage::allocate_pinned(64);
        CHECK(p->where() == device::host());
        CHECK(fake().count("malloc_host") == 1);
        CHECK(storage::allocate_pinned(0)->data() == nullptr);
    }
    CHECK(fake().clean());
    const fake_cuda_scope scope(0);
    CHECK(storage::allocate_pinned(64)->owns());
    CHECK(fake().count("malloc_host") == 0);
}

TEST_CASE("two threads, each with its own stream and counter") {
    const fake_cuda_scope scope;
    std::vector<std::thread> threads;
    std::atomic<int> right = 0;
    for (int t = 0; t < 2; ++t)
        threads.emplace_back([&right] {
            const launch_counter counter;
            for (int i = 0; i < 200; ++i) right += work(device::cuda());
            right += counter.launches() == 400;
        });
    for (std::thread& t : threads) t.join();
    CHECK(right == 402);
    CHECK(fake().clean());
}
