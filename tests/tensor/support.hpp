// What the tests of expressions and tensors share: the devices, arrays in every layout, plain
// reference arithmetic over host values, and comparison.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <sinter/sinter.hpp>
#include <string>
#include <type_traits>
#include <vector>

namespace tensor_test {

namespace sn = sinter;
using sn::bfloat16;
using sn::device;
using sn::half;
using sn::int64;
using extents = std::vector<int64>;

inline std::size_t at(int64 i) { return static_cast<std::size_t>(i); }

// ---- devices

/// The host and every device of this program that runs kernels.
inline std::vector<device> devices() {
    std::vector<device> all{device::host()};
    if (sn::runtime::current_emulator_memory()) all.push_back(device::emulator());
    if (sn::cuda::is_available()) all.push_back(device::cuda());
    return all;
}

/// Makes `d` the default device while it lives.
class default_device_scope {
public:
    explicit default_device_scope(device d) : before_(sn::default_device()) {
        sn::set_default_device(d);
    }
    ~default_device_scope() { sn::set_default_device(before_); }
    default_device_scope(const default_device_scope&) = delete;
    default_device_scope& operator=(const default_device_scope&) = delete;

private:
    device before_;
};

/// Runs `body(device)` with each device as the default one. Whatever runs must run there: nothing
/// falls back to the host.
template <class F>
void on_each_device(F body, bool launches = true) {
    for (const device d : devices()) {
        const std::string name = d.name();
        CAPTURE(name);
        const default_device_scope scope(d);
        sn::launch_counter ran;
        body(d);
        CHECK(ran.launches_on(d) == ran.launches());
        if (launches) CHECK(ran.launches() > 0);
    }
}

/// Counts the bytes that kernels read from and write to a tensor's memory, where they are counted:
/// on the emulator.
class byte_meter {
public:
#if SINTER_EMULATOR
    template <class T, int R>
    explicit byte_meter(const sn::tensor<T, R>& t)
        : counts_(t.where().is_emulator()), traffic_(t.memory()->data(), t.memory()->bytes()) {}
    /// True when what was read and written is this, or nobody counts here.
    bool loaded(std::uint64_t bytes) const { return !counts_ || traffic_.loaded() == bytes; }
    bool stored(std::uint64_t bytes) const { return !counts_ || traffic_.stored() == bytes; }
    std::string text() const {
        return "loaded " + std::to_string(traffic_.loaded()) + ", stored " +
               std::to_string(traffic_.stored());
    }

private:
    bool counts_;
    sn::emulator::traffic traffic_;
#else
    template <class T, int R>
    explicit byte_meter(const sn::tensor<T, R>&) {}
    bool loaded(std::uint64_t) const { return true; }
    bool stored(std::uint64_t) const { return true; }
    std::string text() const { return "not counted"; }
#endif
};

// ---- values on the host

/// An array of numbers in row-major order; V is double or int64, which hold every element type
/// exactly.
template <class V>
struct values {
    extents shape;
    std::vector<V> of;

