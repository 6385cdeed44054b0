// Threads of the host engine: OpenMP's in files that are compiled with it.
#pragma once

#include "sinter/cpu/walk.hpp"
#if SINTER_OPENMP
#include <omp.h>
#endif

namespace sinter::cpu {

/// Work that is worth one more thread, in bytes of memory and floating-point operations: about 25
/// microseconds. Waking a thread takes 5 to 20.
inline constexpr int64 thread_work = int64{1} << 18;

/// Bytes that a stage moves for `elements` elements and operations that it executes on them.
inline int64 work_of(const stage_loops& code, int64 elements) {
    int64 each = code.flops;
    for (int k = 0; k < code.loads; ++k) each += code.load_bytes[k];
    for (int k = 0; k < code.stores; ++k) each += code.store_bytes[k];
    return elements * each;
}

/// Memory of the calling thread for the arenas of a team.
class team_memory {
public:
    team_memory(int threads, int64 each)
        : each_((each + arena::line - 1) / arena::line * arena::line), memory_(threads * each_) {}
    std::byte* part(int thread) const { return memory_.data() + thread * each_; }
    int64 size() const { return each_; }

private:
    int64 each_;
    borrowed memory_;
};

/// Bytes that one engine may want from its arena: what threads use is allocated before they start.
inline int64 engine_bytes(const stage_loops& code, int64 room, int64 rows) {
    constexpr int64 slack = 512;  // tables of one operand or reduction, and alignment
    int64 operands = code.loads + 1 + code.made.count + code.stores, folds = 0;
    for (const loop& l : code.pass) {
        operands += l.inputs.count + l.outputs.count;
        for (const loop& m : l.before) operands += m.inputs.count + m.outputs.count;
        for (const output& o : l.outputs) folds += o.to == goes_to::fold;
    }
    return operands * (slack + room * 8) + code.registers * (whole_groups(rows) + group) * 8 +
           2 * folds * (slack + 16 * whole_groups(rows) * state_bytes) + rows * 8 +
           ir::max_passes * slack;
}

/// An engine and its memory.
template <class Engine>
struct worker {
    arena memory;
    Engine engine;
    template <class Plan, class... More>
    worker(const Plan& p,
           const stage_loops& code,
           const ir::bound_stage& b,
           std::byte* first,
           int64 size,
           More... more)
        : memory(first, size), engine(p, code, b, memory, more...) {}
};

/// Runs everything in the calling thread.
struct single_thread {
    static int size(int64) { return 1; }
    template <class Worker, class Make>
    static void run(int, int64 parts, Make make) {
        Worker w = make(0);
        for (int64 p = 0; p < parts; ++p) w(p);
    }
};

#if SINTER_OPENMP
struct openmp_threads {
    /// Threads for that much work; one inside a parallel region of the caller.
    static int size(int64 work) {
        if (work < 2 * thread_work || omp_in_parallel()) return 1;
        const int64 worth = work / thread_work;
        const int most = omp_get_max_threads();
        return worth < most ? static_cast<int>(worth) : most;
    }
    /// Calls worker(part) for every part, in any order; each thread makes a worker first. Nothing
    /// may throw in there.
    template <class Worker, class Make>
    static void run(int threads, int64 parts, Make make) {
#pragma omp parallel num_threads(threads)
        {
            Worker w = make(omp_get_thread_num());
#pragma omp for schedule(dynamic, 1) nowait
            for (int64 p = 0; p < parts; ++p) w(p);
        }
    }
};
#endif

}  // namespace sinter::cpu
