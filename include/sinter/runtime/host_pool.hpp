// Small blocks of host memory, kept for reuse.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdlib>
#include <mutex>
#include <type_traits>

// Null unless the program is built with AddressSanitizer, which then sees blocks that rest in the
// pool, and the unused end of a block, as freed.
extern "C" {
[[gnu::weak]] void __asan_poison_memory_region(const volatile void* p, std::size_t bytes);
[[gnu::weak]] void __asan_unpoison_memory_region(const volatile void* p, std::size_t bytes);
}

namespace sinter::runtime {

/// Host memory at multiples of 64 bytes. Blocks of up to 1 MiB are rounded up to a power of two and
/// kept when given back, at most 12 MiB in all; larger ones go to the system. Any thread may give
/// what another took.
class host_pool {
public:
    static constexpr std::size_t alignment = 64;
    static constexpr std::size_t largest_kept = std::size_t{1} << 20;

    constexpr host_pool() = default;

    /// At least `bytes` > 0 bytes, or null when there is no memory.
    void* take(std::size_t bytes) noexcept {
        const std::size_t size = block_size(bytes);
        if (size < bytes) return nullptr;
        void* p = bytes <= largest_kept ? bucket_of(size).pop() : nullptr;
        if (!p) p = std::aligned_alloc(alignment, size);
        if (!p) {
            trim();
            p = std::aligned_alloc(alignment, size);
        }
        if (p && __asan_poison_memory_region) {
            __asan_unpoison_memory_region(p, size);
            __asan_poison_memory_region(static_cast<char*>(p) + bytes, size - bytes);
        }
        return p;
    }

    /// Gives back what `take(bytes)` returned.
    void give(void* p, std::size_t bytes) noexcept {
        const std::size_t size = block_size(bytes);
        if (__asan_poison_memory_region) __asan_poison_memory_region(p, size);
        if (bytes > largest_kept || !bucket_of(size).push(p, kept_blocks(size))) release(p, size);
    }

    /// Returns all kept blocks to the system.
    [[gnu::cold]] void trim() noexcept {
        for (std::size_t i = 0; i < bucket_count; ++i)
            while (void* p = buckets_[i].pop()) release(p, alignment << i);
    }

    /// The bytes of the blocks that rest in the pool.
    std::size_t kept_bytes() noexcept {
        std::size_t bytes = 0;
        for (std::size_t i = 0; i < bucket_count; ++i) bytes += buckets_[i].size() * alignment << i;
        return bytes;
    }

private:
    static constexpr std::size_t bucket_count = 15;
    static constexpr std::size_t bucket_capacity = 32;
    static constexpr std::size_t bucket_bytes = std::size_t{2} << 20;

    class bucket {
    public:
        void* pop() noexcept {
            const std::lock_guard lock(mutex_);
            return count_ ? blocks_[--count_] : nullptr;
        }
        bool push(void* p, std::size_t limit) noexcept {
            const std::lock_guard lock(mutex_);
            if (count_ >= limit) return false;
            blocks_[count_++] = p;
            return true;
        }
        std::size_t size() noexcept {
            const std::lock_guard lock(mutex_);
            return count_;
        }

    private:
        std::mutex mutex_;
        std::size_t count_ = 0;
        void* blocks_[bucket_capacity] = {};
    };

    static std::size_t block_size(std::size_t bytes) noexcept {
        if (bytes > largest_kept) return (bytes + alignment - 1) / alignment * alignment;
        return bytes <= alignment ? alignment : std::bit_ceil(bytes);
    }
    static std::size_t kept_blocks(std::size_t size) noexcept {
        return size * bucket_capacity <= bucket_bytes ? bucket_capacity : bucket_bytes / size;
    }
    static void release(void* p, std::size_t size) noexcept {
        if (__asan_poison_memory_region) __asan_unpoison_memory_region(p, size);
        std::free(p);
    }
    bucket& bucket_of(std::size_t size) noexcept {
        return buckets_[std::countr_zero(size) - std::countr_zero(alignment)];
    }

    bucket buckets_[bucket_count];
};

/// The one pool of the program. It is never destroyed: arrays of static lifetime give blocks back
/// after every other destructor.
inline constinit host_pool the_host_pool;
static_assert(std::is_trivially_destructible_v<host_pool>);

}  // namespace sinter::runtime
