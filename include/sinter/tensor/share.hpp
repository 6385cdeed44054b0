// `share(e)`: an expression that is used several times as one node.
#pragma once

#include "sinter/tensor/tensor.hpp"

namespace sinter {

namespace detail {

// Evaluates a shared part on its own: what happens when parts that look alike turn out to differ.
template <class S, class B>
exec::made_array evaluate_part(const exec::shared_part& part) {
    exec::target to;
    runtime::storage_ptr none;
    to.memory = &none;
    const operand_list* const lists[] = {&part.operands};
    exec::evaluate<B, S>(lists, &to);
    return {to.array, std::move(to.fresh), &part};
}
struct share_operand {
    const shared<exec::shared_part>& part;
    void append_to(operand_list& list) const {
        list.add(part, ir::visit::share, dtype::boolean, 0, 0);
    }
};

// `e` as a shared part of symbol S, which says what it is known by; `evaluate`: for a part that may
// turn out to be several.
template <class S, class E>
expr<S> share_named(const E& e, exec::made_array (*evaluate)(const exec::shared_part&) = nullptr) {
    const auto part = shared<exec::shared_part>::make();
    e.append_to(part->operands);
    part->evaluate = evaluate;
    return make<S>(share_operand{part});
}

// See share. Key: a type that no other part of an expression has; void: none.
template <class Key, class B, class E>
auto share_as(const E& e) {
    using S = symbol_of<E>;
    if constexpr (same_v<Key, void>) {
        return share_named<sym::shared<S>>(e, &evaluate_part<S, B>);
    } else {
        return share_named<sym::shared<S, Key>>(e);
    }
}

}  // namespace detail

/// `e` as one node wherever the result is used: `auto b = share(a * a + a); auto c = b * b + b;`
/// computes b once per element, however often c mentions it. Costs nothing until it is evaluated.
/// Without it an `auto` that is used twice is written out twice, and merges again only where the
/// library can tell that it should.
template <expression E, class B = backend>
auto share(const E& e) {
    return detail::share_as<void, B>(e);
}

}  // namespace sinter
