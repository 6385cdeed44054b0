// Memory of one evaluation.
#pragma once

#include <cstddef>
#include <new>

#include "sinter/core/types.hpp"

namespace sinter::exec {

/// Hands out uninitialised memory that lives as long as the scratch itself: on the stack while it
/// is little.
class scratch {
public:
    scratch() noexcept {}
    scratch(const scratch&) = delete;
    scratch& operator=(const scratch&) = delete;
    ~scratch() {
        while (blocks_) {
            block* const next = blocks_->next;
            ::operator delete(blocks_);
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
    std::byte* bytes(std::size_t n) {
        n = (n + alignment - 1) / alignment * alignment;
        if (n > sizeof small_ - used_) return more(n);
        used_ += n;
        return small_ + (used_ - n);
    }

private:
    static constexpr std::size_t alignment = 16;
    struct alignas(alignment) block {
        block* next;
    };
    [[gnu::noinline]] std::byte* more(std::size_t n) {
        blocks_ = new (::operator new(sizeof(block) + n)) block{blocks_};
        return reinterpret_cast<std::byte*>(blocks_ + 1);
    }

    block* blocks_ = nullptr;
    std::size_t used_ = 0;
    alignas(alignment) std::byte small_[8192];
};

}  // namespace sinter::exec
