// What an expression holds at run time: the numbers of its operands in one row, and handles on what
// they own.
#pragma once

#include <cstring>
#include <new>
#include <utility>

#include "sinter/core/shared.hpp"
#include "sinter/ir/graph.hpp"
#include "sinter/ir/pass.hpp"

namespace sinter {

/// A handle that keeps something alive: the storage behind an array, a shared part.
using owner_handle = detail::shared<void>;

/// One run-time operand, as it lies in an operand_list. Its numbers:
///   leaf     bytes from its storage to the first element, then extents and strides from the left
///   scalar   its bits
///   functor  its size in bytes, the function that applies it, its bytes
///   shape    extents, outermost first
///   origin   extents, outermost first, then the device (runtime::device_word) or -1
///   slice    start, step and count of each axis, outermost first
///   share    none
///   note     none: what its owner says of the leaf before it
struct operand {
    ir::visit what;
    dtype type;
    int rank;
    const int64* word;
    const owner_handle* owner;  // of leaf, share and note; else null
};

/// The operands of an expression, in the order in which its symbol emits. It owns the memory of its
/// arrays, so nothing an expression refers to can dangle. A few operands take no allocation.
class operand_list {
public:
    operand_list() noexcept {}
    operand_list(const operand_list& o) { append(o); }
    operand_list(operand_list&& o) noexcept { take(o); }
    operand_list& operator=(const operand_list& o) {
        if (this != &o) {
            clear();
            append(o);
        }
        return *this;
    }
    operand_list& operator=(operand_list&& o) noexcept {
        if (this != &o) {
            clear();
            take(o);
        }
        return *this;
    }
    ~operand_list() {
        if (words_ > 0 || heap_) clear();  // most were moved from
    }

    /// Adds an operand with room for its numbers, which the caller writes.
    int64* add(ir::visit what, dtype type, int rank, int numbers) {
        reserve(0, numbers + 1);
        int64* const w = words() + words_;
        w[0] = header(what, type, rank, numbers, false);
        words_ += numbers + 1;
        return w + 1;
    }
    /// The same for one that owns something.
    int64* add(owner_handle owner, ir::visit what, dtype type, int rank, int numbers) {
        reserve(1, numbers + 1);
        new (owners() + owners_++) owner_handle(std::move(owner));
        int64* const w = words() + words_;
        w[0] = header(what, type, rank, numbers, true);
        words_ += numbers + 1;
        return w + 1;
    }
    /// Adds an array of rank R, `place` bytes into the storage that `owner` holds. No address: the
    /// storage may move before the expression is evaluated.
    template <int R>
    void add_array(
        owner_handle owner, dtype type, int64 place, const int64* extent, const int64* stride) {
        int64* const w = add(std::move(owner), ir::visit::leaf, type, R, 1 + 2 * R);
        w[0] = place;
        for (int j = 0; j < R; ++j) {
            w[1 + j] = extent[j];
            w[1 + R + j] = stride[j];
        }
    }
    void append(const operand_list& o) {
        reserve(o.owners_, o.words_);
        for (int i = 0; i < o.owners_; ++i)
            new (owners() + owners_ + i) owner_handle(o.owners()[i]);
        copy_words(o);
    }
    void append(operand_list&& o) {
        if (words_ == 0) return take(o);
        reserve(o.owners_, o.words_);
        for (int i = 0; i < o.owners_; ++i)
            new (owners() + owners_ + i) owner_handle(std::move(o.owners()[i]));
        copy_words(o);
        o.clear();
    }

