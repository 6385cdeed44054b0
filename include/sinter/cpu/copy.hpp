// Copies between blocks of memory in any order of elements. Every stride pattern ends here, so that
// the compiled loops only ever see elements side by side.
#pragma once

#include <cstddef>
#include <cstring>

#include "sinter/core/types.hpp"

namespace sinter::cpu {

/// Copies n elements of S bytes, steps in bytes.
template <int S>
void copy_line(std::byte* to, int64 to_step, const std::byte* from, int64 from_step, int64 n) {
    if (to_step == S && from_step == 0) {
        std::byte x[S];
        std::memcpy(x, from, S);
        for (int64 i = 0; i < n; ++i) std::memcpy(to + i * S, x, S);
    } else if (to_step == S) {
        for (int64 i = 0; i < n; ++i) std::memcpy(to + i * S, from + i * from_step, S);
    } else {
        for (int64 i = 0; i < n; ++i) std::memcpy(to + i * to_step, from + i * from_step, S);
    }
}

/// Writes n copies of the element at `from`, and up to 63 bytes more.
template <int S>
void fill_line(std::byte* to, const std::byte* from, int64 n) {
    uint64 x = 0;
    std::memcpy(&x, from, S);
    for (int bits = 8 * S; bits < 64; bits *= 2) x |= x << bits;
#if SINTER_NVCC
    const uint64 two[] = {x, x};
#else
    typedef uint64 vector __attribute__((vector_size(16)));
    const vector two = {x, x};
#endif
    for (int64 i = 0; i < n * S; i += 64)
        for (int k = 0; k < 64; k += 16) std::memcpy(to + i + k, &two, sizeof two);
}
[[gnu::noinline]] inline void fill_line(int bytes, std::byte* to, const std::byte* from, int64 n) {
    switch (bytes) {
        case 1: return fill_line<1>(to, from, n);
        case 2: return fill_line<2>(to, from, n);
        case 4: return fill_line<4>(to, from, n);
        default: return fill_line<8>(to, from, n);
    }
}

/// A square of elements that is transposed in registers: 16 bytes wide.
template <int S>
struct square {
    static constexpr int64 side = 1;
    static void transpose(std::byte* to, int64, const std::byte* from, int64) {
        std::memcpy(to, from, S);
    }
    /// The same for lines that begin at from + line[0], from + line[1], ...
    static void turn(std::byte* to, int64, const std::byte* from, const int64* line) {
        std::memcpy(to, from + line[0], S);
    }
};
// nvcc's reader of C++ knows no shuffles.
#if !SINTER_NVCC
template <>
struct square<4> {
    static constexpr int64 side = 4;
    typedef uint32 vector __attribute__((vector_size(16)));
    static SINTER_INLINE vector load(const std::byte* p) {
        vector v;
        std::memcpy(&v, p, sizeof v);
        return v;
    }
    static SINTER_INLINE void transpose(std::byte* to,
                                        int64 to_line,
                                        const std::byte* from,
                                        int64 from_line) {
        const int64 line[] = {0, from_line, 2 * from_line, 3 * from_line};
        turn(to, to_line, from, line);
    }
    static SINTER_INLINE void turn(std::byte* to,
                                   int64 to_line,
                                   const std::byte* from,
                                   const int64* line) {
        const vector a = load(from + line[0]), b = load(from + line[1]), c = load(from + line[2]),
                     d = load(from + line[3]);
        const vector ab = __builtin_shufflevector(a, b, 0, 4, 1, 5);
        const vector cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
        const vector ab2 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
        const vector cd2 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
        const vector r[] = {__builtin_shufflevector(ab, cd, 0, 1, 4, 5),
                            __builtin_shufflevector(ab, cd, 2, 3, 6, 7),
                            __builtin_shufflevector(ab2, cd2, 0, 1, 4, 5),
                            __builtin_shufflevector(ab2, cd2, 2, 3, 6, 7)};
        std::memcpy(to, &r[0], 16);
        std::memcpy(to + to_line, &r[1], 16);
        std::memcpy(to + 2 * to_line, &r[2], 16);
        std::memcpy(to + 3 * to_line, &r[3], 16);
    }
};
template <>
struct square<8> {
    static constexpr int64 side = 2;
    typedef uint64 vector __attribute__((vector_size(16)));
    static SINTER_INLINE void transpose(std::byte* to,
                                        int64 to_line,
                                        const std::byte* from,
                                        int64 from_line) {
        const int64 line[] = {0, from_line};
        turn(to, to_line, from, line);
    }
    static SINTER_INLINE void turn(std::byte* to,
                                   int64 to_line,
                                   const std::byte* from,
                                   const int64* line) {
        vector a, b;
        std::memcpy(&a, from + line[0], 16);
        std::memcpy(&b, from + line[1], 16);
        const vector x = __builtin_shufflevector(a, b, 0, 2);
        const vector y = __builtin_shufflevector(a, b, 1, 3);
        std::memcpy(to, &x, 16);
        std::memcpy(to + to_line, &y, 16);
    }
};
#endif

/// A block of n lines of `width` elements in memory: steps in bytes between elements and lines.
struct block_place {
    std::byte* at;
    int64 step, line;
};

/// Copies a block whose elements lie side by side in `to`, and whose lines in `from`: squares, the
/// last of them shifted back to end where the block ends.
template <int S>
void transpose_block(const block_place& to, const block_place& from, int64 width, int64 lines) {
    constexpr int64 side = square<S>::side;
    if (width < side || lines < side) {
        for (int64 l = 0; l < lines; ++l)
            copy_line<S>(to.at + l * to.line, S, from.at + l * S, from.step, width);
        return;
    }
    for (int64 i = 0; i < width; i += side) {
        const int64 x = i < width - side ? i : width - side;
        const std::byte* f = from.at + x * from.step;
        std::byte* t = to.at + x * S;
        int64 left = lines;
        for (; left >= side; left -= side, f += side * S, t += side * to.line)
            square<S>::transpose(t, to.line, f, from.step);
        if (left > 0)
            square<S>::transpose(
                t - (side - left) * to.line, to.line, f - (side - left) * S, from.step);
    }
}

template <int S>
void copy_block_of(const block_place& to, const block_place& from, int64 width, int64 lines) {
    if (to.step == S && from.step == S) {
        for (int64 l = 0; l < lines; ++l)
            std::memcpy(
                to.at + l * to.line, from.at + l * from.line, static_cast<std::size_t>(width * S));
        return;
    }
    if constexpr (square<S>::side > 1) {
        if (to.step == S && from.line == S && lines > 1)
            return transpose_block<S>(to, from, width, lines);
        if (to.line == S && from.step == S && lines > 1)
            return transpose_block<S>(
                {to.at, to.line, to.step}, {from.at, from.line, from.step}, lines, width);
    }
    for (int64 l = 0; l < lines; ++l)
        copy_line<S>(to.at + l * to.line, to.step, from.at + l * from.line, from.step, width);
}
/// Copies a block of elements of `bytes` bytes.
[[gnu::noinline]] inline void copy_block(
    int bytes, const block_place& to, const block_place& from, int64 width, int64 lines) {
    switch (bytes) {
        case 1: return copy_block_of<1>(to, from, width, lines);
        case 2: return copy_block_of<2>(to, from, width, lines);
        case 4: return copy_block_of<4>(to, from, width, lines);
        default: return copy_block_of<8>(to, from, width, lines);
    }
}
/// Copies n elements that lie `from_step` bytes apart.
inline void copy_elements(
    int bytes, std::byte* to, int64 to_step, const std::byte* from, int64 from_step, int64 n) {
    copy_block(bytes, {to, to_step, 0}, {const_cast<std::byte*>(from), from_step, 0}, n, 1);
}

}  // namespace sinter::cpu
