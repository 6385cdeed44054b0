// Devices, the environment, host and emulator memory, copies, the log and the launch counter. CUDA
// calls are in cuda_calls_test.cpp.
#include <doctest/doctest.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "runtime/fake_cuda.hpp"
#include "sinter/runtime/launch.hpp"

extern "C" {
[[gnu::weak]] int __asan_address_is_poisoned(const volatile void* p);
}

namespace {

using namespace sinter;
using namespace sinter::runtime;
using sinter_test::fake;
using sinter_test::fake_cuda_scope;

/// Sets an environment variable (null: removes it) and puts the old value back.
class scoped_variable {
public:
    scoped_variable(const char* name, const char* value) : name_(name) {
        if (const char* old = std::getenv(name)) old_ = old;
        set(value);
    }
    ~scoped_variable() { set(old_ ? old_->c_str() : nullptr); }
    scoped_variable(const scoped_variable&) = delete;
    scoped_variable& operator=(const scoped_variable&) = delete;

private:
    void set(const char* value) const {
        if (value)
            ::setenv(name_, value, 1);
        else
            ::unsetenv(name_);
        forget_default_device();
        log_topics::reload();
    }

    const char* name_;
    std::optional<std::string> old_;
};

template <class F>
std::string message_of(F&& f) {
    try {
        f();
    } catch (const error& e) {
        return e.what();
    }
    return "nothing was thrown";
}
bool contains(const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
}

// The order of static objects between files is open: memory must serve them before main and after
// every other destructor. A mistake here ends the program with a signal or a leak report.
struct frees_at_exit {
    storage_ptr kept;
    frees_at_exit() : kept(allocate(device::host(), 1000)) { std::memset(kept->data(), 1, 1000); }
    ~frees_at_exit() {
        const storage_ptr late = allocate(device::host(), 1000);
        std::memcpy(late->data(), kept->data(), 1000);
        if (static_cast<char*>(late->data())[999] != 1) std::abort();
    }
};
[[gnu::init_priority(200)]] frees_at_exit early_static;
frees_at_exit late_static;

[[gnu::init_priority(200)]] struct {
    bool emulator = current_emulator_memory() != nullptr;
    bool cuda = current_cuda_api() != nullptr;
} before_main;

/// The devices whose memory host code reaches.
std::vector<device> host_like() {
    if (current_emulator_memory()) return {device::host(), device::emulator()};
    return {device::host()};
}

}  // namespace

TEST_CASE("a device has a name and an identity") {
    CHECK(device() == device::host());
    CHECK(device::host().name() == "host");
    CHECK(device::cuda().name() == "cuda:0");
    CHECK(device::cuda(12).name() == "cuda:12");
    CHECK(device::emulator().name() == "emulator");
    CHECK(!(device::cuda(0) == device::cuda(1)));
    CHECK(!(device::host() == device::emulator()));
    CHECK(!device::cuda().has_host_memory());
    CHECK(device::emulator().has_host_memory());
    static_assert(device::cuda(3).index() == 3 && device::cuda().is_cuda());
}

TEST_CASE("what the build offers is there before the first static object") {
    CHECK(before_main.emulator == (SINTER_EMULATOR != 0));
#if defined(SINTER_HAS_CUDA) || SINTER_NVCC
    CHECK(before_main.cuda);
#else
    CHECK(!before_main.cuda);
#endif
    CHECK(early_static.kept->bytes() == 1000);
    CHECK(late_static.kept->owns());
}

