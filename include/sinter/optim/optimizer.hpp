// What all optimisers share: groups, steps of one launch, clipping, states.
#pragma once

#include <array>
#include <cmath>
#include <deque>
#include <limits>

#include "sinter/expr/reduce.hpp"
#include "sinter/optim/arena.hpp"
#include "sinter/runtime/event.hpp"
#include "sinter/tensor/evaluate.hpp"
#include "sinter/tensor/share.hpp"
#include "sinter/tensor/transfer.hpp"

namespace sinter::optim {

namespace detail {

/// What a rule updates in one launch: whole arenas, of rank 1, or of rank 2 with one row per block
/// where groups differ.
template <element T, int R>
struct update_arrays {
    tensor<T, R> value, gradient;
    std::vector<tensor<T, R>> state;
};

/// `e` as one node in all results of a step; K numbers the parts.
template <int K, class B, class E>
auto part(const E& e) {
    return sinter::detail::share_as<std::integral_constant<int, K>, B>(e);
}

/// The gradient as it is.
struct unclipped {
    template <class G>
    const G& operator()(const G& g) const {
        return g;
    }
};
/// The gradient times a number that a launch before has computed, then limited to +-limit.
template <element T>
struct clipped {
    tensor<T, 0> scale;
    double limit;
    template <class G>
    auto operator()(const G& g) const {
        return clamp(g * scale, -limit, limit);
    }
};

/// Numbers that differ from block to block, on the device. They are copied when they have changed,
/// from pinned memory, in turn from two arrays, so that the host waits only for the copy before
/// last.
template <element T>
class block_table {
public:
    /// `rows` numbers for each of `blocks` blocks; `value(row, block)` gives them.
    template <class F>
    void set(int64 rows, int64 blocks, device where, F value) {
        const shape<2> wanted{{rows, blocks}};
        if (!table_.memory() || table_.extents() != wanted || !(table_.where() == where)) {
            table_ = tensor<T, 2>(wanted, where);
            turns_.clear();
            for (int i = 0; i < 2; ++i) turns_.push_back({empty_pinned<T>(wanted), event(where)});
        }
        turn& t = turns_[next_++ % turns_.size()];
        t.done.wait();
        T* to = t.host.data();
        for (int64 r = 0; r < rows; ++r)
            for (int64 b = 0; b < blocks; ++b) *to++ = static_cast<T>(value(r, b));
        table_.copy_from(t.host, current_stream(where));
        t.done.record(current_stream(where));
    }
    /// Row `r` as a column beside the blocks.
    tensor<T, 2> column(int64 r) const {
        const int64 blocks = table_.extent(1);
        return tensor<T, 2>::over(table_.memory(), r * blocks, {{blocks, 1}}, {{1, 1}});
    }

private:
    struct turn {
        tensor<T, 2> host;
        event done;
    };
    tensor<T, 2> table_;
    std::vector<turn> turns_;
    std::size_t next_ = 0;
};

}  // namespace detail

/// An optimiser: parameters in one arena, and a rule that updates all of them in one launch,
/// whatever their number and that of the groups. It reads and writes every array once: 12 bytes a
/// float for plain SGD, 20 with one state (momentum, RMSprop, Adagrad, Lion), 28 with two (Adam).
///
/// The parameters' memory moves into the arena when the optimiser is made; whoever shares it
/// follows. Gradients live in an arena too: an assignment writes there in place where it can, and
/// what was assigned elsewhere is copied back before the step, at the cost of one copy. A parameter
/// without a gradient counts as one whose gradient is zero.
///
/// Names, defaults and formulas are PyTorch's. Half and bfloat16 parameters have states of their
/// own type, as there.
template <element T, class Rule>
class optimizer {
public:
    using value_type = T;
    using options = typename Rule::options;

    /// Takes over the parameters as one group. Throws error for options that make no sense and for
    /// parameters that are views, device_error when they are on different devices.
    explicit optimizer(const parameters<T>& list, const options& o = {}) {
        Rule::check(o);
        groups_.push_back(o);
        states_.resize(static_cast<std::size_t>(Rule::states(o)));
        arena_.add_group(list, states_);
        start_states(0);
    }
    optimizer(const optimizer&) = delete;
    optimizer& operator=(const optimizer&) = delete;

