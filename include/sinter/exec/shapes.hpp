// The shape of an expression before it is evaluated.
#pragma once

#include "sinter/core/shape.hpp"
#include "sinter/exec/evaluate.hpp"

namespace sinter {

/// The extents that `e` will have. Throws shape_error if its operands do not fit.
template <expression E>
shape<symbol_of<E>::rank> shape_of(const E& e) {
    using S = symbol_of<E>;
    operand_list room;
    const operand_list* const lists[] = {detail::list_of(e, room)};
    shape<S::rank> r{};
    const auto read = [&](const exec::program_table& t) {
        exec::binding b(t);
        if (!exec::bind(b, lists, 1)) return false;
        for (int i = 0; i < S::rank; ++i)
            r[static_cast<std::size_t>(i)] = b.at(t.graph.root[0]).extent[S::rank - 1 - i];
        return true;
    };
    if constexpr (sym::fits<S>) {
        if (read(exec::source<S>::table)) return r;
        // Shared parts that look alike but differ: each is an array of its own.
        if constexpr (exec::source<S>::shares_again()) read(exec::compiled<false, S>::table);
    }
    return r;
}

/// The device that holds the operands of `e`, the default one if it has none.
template <expression E>
device device_of(const E& e) {
    operand_list room;
    device found = default_device();
    detail::list_of(e, room)->each([&](const operand& o) {
        if (o.what == ir::visit::origin && o.word[o.rank] >= 0) {
            found = runtime::device_of_word(o.word[o.rank]);
            return false;
        }
        if (o.what != ir::visit::leaf) return true;
        found = exec::storage_of(o).where();
        return false;
    });
    return found;
}

}  // namespace sinter
