// How loops with unit stride serve every stride pattern: what does not lie side by side in memory
// is copied through tiles that stay in the nearest cache.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "sinter/cpu/loops.hpp"

namespace sinter::cpu {

/// Elements of one tile.
inline constexpr int64 tile_length = 512;
/// Rows shorter than this share tiles: a call for each of them would cost more than the copying.
inline constexpr int64 short_axis = 128;
/// The axis along which no operand moves.
inline constexpr int no_axis = max_rank;

/// Memory of one call: on the stack while it is little.
class arena {
public:
    arena() = default;
    arena(const arena&) = delete;
    arena& operator=(const arena&) = delete;

    /// n bytes, aligned to a cache line, with any content.
    std::byte* bytes(int64 n) {
        n = (n + line - 1) / line * line;
        if (n <= small_bytes - used_) {
            used_ += n;
            return small_ + (used_ - n);
        }
        blocks_.emplace_back(static_cast<std::byte*>(
            ::operator new (static_cast<std::size_t>(n), std::align_val_t{line})));
        return blocks_.back().get();
    }
    /// An array of n default values.
    template <class T>
    T* array(int64 n) {
        T* first = reinterpret_cast<T*>(bytes(n * static_cast<int64>(sizeof(T))));
        for (int64 i = 0; i < n; ++i) new (first + i) T{};
        return first;
    }

private:
    static constexpr int64 line = 64, small_bytes = 8192;
    struct free_block {
        void operator()(std::byte* p) const { ::operator delete (p, std::align_val_t{line}); }
    };
    alignas(line) std::byte small_[small_bytes];
    int64 used_ = 0;
    std::vector<std::unique_ptr<std::byte, free_block>> blocks_;
};

/// An array in the space of a stage, strides and position in bytes, and what is staged of it.
struct operand {
    std::byte* data = nullptr;
    int64 stride[max_rank + 1]{};
    int64 offset = 0;
    int bytes = 0;
    std::byte* buffer = nullptr;
    // The tile in the buffer: where it begins in memory and, unless its elements are one step
    // apart, in the space; that step; how many elements it has.
    const std::byte* staged = nullptr;
    int64 staged_begin = 0, staged_step = 0, staged_count = 0;
};

/// The axes that a loop walks, outermost first.
struct loop_space {
    int rank = 0, axis[max_rank]{};
    int64 extent[max_rank]{}, length = 1;
    void push(int a, int64 e) {
        axis[rank] = a;
        extent[rank++] = e;
        length *= e;
    }
};

/// A piece of the flat index of a space, and the position of its first element.
struct tile {
    int64 begin = 0, count = 0, position[max_rank];  // of the space's axes, once started
    bool straight = true;                            // does not leave the last axis

    bool start(const loop_space& s, int64 limit) {
        if (s.length == 0) return false;
        for (int d = 0; d < s.rank; ++d) position[d] = 0;
        measure(s, limit);
        return true;
    }
    bool next(const loop_space& s, int64 limit) {
        begin += count;
        if (begin >= s.length) return false;
        int64 carry = count;
        for (int d = s.rank - 1; d >= 0 && carry > 0; --d) {
            const int64 p = position[d] + carry;
            carry = p / s.extent[d];
            position[d] = p - carry * s.extent[d];
        }
        measure(s, limit);
        return true;
    }

private:
    void measure(const loop_space& s, int64 limit) {
        count = std::min(limit, s.length - begin);
        if (s.rank < 2) return;
        const int64 left = s.extent[s.rank - 1] - position[s.rank - 1];
        if (s.extent[s.rank - 1] >= short_axis) count = std::min(count, left);
        straight = count <= left;
    }
};

template <int S>
void copy_elements(std::byte* to, int64 to_step, const std::byte* from, int64 from_step, int64 n) {
    if (to_step == S) {
        if (from_step == 0) {
            std::byte x[S];
            std::memcpy(x, from, S);
            for (int64 i = 0; i < n; ++i) std::memcpy(to + i * S, x, S);
        } else {
            for (int64 i = 0; i < n; ++i) std::memcpy(to + i * S, from + i * from_step, S);
        }
    } else {
        for (int64 i = 0; i < n; ++i) std::memcpy(to + i * to_step, from + i * from_step, S);
    }
}
/// Copies n elements of `bytes` bytes that lie `step` bytes apart.
inline void copy_elements(
    int bytes, std::byte* to, int64 to_step, const std::byte* from, int64 from_step, int64 n) {
    if (to_step == bytes && from_step == bytes) {
        std::memcpy(to, from, static_cast<std::size_t>(n * bytes));
        return;
    }
    switch (bytes) {
        case 1: return copy_elements<1>(to, to_step, from, from_step, n);
        case 2: return copy_elements<2>(to, to_step, from, from_step, n);
        case 4: return copy_elements<4>(to, to_step, from, from_step, n);
        default: return copy_elements<8>(to, to_step, from, from_step, n);
    }
}

/// An operand as one loop walks it.
struct stream {
    operand* of = nullptr;
    bool even = true;  // one step leads from every element of the space to the next
    int64 step = 0;    // along the last axis