TEST_CASE("the environment chooses the default device") {
    struct row {
        const char* text;
        int devices;
        device expected;
    };
    const row rows[] = {
        {nullptr, 0, device::host()},
        {nullptr, 1, device::cuda(0)},
        {"", 1, device::cuda(0)},
        {"host", 1, device::host()},
        {"cuda", 2, device::cuda(0)},
        {"cuda:1", 2, device::cuda(1)},
        {"cuda:0012", 2, device::cuda(12)},  // an absent device is no error until it is used
        {"emulator", 0, device::emulator()},
    };
    for (const row& r : rows) {
        CAPTURE(std::string(r.text ? r.text : "(unset)"));
        const fake_cuda_scope cuda(r.devices);
        const scoped_variable variable("SINTER_DEVICE", r.text);
        CHECK(default_device().name() == r.expected.name());
        CHECK(default_device() == r.expected);
    }
    for (const char* bad : {"gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:99999", "cuda0", "Host"}) {
        const scoped_variable variable("SINTER_DEVICE", bad);
        const std::string text = message_of([] { (void)default_device(); });
        CHECK(text == "SINTER_DEVICE: \"" + std::string(bad) +
                          "\" is no device, it must be host, cuda, cuda:N or emulator.");
    }
    {
        const scoped_variable variable("SINTER_DEVICE", "cuda:3");
        for (const device d : {device::host(), device::cuda(7), device::cuda(-1)}) {
            set_default_device(d);
            CHECK(default_device() == d);
        }
    }
}

TEST_CASE("an absent device is an error only where it is used") {
    struct row {
        int devices;  // -1: no CUDA in the program
        device d;
        const char* text;
    };
    const row rows[] = {
        {-1, device::cuda(), "cuda:0 does not exist, this program is built without CUDA"},
        {0, device::cuda(), "cuda:0 does not exist, there is no usable CUDA driver and device"},
        {1, device::cuda(1), "cuda:1 does not exist, the only CUDA device is cuda:0."},
        {4, device::cuda(-1), "cuda:-1 does not exist, the CUDA devices are cuda:0 to cuda:3."},
    };
    for (const row& r : rows) {
        const fake_cuda_scope scope(r.devices);
        if (r.devices < 0) set_cuda_api(nullptr);
        CHECK(cuda::is_available() == (r.devices > 0));
        CHECK(cuda::device_count() == (r.devices < 0 ? 0 : r.devices));
        char byte = 0;
        const std::string texts[] = {
            message_of([&] { allocate(r.d, 4); }),
            message_of([&] { copy(&byte, r.d, &byte, device::host(), 1); }),
            message_of([&] { copy(&byte, device::host(), &byte, r.d, 1); }),
            message_of([&] { fill_zero(&byte, r.d, 1); }),
            message_of([&] { synchronize(r.d); }),
            message_of([&] { stream{r.d}; }),
            message_of([&] { cuda_launch({.kernel = "map", .where = r.d}, nullptr, nullptr); }),
        };
        for (const std::string& t : texts) {
            CAPTURE(t);
            CHECK(contains(t, r.text));
        }
        CHECK(contains(texts[6], "launch of kernel map: "));
        CHECK(allocate(r.d, 0)->data() == nullptr);  // nothing to allocate, nothing to fail
    }
    if (!current_emulator_memory())
        CHECK(contains(message_of([] { allocate(device::emulator(), 4); }), "has no emulator"));
}

TEST_CASE("memory that the host reaches") {
    const std::int64_t before = live_allocations;
    for (const device d : host_like()) {
        CAPTURE(d.name());
        for (const std::size_t bytes :
             {1UL, 63UL, 64UL, 65UL, 4096UL, 1UL << 20, (1UL << 20) + 1}) {
            const storage_ptr s = allocate(d, bytes);
            CHECK(s->where() == d);
            CHECK(s->bytes() == bytes);
            CHECK(s->owns());
            CHECK(reinterpret_cast<std::uintptr_t>(s->data()) % 64 == 0);
            std::memset(s->data(), 7, bytes);
            CHECK(live_allocations == before + 1);
            if (__asan_address_is_poisoned && d.is_host() && bytes % 64)
                CHECK(__asan_address_is_poisoned(static_cast<char*>(s->data()) +
                                                 (bytes + 7) / 8 * 8));
        }
        const storage_ptr none = allocate(d, 0);
        CHECK(none->data() == nullptr);
        CHECK(!none->owns());
    }
    CHECK(live_allocations == before);
    CHECK(damaged_releases == 0);
    int x = 5;
    {
        const storage_ptr s = storage::borrow(device::host(), &x, sizeof x);
        CHECK(s->data() == &x);
        CHECK(!s->owns());
        CHECK(live_allocations == before);
    }
    CHECK(x == 5);
}

