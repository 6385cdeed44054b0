// Blocks of host memory, kept for reuse: the system clears every page that it hands out, which
// takes longer than most kernels take to fill it.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdlib>
#include <type_traits>

#include "sinter/core/std_parts.hpp"

// Null unless the program is built with AddressSanitizer, which then sees blocks that rest in the
// pool, and the unused end of a block, as freed.
extern "C" {
[[gnu::weak]] void __asan_poison_memory_region(const volatile void* p, std::size_t bytes);
[[gnu::weak]] void __asan_unpoison_memory_region(const volatile void* p, std::size_t bytes);
}

namespace sinter::runtime {

/// Host memory at multiples of 64 bytes. Blocks of up to 1 MiB are rounded up to a power of two and
/// kept when given back, at most 12 MiB in all; those of up to 64 MiB by an eighth at most, of
/// which 256 MiB rest, the latest; larger ones go to the system. Any thread may give what another
/// took.
class host_pool {
public:
    static constexpr std::size_t alignment = 64;
    static constexpr std::size_t largest_small = std::size_t{1} << 20;
    static constexpr std::size_t largest_kept = std::size_t{64} << 20;
    static constexpr std::size_t most_kept = std::size_t{256} << 20;

    constexpr host_pool() = default;

    /// At least `bytes` > 0 bytes, or null when there is no memory.
    [[gnu::noinline]] void* take(std::size_t bytes) noexcept {
        const std::size_t size = block_size(bytes);
        if (size < bytes) return nullptr;
        void* p = bytes <= largest_small  ? bucket_of(size).pop()
                  : bytes <= largest_kept ? large_.pop(size)
                                          : nullptr;
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
    [[gnu::noinline]] void give(void* p, std::size_t bytes) noexcept {
        const std::size_t size = block_size(bytes);
        if (__asan_poison_memory_region) __asan_poison_memory_region(p, size);
        if (bytes <= largest_small) {
            if (!bucket_of(size).push(p, kept_blocks(size))) release(p, size);
        } else if (bytes <= largest_kept) {
            large_.push({p, size});
        } else {
            release(p, size);
        }
    }

    /// Returns all kept blocks to the system.
    [[gnu::cold]] void trim() noexcept {
        for (std::size_t i = 0; i < bucket_count; ++i)
            while (void* p = buckets_[i].pop()) release(p, alignment << i);
        large_.trim();
    }

    /// The bytes of the blocks that rest in the pool.
    std::size_t kept_bytes() noexcept {
        std::size_t bytes = large_.bytes();
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

    // Blocks in the order in which they were given; the oldest go first.
    class shelf {
    public:
        struct block {
            void* data = nullptr;
            std::size_t size = 0;
        };
        void* pop(std::size_t size) noexcept {
            const std::lock_guard lock(mutex_);
            for (std::size_t i = count_; i-- > 0;)
                if (blocks_[i].size == size) return take_out(i);
            return nullptr;
        }
        void push(block b) noexcept {
            const std::lock_guard lock(mutex_);
            while (count_ == capacity || bytes_ + b.size > most_kept) drop_oldest();
            blocks_[count_++] = b;
            bytes_ += b.size;
        }
        void trim() noexcept {
            const std::lock_guard lock(mutex_);
            while (count_) drop_oldest();
        }
        std::size_t bytes() noexcept {
            const std::lock_guard lock(mutex_);
            return bytes_;
        }

    private:
        static constexpr std::size_t capacity = 64;
        void drop_oldest() noexcept {
            const std::size_t size = blocks_[0].size;
            release(take_out(0), size);
        }
        void* take_out(std::size_t i) noexcept {
            void* const p = blocks_[i].data;
            bytes_ -= blocks_[i].size;
            for (--count_; i < count_; ++i) blocks_[i] = blocks_[i + 1];
            return p;
        }
        std::mutex mutex_;
        std::size_t count_ = 0, bytes_ = 0;
        block blocks_[capacity] = {};
    };

    static std::size_t block_size(std::size_t bytes) noexcept {
        if (bytes <= alignment) return alignment;
        if (bytes <= largest_small) return std::bit_ceil(bytes);
        const std::size_t step = bytes <= largest_kept ? std::bit_floor(bytes) / 8 : alignment;
        return (bytes + step - 1) / step * step;
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
    shelf large_;
};

/// The one pool of the program. It is never destroyed: arrays of static lifetime give blocks back
/// after every other destructor.
inline constinit host_pool the_host_pool;
static_assert(std::is_trivially_destructible_v<host_pool>);

}  // namespace sinter::runtime