    values() = default;
    values(extents e, std::vector<V> v) : shape(std::move(e)), of(std::move(v)) {}
    explicit values(extents e) : shape(std::move(e)), of(at(count(shape))) {}
    static int64 count(const extents& e) {
        int64 n = 1;
        for (const int64 x : e) n *= x;
        return n;
    }
    int64 size() const { return static_cast<int64>(of.size()); }
};
using reals = values<double>;
using integers = values<int64>;
/// What holds elements of type T exactly.
template <class T>
using exact_t = std::conditional_t<sn::is_floating(sn::dtype_v<T>), double, int64>;
/// V as an element of type T and back: what storing it does to it.
template <class T, class V>
T element_of(V v) {
    if constexpr (std::is_same_v<T, half> || std::is_same_v<T, bfloat16>) {
        return T(static_cast<float>(v));
    } else {
        return static_cast<T>(v);
    }
}
template <class T>
double rounded(double v) {
    return static_cast<double>(element_of<T>(v));
}

/// Calls f(index) for every index below `e` in row-major order.
template <class F>
void for_each_index(const extents& e, F f) {
    const int64 n = integers::count(e);
    extents i(e.size(), 0);
    for (int64 k = 0; k < n; ++k) {
        f(static_cast<const extents&>(i));
        for (std::size_t d = e.size(); d-- > 0;) {
            if (++i[d] < e[d]) break;
            i[d] = 0;
        }
    }
}

/// A small repeatable generator.
class random_numbers {
public:
    explicit random_numbers(unsigned long seed = 1) : state_(seed * 0x9e3779b97f4a7c15UL + 1) {}
    unsigned long next() {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return state_;
    }
    /// In [0, n).
    int64 below(int64 n) { return static_cast<int64>(next() % static_cast<unsigned long>(n)); }

private:
    unsigned long state_;
};

/// Numbers in [-4, 4] that every element type but bool and uint8 holds exactly; whole for integers.
template <class V = double>
values<V> random(const extents& e, unsigned long seed = 1) {
    random_numbers r(seed);
    values<V> v(e);
    for (V& x : v.of)
        x = std::is_same_v<V, double> ? static_cast<V>(static_cast<double>(r.below(65) - 32) / 8.0)
                                      : static_cast<V>(r.below(9) - 4);
    return v;
}

// ---- how arrays lie in memory

enum class layout { plain, misaligned, reversed_axes, backwards, spaced, mixed };
inline constexpr layout layouts[] = {layout::plain,
                                     layout::misaligned,
                                     layout::reversed_axes,
                                     layout::backwards,
                                     layout::spaced,
                                     layout::mixed};

/// The values as a tensor whose elements lie in memory as `l` says; between them lies 0x55.
template <class T, int R, class V>
sn::tensor<T, R> put(const values<V>& v, device d, layout l = layout::plain) {
    REQUIRE(v.shape.size() == R);
    const bool gaps = l == layout::spaced || l == layout::mixed;
    const bool negative = l == layout::backwards || l == layout::mixed;
    sn::shape<R> e{};
    std::array<int64, static_cast<std::size_t>(R)> stride{};
    int64 step = gaps ? 2 : 1, first = l == layout::misaligned || l == layout::mixed ? 1 : 0;
    for (std::size_t i = 0; i < v.shape.size(); ++i) {
        const bool reversed = l == layout::reversed_axes || l == layout::mixed;
        const std::size_t k = reversed ? i : v.shape.size() - 1 - i;
        e[k] = v.shape[k];
        const bool flip = negative && (l == layout::backwards || i % 2 == 0);
        stride[k] = flip ? -step : step;
        if (flip) first += step * std::max<int64>(e[k] - 1, 0);
        step *= std::max<int64>(e[k], 1) + (gaps ? 1 : 0);
    }
    const std::size_t bytes = at(step + first + 1) * sizeof(T);
    std::vector<unsigned char> host(bytes, 0x55);
    std::size_t k = 0;
    for_each_index(v.shape, [&](const extents& i) {
        int64 place = first;
        for (std::size_t j = 0; j < i.size(); ++j) place += i[j] * stride[j];
        const T x = element_of<T>(v.of[k++]);
        std::memcpy(host.data() + at(place) * sizeof(T), &x, sizeof x);
    });
    auto memory = sn::runtime::allocate(d, bytes);
    sn::runtime::copy(memory->data(), d, host.data(), device::host(), bytes);
    return sn::tensor<T, R>::over(std::move(memory), first, e, stride);
}

/// The values of a tensor, whatever its strides, read without the library's own copies.
template <class T, int R>
values<exact_t<T>> get(const sn::tensor<T, R>& t) {
    values<exact_t<T>> v(extents(t.extents().begin(), t.extents().end()));
    if (v.size() == 0) return v;
    REQUIRE(t.memory() != nullptr);
    std::vector<unsigned char> host(t.memory()->bytes());
    sn::runtime::copy(
        host.data(), device::host(), t.memory()->data(), t.where(), t.memory()->bytes());
    std::size_t k = 0;
    for_each_index(v.shape, [&](const extents& i) {
        int64 place = t.offset();
        for (std::size_t j = 0; j < i.size(); ++j) place += i[j] * t.strides()[j];
        T x{};
        std::memcpy(&x, host.data() + at(place) * sizeof(T), sizeof x);
        v.of[k++] = static_cast<exact_t<T>>(x);
    });
    return v;
}

/// The same of an expression.
template <class S>
auto get(const sn::expr<S>& e) {
    return get(sn::eval(e));
}

// ---- reference arithmetic

inline extents broadcast(const extents& a, const extents& b) {
    extents e(std::max(a.size(), b.size()), 1);
    for (const extents* s : {&a, &b})
        for (std::size_t i = 0; i < s->size(); ++i) {
            int64& to = e[e.size() - s->size() + i];
            if ((*s)[i] != 1) to = (*s)[i];
        }
    return e;
}
/// The element of `v` that broadcasting puts at `i`.
template <class V>
const V& element_at(const values<V>& v, const extents& i) {
    int64 k = 0;
    const std::size_t skip = i.size() - v.shape.size();
    for (std::size_t d = 0; d < v.shape.size(); ++d)
        k = k * v.shape[d] + (v.shape[d] == 1 ? 0 : i[skip + d]);
    return v.of[at(k)];
}
/// f of the elements of a, ..., which broadcast.
template <class F, class... A>
auto map(F f, const values<A>&... a) {
    extents e;
    ((e = broadcast(e, a.shape)), ...);
    values<std::invoke_result_t<F, A...>> r(e);
    std::size_t k = 0;
    for_each_index(e, [&](const extents& i) { r.of[k++] = f(element_at(a, i)...); });
    return r;
}
/// f of the elements along `axes` (from the left) for every other index, in order; the axes stay
/// with extent 1 if `keep`.
template <class V, class F>
auto fold(const values<V>& v, const std::vector<int>& axes, bool keep, F f) {
    const auto folded = [&](std::size_t d) {
        return axes.empty() || std::count(axes.begin(), axes.end(), static_cast<int>(d)) > 0;
    };
    extents outer, inner(v.shape.size(), 1), shown, all = v.shape;
    for (std::size_t d = 0; d < all.size(); ++d) {
        outer.push_back(folded(d) ? 1 : all[d]);
        if (folded(d)) inner[d] = all[d];
        if (keep || !folded(d)) shown.push_back(outer[d]);
    }
    values<std::invoke_result_t<F, const std::vector<V>&>> r(shown);
    std::size_t k = 0;
    for_each_index(outer, [&](const extents& o) {
        std::vector<V> row;
        for_each_index(inner, [&](extents i) {
            for (std::size_t d = 0; d < i.size(); ++d) i[d] += o[d];
            row.push_back(element_at(v, i));
        });
        r.of[k++] = f(row);
    });
    return r;
}
inline reals product(const reals& a, const reals& b) {
    reals r({a.shape[0], b.shape[1]});
    for (int64 i = 0; i < a.shape[0]; ++i)
        for (int64 j = 0; j < b.shape[1]; ++j)
            for (int64 k = 0; k < a.shape[1]; ++k)
                r.of[at(i * b.shape[1] + j)] +=
                    a.of[at(i * a.shape[1] + k)] * b.of[at(k * b.shape[1] + j)];
    return r;
}

template <class V>
values<V> transposed(const values<V>& a) {
    values<V> r({a.shape[1], a.shape[0]});
    for (int64 i = 0; i < a.shape[0]; ++i)
        for (int64 j = 0; j < a.shape[1]; ++j)
            r.of[at(j * a.shape[0] + i)] = a.of[at(i * a.shape[1] + j)];
    return r;
}

// ---- comparison

/// Empty when the values agree; else where they first differ. NaN agrees with NaN, an infinity only
/// with itself; with no tolerance zeros must have one sign.
template <class V>
std::string difference(const values<V>& got,
                       const values<V>& want,
                       double relative = 0,
                       double absolute = 0) {
    const auto text = [](const extents& e) {
        return sn::shape_text(e.data(), static_cast<int>(e.size()));
    };
    if (got.shape != want.shape)
        return "shape " + text(got.shape) + " instead of " + text(want.shape);
    std::string found;
    std::size_t k = 0;
    for_each_index(want.shape, [&](const extents& i) {
        const V g = got.of[k], w = want.of[k];
        ++k;
        bool same = g == w;
        if constexpr (std::is_same_v<V, double>) {
            if (std::isnan(w)) same = std::isnan(g);
            if (same && w == 0 && relative == 0 && absolute == 0)
                same = std::signbit(g) == std::signbit(w);
            if (!same && std::isfinite(w))
                same = std::fabs(g - w) <= absolute + relative * std::fabs(w);
        }
        if (!same && found.empty())
            found = "at " + text(i) + ": " + std::to_string(g) + " instead of " + std::to_string(w);
    });
    return found;
}
/// The relative error that a short computation in T may have.
template <class T>
constexpr double tolerance() {
    return std::is_same_v<T, double> ? 1e-13 : std::is_same_v<T, float> ? 2e-6 : 8e-3;
}

/// What sums of products are and what may be lost in them: in double, with the sum of magnitudes
/// and the number of products of each element.
struct product_sums {
    reals of, magnitude, products;
    explicit product_sums(const extents& e) : of(e), magnitude(e), products(e) {}
    void add(std::size_t to, double x, double y) {
        of.of[to] += x * y;
        magnitude.of[to] += std::fabs(x * y);
        products.of[to] += 1;
    }
    /// Empty when every element is within k roundings of k magnitudes, in the type that adds up,
    /// and one of its own.
    std::string exceeded(const reals& got, double type_rounding, double sum_rounding) const {
        if (got.shape != of.shape) return "another shape";
        for (std::size_t i = 0; i < of.of.size(); ++i) {
            const double error = std::fabs(got.of[i] - of.of[i]);
            const double bound = products.of[i] * sum_rounding * magnitude.of[i] +
                                 type_rounding * std::fabs(of.of[i]);
            if (!(error <= bound))
                return "at " + std::to_string(i) + ": off by " + std::to_string(error / bound) +
                       " times the bound";
        }
        return {};
    }
};
/// Values of type T that are not exact in binary.
template <class T>
reals inexact(const extents& e, unsigned long seed) {
    random_numbers r(seed);
    reals v(e);
    for (double& x : v.of) x = rounded<T>(static_cast<double>(r.below(2001)) / 3000.0 - 0.31);
    return v;
}

/// The text of the error of type E that f() throws; empty when there is none.
template <class E = sn::error, class F>
std::string error_of(F f) {
    try {
        f();
    } catch (const E& e) {
        return e.what();
    }
    return {};
}
inline bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace tensor_test
