// What the files of the engine share. One fiber per CUDA thread, all on one thread of the host.
//
// The engine is compiled without sanitizers in every flavour; the sanitizers' entry points are
// weak, so that the same objects serve the plain, the ASan and the race flavour.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "sinter/simt/emulator_api.hpp"

namespace sinter::emulator {

struct block;

/// Where a fiber's registers are while it does not run.
struct context {
    void* stack_pointer = nullptr;
};
/// Prepares a context that calls `entry` on the given stack; `entry` never returns.
void prepare_context(context& c, char* stack, std::size_t bytes, void (*entry)());
/// Saves the running context and continues another.
void switch_context(context& from, context& to);

struct pending_copy {
    void* target;
    const void* source;
    unsigned bytes, valid;
    bool done;
    location where;
};

/// What the C++ runtime keeps about exceptions of a thread (Itanium ABI).
struct exception_state {
    void* caught = nullptr;
    unsigned uncaught = 0;
};

enum class fiber_state { ready, running, waiting, finished };

/// A CUDA thread, or the host's (`engine::host`), which schedules the others.
struct fiber {
    thread_info info;  // `current` points at it
    context registers;
    char* stack = nullptr;
    std::size_t stack_bytes = 0;
    void* fake_stack = nullptr;  // ASan's
    exception_state exceptions;
    fiber_state state = fiber_state::finished;
    block* home = nullptr;
    unsigned index = 0;  // in the pool
    const char* waits_in = "";
    location waits_at;
    unsigned arrays_taken = 0;
    std::vector<pending_copy> copies;
    std::vector<std::size_t> groups;  // committed groups of copies: where each ends
    std::size_t copies_done = 0;
    const unsigned char* announced = nullptr;  // the access that load or store made last
    std::size_t announced_bytes = 0;
};

/// Lanes that meet for one warp collective.
struct meeting {
    bool open = false;
    unsigned mask = 0, arrived = 0;
    const char* kind = "";
    location where;
    void* payload[32];
    fiber* lanes[32];
};
/// One access of shared memory by the lanes of a warp, gathered to count bank conflicts.
struct shared_group {
    location where;
    bool store = false;
    unsigned bytes = 0, mask = 0;
    std::uint32_t offset[32] = {};
};
/// One access of global memory by the lanes of a warp, gathered to count sectors.
struct global_group {
    location where;
    bool store = false;
    std::vector<std::uintptr_t> sectors;
};
struct warp_state {
    unsigned live = 0;
    meeting meetings[8];
    std::vector<shared_group> shared;
    std::vector<global_group> global;
    // Where each lane's next access is looked for.
    std::size_t next_group[32] = {}, next_global[32] = {};
};

struct shared_array {
    const void* key;
    std::size_t bytes, alignment;
    unsigned char* p;
};
/// A block that runs.
struct block {
    unsigned id = 0, slot = 0;
    bool active = false;
    unsigned live = 0, threads = 0, epoch = 0;
    std::vector<fiber*> at_barrier;
    location barrier_site;
    const char* barrier_kind = "";
    bool vote = false, votes[2] = {};
    std::vector<warp_state> warps;
    std::vector<fiber*> fibers;
    std::vector<shared_array> statics, dynamics;
    std::size_t static_bytes = 0, dynamic_bytes = 0;
    unsigned char* arena = nullptr;
    std::size_t arena_used = 0;
};

/// Room for the shared memory of one block, and the red zone behind each array: a multiple of 1
/// KiB, so that the position in the banks stays that of the device.
inline constexpr std::size_t arena_bytes = 512 * 1024;
inline constexpr std::size_t shared_red_zone = 1024;

/// A fiber that waits for a counter in global memory.
struct counter_wait {
    fiber* who;
    const unsigned* counter;
    unsigned value;

