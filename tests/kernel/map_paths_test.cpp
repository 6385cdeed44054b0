// The paths of the map kernel: rows of vectors, tiles, spaces in pieces, division.
#include <algorithm>
#include <random>

#include "kernel/stages.hpp"
#include "kernel/support.hpp"

namespace kernel_test {
namespace {

using kernel::map_path;

TEST_CASE("map: division by a known value is exact below 2^31") {
    std::mt19937_64 random(1);
    const int64 top = int64{1} << 31;
    std::vector<int64> values = {1, 2, 3, 5, 7, 10, 641, 65535, 65536, 65537, top - 1, top};
    for (int i = 0; i < 2000; ++i)
        values.push_back(1 + static_cast<int64>(random() >> (33 + random() % 31)) % top);
    for (const int64 by : values) {
        const auto d = kernel::divisor::of(by);
        bool right = true;
        const auto check = [&](int64 n) {
            if (n < 0 || n >= top) return;
            uint32 quotient = static_cast<uint32>(n);
            const uint32 rest = d.split(quotient);
            right &= quotient == n / by && rest == n % by;
        };
        for (const int64 n : {int64{0}, by - 1, by, by + 1, top - 1, (top - 1) / by * by - 1})
            check(n);
        for (int i = 0; i < 50; ++i) check(static_cast<int64>(random() % uint64(top)));
        CHECK(right);
    }
}
TEST_CASE("map: products of an index and a stride") {
    for (const uint32 c : {0U, 1U, 77U, 0x7fffffffU, 0xffffffffU})
        for (const int64 s : {int64{0}, int64{1}, int64{-1}, int64{12345}, -(int64{1} << 31) - 7})
            CHECK(kernel::scaled(c, s) == static_cast<int64>(uint64{c} * static_cast<uint64>(s)));
}

// Extents, and for each of three operands its strides and what its data begins with.
struct layout {
    std::vector<int64> extent, x, y, out;
    map_path path = map_path::vectors;
};
// Room that an operand needs, and where its first element is when strides are negative.
int64 room(const std::vector<int64>& extent, const std::vector<int64>& stride, int64& first) {
    int64 size = 1;
    first = 0;
    for (std::size_t d = 0; d < stride.size(); ++d) {
        size += std::abs(stride[d]) * (extent[d] - 1);
        if (stride[d] < 0) first -= stride[d] * (extent[d] - 1);
    }
    return size;
}
int64 elements(const layout& l) {
    int64 n = 1;
    for (const int64 e : l.extent) n *= e;
    return n;
}
// Runs chain<T> on arrays of this layout, shifted by the offsets, and compares with loops.
template <class T>
emulator::statistics check_layout(const layout& l,
                                  int64 offset_x,
                                  int64 offset_y,
                                  int64 offset_out,
                                  const kernel::device_limits& d = small_device) {
    CAPTURE(offset_x);
    CAPTURE(offset_y);
    CAPTURE(offset_out);
    CAPTURE(d.piece);
    int64 fx = 0, fy = 0, fo = 0;
    array<T> x(room(l.extent, l.x, fx), offset_x), y(room(l.extent, l.y, fy), offset_y),
        out(room(l.extent, l.out, fo), offset_out);
    array<bool> below(out.size(), offset_out);
    fill_samples(x, 3);
    fill_samples(y, 4);
    binding b(l.extent);
    b.load(x.data() + fx, l.x).load(y.data() + fy, l.y);
    if constexpr (sinter::same_v<T, int64>) {
        b.integer(2);
    } else {
        b.scalar(2);
    }
    b.store(out.data() + fo, l.out).store(below.data() + fo, l.out);
    using C = stage<chain<sinter::dtype_v<T>>>;
    const auto stats = run<C>(b, d).stats;
    bool same = true;
    const int64 n = elements(l);
    for (int64 i = 0; i < n; ++i) {
        int64 rest = i, ox = fx, oy = fy, oo = fo;
        for (std::size_t k = l.extent.size(); k-- > 0;) {
            const int64 c = rest % l.extent[k];
            rest /= l.extent[k];
            ox += c * l.x[k];
            oy += c * l.y[k];
            oo += c * l.out[k];
        }
        const auto v = number_of(x[ox]) * number_of(y[oy]) + 2;
        same &= close(out[oo], v) && below[oo] == (v < number_of(x[ox]));
        out[oo] = T(0);
    }
    CHECK(same);
    for (int64 i = 0; i < out.size(); ++i) same &= number_of(out[i]) == 0;  // nothing else written
    CHECK(same);
    return stats;
}
template <class T>
map_path path_of(const layout& l, int64 offset, const kernel::device_limits& d) {
    int64 first = 0;
    array<T> memory(room(l.extent, l.out, first), offset);
    binding b(l.extent);
    b.load(memory.data(), l.x).load(memory.data(), l.y).scalar(1);
    array<T> out(1, offset);
    b.store(out.data(), l.out).store(static_cast<bool*>(nullptr), {});
    return kernel::plan_launch<stage<chain<sinter::dtype_v<T>>>>(b.stage(), d).kernel.walk.path;
}

const layout row_layouts[] = {
    {{5, 64}, {64, 1}, {0, 1}, {64, 1}, {}},   // a row for all rows
    {{5, 64}, {64, 1}, {1, 0}, {64, 1}, {}},   // a column
    {{9, 37}, {37, 1}, {0, 1}, {37, 1}, {}},   // rows that begin anywhere
    {{9, 37}, {40, 1}, {41, 1}, {37, 1}, {}},  // rows with gaps
    {{4, 3, 33}, {99, 33, 1}, {0, 33, 1}, {99, 33, 1}, {}},
    {{3, 2, 2, 40}, {160, 80, 40, 1}, {0, 40, 0, 1}, {160, 80, 40, 1}, {}},
    {{6, 50}, {50, 1}, {50, -1}, {50, 1}, {}},  // backwards
    {{6, 50}, {-50, 1}, {300, 3}, {60, 1}, {}},
};
TEST_CASE("map: rows of vectors, whatever begins where") {
    for (const layout& l : row_layouts) {
        CHECK(path_of<float>(l, 0, small_device) == map_path::vectors);
        for (int64 offset = 0; offset < 4; ++offset) {
            check_layout<float>(l, offset, 0, 0);
            check_layout<float>(l, 0, offset, offset);
            check_layout<float>(l, offset, offset, offset);
            check_layout<bfloat16>(l, offset, 2 * offset, offset + 3);
            check_layout<double>(l, offset, 0, 1);
        }
        check_layout<int64>(l, 0, 1, 0);
        under_all_schedules([&] { check_layout<float>(l, 1, 2, 3); });
    }
}
TEST_CASE("map: a row that serves all rows comes in vectors, a column once per vector") {
    const int64 rows = 16, n = 256;
    const std::uint64_t all = rows * n;
    emulator::options o;
    o.count_sectors = true;
    const emulator::scoped_options scope(o);
    auto s = check_layout<float>({{rows, n}, {n, 1}, {0, 1}, {n, 1}, {}}, 0, 0, 0);
    CHECK(s.loads == 2 * all / 4);
    CHECK(s.stores == 2 * all / 4);
    CHECK(s.load_sectors == 2 * all / 8);
    CHECK(s.store_sectors == all / 8 + all / 32);
    s = check_layout<float>({{rows, n}, {n, 1}, {1, 0}, {n, 1}, {}}, 0, 0, 0);
    CHECK(s.loads == 2 * all / 4);
    CHECK(s.bytes_loaded == 4 * all + all);
    s = check_layout<bfloat16>({{rows, n}, {n, 1}, {0, 1}, {n, 1}, {}}, 0, 0, 0);
    CHECK(s.loads == 2 * all / 8);
    CHECK(s.load_sectors == 2 * all / 16);
}

const layout tile_layouts[] = {
    {{64, 64}, {64, 1}, {1, 64}, {64, 1}, {}},     // x + transpose(y)
    {{33, 65}, {65, 1}, {1, 33}, {65, 1}, {}},     // ragged
    {{100, 17}, {1, 100}, {1, 100}, {17, 1}, {}},  // both transposed
    {{3, 40, 35}, {1400, 35, 1}, {1400, 1, 40}, {1400, 35, 1}, {}},
    {{40, 3, 35},
     {1, 40, 120},
     {105, 35, 1},
     {105, 35, 1},
     {}},  // the first axis is the other's last
    {{2, 20, 3, 34}, {2040, 102, 34, 1}, {1, 2, 1360, 40}, {2040, 102, 34, 1}, {}},
    {{45, 50}, {50, 1}, {-1, -45}, {50, 1}, {}},
    {{18, 16}, {0, 1}, {1, 18}, {16, 1}, {}},
    {{18, 200}, {1, 0}, {1, 18}, {256, 1}, {}},  // a column beside it; rows with gaps
};
TEST_CASE("map: tiles for operands that run across") {
    for (const layout& l : tile_layouts) {
        CHECK(path_of<float>(l, 0, small_device) == map_path::tiles);
        for (const int64 offset : {0, 1, 2, 3}) {
            check_layout<float>(l, offset, 0, offset);
            check_layout<bfloat16>(l, 0, offset, 1);
        }
        check_layout<double>(l, 0, 1, 1);
        check_layout<int64>(l, 1, 0, 0);
        under_all_schedules([&] { check_layout<float>(l, 0, 0, 0); });
    }
}
template <class T>
void check_tile_traffic(int64 rows, int64 columns) {
    emulator::options o;
    o.count_sectors = true;
    const emulator::scoped_options scope(o);
    const layout l{{rows, columns}, {columns, 1}, {1, rows}, {columns, 1}, {}};
    CHECK(path_of<T>(l, 0, small_device) == map_path::tiles);
    const auto s = check_layout<T>(l, 0, 0, 0);
    const std::uint64_t n = static_cast<std::uint64_t>(rows * columns), size = sizeof(T);
    CHECK(s.bytes_loaded == 2 * n * size);
    CHECK(s.bytes_stored == n * size + n);
    CHECK(s.load_sectors == 2 * n * size / 32);
    CHECK(s.store_sectors == n * size / 32 + n / 32);
    CHECK(s.shared_accesses == n / 32 + n / 32 / (16 / size));
    CHECK(s.shared_conflicts == 0);
}
TEST_CASE("map: tiles move whole sectors and meet every bank once") {
    check_tile_traffic<float>(64, 96);
    check_tile_traffic<double>(64, 96);
    check_tile_traffic<int64>(64, 96);
    check_tile_traffic<bfloat16>(128, 96);
}
// The most passes through the banks that 32 lanes need, when lane l moves `bytes` bytes at
// place(l).
template <class F>
int passes(int bytes, F place) {
    const int together = bytes <= 4 ? 32 : 128 / bytes;
    int most = 0;
    for (int first = 0; first < 32; first += together) {
        std::vector<int> words;
        for (int lane = first; lane < first + together; ++lane)
            for (int w = place(lane) / 4; w <= (place(lane) + bytes - 1) / 4; ++w)
                if (std::find(words.begin(), words.end(), w) == words.end()) words.push_back(w);
        int banks[32] = {};
        for (const int w : words) most = std::max(most, ++banks[w % 32]);
    }
    return most;
}
TEST_CASE("map: tiles of every width meet every bank once, written along and read across") {
    for (const int bytes : {1, 2, 4, 8})
        for (int width = 1; width * bytes <= 16; width *= 2) {
            CAPTURE(bytes);
            CAPTURE(width);
            const int vector = bytes * width, high = kernel::tile_rows(width);
            std::vector<int> used(static_cast<std::size_t>(32 * high));
            for (int v = 0; v < 8; ++v)
                CHECK(passes(vector, [&](int lane) {
                          return kernel::tile_slot(vector, lane, v) * vector;
                      }) == 1);
            for (int t = 0; t < 32 * high; t += 32)
                CHECK(passes(bytes, [&](int lane) {
                          const int column = (t + lane) / high, row = (t + lane) % high;
                          const int at =
                              kernel::tile_slot(vector, column, row / width) * width + row % width;
                          used[static_cast<std::size_t>(at)] |= 1;
                          return at * bytes;
                      }) == 1);
            CHECK(std::count(used.begin(), used.end(), 1) == 32 * high);  // one place for each
        }
}
TEST_CASE("map: tiles of operands of unequal width") {
    for (const int64 n : {16, 33, 96}) {
        array<double> x(n * n), out(n * n);
        array<bfloat16> y(n * n);
        array<bool> z(n * n);
        array<int64> whole(n * n);
        fill_samples(x, 1);
        fill_samples(y, 2);
        fill_samples(z, 3);
        binding b({n, n});
        b.load(x.data(), {1, n}).load(y.data(), {1, n}).load(z.data(), {1, n});
        b.store(out.data(), {n, 1}).store(whole.data(), {n, 1});
        const auto stats = run<stage<mixed>>(b).stats;
        if (n % 16 == 0) CHECK(stats.shared_conflicts == 0);  // whole vectors
        bool same = true;
        for (int64 i = 0; i < n * n; ++i) {
            const int64 t = i % n * n + i / n;
            const double v = x[t] + static_cast<float>(y[t]) * 0.5;
            same &= out[i] == (z[t] ? v : x[t]) && whole[i] == static_cast<int64>(v);
        }
        CHECK(same);
    }
}

TEST_CASE("map: spaces in pieces give the same results") {
    auto d = small_device;
    for (const int64 piece : {1, 7, 33, 100, 1000}) {
        d.piece = piece;
        for (const layout& l : row_layouts) check_layout<float>(l, 1, 0, 3, d);
        for (const layout& l : tile_layouts) check_layout<bfloat16>(l, 0, 1, 2, d);
        check_layout<float>({{1000}, {2}, {0}, {1}, {}}, 0, 0, 1, d);
        check_layout<float>({{3, 1000}, {2000, 2}, {0, -1}, {4000, 3}, {}}, 0, 0, 1, d);
    }
}
TEST_CASE("map: plans of spaces beyond 2^31 elements") {
    const kernel::device_limits h200{132, 227 * 1024, 228 * 1024};
    using C = stage<chain<dtype::f32>>;
    array<float> memory(4);
    const auto plan = [&](std::vector<int64> extent, std::vector<int64> out, std::vector<int64> x) {
        binding b(extent);
        b.load(memory.data(), x).load(memory.data(), x).scalar(1);
        b.store(memory.data(), out).store<bool>(nullptr, {});
        return kernel::plan_launch<C>(b.stage(), h200);
    };
    const int64 giga = int64{1} << 30;
    const auto flat = plan({5 * giga}, {1}, {1});
    CHECK(flat.kernel.walk.path == map_path::flat);
    CHECK(int64{flat.grid.x} * 256 * 4 * flat.kernel.walk.items == 5 * giga);
    for (const auto& [extent, stride] :
         std::vector<std::pair<std::vector<int64>, std::vector<int64>>>{
             {{5 * giga}, {1}},
             {{3, 2 * giga + 4}, {2 * giga + 4, 1}},
             {{2 * giga + 7, 8}, {8, 1}},
             {{70000, 3, 70000}, {210000, 70000, 1}}}) {
        const auto p = plan(extent, stride, std::vector<int64>(extent.size(), 0));
        const auto& w = p.kernel.walk;
        int64 n = 1, before = 1;
        for (std::size_t k = 0; k < extent.size(); ++k) {
            n *= extent[k];
            if (static_cast<int>(k) < w.cut) before *= extent[k];
        }
        CHECK(w.path == map_path::vectors);
        const int64 chunks = w.chunks.by;
        CHECK(chunks * w.chunk >= extent[static_cast<std::size_t>(w.cut)]);
        CHECK((chunks - 1) * w.chunk < extent[static_cast<std::size_t>(w.cut)]);
        CHECK(int64{w.pieces} == chunks * before);
        CHECK(w.chunk % 32 == 0);
        const int64 threads = int64{w.blocks.by} * 256;
        CHECK(threads < int64{1} << 31);
        CHECK(w.pieces * threads * 4 >= n);
        CHECK(w.pieces * threads * 4 < n + n / 2);
    }
}

TEST_CASE("map: how much a thread has in flight") {
    using kernel::bytes_in_flight;
    static_assert(bytes_in_flight(4.9e12, 132) == 48 * 1024);   // H200
    static_assert(bytes_in_flight(3.35e12, 132) == 32 * 1024);  // H100
    static_assert(bytes_in_flight(1.56e12, 108) == 16 * 1024);  // A100
    static_assert(bytes_in_flight(8e12, 148) == 64 * 1024);     // B200
    static_assert(bytes_in_flight(1, 40) == 16 * 1024 && bytes_in_flight(1e15, 1) == 128 * 1024);
    static_assert(bytes_in_flight(0, 132) == kernel::device_limits{}.bytes_in_flight);
    using unary = stage<twice>;
    using binary = stage<saxpy<dtype::f32>>;
    static_assert(kernel::map_items<unary>() == 4);
    static_assert(kernel::map_items<binary>() == 2);
    static_assert(kernel::map_items<stage<fill_constant>>() == 1);
    array<float> memory(4);
    const auto items = [&](int64 n, int bytes_in_flight) {
        binding b({n});
        b.load(memory.data(), {1}).store(memory.data(), {1});
        const kernel::device_limits d{132, 227 * 1024, 228 * 1024, bytes_in_flight};
        return kernel::plan_launch<unary>(b.stage(), d).kernel.walk.items;
    };
    CHECK(items(1 << 28, 48 * 1024) == 4);
    CHECK(items(1 << 28, 32 * 1024) == 2);
    CHECK(items(1 << 28, 16 * 1024) == 1);
    CHECK(items(1 << 20, 48 * 1024) == 1);
    CHECK(items(1 << 21, 48 * 1024) == 2);
}
TEST_CASE("map: several vectors per thread, whole and ragged, in place") {
    kernel::device_limits one = small_device;
    one.sm_count = 1;
    for (const int64 n : {1, 4096, 8191, 8192, 8195, 40000, 65535}) {
        array<float> x(n);
        fill_samples(x, 1);
        binding b({n});
        b.load(x.data(), {1}).store(x.data(), {1});
        if (n == 65535)
            CHECK(kernel::plan_launch<stage<twice>>(b.stage(), one).kernel.walk.items == 4);
        run<stage<twice>>(b, one);
        bool same = true;
        for (int64 i = 0; i < n; ++i) same &= x[i] == 2 * sample<float>(i, 1);
        CHECK(same);
    }
}
TEST_CASE("map: in place beside a row, a column and a transposed operand") {
    const int64 rows = 37, n = 53;
    for (const auto& stride : std::vector<std::vector<int64>>{{0, 1}, {1, 0}, {1, 37}})
        for (const int64 offset : {0, 1})
            under_all_schedules([&] {
                array<float> x(rows * n, offset), y(rows * n);
                fill_samples(x, 1);
                fill_samples(y, 2);
                binding b({rows, n});
                b.load(x.data(), {n, 1}).load(y.data(), stride).scalar(1);
                b.store(x.data(), {n, 1}).store<bool>(nullptr, {});
                run<stage<chain<dtype::f32>>>(b);
                bool same = true;
                for (int64 i = 0; i < rows * n; ++i)
                    same &= close(x[i],
                                  static_cast<double>(sample<float>(i, 1)) *
                                          y[i / n * stride[0] + i % n * stride[1]] +
                                      1);
                CHECK(same);
            });
}
TEST_CASE("map: a result's own memory never goes through a tile") {
    // p += 1 through its transposed view: every element is read by the thread that writes it.
    const int64 n = 40;
    array<float> p(n * n), q(n * n);
    fill_samples(p, 1);
    fill_samples(q, 2);
    binding b({n, n});
    b.load(p.data(), {1, n}).load(q.data(), {n, 1});
    b.store(q.data(), {n, 1}).store(p.data(), {1, n});  // q = q + 1, p = p + 1
    under_all_schedules([&] { run<stage<add_one>>(b); });
    bool same = true;
    const float runs = static_cast<float>(schedules().size());
    for (int64 i = 0; i < n * n; ++i)
        same &= p[i] == sample<float>(i, 1) + runs && q[i] == sample<float>(i, 2) + runs;
    CHECK(same);
}

}  // namespace
}  // namespace kernel_test
