// The window kernel against plain loops and against the reduce kernel.
#include <algorithm>
#include <random>

#include "kernel/stages.hpp"
#include "kernel/support.hpp"

namespace kernel_test {
namespace {

using window_strides = std::vector<int64>;

/// Windows of an array: the extents of outputs and windows, and the strides of both in all arrays.
struct window_space {
    std::vector<int64> outer, row;
    window_strides x, filter, channel, result;  // by axis, those of the row last

    binding bound() const { return binding(outer, row); }
    int64 outputs() const { return product(outer); }
    int64 length() const { return product(row); }
    static int64 product(const std::vector<int64>& v) {
        int64 n = 1;
        for (const int64 e : v) n *= e;
        return n;
    }
    int64 extent(std::size_t d) const {
        return d < outer.size() ? outer[d] : row[d - outer.size()];
    }
    // The offset of window element `step` of output `k`.
    int64 at(const window_strides& s, int64 k, int64 step) const {
        int64 o = 0;
        for (std::size_t d = row.size(); d-- > 0; step /= row[d])
            o += step % row[d] * s[outer.size() + d];
        for (std::size_t d = outer.size(); d-- > 0; k /= outer[d]) o += k % outer[d] * s[d];
        return o;
    }
    // Elements before the first and from it on, of an array with these strides.
    int64 reach(const window_strides& s, bool forwards) const {
        int64 n = forwards;
        for (std::size_t d = 0; d < s.size(); ++d)
            if ((s[d] > 0) == forwards) n += (extent(d) - 1) * (forwards ? s[d] : -s[d]);
        return n;
    }
};

/// An array that holds a space's elements with such strides.
template <class T>
struct window_array {
    array<T> all;
    T* first;
    window_array(const window_space& s, const window_strides& strides, int64 offset, int64 seed)
        : all(s.reach(strides, true) + s.reach(strides, false), offset),
          first(all.data() + s.reach(strides, false)) {
        fill_samples(all, seed);
    }
};

// Images (n, h, w, c), channels last or images of channels one after another.
window_space images(int64 n,
                    int64 h,
                    int64 w,
                    int64 c,
                    int64 size_y,
                    int64 size_x,
                    int64 stride = 1,
                    int64 dilation = 1,
                    bool channels_last = true) {
    const auto count = [&](int64 e, int64 size) {
        return (e - dilation * (size - 1) - 1) / stride + 1;
    };
    const auto strides = [&](int64 rows, int64 columns) -> window_strides {
        if (channels_last) return {rows * columns * c, columns * c, c, 1, 0, 0};
        return {c * rows * columns, columns, 1, rows * columns, 0, 0};
    };
    window_space s;
    s.outer = {n, count(h, size_y), count(w, size_x), c};
    s.row = {size_y, size_x};
    s.x = strides(h, w);
    s.x[4] = s.x[1] * dilation;
    s.x[5] = s.x[2] * dilation;
    s.x[1] *= stride;
    s.x[2] *= stride;
    s.filter = {0, 0, 0, 1, size_x * c, c};
    s.channel = {0, 0, 0, 1, 0, 0};
    s.result = strides(s.outer[1], s.outer[2]);
    return s;
}

/// Runs stage C by the window kernel, which has to take it.
template <class C>
emulator::result run_windows(binding& b, const kernel::device_limits& d) {
    const auto plan = kernel::plan_windows<C>(b.stage(), d);
    REQUIRE(!plan.nothing);
    const emulator::result r =
        simt::launch(plan.kernel, plan.grid, plan.block, plan.shared_bytes, plan.cooperative);
    CHECK_MESSAGE(r.errors.empty(), errors_of(r));
    CHECK(r.stats.uncounted == 0);
    CHECK(r.stats.barriers == 0);
    return r;
}

template <class T>
void check_depthwise(const window_space& s,
                     int64 offset = 0,
                     const kernel::device_limits& d = small_device) {
    using C = stage<depthwise<sinter::dtype_v<T>>>;
    CAPTURE(sinter::name_of(sinter::dtype_v<T>));
    CAPTURE(s.outputs());
    CAPTURE(s.length());
    CAPTURE(offset);
    const window_array<T> x(s, s.x, offset, 1), w(s, s.filter, offset, 2),
        bias(s, s.channel, offset, 3), out(s, s.result, offset, 4), sum(s, s.result, offset, 5),
        reduced(s, s.result, offset, 6);
    const auto bind = [&](T* to, T* sums) {
        binding b = s.bound();
        b.load(x.first, s.x).load(w.first, s.filter).load(bias.first, s.channel);
        return b.store(to, s.result).store(sums, s.result);
    };
    binding b = bind(out.first, sum.first), again = bind(reduced.first, nullptr);
    run_windows<C>(b, d);
    run<C>(again, d);
    bool same = true, like_reduce = true;
    for (int64 k = 0; k < s.outputs(); ++k) {
        decltype(number_of(T())) want{};
        for (int64 i = 0; i < s.length(); ++i)
            want += number_of(x.first[s.at(s.x, k, i)]) * number_of(w.first[s.at(s.filter, k, i)]);
        const int64 at = s.at(s.result, k, 0);
        same &= close(sum.first[at], want, 16);
        want += number_of(bias.first[s.at(s.channel, k, 0)]);
        same &= close(out.first[at], want > 0 ? want : 0, 16);
        like_reduce &= close(out.first[at], number_of(reduced.first[at]), 16);
    }
    CHECK(same);
    CHECK(like_reduce);
}

TEST_CASE("windows: convolutions of single channels, every type, layout, stride and dilation") {
    struct spaced {
        window_space s;
        int64 offset;
        bool wide;  // floats move 16 bytes at a time
    };
    const spaced all[] = {
        {images(1, 18, 21, 32, 3, 3), 0, true},
        {images(2, 13, 12, 36, 3, 3, 2), 0, true},
        {images(1, 23, 17, 20, 5, 2, 1, 2), 4, true},
        {images(3, 9, 11, 33, 3, 3), 0, false},
        {images(2, 9, 10, 32, 3, 3), 1, false},
        {images(1, 40, 300, 1, 3, 3), 0, false},
        {images(2, 30, 41, 3, 2, 3, 2, 1, false), 0, false},
        {images(4, 1, 70, 8, 1, 11), 0, true},
        {images(90, 2, 2, 32, 2, 2), 0, true},
        {images(1, 17, 90, 4, 11, 11), 0, true},
    };
    for (const spaced& c : all) {
        check_depthwise<float>(c.s, c.offset);
        check_depthwise<bfloat16>(c.s, c.offset);
        if (race_flavour) continue;  // which is slow
        check_depthwise<double>(c.s, c.offset);
        check_depthwise<int64>(c.s, c.offset);
        using C = stage<depthwise<dtype::f32>>;
        const array<float> a(1, c.offset);
        binding b = c.s.bound();
        b.load(a.data(), c.s.x).load(a.data(), c.s.filter).load(a.data(), c.s.channel);
        b.store(a.data(), c.s.result).store(a.data(), c.s.result);
        CHECK((kernel::plan_windows<C>(b.stage(), small_device).kernel.g.wide.load != 0) == c.wide);
    }
}

TEST_CASE("windows: under every schedule") {
    under_all_schedules([] {
        check_depthwise<float>(images(1, 18, 21, 36, 3, 3), 0);
        check_depthwise<bfloat16>(images(2, 30, 41, 3, 2, 3, 2, 1, false), 1);
    });
}

// Any axes in any order, some of them backwards.
TEST_CASE("windows: axes of any number, order and direction") {
    std::mt19937 rng(5);
    const auto pick = [&](int64 from, int64 upto) {
        return from + static_cast<int64>(rng() % static_cast<unsigned>(upto - from + 1));
    };
    constexpr kernel::device_limits one{1, 48 * 1024, 100 * 1024};
    int taken = 0;
    constexpr int turns = race_flavour ? 24 : 120;
    for (int turn = 0; turn < turns; ++turn) {
        window_space s;
        const int64 ranks = pick(1, 5), steps = pick(1, 3);
        for (int64 d = 0; d < ranks; ++d) s.outer.push_back(pick(1, ranks < 3 ? 40 : 10));
        for (int64 d = 0; d < steps; ++d) s.row.push_back(pick(d == 0 ? 2 : 1, 4));
        const auto axes = static_cast<std::size_t>(ranks + steps);
        s.x.resize(axes);
        s.filter.resize(axes);
        s.channel.resize(axes);
        s.result.resize(axes);
        // Outer axes in random order; the first `steps` of that order are slid along if there are
        // as many.
        std::vector<std::size_t> order;
        for (std::size_t d = 0; d < s.outer.size(); ++d) order.push_back(d);
        std::shuffle(order.begin(), order.end(), rng);
        int64 stride = 1, to = 1, channels = 1;
        std::vector<std::size_t> slid;
        for (std::size_t n = 0; n < order.size(); ++n) {
            const std::size_t d = order[n], r = s.outer.size() + slid.size();
            const bool slides = slid.size() < s.row.size() && n + s.row.size() >= order.size();
            const int64 sign = pick(0, 3) == 0 ? -1 : 1, by = pick(1, 2), apart = pick(1, 2);
            s.x[d] = sign * stride * (slides ? by : 1);
            s.result[d] = to;
            to *= s.outer[d];
            if (slides) {
                slid.push_back(d);
                s.x[r] = sign * stride * apart;
                stride *= s.outer[d] * by + s.row[r - s.outer.size()] * apart;
            } else {
                s.channel[d] = s.filter[d] = channels;
                channels *= s.outer[d];
                stride *= s.outer[d];
            }
        }
        for (std::size_t r = s.outer.size(); r < axes; ++r) {
            s.filter[r] = channels;
            channels *= s.extent(r);
            if (r - s.outer.size() >= slid.size()) s.x[r] = stride, stride *= s.extent(r);
        }
        if (s.outputs() < 64 * 8) continue;
        ++taken;
        CAPTURE(turn);
        check_depthwise<float>(s, pick(0, 1), one);
        check_depthwise<bfloat16>(s, 0, one);
    }
    CHECK(taken > turns / 8);
}

template <class T>
void check_pool(window_space s, int64 offset) {
    using C = stage<scaled_pool<sinter::dtype_v<T>>>;
    CAPTURE(sinter::name_of(sinter::dtype_v<T>));
    CAPTURE(s.outputs());
    const window_array<T> x(s, s.x, offset, 1), scale(s, s.channel, offset, 2),
        shift(s, s.result, offset, 3);
    const window_array<T> top(s, s.result, offset, 4);
    const window_array<int64> position(s, s.result, offset, 5);
    // The sum lies where one of its operands did.
    binding b = s.bound();
    b.load(x.first, s.x).load(scale.first, s.channel).load(shift.first, s.result);
    b.store(top.first, s.result).store(position.first, s.result).store(shift.first, s.result);
    std::vector<T> before(shift.first, shift.first + s.reach(s.result, true));
    run_windows<C>(b, small_device);
    bool same = true;
    for (int64 k = 0; k < s.outputs(); ++k) {
        const int64 at = s.at(s.result, k, 0);
        decltype(number_of(T())) best{};
        int64 where = -1;
        const auto added = number_of(before[static_cast<std::size_t>(at)]);
        for (int64 i = 0; i < s.length(); ++i) {
            const auto v = number_of(x.first[s.at(s.x, k, i)]) *
                               number_of(scale.first[s.at(s.channel, k, 0)]) +
                           added;
            if (where >= 0 && !(v > best)) continue;
            best = v;
            where = i;
        }
        same &= close(top.first[at], best) && close(shift.first[at], best + added, 8);
        same &= position.first[at] == where;
    }
    CHECK(same);
}
TEST_CASE("windows: extremes and their positions, with values of outputs in the walk") {
    for (const int64 offset : {0, 3}) {
        check_pool<float>(images(1, 17, 19, 24, 3, 3), offset);
        check_pool<double>(images(2, 12, 14, 5, 3, 2, 2), offset);
        check_pool<int64>(images(1, 31, 18, 7, 4, 4, 1, 2), offset);
        check_pool<float>(images(2, 20, 60, 1, 5, 3, 1, 1, false), offset);
    }
}

template <class C>
auto plan_of(const window_space& s) {
    const array<float> a(1);
    binding b = s.bound();
    b.load(a.data(), s.x).load(a.data(), s.filter).load(a.data(), s.channel);
    b.store(a.data(), s.result).store(a.data(), s.result);
    return kernel::plan_windows<C>(b.stage(), small_device);
}
TEST_CASE("windows: long ones, few outputs and what is stored along a window are for reduce") {
    using C = stage<depthwise<dtype::f32>>;
    CHECK(!plan_of<C>(images(1, 30, 30, 32, 11, 11)).nothing);
    CHECK(plan_of<C>(images(1, 30, 30, 32, 11, 12)).nothing);
    CHECK(plan_of<C>(images(1, 30, 30, 32, 1, 1)).nothing);
    CHECK(plan_of<C>(images(1, 5, 5, 32, 3, 3)).nothing);
    CHECK(plan_of<C>(images(0, 30, 30, 32, 3, 3)).nothing);
    window_space none = images(1, 30, 30, 32, 3, 3);
    none.row = {3, 0};
    CHECK(plan_of<C>(none).nothing);
    window_space spread = images(1, 30, 30, 32, 3, 3);
    spread.result[5] = 1;
    CHECK(plan_of<C>(spread).nothing);
    // Filters that move with the items would not be the same for them.
    window_space moving = images(1, 30, 30, 32, 3, 3);
    moving.filter[2] = 9 * 32;
    const auto plan = plan_of<C>(moving);
    CHECK(!plan.nothing);
    CHECK(plan.kernel.a.load[1].stride[kernel::of_item] == 0);
    CHECK(plan.kernel.a.load[1].stride[kernel::of_line] == 9 * 32);
}

// A MobileNet layer of 3 x 3 filters, smaller.
TEST_CASE("windows: neighbours share what they read, without barriers") {
    using C = stage<depthwise<dtype::f32>>;
    const window_space s = images(1, 34, 34, 32, 3, 3);
    const window_array<float> x(s, s.x, 0, 1), w(s, s.filter, 0, 2), bias(s, s.channel, 0, 3),
        out(s, s.result, 0, 4);
    binding b = s.bound();
    b.load(x.first, s.x).load(w.first, s.filter).load(bias.first, s.channel);
    b.store(out.first, s.result).store<float>(nullptr, s.result);
    emulator::options counting = emulator::settings();
    counting.count_sectors = true;
    const emulator::scoped_options scope(counting);
    const auto windows = run_windows<C>(b, small_device).stats, reduced = run<C>(b).stats;
    CHECK(kernel::plan_windows<C>(b.stage(), small_device).kernel.g.items == 4);
    // Of 3 x 3 windows four neighbours read 6 columns, one by one 12; the filters come once.
    CHECK(2 * windows.load_sectors < reduced.load_sectors);
    CHECK(3 * windows.loads < reduced.loads);
    CHECK(windows.store_sectors == reduced.store_sectors);
    CHECK(4 * windows.stores == reduced.stores);
    CHECK(reduced.barriers > 0);
}

}  // namespace
}  // namespace kernel_test
