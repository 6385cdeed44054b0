/// Random numbers as lazy expressions: each element is a function (Philox4x32-10) of a seed, a
/// stream and its own index. No state is kept in memory, nothing is drawn in order, and what is
/// evaluated twice is the same twice. Bits are the same on every device; `normal` goes through the
/// device's own log and cos, and may differ in the last place. They fuse like any expression: a
/// dropout is one kernel and stores no mask. They have no derivative; that of `dropout` passes
/// where the element does, scaled alike.
#pragma once

#include <atomic>

#include "sinter/random/distributions.hpp"
#include "sinter/tensor/take.hpp"

namespace sinter {

/// Names an independent stream of random numbers: equal keys give equal numbers.
class random_key {
public:
    explicit constexpr random_key(uint64 seed, uint64 stream = 0) : from_{seed, stream} {}
    /// Another stream for each n, as for the layers of a model or the steps of a training.
    constexpr random_key fold_in(uint64 n) const {
        const random::words r = random::source{from_.seed, ~from_.stream}.at(static_cast<int64>(n));
        return random_key(from_.seed ^ r.high(), r.low());
    }
    constexpr const random::source& from() const { return from_; }

private:
    random::source from_;
};

namespace detail {

struct seed_state {
    std::atomic<uint64> seed{0}, next{0};
};
inline constinit seed_state the_seed_state{};

inline int64 coin_threshold(double p, const char* operation) {
    if (!(p >= 0 && p <= 1))
        throw error(std::string(operation) + ": the probability must lie in [0, 1], but is " +
                    std::to_string(p) + ".");
    return static_cast<int64>(p * 0x1p32 + 0.5);
}
template <class T>
constexpr void require_random_type() {
    static_assert(element<T>, "The type of random numbers must be one of Sinter's element types.");
    static_assert(is_floating(dtype_v<T>),
                  "uniform and normal numbers are half, bfloat16, float or double; randint gives "
                  "integers.");
}
template <class T>
double as_exact(double x) {
    return static_cast<double>(static_cast<T>(static_cast<compute_t<dtype_v<T>>>(x)));
}

}  // namespace detail

/// Starts the program's own streams again from a seed: the same calls in the same order then draw
/// the same numbers. A program that never calls it has seed 0.
inline void manual_seed(uint64 seed) noexcept {
    detail::the_seed_state.seed = seed;
    detail::the_seed_state.next = 0;
}
/// The key of the next of the program's own streams: what functions take that are given none. Each
/// call gives another. Thread-safe; threads that draw at the same time share the order.
inline random_key next_random_key() noexcept {
    return random_key(detail::the_seed_state.seed, detail::the_seed_state.next++);
}
/// Seed and number of the next stream, and back to them: for checkpoints.
inline random_key random_state() noexcept {
    return random_key(detail::the_seed_state.seed, detail::the_seed_state.next);
}
inline void set_random_state(const random_key& state) noexcept {
    detail::the_seed_state.seed = state.from().seed;
    detail::the_seed_state.next = state.from().stream;
}

/// Numbers in [0, 1), every multiple of 2^-24 (2^-53 for double, 2^-11 for half, 2^-8 for bfloat16)
/// equally often.
template <class T = float, int R>
auto uniform(const shape<R>& s, random_key key = next_random_key(), detail::place where = {}) {
    detail::require_random_type<T>();
    return elementwise(random::unit_uniform<T>{key.from()}, detail::numbers_of(s, where));
}
/// Numbers in [low, high); `low` where both are equal. An `error` unless low <= high are finite.
template <class T = float, int R>
auto uniform(const shape<R>& s,
             double low,
             double high,
             random_key key = next_random_key(),
             detail::place where = {}) {
    detail::require_random_type<T>();
    const double first = detail::as_exact<T>(low), last = detail::as_exact<T>(high);
    const double range = detail::as_exact<T>(last - first);
    if (!(low <= high && range - range == 0))
        throw error("uniform: the bounds must be finite and in order, but are " +
                    std::to_string(low) + " and " + std::to_string(high) + ".");
    return elementwise(random::scaled_uniform<T>{key.from(), first, range, last},
                       detail::numbers_of(s, where));
}
/// Gaussian numbers of a mean and a standard deviation, at most 6.8 deviations away (8.6 for
/// double).
template <class T = float, int R>
auto normal(const shape<R>& s,
            double mean = 0,
            double deviation = 1,
            random_key key = next_random_key(),
            detail::place where = {}) {
    detail::require_random_type<T>();
    return elementwise(random::gaussian<T>{key.from(), mean, deviation},
                       detail::numbers_of(s, where));
}
/// bool: true with probability p, to 2^-32. An `error` unless p is in [0, 1].
template <int R>
auto bernoulli(const shape<R>& s,
               double p = 0.5,
               random_key key = next_random_key(),
               detail::place where = {}) {
    const auto threshold = static_cast<uint64>(detail::coin_threshold(p, "bernoulli"));
    return elementwise(random::coin{key.from(), threshold}, detail::numbers_of(s, where));
}
/// bool: true where a number of [0, 1) is below the probability p of that element.
template <expression P>
auto bernoulli(const P& p, random_key key = next_random_key()) {
    using T = storage_t<symbol_of<P>::type>;
    static_assert(is_floating(symbol_of<P>::type),
                  "bernoulli: probabilities are floating numbers.");
    return elementwise(random::weighted_coin<T>{key.from()}, coordinate(p), p);
}
/// Integers low, ..., high - 1 of type T. An `error` unless low < high.
template <class T = int64, int R>
auto randint(int64 low,
             int64 high,
             const shape<R>& s,
             random_key key = next_random_key(),
             detail::place where = {}) {
    if (low >= high)
        throw error("randint: the lower bound must be below the upper one, but they are " +
                    std::to_string(low) + " and " + std::to_string(high) + ".");
    const uint64 range = static_cast<uint64>(high) - static_cast<uint64>(low);
    return astype<T>(
        elementwise(random::whole{key.from(), low, range}, detail::numbers_of(s, where)));
}
/// 0, ..., n - 1 in a random order, int64: a keyed bijection of the index, so that nothing is
/// sorted and it fuses, as into `take(x, permutation(n))`.
inline auto permutation(int64 n, random_key key = next_random_key(), detail::place where = {}) {
    const int64 count = n > 0 ? n : 0;
    int bits = 0;
    while (bits < 63 && (int64{1} << bits) < count) ++bits;
    const random::words r = key.from().at(0);
    return elementwise(
        random::shuffled{r.low() ^ r.high(), static_cast<uint64>(count), bits / 2, bits - bits / 2},
        detail::numbers_to(count, where));
}

/// The parts of `x` along its first axis in a random order: `take(x, permutation(n))`. Lazy.
template <element T, int R>
auto shuffle(const tensor<T, R>& x, random_key key = next_random_key()) {
    static_assert(R >= 1, "shuffle: the array must have an axis.");
    return with(detail::taken_at<tensor<T, R>, 0, 1>{x},
                detail::before_axes<R - 1>(permutation(x.extent(0), key)));
}

namespace detail {

struct dropped_out {
    random::coin keep;
    double scale;
    template <class X>
    auto operator()(X x) const {
        return where(elementwise(keep, coordinate(x)), x * scale, 0);
    }
};

}  // namespace detail

/// x / (1 - p) where a coin of probability 1 - p says so, else 0. The coin is a function of the key
/// and the element's index: no mask is stored, and the same key gives the same mask again. An
/// `error` unless p is in [0, 1].
template <expression X>
auto dropout(X&& x, double p = 0.5, random_key key = next_random_key()) {
    static_assert(is_floating(symbol_of<X>::type),
                  "dropout: the array must be of a floating type.");
    const auto threshold = static_cast<uint64>(detail::coin_threshold(1 - p, "dropout"));
    return with(detail::dropped_out{{key.from(), threshold}, p < 1 ? 1 / (1 - p) : 0},
                std::forward<X>(x));
}

}  // namespace sinter
