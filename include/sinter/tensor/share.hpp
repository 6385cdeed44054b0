// `share(e)`: an expression that is used several times as one node.
#pragma once

#include "sinter/tensor/tensor.hpp"

namespace sinter {

namespace detail {

// Evaluates a shared part on its own: what happens when parts that look alike turn out to differ.
template <class S, class B>
operand evaluate_part(const exec::shared_part& part) {
    exec::target to;
    runtime::storage_ptr none;
    to.memory = &none;
    const operand_list* const lists[] = {&part.operands};
    exec::evaluate<B, S>(lists, &to);
    operand o;
    o.array = to.result;
    o.held = to.fresh;
    return o;
}

}  // namespace detail

/// `e` as one node wherever the result is used: `auto b = share(a * a + a); auto c = b * b + b;`
/// computes b once per element, however often c mentions it. Costs nothing until it is evaluated.
/// Without it an `auto` that is used twice is written out twice, and merges again only where the
/// library can tell that it should.
template <expression E, class B = backend>
auto share(const E& e) {
    using S = symbol_of<E>;
    operand o;
    o.what = ir::visit::share;
    o.held = std::make_shared<exec::shared_part>(
        exec::shared_part{e.operands(), &detail::evaluate_part<S, B>});
    return expr<sym::shared<S>>(operand_list{std::move(o)});
}

}  // namespace sinter
