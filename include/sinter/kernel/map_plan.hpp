// Path, pieces, grid and block of the map kernel. Host code.
#pragma once

#include "sinter/kernel/map_facts.hpp"
#include "sinter/kernel/plan.hpp"

namespace sinter::kernel {

namespace detail {

/// Decides how a map walks its space.
class map_planner {
public:
    map_planner(const map_facts& facts, const map_parts& parts, const device_limits& d)
        : f_(facts), k_(parts), d_(d) {}

    /// Fills the kernel; false when nothing is wanted. Grid, block and memory go to `shape`.
    bool plan(const ir::bound_stage& b, launch_shape& shape) {
        map_walk& w = k_.walk;
        while (w.lead < f_.stores && !k_.store[w.lead].data) ++w.lead;
        if (w.lead == f_.stores) return false;
        if (b.outer_rank == 0) k_.extent[0] = 1;
        w.rank = static_cast<int>(larger(b.outer_rank, 1));
        w.vector_axis = last();
        w.path = k_.row_varies ? map_path::elements : vectors_or_not();
        if (w.path == map_path::vectors) find_tile_axis();
        cut();
        if (w.path == map_path::tiles && w.cut == last()) {  // a piece has one axis, a tile two
            w.path = map_path::vectors;
            w.vector_axis = last();
        }
        choose_accesses();
        if (is_flat()) {
            w.path = map_path::flat;
            number_flat(shape);
            return true;
        }
        number_steps(shape);
        return true;
    }

private:
    int last() const { return k_.walk.rank - 1; }
    int64 extent(int axis) const { return k_.extent[axis]; }
    dtype load_type(int slot) const { return f_.load_type[slot]; }
    dtype store_type(int j) const { return f_.store_type[j]; }
    bool is_element(int slot) const { return f_.is_element[slot]; }
    static int64 number_of(const void* p, dtype t) {  // of the element at p, from address 0
        return static_cast<int64>(reinterpret_cast<uint64>(p)) / size_of(t);
    }
    static int64 modulo(int64 x, int64 m) { return (x % m + m) % m; }

    // The largest power of two up to the width that divides the distance between every row of `x`
    // and that of the lead store.
    int alignment(const ir::bound_operand& x, dtype type) const {
        const ir::bound_operand& lead = k_.store[k_.walk.lead];
        int common = f_.width;
        const auto keep = [&](int64 distance) {
            while (modulo(distance, common) != 0) common /= 2;
        };
        keep(number_of(x.data, type) - number_of(lead.data, store_type(k_.walk.lead)));
        for (int d = 0; d < last(); ++d)
            if (extent(d) > 1) keep(x.stride[d] - lead.stride[d]);
        return common;
    }
    // How far the rows of the lead store differ in alignment: they start at multiples of this.
    int64 row_step() const {
        const ir::bound_operand& lead = k_.store[k_.walk.lead];
        int64 step = f_.width;
        for (int d = 0; d < last(); ++d)
            while (extent(d) > 1 && modulo(lead.stride[d], step) != 0) step /= 2;
        return step;
    }
    int64 first_phase() const {
        const int j = k_.walk.lead;
        return modulo(number_of(k_.store[j].data, store_type(j)), f_.width);
    }
    // Vectors that a row may touch: its first begins up to `width` - 1 elements before it.
    int64 vectors_per_row(int64 length) const {
        const int64 step = row_step();
        const int64 before =
            step == f_.width ? first_phase() : f_.width - step + first_phase() % step;
        return divide_up(length + before, f_.width);
    }
    map_path vectors_or_not() const {
        for (int j = 0; j < f_.stores; ++j)
            if (k_.store[j].data && extent(last()) > 1 && k_.store[j].stride[last()] != 1)
                return map_path::elements;
        const bool aligned = first_phase() == 0 && row_step() == f_.width;
        const int64 length = extent(last());
        if (f_.width == 1 || length >= tuning::map_vectors_per_row * f_.width || last() == 0 ||
            (aligned && length % f_.width == 0))
            return map_path::vectors;
        return map_path::elements;
    }

