// The kernel of convolutions with few channels: products whose sums are short but run along several
// axes, such as the 9 products of 3 x 3 windows of one channel or the 147 of 7 x 7 windows of
// three.
//
// The tiles of matmul.hpp step along the innermost summed axis alone and number rows along one axis
// alone. Here that would be 3 products in a step of 16 or 32, and rows that are the examples, each
// in another image. So this kernel flattens both: all summed axes are one, whose steps lie in a
// table in shared memory, made once by each block; rows are all places of all images, the one that
// is innermost in the results first, and each thread finds the place of its row once per tile. No
// element needs a division.
//
// Shape: a block of 256 threads takes neighbouring tiles of 128 rows and 32 columns, one after the
// other. The filters' columns (through their prologue) stay in shared memory for all of them. The
// windows of a tile are gathered (through theirs, zeros where the image ends) for the whole sum
// where shared memory has room, once for all columns whose filters have, so that 32 columns cost
// two barriers; else in a few passes. Warps
// multiply 64 rows by 8 columns, 4 x 4 in each thread, and those beyond the last column do nothing:
// 6 filters cost as much as 8. Halves multiply in registers as well: sums that are shorter than a
// step of tensor cores would be mostly padding there (see matmul_direct_plan.hpp for the choice).
// Products leave through shared memory as those of matmul.hpp do, with the same code for the
// epilogue, over the columns that exist. Windows of pooling are taken in turn by the same block.
//
// Traffic: an image is read once for all columns whose filters stay, which are all of them where
// sums are taken whole, and its elements again for each window that holds them, mostly from the
// first cache: neighbouring rows are neighbouring places. Filters are read once per block. Operands
// of the epilogue and results once; states of pooled elements as in matmul_folds.hpp, but of one
// tile per block.
#pragma once

#include "sinter/kernel/matmul_parts.hpp"

namespace sinter::kernel {

/// The loads of stage C that its epilogue reads.
template <class C>
SINTER_HD constexpr auto epilogue_slots() {
    ir::index_list<C::size> r;
    const auto all = ir::loads_of<C>();
    for (int k = 0; k < all.count; ++k) {
        const ir::instr x = C::at(all.at[k]);
        if (x.row_constant || (x.loops & ((1 << ir::side_a) - 1))) r.push(k);
    }
    return r;
}

/// The 64-bit numbers in shared memory that say where a summed position, and a row, is.
template <class C>
struct direct_tables {
    static constexpr int left = element_loads<C, ir::side_a>().count,
                         right = element_loads<C, ir::side_b>().count, guards = args<C>::guards;
    static constexpr int per_sum = left + right + guards;
    static constexpr int per_row = epilogue_slots<C>().count + C::stores;
};

/// The kernel of stage C where plan_direct chooses it; takes what `matmul` takes.
template <class C, class Sync = device_sync>
struct direct_matmul {
    static constexpr int max_threads = tuning::direct_threads;
    static constexpr int min_blocks = tuning::direct_blocks_per_sm;