    /// Adds parameters with options of their own. A step stays one launch; it also reads a few
    /// numbers for every 1024 parameters. Which arrays of state there are is decided by the first
    /// group.
    template <class B = backend>
    void add_group(const parameters<T>& list, const options& o) {
        Rule::check(o);
        if (!Rule::same_step(o, groups_[0]))
            throw error(std::string(Rule::name) +
                        ": groups must agree in what a step computes (momentum or none, nesterov, "
                        "centered); their numbers may differ.");
        arena_.add_group(list, states_);
        groups_.push_back(o);
        start_states(groups_.size() - 1);
        run_ = &optimizer::template run_grouped<B, false>;
    }

    /// Updates all parameters from their gradients, in one launch.
    template <class B = backend>
    void step() {
        arena_.settle();
        ++steps_;
        if (clipped_) {
            (this->*run_clipped_)();
            clipped_ = false;
            limit_ = std::numeric_limits<double>::infinity();
            scale_ = {};
        } else if (run_) {
            (this->*run_)();
        } else {
            run_one<B, false>();
        }
    }
    /// Makes all gradients none, and those of plain tensors zero, by one fill.
    void zero_grad() { arena_.drop_gradients(); }

    /// The next step scales all gradients so that their norm together is at most `max_norm`: by
    /// min(1, max_norm / (norm + 1e-6)). One launch computes norm and factor; the step applies it,
    /// so the gradients themselves stay as they are. The result is the norm before, on the device:
    /// reading it waits.
    template <class B = backend>
    tensor<T, 0> clip_grad_norm(double max_norm) {
        if (!(max_norm > 0)) throw error("clip_grad_norm: max_norm must be positive.");
        arena_.settle();
        const auto& g = arena_.gradients;
        tensor<T, 0> norm, scale;
        const auto n = sqrt(sum(g * g));
        sinter::evaluate<B>(out(norm) = n, out(scale) = minimum(max_norm / (n + 1e-6), 1));
        scale_ = scale;
        clip_next<B>();
        return norm;
    }
    /// The next step limits every element of the gradients to +-`clip_value`, after the scaling by
    /// norm. No launch.
    template <class B = backend>
    void clip_grad_value(double clip_value) {
        if (!(clip_value >= 0)) throw error("clip_grad_value: clip_value must not be negative.");
        limit_ = clip_value;
        clip_next<B>();
    }

    /// The number of groups, and the options of one; they may change between steps.
    std::size_t group_count() const { return groups_.size(); }
    options& group(std::size_t i = 0) { return groups_.at(i); }
    const options& group(std::size_t i = 0) const { return groups_.at(i); }
    /// The steps taken.
    int64 steps() const { return steps_; }
    /// All parameters as they lie in memory, padding included; for tools.
    const sinter::optim::arena<T>& memory() const { return arena_; }

    /// Steps, options and states by name: `step`, `param_groups.<i>.<option>`,
    /// `state.<parameter>.<state>`. Arrays of state are shared, not copied.
    io::named_arrays state_dict() const {
        io::named_arrays r;
        r.add("step", from(std::vector<int64>{steps_}, shape<0>{}, device::host()));
        for (std::size_t i = 0; i < groups_.size(); ++i) {
            options o = groups_[i];
            Rule::each_option(o, [&](const char* name, auto& value) {
                r.add(option_name(i, name),
                      from(std::vector<double>{static_cast<double>(value)},
                           shape<0>{},
                           device::host()));
            });
        }
        for (const auto& s : arena_.segments())
            for (std::size_t k = 0; k < states_.size(); ++k)
                r.add("state." + s.name + "." + state_name(k), arena_.array_in(states_[k], s));
        return r;
    }
    /// Takes what `state_dict` gave, of an optimiser with the same parameters and groups. Throws,
    /// with nothing changed, when names, types or shapes differ.
    void load_state_dict(const io::named_arrays& from) {
        const io::named_arrays now = state_dict();
        io::named_arrays fresh;  // what is not an array of state, to be read back from
        for (const auto& [name, a] : now)
            fresh.add(
                name,
                name.rfind("state.", 0) == 0
                    ? a
                    : io::array(
                          runtime::allocate(device::host(), a.bytes()), a.type(), a.extents()));
        io::copy_into(fresh, from);
        steps_ = fresh.at("step").template as<int64, 0>().item();
        for (std::size_t i = 0; i < groups_.size(); ++i)
            Rule::each_option(groups_[i], [&](const char* name, auto& value) {
                value = static_cast<std::remove_reference_t<decltype(value)>>(
                    fresh.at(option_name(i, name)).template as<double, 0>().item());
            });
        known_.clear();
    }

private:
    using number_list = std::array<double, Rule::count>;

