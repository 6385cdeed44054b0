// Arrays in every layout for tests of stages, with the plain way to reach their elements.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <vector>

#include "sinter/ir/bound.hpp"

namespace sinter_test {

using sinter::int64;
/// Up to max_rank extents, or an index.
class extents {
public:
    extents() = default;
    extents(std::initializer_list<int64> e) {
        for (const int64 n : e) push(n);
    }
    void push(int64 n) { at_[size_++] = n; }
    std::size_t size() const { return size_; }
    int64& operator[](std::size_t d) { return at_[d]; }
    int64 operator[](std::size_t d) const { return at_[d]; }
    const int64* begin() const { return at_; }
    const int64* end() const { return at_ + size_; }

private:
    int64 at_[sinter::max_rank]{};
    std::size_t size_ = 0;
};

/// How the elements of an array lie in memory.
enum class layout { plain, reversed_axes, backwards, spaced };
inline constexpr layout layouts[] = {
    layout::plain, layout::reversed_axes, layout::backwards, layout::spaced};

/// Calls f(index) for every index below `e`, in row-major order.
template <class F>
void for_each_index(const extents& e, F f) {
    for (const int64 n : e)
        if (n == 0) return;
    extents at = e;
    for (std::size_t d = 0; d < e.size(); ++d) at[d] = 0;
    while (true) {
        f(static_cast<const extents&>(at));
        std::size_t d = e.size();
        while (d > 0 && ++at[d - 1] == e[d - 1]) at[--d] = 0;
        if (d == 0) return;
    }
}

/// An array over an index space that does not move along the axes that `moves` leaves out.
template <class T>
class test_array {
public:
    test_array(const extents& space, layout l, unsigned moves = ~0U) : stride_(space) {
        for (std::size_t d = 0; d < space.size(); ++d) stride_[d] = 0;
        const std::size_t rank = space.size();
        int64 step = l == layout::spaced ? 3 : 1;
        for (std::size_t i = 0; i < rank; ++i) {
            const std::size_t d = l == layout::reversed_axes ? i : rank - 1 - i;
            if ((moves >> d & 1) == 0) continue;
            stride_[d] = l == layout::backwards ? -step : step;
            if (l == layout::backwards) first_ += step * (space[d] > 0 ? space[d] - 1 : 0);
            step *= space[d] + (l == layout::spaced ? 1 : 0);
        }
        memory_.resize(static_cast<std::size_t>(step) + 1);
    }
    T& operator[](const extents& i) { return memory_[place(i)].value; }
    const T& operator[](const extents& i) const { return memory_[place(i)].value; }
    sinter::ir::bound_operand bound() {
        sinter::ir::bound_operand b;
        b.data = &memory_[static_cast<std::size_t>(first_)].value;
        for (std::size_t d = 0; d < stride_.size(); ++d) b.stride[d] = stride_[d];
        return b;
    }
    /// Gives element number n (in memory) the value f(n).
    template <class F>
    void fill(F f) {
        for (std::size_t n = 0; n < memory_.size(); ++n)
            memory_[n].value = f(static_cast<int64>(n));
    }

private:
    struct box {  // std::vector<bool> has no elements in memory
        T value{};
    };
    std::size_t place(const extents& i) const {
        int64 at = first_;
        for (std::size_t d = 0; d < i.size(); ++d) at += i[d] * stride_[d];
        return static_cast<std::size_t>(at);
    }
    extents stride_;
    int64 first_ = 0;
    std::vector<box> memory_;
};

/// A bound stage that owns its lists.
struct binding {
    std::vector<sinter::ir::bound_operand> load, store;
    std::vector<sinter::ir::scalar_bits> scalar;
    sinter::ir::bound_stage stage;

    /// The space, whose last `row_rank` axes are the row.
    binding(const extents& space, int row_rank) {
        stage.outer_rank = static_cast<int>(space.size()) - row_rank;
        stage.row_rank = row_rank;
        for (std::size_t d = 0; d < space.size(); ++d) {
            stage.extent[d] = space[d];
            (static_cast<int>(d) < stage.outer_rank ? stage.rows : stage.row_length) *= space[d];
        }
    }
    const sinter::ir::bound_stage& done() {
        stage.load = load.data();
        stage.store = store.data();
        stage.scalar = scalar.data();
        return stage;
    }
    void floating(double x) { scalar.push_back({sinter::bits_as<sinter::uint64>(x)}); }
    void integer(int64 x) { scalar.push_back({static_cast<sinter::uint64>(x)}); }
};

/// A small repeatable generator.
struct pseudo_random {
    sinter::uint64 state = 0x9e3779b97f4a7c15UL;
    sinter::uint64 next() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return state;
    }
    /// A number in [-2, 2] with few digits, exact in bfloat16.
    double number() { return static_cast<double>(next() % 33) / 8.0 - 2.0; }
};

}  // namespace sinter_test
