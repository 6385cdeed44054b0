// The launch plans: which kernel, and that grid, block and memory keep the device's limits and
// cover the space. Nothing runs here.
#include <algorithm>

#include "kernel/stages.hpp"
#include "kernel/support.hpp"

namespace kernel_test {
namespace {

using kernel::kernel_kind;
using kernel::kernel_kind_of;

static_assert(kernel_kind_of<stage<chain<dtype::f32>>>() == kernel_kind::map);
static_assert(kernel_kind_of<stage<fill_constant>>() == kernel_kind::map);
static_assert(kernel_kind_of<stage<softmax<dtype::f32>>>() == kernel_kind::row);
static_assert(kernel_kind_of<stage<whole_sum>>() == kernel_kind::row);
static_assert(kernel_kind_of<stage<statistics<dtype::f32>>>() == kernel_kind::reduce);
static_assert(kernel_kind_of<stage<running>>() == kernel_kind::reduce);
static_assert(kernel_kind_of<stage<plain<dtype::i64>>>() == kernel_kind::matmul);
static_assert(kernel::map_width<stage<saxpy<dtype::f32>>>() == 4);
static_assert(kernel::map_width<stage<saxpy<dtype::f64>>>() == 2);
static_assert(kernel::map_width<stage<saxpy<dtype::bf16>>>() == 8);
static_assert(kernel::map_width<stage<mixed>>() == 2);
static_assert(!kernel::uses_tensor_cores<stage<plain<dtype::f32>>>());
static_assert(kernel::uses_tensor_cores<stage<rounded>>());

constexpr kernel::device_limits devices[] = {
    {1, 48 * 1024, 64 * 1024}, {40, 64 * 1024, 64 * 1024}, {132, 227 * 1024, 228 * 1024}};
constexpr int64 extents[] = {1, 2, 31, 32, 33, 100, 1000, 4097, 123457, 1 << 24};

template <class P>
void check_limits(const P& p, const kernel::device_limits& d) {
    CHECK(!p.nothing);
    CHECK(p.grid.x > 0);
    CHECK(p.grid.y > 0);
    CHECK(p.grid.y <= 65535);
    CHECK(p.block.x % 32 == 0);
    CHECK(p.block.x > 0);
    CHECK(p.block.x <= static_cast<unsigned>(decltype(p.kernel)::max_threads));
    CHECK(p.shared_bytes <= static_cast<unsigned>(d.shared_per_block));
    CHECK(p.workspace_bytes >= p.zeroed_bytes);
    CHECK(p.zeroed_bytes % 16 == 0);
}

TEST_CASE("launch: maps have a thread for every few vectors") {
    for (const auto& d : devices)
        for (const int64 n : extents) {
            CAPTURE(n);
            array<float> memory(4);
            binding b({n});
            b.load(memory.data(), {1}).load(memory.data(), {1}).scalar(1);
            b.store(memory.data(), {1}).store<bool>(nullptr, {1});
            const auto p = kernel::plan_launch<stage<chain<dtype::f32>>>(b.stage(), d);
            check_limits(p, d);
            CHECK(p.kernel.walk.path == kernel::map_path::flat);
            const int64 each = 4 * p.kernel.walk.items;  // elements of a thread
            const int64 threads = static_cast<int64>(p.grid.x) * p.block.x;
            CHECK(threads * each >= n);
            CHECK((threads - p.block.x) * each < n);
        }
}
TEST_CASE("launch: rows are covered, kept while they fit, and teams run at the same time") {
    using C = stage<softmax<dtype::f32>>;
    for (const auto& d : devices)
        for (const int64 rows : {int64{1}, int64{3}, int64{77}, int64{4096}, int64{1000000}})
            for (const int64 n : extents)
                for (const bool columns : {false, true}) {
                    CAPTURE(rows);
                    CAPTURE(n);
                    CAPTURE(d.sm_count);
                    CAPTURE(columns);
                    binding b({rows}, {n});
                    const std::vector<int64> strides =
                        columns ? std::vector<int64>{1, rows} : std::vector<int64>{n, 1};
                    b.load<float>(nullptr, strides).store<float>(nullptr, strides);
                    const auto p = kernel::plan_launch<C>(b.stage(), d);
                    check_limits(p, d);
                    const auto& g = p.kernel.g;
                    CHECK(p.block.x == g.lanes * g.rows);
                    CHECK((g.lanes & (g.lanes - 1)) == 0);
                    CHECK((g.rows & (g.rows - 1)) == 0);
                    CHECK(p.shared_bytes == g.state_bytes + g.kept_bytes);
                    CHECK(p.grid.x % g.team == 0);
                    CHECK(p.cooperative == (g.team > 1));
                    if (g.across) CHECK((columns && g.rows >= 8));
                    if (p.cooperative) {
                        // Two blocks of a team are on a processor.
                        CHECK(p.grid.x <= static_cast<unsigned>(2 * d.sm_count));
                        CHECK(2 * p.block.x <= 512);
                        if (g.kept_bytes > 0)
                            CHECK(2 * (p.shared_bytes + 1024) <=
                                  static_cast<unsigned>(d.shared_per_sm));
                        CHECK(g.part * g.team >= n);
                        CHECK(g.part % 64 == 0);
                        CHECK(p.workspace_bytes > p.zeroed_bytes);
                    } else {
                        CHECK(p.workspace_bytes == 0);
                        CHECK(p.grid.x <= (rows + g.rows - 1) / g.rows);
                    }
                    // All processors together hold a row, or nothing of it is kept.
                    const int64 all =
                        static_cast<int64>(d.sm_count) * 2 *
                        (std::min(d.shared_per_block, d.shared_per_sm / 2 - 1024) - 512);
                    if (g.kept == 0)
                        CHECK(4 * (n + 64) > std::min<int64>(all, d.shared_per_block - 1024));
                    CHECK(!p.kernel.last_walk);  // no result is wanted here
                }
}
TEST_CASE("launch: reductions cover every row, neighbours in a warp are neighbours in memory") {
    using C = stage<statistics<dtype::f32>>;
    for (const auto& d : devices)
        for (const int64 rows : extents)
            for (const int64 length : extents)
                for (const bool columns : {false, true}) {
                    CAPTURE(rows);
                    CAPTURE(length);
                    CAPTURE(columns);
                    binding b({rows}, {length});
                    const std::vector<int64> strides =
                        columns ? std::vector<int64>{1, rows} : std::vector<int64>{length, 1};
                    b.load<float>(nullptr, strides).load<float>(nullptr, strides).scalar(1);
                    b.store<float>(nullptr, {1, 0}).store<float>(nullptr, {1, 0});
                    b.store<int64>(nullptr, {1, 0}).store<bool>(nullptr, {1, 0});
                    const auto p = kernel::plan_launch<C>(b.stage(), d);
                    check_limits(p, d);
                    const auto& g = p.kernel.g;
                    CHECK(g.columns * g.depth == p.block.x);
                    CHECK(g.tiles * g.outputs >= rows);
                    CHECK((g.tiles - 1) * g.outputs < rows + g.skipped);
                    CHECK(g.chunk * p.grid.y >= length);
                    CHECK(g.chunk * (p.grid.y - 1) < length);
                    if (rows > 1 && length > 1) CHECK(g.along_row == !columns);
                    if (g.wide_outputs) CHECK(((columns || length == 1) && g.outputs <= p.block.x));
                    if (p.grid.y > 1) {
                        CHECK(p.grid.x == g.tiles);
                        // No more than one wave of blocks, which fold enough to be worth it.
                        CHECK(p.grid.x * p.grid.y <= static_cast<unsigned>(2 * d.sm_count));
                        CHECK(g.chunk >= 16 * static_cast<int64>(g.depth));
                        CHECK(p.workspace_bytes < length * rows);
                    } else {
                        CHECK(p.workspace_bytes == 0);
                    }
                }
}
TEST_CASE("launch: states of many reductions leave room in shared memory") {
    using C = stage<many_sums>;
    binding b({}, {1 << 20});
    b.load<double>(nullptr, {1}).store<double>(nullptr, {0});
    for (const auto& d : devices) {
        const auto p = kernel::plan_launch<C>(b.stage(), d);
        check_limits(p, d);
        CHECK(p.shared_bytes <= 47 * 1024);
    }
}

TEST_CASE("row: which arrays are kept, most read first") {
    kernel::row_facts f;
    f.loads = 4;
    f.width = 4;
    f.state_bytes = 8;
    f.read_in[0] = 3;  // two loads of one view
    f.read_in[1] = 2;
    f.read_in[2] = 3;
    f.read_in[3] = 2;
    for (auto& t : f.load_type) t = dtype::f32;
    f.load_type[2] = dtype::f64;
    float x[8];
    ir::bound_operand load[4];
    load[0].data = load[1].data = x;
    load[2].data = x + 2;
    load[3].data = x + 4;
    for (auto& o : load) o.stride[1] = 1;
    binding b({1}, {100});
    b.b.load = load;
    struct wanted {
        int shared;
        int kept, at[4], reads[4];
    };
    const wanted table[] = {
        {600, 0, {-1, -1, -1, -1}, {2, 2, 2, 1}},
        {1000, 1, {0, 0, -1, -1}, {1, 1, 2, 1}},
        {4096, 2, {0, 0, 448, -1}, {1, 1, 1, 1}},  // 112 floats: whole strips and 16 bytes
    };
    for (const wanted& w : table) {
        CAPTURE(w.shared);
        // One processor, whose shared memory is that of one block: teams have no more.
        const auto c = kernel::choose_row(f, b.b, {1, w.shared, w.shared + 1024});
        CHECK(c.g.team == 1);
        CHECK(c.g.kept == w.kept);
        CHECK(c.all_kept == (w.kept == 2));
        for (int j = 0; j < 4; ++j) {
            CHECK(c.kept_at[j] == w.at[j]);
            CHECK(c.reads[j] == w.reads[j]);
        }
    }
}

}  // namespace
}  // namespace kernel_test