TEST_CASE("the host pool reuses blocks and stays bounded") {
    the_host_pool.trim();
    CHECK(the_host_pool.kept_bytes() == 0);
    const void* first = allocate(device::host(), 1000)->data();
    CHECK(the_host_pool.kept_bytes() == 1024);
    if (__asan_address_is_poisoned) CHECK(__asan_address_is_poisoned(first));
    {
        const storage_ptr again = allocate(device::host(), 700);  // the same bucket
        CHECK(again->data() == first);
        CHECK(the_host_pool.kept_bytes() == 0);
        if (__asan_address_is_poisoned) {
            CHECK(!__asan_address_is_poisoned(first));
            CHECK(__asan_address_is_poisoned(static_cast<const char*>(first) + 704));
        }
    }
    for (std::size_t bytes = 64; bytes <= (1UL << 20); bytes *= 2) {
        std::vector<storage_ptr> many;
        for (int i = 0; i < 40; ++i) many.push_back(allocate(device::host(), bytes));
    }
    // 32 blocks of 64 bytes to 64 KiB and 2 MiB of each size up to 1 MiB.
    CHECK(the_host_pool.kept_bytes() == 32 * (128 * 1024 - 64) + (4UL * 2 << 20));
    the_host_pool.trim();
    // Large blocks have nearly the size that was asked for; the latest 256 MiB stay.
    const std::size_t large = (2UL << 20) + 1, rounded = 9UL << 18;
    const void* of_large = allocate(device::host(), large)->data();
    CHECK(the_host_pool.kept_bytes() == rounded);
    CHECK(allocate(device::host(), rounded)->data() == of_large);
    allocate(device::host(), (64UL << 20) + 1);
    CHECK(the_host_pool.kept_bytes() == rounded);
    {
        std::vector<storage_ptr> many;
        for (int i = 0; i < 5; ++i) many.push_back(allocate(device::host(), 64UL << 20));
    }
    CHECK(the_host_pool.kept_bytes() == 256UL << 20);
    the_host_pool.trim();
    CHECK(the_host_pool.kept_bytes() == 0);
}

TEST_CASE("a failed allocation names the device and the bytes, and the next one works") {
    for (const device d : host_like()) {
        for (int n = 1; n <= 3; ++n) {
            const std::int64_t before = live_allocations;
            {
                const fail_allocation fault(n);
                std::vector<storage_ptr> kept;
                for (int i = 1; i < n; ++i) kept.push_back(allocate(d, 12));
                CHECK(!fault.fired());
                CHECK_THROWS_AS(kept.push_back(allocate(d, 12)), out_of_memory);
                CHECK(fault.fired());
                kept.push_back(allocate(d, 12));
            }
            CHECK(live_allocations == before);
        }
        const fail_allocation fault(1);
        CHECK(message_of([&] { allocate(d, 12); }) ==
              "allocate: 12 bytes on " + d.name() + " failed, a test asked for it.");
    }
    const std::string text = message_of([] { allocate(device::host(), ~std::size_t{0} - 5); });
    CHECK(text ==
          "allocate: 18446744073709551610 bytes on host failed, there is not enough free memory.");
}