    /// Calls use(operand) for each but notes in order until one call gives false; true if none did.
    template <class Use>
    bool each(Use&& use) const {
        return each_with_notes(
            [&](const operand& o) { return o.what == ir::visit::note || use(o); });
    }
    /// The same with notes.
    template <class Use>
    bool each_with_notes(Use&& use) const {
        const owner_handle* owner = owners();
        for (const int64 *w = words(), *end = w + words_; w != end; w += numbers_of(*w) + 1) {
            const bool owns = (*w >> 24 & 1) != 0;
            if (!use(operand{static_cast<ir::visit>(*w & 0xff),
                             static_cast<dtype>(*w >> 8 & 0xff),
                             static_cast<int>(*w >> 16 & 0xff),
                             w + 1,
                             owns ? owner : nullptr}))
                return false;
            owner += owns;
        }
        return true;
    }
    /// How many operands hold `memory`.
    int held(const void* memory) const {
        int n = 0;
        for (int i = 0; i < owners_; ++i) n += owners()[i].get() == memory;
        return n;
    }

private:
    // Enough for eight vectors or five matrices.
    static constexpr int small_owners = 8, small_words = 40;

    static int64 header(ir::visit what, dtype type, int rank, int numbers, bool owns) {
        return static_cast<int64>(what) | static_cast<int64>(type) << 8 | int64{rank} << 16 |
               int64{owns} << 24 | int64{numbers} << 32;
    }
    static int64 numbers_of(int64 header) { return header >> 32; }

    owner_handle* owners() {
        return reinterpret_cast<owner_handle*>(heap_ ? heap_ : small_owners_);
    }
    const owner_handle* owners() const { return const_cast<operand_list*>(this)->owners(); }
    int64* words() {
        return heap_ ? reinterpret_cast<int64*>(heap_ + owner_bytes(owner_room_)) : small_words_;
    }
    const int64* words() const { return const_cast<operand_list*>(this)->words(); }
    static std::size_t owner_bytes(int n) {
        return static_cast<std::size_t>(n) * sizeof(owner_handle);
    }

    void copy_words(const operand_list& o) {
        int64* const to = words() + words_;
        const int64* const from = o.words();
        for (int i = 0; i < o.words_; ++i) to[i] = from[i];
        owners_ += o.owners_;
        words_ += o.words_;
    }
    // This list is empty.
    void take(operand_list& o) noexcept {
        if (o.heap_) {
            heap_ = std::exchange(o.heap_, nullptr);
            owner_room_ = std::exchange(o.owner_room_, small_owners);
            word_room_ = std::exchange(o.word_room_, small_words);
            owners_ = std::exchange(o.owners_, 0);
            words_ = std::exchange(o.words_, 0);
            return;
        }
        for (int i = 0; i < o.owners_; ++i)
            new (owners() + i) owner_handle(std::move(o.owners()[i]));
        copy_words(o);
        o.owners_ = o.words_ = 0;  // what was moved from holds nothing that a destructor would free
    }
    void reserve(int more_owners, int more_words) {
        if (owners_ + more_owners > owner_room_ || words_ + more_words > word_room_)
            grow(2 * (owners_ + more_owners), 2 * (words_ + more_words));
    }
    [[gnu::noinline]] void grow(int owner_room, int word_room) {
        auto* const block = static_cast<std::byte*>(::operator new(
            owner_bytes(owner_room) + static_cast<std::size_t>(word_room) * sizeof(int64)));
        auto* const o = reinterpret_cast<owner_handle*>(block);
        auto* const w = reinterpret_cast<int64*>(block + owner_bytes(owner_room));
        for (int i = 0; i < owners_; ++i) new (o + i) owner_handle(std::move(owners()[i]));
        for (int i = 0; i < words_; ++i) w[i] = words()[i];
        ::operator delete(heap_);
        heap_ = block;
        owner_room_ = owner_room;
        word_room_ = word_room;
    }
    [[gnu::noinline]] void clear() noexcept {
        for (int i = 0; i < owners_; ++i) owners()[i].~owner_handle();
        if (heap_) ::operator delete(heap_);
        heap_ = nullptr;
        owners_ = words_ = 0;
        owner_room_ = small_owners;
        word_room_ = small_words;
    }

    std::byte* heap_ = nullptr;  // owners, then words, when there are many
    int owners_ = 0, words_ = 0, owner_room_ = small_owners, word_room_ = small_words;
    alignas(owner_handle) std::byte small_owners_[small_owners * sizeof(owner_handle)];
    int64 small_words_[small_words];
};

}  // namespace sinter
