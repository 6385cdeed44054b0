// What the emulator (tests/emulator) offers to kernels, to the device that runs them and to tests.
// Declarations only: read in test builds by g++ and clang++, never by nvcc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "sinter/simt/types.hpp"

namespace sinter::emulator {

using simt::dim;

/// A place in the source, kept for messages.
struct location {
    const char* file = "";
    unsigned line = 0;

    /// The place of the call (as a default argument: the place of the outer call).
    static constexpr location here(const char* file = __builtin_FILE(),
                                   unsigned line = __builtin_LINE()) {
        return {file, line};
    }
};

/// What a thread of a kernel knows about itself.
struct thread_info {
    dim tid, bid, bdim, gdim;
    unsigned lane = 0, warp = 0, linear = 0;
};
/// The thread that runs now. Only kernels may read it.
extern thread_info* current;

/// In which order ready threads run.
enum class order { fifo, lifo, reverse, random };
/// When an emulated cp.async really copies: as late or as early as allowed, or either at random.
enum class copy_time { at_wait, at_issue, random };

/// How kernels run.
struct options {
    order schedule = order::fifo;
    std::uint64_t seed = 1;
    /// Blocks interleaved with one another.
    unsigned resident_blocks = 1;
    copy_time copies = copy_time::at_wait;
    /// A thread that leaves the kernel while others wait at a block barrier is an error.
    bool strict_exit = true;
    /// Threads that meet at one block barrier from different lines are an error.
    bool strict_site = true;
    /// The most dynamic shared memory, in bytes, that a launch may ask for.
    unsigned shared_limit = 227 * 1024;
    std::size_t stack_bytes = 256 * 1024;
    /// The chance that a thread is interrupted at an access of global memory (race flavour: at any
    /// access).
    double preempt = 0;
    /// Race flavour: name source lines in reports, by addr2line (slow); else offsets in the
    /// program.
    bool symbolize = true;
    /// Count the sectors that accesses of global memory touch.
    bool count_sectors = false;
};
/// The options of the next launches.
options& settings();

/// Sets options and puts the old ones back at the end of the scope.
class scoped_options {
public:
    explicit scoped_options(const options& wanted) : saved_(settings()) { settings() = wanted; }
    ~scoped_options() { settings() = saved_; }
    scoped_options(const scoped_options&) = delete;
    scoped_options& operator=(const scoped_options&) = delete;

private:
    options saved_;
};

/// What a launch did. Bytes are those of global memory.
struct statistics {
    std::uint64_t blocks = 0, switches = 0, barriers = 0, collectives = 0, atomics = 0, fences = 0;
    std::uint64_t mma = 0, ldmatrix = 0, ldmatrix_conflicts = 0, async_copies = 0;
    std::uint64_t bytes_loaded = 0, bytes_stored = 0, loads = 0, stores = 0;
    /// Extra passes of load_shared and store_shared through the 32 banks.
    std::uint64_t shared_accesses = 0, shared_conflicts = 0;
    /// With options::count_sectors: the 32-byte sectors that each access of a warp touches, added
    /// up. The k-th access of a lane at one place of the source belongs to the k-th of the others.
    std::uint64_t load_sectors = 0, store_sectors = 0;
    /// Race flavour only: accesses that were checked, and those of allocated global memory that
    /// went past load, load_coherent and store (and so were not counted in bytes).
    std::uint64_t checked = 0, uncounted = 0;
};
/// What a launch found and did. No error: the kernel kept every rule that this flavour checks.
struct result {
    std::vector<std::string> errors;
    statistics stats;
};
/// The result of the latest launch of this thread's emulator.
const result& last();

/// Runs `body(arguments)` as a kernel and returns its result. Never throws and never aborts: the
/// caller decides what an error means. Launches of several host threads run one after another. In a
/// cooperative launch all blocks are resident, whatever the options say.
const result& launch(const char* name,
                     dim grid,
                     dim block,
                     int max_threads,
                     std::size_t dynamic_shared,
                     void (*body)(const void*),
                     const void* arguments,
                     bool cooperative = false);

/// Exactly `bytes` bytes (0 allowed) aligned to 256 and filled with 0xff, between red zones:
/// poisoned under ASan, compared after every launch elsewhere. The race flavour watches them. Null
/// when the host has no memory left.
void* allocate(std::size_t bytes);
/// Gives back what `allocate` returned. False when `p` is unknown or a red zone was written.
bool release(void* p);
/// Live allocations, and their bytes.
std::size_t allocated_blocks();
std::size_t allocated_bytes();

/// Counts the bytes that kernels load from and store to [p, p + bytes) while it lives, over all
/// launches.
class traffic {
public:
    traffic(const void* p, std::size_t bytes);
    ~traffic();
    traffic(const traffic&) = delete;
    traffic& operator=(const traffic&) = delete;
    std::uint64_t loaded() const { return loaded_; }
    std::uint64_t stored() const { return stored_; }
    void reset() { loaded_ = stored_ = 0; }
    /// For the engine: an access of [p, p + bytes).
    void count(const unsigned char* p, std::size_t bytes, bool store);

private:
    const unsigned char* begin_;
    std::size_t bytes_;
    std::uint64_t loaded_ = 0, stored_ = 0;
};

/// True when the race checker is linked in.
bool checks_races();
/// True when AddressSanitizer is linked in.
bool checks_addresses();

// ---- What simt/emulated.hpp calls on behalf of kernels.
enum class shuffle_mode { index, down, exclusive_or };
// read_only: nothing that the kernel writes; ordinary: load_own and load_coherent.
enum class access_kind { read_only, ordinary, store };
void sync_block(location l);
bool sync_block_or(bool predicate, location l);
void sync_warp(unsigned mask, location l);
void shuffle(void* value,
             unsigned bytes,
             shuffle_mode mode,
             int argument,
             int width,
             unsigned mask,
             location l);
unsigned ballot(bool predicate, unsigned mask, location l);
void fence(location l);
void wait_until(const unsigned* p, unsigned value, location l);
int atomic_add(int* p, int v, location l);
unsigned atomic_add(unsigned* p, unsigned v, location l);
uint64 atomic_add(uint64* p, uint64 v, location l);
float atomic_add(float* p, float v, location l);
double atomic_add(double* p, double v, location l);
unsigned atomic_inc(unsigned* p, unsigned wrap, location l);
void global_access(const void* p, unsigned bytes, unsigned alignment, access_kind kind, location l);
void shared_access(const void* p, unsigned bytes, unsigned alignment, bool store, location l);
void* static_shared(const void* key, std::size_t bytes, std::size_t alignment, location l);
void* dynamic_shared(std::size_t bytes, std::size_t alignment, location l);
void async_copy(void* shared, const void* global, unsigned bytes, unsigned valid, location l);
void async_commit();
void async_wait(unsigned pending, location l);
void ldmatrix(uint32* r, int matrices, bool transposed, const void* row, location l);
void mma(void* d, const uint32* a, const uint32* b, dtype left, dtype right, location l);

}  // namespace sinter::emulator