    static std::string option_name(std::size_t group, const char* name) {
        return "param_groups." + std::to_string(group) + "." + name;
    }
    const char* state_name(std::size_t k) const { return Rule::state_name(groups_[0], k); }

    // States begin at zero unless the rule says otherwise.
    void start_states(std::size_t group) {
        for (std::size_t k = 0; k < states_.size(); ++k) {
            const double start = Rule::start(groups_[group]);
            if (start == 0) continue;
            for (const auto& s : arena_.segments())
                if (s.group == group)
                    arena_.array_in(states_[k], s)
                        .fill_from(full<T>(shape<1>{{s.size}}, static_cast<T>(start)));
        }
    }
    template <class B>
    void clip_next() {
        clipped_ = true;
        run_clipped_ = groups_.size() > 1 ? &optimizer::template run_grouped<B, true>
                                          : &optimizer::template run_one<B, true>;
    }
    template <bool Clip>
    auto clipping() {
        if constexpr (Clip) {
            if (!scale_.memory()) scale_ = full<T>(shape<0>{}, T(1), arena_.where());
            return detail::clipped<T>{scale_, limit_};
        } else {
            return detail::unclipped{};
        }
    }

    // One group: its numbers are numbers of the expression.
    template <class B, bool Clip>
    void run_one() {
        detail::update_arrays<T, 1> a{arena_.values, arena_.gradients, states_};
        if (arena_.size() > 0)
            Rule::template update<B>(
                a, clipping<Clip>(), Rule::numbers(groups_[0], steps_), groups_[0]);
    }
    // Several: a number per block, read beside the block.
    template <class B, bool Clip>
    void run_grouped() {
        const int64 blocks = arena_.size() / arena<T>::block;
        if (blocks == 0) return;
        const auto rows = [&](const tensor<T, 1>& t) {
            return tensor<T, 2>::over(
                t.memory(), t.offset(), {{blocks, arena<T>::block}}, {{arena<T>::block, 1}});
        };
        detail::update_arrays<T, 2> a{rows(arena_.values), rows(arena_.gradients), {}};
        for (const auto& s : states_) a.state.push_back(rows(s));
        std::vector<number_list> now;
        for (const options& o : groups_) now.push_back(Rule::numbers(o, steps_));
        if (now != known_ || known_blocks_ != blocks) {
            table_.set(Rule::count, blocks, arena_.where(), [&](int64 r, int64 b) {
                return now[arena_.group_of(b)][static_cast<std::size_t>(r)];
            });
            known_ = std::move(now);
            known_blocks_ = blocks;
        }
        std::array<tensor<T, 2>, Rule::count> numbers;
        for (std::size_t i = 0; i < numbers.size(); ++i)
            numbers[i] = table_.column(static_cast<int64>(i));
        Rule::template update<B>(a, clipping<Clip>(), numbers, groups_[0]);
    }

    sinter::optim::arena<T> arena_;
    std::vector<tensor<T, 1>> states_;
    std::deque<options> groups_;  // whoever refers to a group keeps the reference
    int64 steps_ = 0;
    bool clipped_ = false;
    tensor<T, 0> scale_;
    double limit_ = std::numeric_limits<double>::infinity();
    // Compiled only where groups are added or gradients clipped.
    void (optimizer::*run_)() = nullptr;
    void (optimizer::*run_clipped_)() = nullptr;
    detail::block_table<T> table_;
    std::vector<number_list> known_;  // what the table holds
    int64 known_blocks_ = 0;
};

namespace detail {

inline void require(bool good, const char* rule, const char* what) {
    if (!good) throw error(std::string(rule) + ": " + what);
}

}  // namespace detail
}  // namespace sinter::optim
