// Variables: arrays whose operations are recorded, so that gradients flow back to them.
#pragma once

#include <ostream>

#include "sinter/autodiff/tape.hpp"
#include "sinter/tensor/create.hpp"
#include "sinter/tensor/evaluate.hpp"
#include "sinter/tensor/print.hpp"
#include "sinter/tensor/rearrange.hpp"

namespace sinter {

template <element T, int R>
class variable;

/// While it lives, assignments to variables record nothing on this thread.
class no_grad {
public:
    no_grad() { ++autodiff::gradients_off; }
    ~no_grad() { --autodiff::gradients_off; }
    no_grad(const no_grad&) = delete;
    no_grad& operator=(const no_grad&) = delete;
};
/// While it lives, assignments record again inside a no_grad scope.
class enable_grad {
public:
    enable_grad() : before_(autodiff::gradients_off) { autodiff::gradients_off = 0; }
    ~enable_grad() { autodiff::gradients_off = before_; }
    enable_grad(const enable_grad&) = delete;
    enable_grad& operator=(const enable_grad&) = delete;

private:
    int before_;
};

/// Says to keep what backward needs, so that it can run again.
struct retain_graph_tag {};
inline constexpr retain_graph_tag retain_graph{};

namespace detail {

template <element T, int R>
inline constexpr bool is_expr<variable<T, R>> = true;

/// The array behind a typed handle and back.
template <element T, int R>
exec::made_array erased(const tensor<T, R>& t) {
    return {t.as_array(), t.memory()};
}
template <element T, int R>
tensor<T, R> restored(const exec::made_array& m) {
    shape<R> e{};
    stride_list<R> s{};
    int64 n = 1;
    for (int i = R; i-- > 0;) {
        const auto k = static_cast<std::size_t>(i);
        e[k] = m.array.extent[R - 1 - i];
        s[k] = e[k] == 1 ? n : m.array.stride[R - 1 - i];
        n *= e[k];
    }
    const auto offset =
        static_cast<const T*>(m.array.data) - static_cast<const T*>(m.memory->data());
    return tensor<T, R>::over(m.memory, m.memory->data() ? offset : 0, e, s);
}

}  // namespace detail

/// An array of T with R axes that takes part in gradients. It is an operand of expressions as a
/// tensor is. Assigning an expression to a variable evaluates it and records one step of the tape;
/// inside an expression gradients are symbolic and share kernels. A variable is a handle: a copy is
/// the same variable. T is half, bfloat16, float or double.
template <element T, int R>
class variable {
    static_assert(is_floating(dtype_v<T>),
                  "variable: the element type must be half, bfloat16, float or double.");

public:
    using value_type = T;
    using symbol = sym::variable<dtype_v<T>, R>;
    static constexpr dtype type = dtype_v<T>;
    static constexpr int rank = R;

    /// No value yet.
    variable() = default;
    /// A leaf with the value of `t`, whose memory it shares; wants a gradient.
    template <class B = backend>
    explicit variable(const tensor<T, R>& t, bool requires_grad = true) {
        make<B>(t, requires_grad);
    }
    /// Evaluates `e`. Over variables: records it, unless none of them wants a gradient or a no_grad
    /// scope is alive. Without variables: a leaf that wants a gradient. Throws shape_error or
    /// device_error before anything runs.
    template <expression E, class B = backend>
        requires(!std::is_base_of_v<tensor<T, R>, std::remove_cvref_t<E>> &&
                 !same_v<std::remove_cvref_t<E>, variable>)
    explicit(!symbol_of<E>::has_variable) variable(const E& e) { assign<B>(e, true); }
    variable(const variable&) = default;
    variable(variable&&) noexcept = default;
    ~variable() = default;
    /// This handle becomes one on the other variable.
    variable& operator=(const variable&) = default;
    variable& operator=(variable&&) noexcept = default;
    /// Evaluates and records `e`; without variables in it, a value that wants no gradient. This
    /// handle becomes one on the result: what was recorded before keeps the old value.
    template <expression E, class B = backend>
        requires(!same_v<std::remove_cvref_t<E>, variable>)
    variable& operator=(const E& e) {
        assign<B>(e, false);
        return *this;
    }

