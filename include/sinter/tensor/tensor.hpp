// Arrays: a shared handle on memory of one device, with extents, strides and an offset.
#pragma once

#include <array>
#include <initializer_list>
#include <string>

#include "sinter/core/shape.hpp"
#include "sinter/exec/evaluate.hpp"
#include "sinter/expr/operators.hpp"

namespace sinter {

template <class T, int R>
class tensor;
template <element T, int R>
class tensor_view;
class range;

namespace detail {

/// The bytes of an array of this shape. Their number must not wrap: a huge array would be a small
/// one.
[[gnu::cold]] inline std::size_t bytes_of_shape(const int64* extents,
                                                int rank,
                                                int64 element_size) {
    int64 bytes = element_size;
    bool wraps = false, none = false;
    for (int i = 0; i < rank; ++i) {
        if (extents[i] < 0)
            throw shape_error("tensor: the shape " + shape_text(extents, rank) +
                              " has a negative extent.");
        none = none || extents[i] == 0;
        wraps = __builtin_mul_overflow(bytes, extents[i], &bytes) || wraps;
    }
    if (none) return 0;
    if (wraps)
        throw shape_error("tensor: the shape " + shape_text(extents, rank) +
                          " has more elements than memory has addresses.");
    return static_cast<std::size_t>(bytes);
}

/// Indices that leave an array: fewer than there are axes, or a range among them.
template <int R, class... I>
concept index_of_view = sizeof...(I) >= 1 && sizeof...(I) <= R &&
                        ((std::is_integral_v<I> || same_v<I, range>)&&...) &&
                        (sizeof...(I) < R || (same_v<I, range> || ...));

/// `std::initializer_list` of `R` levels.
template <class T, int R>
struct nested_values {
    using type = std::initializer_list<typename nested_values<T, R - 1>::type>;
};
template <class T>
struct nested_values<T, 0> {
    using type = T;
};

template <class T, int R>
void read_extents(const typename nested_values<T, R>::type& v, int64* extents) {
    if constexpr (R > 0) {
        extents[0] = static_cast<int64>(v.size());
        if (v.size() > 0) read_extents<T, R - 1>(*v.begin(), extents + 1);
    }
}
template <class T, int R>
void read_values(const typename nested_values<T, R>::type& v, const int64* extents, T*& to) {
    if constexpr (R == 0) {
        *to++ = v;
    } else {
        if (static_cast<int64>(v.size()) != extents[0])
            throw shape_error("tensor: braces of " + std::to_string(extents[0]) + " and of " +
                              std::to_string(v.size()) +
                              " values stand side by side, rows must be equally long.");
        for (const auto& row : v) read_values<T, R - 1>(row, extents + 1, to);
    }
}

template <class B, class... E, std::size_t... I>
void evaluate_into(exec::target* targets, std::index_sequence<I...>, const E&... e) {
    operand_list room[sizeof...(E)];
    const operand_list* const lists[] = {list_of(e, room[I])...};
    exec::evaluate<B, symbol_of<E>...>(lists, targets);
}
/// Evaluates e... into targets, with the kernels of backend B.
template <class B, class... E>
void evaluate_into(exec::target* targets, const E&... e) {
    evaluate_into<B>(targets, std::index_sequence_for<E...>{}, e...);
}

template <class T, int R, class E>
constexpr void check_assignable() {
    static_assert(symbol_of<E>::rank == R,
                  "The expression's rank differs from the rank of the tensor it is assigned to.");
    static_assert(symbol_of<E>::type == dtype_v<T>,
                  "The expression's element type differs from the tensor's: convert it with "
                  "astype<T>(expression).");
    static_assert(!symbol_of<E>::has_variable,
                  "An expression over variables is assigned to a tensor, which knows no gradient: "
                  "assign it to a variable, or its value alone with detach(expression); under "
                  "no_grad a variable records nothing.");
}

}  // namespace detail

/// An array of T with R axes (0 to 8). A tensor is a handle: a copy shares the memory, `clone()`
/// copies it. Assigning an expression evaluates it, as few kernels as the mathematics allows; it
/// re-seats the handle when others hold its memory, and else writes in place. T is bool,
/// std::uint8_t, std::int8_t, std::int16_t, std::int32_t,
/// std::int64_t, half, bfloat16, float or double.
template <class T, int R>
class tensor {
    static_assert(element<T>,
                  "tensor: the element type must be bool, std::uint8_t, std::int8_t, std::int16_t, "
                  "std::int32_t, std::int64_t, sinter::half, sinter::bfloat16, float or double.");
    static_assert(R >= 0 && R <= max_rank, "Sinter supports ranks 0 to 8.");

public:
    using value_type = T;
    using symbol = sym::leaf<dtype_v<T>, R>;
    static constexpr dtype type = dtype_v<T>;
    static constexpr int rank = R;

