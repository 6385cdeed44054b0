// Spaces, the tiles they are cut into, and where the elements of a tile lie in memory.
#pragma once

#include "sinter/core/std_parts.hpp"
#include "sinter/cpu/copy.hpp"
#include "sinter/cpu/loops.hpp"
#include "sinter/cpu/thread_memory.hpp"

namespace sinter::cpu {

/// The axis along which no operand moves.
inline constexpr int no_axis = max_rank;

/// Memory of one engine: what it was given, and blocks of its thread where that is too little.
class arena {
public:
    static constexpr int64 line = thread_memory::line;
    arena(std::byte* first, int64 size) : next_(first), end_(first + size) {}
    arena(const arena&) = delete;
    arena& operator=(const arena&) = delete;
    ~arena() {
        while (blocks_ != nullptr) {
            block* b = blocks_;
            blocks_ = b->next;
            thread_memory::give(static_cast<std::byte*>(static_cast<void*>(b)), b->size);
        }
    }
    /// n bytes, aligned to a cache line, with any content.
    [[gnu::noinline]] std::byte* bytes(int64 n) {
        n = (n + line - 1) / line * line;
        if (n > end_ - next_) add_block(n);
        std::byte* r = next_;
        next_ += n;
        return r;
    }
    /// An array of n values of any content.
    template <class T>
    T* array(int64 n) {
        return static_cast<T*>(static_cast<void*>(bytes(n * static_cast<int64>(sizeof(T)))));
    }

private:
    struct block {
        block* next;
        int64 size;
    };
    [[gnu::cold, gnu::noinline]] void add_block(int64 n) {
        const int64 size = std::max<int64>(n, int64{1} << 15) + line;
        std::byte* const first = thread_memory::take(size);
        block* b = static_cast<block*>(static_cast<void*>(first));
        *b = {blocks_, size};
        blocks_ = b;
        next_ = first + line;
        end_ = first + size;
    }
    std::byte *next_, *end_;
    block* blocks_ = nullptr;
};

/// The axes that a loop walks, outermost first.
struct loop_space {
    int rank = 0, axis[max_rank];
    int64 extent[max_rank], length = 1;
    void push(int a, int64 e) {
        axis[rank] = a;
        extent[rank++] = e;
        length *= e;
    }
};

/// A box of a space: some positions of axis `tiling::axis`, and the axes inside it whole.
struct tile {
    int64 begin = 0, count = 0;  // in the flat index of the space
    int64 position[max_rank];    // of the first element, along the axes up to the tiling's
};

/// How a space is cut into tiles.
struct tiling {
    int axis = 0;        // the space's axis that is cut
    int64 inside = 1;    // elements for each of its positions
    int64 step = 1;      // positions of one tile
    int64 per_line = 1;  // tiles along that axis
    int64 count = 0;     // tiles in all

    tiling() = default;
    /// Tiles of at most `limit` elements. Straight: no more than one axis in a tile.
    [[gnu::noinline]] tiling(const loop_space& s, int64 limit, bool straight = false) {
        axis = s.rank - 1;
        if (s.length == 0) return;
        while (!straight && axis > 0 && inside * s.extent[axis] * 2 <= limit)
            inside *= s.extent[axis--];
        const int64 e = s.extent[axis];
        step = std::max<int64>(limit / inside, 1);
        if (e <= step) {
            step = e;
        } else if (e <= 2 * step) {  // two of a kind rather than a long and a short one
            step = (e + 1) / 2;
            if (inside == 1) step = std::min(whole_groups(step), limit);
        }
        per_line = (e + step - 1) / step;
        count = s.length / (inside * e) * per_line;
    }
    [[gnu::noinline]] tile at(const loop_space& s, int64 index) const {
        tile t;
        int64 line = 0;
        if (axis > 0) {
            line = index / per_line;
            index -= line * per_line;
        }
        t.position[axis] = index * step;
        t.count = std::min(step, s.extent[axis] - index * step) * inside;
        t.begin = (line * s.extent[axis] + index * step) * inside;
        for (int d = axis - 1; d >= 0; --d) {
            t.position[d] = line % s.extent[d];
            line /= s.extent[d];
        }
        return t;
    }
};

/// Writes the numbers that n coordinates stand for, whose addresses begin with `from` and are
/// `step` bytes apart.
template <class T>
void count_as(std::byte* to, const std::byte* from, int64 step, int64 n) {
    T x = ir::coordinate_at<T>(reinterpret_cast<uint64>(from), 0);
    const T by = static_cast<T>(step / static_cast<int64>(sizeof(T)));
    for (int64 i = 0; i < n; ++i) {
        const T y = static_cast<T>(x + static_cast<T>(i) * by);
        std::memcpy(to + i * static_cast<int64>(sizeof y), &y, sizeof y);
    }
}
[[gnu::noinline]] inline void count_elements(
    int bytes, std::byte* to, const std::byte* from, int64 step, int64 n) {
    bytes == 4 ? count_as<int32>(to, from, step, n) : count_as<int64>(to, from, step, n);
}

/// An array in the space of a stage, strides and position in bytes, and what is staged of it.
struct operand {
    std::byte* data;
    int64 stride[max_rank + 1];
    int64 offset;
    int bytes;
    bool counted;  // coordinates: they lie nowhere
    std::byte* buffer;
    // The block in the buffer: where it begins in memory, and its size.
    const std::byte* staged;
    int64 staged_width, staged_lines;

    /// True when it does not move along the axes of `s`.
    bool stands(const loop_space& s) const {
        for (int d = 0; d < s.rank; ++d)
            if (s.extent[d] != 1 && stride[s.axis[d]] != 0) return false;
        return true;
    }
};

/// An operand as one space is walked.
struct stream {
    int64 step = 0;     // along the last axis
    int even_from = 0;  // from this axis of the space on, one step leads to every next element

    [[gnu::noinline]] void follow(const operand& o, const loop_space& s) {
        step = o.stride[s.axis[s.rank - 1]];
        even_from = s.rank - 1;
        while (even_from > 0 &&
               o.stride[s.axis[even_from - 1]] == o.stride[s.axis[even_from]] * s.extent[even_from])
            --even_from;
    }
    bool even() const { return even_from == 0; }
    /// True when the elements of every tile are one step apart.
    bool steady(const tiling& t) const { return even_from <= t.axis; }
    /// Bytes from the operand's position to the first element of `t`.
    int64 offset(const operand& o, const loop_space& s, const tiling& by, const tile& t) const {
        if (even_from == 0) return t.begin * step;
        int64 at = 0;
        for (int d = 0; d <= by.axis; ++d) at += t.position[d] * o.stride[s.axis[d]];
        return at;
    }
    /// Calls f(bytes from the first element of t, elements before, elements) for every run of
    /// elements one step apart.
    template <class F>
    void for_each_run(
        const operand& o, const loop_space& s, const tiling& by, const tile& t, F f) const {
        if (steady(by)) return f(int64{0}, int64{0}, t.count);
        int64 run = 1, position[max_rank]{};
        for (int d = even_from; d < s.rank; ++d) run *= s.extent[d];
        for (int64 done = 0, at = 0; done < t.count; done += run) {
            f(at, done, run);
            for (int d = even_from - 1; d >= by.axis; --d) {
                at += o.stride[s.axis[d]];
                if (++position[d] < s.extent[d] || d == by.axis) break;
                at -= o.stride[s.axis[d]] * s.extent[d];
                position[d] = 0;
            }
        }
    }
};

}  // namespace sinter::cpu
