// A CUDA that lives in host memory: copies and launches really happen, every call is counted, the
// n-th can fail, and what is used wrongly or never freed is found.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "sinter/runtime/cuda_api.hpp"

namespace sinter_test {

using sinter::runtime::copy_kind;
using sinter::runtime::cuda_api;
using sinter::runtime::cuda_attribute;
using sinter::runtime::dim;

/// What stands for a kernel: the entry that a launch names.
using fake_kernel = void (*)(dim grid, dim block, void** args);

/// The state of the fake; one a program, as with CUDA.
struct fake_cuda {
    struct block {
        std::size_t bytes = 0;
        bool pinned = false;
        void* stream = nullptr;
    };

    int devices = 1;
    int fail_at = 0;      // the number of the call that fails, from 1; 0: none
    int fail_count = 1;   // how many calls fail from there
    int fail_code = 719;  // what it returns
    bool sticky = false;  // every call after it fails too
    int calls = 0;
    bool failed = false;
    std::vector<std::string> log;       // the calls by name
    std::vector<std::string> mistakes;  // what CUDA would not forgive
    std::map<void*, block> blocks;
    std::set<void*> streams, events;
    unsigned shared_limit = 48 * 1024, last_shared = 0;
    void* last_free_stream = nullptr;
    void* last_launch_stream = nullptr;
    std::mutex mutex;

    // Each thread of CUDA has its own.
    static inline thread_local int current_device = 0;
    static inline thread_local int last_error = 0;

    bool clean() const {
        return blocks.empty() && streams.empty() && events.empty() && mistakes.empty();
    }
    int count(const std::string& name) const {
        int n = 0;
        for (const std::string& s : log) n += s == name;
        return n;
    }

    /// Counts one call; its error code when it is to fail.
    int begin(const char* name) {
        ++calls;
        log.emplace_back(name);
        const bool planned = calls >= fail_at && calls < fail_at + fail_count;
        const bool fails = (fail_at && planned) || (sticky && failed);
        if (!fails) return 0;
        failed = true;
        return last_error = fail_code;
    }
    bool on_device(const void* p, std::size_t bytes) const {
        const char* at = static_cast<const char*>(p);
        for (const auto& [start, b] : blocks) {
            const char* first = static_cast<const char*>(start);
            if (!b.pinned && at >= first && at + bytes <= first + b.bytes) return true;
        }
        return false;
    }
    void expect(bool fine, const char* mistake) {
        if (!fine) mistakes.emplace_back(mistake);
    }
    void expect_stream(void* s) {
        expect(s == nullptr || streams.count(s), "a stream that does not exist");
    }
};
inline fake_cuda& fake() {
    static fake_cuda state;
    return state;
}

struct fake_cuda_calls {
    using lock = std::lock_guard<std::mutex>;

    static int device_count(int* n) {
        const lock l(fake().mutex);
        if (const int e = fake().begin("device_count")) return e;
        *n = fake().devices;
        return *n ? 0 : (fake_cuda::last_error = sinter::runtime::cuda_error_no_device);
    }
    static int set_device(int n) {
        const lock l(fake().mutex);
        if (const int e = fake().begin("set_device")) return e;
        fake_cuda::current_device = n;
        return 0;
    }
    static int get_device(int* n) {
        const lock l(fake().mutex);
        if (const int e = fake().begin("get_device")) return e;
        *n = fake_cuda::current_device;
        return 0;
    }
    static int device_attribute(int* value, cuda_attribute what, int) {
        const lock l(fake().mutex);
        if (const int e = fake().begin("device_attribute")) return e;
        *value = 100 + static_cast<int>(what);
        return 0;
    }
    static int device_synchronize() { return step("device_synchronize"); }
    static int set_pool_threshold(int, sinter::uint64) { return step("set_pool_threshold"); }

    static int malloc_async(void** out, sinter::uint64 bytes, void* stream) {
        return take("malloc_async", out, {bytes, false, stream});
    }
    static int free_async(void* p, void* stream) {
        const lock l(fake().mutex);
        if (const int e = fake().begin("free_async")) return e;
        fake().expect_stream(stream);
        fake().last_free_stream = stream;
        drop(p, false);
        return 0;
    }
    static int free(void* p) {
        const lock l(fake().mutex);
        if (const int e = fake().begin("free")) return e;
        drop(p, false);
        return 0;
    }
    static int malloc_host(void** out, sinter::uint64 bytes) {
        return take("malloc_host", out, {bytes, true, nullptr});
    }
    // CUDA frees and destroys even where it reports a failure of earlier work.
    static int free_host(void* p) {
        const lock l(fake().mutex);
        drop(p, true);
        return fake().begin("free_host");
    }
    static int memcpy_async(
        void* dst, const void* src, sinter::uint64 bytes, copy_kind kind, void* stream) {
        const lock l(fake().mutex);
        if (const int e = fake().begin("memcpy_async")) return e;
        const bool to = fake().on_device(dst, bytes), from = fake().on_device(src, bytes);
        const bool fits = kind == copy_kind::host_to_device     ? to && !from
                          : kind == copy_kind::device_to_host   ? !to && from
                          : kind == copy_kind::device_to_device ? to && from
                                                                : kind == copy_kind::any;
        fake().expect(fits, "a copy of the wrong kind");
        fake().expect_stream(stream);
        std::memmove(dst, src, bytes);
        return 0;
    }
    static int memset_async(void* dst, int value, sinter::uint64 bytes, void* stream) {
        const lock l(fake().mutex);
        if (const int e = fake().begin("memset_async")) return e;
        fake().expect(fake().on_device(dst, bytes), "a fill outside the device");
        fake().expect_stream(stream);
        std::memset(dst, value, bytes);
        return 0;
    }

