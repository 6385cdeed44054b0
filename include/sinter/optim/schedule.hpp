// Learning rates that change from step to step.
//
// A schedule is any function of the group's first rate and of the number of schedule steps; the
// ones here have PyTorch's names, options and formulas:
//
//     optim::scheduler warm(opt, optim::linear_lr{.start_factor = 0.1, .total_iters = 100});
//     ... opt.step(); warm.step(); ...
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "sinter/core/error.hpp"
#include "sinter/core/types.hpp"

namespace sinter::optim {

namespace detail {

inline constexpr double pi = 3.14159265358979323846;

}  // namespace detail

/// lr = base * factor before step `total_iters`, then base.
struct constant_lr {
    double factor = 1.0 / 3;
    int64 total_iters = 5;
    double operator()(double base, int64 t) const { return t < total_iters ? base * factor : base; }
};

/// lr = base * gamma^(t / step_size), the quotient rounded down.
struct step_lr {
    int64 step_size = 1;
    double gamma = 0.1;
    double operator()(double base, int64 t) const {
        return base * std::pow(gamma, static_cast<double>(t / step_size));
    }
};

/// lr = base * gamma^(how many milestones step t has reached).
struct multi_step_lr {
    std::vector<int64> milestones;
    double gamma = 0.1;
    double operator()(double base, int64 t) const {
        const auto reached =
            std::count_if(milestones.begin(), milestones.end(), [t](int64 m) { return m <= t; });
        return base * std::pow(gamma, static_cast<double>(reached));
    }
};

/// lr = base * gamma^t.
struct exponential_lr {
    double gamma = 0.9;
    double operator()(double base, int64 t) const {
        return base * std::pow(gamma, static_cast<double>(t));
    }
};

/// lr = eta_min + (base - eta_min) * (1 + cos(pi * t / T_max)) / 2.
struct cosine_annealing_lr {
    int64 T_max = 1;
    double eta_min = 0;
    double operator()(double base, int64 t) const {
        const double turn = static_cast<double>(t) / static_cast<double>(T_max);
        return eta_min + (base - eta_min) * (1 + std::cos(detail::pi * turn)) / 2;
    }
};

/// lr goes in a line from base * start_factor to base * end_factor in `total_iters` steps: a
/// warm-up.
struct linear_lr {
    double start_factor = 1.0 / 3;
    double end_factor = 1;
    int64 total_iters = 5;
    double operator()(double base, int64 t) const {
        const double part =
            static_cast<double>(std::min(t, total_iters)) / static_cast<double>(total_iters);
        return base * (start_factor + (end_factor - start_factor) * part);
    }
};

/// One schedule after the other: the i-th from milestone i - 1 on, as if that were its step 0.
struct sequential_lr {
    std::vector<std::function<double(double, int64)>> schedules;
    std::vector<int64> milestones;
    double operator()(double base, int64 t) const {
        if (schedules.empty() || milestones.size() + 1 != schedules.size())
            throw error("sequential_lr: " + std::to_string(schedules.size()) +
                        " schedules need one milestone less, not " +
                        std::to_string(milestones.size()) + ".");
        std::size_t i = 0;
        while (i < milestones.size() && milestones[i] <= t) ++i;
        return schedules[i](base, i ? t - milestones[i - 1] : t);
    }
};

/// How one_cycle_lr goes from one rate to the next.
enum class anneal { cos, linear };

/// The 1cycle policy (Smith and Topin): up from max_lr / div_factor to max_lr in the first
/// `pct_start` of the steps, then down to max_lr / div_factor / final_div_factor; with
/// `three_phase` first as long down as it went up. The momentum (`momentum`, or the first of
/// `betas`) goes the other way. The optimiser's own rate does not matter. More than `total_steps`
/// steps are an error.
struct one_cycle_lr {
    double max_lr = 1e-2;
    int64 total_steps = 100;
    double pct_start = 0.3;
    anneal anneal_strategy = anneal::cos;
    bool cycle_momentum = true;
    double base_momentum = 0.85;
    double max_momentum = 0.95;
    double div_factor = 25;
    double final_div_factor = 1e4;
    bool three_phase = false;