    matmul_args<C> p;
    SINTER_DEVICE void operator()() const;
};

#if SINTER_NVCC || SINTER_EMULATOR

template <class C, int W>
struct load_by_table {
    ir::registers<C>& v;
    const args<C>& a;
    const offsets<C>& from;  // of the row or column
    const int64* at;         // of the summed position
    int64 pitch;
    template <int K>
    SINTER_DEVICE void operator()(number<K>) const {
        using tables = direct_tables<C>;
        constexpr int j = element_loads<C, W>().at[K];
        constexpr int slot = load_slot<C>(j);
        constexpr int guards = tables::left + tables::right;
        constexpr int first = guards_before<C>(slot), end = guards_before<C>(slot + 1);
        bool inside = true;
        if constexpr (end > first) {
            SINTER_UNROLLED
            for (int g = first; g < end; ++g) {
                const int64 place =
                    from.guard[g] + simt::load_shared<1>(at + (guards + g) * pitch)[0];
                inside = inside && place >= 0 && place < a.guard[g].extent;
            }
        }
        v.template at<j>() = 0;
        if (!inside) return;
        constexpr int field = W == ir::side_a ? K : tables::left + K;
        v.template at<j>() = read<C, slot, reading::constant>(
            a, from.load[slot] + simt::load_shared<1>(at + field * pitch)[0]);
    }
};

SINTER_DEVICE void keep_offset(int64* at, int64 x) {
    simt::store_shared<1>(at, simt::vec<int64, 1>{{x}});
}
/// Writes where the loads of side W lie.
template <class C, int W>
struct keep_loads {
    const offsets<C>& o;
    int64* at;
    int64 pitch;
    template <int K>
    SINTER_DEVICE void operator()(number<K>) const {
        keep_offset(at + K * pitch, o.load[load_slot<C>(element_loads<C, W>().at[K])]);
    }
};
/// Writes where the operands of the epilogue lie, or moves there.
template <class C>
struct keep_row {
    const offsets<C>& o;
    int64* at;
    template <int K>
    SINTER_DEVICE void operator()(number<K>) const {
        keep_offset(at + K * tuning::direct_rows, o.load[epilogue_slots<C>().at[K]]);
    }
};
template <class C>
struct move_to_row {
    offsets<C>& o;
    const int64* at;
    template <int K>
    SINTER_DEVICE void operator()(number<K>) const {
        o.load[epilogue_slots<C>().at[K]] += simt::load_shared<1>(at + K * tuning::direct_rows)[0];
    }
};

template <class C, class Sync>
struct direct_work {
    using T = product_t<C>;
    using tables = direct_tables<C>;
    static constexpr int rows = tuning::direct_rows, columns = tuning::direct_columns;
    static constexpr int threads = tuning::direct_threads;
    static constexpr int pitch = rows + tuning::tile_padding;
    static constexpr int gathered_at_once = 4;

    const matmul_args<C>& p;
    const args<C>& a;
    ir::registers<C> row;
    int64* sums;       // [per_sum][k]
    int64* row_table;  // [2][per_row][rows]: of this tile and of the one whose results leave
    T* filters;        // [k][resident]
    T* tile;           // [pass][pitch]
    T* products;       // [rows][columns], see word()
    // Of the tile at hand. Resident are the columns whose filters are there.
    int64 first_row = 0, first_resident = 0, rows_here = 0;
    int column = 0, columns_here = 0, set = 0;  // column: behind the first resident one
    offsets<C> mine;                            // of this thread's row

    SINTER_DEVICE explicit direct_work(const matmul_args<C>& parameters)
        : p(parameters), a(parameters.a) {
        const auto k = static_cast<unsigned>(p.direct.k);
        simt::carver cut;
        products = cut.template take<T>(rows * columns);
        filters = cut.template take<T>(k * static_cast<unsigned>(p.direct.resident));
        tile = cut.template take<T>(static_cast<unsigned>(p.direct.pass) * pitch);
        sums = cut.template take<int64>(tables::per_sum * k);
        row_table = cut.template take<int64>(2 * tables::per_row * rows);
    }
    SINTER_DEVICE static int thread() { return static_cast<int>(simt::tid().x); }

    // Where each summed position lies, from where a sum begins.
    SINTER_DEVICE void make_sums() const {
        SINTER_ROLLED
        for (int k = thread(); k < p.direct.k; k += threads) {
            const int inner = static_cast<int>(a.extent[2]);
            offsets<C> o = no_offsets<C>();
            locate(o, a, 3, p.first_batch, k / inner);
            SINTER_UNROLLED
            for (int i = 0; i < args<C>::loads; ++i) o.load[i] += k % inner * a.load[i].stride[2];
            if constexpr (tables::guards > 0) {
                SINTER_UNROLLED
                for (int g = 0; g < tables::guards; ++g) {
                    const ir::bound_guard& x = a.guard[g];
                    const uint64 at = static_cast<uint64>(k % inner);
                    const uint64 along = x.inner == 0 ? at : at * x.inner >> 32;
                    keep_offset(sums + (tables::left + tables::right + g) * p.direct.k + k,
                                o.guard[g] + static_cast<int64>(along) * x.stride[2]);
                }
            }
            each<tables::left>(keep_loads<C, ir::side_a>{o, sums + k, p.direct.k});
            each<tables::right>(
                keep_loads<C, ir::side_b>{o, sums + tables::left * p.direct.k + k, p.direct.k});
        }
    }