    /// The value; assigning to it writes in place.
    tensor_view<T, R> value() const {
        return tensor_view<T, R>(detail::restored<T, R>(state("value").value));
    }
    /// The value as a tensor that knows no gradient; the memory is shared.
    tensor<T, R> detach() const { return value(); }
    /// Takes another value of any shape, as a leaf: with the same gradient setting, no gradient
    /// yet.
    void set_value(const tensor<T, R>& t) { state("set_value").value = detail::erased(t); }
    /// The gradient that backward() added up; zeros where none arrived.
    tensor<T, R> grad() const {
        const autodiff::variable_state& s = state("grad");
        if (s.gradient.memory) return detail::restored<T, R>(s.gradient);
        return detail::restored<T, R>(autodiff::zeros_like(s.value.array, s.value.memory->where()));
    }
    /// True when backward() has brought a gradient since the last zero_grad().
    bool has_grad() const { return state("has_grad").gradient.memory != nullptr; }
    /// Forgets the gradient.
    void zero_grad() { state("zero_grad").gradient = {}; }
    /// True when backward() brings a gradient to this variable or through it.
    bool requires_grad() const { return state("requires_grad").requires_grad; }
    /// Wants a gradient, or no longer. Only of a leaf.
    void requires_grad(bool wanted) {
        autodiff::variable_state& s = state("requires_grad");
        if (s.from)
            throw error(
                "requires_grad: this variable is the result of an expression, only a leaf can "
                "change that: use detach().");
        s.requires_grad = wanted;
    }
    /// True unless an expression over variables was recorded for it.
    bool is_leaf() const { return !state("is_leaf").from; }
    /// Keeps the gradient of this variable although it is no leaf.
    void retain_grad() { state("retain_grad").keeps_gradient = true; }
    /// Calls hook(gradient) when a gradient arrives, before it is added up or passed on. What the
    /// hook gives is used instead, unless it gives nothing.
    template <class F, class B = backend>
    void register_hook(F hook) {
        state("register_hook").hooks.push_back([hook](const exec::made_array& g) {
            if constexpr (std::is_void_v<std::invoke_result_t<F&, tensor<T, R>>>) {
                hook(detail::restored<T, R>(g));
                return g;
            } else {
                const tensor<T, R> r = hook(detail::restored<T, R>(g));
                return detail::erased(r.is_contiguous() ? r : r.template clone<B>());
            }
        });
    }

    /// Adds the derivatives of this rank-0 variable to the gradients of the leaves it was computed
    /// from, and frees what was recorded.
    template <class B = backend>
    void backward() const requires(R == 0) {
        walk(one<B>(), false);
    }
    template <class B = backend>
    void backward(retain_graph_tag) const requires(R == 0) {
        walk(one<B>(), true);
    }
    /// The same from an array of any rank, given the derivative of the final result by it.
    template <class B = backend>
    void backward(const tensor<T, R>& seed) const {
        start<B>(seed, false);
    }
    template <class B = backend>
    void backward(const tensor<T, R>& seed, retain_graph_tag) const {
        start<B>(seed, true);
    }

    const shape<R> extents() const { return value().extents(); }
    int64 extent(int axis) const { return value().extent(axis); }
    int64 size() const { return state_ ? value().size() : 0; }
    device where() const { return value().where(); }
    /// The only element, copied to the host; a shape_error unless there is exactly one.
    T item() const { return value().item(); }
    /// A rank-0 variable is its value.
    operator T() const requires(R == 0) { return item(); }

    /// A part by index, as that of a tensor; lazy, and gradients flow back to it. Ranges cut, an
    /// integer takes one place and drops the axis.
    template <class... I>
        requires detail::index_of_view<R, I...>
    auto operator()(const I&... index) const {
        int axis = 0;
        (check_index(index, axis++), ...);
        const auto cut = slice(*this, as_range(index)...);
        return dropped<I...>(cut, std::index_sequence_for<I...>{});
    }

    // ---- what expressions use ----