    static int launch_kernel(
        const void* entry, dim grid, dim block, void** args, sinter::uint64 shared, void* stream) {
        const lock l(fake().mutex);
        if (const int e = fake().begin("launch_kernel")) return e;
        if (shared > fake().shared_limit) return fake_cuda::last_error = 1;
        fake().expect_stream(stream);
        fake().last_launch_stream = stream;
        fake().last_shared = static_cast<unsigned>(shared);
        reinterpret_cast<fake_kernel>(const_cast<void*>(entry))(grid, block, args);
        return 0;
    }
    static int set_max_shared(const void*, int bytes) {
        const lock l(fake().mutex);
        if (const int e = fake().begin("set_max_shared")) return e;
        fake().shared_limit = static_cast<unsigned>(bytes);
        return 0;
    }

    static int stream_create(void** out) { return make("stream_create", fake().streams, out); }
    static int stream_destroy(void* s) { return destroy("stream_destroy", fake().streams, s); }
    static int stream_synchronize(void* s) { return on_stream("stream_synchronize", s); }
    static int stream_wait_event(void* s, void* e) { return on_event("stream_wait_event", e, s); }
    static int event_create(void** out, bool) { return make("event_create", fake().events, out); }
    static int event_destroy(void* e) { return destroy("event_destroy", fake().events, e); }
    static int event_record(void* e, void* s) { return on_event("event_record", e, s); }
    static int event_query(void* e) { return on_event("event_query", e, nullptr); }
    static int event_synchronize(void* e) { return on_event("event_synchronize", e, nullptr); }
    static int event_elapsed(float* ms, void* a, void*) {
        *ms = 1;
        return on_event("event_elapsed", a, nullptr);
    }

    static int get_last_error() {
        const int e = fake_cuda::last_error;
        if (!(fake().sticky && fake().failed)) fake_cuda::last_error = 0;
        return e;
    }
    static int peek_last_error() { return fake_cuda::last_error; }
    static const char* error_string(int code) {
        return code == 2 ? "out of memory" : code == 1 ? "invalid argument" : "planted failure";
    }

private:
    static int step(const char* name) {
        const lock l(fake().mutex);
        return fake().begin(name);
    }
    static int take(const char* name, void** out, fake_cuda::block b) {
        const lock l(fake().mutex);
        if (const int e = fake().begin(name)) return e;
        fake().expect_stream(b.stream);
        void* p = std::malloc(b.bytes);
        fake().blocks[p] = b;
        *out = p;
        return 0;
    }
    static void drop(void* p, bool pinned) {
        const auto at = fake().blocks.find(p);
        const bool known = at != fake().blocks.end() && at->second.pinned == pinned;
        fake().expect(known, "a free of what was not allocated");
        if (!known) return;
        std::free(p);
        fake().blocks.erase(at);
    }
    static int make(const char* name, std::set<void*>& live, void** out) {
        const lock l(fake().mutex);
        if (const int e = fake().begin(name)) return e;
        *out = std::malloc(1);
        live.insert(*out);
        return 0;
    }
    static int destroy(const char* name, std::set<void*>& live, void* p) {
        const lock l(fake().mutex);
        fake().expect(live.erase(p) == 1, "the end of what does not exist");
        std::free(p);
        return fake().begin(name);
    }
    static int on_stream(const char* name, void* s) {
        const lock l(fake().mutex);
        fake().expect_stream(s);
        return fake().begin(name);
    }
    static int on_event(const char* name, void* e, void* s) {
        const lock l(fake().mutex);
        fake().expect_stream(s);
        fake().expect(fake().events.count(e) == 1, "an event that does not exist");
        return fake().begin(name);
    }
};

/// Puts the fake in CUDA's place, with `devices` devices and no failure planned, while it lives.
class fake_cuda_scope {
public:
    explicit fake_cuda_scope(int devices = 1) : old_(sinter::runtime::set_cuda_api(&table())) {
        fake().devices = devices;
        fake_cuda::current_device = 0;
        restart();
        fake().mistakes.clear();
    }
    ~fake_cuda_scope() {
        restart();
        sinter::runtime::set_cuda_api(old_);
    }
    fake_cuda_scope(const fake_cuda_scope&) = delete;
    fake_cuda_scope& operator=(const fake_cuda_scope&) = delete;

    /// Forgets what was called and makes call `fail_at` from now fail with `code`.
    static void restart(int fail_at = 0, int code = 719, bool sticky = false) {
        fake().fail_at = fail_at;
        fake().fail_count = 1;
        fake().fail_code = code;
        fake().sticky = sticky;
        fake().failed = false;
        fake().calls = 0;
        fake().shared_limit = 48 * 1024;
        fake().log.clear();
        fake_cuda::last_error = 0;
        sinter::runtime::set_cuda_api(&table());  // forgets the count of devices
    }

private:
    static const cuda_api& table() {
        using c = fake_cuda_calls;
        static constexpr cuda_api calls{
            c::device_count,      c::set_device,         c::get_device,
            c::device_attribute,  c::device_synchronize, c::set_pool_threshold,
            c::malloc_async,      c::free_async,         c::free,
            c::malloc_host,       c::free_host,          c::memcpy_async,
            c::memset_async,      c::launch_kernel,      c::set_max_shared,
            c::stream_create,     c::stream_destroy,     c::stream_synchronize,
            c::stream_wait_event, c::event_create,       c::event_destroy,
            c::event_record,      c::event_query,        c::event_synchronize,
            c::event_elapsed,     c::get_last_error,     c::peek_last_error,
            c::error_string};
        return calls;
    }

    const cuda_api* old_;
};

}  // namespace sinter_test
