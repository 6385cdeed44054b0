// What the examples that train a network share beside their options: the digits as a data set, the
// loop over its batches, and the judgement at the end.
#pragma once

#include <cstdio>
#include <sinter/autodiff.hpp>
#include <sinter/data/dataset.hpp>

#include "support/progress.hpp"
#include "support/training.hpp"

namespace examples {

/// Images (rows, 28, 28, 1) and labels (rows).
using digit_set = sinter::data::dataset<sinter::tensor<float, 4>, sinter::tensor<std::int64_t, 1>>;

/// A set of digits on a device.
inline digit_set on_device(const labelled_images& from, sinter::device where) {
    const auto rows = static_cast<std::int64_t>(from.rows());
    return digit_set(
        sinter::from(from.images, sinter::shape<4>{rows, image_side, image_side, 1}, where),
        sinter::from(from.labels, sinter::shape<1>{rows}, where));
}

/// Shuffles `set` and calls step(batch...) for each of its batches, `o.epochs` times, with a line
/// that tells how it goes, and after_epoch(epoch), where given, after each pass. `step` gives the
/// loss, which is read now and then only: reading it waits for the device.
template <class Set, class Step, class AfterEpoch = std::nullptr_t>
void for_each_batch(Set& set,
                    const training_options& o,
                    Step step,
                    [[maybe_unused]] AfterEpoch after_epoch = {}) {
    const auto steps = set.batches({.batch_size = o.batch}).size(), all = steps * o.epochs;
    const std::int64_t between = std::max<std::int64_t>(1, all / 20);
    progress line(static_cast<double>(set.size()) / static_cast<double>(steps));
    std::int64_t done = 0;
    for (int epoch = 1; epoch <= o.epochs; ++epoch) {
        set.shuffle(o.seed + static_cast<std::uint64_t>(epoch));
        for (const auto& batch : set.batches({.batch_size = o.batch})) {
            const auto loss = std::apply(step, batch);
            if (++done % between != 0 && done != all) continue;
            line.report({epoch, o.epochs, done, all, static_cast<double>(loss.item()), -1});
        }
        if constexpr (!std::is_null_pointer_v<AfterEpoch>) {
            line.finish();
            after_epoch(epoch);
        }
    }
}

struct judgement {
    double loss, accuracy;
};
/// The mean cross-entropy of a network's logits over a set, and the share of rows whose largest
/// logit is the label's.
template <class Network, class Set>
judgement judge(Network& net, const Set& set) {
    const sinter::no_grad scope;
    double loss = 0, right = 0;
    for (const auto& [x, y] : set.batches({.batch_size = 500})) {
        const sinter::tensor<float, 2> z = sinter::variable(net(x)).detach();
        const auto rows = static_cast<double>(y.extent(0));
        loss += rows * static_cast<double>(sinter::eval(cross_entropy(z, y)).item());
        right += static_cast<double>(
            sinter::eval(sum(sinter::astype<float>(argmax(z, sinter::axis<-1>) == y))).item());
    }
    const auto rows = static_cast<double>(set.size());
    return {loss / rows, right / rows};
}

/// The last lines of a classifier.
inline void print(const judgement& j) {
    std::printf("test loss %.3f\ntest accuracy %.3f\n", j.loss, j.accuracy);
}

}  // namespace examples
