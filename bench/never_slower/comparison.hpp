// One expression as one assignment against the same in pieces.
#pragma once

#include <functional>
#include <memory>
#include <sinter/sinter.hpp>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace fusion {

namespace sn = sinter;
using sn::axis, sn::keepdims, sn::int64, sn::range, sn::_;
using vector = sn::tensor<float, 1>;
using matrix = sn::tensor<float, 2>;
using cube = sn::tensor<float, 3>;
using scalar = sn::tensor<float, 0>;

/// Functions that leave the same values in the same array: the expression in one assignment, and in
/// pieces, each stored in an array that exists.
struct candidates {
    std::function<void()> fused;
    std::vector<std::function<void()>> splits;
    std::function<bool()> agree;  // runs all of them and compares their results
};

class entry {
public:
    explicit entry(std::string name) : name_(std::move(name)) {}
    virtual ~entry() = default;
    entry(const entry&) = delete;
    entry& operator=(const entry&) = delete;

    const std::string& name() const { return name_; }
    /// Makes the operands, which live as long as the result.
    virtual candidates prepare() const = 0;

private:
    std::string name_;
};

inline std::vector<std::unique_ptr<entry>>& entries() {
    static std::vector<std::unique_ptr<entry>> all;
    return all;
}

/// Operands is a struct whose member y takes the result.
template <class Operands>
class comparison : public entry {
public:
    using function = std::function<void(Operands&)>;

    comparison(std::string name, std::function<Operands()> make)
        : entry(std::move(name)), make_(std::move(make)) {}

    comparison& fused(function f) {
        fused_ = std::move(f);
        return *this;
    }
    comparison& split(function f) {
        splits_.push_back(std::move(f));
        return *this;
    }

    candidates prepare() const override {
        const auto operands = std::make_shared<Operands>(make_());
        candidates c;
        c.fused = [operands, f = fused_] { f(*operands); };
        for (const function& s : splits_) c.splits.push_back([operands, s] { s(*operands); });
        c.agree = [operands, f = fused_, splits = splits_] {
            f(*operands);
            const auto expected = operands->y.clone();
            bool same = true;
            for (const function& s : splits) {
                operands->y = expected * 0;
                s(*operands);
                same = same && close(operands->y, expected);
            }
            return same;
        };
        return c;
    }

private:
    // Rounding of bfloat16 temporaries is part of a split; of float sums, their order.
    template <class T, int R>
    static bool close(const sn::tensor<T, R>& a, const sn::tensor<T, R>& b) {
        const double tolerance = std::is_same_v<T, sn::bfloat16> ? 2e-2 : 1e-3;
        return sn::allclose(a, b, tolerance, tolerance);
    }

    std::function<Operands()> make_;
    function fused_;
    std::vector<function> splits_;
};

template <class Make>
auto& compare(const std::string& name, Make make) {
    using operands = std::invoke_result_t<Make>;
    auto made = std::make_unique<comparison<operands>>(name, make);
    auto& result = *made;
    entries().push_back(std::move(made));
    return result;
}

/// Values between 0.5 and 1.5.
template <class T = float, class... I>
auto sample(I... extents) {
    static sn::uint32 state = 1;
    const auto x = sn::empty<T>(extents...);
    T* const p = x.data();
    for (int64 i = 0; i < x.size(); ++i) {
        state = state * 1664525U + 1013904223U;
        p[i] = static_cast<T>(0.5F + static_cast<float>(state >> 8) * 0x1p-24F);
    }
    return x;
}

}  // namespace fusion
