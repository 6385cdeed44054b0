/// The embedding layer. Not part of nn.hpp, because of what sorting costs to compile with nvcc.
#pragma once

#include <optional>

#include "sinter/autodiff/take.hpp"
#include "sinter/nn/init.hpp"

namespace sinter::nn {

struct embedding_options {
    /// The index, counted from the end where negative, of a row that begins with zeros and gets no
    /// gradient.
    std::optional<int64> padding_idx{};
};

/// Rows of a table, by integers: indices (...) to (..., features). The weight is (count, features),
/// standard normal in the beginning, as PyTorch's. Recorded as one step of the tape. An index
/// outside is an index_error, thrown as that of `take`.
template <element T = float>
struct embedding {
    variable<T, 2> weight;
    embedding_options options;

    embedding(int64 count, int64 features, const embedding_options& o = {})
        : weight(tensor<T, 2>(shape<2>{count, features})), options(o) {
        if (o.padding_idx && (*o.padding_idx >= count || *o.padding_idx < -count))
            throw error("embedding: padding_idx " + std::to_string(*o.padding_idx) +
                        " is outside a table of " + std::to_string(count) + " rows.");
        init::normal(weight);
        if (o.padding_idx) weight.value()(*o.padding_idx) = T(0);
    }
    template <class V>
    void members(V&& v) {
        v("weight", weight);
    }
    template <expression I, class B = backend>
    auto operator()(const I& indices) const {
        static_assert(category(symbol_of<I>::type) == 1,
                      "embedding: the indices must be integers.");
        const int64 p = options.padding_idx.value_or(-1), n = weight.extent(0);
        return sinter::detail::take_variable<0, B>(weight,
                                                   indices,
                                                   !options.padding_idx ? -1
                                                   : p < 0              ? p + n
                                                                        : p);
    }
};
embedding(int64, int64)->embedding<float>;
embedding(int64, int64, embedding_options)->embedding<float>;

}  // namespace sinter::nn