    // As tensor cores and registers would take it: rounded to what the operand is.
    template <int W>
    SINTER_DEVICE T operand(const offsets<C>& from, int k) const {
        ir::registers<C> v;
        each<element_loads<C, W>().count>(load_by_table<C, W>{v, a, from, sums + k, p.direct.k});
        ir::pass<C, W>::compute(v, row, a.functors);
        const auto x = ir::pass<C, W>::template get<side_value<C, W>()>(v, row);
        constexpr multiplier m = multiplier_of(C{}, C::head());
        if constexpr (m == multiplier::halves || m == multiplier::bytes) {
            using S = side_t<C, W>;
            return static_cast<T>(static_cast<S>(x));
        } else if constexpr (side_is_plain<C, W>() || m == multiplier::tf32) {
            return static_cast<T>(x);
        } else {
            return static_cast<T>(ir::convert<C::at(C::head().core).type>(x));
        }
    }
    SINTER_DEVICE void load_filters(const offsets<C>& product) const {
        SINTER_ROLLED
        for (int c = thread() % columns; c < p.direct.resident; c += columns) {
            offsets<C> from = product;
            move(from, a, 1, first_resident + c);
            start_guards(from);
            const bool exists = first_resident + c < a.extent[1];
            SINTER_ROLLED
            for (int k = thread() / columns; k < p.direct.k; k += threads / columns) {
                const T x = exists ? operand<ir::side_b>(from, k) : T(0);
                simt::store_shared<1>(filters + k * p.direct.resident + c, simt::vec<T, 1>{{x}});
            }
        }
    }
    SINTER_DEVICE void start_guards(offsets<C>& o) const {
        if constexpr (tables::guards > 0) {
            SINTER_UNROLLED
            for (int g = 0; g < tables::guards; ++g) o.guard[g] += a.guard[g].start;
        }
    }
    // Finds this thread's row, and leaves word of it for the epilogue.
    SINTER_DEVICE void find_row(const offsets<C>& product) {
        mine = product;
        const int r = thread() % rows;
        if (r < rows_here) {
            const int64 i = first_row + r, inner = a.extent[0];
            int64 outer;
            if ((i | inner) >> 32 == 0) {
                outer = static_cast<int64>(static_cast<uint32>(i) / static_cast<uint32>(inner));
            } else {
                outer = i / inner;
            }
            move(mine, a, 0, i - outer * inner);
            locate(mine, a, p.direct.rows_first, p.direct.rows_end, outer);
        }
        if (thread() < rows) {
            int64* at = row_table + set * tables::per_row * rows + r;
            constexpr int loads = epilogue_slots<C>().count;
            each<loads>(keep_row<C>{mine, at});
            SINTER_UNROLLED
            for (int j = 0; j < C::stores; ++j) keep_offset(at + (loads + j) * rows, mine.store[j]);
        }
        start_guards(mine);
    }
    SINTER_DEVICE void gather(const offsets<C>& from, int first, int end) const {
        constexpr int step = threads / rows;
        const int r = thread() % rows;
        const bool exists = r < rows_here;
        SINTER_ROLLED
        for (int k = thread() / rows; k < end - first; k += step * gathered_at_once) {
            T x[gathered_at_once];
            SINTER_UNROLLED
            for (int u = 0; u < gathered_at_once; ++u) {
                x[u] = T(0);
                if (exists && first + k + u * step < end)
                    x[u] = operand<ir::side_a>(from, first + k + u * step);
            }
            SINTER_UNROLLED
            for (int u = 0; u < gathered_at_once; ++u)
                if (first + k + u * step < end)
                    simt::store_shared<1>(tile + (k + u * step) * pitch + r,
                                          simt::vec<T, 1>{{x[u]}});
        }
    }

