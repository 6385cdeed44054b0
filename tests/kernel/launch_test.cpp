// The launch plans: which kernel, and that grid, block and memory keep the device's limits and
// cover the space. Nothing runs here.
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
TEST_CASE("launch: rows get buffers while two blocks fit") {
    using C = stage<softmax<dtype::f32>>;
    for (const auto& d : devices)
        for (const int64 n : extents) {
            CAPTURE(n);
            binding b({77}, {n});
            b.load<float>(nullptr, {n, 1}).store<float>(nullptr, {n, 1});
            const int64 room = kernel::row_buffer_room<C>(n, d);
            const auto kept = b.keep_rows<C>({0}, room);
            CHECK((kept.buffers == 1) == (n * 4 <= room));
            CHECK(kept.rereads == (n * 4 <= room ? 0 : 2));
            const auto p = kernel::plan_launch<C>(b.stage(), d);
            check_limits(p, d);
            CHECK(p.kernel.buffer_bytes == static_cast<unsigned>(kept.bytes));
            if (kept.buffers > 0)
                CHECK(2 * (p.shared_bytes + 1024) <= static_cast<unsigned>(d.shared_per_sm));
            CHECK(!p.kernel.last_loop);  // no result is wanted here
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
                    const auto& k = p.kernel;
                    CHECK(k.columns * k.depth == p.block.x);
                    CHECK(k.tiles * k.columns >= rows);
                    CHECK((k.tiles - 1) * k.columns < rows);
                    CHECK(k.chunk * p.grid.y >= length);
                    CHECK(k.chunk * (p.grid.y - 1) < length);
                    if (rows > 1 && length > 1) CHECK(k.along_row == !columns);
                    if (p.grid.y > 1) {
                        CHECK(p.grid.x == k.tiles);
                        // A split folds enough to be worth its second tree.
                        CHECK(k.chunk >= 16 * static_cast<int64>(k.depth));
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
        CHECK(p.shared_bytes > 20 * 1024);
    }
}

}  // namespace
}  // namespace kernel_test