    // An operand that steps far along the last axis and little along another wants a tile; the
    // other axis of the first such operand becomes the one before the last.
    void find_tile_axis() {
        if (extent(last()) < tuning::map_tile_side) return;
        for (int slot = 0; slot < f_.loads; ++slot) {
            const ir::bound_operand& x = k_.load[slot];
            if (!is_element(slot) || is_written(x)) continue;
            const int best = short_axis(x);
            if (best < 0) continue;
            k_.walk.path = map_path::tiles;
            k_.walk.vector_axis = last() - 1;
            swap_axes(best, last() - 1);
            return;
        }
    }
    int short_axis(const ir::bound_operand& x) const {
        int best = -1;
        const int64 along = magnitude(x.stride[last()]);
        for (int d = 0; d < last(); ++d) {
            const int64 s = magnitude(x.stride[d]);
            const bool close = s > 0 && 8 * s <= along && extent(d) >= tuning::map_tile_side;
            if (close && (best < 0 || s < magnitude(x.stride[best]))) best = d;
        }
        return best;
    }
    bool is_written(const ir::bound_operand& x) const {
        for (int j = 0; j < f_.stores; ++j)
            if (k_.store[j].data == x.data) return true;
        return false;
    }
    void swap_axes(int p, int q) {
        const auto swap = [](int64& x, int64& y) {
            const int64 z = x;
            x = y;
            y = z;
        };
        swap(k_.extent[p], k_.extent[q]);
        for (int j = 0; j < f_.loads; ++j) swap(k_.load[j].stride[p], k_.load[j].stride[q]);
        for (int j = 0; j < f_.stores; ++j) swap(k_.store[j].stride[p], k_.store[j].stride[q]);
    }

    bool is_flat() const {
        if (k_.walk.path != map_path::vectors || k_.walk.rank > 1 || first_phase() != 0)
            return false;
        const auto whole = [&](map_access how) { return f_.width == 1 || how == map_access::one; };
        for (int slot = 0; slot < f_.loads; ++slot)
            if (is_element(slot) && (!whole(k_.load_access[slot]) || k_.load[slot].stride[0] != 1))
                return false;
        for (int j = 0; j < f_.stores; ++j)
            if (k_.store[j].data && (!whole(k_.store_access[j]) || k_.store[j].stride[0] != 1))
                return false;
        return true;
    }

    // Pieces: whole axes from the last one upwards while 32 bits number their elements, then part
    // of an axis.
    void cut() {
        map_walk& w = k_.walk;
        int64 elements = 1;
        w.chunk = extent(0);
        for (int d = last(); d >= 0; --d) {
            const int64 room = larger(d_.piece / elements, 1);
            if (extent(d) > room) {
                // Vectors of all pieces begin alike, tiles are whole.
                const int64 unit = d == last() ? tile_columns : tile_rows(f_.width);
                w.cut = d;
                w.chunk = larger(room / unit, 1) * unit;
                break;
            }
            elements *= extent(d);
        }
        for (int d = 0; d < w.rank; ++d)
            w.axis[d] = divisor::of(smaller(extent(d), int64{1} << 31));
        int64 pieces = divide_up(extent(w.cut), w.chunk);
        w.chunks = divisor::of(pieces);
        for (int d = 0; d < w.cut; ++d) pieces *= extent(d);
        w.pieces = static_cast<uint32>(pieces);
    }

    void choose_accesses() {
        for (int slot = 0; slot < f_.loads; ++slot) {
            k_.load_bytes[slot] = static_cast<unsigned char>(size_of(load_type(slot)));
            k_.load_access[slot] = access(k_.load[slot], load_type(slot), is_element(slot));
        }
        for (int j = 0; j < f_.stores; ++j)
            k_.store_access[j] =
                k_.store[j].data ? access(k_.store[j], store_type(j), false) : map_access::each;
    }
    map_access access(const ir::bound_operand& x, dtype type, bool read) const {
        const map_walk& w = k_.walk;
        if (w.path == map_path::elements) return map_access::each;
        const int64 step = extent(w.vector_axis) > 1 ? x.stride[w.vector_axis] : 1;
        if (w.path == map_path::tiles) {
            if (read && step != 0 && !is_written(x) && short_axis(x) == w.vector_axis)
                return map_access::tile;
            return read && step == 0 ? map_access::same : map_access::each;
        }
        if (step == 0) return read ? map_access::same : map_access::each;
        const int common = step == 1 ? alignment(x, type) : 1;
        if (common == f_.width && f_.width > 1) return map_access::one;
        return 2 * common == f_.width && common > 1 ? map_access::halves : map_access::each;
    }