    bool over() const { return static_cast<int>(*counter - value) >= 0; }
};

struct engine {
    options wanted;
    result* out = nullptr;
    std::vector<fiber*> pool;
    std::vector<block> slots;
    char* stacks = nullptr;
    std::size_t stacks_bytes = 0, stack_each = 0;
    unsigned char* arenas = nullptr;
    std::size_t arenas_count = 0;
    fiber host;
    fiber* self = nullptr;
    std::vector<fiber*> ready;
    std::size_t ready_head = 0;
    std::mt19937_64 random;
    void (*body)(const void*) = nullptr;
    const void* arguments = nullptr;
    const char* name = "";
    dim grid, threads;
    std::size_t dynamic_limit = 0;
    bool running = false, abandoned = false, cooperative = false;
    std::vector<counter_wait> waits;
};
/// The one engine. Never destroyed, because kernels may run in destructors of statics.
engine& the();
inline statistics& stats() { return the().out->stats; }

// ---- scheduler.cpp
void make_ready(fiber* f);
/// Gives the host's thread to the next ready fiber, or to the host when there is none.
void yield_to_next(bool dying = false);
/// Waits until someone makes this fiber ready.
void wait_here(const char* what, location l);
/// Makes fibers ready in the order of the policy.
void release_all(std::vector<fiber*>& fibers);
/// Interrupts this fiber with the chance that the options name.
void maybe_preempt();

// ---- report.cpp
std::string printed(const char* format, ...) __attribute__((format(printf, 1, 2)));
std::string place(location l);
std::string thread_name(unsigned block, unsigned linear);
std::string thread_name(const fiber& f);
void record(const std::string& message);
/// Records an error that leaves nothing to go on with, and abandons the launch (by an exception
/// that unwinds the kernel).
[[noreturn]] void fail(const std::string& message);

// ---- collectives.cpp
void complete_barrier(block& b);
void finish_groups(warp_state& w);
/// Gathers an access of global memory, for statistics::load_sectors and store_sectors.
void gather_sectors(fiber& f, const void* p, unsigned bytes, bool store, location l);

// ---- memory.cpp
bool in_arena(const block& b, const void* p, std::size_t bytes);
void begin_arena(block& b);
void end_arena(block& b);
void complete_copies(fiber& f, std::size_t up_to, location l);
/// An access that the engine makes for a kernel: ASan and the race checker see it.
void touch(const void* p, std::size_t bytes, bool write, location l);
/// An access that the kernel is about to make: the race checker judges it now, with its place, and
/// passes over the compiler's hook.
void announce(fiber& f, const void* p, std::size_t bytes, access_kind kind, location l);
void check_red_zones();
void poison(const void* p, std::size_t bytes);
void unpoison(const void* p, std::size_t bytes);

/// What the race checker (race.cpp) hears of. Absent in the other flavours.
struct race_checker {
    virtual void launch_begin(unsigned fibers) = 0;
    virtual void launch_end() = 0;
    virtual void block_begin(const block& b) = 0;
    virtual void array_begin(const block& b, const void* p, std::size_t bytes) = 0;
    virtual void barrier(const block& b) = 0;
    virtual void warp_barrier(const block& b, unsigned warp, unsigned mask) = 0;
    virtual void fence(const fiber& f) = 0;
    virtual void atomic(const fiber& f, const void* p, std::size_t bytes, location l) = 0;
    /// Sees what others did to an atomic, without writing it.
    virtual void observe(const fiber& f, const void* p, std::size_t bytes, location l) = 0;
    virtual void access(
        const fiber& f, const void* p, std::size_t bytes, access_kind kind, location l) = 0;
    virtual void in_flight(const block& b, const void* p, std::size_t bytes, bool on) = 0;
    virtual void allocated(const void* p, std::size_t bytes, std::size_t red_zone) = 0;
    virtual void released(const void* p) = 0;

protected:
    ~race_checker() = default;
};
/// Constant-initialised: race.cpp sets it from a constructor that may run before any other.
extern constinit race_checker* race;

}  // namespace sinter::emulator