    // Which part of the tile this thread multiplies. Blocks begin with different warps, so that
    // the idle ones of few columns are not all of one scheduler.
    SINTER_DEVICE static int role() {
        return static_cast<int>((simt::warp() + 2 * simt::bid().x) % (threads / 32));
    }
    SINTER_DEVICE static int row_of_thread() {
        return role() % 2 * 64 + static_cast<int>(simt::lane()) % 16 * 4;
    }
    SINTER_DEVICE static int column_of_thread() {
        return role() / 2 * 8 + static_cast<int>(simt::lane()) / 16 * 4;
    }
    SINTER_DEVICE bool is_idle() const { return role() / 2 * 8 >= columns_here; }
    // Where product (r, c) lies: the four columns that a thread has, a chunk, go to other banks
    // for each of eight threads below one another.
    SINTER_DEVICE static int word(int r, int c) {
        return r * columns + ((c / 4) ^ (r / 4 % 8)) * 4 + c % 4;
    }
    SINTER_DEVICE void multiply(T (&sum)[4][4], int first, int end) const {
        if (is_idle()) return;
        const T* x = tile + row_of_thread();
        const T* y = filters + first * p.direct.resident + column + column_of_thread();
        SINTER_ROLLED
        for (int k = first; k < end; ++k, x += pitch, y += p.direct.resident) {
            const auto left = simt::load_shared<4>(x), right = simt::load_shared<4>(y);
            SINTER_UNROLLED
            for (int i = 0; i < 4; ++i) {
                SINTER_UNROLLED
                for (int j = 0; j < 4; ++j)
                    sum[i][j] =
                        ir::op::add::value(sum[i][j], ir::op::mul::value(left[i], right[j]));
            }
        }
    }
    SINTER_DEVICE void leave(const T (&sum)[4][4]) const {
        if (is_idle()) return;
        SINTER_UNROLLED
        for (int i = 0; i < 4; ++i) {
            const T* s = sum[i];
            simt::store_shared<4>(products + word(row_of_thread() + i, column_of_thread()),
                                  simt::vec<T, 4>{{s[0], s[1], s[2], s[3]}});
        }
    }

