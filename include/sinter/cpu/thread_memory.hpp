// Workspaces of the host engine: they outlive a call, so that the next one allocates nothing.
#pragma once

#include <cstddef>
#include <new>

#include "sinter/core/std_parts.hpp"
#include "sinter/core/types.hpp"

namespace sinter::cpu {

/// One block of memory for each thread, handed out as a stack. What does not fit comes from the
/// heap, and the block grows to the most that was in use when nothing is any more.
class thread_memory {
public:
    static constexpr int64 line = 64;
    static constexpr int64 largest = int64{1} << 24;  // that a thread holds on to

    /// `size` bytes, aligned to a cache line, with any content.
    static std::byte* take(int64 size) { return mine().take_bytes(rounded(size)); }
    /// Gives back what take(size) gave; best in reverse order.
    static void give(std::byte* p, int64 size) { mine().give_bytes(p, rounded(size)); }

    thread_memory(const thread_memory&) = delete;
    thread_memory& operator=(const thread_memory&) = delete;

private:
    constexpr thread_memory() = default;
    ~thread_memory() { release(first_); }

    static thread_memory& mine() {
        static thread_local thread_memory m;
        return m;
    }
    static constexpr int64 rounded(int64 n) { return (n + line - 1) / line * line; }
    static void release(std::byte* p) { ::operator delete (p, std::align_val_t{line}); }

    std::byte* take_bytes(int64 n) {
        std::byte* p = nullptr;
        if (n <= size_ - used_) {
            p = first_ + used_;
            used_ += n;
        } else {
            p = static_cast<std::byte*>(
                ::operator new (static_cast<std::size_t>(n), std::align_val_t{line}));
        }
        live_ += n;
        most_ = std::max(most_, std::min(live_, largest));
        return p;
    }
    void give_bytes(std::byte* p, int64 n) {
        live_ -= n;
        if (p < first_ || p >= first_ + size_)
            release(p);
        else if (p + n == first_ + used_)
            used_ -= n;
        if (live_ > 0) return;
        used_ = 0;
        if (most_ > size_) grow();
    }
    void grow() {
        release(first_);
        first_ = static_cast<std::byte*>(
            ::operator new (static_cast<std::size_t>(most_), std::align_val_t{line}, std::nothrow));
        size_ = first_ != nullptr ? most_ : 0;
    }

    std::byte* first_ = nullptr;
    int64 size_ = 0, used_ = 0;  // of the block
    int64 live_ = 0, most_ = 0;  // in use, on the heap too
};

/// Memory of the calling thread while this object lives.
class borrowed {
public:
    explicit borrowed(int64 size) : size_(size), first_(thread_memory::take(size)) {}
    borrowed(const borrowed&) = delete;
    borrowed& operator=(const borrowed&) = delete;
    ~borrowed() { thread_memory::give(first_, size_); }
    std::byte* data() const { return first_; }

private:
    int64 size_;
    std::byte* first_;
};

}  // namespace sinter::cpu
