// Where training takes its batches from: a data set on the device, a loader that reads host memory,
// or one of them with a function that prepares the input.
#pragma once

#include "sinter/data/loader.hpp"
#include "sinter/random.hpp"

namespace sinter::train {

namespace detail {

template <class D>
struct feed;

/// How batches are cut and ordered.
struct feed_options {
    int64 batch = 32;
    bool drop_last = false, shuffle = false;
    uint64 seed = 0;
};

/// The input as it is.
struct as_it_is {
    template <class X>
    const X& operator()(const X& x) const {
        return x;
    }
};

template <class... A>
struct feed<data::dataset<A...>> {
    using set_type = data::dataset<A...>;
    using batch = std::tuple<A...>;
    using prepare_type = as_it_is;
    static constexpr bool own_batches = false;

    feed(const data::dataset<A...>& set, const feed_options& o) : set_(set), o_(o) {
        count_ = data::detail::batch_count(
            set.size(), {.batch_size = o.batch, .drop_last = o.drop_last}, "fit");
    }
    int64 rows() const { return o_.drop_last ? count_ * o_.batch : set_.size(); }
    int64 batches() const { return count_; }
    int64 batch_size() const { return o_.batch; }
    device where() const { return std::get<0>(set_.arrays()).where(); }
    /// Begins an epoch at one of its batches.
    template <class B>
    void start(int64 epoch, int64 first) {
        if (o_.shuffle) set_.template shuffle<B>(data::epoch_seed(o_.seed, epoch));
        at_ = first;
    }
    bool more() const { return at_ < count_; }
    batch next() {
        const int64 first = at_++ * o_.batch;
        return set_.rows(first, std::min(first + o_.batch, set_.size()));
    }
    as_it_is prepare() const { return {}; }

private:
    data::dataset<A...> set_;
    feed_options o_;
    int64 count_ = 0, at_ = 0;
};

/// A loader cuts and shuffles its batches itself.
template <class... A>
struct feed<data::loader<A...>> {
    using set_type = data::dataset<A...>;
    using batch = std::tuple<A...>;
    using prepare_type = as_it_is;
    static constexpr bool own_batches = true;

    feed(data::loader<A...>& from, const feed_options&) : from_(&from) {}
    int64 rows() const {
        return from_->options().drop_last ? batches() * batch_size() : from_->size();
    }
    int64 batches() const { return from_->batch_count(); }
    int64 batch_size() const { return from_->options().batch_size; }
    device where() const { return from_->options().to; }
    template <class B>
    void start(int64 epoch, int64 first) {
        from_->start(epoch, first);
        left_ = batches() - first;
    }
    bool more() const { return left_ > 0; }
    batch next() {
        --left_;
        batch b;
        from_->next(b);
        return b;
    }
    as_it_is prepare() const { return {}; }

private:
    data::loader<A...>* from_;
    int64 left_ = 0;
};

}  // namespace detail

/// Data whose input goes through a function before the model sees it: `prepared(set, f)`. f(x)
/// gives a lazy expression, so that it fuses into the first layer, and is used for validation as
/// well; f(x, key), such as an augmentation, gets a random_key of its own for every batch and is
/// used in training alone. Refers to `set`.
template <class D, class F>
class prepared {
public:
    prepared(D& set, F f) : set_(&set), f_(std::move(f)) {}
    D& set() const { return *set_; }
    const F& function() const { return f_; }

private:
    D* set_;
    F f_;
};

namespace detail {

template <class D, class F>
struct feed<prepared<D, F>> : feed<std::remove_const_t<D>> {
    using prepare_type = F;
    feed(const prepared<D, F>& p, const feed_options& o)
        : feed<std::remove_const_t<D>>(p.set(), o), f_(p.function()) {}
    const F& prepare() const { return f_; }

private:
    F f_;
};

/// The input of a model in training.
template <class F, class X>
decltype(auto) training_input(const F& f, const X& x, const random_key& key) {
    if constexpr (requires { f(x, key); }) {
        return f(x, key);
    } else {
        return f(x);
    }
}
/// The same when nothing is learnt.
template <class F, class X>
decltype(auto) plain_input(const F& f, const X& x) {
    if constexpr (requires { f(x); }) {
        return f(x);
    } else {
        return (x);
    }
}

/// What a model makes of the arrays of a batch: of all but the last, or of the only one.
template <class M, class First, class... A>
auto output_of(M& model, First&& first, const std::tuple<A...>& b) {
    constexpr std::size_t inputs = sizeof...(A) > 1 ? sizeof...(A) - 1 : 1;
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
        return model(std::forward<First>(first), std::get<I + 1>(b)...);
    }
    (std::make_index_sequence<inputs - 1>{});
}
/// What it should have made: the last array.
template <class... A>
const auto& target_of(const std::tuple<A...>& b) {
    return std::get<sizeof...(A) - 1>(b);
}

}  // namespace detail

/// What `fit` and `test` take their batches from: data::dataset, data::loader and `prepared`.
template <class D>
concept data_source = requires {
    typename detail::feed<std::remove_cvref_t<D>>::set_type;
};

}  // namespace sinter::train