    void follow(operand& o, const loop_space& s) {
        of = &o;
        step = o.stride[s.axis[s.rank - 1]];
        even = true;
        for (int d = s.rank - 2; d >= 0; --d)
            even = even && o.stride[s.axis[d]] == o.stride[s.axis[d + 1]] * s.extent[d + 1];
    }
    bool contiguous() const { return even && step == of->bytes; }
    /// True when the elements of `t` are one step apart.
    bool steady(const tile& t) const { return even || t.straight; }
    /// The first element of `t`.
    std::byte* first(const loop_space& s, const tile& t) const {
        if (even) return of->data + (of->offset + t.begin * step);
        int64 at = of->offset;
        for (int d = 0; d < s.rank; ++d) at += t.position[d] * of->stride[s.axis[d]];
        return of->data + at;
    }
    /// Copies the elements of `t` from memory to `buffer`, or back.
    void copy(const loop_space& s, const tile& t, std::byte* buffer, bool to_memory) const {
        const int bytes = of->bytes;
        std::byte* memory = first(s, t);
        if (steady(t)) return move(bytes, memory, buffer, t.count, to_memory);
        const int last = s.rank - 1;
        int64 position[max_rank];
        std::copy(t.position, t.position + s.rank, position);
        int64 at = memory - of->data;
        for (int64 done = 0; done < t.count;) {
            const int64 n = std::min(s.extent[last] - position[last], t.count - done);
            move(bytes, of->data + at, buffer + done * bytes, n, to_memory);
            done += n;
            at -= position[last] * step;
            position[last] = 0;
            for (int d = last - 1; d >= 0; --d) {
                at += of->stride[s.axis[d]];
                if (++position[d] < s.extent[d]) break;
                at -= of->stride[s.axis[d]] * s.extent[d];
                position[d] = 0;
            }
        }
    }
    /// The elements of `t` side by side: in memory, else in the operand's buffer.
    const std::byte* stage(const loop_space& s, const tile& t, int64 capacity, arena& memory) {
        const std::byte* at = first(s, t);
        const bool steadily = steady(t);
        if (steadily && step == of->bytes) return at;
        if (of->buffer == nullptr) of->buffer = memory.bytes(capacity * of->bytes);
        // A broadcast value is spread once, and a row that fits one tile is gathered in the first
        // pass alone.
        const int64 begin = steadily ? -1 : t.begin;
        if (of->staged == at && of->staged_begin == begin && of->staged_step == step &&
            of->staged_count >= t.count)
            return of->buffer;
        copy(s, t, of->buffer, false);
        of->staged = at;
        of->staged_begin = begin;
        of->staged_step = step;
        of->staged_count = t.count;
        return of->buffer;
    }

private:
    void move(int bytes, std::byte* memory, std::byte* buffer, int64 n, bool to_memory) const {
        if (to_memory) {
            copy_elements(bytes, memory, step, buffer, bytes, n);
        } else {
            copy_elements(bytes, buffer, bytes, memory, step, n);
        }
    }
};

}  // namespace sinter::cpu
