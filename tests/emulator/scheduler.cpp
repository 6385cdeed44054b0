// Fibers, their order, the life of blocks, and the launch.
#include <cxxabi.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>
#include <numeric>
#include <utility>

#include "internal.hpp"

extern "C" {
__attribute__((weak)) void __sanitizer_start_switch_fiber(void** save, const void* low, size_t n);
__attribute__((weak)) void __sanitizer_finish_switch_fiber(void* save, const void** low, size_t* n);
}

namespace sinter::emulator {

thread_info* current = nullptr;
constinit race_checker* race = nullptr;

static thread_local result latest;
static thread_local bool launching = false;
const result& last() { return latest; }

engine& the() {
    static engine& e = *new engine;
    return e;
}
options& settings() { return the().wanted; }
bool checks_races() { return race != nullptr; }

// ---- Switching

static void switch_to(fiber* to, bool dying = false) {
    engine& e = the();
    fiber* from = e.self;
    if (to == from) return;
    ++stats().switches;
    e.self = to;
    current = &to->info;
    to->state = fiber_state::running;
    if (__sanitizer_start_switch_fiber != nullptr)
        __sanitizer_start_switch_fiber(
            dying ? nullptr : &from->fake_stack, to->stack, to->stack_bytes);
    // Which exceptions a thread handles is state of the host's thread; each fiber has its own.
    auto& handled = *reinterpret_cast<exception_state*>(abi::__cxa_get_globals());
    from->exceptions = handled;
    handled = to->exceptions;
    switch_context(from->registers, to->registers);
    if (__sanitizer_finish_switch_fiber != nullptr)
        __sanitizer_finish_switch_fiber(from->fake_stack, nullptr, nullptr);
}
void make_ready(fiber* f) {
    f->state = fiber_state::ready;
    the().ready.push_back(f);
}
static fiber* next_ready() {
    engine& e = the();
    auto& queue = e.ready;
    if (e.abandoned) return nullptr;
    if (e.ready_head == queue.size()) {
        queue.clear();
        e.ready_head = 0;
        return nullptr;
    }
    if (e.wanted.schedule == order::lifo || e.wanted.schedule == order::random) {
        if (e.wanted.schedule == order::random) {
            const std::size_t i = e.ready_head + e.random() % (queue.size() - e.ready_head);
            std::swap(queue[i], queue.back());
        }
        fiber* f = queue.back();
        queue.pop_back();
        return f;
    }
    fiber* f = queue[e.ready_head++];
    if (e.ready_head > 4096) {
        queue.erase(queue.begin(), queue.begin() + static_cast<std::ptrdiff_t>(e.ready_head));
        e.ready_head = 0;
    }
    return f;
}
void yield_to_next(bool dying) {
    fiber* f = next_ready();
    switch_to(f != nullptr ? f : &the().host, dying);
}
void wait_here(const char* what, location l) {
    fiber* f = the().self;
    f->state = fiber_state::waiting;
    f->waits_in = what;
    f->waits_at = l;
    yield_to_next();
}
void release_all(std::vector<fiber*>& fibers) {
    if (the().wanted.schedule == order::reverse) std::reverse(fibers.begin(), fibers.end());
    for (fiber* f : fibers) make_ready(f);
    fibers.clear();
}
void maybe_preempt() {
    engine& e = the();
    if (e.wanted.preempt <= 0 || !e.running || e.self == &e.host) return;
    if (static_cast<double>(e.random() >> 11) * 0x1p-53 >= e.wanted.preempt) return;
    make_ready(e.self);
    yield_to_next();
}
namespace {
// Unwinds the fiber that found the error; the others are dropped where they stand.
struct abandon {};
}  // namespace
void fail(const std::string& message) {
    record(message);
    the().abandoned = true;
    throw abandon{};
}

// ---- The life of a thread

static void leave_block(fiber& f) {
    block& b = *f.home;
    warp_state& w = b.warps[f.info.warp];
    f.state = fiber_state::finished;
    --b.live;
    w.live &= ~(1U << f.info.lane);
    if (w.live == 0) finish_groups(w);
    if (b.at_barrier.empty() || b.at_barrier.size() != b.live) return;
    if (the().wanted.strict_exit)
        fail("barrier: " + thread_name(f) + " left the kernel while " + std::to_string(b.live) +
             " threads wait at the block barrier at " + place(b.barrier_site) + ".");
    complete_barrier(b);
}
static void run_to_end(fiber& f) {
    engine& e = the();
    try {
        e.body(e.arguments);
    } catch (const abandon&) {
        throw;
    } catch (...) {
        fail("exception: a C++ exception left the kernel in " + thread_name(f) + ".");
    }
    if (f.copies_done < f.copies.size())
        fail("cp_async: " + thread_name(f) +
             " left the kernel with copies that it never waited for, started at " +
             place(f.copies[f.copies_done].where) + ".");
    leave_block(f);
}
static void run_fiber() {
    if (__sanitizer_finish_switch_fiber != nullptr)
        __sanitizer_finish_switch_fiber(nullptr, nullptr, nullptr);
    engine& e = the();
    fiber& f = *e.self;
    try {
        run_to_end(f);
    } catch (const abandon&) {
        f.state = fiber_state::finished;
    }
    if (e.abandoned || f.home->live == 0) switch_to(&e.host, true);
    yield_to_next(true);
    std::abort();  // nobody continues a fiber that has ended
}

// ---- Blocks

static void* reserve(std::size_t bytes) {
    void* p = mmap(
        nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) std::abort();
    return p;
}
static void give_back(void* p, std::size_t bytes) {
    if (p == nullptr) return;
    unpoison(p, bytes);
    munmap(p, bytes);
}
static void make_room(std::size_t fibers, std::size_t blocks) {
    engine& e = the();
    const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t each = (e.wanted.stack_bytes + page - 1) / page * page + page;
    if (e.pool.size() < fibers || e.stack_each != each) {
        give_back(e.stacks, e.stacks_bytes);
        while (e.pool.size() < fibers) e.pool.push_back(new fiber);
        e.stack_each = each;
        e.stacks_bytes = each * e.pool.size();
        e.stacks = static_cast<char*>(reserve(e.stacks_bytes));
        for (std::size_t i = 0; i < e.pool.size(); ++i) {
            char* base = e.stacks + i * each;
            if (mprotect(base, page, PROT_NONE) != 0) std::abort();  // a stack overflow stops here
            e.pool[i]->stack = base + page;
            e.pool[i]->stack_bytes = each - page;
            e.pool[i]->index = static_cast<unsigned>(i);
        }
    }
    if (e.arenas_count < blocks) {
        give_back(e.arenas, e.arenas_count * arena_bytes);
        e.arenas = static_cast<unsigned char*>(reserve(blocks * arena_bytes));
        e.arenas_count = blocks;
    }
}
static dim unravel(unsigned i, dim extents) {
    return {i % extents.x, i / extents.x % extents.y, i / extents.x / extents.y};
}
static void start_fiber(fiber& f, block& b, unsigned linear) {
    engine& e = the();
    f.home = &b;
    f.arrays_taken = 0;
    f.copies.clear();
    f.groups.clear();
    f.copies_done = 0;
    f.fake_stack = nullptr;
    f.exceptions = {};
    f.announced_bytes = 0;
    f.info = {unravel(linear, e.threads),
              unravel(b.id, e.grid),
              e.threads,
              e.grid,
              linear % 32,
              linear / 32,
              linear};
    b.warps[linear / 32].live |= 1U << (linear % 32);
    prepare_context(f.registers, f.stack, f.stack_bytes, run_fiber);
}
static void start_block(block& b, unsigned id) {
    engine& e = the();
    b.id = id;
    b.active = true;
    b.live = b.threads = e.threads.x * e.threads.y * e.threads.z;
    b.epoch = 0;
    b.at_barrier.clear();
    b.warps.assign((b.threads + 31) / 32, warp_state{});
    begin_arena(b);
    if (race != nullptr) race->block_begin(b);
    ++stats().blocks;
    for (unsigned t = 0; t < b.threads; ++t) start_fiber(*b.fibers[t], b, t);
    std::vector<fiber*> order_of_start = b.fibers;
    if (e.wanted.schedule == order::lifo)
        std::reverse(order_of_start.begin(), order_of_start.end());
    release_all(order_of_start);
}

// ---- The launch

static void report_deadlock() {
    std::string message = "deadlock:";
    for (const block& b : the().slots) {
        if (!b.active) continue;
        std::map<std::string, int> waiting;
        for (const fiber* f : b.fibers)
            if (f->state == fiber_state::waiting)
                ++waiting[std::string(f->waits_in) + " at " + place(f->waits_at)];
        message += printed(" block %u: %u of %u threads live", b.id, b.live, b.threads);
        for (const auto& [where, count] : waiting)
            message += ", " + std::to_string(count) + " wait in " + where;
        message += ".";
    }
    record(message);
}
static void run_blocks(std::vector<unsigned> ids) {
    engine& e = the();
    const unsigned per_block = e.threads.x * e.threads.y * e.threads.z;
    std::size_t next = 0;
    for (std::size_t s = 0; s < e.slots.size(); ++s) {
        block& b = e.slots[s];
        b.slot = static_cast<unsigned>(s);
        b.arena = e.arenas + s * arena_bytes;
        const auto first = e.pool.begin() + static_cast<std::ptrdiff_t>(s * per_block);
        b.fibers.assign(first, first + per_block);
        start_block(b, ids[next++]);
    }
    while (!e.abandoned) {
        bool any = false;
        for (block& b : e.slots) {
            if (b.active && b.live == 0) {
                b.active = false;
                if (next < ids.size()) start_block(b, ids[next++]);
            }
            any |= b.active;
        }
        if (!any) return;
        fiber* f = next_ready();
        if (f == nullptr) {
            report_deadlock();
            e.abandoned = true;
            return;
        }
        switch_to(f);
    }
}
static bool acceptable(dim grid, dim block, int max_threads, std::size_t dynamic_shared) {
    const std::uint64_t threads = std::uint64_t(block.x) * block.y * block.z;
    const std::uint64_t blocks = std::uint64_t(grid.x) * grid.y * grid.z;
    const auto refuse = [&](const char* why) {
        record(printed("launch: %s: grid (%u,%u,%u), block (%u,%u,%u), %zu bytes of shared memory.",
                       why,
                       grid.x,
                       grid.y,
                       grid.z,
                       block.x,
                       block.y,
                       block.z,
                       dynamic_shared));
        return false;
    };
    if (threads == 0 || blocks == 0) return refuse("an extent is zero");
    if (threads > static_cast<unsigned>(max_threads))
        return refuse("the block exceeds the kernel's max_threads");
    if (threads > 1024 || block.z > 64) return refuse("the block exceeds 1024 threads, or 64 in z");
    if (block.y * block.z > 1 && block.x % 32 != 0)
        return refuse("a block of several axes needs an x that is a multiple of 32");
    if (grid.x > 0x7fffffffU || grid.y > 65535 || grid.z > 65535 || blocks > 0x7fffffffU)
        return refuse("the grid exceeds the limits");
    if (dynamic_shared > the().wanted.shared_limit) return refuse("too much shared memory");
    // Thousands of fibers are no harm, millions would be.
    if (the().cooperative && blocks * threads > 65536)
        return refuse("a cooperative launch of more threads than run at the same time");
    return true;
}
static void describe_host_stack() {
    // Kept: finding out the bounds of the main thread's stack reads /proc/self/maps.
    static thread_local void* low = nullptr;
    static thread_local std::size_t bytes = 0;
    if (low == nullptr) {
        pthread_attr_t attributes;
        if (pthread_getattr_np(pthread_self(), &attributes) != 0) std::abort();
        pthread_attr_getstack(&attributes, &low, &bytes);
        pthread_attr_destroy(&attributes);
    }
    engine& e = the();
    e.host.stack = static_cast<char*>(low);
    e.host.stack_bytes = bytes;
    e.host.state = fiber_state::running;
}
static void run_launch(dim grid, dim block) {
    engine& e = the();
    const unsigned blocks = grid.x * grid.y * grid.z, threads = block.x * block.y * block.z;
    const unsigned resident =
        e.cooperative ? blocks : std::min(std::max(1U, e.wanted.resident_blocks), blocks);
    make_room(std::size_t(resident) * threads, resident);
    e.random.seed(e.wanted.seed);
    e.abandoned = false;
    e.slots.clear();
    e.waits.clear();
    e.slots.resize(resident);
    describe_host_stack();
    e.self = &e.host;
    std::vector<unsigned> ids(blocks);
    std::iota(ids.begin(), ids.end(), 0U);
    if (e.wanted.schedule == order::random) std::shuffle(ids.begin(), ids.end(), e.random);
    if (e.wanted.schedule == order::reverse) std::reverse(ids.begin(), ids.end());
    if (race != nullptr) race->launch_begin(resident * threads);
    e.running = true;
    run_blocks(std::move(ids));
    e.running = false;
    if (race != nullptr) race->launch_end();
    e.ready.clear();
    e.ready_head = 0;
    for (auto& b : e.slots) end_arena(b);
    if (e.abandoned) unpoison(e.stacks, e.stacks_bytes);  // frames that were never left
    current = nullptr;
}
const result& launch(const char* name,
                     dim grid,
                     dim block,
                     int max_threads,
                     std::size_t dynamic_shared,
                     void (*body)(const void*),
                     const void* arguments,
                     bool cooperative) {
    static std::mutex& one_at_a_time = *new std::mutex;
    if (launching) fail("launch: a kernel launched another kernel.");
    const std::lock_guard lock(one_at_a_time);
    engine& e = the();
    latest = {};
    e.out = &latest;
    e.name = name;
    e.grid = grid;
    e.threads = block;
    e.dynamic_limit = dynamic_shared;
    e.cooperative = cooperative;
    e.body = body;
    e.arguments = arguments;
    if (acceptable(grid, block, max_threads, dynamic_shared)) {
        launching = true;
        run_launch(grid, block);
        launching = false;
        check_red_zones();
    }
    return latest;
}

}  // namespace sinter::emulator
