// Every kind of defect is caught by the flavour that should see it, under every schedule, and the
// correct twin of each raises no alarm.
#include <doctest/doctest.h>

#include <cmath>

#include "bug_kernels.hpp"

namespace emulator_test {
namespace {

// Where a defect must be seen: by the engine in every flavour, by the race checker, by ASan, or in
// a wrong result of the plain flavour.
enum : unsigned { engine = 1, race = 2, asan = 4, value = 8 };

struct row {
    const char* name;
    unsigned seen_by;
    bool (*run)();  // launches, and says whether the result is right
};

bool close(const buffer<float>& got, float (*expected)(int)) {
    const auto h = got.host();
    for (std::size_t i = 0; i < h.size(); ++i)
        if (!(std::fabs(h[i] - expected(int(i))) <= 1e-3F * std::fabs(h[i]))) return false;
    return true;
}

template <sum_bug Bug>
bool run_sum() {
    buffer<float> x(std::vector<float>(768, 1.0F)), y(std::size_t(768));
    simt::launch(block_sum<Bug>{x.p(), y.p(), 200}, {3}, {256});
    return close(y, [](int) { return 200.0F + 256.0F * 200.0F; });
}
template <transpose_bug Bug>
bool run_transpose() {
    buffer<float> x(counting(4096, 4096)), y(std::size_t(4096));
    simt::launch(warp_transpose<Bug>{x.p(), y.p()}, {2}, {64});
    return close(y, [](int i) { return float(i / 1024 * 1024 + i % 32 * 32 + i / 32 % 32); });
}
template <map_bug Bug>
bool run_map() {
    buffer<float> x(counting(1003, 1003)), y(std::size_t(1003));
    simt::launch(double_all<Bug>{x.p(), y.p(), 1003}, {4}, {64});
    return close(y, [](int i) { return 2.0F * float(i); });
}
template <bool Atomic>
bool run_count() {
    buffer<float> y(std::vector<float>{0});
    simt::launch(grid_count<Atomic>{y.p()}, {5}, {64});
    return *y.p() == 10.0F;
}
template <bool Written>
bool run_unwritten() {
    buffer<float> y(std::size_t(64));
    simt::launch(reads_unwritten<Written>{y.p()}, {1}, {64});
    return close(y, [](int i) { return float(i + 1); });
}
template <ticket_bug Bug>
bool run_ticket() {
    buffer<float> partial(std::size_t(7 * 64)), out(std::size_t(64));
    buffer<unsigned> counter(std::vector<unsigned>{0});
    simt::launch(ticket_sum<Bug>{partial.p(), out.p(), counter.p()}, {7}, {64});
    return close(out, [](int i) { return 7.0F * float((i + 1) % 64); }) && *counter.p() == 0;
}
template <round_bug Bug>
bool run_round() {
    constexpr unsigned blocks = 5;
    buffer<float> slot(std::vector<float>(2 * blocks, 0.0F)), out(std::size_t(blocks * 64));
    buffer<unsigned> counter(std::vector<unsigned>{0});
    simt::launch(pass_round<Bug>{slot.p(), out.p(), counter.p()},
                 {blocks},
                 {64},
                 0,
                 Bug != round_bug::not_cooperative);
    return close(out, [](int i) { return float((i / 64 + 4) % 5 + 4); });
}
template <pipeline_bug Bug>
bool run_pipeline() {
    buffer<float> x(counting(5 * 256, 256)), y(std::size_t(64));
    simt::launch(pipeline<Bug>{x.p(), y.p(), 5}, {1}, {64});
    return close(y, [](int t) {
        const int first = (t * 4 + 4) % 256;
        return 15.0F * float(4 * first + 6);
    });
}
// A rule of the engine: `Rule` is called as rule(y, s) by 64 threads that share 64 floats.
template <class Rule>
bool run_rule() {
    buffer<float> y(std::vector<float>(64, 1.0F));
    simt::launch(one_rule<Rule>{y.p(), Rule{}}, {1}, {64}, 256);
    return true;
}

// ---- Rules that the engine checks itself: `Bug` false is the correct twin

template <bool Bug>
struct lanes_missing {
    void operator()(float* y, float*) const {
        if (simt::lane() < 16) y[simt::tid().x] = simt::shfl_xor(1.0F, 8, 32, Bug ? ~0U : 0xffffU);
    }
};
template <bool Bug>
struct caller_not_in_mask {
    void operator()(float*, float*) const { (void)simt::ballot(true, Bug ? 0xffffU : ~0U); }
};
template <bool Bug>
struct masks_differ {
    void operator()(float*, float*) const {
        const unsigned half = simt::lane() < 16 ? 0xffffU : 0xffff0000U;
        simt::sync_warp(Bug && simt::lane() == 3 ? ~0U : half);
    }
};
template <bool Bug>
struct kinds_differ {
    void operator()(float*, float*) const {
        if (Bug && simt::lane() == 5)
            (void)simt::ballot(true);
        else
            (void)simt::shfl(1.0F, 0);
        if (!Bug) (void)simt::ballot(true);
    }
};
template <bool Bug>
struct reads_absent_lane {
    void operator()(float*, float*) const {
        if (simt::lane() < 16) (void)simt::shfl(1.0F, Bug ? 20 : 12, 32, 0xffffU);
    }
};
template <bool Bug>
struct waits_crosswise {
    void operator()(float*, float*) const {
        if (Bug && simt::tid().x == 0) simt::sync_warp();
        simt::sync_block();
        if (!Bug || simt::tid().x != 0) simt::sync_warp();
    }
};
template <bool Bug>
struct warp_leaves_early {
    void operator()(float*, float*) const {
        if (Bug && simt::tid().x < 32) return;
        simt::sync_block();
    }
};
template <bool Bug>
struct lanes_left_early {
    void operator()(float*, float*) const {
        if (simt::lane() < 16) return;
        simt::sync_warp(Bug ? ~0U : 0xffff0000U);
    }
};
template <bool Bug>
struct carves_too_much {
    void operator()(float*, float*) const {
        simt::carver cut;
        cut.take<float>(Bug ? 100 : 64)[simt::tid().x] = 1;
    }
};
template <bool Bug>
struct carves_differently {
    void operator()(float*, float*) const {
        simt::carver cut;
        cut.take<float>(Bug && simt::tid().x > 31 ? 40 : 64);
    }
};
template <bool Bug>
struct static_too_large {
    void operator()(float*, float*) const {
        simt::shared<float[Bug ? 12289 : 12224], struct large_tag>()[simt::tid().x] = 1;
    }
};
template <bool Bug>
struct copy_misaligned {
    void operator()(float* y, float* s) const {
        if (simt::tid().x < 8) simt::cp_async<16>(s + simt::tid().x * 4, y + (Bug ? 1 : 4));
        simt::cp_async_commit();
        simt::cp_async_wait<0>();
    }
};
template <bool Bug>
struct copy_to_global {
    void operator()(float* y, float* s) const {
        if (simt::tid().x == 0) simt::cp_async<4>(Bug ? y : s, y + 8);
        simt::cp_async_commit();
        simt::cp_async_wait<0>();
    }
};
template <bool Bug>
struct global_as_shared {
    void operator()(float* y, float* s) const { (void)simt::load_shared<1>(Bug ? y : s); }
};
template <bool Bug>
struct shared_as_global {
    void operator()(float* y, float* s) const { (void)simt::load<1>(Bug ? s : y); }
};
template <bool Bug>
struct matrix_misaligned {
    void operator()(float*, float* s) const {
        uint32 r[4];
        simt::ldmatrix_x4(r, s + simt::lane() % 8 * 4 + (Bug ? 1 : 0));
    }
};
template <bool Bug>
struct atomic_misaligned {
    void operator()(float* y, float*) const {
        simt::atomic_add(reinterpret_cast<double*>(y + (Bug ? 1 : 2)), 1.0);
    }
};
template <bool Bug>
struct throws_out {
    void operator()(float* y, float*) const {
        if (Bug && y != nullptr) throw std::runtime_error("left the kernel");
    }
};
template <bool Bug>
struct launches_inside {
    void operator()(float* y, float*) const {
        if (Bug && simt::tid().x == 0) simt::launch(grid_count<true>{y}, {1}, {64});
    }
};

// Rules that the race checker or ASan sees.
template <bool Bug>
struct reads_own_copy {
    void operator()(float* y, float* s) const {
        const unsigned t = simt::tid().x;
        simt::cp_async<4>(s + t, y + t);
        simt::cp_async_commit();
        if (!Bug) simt::cp_async_wait<0>();
        const float v = s[t];
        simt::cp_async_wait<0>();
        s[t] = v + 1;
    }
};
template <bool Bug>
struct reads_part_of_vector {
    void operator()(float* y, float* s) const {
        const unsigned t = simt::tid().x;
        if (t == 0) simt::store<4>(y, simt::vec<float, 4>{{1, 2, 3, 4}});
        if (!Bug) simt::sync_warp();
        if (t == 3) s[t] = simt::load_coherent<1>(y + t)[0];
    }
};
template <bool Bug>
struct reads_back {
    void operator()(float* y, float* s) const {
        const unsigned t = simt::tid().x;
        simt::store<1>(y + t, simt::vec<float, 1>{{2}});
        s[t] = Bug ? simt::load<1>(y + t)[0] : simt::load_own<1>(y + t)[0];
    }
};
template <bool Bug>
struct reads_what_others_write {
    void operator()(float* y, float* s) const {
        const unsigned t = simt::tid().x;
        s[t] = simt::load_own<1>(y + (Bug ? t ^ 33U : t))[0];
        simt::store<1>(y + t, simt::vec<float, 1>{{2}});
    }
};
template <bool Bug>
struct bytes_overlap {
    void operator()(float* y, float*) const {
        const unsigned t = simt::tid().x;
        auto* bytes = reinterpret_cast<unsigned char*>(y) + (Bug ? t / 2 : t);
        simt::store<1>(bytes, simt::vec<unsigned char, 1>{{1}});
    }
};

// Both variants of a rule as rows of the tables.
template <template <bool> class Rule>
constexpr row rule(const char* name, unsigned seen_by = engine) {
    return {name, seen_by, &run_rule<Rule<true>>};
}
template <template <bool> class Rule>
constexpr row twin() {
    return {"", 0, &run_rule<Rule<false>>};
}

const row defects[] = {
    {"shared: no barrier between write and read", race, &run_sum<sum_bug::no_barrier_before_read>},
    {"shared: no barrier before reuse", race, &run_sum<sum_bug::no_barrier_before_reuse>},
    {"shared: array one too small", race | asan, &run_sum<sum_bug::array_too_small>},
    {"shared: index off by one", race | asan, &run_sum<sum_bug::index_off_by_one>},
    {"shared: never written", race | value, &run_unwritten<false>},
    {"barrier: only some threads", engine, &run_sum<sum_bug::divergent_barrier>},
    {"barrier: two places", engine, &run_sum<sum_bug::different_barriers>},
    {"barrier: early return", engine, &run_sum<sum_bug::early_return>},
    {"warp: no sync_warp", race, &run_transpose<transpose_bug::no_sync>},
    {"warp: shuffle taken for a barrier", race, &run_transpose<transpose_bug::shuffle_for_sync>},
    {"global: vector over the tail", engine | race | asan, &run_map<map_bug::over_the_tail>},
    {"global: reads past the end", race | asan, &run_map<map_bug::reads_past_end>},
    {"global: misaligned vector", engine, &run_map<map_bug::misaligned>},
    {"global: blocks write the same elements",
     race | value,
     &run_map<map_bug::missing_block_offset>},
    {"global: read-only load of a result", race, &run_map<map_bug::reads_own_result>},
    {"global: += instead of an atomic", race, &run_count<false>},
    {"ticket: no fence", race, &run_ticket<ticket_bug::no_fence>},
    {"ticket: no fence after it", race, &run_ticket<ticket_bug::no_fence_after>},
    {"ticket: only one of the storing threads fences", race, &run_ticket<ticket_bug::fence_by_one>},
    {"ticket: no atomic", race, &run_ticket<ticket_bug::no_atomic>},
    {"ticket: no barrier before it", race, &run_ticket<ticket_bug::no_barrier_before>},
    {"ticket: no barrier after it", race, &run_ticket<ticket_bug::no_barrier_after>},
    {"ticket: read-only load", race, &run_ticket<ticket_bug::read_only_load>},
    {"round: no fence", race, &run_round<round_bug::no_fence>},
    {"round: no fence after it", race, &run_round<round_bug::no_fence_after>},
    {"round: no wait", race, &run_round<round_bug::no_wait>},
    {"round: waits for all but one", race, &run_round<round_bug::waits_too_little>},
    {"round: no barrier after it", race, &run_round<round_bug::no_barrier_after>},
    {"round: one buffer", race, &run_round<round_bug::one_buffer>},
    {"round: read-only load", race, &run_round<round_bug::read_only_load>},
    {"round: one never arrives", engine, &run_round<round_bug::one_never_arrives>},
    {"round: blocks that need not run together", engine, &run_round<round_bug::not_cooperative>},
    {"pipeline: no barrier", race, &run_pipeline<pipeline_bug::no_barrier>},
    {"pipeline: no wait", race | asan, &run_pipeline<pipeline_bug::no_wait>},
    {"pipeline: wait too short", race | asan, &run_pipeline<pipeline_bug::waits_too_little>},
    {"pipeline: prefetch too early", race, &run_pipeline<pipeline_bug::prefetch_before_barrier>},
    {"pipeline: copies never waited for",
     engine,
     &run_pipeline<pipeline_bug::never_waits_for_last>},
    {"pipeline: reads past the end", race | asan, &run_pipeline<pipeline_bug::reads_past_end>},
    {"pipeline: swizzles differ", value, &run_pipeline<pipeline_bug::wrong_swizzle>},
    rule<lanes_missing>("warp: full mask in divergent code"),
    rule<caller_not_in_mask>("warp: caller not in its mask"),
    rule<masks_differ>("warp: masks differ"),
    rule<kinds_differ>("warp: different collectives"),
    rule<reads_absent_lane>("warp: shuffle from an absent lane"),
    rule<waits_crosswise>("deadlock: warp barrier against block barrier"),
    rule<warp_leaves_early>("barrier: a warp left before it"),
    rule<lanes_left_early>("warp: lanes left before the barrier"),
    rule<carves_too_much>("shared: more than the launch gave"),
    rule<carves_differently>("shared: threads carve differently"),
    rule<static_too_large>("shared: more than 48 KiB static"),
    rule<copy_misaligned>("cp_async: misaligned"),
    rule<copy_to_global>("cp_async: target is not shared"),
    rule<global_as_shared>("shared: load of a global address"),
    rule<shared_as_global>("global: load of a shared address"),
    rule<matrix_misaligned>("ldmatrix: misaligned row"),
    rule<atomic_misaligned>("atomic: misaligned"),
    rule<throws_out>("exception leaves the kernel"),
    rule<launches_inside>("kernel launches a kernel"),
    rule<reads_own_copy>("cp_async: reads its own target before the wait", race | asan),
    rule<reads_part_of_vector>("global: reads a part of another thread's vector", race),
    rule<reads_back>("global: a thread's read-only load of its own result", race),
    rule<reads_what_others_write>("global: in place, but another thread's element", race),
    rule<bytes_overlap>("global: threads write the same byte", race),
};
const row twins[] = {
    {"block sum", 0, &run_sum<sum_bug::none>},
    {"written", 0, &run_unwritten<true>},
    {"transpose", 0, &run_transpose<transpose_bug::none>},
    {"map", 0, &run_map<map_bug::none>},
    {"atomic count", 0, &run_count<true>},
    {"ticket", 0, &run_ticket<ticket_bug::none>},
    {"ticket: fence before the barrier", 0, &run_ticket<ticket_bug::fence_before_barrier>},
    {"ticket: reader's fence before the barrier", 0, &run_ticket<ticket_bug::fence_by_reader>},
    {"ticket: drawn by another thread", 0, &run_ticket<ticket_bug::drawn_by_other>},
    {"ticket: drawn by another lane", 0, &run_ticket<ticket_bug::drawn_in_warp>},
    {"round", 0, &run_round<round_bug::none>},
    {"pipeline", 0, &run_pipeline<pipeline_bug::none>},
    twin<lanes_missing>(),
    twin<caller_not_in_mask>(),
    twin<masks_differ>(),
    twin<kinds_differ>(),
    twin<reads_absent_lane>(),
    twin<waits_crosswise>(),
    twin<warp_leaves_early>(),
    twin<lanes_left_early>(),
    twin<carves_too_much>(),
    twin<carves_differently>(),
    twin<static_too_large>(),
    twin<copy_misaligned>(),
    twin<copy_to_global>(),
    twin<global_as_shared>(),
    twin<shared_as_global>(),
    twin<matrix_misaligned>(),
    twin<atomic_misaligned>(),
    twin<throws_out>(),
    twin<launches_inside>(),
    twin<reads_own_copy>(),
    twin<reads_part_of_vector>(),
    twin<reads_back>(),
    twin<reads_what_others_write>(),
    twin<bytes_overlap>(),
};

TEST_CASE("emulator: correct kernels raise no alarm") {
    for (const auto& o : schedules()) {
        for (double preempt : {0.0, 0.05}) {
            emulator::options with = o;
            with.preempt = preempt;
            const emulator::scoped_options scope(with);
            for (const row& r : twins) {
                CAPTURE(r.name);
                CAPTURE(&r - twins);
                CHECK(r.run());
                CHECK_MESSAGE(emulator::last().errors.empty(), errors());
            }
        }
    }
}

TEST_CASE("emulator: planted bugs are caught") {
    for (const row& r : defects) {
        for (const auto& o : schedules()) {
            const emulator::scoped_options scope(o);
            CAPTURE(r.name);
            CAPTURE(static_cast<int>(o.schedule));
            CAPTURE(o.seed);
            if (asan_flavour && (r.seen_by & asan) != 0) {
                // A dying child takes a while: two schedules are enough.
                if (o.schedule == emulator::order::fifo || o.seed == 2)
                    CHECK_FALSE(survives([&] { r.run(); }));
                continue;
            }
            // What only the race flavour must see may well stop a program under ASan.
            if (asan_flavour && (r.seen_by & engine) == 0) continue;
            const bool right = r.run();
            const bool alarm = !emulator::last().errors.empty();
            if ((r.seen_by & engine) != 0 || (race_flavour && (r.seen_by & race) != 0))
                CHECK(alarm);
            if ((r.seen_by & value) != 0) CHECK_FALSE(right);
            if (!race_flavour && (r.seen_by & engine) == 0) CHECK_MESSAGE(!alarm, errors());
        }
    }
}

TEST_CASE("emulator: reports name the thread, the place and the rule") {
    struct {
        bool (*run)();
        std::vector<const char*> words;
        bool always;
    } const rows[] = {
        {&run_sum<sum_bug::divergent_barrier>,
         {"barrier: ", "thread (", "bug_kernels.hpp:", "others wait at"},
         true},
        {&run_rule<waits_crosswise<true>>,
         {"deadlock: ", "63 wait in sync_block at planted_bugs.cpp:"},
         true},
        {&run_round<round_bug::one_never_arrives>,
         {"deadlock: ", "1 wait in wait_until at bug_kernels.hpp:"},
         true},
        {&run_round<round_bug::not_cooperative>, {"the launch is not cooperative"}, true},
        {&run_rule<carves_too_much<true>>, {"carves 400 bytes", "launched with 256"}, true},
        {&run_rule<lanes_left_early<true>>, {"sync_warp: mask ffffffff names lanes that"}, true},
        {&run_rule<warp_leaves_early<true>>, {"barrier: "}, true},
        {&run_map<map_bug::misaligned>, {"align: ", "16-byte"}, true},
        {&run_ticket<ticket_bug::no_fence>,
         {"race: read after write in global memory", "block (0,0,0)", "bug_kernels.hpp:"},
         false},
        {&run_transpose<transpose_bug::no_sync>, {"race: ", "in shared memory"}, false},
        {&run_map<map_bug::reads_own_result>,
         {"a read-only load of what this kernel wrote"},
         false},
        {&run_unwritten<false>, {"a read of shared memory that was never written"}, false}};
    for (const auto& r : rows) {
        if (!r.always && !race_flavour) continue;
        r.run();
        for (const char* word : r.words)
            CHECK_MESSAGE(errors().find(word) != std::string::npos,
                          word << " is not in " << errors());
    }
}

TEST_CASE("emulator: impossible launches are refused") {
    struct {
        const char* name;
        simt::dim grid, block;
        std::size_t shared;
    } const rows[] = {{"no thread", {1}, {0}, 0},
                      {"no block", {0}, {32}, 0},
                      {"more threads than the kernel allows", {1}, {65}, 0},
                      {"a ragged block", {1}, {8, 8}, 0},
                      {"a grid too high", {1, 65536}, {32}, 0},
                      {"too much shared memory", {1}, {32}, 228 * 1024}};
    buffer<float> y(std::vector<float>{0});
    for (const auto& r : rows) {
        CAPTURE(r.name);
        simt::launch(grid_count<true>{y.p()}, r.grid, r.block, r.shared);
        CHECK(emulator::last().errors.size() == 1);
        CHECK(emulator::last().stats.blocks == 0);
    }
    simt::launch(grid_count<true>{y.p()}, {1}, {64});
    CHECK(emulator::last().errors.empty());
    CHECK(*y.p() == 2.0F);
}

TEST_CASE("emulator: a write outside an allocation is seen at its release") {
    if (asan_flavour || race_flavour) return;
    auto* p = static_cast<float*>(emulator::allocate(12));
    volatile float* past = p + 3;
    *past = 1.0F;
    CHECK_FALSE(emulator::release(p));
}

}  // namespace
}  // namespace emulator_test