    double operator()(double, int64 t) const {
        const double first = max_lr / div_factor, last = first / final_div_factor;
        return at(t, {first, max_lr, three_phase ? first : last, last});
    }
    /// The momentum of step t; NaN when it stays as it is.
    double momentum(int64 t) const {
        if (!cycle_momentum) return std::numeric_limits<double>::quiet_NaN();
        return at(t, {max_momentum, base_momentum, max_momentum, max_momentum});
    }

private:
    struct corners {
        double value[4];
    };
    double at(int64 t, const corners& c) const {
        if (t > total_steps)
            throw error("one_cycle_lr: step " + std::to_string(t) + " comes after the " +
                        std::to_string(total_steps) + " steps of the cycle.");
        const auto all = static_cast<double>(total_steps), now = static_cast<double>(t);
        const double ends[] = {pct_start * all - 1, 2 * pct_start * all - 2, all - 1};
        double start = 0;
        for (int i = 0; i < 3; ++i) {
            if (i == 1 && !three_phase) continue;
            const int from = !three_phase && i == 2 ? 1 : i;
            if (i == 2 || now <= ends[i]) {
                const double part = (now - start) / (ends[i] - start);
                const double a = c.value[from], b = c.value[from + 1];
                return anneal_strategy == anneal::linear
                           ? a + (b - a) * part
                           : b + (a - b) / 2 * (1 + std::cos(detail::pi * part));
            }
            start = ends[i];
        }
        return c.value[3];
    }
};

namespace detail {

template <class Options>
void set_momentum(Options& o, double value) {
    if constexpr (requires { o.momentum; })
        o.momentum = value;
    else if constexpr (requires { o.betas; })
        o.betas[0] = value;
}

}  // namespace detail

/// Sets the rates of an optimiser's groups by a schedule: at once those of step 0, then those of
/// one step more at every `step()`. The rates of the groups when it is made are the base rates.
template <class Optimizer, class Schedule>
class scheduler {
public:
    scheduler(Optimizer& o, Schedule s) : optimizer_(&o), schedule_(std::move(s)) {
        for (std::size_t i = 0; i < o.group_count(); ++i) base_.push_back(o.group(i).lr);
        set();
    }
    /// The next step.
    void step() {
        ++steps_;
        set();
    }
    int64 steps() const { return steps_; }
    /// Goes to step `t`, as when training resumes.
    void resume(int64 t) {
        steps_ = t;
        set();
    }
    double last_lr(std::size_t group = 0) const { return optimizer_->group(group).lr; }

private:
    void set() {
        for (std::size_t i = 0; i < base_.size(); ++i) {
            auto& group = optimizer_->group(i);
            group.lr = schedule_(base_[i], steps_);
            if constexpr (requires { schedule_.momentum(steps_); })
                if (const double m = schedule_.momentum(steps_); !std::isnan(m))
                    detail::set_momentum(group, m);
        }
    }

    Optimizer* optimizer_;
    Schedule schedule_;
    std::vector<double> base_;
    int64 steps_ = 0;
};

enum class plateau_mode { min, max };
enum class threshold_mode { rel, abs };

struct reduce_lr_on_plateau_options {
    plateau_mode mode = plateau_mode::min;
    double factor = 0.1;
    int64 patience = 10;
    double threshold = 1e-4;
    optim::threshold_mode threshold_mode = optim::threshold_mode::rel;
    int64 cooldown = 0;
    double min_lr = 0;
    double eps = 1e-8;
};

/// Multiplies all rates by `factor` when a figure has not become better for more than `patience`
/// steps.
template <class Optimizer>
class reduce_lr_on_plateau {
public:
    explicit reduce_lr_on_plateau(Optimizer& o, reduce_lr_on_plateau_options options = {})
        : optimizer_(&o), options_(options) {
        if (!(options_.factor < 1)) throw error("reduce_lr_on_plateau: factor must be below 1.");
        const double far = std::numeric_limits<double>::infinity();
        best_ = options_.mode == plateau_mode::min ? far : -far;
    }
    /// Tells it the figure of one more epoch.
    void step(double figure) {
        if (better(figure)) {
            best_ = figure;
            bad_ = 0;
        } else {
            ++bad_;
        }
        if (waiting_ > 0) {
            --waiting_;
            bad_ = 0;
        }
        if (bad_ <= options_.patience) return;
        for (std::size_t i = 0; i < optimizer_->group_count(); ++i) {
            double& lr = optimizer_->group(i).lr;
            const double less = std::max(lr * options_.factor, options_.min_lr);
            if (lr - less > options_.eps) lr = less;
        }
        waiting_ = options_.cooldown;
        bad_ = 0;
    }
    /// What it remembers, and back to it: for checkpoints.
    struct memory {
        double best = 0;
        int64 bad = 0, waiting = 0;
    };
    memory state() const { return {best_, bad_, waiting_}; }
    void resume(const memory& m) {
        best_ = m.best;
        bad_ = m.bad;
        waiting_ = m.waiting;
    }

private:
    bool better(double a) const {
        const double t = options_.threshold;
        const bool relative = options_.threshold_mode == threshold_mode::rel;
        if (options_.mode == plateau_mode::min) return a < (relative ? best_ * (1 - t) : best_ - t);
        return a > (relative ? best_ * (1 + t) : best_ + t);
    }

    Optimizer* optimizer_;
    reduce_lr_on_plateau_options options_;
    double best_;
    int64 bad_ = 0, waiting_ = 0;
};

}  // namespace sinter::optim
