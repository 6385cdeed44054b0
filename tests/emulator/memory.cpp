// Global and shared memory: allocation between red zones, counted accesses, atomics, asynchronous
// copies, the arena of a block.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

#include "internal.hpp"

extern "C" {
__attribute__((weak)) void __asan_poison_memory_region(void const volatile* p, size_t n);
__attribute__((weak)) void __asan_unpoison_memory_region(void const volatile* p, size_t n);
__attribute__((weak)) void* __asan_region_is_poisoned(void* p, size_t n);
__attribute__((weak)) void __asan_report_error(
    void* pc, void* bp, void* sp, void* address, int is_write, size_t bytes);
}

namespace sinter::emulator {

bool checks_addresses() { return __asan_region_is_poisoned != nullptr; }
void poison(const void* p, std::size_t bytes) {
    if (__asan_poison_memory_region != nullptr && bytes != 0) __asan_poison_memory_region(p, bytes);
}
void unpoison(const void* p, std::size_t bytes) {
    if (__asan_unpoison_memory_region != nullptr && bytes != 0)
        __asan_unpoison_memory_region(p, bytes);
}
static bool aligned(const void* p, std::size_t to) {
    return reinterpret_cast<std::uintptr_t>(p) % to == 0;
}

// ---- Global memory

namespace {
constexpr std::size_t red_zone = 256;
constexpr unsigned char red = 0xa5;

struct heap {
    std::mutex mutex;
    std::map<unsigned char*, std::size_t> blocks;
    std::size_t bytes = 0;
    std::vector<traffic*> watched;
};
heap& memory() {
    static heap& h = *new heap;
    return h;
}
bool intact(const unsigned char* p, std::size_t bytes) {
    if (checks_addresses()) return true;  // ASan stops the write itself
    static const std::vector<unsigned char> expected(red_zone, red);
    return std::memcmp(p - red_zone, expected.data(), red_zone) == 0 &&
           std::memcmp(p + bytes, expected.data(), red_zone) == 0;
}
}  // namespace

void* allocate(std::size_t bytes) {
    if (bytes > std::size_t(1) << 46) return nullptr;
    void* raw = nullptr;
    if (posix_memalign(&raw, 256, bytes + 2 * red_zone) != 0) return nullptr;
    auto* p = static_cast<unsigned char*>(raw) + red_zone;
    std::memset(raw, red, red_zone);
    std::memset(p, 0xff, bytes);
    std::memset(p + bytes, red, red_zone);
    poison(raw, red_zone);
    poison(p + bytes, red_zone);
    heap& h = memory();
    const std::lock_guard lock(h.mutex);
    h.blocks.emplace(p, bytes);
    h.bytes += bytes;
    if (race != nullptr) race->allocated(p, bytes, red_zone);
    return p;
}
bool release(void* address) {
    auto* p = static_cast<unsigned char*>(address);
    heap& h = memory();
    const std::lock_guard lock(h.mutex);
    const auto found = h.blocks.find(p);
    if (found == h.blocks.end()) return false;
    const std::size_t bytes = found->second;
    const bool good = intact(p, bytes);
    if (race != nullptr) race->released(p);
    h.bytes -= bytes;
    h.blocks.erase(found);
    unpoison(p - red_zone, bytes + 2 * red_zone);
    std::free(p - red_zone);
    return good;
}
std::size_t allocated_blocks() {
    const std::lock_guard lock(memory().mutex);
    return memory().blocks.size();
}
std::size_t allocated_bytes() {
    const std::lock_guard lock(memory().mutex);
    return memory().bytes;
}
void check_red_zones() {
    heap& h = memory();
    const std::lock_guard lock(h.mutex);
    for (const auto& [p, bytes] : h.blocks) {
        if (intact(p, bytes)) continue;
        record(printed("memory: the kernel wrote outside an allocation of %zu bytes.", bytes));
        std::memset(p - red_zone, red, red_zone);
        std::memset(p + bytes, red, red_zone);
    }
}

traffic::traffic(const void* p, std::size_t bytes)
    : begin_(static_cast<const unsigned char*>(p)), bytes_(bytes) {
    const std::lock_guard lock(memory().mutex);
    memory().watched.push_back(this);
}
traffic::~traffic() {
    const std::lock_guard lock(memory().mutex);
    std::erase(memory().watched, this);
}
void traffic::count(const unsigned char* p, std::size_t bytes, bool store) {
    const unsigned char* low = std::max(p, begin_);
    const unsigned char* high = std::min(p + bytes, begin_ + bytes_);
    if (low < high) (store ? stored_ : loaded_) += static_cast<std::uint64_t>(high - low);
}
static void count_traffic(const void* p, std::size_t bytes, bool store) {
    statistics& s = stats();
    (store ? s.bytes_stored : s.bytes_loaded) += bytes;
    ++(store ? s.stores : s.loads);
    for (traffic* t : memory().watched)
        t->count(static_cast<const unsigned char*>(p), bytes, store);
}
void global_access(
    const void* p, unsigned bytes, unsigned alignment, access_kind kind, location l) {
    maybe_preempt();
    fiber& f = *the().self;
    if (!aligned(p, alignment))
        fail("align: " + thread_name(f) +
             printed(" accesses %p, which is not %u-byte aligned, at ", p, alignment) + place(l) +
             ".");
    if (in_arena(*f.home, p, bytes))
        fail("memory: " + thread_name(f) + " accesses shared memory as if it were global, at " +
             place(l) + ".");
    announce(f, p, bytes, kind, l);
    const bool store = kind == access_kind::store;
    count_traffic(p, bytes, store);
    if (the().wanted.count_sectors) gather_sectors(f, p, bytes, store, l);
}
void announce(fiber& f, const void* p, std::size_t bytes, access_kind kind, location l) {
    if (race == nullptr) return;
    f.announced = static_cast<const unsigned char*>(p);
    f.announced_bytes = bytes;
    race->access(f, p, bytes, kind, l);
}
void touch(const void* p, std::size_t bytes, bool write, location l) {
    if (checks_addresses()) {
        if (void* bad = __asan_region_is_poisoned(const_cast<void*>(p), bytes))
            __asan_report_error(__builtin_return_address(0),
                                __builtin_frame_address(0),
                                __builtin_frame_address(0),
                                bad,
                                write ? 1 : 0,
                                bytes);
    }
    if (race != nullptr)
        race->access(*the().self, p, bytes, write ? access_kind::store : access_kind::ordinary, l);
}

// ---- Atomics and the fence

// Lets those go on whose counter has come to its value.
static void end_waits() {
    auto& waits = the().waits;
    for (std::size_t i = 0; i < waits.size();) {
        if (!waits[i].over()) {
            ++i;
            continue;
        }
        make_ready(waits[i].who);
        waits.erase(waits.begin() + static_cast<std::ptrdiff_t>(i));
    }
}
void wait_until(const unsigned* p, unsigned value, location l) {
    maybe_preempt();
    engine& e = the();
    fiber& f = *e.self;
    if (!e.cooperative)
        fail("wait_until: " + thread_name(f) + " waits for another block at " + place(l) +
             ", but the launch is not cooperative: the other may never start.");
    if (!aligned(p, sizeof *p))
        fail("align: " + thread_name(f) + " waits for a misaligned counter at " + place(l) + ".");
    const counter_wait w{&f, p, value};
    if (!w.over()) {
        e.waits.push_back(w);
        wait_here("wait_until", l);
    }
    if (race != nullptr) race->observe(f, p, sizeof *p, l);
}
template <class T, class F>
static T atomically(T* p, location l, F next) {
    maybe_preempt();
    fiber& f = *the().self;
    if (!aligned(p, sizeof(T)))
        fail("align: " + thread_name(f) + " has a misaligned atomic at " + place(l) + ".");
    ++stats().atomics;
    if (checks_addresses() && __asan_region_is_poisoned(p, sizeof(T)) != nullptr)
        touch(p, sizeof(T), true, l);
    if (race != nullptr) race->atomic(f, p, sizeof(T), l);
    const T old = *p;
    *p = next(old);
    end_waits();
    return old;
}
int atomic_add(int* p, int v, location l) {
    return atomically(p, l, [v](int old) {
        return static_cast<int>(static_cast<unsigned>(old) + static_cast<unsigned>(v));
    });
}
unsigned atomic_add(unsigned* p, unsigned v, location l) {
    return atomically(p, l, [v](unsigned old) { return old + v; });
}
uint64 atomic_add(uint64* p, uint64 v, location l) {
    return atomically(p, l, [v](uint64 old) { return old + v; });
}
float atomic_add(float* p, float v, location l) {
    return atomically(p, l, [v](float old) { return old + v; });
}
double atomic_add(double* p, double v, location l) {
    return atomically(p, l, [v](double old) { return old + v; });
}
unsigned atomic_inc(unsigned* p, unsigned wrap, location l) {
    return atomically(p, l, [wrap](unsigned old) { return old >= wrap ? 0 : old + 1; });
}
void fence(location) {
    ++stats().fences;
    if (race != nullptr) race->fence(*the().self);
}

// ---- Shared memory

bool in_arena(const block& b, const void* p, std::size_t bytes) {
    const auto* q = static_cast<const unsigned char*>(p);
    return q >= b.arena && q + bytes <= b.arena + arena_bytes;
}
void begin_arena(block& b) {
    b.statics.clear();
    b.dynamics.clear();
    b.static_bytes = b.dynamic_bytes = b.arena_used = 0;
    poison(b.arena, arena_bytes);
}
void end_arena(block& b) { unpoison(b.arena, arena_bytes); }
static void* cut(
    block& b, const void* key, std::size_t bytes, std::size_t alignment, bool dynamic) {
    const std::size_t to = std::max<std::size_t>(alignment, 16);
    const std::size_t offset = (b.arena_used + to - 1) / to * to;
    if (b.static_bytes + b.dynamic_bytes > the().wanted.shared_limit ||
        offset + bytes + shared_red_zone > arena_bytes)
        fail(printed("shared: the block uses %zu bytes of shared memory, more than the device has.",
                     b.static_bytes + b.dynamic_bytes));
    unsigned char* p = b.arena + offset;
    b.arena_used = offset + bytes + shared_red_zone;
    unpoison(p, bytes);
    std::memset(p, 0xff, bytes);  // NaN, or -1: no kernel may rely on zeroes
    if (race != nullptr) race->array_begin(b, p, bytes);
    (dynamic ? b.dynamics : b.statics).push_back({key, bytes, alignment, p});
    return p;
}
void* static_shared(const void* key, std::size_t bytes, std::size_t alignment, location l) {
    block& b = *the().self->home;
    for (const shared_array& a : b.statics)
        if (a.key == key) return a.p;
    b.static_bytes += bytes;
    if (b.static_bytes > 48 * 1024)
        fail("shared: more than 48 KiB of static shared memory at " + place(l) + ".");
    return cut(b, key, bytes, alignment, false);
}
void* dynamic_shared(std::size_t bytes, std::size_t alignment, location l) {
    fiber& f = *the().self;
    block& b = *f.home;
    const unsigned i = f.arrays_taken++;
    if (i < b.dynamics.size()) {
        if (b.dynamics[i].bytes != bytes || b.dynamics[i].alignment != alignment)
            fail("shared: threads of one block carve different arrays at " + place(l) + ".");
        return b.dynamics[i].p;
    }
    b.dynamic_bytes = (b.dynamic_bytes + alignment - 1) / alignment * alignment + bytes;
    if (b.dynamic_bytes > the().dynamic_limit)
        fail(printed(
                 "shared: the kernel carves %zu bytes of shared memory but was launched with %zu, "
                 "at ",
                 b.dynamic_bytes,
                 the().dynamic_limit) +
             place(l) + ".");
    return cut(b, nullptr, bytes, alignment, true);
}

// ---- Asynchronous copies

static void carry_out(pending_copy& c) {
    unsigned char bytes[16] = {};
    std::memcpy(bytes, c.source, c.valid);
    std::memcpy(c.target, bytes, c.bytes);
    c.done = true;
}
void async_copy(void* shared, const void* global, unsigned bytes, unsigned valid, location l) {
    engine& e = the();
    fiber& f = *e.self;
    const auto refuse = [&](const char* why) {
        fail("cp_async: " + std::string(why) + ", " + thread_name(f) + " at " + place(l) + ".");
    };
    if (!in_arena(*f.home, shared, bytes)) refuse("the target is not in shared memory");
    if (!aligned(shared, bytes) || !aligned(global, bytes)) refuse("an address is misaligned");
    if (valid > bytes) refuse("more bytes are valid than are copied");
    ++stats().async_copies;
    touch(shared, bytes, true, l);  // the copy may land at any time from now on
    if (valid != 0) {
        touch(global, valid, false, l);
        count_traffic(global, valid, false);
    }
    pending_copy c{shared, global, bytes, valid, false, l};
    const copy_time when = e.wanted.copies;
    if (when == copy_time::at_issue || (when == copy_time::random && (e.random() & 1U) != 0))
        carry_out(c);
    else
        std::memset(shared, 0xff, bytes);  // who reads too early sees NaN
    poison(shared, bytes);                 // or is stopped by ASan, as is a second write
    if (race != nullptr) race->in_flight(*f.home, shared, bytes, true);
    f.copies.push_back(c);
}
void async_commit() {
    fiber& f = *the().self;
    f.groups.push_back(f.copies.size());
}
void complete_copies(fiber& f, std::size_t up_to, location l) {
    for (; f.copies_done < up_to; ++f.copies_done) {
        pending_copy& c = f.copies[f.copies_done];
        unpoison(c.target, c.bytes);
        if (race != nullptr) race->in_flight(*f.home, c.target, c.bytes, false);
        touch(c.target, c.bytes, true, l);
        if (!c.done) {
            if (c.valid != 0) touch(c.source, c.valid, false, l);
            carry_out(c);
        }
    }
}
void async_wait(unsigned pending, location l) {
    fiber& f = *the().self;
    if (f.groups.size() > pending) complete_copies(f, f.groups[f.groups.size() - 1 - pending], l);
    if (pending == 0 && f.copies_done == f.copies.size()) {
        f.copies.clear();
        f.groups.clear();
        f.copies_done = 0;
    }
}

}  // namespace sinter::emulator
