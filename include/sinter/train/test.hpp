// How good a model is on data it does not learn from.
#pragma once

#include "sinter/nn/module.hpp"
#include "sinter/train/feed.hpp"
#include "sinter/train/totals.hpp"

namespace sinter::train {

struct test_options {
    int64 batch = 256;  ///< rows of one step; those of a loader are its own
};

namespace detail {

/// Calls f(flag) for the flag `training` of a module and of every module in it.
template <class M, class F>
void each_mode(M& m, F& f) {
    if constexpr (requires { m.training = true; }) f(m.training);
    if constexpr (nn::module<M>)
        m.members([&](const std::string&, auto& member) {
            using T = std::remove_cvref_t<decltype(member)>;
            if constexpr (nn::detail::is_list<T>) {
                for (auto& one : member) each_mode(one, f);
            } else if constexpr (nn::module<T>) {
                each_mode(member, f);
            }
        });
}

/// While it lives a model is in evaluation mode and nothing is recorded; then it is as before.
template <class M>
class evaluation_scope {
public:
    explicit evaluation_scope(M& m) : model_(m) {
        const auto keep = [this](bool& flag) {
            before_.push_back(flag);
            flag = false;
        };
        each_mode(model_, keep);
    }
    ~evaluation_scope() {
        std::size_t i = 0;
        const auto restore = [&](bool& flag) { flag = before_[i++]; };
        each_mode(model_, restore);
    }
    evaluation_scope(const evaluation_scope&) = delete;
    evaluation_scope& operator=(const evaluation_scope&) = delete;

private:
    M& model_;
    std::vector<bool> before_;
    no_grad nothing_recorded_;
};

template <class B, class M, class Loss, class Feed, class P>
figures test(M& model, const Loss& loss, Feed& from, const P& prepare) {
    const evaluation_scope<M> scope(model);
    totals sum(from.where());
    from.template start<B>(0, 0);
    while (from.more()) {
        const auto batch = from.next();
        const auto& input = std::get<0>(batch);
        const auto& y = target_of(batch);
        // Variables as in training: the same programs, compiled once.
        const variable z(output_of(model, plain_input(prepare, input), batch));
        const variable value(loss(z, y));
        sum.add<B>(value.detach(), loss, z.detach(), y, input.extent(0));
    }
    return sum.read().mean();
}

}  // namespace detail

/// Loss and accuracy of `model` over all rows of `data`: a data set, a loader, or one of them
/// `prepared`. `loss(z, y)` of the model's output and the last array is the mean over a batch.
/// Dropout and batch_norm are in evaluation mode meanwhile, nothing is recorded, and the host waits
/// once, at the end.
template <class M, class Loss, data_source D, class B = backend>
    requires(!data_source<Loss>)
figures test(M& model, const Loss& loss, D&& data, const test_options& o = {}) {
    detail::feed<std::remove_cvref_t<D>> from(data, {.batch = o.batch});
    return detail::test<B>(model, loss, from, from.prepare());
}
/// The same with the cross-entropy.
template <class M, data_source D, class B = backend>
figures test(M& model, D&& data, const test_options& o = {}) {
    return test<M, cross_entropy_loss, D, B>(model, {}, std::forward<D>(data), o);
}

/// The class of every row of `data` to which `model` gives the largest logit.
template <class M, data_source D, class B = backend>
tensor<int64, 1> predict(M& model, D&& data, const test_options& o = {}) {
    const detail::evaluation_scope<M> scope(model);
    detail::feed<std::remove_cvref_t<D>> from(data, {.batch = o.batch});
    tensor<int64, 1> all = empty<int64>(shape<1>{{from.rows()}}, from.where());
    from.template start<B>(0, 0);
    for (int64 first = 0; from.more();) {
        const auto batch = from.next();
        const variable z(detail::output_of(
            model, detail::plain_input(from.prepare(), std::get<0>(batch)), batch));
        const int64 last = first + z.extent(0);
        const auto best = argmax(z.detach(), axis<-1>);
        slice(all, range(first, last)).template operator=<decltype(best), B>(best);
        first = last;
    }
    return all;
}

}  // namespace sinter::train
