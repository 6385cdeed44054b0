// A CUDA that lives in host memory: copies and launches really happen, as late as order allows;
// every call is counted, the n-th can fail, a kernel can end its device, and what is used wrongly,
// out of order or never freed is found.
#pragma once

#include "runtime/fake_state.hpp"

namespace sinter_test {

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
        if (const int e = fake().begin_on_device("device_attribute")) return e;
        *value = 100 + static_cast<int>(what);
        return 0;
    }
    static int device_synchronize() {
        const lock l(fake().mutex);
        if (const int e = fake().begin_on_device("device_synchronize")) return e;
        fake().wait_for_device(fake_cuda::current_device);
        return after_waiting();
    }
    static int set_pool_threshold(int, sinter::uint64) {
        const lock l(fake().mutex);
        return fake().begin_on_device("set_pool_threshold");
    }
    static int pool_state(int index, sinter::runtime::pool_bytes* out) {
        const lock l(fake().mutex);
        if (const int e = fake().begin_on_device("pool_state")) return e;
        const auto& d = fake().state[index];
        *out = {d.used, d.used + d.cached};
        return 0;
    }
    static int pool_trim(int index) {
        const lock l(fake().mutex);
        if (const int e = fake().begin_on_device("pool_trim")) return e;
        fake().state[index].cached = 0;
        return 0;
    }
    static int memory_info(sinter::uint64* free, sinter::uint64* total) {
        const lock l(fake().mutex);
        if (const int e = fake().begin_on_device("memory_info")) return e;
        const auto& d = fake().state[fake_cuda::current_device];
        *total = fake().capacity;
        *free = fake().capacity - d.used - d.cached;
        return 0;
    }

    static int malloc_async(void** out, sinter::uint64 bytes, void* stream) {
        const lock l(fake().mutex);
        if (const int e = fake().begin_on_device("malloc_async")) return e;
        auto& d = fake().state[fake_cuda::current_device];
        const std::size_t kept = fake().fragmented ? d.cached : 0;
        if (d.used + kept + bytes > fake().capacity) return fake_cuda::last_error = 2;
        d.used += bytes;
        if (!fake().fragmented) d.cached -= std::min<std::size_t>(d.cached, bytes);
        const auto q = fake().queue_of(stream);
        fake().push(*q, {}, 0);
        *out = add({.bytes = bytes,
                    .device = q->device,
                    .made = q->clock,
                    .maker = q->actor,
                    .made_at = q->clock.of(q->actor)});
        return 0;
    }
    static int free_async(void* p, void* stream) {
        const lock l(fake().mutex);
        if (const int e = fake().begin_on_device("free_async")) return e;
        const auto q = fake().queue_of(stream);
        const int device = q->device;
        fake().last_free_stream = stream;
        const auto at = fake().blocks.find(p);
        const std::size_t bytes = at == fake().blocks.end() ? 0 : at->second.bytes;
        fake().push(
            *q, [device, bytes] { give_back(device, bytes); }, 0);
        if (bytes)
            fake().expect(at->second.idle(q->clock), "memory is freed while a stream may use it");
        drop(p, false);
        return 0;
    }
    static int free(void* p) {
        const lock l(fake().mutex);
        if (const int e = fake().begin("free")) return e;
        fake().wait_for_device(fake_cuda::current_device);
        if (const auto at = fake().blocks.find(p); at != fake().blocks.end())
            give_back(at->second.device, at->second.bytes);
        drop(p, false);
        return fault();
    }
    static int malloc_host(void** out, sinter::uint64 bytes) {
        const lock l(fake().mutex);
        if (const int e = fake().begin_on_device("malloc_host")) return e;
        *out = add({.bytes = bytes, .pinned = true});
        return 0;
    }
    // CUDA frees and destroys even where it reports a failure of earlier work.
    static int free_host(void* p) {
        const lock l(fake().mutex);
        if (const auto at = fake().blocks.find(p); at != fake().blocks.end())
            fake().expect(fake().failed || fault() || at->second.idle(fake().host),
                          "pinned memory is freed while a copy may use it");
        drop(p, true);
        if (const int e = fake().begin("free_host")) return e;
        return fault();
    }
    static int memcpy_async(
        void* dst, const void* src, sinter::uint64 bytes, copy_kind kind, void* stream) {
        const lock l(fake().mutex);
        if (const int e = fake().begin_on_device("memcpy_async")) return e;
        const bool to = fake().on_device(dst, bytes), from = fake().on_device(src, bytes);
        const bool fits = kind == copy_kind::host_to_device     ? to && !from
                          : kind == copy_kind::device_to_host   ? !to && from
                          : kind == copy_kind::device_to_device ? to && from
                                                                : kind == copy_kind::any;
        fake().expect(fits, "a copy of the wrong kind");
        const auto q = fake().queue_of(stream);
        fake().push(
            *q, [=] { std::memmove(dst, src, bytes); }, 1 + static_cast<double>(bytes) * 1e-4);
        fake().use(*q, dst, bytes, true);
        fake().use(*q, src, bytes, false);
        const bool pageable = (!to && fake().block_at(dst, bytes) == fake().blocks.end()) ||
                              (!from && fake().block_at(src, bytes) == fake().blocks.end());
        if (pageable) q->drain();  // CUDA stages it, which the caller must not rely on
        return 0;
    }
    static int memset_async(void* dst, int value, sinter::uint64 bytes, void* stream) {
        const lock l(fake().mutex);
        if (const int e = fake().begin_on_device("memset_async")) return e;
        fake().expect(fake().on_device(dst, bytes), "a fill outside the device");
        const auto q = fake().queue_of(stream);
        fake().push(*q, [=] { std::memset(dst, value, bytes); });
        fake().use(*q, dst, bytes, true);
        return 0;
    }

    static int launch_kernel(
        const void* entry, dim grid, dim block, void** args, sinter::uint64 shared, void* stream) {
        return launch("launch_kernel", entry, grid, block, args, shared, stream);
    }
    static int launch_cooperative(
        const void* entry, dim grid, dim block, void** args, sinter::uint64 shared, void* stream) {
        return launch("launch_cooperative", entry, grid, block, args, shared, stream);
    }
    static int launch(const char* call,
                      const void* entry,
                      dim grid,
                      dim block,
                      void** args,
                      sinter::uint64 shared,
                      void* stream) {
        const lock l(fake().mutex);
        if (const int e = fake().begin_on_device(call)) return e;
        if (shared > fake().shared_limit) return fake_cuda::last_error = 1;
        const auto known = fake().kernels.find(entry);
        if (known == fake().kernels.end() && fake().any_kernel) {
            const auto q = fake().queue_of(stream);
            fake().last_launch_stream = stream;
            fake().push(*q, {}, fake().kernel_us);
            return 0;
        }
        fake().expect(known != fake().kernels.end(), "a launch of what is no kernel");
        if (known == fake().kernels.end()) return fake_cuda::last_error = 98;
        const auto q = fake().queue_of(stream);
        fake().last_launch_stream = stream;
        fake().last_shared = static_cast<unsigned>(shared);
        // CUDA copies the arguments at once.
        auto values = std::make_shared<std::vector<std::vector<char>>>();
        for (std::size_t i = 0; i < known->second.size(); ++i) {
            const char* from = static_cast<const char*>(args[i]);
            values->emplace_back(from, from + known->second[i].bytes);
        }
        const int device = q->device;
        fake().push(
            *q, [=] { run(device, entry, grid, block, *values); }, fake().kernel_us);
        for (std::size_t i = 0; i < known->second.size(); ++i) {
            const fake_parameter& x = known->second[i];
            if (x.use == fake_parameter::value) continue;
            const void* p = nullptr;
            std::memcpy(&p, args[i], sizeof p);
            const auto at = fake().block_at(p, 1);
            fake().expect(
                at != fake().blocks.end() && !at->second.pinned && at->second.device == device,
                "a kernel uses memory that is not on its device");
            if (at == fake().blocks.end()) continue;
            const auto offset = static_cast<std::size_t>(static_cast<const char*>(p) -
                                                         static_cast<const char*>(at->first));
            fake().use(*q, p, at->second.bytes - offset, x.use == fake_parameter::writes);
        }
        return 0;
    }
    static int set_max_shared(const void*, int bytes) {
        const lock l(fake().mutex);
        if (const int e = fake().begin_on_device("set_max_shared")) return e;
        fake().shared_limit = static_cast<unsigned>(bytes);
        return 0;
    }

    static int stream_create(void** out) {
        const lock l(fake().mutex);
        if (const int e = fake().begin_on_device("stream_create")) return e;
        *out = std::malloc(1);
        fake().new_queue(*out);
        fake().streams[*out] = fake().queues.back();
        return 0;
    }
    static int stream_destroy(void* s) {
        const lock l(fake().mutex);
        fake().expect(fake().streams.erase(s) == 1, "the end of a stream that does not exist");
        std::free(s);
        if (const int e = fake().begin("stream_destroy")) return e;
        return fault();
    }
    static int stream_query(void* s) {
        const lock l(fake().mutex);
        if (const int e = fake().begin_on_device("stream_query")) return e;
        const auto q = fake().queue_of(s);
        if (q->step()) return fault() ? fault() : not_ready();
        fake().host.join(q->clock);
        return 0;
    }
    static int stream_synchronize(void* s) {
        const lock l(fake().mutex);
        if (const int e = fake().begin_on_device("stream_synchronize")) return e;
        fake().wait_for(*fake().queue_of(s));
        return after_waiting();
    }
    static int stream_wait_event(void* s, void* e) {
        const lock l(fake().mutex);
        if (const int code = fake().begin_on_device("stream_wait_event")) return code;
        const auto q = fake().queue_of(s);
        const auto mark = mark_of(e);
        if (!mark) return 0;
        q->clock.join(mark->clock);
        const auto wait = [mark, weak = std::weak_ptr(q)] {
            while (!mark->reached && mark->queue->step()) {}
            if (const auto self = weak.lock()) self->time = std::max(self->time, mark->time);
        };
        fake().push(*q, wait, 0);
        return 0;
    }
    static int event_create(void** out, bool) {
        const lock l(fake().mutex);
        if (const int e = fake().begin_on_device("event_create")) return e;
        *out = std::malloc(1);
        fake().events[*out] = {fake_cuda::current_device, nullptr};
        return 0;
    }
    static int event_destroy(void* e) {
        const lock l(fake().mutex);
        fake().expect(fake().events.erase(e) == 1, "the end of an event that does not exist");
        std::free(e);
        if (const int code = fake().begin("event_destroy")) return code;
        return fault();
    }
    static int event_record(void* e, void* s) {
        const lock l(fake().mutex);
        if (const int code = fake().begin_on_device("event_record")) return code;
        const auto q = fake().queue_of(s);
        const auto at = fake().events.find(e);
        fake().expect(at != fake().events.end(), "an event that does not exist");
        if (at == fake().events.end()) return fake_cuda::last_error = 400;
        fake().expect(at->second.device == q->device, "an event of another device");
        auto mark = std::make_shared<fake_mark>();
        mark->queue = q;
        at->second.mark = mark;
        const auto reach = [weak = std::weak_ptr(mark)] {
            if (const auto m = weak.lock()) {
                m->reached = true;
                m->time = m->queue->time;
            }
        };
        fake().push(*q, reach, 0);
        mark->clock = q->clock;
        return 0;
    }
    static int event_query(void* e) {
        const lock l(fake().mutex);
        if (const int code = fake().begin_on_device("event_query")) return code;
        const auto mark = mark_of(e);
        if (!mark) return 0;
        if (!mark->reached) {
            mark->queue->step();
            return fault() ? fault() : not_ready();
        }
        fake().host.join(mark->clock);
        return 0;
    }
    static int event_synchronize(void* e) {
        const lock l(fake().mutex);
        if (const int code = fake().begin_on_device("event_synchronize")) return code;
        const auto mark = mark_of(e);
        if (!mark) return 0;
        while (!mark->reached && mark->queue->step()) {}
        fake().host.join(mark->clock);
        fake().now = std::max(fake().now, mark->time);
        return after_waiting();
    }
    static int event_elapsed(float* ms, void* a, void* b) {
        const lock l(fake().mutex);
        if (const int code = fake().begin_on_device("event_elapsed")) return code;
        const auto start = mark_of(a), stop = mark_of(b);
        if (!start || !stop) return fake_cuda::last_error = 400;
        if (!start->reached || !stop->reached) return not_ready();
        *ms = static_cast<float>((stop->time - start->time) * 1e-3);
        return 0;
    }

    static int get_last_error() {
        const int e = fake_cuda::last_error;
        if (!(fake().sticky && fake().failed)) fake_cuda::last_error = 0;
        return e;
    }
    static int peek_last_error() { return fake_cuda::last_error; }
    static const char* error_string(int code) {
        return code == 2     ? "out of memory"
               : code == 1   ? "invalid argument"
               : code == 700 ? "an illegal memory access was encountered"
                             : "planted failure";
    }

