// Memory of one evaluation.
#pragma once

#include <cstddef>
#include <new>

#include "sinter/core/types.hpp"
#include "sinter/runtime/host_pool.hpp"

namespace sinter::exec {

/// Hands out uninitialised memory that lives as long as the scratch itself: on the stack while it
/// is little, then in blocks of the host's pool, which a second evaluation finds there.
class scratch {
public:
    scratch() noexcept : next_(small_), left_(sizeof small_) {}
    scratch(const scratch&) = delete;
    scratch& operator=(const scratch&) = delete;
    ~scratch() {
        while (blocks_) {
            block* const next = blocks_->next;
            runtime::the_host_pool.give(blocks_, blocks_->bytes);
            blocks_ = next;
        }
    }

    /// Room for n values of a trivial type.
    template <class T>
    T* take(int n) {
        static_assert(alignof(T) <= alignment);
        return reinterpret_cast<T*>(bytes(static_cast<std::size_t>(n) * sizeof(T)));
    }
    /// The same, each set to `value`.
    template <class T>
    T* take(int n, const T& value) {
        T* const p = take<T>(n);
        for (int i = 0; i < n; ++i) new (p + i) T(value);
        return p;
    }
    /// n bytes, aligned to 16.
    [[gnu::noinline]] std::byte* bytes(std::size_t n) {
        n = (n + alignment - 1) / alignment * alignment;
        if (n > left_) more(n);
        std::byte* const p = next_;
        next_ += n;
        left_ -= n;
        return p;
    }

private:
    static constexpr std::size_t alignment = 16;
    // Few blocks serve even a large program.
    static constexpr std::size_t block_bytes = 64 * 1024;
    struct alignas(alignment) block {
        block* next;
        std::size_t bytes;
    };
    [[gnu::cold, gnu::noinline]] void more(std::size_t n) {
        n += sizeof(block);
        if (n < block_bytes) n = block_bytes;
        void* const p = runtime::the_host_pool.take(n);
        if (!p) throw std::bad_alloc();
        blocks_ = new (p) block{blocks_, n};
        next_ = reinterpret_cast<std::byte*>(blocks_ + 1);
        left_ = n - sizeof(block);
    }

    block* blocks_ = nullptr;
    std::byte* next_;
    std::size_t left_;
    alignas(alignment) std::byte small_[8192];
};

/// A list of at most `most` values in a scratch, which must live longer.
template <class T>
class scratch_list {
public:
    scratch_list() noexcept {}
    scratch_list(scratch& room, int most) : at_(room.take<T>(most)) {}
    scratch_list(const scratch_list&) = delete;
    scratch_list& operator=(const scratch_list&) = delete;
    ~scratch_list() {
        while (size_ > 0) at_[--size_].~T();
    }
    void reserve(scratch& room, int most) { at_ = room.take<T>(most); }

    template <class... A>
    T& add(A&&... a) {
        T* const p = new (at_ + size_) T(static_cast<A&&>(a)...);
        ++size_;
        return *p;
    }
    int size() const { return size_; }
    T* begin() { return at_; }
    T* end() { return at_ + size_; }

private:
    T* at_ = nullptr;
    int size_ = 0;
};

}  // namespace sinter::exec