    /// This array, and who it is, as operands of an expression.
    void append_to(operand_list& list) const {
        const autodiff::variable_state& s = state("An expression");
        value().append_to(list);
        (void)s;
        list.add(state_, ir::visit::note, dtype::boolean, 0, 0);
    }
    const autodiff::state_ptr& shared_state() const { return state_; }
    /// This value as the result of an assignment whose gradients `again` computes.
    variable recorded_as(
        std::function<void(const exec::made_array&, const autodiff::take_gradient&)> again,
        std::vector<autodiff::state_ptr> inputs) const {
        variable r;
        r.state_ = autodiff::state_ptr::make();
        r.state_->value = state("checkpoint").value;
        r.state_->rank = R;
        r.state_->requires_grad = true;
        r.state_->sums = state_->sums;
        r.state_->from = detail::shared<autodiff::recorded>::make();
        r.state_->from->again = std::move(again);
        r.state_->from->inputs = std::move(inputs);
        r.state_->from->number = autodiff::next_number();
        return r;
    }

private:
    autodiff::variable_state& state(const char* operation) const {
        if (!state_)
            throw shape_error(std::string(operation) +
                              ": the variable has no value yet: give it one first.");
        return *state_;
    }
    void check_index(const range&, int) const {}
    void check_index(int64 i, int axis) const {
        const int64 n = extent(axis);
        if (i >= n || i < -n)
            throw shape_error("Indexing: index " + std::to_string(i) + " is outside axis " +
                              std::to_string(axis) + " of shape " + shape_text(extents()) + ".");
    }
    static range as_range(const range& r) { return r; }
    static range as_range(int64 i) {
        return i == -1 ? range(-1, 0x7fffffffffffffffL) : range(i, i + 1);
    }
    // Without the axes that were indexed by integers.
    template <class... I, class E, std::size_t... K>
    static auto dropped(const E& e, std::index_sequence<K...>) {
        constexpr unsigned drop = (0U | ... | (same_v<I, range> ? 0U : 1U << K));
        return [&]<int... A>(ints<A...>) {
            if constexpr (drop == 0) {
                return e;
            } else {
                using P = typename detail::squeezed_symbol<symbol_of<E>,
                                                           drop,
                                                           R - __builtin_popcount(drop),
                                                           ints<A...>>::type;
                return detail::make<P>(e);
            }
        }
        (make_ints<R - __builtin_popcount(drop)>{});
    }
    template <class B>
    void make(const tensor<T, R>& t, bool wanted) {
        take<B>(detail::erased(t), wanted);
        if (!t.memory())
            throw shape_error("variable: the tensor has no memory yet: give it a value first.");
    }
    template <class B>
    void take(exec::made_array value, bool wanted) {
        state_ = autodiff::state_ptr::make();
        state_->value = std::move(value);
        state_->rank = R;
        state_->requires_grad = wanted;
        state_->sums = &autodiff::accumulator_for<B, dtype_v<T>>;
    }
    template <class B, class E>
    void assign(const E& e, bool leaf) {
        using S = symbol_of<E>;
        static_assert(S::rank == R,
                      "The expression's rank differs from the rank of the variable it is assigned "
                      "to.");
        static_assert(S::type == dtype_v<T>,
                      "The expression's element type differs from the variable's: convert it with "
                      "astype<T>(expression).");
        if constexpr (S::rank == R && S::type == dtype_v<T>) {
            operand_list room;
            const operand_list& list = *detail::list_of(e, room);
            const operand_list* const lists[] = {&list};
            exec::target to[ir::max_roots];
            if constexpr (S::has_variable) {
                if (autodiff::gradients_wanted() && autodiff::wants_gradient(list)) {
                    using tables = autodiff::gradient_tables<S, B>;
                    exec::made_array result;
                    auto from = autodiff::record(tables::at,
                                                 tables::count,
                                                 list,
                                                 autodiff::accumulator_for<B, dtype_v<T>>,
                                                 result);
                    take<B>(std::move(result), true);
                    state_->from = std::move(from);
                    return;
                }
                leaf = false;
                // One program less to compile where it makes no difference.
                if constexpr (autodiff::gradient_tables<S, B>::serves_values) {
                    exec::evaluate(autodiff::gradient_tables<S, B>::forward, lists, 1, to);
                } else {
                    exec::evaluate<B, S>(lists, to);
                }
            } else {
                exec::evaluate<B, S>(lists, to);
            }
            take<B>({to[0].array, std::move(to[0].fresh)}, leaf);
        }
    }
    template <class B>
    exec::made_array one() const {
        return detail::erased(tensor<T, 0>(T(1)).template to<B>(where()));
    }
    template <class B>
    void start(const tensor<T, R>& seed, bool retain) const {
        if (!(seed.extents() == extents()))
            throw shape_error("backward: the seed has shape " + shape_text(seed.extents()) +
                              ", the variable " + shape_text(extents()) + ".");
        walk(detail::erased(seed.is_contiguous() ? seed : seed.template clone<B>()), retain);
    }
    void walk(exec::made_array seed, bool retain) const {
        if (!state("backward").requires_grad)
            throw error(
                "backward: this variable was computed from nothing that wants a gradient, or under "
                "no_grad.");
        autodiff::backward_walk(retain).run(state_, std::move(seed));
    }

    autodiff::state_ptr state_;
};

template <class T, int R>
variable(tensor<T, R>) -> variable<T, R>;
template <class T, int R>
variable(tensor<T, R>, bool) -> variable<T, R>;
template <expression E>
variable(const E&) -> variable<storage_t<symbol_of<E>::type>, symbol_of<E>::rank>;

/// A variable that wants no gradient.
template <element T, int R, class B = backend>
variable<T, R> constant(const tensor<T, R>& t) {
    return variable<T, R>(t, false);
}

/// The value of `e`, which no gradient passes: a variable's is a tensor, an expression's stays
/// lazy.
template <element T, int R>
tensor<T, R> detach(const variable<T, R>& v) {
    return v.detach();
}
template <expression E>
auto detach(E&& e) {
    return detail::make<sym::stopped<symbol_of<E>>>(std::forward<E>(e));
}
template <element T, int R, class B = backend>
std::ostream& operator<<(std::ostream& out, const variable<T, R>& v) {
    return out << v.detach();
}

}  // namespace sinter