    /// No elements and no memory.
    tensor() = default;
    /// Uninitialised elements on `where`.
    explicit tensor(const shape<R>& extents, device where = default_device()) : extents_(extents) {
        const std::size_t bytes = detail::bytes_of_shape(extents.data(), R, sizeof(T));
        make_contiguous();
        memory_ = runtime::allocate(where, bytes);
    }
    /// The values in the braces, on the default device: `tensor<float, 2>{{1, 2}, {3, 4}}`.
    tensor(typename detail::nested_values<T, R>::type values) requires(R > 0) {
        shape<R> e{};
        detail::read_extents<T, R>(values, e.data());
        tensor host(e, device::host());
        T* to = host.data();
        detail::read_values<T, R>(values, e.data(), to);
        *this = host.to(default_device());
    }
    /// The value, on the default device.
    explicit tensor(T value) requires(R == 0) {
        tensor host(shape<0>{}, device::host());
        *host.data() = value;
        *this = host.to(default_device());
    }
    /// Evaluates `e`. Throws shape_error or device_error before anything runs.
    template <expression E, class B = backend>
        requires(!std::is_base_of_v<tensor, std::remove_cvref_t<E>>)
    tensor(const E& e) { assign<B>(e); }
    tensor(const tensor&) = default;
    tensor(tensor&&) noexcept = default;
    ~tensor() = default;
    /// Re-seats this handle: both share the memory then.
    tensor& operator=(const tensor&) = default;
    tensor& operator=(tensor&&) noexcept = default;
    /// Evaluates `e`: into this memory if nobody outside the expression holds it and it fits, else
    /// into new memory.
    template <expression E, class B = backend>
        requires(!std::is_base_of_v<tensor, std::remove_cvref_t<E>>)
    tensor& operator=(const E& e) {
        assign<B>(e);
        return *this;
    }
    /// Adds, subtracts, multiplies or divides in place: writes through to everyone who shares the
    /// memory.
    template <class E, class B = backend>
    requires detail::operands<tensor, E> tensor& operator+=(const E& e) {
        return write<B>(*this + e);
    }
    template <class E, class B = backend>
    requires detail::operands<tensor, E> tensor& operator-=(const E& e) {
        return write<B>(*this - e);
    }
    template <class E, class B = backend>
    requires detail::operands<tensor, E> tensor& operator*=(const E& e) {
        return write<B>(*this * e);
    }
    template <class E, class B = backend>
    requires detail::operands<tensor, E> tensor& operator/=(const E& e) {
        return write<B>(*this / e);
    }