    SINTER_DEVICE void run() {
        make_sums();
        Sync::template block<0>();
        const auto& d = p.direct;
        const unsigned first = part(simt::bid().x), end = part(simt::bid().x + 1);
        unsigned filters_of = ~0U;  // the product and columns whose filters are there
        SINTER_ROLLED
        for (unsigned unit = first; unit < end; ++unit) {
            const unsigned group = unit / d.row_tiles;
            offsets<C> product = no_offsets<C>();
            locate(product, a, p.first_batch, d.rows_first, group / p.tiles_n);
            first_row = static_cast<int64>(unit % d.row_tiles) * rows;
            rows_here = d.rows - first_row < rows ? d.rows - first_row : rows;
            if (group != filters_of) {
                first_resident = static_cast<int64>(group % p.tiles_n) * d.resident;
                load_filters(product);
                filters_of = group;
            }
            find_row(product);
            unsigned turn = 0;
            SINTER_ROLLED
            do {
                offsets<C> of_turn = no_offsets<C>();
                if constexpr (has_folds<C>())
                    locate(of_turn, a, d.rows_end, p.axes, static_cast<int64>(turn));
                take_columns(of_turn, turn);
            } while (++turn < turns());
            set ^= 1;
        }
    }
    SINTER_DEVICE void take_columns(const offsets<C>& of_turn, unsigned turn) {
        offsets<C> from = mine;
        SINTER_UNROLLED
        for (int i = 0; i < args<C>::loads; ++i) from.load[i] += of_turn.load[i];
        SINTER_UNROLLED
        for (int g = 0; g < tables::guards; ++g) from.guard[g] += of_turn.guard[g];
        SINTER_ROLLED
        for (column = 0; column < p.direct.resident; column += columns) {
            const int64 left = a.extent[1] - first_resident - column;
            if (left <= 0) return;
            columns_here = left < columns ? static_cast<int>(left) : columns;
            one_product(from);
            finish(of_turn, turn);
        }
    }
    SINTER_DEVICE unsigned turns() const {
        if constexpr (has_folds<C>()) return p.folds.turns;
        return 1;
    }
    SINTER_DEVICE unsigned part(unsigned block) const {
        return static_cast<unsigned>(static_cast<uint64>(p.direct.units) * block / simt::gdim().x);
    }
    SINTER_DEVICE void one_product(const offsets<C>& from) const {
        const auto& d = p.direct;
        T sum[4][4];
        SINTER_UNROLLED
        for (int i = 0; i < 16; ++i) sum[i / 4][i % 4] = T(0);
        SINTER_ROLLED
        for (int k = 0; k < d.k; k += d.pass) {
            const int end = d.k - k < d.pass ? d.k : k + d.pass;
            // What is whole serves all columns.
            if (column == 0 || d.pass < d.k) {
                if (k > 0) Sync::template block<3>();
                gather(from, k, end);
                Sync::template block<1>();
            }
            multiply(sum, k, end);
        }
        if (column > 0) Sync::template block<4>();  // the products before these were read
        leave(sum);
        Sync::template block<2>();
    }
    SINTER_DEVICE void finish(const offsets<C>& of_turn, unsigned turn) {
        const auto count = static_cast<int>(rows_here) * columns_here;
        const int64 first = first_resident + column;
        const unsigned inverse = (1U << 20) / static_cast<unsigned>(columns_here) + 1;
        SINTER_ROLLED
        for (int e = thread(); e < count; e += threads) {
            // Exact for the 4096 elements of a tile.
            const int r = static_cast<int>(static_cast<unsigned>(e) * inverse >> 20);
            const int c = e - r * columns_here;
            const T product = simt::load_shared<1>(products + word(r, c))[0];
            offsets<C> o = of_turn;
            const int64* at = row_table + set * tables::per_row * rows + r;
            constexpr int loads = epilogue_slots<C>().count;
            each<loads>(move_to_row<C>{o, at});
            SINTER_UNROLLED
            for (int j = 0; j < C::stores; ++j)
                o.store[j] += simt::load_shared<1>(at + (loads + j) * rows)[0];
            if constexpr (has_folds<C>())
                fold(o, product, first + c, e, turn);
            else
                finish_product(p, row, o, product, 0, first + c);
        }
    }
    // The same thread has the same element of a window in every turn.
    SINTER_DEVICE void fold(const offsets<C>& o, T product, int64 j, int e, unsigned turn) {
        using folds = tile_folds<C, Sync, rows, columns, threads>;
        typename folds::states s;
        s.clear();
        ir::registers<C> v;
        finish_element(p, row, o, product, 0, j, v);
        s.step(v, row, 0);
        typename folds::states* const own =
            p.folds.partials +
            (static_cast<int64>(simt::bid().x) * p.direct.resident + column) * rows + e;
        if (turn > 0) {
            typename folds::states before = folds::kept(own);
            before.merge(s);
            s = before;
        }
        if (turn + 1 < turns()) return folds::keep(own, s);
        offsets<C> to = o;
        move(to, a, 1, j);
        s.template finish<1>(row);
        take_row_values<C, 1, reading::own>(row, a, to);
        store_values<C, 1, which::per_row>(row, row, a, to);
    }
};

template <class C, class Sync>
SINTER_DEVICE void direct_matmul<C, Sync>::operator()() const {
    direct_work<C, Sync> work(p);
    take_scalars(work.row, p.a);
    if (!p.row_varies) take_row_values<C, 0, reading::own>(work.row, p.a, no_offsets<C>());
    work.run();
}

#endif

}  // namespace sinter::kernel
