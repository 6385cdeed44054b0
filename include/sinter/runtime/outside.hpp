// Indices outside an axis that kernels found. A kernel leaves them in memory that the host reaches
// as well (ir::op_inside), and the next point where the host waits for the device throws: an error
// that costs nothing until it happens, and after which memory is valid and work goes on.
#pragma once

#include <atomic>

#include "sinter/core/shape.hpp"
#include "sinter/core/std_parts.hpp"
#include "sinter/runtime/cuda_session.hpp"

namespace sinter::runtime {

/// What a slot stands for: indices of an operation along one axis of an array.
struct index_site {
    const char* operation = "";  // a literal
    int axis = 0, rank = 0;
    bool from_end = false;  // whether indices may be negative
    int64 extent[max_rank]{};

    friend bool operator==(const index_site&, const index_site&) = default;
};

/// The error of index `index`.
[[noreturn, gnu::cold, gnu::noinline]] inline void refuse_index(const index_site& s, int64 index) {
    if (s.rank == 0)
        sinter::detail::refuse<index_error>(
            {s.operation, ": index ", index, " is outside axis ", s.axis, "."});
    sinter::detail::refuse<index_error>({s.operation,
                                         ": index ",
                                         index,
                                         " is outside axis ",
                                         s.axis,
                                         " of shape ",
                                         shape_text(s.extent, s.rank),
                                         "."});
}

/// The slots of one device and what they stand for. Never freed: kernels may still write to it when
/// the program ends. Any thread may call it.
class index_record {
public:
    /// Slots, slot 0 included; once `known` are in use, slots no longer tell shapes apart.
    static constexpr int slots = 1024, known = slots - 64;
    static constexpr uint64 bytes = slots * 2 * sizeof(int64);
    static constexpr uint64 no_epoch = ~uint64{0};

    /// `memory` holds 2 * slots zeros: an ir::index_slot each.
    index_record(int64* memory, uint64 epoch) : word_(memory), epoch_(epoch) {}
    index_record(const index_record&) = delete;
    index_record& operator=(const index_record&) = delete;

    /// True while the calls into CUDA that its memory came from are those in use.
    bool is_of_now() const {
        return epoch_ == no_epoch || epoch_ == the_cuda_state.epoch.load(std::memory_order_relaxed);
    }

    int64* memory() const { return word_; }

    /// The address of the slot of `s`.
    int64 slot_of(index_site s) {
        const std::lock_guard lock(mutex_);
        int i = find(s);
        if (i == used_ && i >= known) {
            s.rank = 0;
            for (int64& e : s.extent) e = 0;
            i = find(s);
            if (i == used_ && i == slots) return 0;
        }
        if (i == used_) {
            site_[i] = s;
            word_[2 * i + 1] = int64{2} * i + s.from_end;
            ++used_;
        }
        return reinterpret_cast<int64>(word_ + int64{2} * i);
    }
    /// True when a kernel left something.
    bool has_any() const { return __atomic_load_n(word_, __ATOMIC_ACQUIRE) != 0; }
    /// Throws what was found first, and forgets it.
    [[gnu::cold]] void refuse() {
        const int64 i = __atomic_exchange_n(word_, int64{0}, __ATOMIC_ACQ_REL);
        if (i == 0) return;  // another thread throws it
        const int64 index = __atomic_load_n(word_ + 2 * i, __ATOMIC_ACQUIRE);
        const std::lock_guard lock(mutex_);
        refuse_index(site_[i], index);
    }

private:
    int find(const index_site& s) const {
        int i = 1;
        while (i < used_ && !(site_[i] == s)) ++i;
        return i;
    }

    std::mutex mutex_;
    int64* word_;
    uint64 epoch_;
    int used_ = 1;
    index_site site_[slots];
};

inline constexpr int index_records = 17;
inline constinit std::atomic<index_record*> the_index_records[index_records]{};
inline constinit std::mutex the_index_records_mutex;

/// Beyond 16 CUDA devices some share a record: one's error may be thrown when another is waited
/// for.
inline std::atomic<index_record*>& index_record_of(device d) noexcept {
    return the_index_records[d.is_cuda() ? static_cast<unsigned>(d.index()) % 16 : 16];
}

[[gnu::cold]] inline index_record* new_index_record(device d, const char* operation) {
    const uint64 epoch = d.is_cuda() ? the_cuda_state.epoch.load() : index_record::no_epoch;
    int64* memory = nullptr;
    if (d.is_cuda()) {
        const cuda_session cuda(d, operation);
        void* p = nullptr;
        const int code = cuda->malloc_host(&p, index_record::bytes);
        if (code == cuda_error_memory_allocation) {
            cuda->get_last_error();
            sinter::detail::refuse<out_of_memory>(
                {operation,
                 " on ",
                 d.name(),
                 ": there is not enough memory that can be pinned for what kernels report (",
                 index_record::bytes,
                 " bytes)."});
        }
        cuda.check(code, "cudaMallocHost");
        memory = static_cast<int64*>(p);
        for (uint64 i = 0; i < index_record::bytes / sizeof(int64); ++i) memory[i] = 0;
    } else {
        memory = new int64[index_record::bytes / sizeof(int64)]();
    }
    return new index_record(memory, epoch);
}

/// The address that a kernel on `d` gets as operand 2 of ir::op_inside; 0 on the host, which looks
/// at indices itself. The first call for a device allocates pinned memory, and throws out_of_memory
/// when there is none.
inline int64 index_slot_of(device d, const index_site& s) {
    if (d.is_host()) return 0;
    std::atomic<index_record*>& place = index_record_of(d);
    index_record* r = place.load(std::memory_order_acquire);
    if (!r || !r->is_of_now()) [[unlikely]] {
        const std::lock_guard lock(the_index_records_mutex);
        r = place.load(std::memory_order_acquire);
        if (!r || !r->is_of_now()) {
            r = new_index_record(d, s.operation);
            place.store(r, std::memory_order_release);
        }
    }
    return r->slot_of(s);
}

/// For tests: frees the record of `d`, whose kernels are done.
[[gnu::cold]] inline void forget_index_record(device d) {
    index_record* r = index_record_of(d).exchange(nullptr);
    if (!r) return;
    if (d.is_cuda()) {
        const cuda_session cuda(d, "free pinned memory");
        cuda.check(cuda->free_host(r->memory()), "cudaFreeHost");
    } else {
        delete[] r->memory();
    }
    delete r;
}

/// Throws an index_error when a kernel on `d` that is done has met an index outside, and forgets
/// it. Called wherever the host has waited for work on `d`.
inline void refuse_reported(device d) {
    if (d.is_host()) return;
    index_record* r = index_record_of(d).load(std::memory_order_acquire);
    if (r && r->is_of_now() && r->has_any()) [[unlikely]]
        r->refuse();
}

}  // namespace sinter::runtime