    void number_steps(launch_shape& shape) {
        map_walk& w = k_.walk;
        const bool tiled = w.path == map_path::tiles, vectors = w.path == map_path::vectors;
        const auto in_piece = [&](int axis) { return axis == w.cut ? w.chunk : extent(axis); };
        w.mask = vectors ? static_cast<uint32>(f_.width - 1) : 0;
        w.phase = vectors ? static_cast<uint32>(first_phase()) : 0;
        const int64 row = in_piece(last());
        const int64 columns = tiled     ? divide_up(row, tile_columns)
                              : vectors ? vectors_per_row(row)
                                        : row;
        const int64 high = tiled ? divide_up(in_piece(w.vector_axis), tile_rows(f_.width)) : 1;
        w.columns = divisor::of(columns);
        w.tile_rows = divisor::of(high);
        int64 steps = columns * high;
        const int top = tiled ? w.vector_axis - 1 : last() - 1;
        for (int d = w.cut + 1; d <= top; ++d) steps *= extent(d);
        if (w.cut <= top) {
            w.slice = static_cast<uint32>(steps);
            steps *= w.chunk;
        }
        if (tiled) {
            shape.block.x = tuning::map_threads;
            w.blocks = divisor::of(steps);
            place_tiles(shape);
        } else {
            shape.block.x = block_for(steps);
            w.blocks = divisor::of(divide_up(steps, shape.block.x));
        }
        shape.grid.x = w.pieces * w.blocks.by;
    }
    static unsigned block_for(int64 steps) {
        const int64 threads = smaller(power_of_two_from(steps, 1 << 20), tuning::map_threads);
        return static_cast<unsigned>(larger(threads, simt::warp_size));
    }
    void place_tiles(launch_shape& shape) {
        for (int slot = 0; slot < f_.loads; ++slot) {
            if (k_.load_access[slot] != map_access::tile) continue;
            k_.tile_at[slot] = k_.tile_bytes;
            k_.tile_bytes += static_cast<unsigned>(tile_columns * tile_rows(f_.width) *
                                                   size_of(load_type(slot)));
        }
        shape.shared_bytes = k_.tile_bytes;
    }
    // Vectors per thread: what the device wants in flight, fewer where blocks would be too few.
    void number_flat(launch_shape& shape) {
        map_walk& w = k_.walk;
        const int64 steps = divide_up(extent(0), f_.width);
        shape.block.x = block_for(steps);
        const int64 bytes = int64{tuning::map_threads_resident} * f_.loaded_bytes;
        const int64 full = int64{d_.sm_count} * tuning::map_blocks_per_sm * shape.block.x;
        int64 items = 1;
        while (items < f_.items && items * bytes < d_.bytes_in_flight && steps >= 2 * items * full)
            items *= 2;
        w.items = static_cast<uint32>(items);
        shape.grid.x = static_cast<unsigned>(divide_up(steps, shape.block.x * items));
    }

    const map_facts& f_;
    const map_parts k_;
    const device_limits& d_;
};

}  // namespace detail

/// The map kernel: a thread for each few vectors.
template <class C, class Sync>
void plan_map(launch_plan<C, Sync>& p, const ir::bound_stage& b, const device_limits& d) {
    map<C, Sync>& k = p.kernel;
    k.row_varies = detail::row_constants_vary<C>(b);
    const detail::map_parts parts{k.walk,
                                  k.a.load,
                                  k.a.store,
                                  k.a.extent,
                                  k.load_access,
                                  k.store_access,
                                  k.load_bytes,
                                  k.tile_at,
                                  k.tile_bytes,
                                  k.row_varies};
    p.nothing = !detail::map_planner(detail::facts_of_map<C>, parts, d).plan(b, p);
}

}  // namespace sinter::kernel
