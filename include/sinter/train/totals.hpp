// Loss and hits of an epoch, added up where they are computed, so that a step never waits for them.
#pragma once

#include "sinter/autodiff/variable.hpp"
#include "sinter/runtime/event.hpp"
#include "sinter/tensor/transfer.hpp"
#include "sinter/train/loss.hpp"

namespace sinter::train {

/// Means over rows. An accuracy of rows that cannot be right or wrong is negative.
struct figures {
    double loss = 0, accuracy = -1;
    int64 rows = 0;
};

namespace detail {

/// The sums behind `figures`.
struct sums {
    double loss = 0;
    int64 right = 0, cases = 0, rows = 0;

    figures mean() const {
        return {rows > 0 ? loss / static_cast<double>(rows) : 0,
                cases > 0 ? static_cast<double>(right) / static_cast<double>(cases) : -1,
                rows};
    }
};

/// One small launch a batch adds its loss, times its rows, and its hits. In double and int64: the
/// sums are the same however the epoch was cut by an interruption.
class totals {
public:
    explicit totals(device where) : where_(where), done_(where) { set({}); }

    void set(const sums& s) {
        known_ = s;
        loss_ = tensor<double, 0>(s.loss).to(where_);
        right_ = tensor<int64, 0>(s.right).to(where_);
        asked_ = false;
    }
    template <class B, class Loss, class T, class Z, class Y>
    void add(const tensor<T, 0>& loss, const Loss& rule, const Z& z, const Y& y, int64 rows) {
        known_.rows += rows;
        const auto weighted = loss_ + astype<double>(loss) * static_cast<double>(rows);
        if constexpr (counts<Loss, Z, Y>()) {
            const auto right = right_of(rule, z, y);
            known_.cases += sinter::detail::extents_of(right).size();
            const auto hits = right_ + sum(right);
            sinter::evaluate<B>(out(loss_) = weighted, out(right_) = hits);
        } else {
            loss_.template operator=<decltype(weighted), B>(weighted);
        }
    }
    /// The sums, for which the host waits.
    sums read() const {
        sums s = known_;
        s.loss = loss_.item();
        s.right = right_.item();
        return s;
    }
    /// The same without a wait: the first call begins a copy, a later one that finds it done says
    /// true and has the sums of then.
    bool poll(sums& to) {
        if (where_.is_host()) {
            to = read();
            return true;
        }
        if (!asked_) {
            then_ = known_;
            const stream s = current_stream(where_);
            seen_loss_ = loss_.to(device::host(), s);
            seen_right_ = right_.to(device::host(), s);
            done_.record(s);
            asked_ = true;
            return false;
        }
        if (!done_.query()) return false;
        asked_ = false;
        to = then_;
        to.loss = seen_loss_.item();
        to.right = seen_right_.item();
        return true;
    }

private:
    device where_;
    tensor<double, 0> loss_, seen_loss_;
    tensor<int64, 0> right_, seen_right_;
    sums known_, then_;
    event done_;
    bool asked_ = false;
};

}  // namespace detail
}  // namespace sinter::train