private:
    static int fault() { return fake().state[fake_cuda::current_device].fault; }
    static int after_waiting() {
        if (fault()) fake_cuda::last_error = fault();
        return fault();
    }
    static int not_ready() { return fake_cuda::last_error = sinter::runtime::cuda_error_not_ready; }
    static std::shared_ptr<fake_mark> mark_of(void* e) {
        const auto at = fake().events.find(e);
        fake().expect(at != fake().events.end(), "an event that does not exist");
        return at == fake().events.end() ? nullptr : at->second.mark;
    }
    static void run(int device,
                    const void* entry,
                    dim grid,
                    dim block,
                    const std::vector<std::vector<char>>& values) {
        auto& d = fake().state[device];
        if (d.fault) return;
        if (entry == fake().guilty) {
            d.fault = fake().guilt;
            return;
        }
        std::vector<std::vector<char>> copies = values;
        std::vector<void*> args;
        for (auto& v : copies) args.push_back(v.data());
        reinterpret_cast<fake_kernel>(const_cast<void*>(entry))(grid, block, args.data());
    }
    static void give_back(int device, std::size_t bytes) {
        auto& d = fake().state[device];
        d.used -= bytes;
        d.cached += bytes;
    }
    static void* add(fake_block b) {
        void* p = std::malloc(b.bytes);
        fake().blocks[p] = std::move(b);
        return p;
    }
    static void drop(void* p, bool pinned) {
        const auto at = fake().blocks.find(p);
        const bool known = at != fake().blocks.end() && at->second.pinned == pinned;
        fake().expect(known, "a free of what was not allocated");
        if (!known) return;
        fake().freed.push_back(p);
        fake().blocks.erase(at);
    }
};