TEST_CASE("copies and fills on memory that the host reaches") {
    for (const device to : host_like())
        for (const device from : host_like()) {
            CAPTURE(to.name() + " from " + from.name());
            const storage_ptr a = allocate(from, 16), b = allocate(to, 16);
            for (int i = 0; i < 16; ++i) static_cast<char*>(a->data())[i] = static_cast<char>(i);
            fill_zero(b->data(), to, 16);
            copy(static_cast<char*>(b->data()) + 4, to, a->data(), from, 8);
            const std::string got(static_cast<char*>(b->data()), 16);
            CHECK(got == std::string("\0\0\0\0\0\1\2\3\4\5\6\7\0\0\0\0", 16));
            copy(nullptr, to, nullptr, from, 0);
        }
    char text[] = "abcdef";
    copy(text + 1, device::host(), text, device::host(), 4);  // ranges may overlap
    CHECK(std::string(text) == "aabcdf");
}

TEST_CASE("launch counters nest, count every device and belong to their thread") {
    launch_counter outer;
    const launch_record row{
        .kernel = "row", .where = device::host(), .bytes_in = 8, .bytes_out = 4};
    note_launch(row);
    {
        launch_counter inner;
        note_launch({.kernel = "map", .where = device::cuda(1), .bytes_in = 100, .bytes_out = 10});
        note_temporary();
        note_temporary(2);
        std::thread([&] { note_launch(row); }).join();
        CHECK(inner.launches() == 1);
        CHECK(inner.launches_on(device::cuda(1)) == 1);
        CHECK(inner.launches_on(device::cuda(0)) == 0);
        CHECK(inner.bytes_loaded() == 100);
        CHECK(inner.bytes_stored() == 10);
        CHECK(inner.temporaries() == 3);
    }
    note_launch(row);
    CHECK(outer.launches() == 3);
    CHECK(outer.launches_on(device::host()) == 2);
    CHECK(outer.bytes_loaded() == 116);
    CHECK(outer.bytes_stored() == 18);
    CHECK(outer.temporaries() == 3);
    CHECK(std::string(outer.records()[1].kernel) == "map");
    outer.reset();
    CHECK(outer.launches() + outer.temporaries() + outer.bytes_loaded() + outer.bytes_stored() ==
          0);

    // Counters on the heap may end in any order.
    auto a = std::make_unique<launch_counter>();
    auto b = std::make_unique<launch_counter>();
    a.reset();
    note_launch(row);
    CHECK(b->launches() == 1);
    b.reset();
    note_launch(row);
    CHECK(outer.launches() == 2);
}

TEST_CASE("SINTER_LOG names topics") {
    struct row {
        const char* text;
        bool plan, launch;
    };
    const row rows[] = {{nullptr, false, false},
                        {"", false, false},
                        {"plan", true, false},
                        {"launch,plan", true, true},
                        {"plans,launch", false, true},
                        {"all", true, true},
                        {",", false, false}};
    for (const row& r : rows) {
        CAPTURE(std::string(r.text ? r.text : "(unset)"));
        const scoped_variable variable("SINTER_LOG", r.text);
        CHECK(log_enabled("plan") == r.plan);
        CHECK(log_enabled("launch") == r.launch);
        ::setenv("SINTER_LOG", "plan,launch", 1);  // read once
        CHECK(log_enabled("plan") == r.plan);
    }
}

TEST_CASE("threads share the pool") {
    const std::int64_t before = live_allocations;
    std::vector<std::thread> threads;
    std::atomic<int> wrong = 0;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&wrong, t] {
            std::vector<storage_ptr> kept(8);
            for (int i = 0; i < 4000; ++i) {
                storage_ptr& slot = kept[static_cast<std::size_t>(i % 8)];
                if (slot && *static_cast<int*>(slot->data()) != t * 10000 + i - 8) ++wrong;
                slot = allocate(device::host(), static_cast<std::size_t>(16 << (i % 7)));
                *static_cast<int*>(slot->data()) = t * 10000 + i;
            }
        });
    for (std::thread& t : threads) t.join();
    CHECK(wrong == 0);
    CHECK(live_allocations == before);
}
