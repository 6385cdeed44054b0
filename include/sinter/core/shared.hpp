// Shared ownership. Like std::shared_ptr, without what that includes (unique_ptr, <ostream>,
// locales: a tenth of a second for every file) and with a release that is compiled once.
#pragma once

#include <cstddef>
#include <new>

#include "sinter/core/types.hpp"

#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#endif

namespace sinter::detail {

// What stands before a shared object.
struct shared_block {
    long owners = 1;
    void (*end)(shared_block*) noexcept;

    explicit shared_block(void (*e)(shared_block*) noexcept) : end(e) {}

    // As in libstdc++: locked instructions only once the program has started a thread.
    static bool alone() noexcept {
#if __has_include(<sys/single_threaded.h>)
        return __libc_single_threaded != 0;
#else
        return false;
#endif
    }
    void take() noexcept {
        if (alone())
            ++owners;
        else
            __atomic_add_fetch(&owners, 1, __ATOMIC_RELAXED);
    }
    [[gnu::noinline]] void give() noexcept {
        if ((alone() ? --owners : __atomic_sub_fetch(&owners, 1, __ATOMIC_ACQ_REL)) == 0) end(this);
    }
};

/// One of several owners of a T, which the last one ends. T = void forgets the type. Any thread may
/// copy and end handles of its own.
template <class T>
class shared {
public:
    constexpr shared() noexcept {}
    constexpr shared(decltype(nullptr)) noexcept {}  // NOLINT: as std::shared_ptr
    shared(const shared& o) noexcept : at_(o.at_), block_(o.block_) {
        if (block_) block_->take();
    }
    shared(shared&& o) noexcept : at_(o.at_), block_(o.block_) { o.forget(); }
    /// A handle on the same object that does not know its type.
    template <class U>
        requires(same_v<T, void> && !same_v<U, void>)
    shared(const shared<U>& o)
    noexcept : at_(o.at_), block_(o.block_) {  // NOLINT
        if (block_) block_->take();
    }
    template <class U>
        requires(same_v<T, void> && !same_v<U, void>)
    shared(shared<U>&& o)
    noexcept : at_(o.at_), block_(o.block_) {  // NOLINT
        o.forget();
    }
    shared& operator=(shared o) noexcept {
        T* const at = at_;
        shared_block* const block = block_;
        at_ = o.at_;
        block_ = o.block_;
        o.at_ = at;
        o.block_ = block;
        return *this;
    }
    ~shared() {
        if (block_) block_->give();
    }

    /// A new object.
    template <class... A>
    static shared make(A&&... a) {
        struct whole : shared_block {
            T value;
            explicit whole(A&&... b)
                : shared_block([](shared_block* p) noexcept { delete static_cast<whole*>(p); }),
                  value{static_cast<A&&>(b)...} {}
        };
        whole* const w = new whole(static_cast<A&&>(a)...);
        return shared(&w->value, w);
    }
    /// The handle of an object whose type was forgotten.
    template <class U>
    shared<U> as() const noexcept {
        if (block_) block_->take();
        return shared<U>(static_cast<U*>(at_), block_);
    }

    T* get() const noexcept { return at_; }
    T* operator->() const noexcept { return at_; }
    decltype(auto) operator*() const noexcept { return dereferenced(at_); }
    explicit operator bool() const noexcept { return at_ != nullptr; }
    /// How many handles there are.
    long use_count() const noexcept {
        return block_ ? __atomic_load_n(&block_->owners, __ATOMIC_RELAXED) : 0;
    }
    void reset() noexcept { *this = shared(); }

    friend bool operator==(const shared& a, const shared& b) noexcept { return a.at_ == b.at_; }

private:
    template <class U>
    friend class shared;

    shared(T* at, shared_block* block) noexcept : at_(at), block_(block) {}
    void forget() noexcept {
        at_ = nullptr;
        block_ = nullptr;
    }
    template <class U>
    static U& dereferenced(U* p) noexcept {
        return *p;
    }

    T* at_ = nullptr;
    shared_block* block_ = nullptr;
};

}  // namespace sinter::detail