/// Puts the fake in CUDA's place, with `devices` devices and no failure planned, while it lives.
class fake_cuda_scope {
public:
    explicit fake_cuda_scope(int devices = 1) : old_(sinter::runtime::set_cuda_api(&table())) {
        fake().devices = devices;
        fake_cuda::current_device = 0;
        fake().capacity = std::size_t{1} << 40;
        fake().fragmented = false;
        fake().kernel_us = 10;
        fake().any_kernel = false;
        restart();
        if (fake().blocks.empty()) fake().state.clear();  // what a fault lost
        fake().mistakes.clear();
    }
    ~fake_cuda_scope() {
        restart();
        sinter::runtime::set_cuda_api(old_);
    }
    fake_cuda_scope(const fake_cuda_scope&) = delete;
    fake_cuda_scope& operator=(const fake_cuda_scope&) = delete;

    /// Lets all work run, forgets what was called and every fault, and makes call `fail_at` from
    /// now fail with `code`.
    static void restart(int fail_at = 0, int code = 719, bool sticky = false) {
        for (int d = 0; d < fake().devices; ++d) {
            fake().wait_for_device(d);
            fake().state[d].fault = 0;
        }
        fake().guilty = nullptr;
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
            c::device_count,     c::set_device,         c::get_device,
            c::device_attribute, c::device_synchronize, c::set_pool_threshold,
            c::pool_state,       c::pool_trim,          c::memory_info,
            c::malloc_async,     c::free_async,         c::free,
            c::malloc_host,      c::free_host,          c::memcpy_async,
            c::memset_async,     c::launch_kernel,      c::launch_cooperative,
            c::set_max_shared,   c::stream_create,      c::stream_destroy,
            c::stream_query,     c::stream_synchronize, c::stream_wait_event,
            c::event_create,     c::event_destroy,      c::event_record,
            c::event_query,      c::event_synchronize,  c::event_elapsed,
            c::get_last_error,   c::peek_last_error,    c::error_string};
        return calls;
    }

    const cuda_api* old_;
};

}  // namespace sinter_test
