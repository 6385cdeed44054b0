// What an optimiser updates: arrays, each with its gradient.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sinter/io/array.hpp"

namespace sinter {

template <element T, int R>
class variable;

}  // namespace sinter

namespace sinter::optim {

/// One parameter as the optimiser sees it.
template <element T>
class slot {
public:
    virtual ~slot() = default;
    /// The array that is learnt; without memory while it has none.
    virtual io::array value() const = 0;
    /// Its gradient; without memory while there is none.
    virtual io::array gradient() const = 0;
    /// From now on the gradient is the row-major array of the value's shape in `memory`, which
    /// holds it already.
    virtual void seat_gradient(runtime::storage_ptr memory) = 0;
    /// Called when the memory of the two has moved behind its handles.
    virtual void moved() {}
    /// Where the two are now; null without memory. These are asked in every step.
    virtual const void* value_address() const = 0;
    virtual const void* gradient_address() const = 0;
    /// Makes the gradient none; false when it is to be filled with zeros instead.
    virtual bool drop_gradient() { return false; }
};

/// The slot of a tensor and of the tensor that holds its gradient.
template <element T, int R>
class tensor_slot final : public slot<T> {
public:
    tensor_slot(tensor<T, R>& value, tensor<T, R>& gradient)
        : value_(&value), gradient_(&gradient) {}
    io::array value() const override { return of(*value_); }
    io::array gradient() const override { return of(*gradient_); }
    void seat_gradient(runtime::storage_ptr memory) override {
        const tensor<T, R> like(value_->extents(), device::host());
        *gradient_ = tensor<T, R>::over(std::move(memory), 0, value_->extents(), like.strides());
    }
    const void* value_address() const override { return value_->data(); }
    const void* gradient_address() const override { return gradient_->data(); }

private:
    static io::array of(const tensor<T, R>& t) { return t.memory() ? io::array(t) : io::array(); }

    tensor<T, R>* value_;
    tensor<T, R>* gradient_;
};

/// A list of parameters by name.
template <element T = float>
class parameters {
    static_assert(is_floating(dtype_v<T>), "optim: parameters have a floating element type.");

public:
    struct entry {
        std::string name;
        std::shared_ptr<slot<T>> place;
    };

    /// Adds a tensor and the tensor that holds its gradient when a step is taken. Both must live as
    /// long as the optimiser; `gradient` may be empty and is zero then.
    template <int R>
    parameters& add(std::string name, tensor<T, R>& value, tensor<T, R>& gradient) {
        return add(std::move(name), std::make_shared<tensor_slot<T, R>>(value, gradient));
    }
    /// Adds a variable, whose gradient backward() brings.
    template <int R>
    parameters& add(std::string name, const variable<T, R>& v);
    parameters& add(std::string name, std::shared_ptr<slot<T>> place) {
        for (const entry& e : list_)
            if (e.name == name) throw error("optim: two parameters are called '" + name + "'.");
        list_.push_back({std::move(name), std::move(place)});
        return *this;
    }
    std::size_t size() const { return list_.size(); }
    auto begin() const { return list_.begin(); }
    auto end() const { return list_.end(); }

private:
    std::vector<entry> list_;
};

}  // namespace sinter::optim