    /// The extents, outermost first.
    const shape<R>& extents() const { return extents_; }
    /// The extent of one axis; negative axes count from the end.
    int64 extent(int axis) const {
        return extents_[static_cast<std::size_t>(axis < 0 ? axis + R : axis)];
    }
    /// Steps between neighbours along each axis, in elements.
    const std::array<int64, static_cast<std::size_t>(R)>& strides() const { return strides_; }
    /// The number of elements.
    int64 size() const { return memory_ ? extents_.size() : 0; }
    /// The device that holds the elements.
    device where() const { return memory_ ? memory_->where() : device::host(); }
    /// The address of the first element, on that device.
    T* data() const { return memory_ ? static_cast<T*>(memory_->data()) + offset_ : nullptr; }
    /// True when the elements lie in row-major order without gaps.
    bool is_contiguous() const {
        int64 n = 1;
        for (int i = R - 1; i >= 0; --i) {
            if (at(extents_, i) != 1 && at(strides_, i) != n) return false;
            n *= at(extents_, i);
        }
        return true;
    }

    /// The element at the given indices (negative ones count from the end), by reference. Only
    /// where host code reaches the memory; a CUDA array is a device_error, an index outside a
    /// shape_error.
    template <std::convertible_to<int64>... I>
        requires(sizeof...(I) == R)
    T& operator()(I... index) const {
        if (!where().has_host_memory())
            throw device_error("Element access: the array lives on " + where().name() +
                               ": copy it with to(device::host()), or read one value with item().");
        const int64 at_axis[] = {static_cast<int64>(index)..., 0};
        int64 o = 0;
        for (int i = 0; i < R; ++i) {
            const int64 e = at(extents_, i), k = at_axis[i] < 0 ? at_axis[i] + e : at_axis[i];
            if (k < 0 || k >= e)
                throw shape_error("Element access: index " + std::to_string(at_axis[i]) +
                                  " is outside axis " + std::to_string(i) + " of shape " +
                                  shape_text(extents_) + ".");
            o += k * at(strides_, i);
        }
        if (!memory_) throw shape_error("Element access: the tensor has no memory yet.");
        return data()[o];
    }
    /// A view by index: see tensor/rearrange.hpp.
    template <class... I>
        requires detail::index_of_view<R, I...>
    auto operator()(const I&... index) const;
    /// The only element, copied to the host; a shape_error unless there is exactly one.
    T item() const {
        if (!memory_ || size() != 1)
            throw shape_error("item: shape " + shape_text(extents_) +
                              " does not hold exactly one element.");
        T v{};
        runtime::copy(&v, device::host(), data(), where(), sizeof(T));
        return v;
    }
    /// A rank-0 tensor is its value.
    operator T() const requires(R == 0) { return item(); }
    /// A copy in memory of its own, row-major.
    template <class B = backend>
    tensor clone() const {
        tensor r(extents_, where());
        if (!memory_) return r;
        if (is_contiguous()) {
            runtime::copy_async(*r.memory_,
                                r.data(),
                                *memory_,
                                data(),
                                static_cast<std::size_t>(size()) * sizeof(T),
                                current_stream(where()));
            return r;
        }
        exec::target to = r.as_target(true);
        detail::evaluate_into<B>(&to, *this);
        return r;
    }
    /// The array on `d`: this one if it is there, else a row-major copy.
    template <class B = backend>
    tensor to(device d) const {
        if (!memory_ || d == where()) return *this;
        const tensor from = is_contiguous() ? *this : clone<B>();
        tensor r(extents_, d);
        runtime::copy(
            r.data(), d, from.data(), where(), static_cast<std::size_t>(size()) * sizeof(T));
        return r;
    }
    /// The array on `d`, copied on stream `s` of the CUDA device that takes part, whatever stream
    /// is current; see transfer.hpp.
    template <class B = backend>
    tensor to(device d, const stream& s) const;
    /// Copies the elements of `from`, of equal shape, on stream `s`; see transfer.hpp.
    tensor& copy_from(const tensor& from, const stream& s);
    /// True when the elements are in host memory that CUDA copies asynchronously.
    bool is_pinned() const { return memory_ && memory_->pinned(); }
    /// Says that the user's own work on `s` uses this memory, so that it is not freed before that
    /// is done. Sinter's own kernels and copies say so themselves.
    void record_stream(const stream& s) const {
        if (memory_) memory_->note_use(s);
    }
    /// True when both handles share one allocation.
    template <element U, int Q>
    bool shares_memory(const tensor<U, Q>& other) const {
        return memory_ && memory_ == other.memory();
    }

    // ---- what expressions and views use ----

    /// This array as the run-time operand of an expression.
    void append_to(operand_list& list) const {
        if (!memory_)
            throw shape_error(
                "An expression uses a tensor that has no memory yet: give it a value first.");
        list.add_array<R>(memory_,
                          type,
                          offset_ * static_cast<int64>(sizeof(T)),
                          extents_.data(),
                          strides_.data());
    }
    /// Extents and strides counted from the right.
    ir::array_ref as_array() const {
        ir::array_ref a{};
        a.data = data();
        a.type = dtype_v<T>;
        for (int j = 0; j < R; ++j) {
            a.extent[j] = at(extents_, R - 1 - j);
            a.stride[j] = a.extent[j] != 1 ? at(strides_, R - 1 - j) : 0;
        }
        return a;
    }
    /// A handle on memory that exists.
    static tensor over(runtime::storage_ptr memory,
                       int64 offset,
                       const shape<R>& extents,
                       const std::array<int64, static_cast<std::size_t>(R)>& strides) {
        tensor t;
        t.memory_ = std::move(memory);
        t.offset_ = offset;
        t.extents_ = extents;
        t.strides_ = strides;
        return t;
    }
    const runtime::storage_ptr& memory() const { return memory_; }
    int64 offset() const { return offset_; }
    /// This array as the place of a result.
    exec::target as_target(bool write_through) {
        exec::target t;
        t.write_through = write_through;
        t.present = memory_ != nullptr;
        if (t.present) t.array = as_array();
        t.memory = &memory_;
        return t;
    }
    /// Takes the result that an evaluation left in `t`.
    void adopt(exec::target& t) {
        if (!t.fresh) return;
        for (int i = 0; i < R; ++i)
            extents_[static_cast<std::size_t>(i)] = t.array.extent[R - 1 - i];
        make_contiguous();
        offset_ = 0;
        memory_ = std::move(t.fresh);
    }
    /// Evaluates `e` into this very memory.
    template <class B = backend, class E>
    tensor& write(const E& e) {
        detail::check_assignable<T, R, E>();
        if (!memory_)
            throw shape_error(
                "assignment: the target has no memory yet: give it a value with = first.");
        exec::target to = as_target(true);
        detail::evaluate_into<B>(&to, e);
        if (to.copy_back) {
            const tensor done = from_result(to);
            exec::target again = as_target(true);
            detail::evaluate_into<B>(&again, done);
        }
        return *this;
    }

private:
    template <class A>
    static auto& at(A& a, int i) {
        return a[static_cast<std::size_t>(i)];
    }
    void make_contiguous() {
        int64 n = 1;
        for (int i = R - 1; i >= 0; --i) {
            at(strides_, i) = n;
            n *= at(extents_, i);
        }
    }
    static tensor from_result(exec::target& t) {
        tensor r;
        r.adopt(t);
        return r;
    }
    template <class B, class E>
    void assign(const E& e) {
        detail::check_assignable<T, R, E>();
        if constexpr (symbol_of<E>::rank == R && symbol_of<E>::type == dtype_v<T>) {
            exec::target to = as_target(false);
            detail::evaluate_into<B>(&to, e);
            adopt(to);
        }
    }

    runtime::storage_ptr memory_;
    int64 offset_ = 0;
    shape<R> extents_{};
    std::array<int64, static_cast<std::size_t>(R)> strides_{};
};

/// Evaluates a lazy expression into a new tensor; a tensor is returned as it is.
template <expression E, class B = backend>
auto eval(const E& e) {
    return tensor<storage_t<symbol_of<E>::type>, symbol_of<E>::rank>(e);
}

}  // namespace sinter
