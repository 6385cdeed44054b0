// Variables as parameters: backward() writes their gradients into the optimiser's arena.
#pragma once

#include "sinter/autodiff/variable.hpp"
#include "sinter/optim/parameters.hpp"

namespace sinter::optim {

/// The slot of a variable.
template <element T, int R>
class variable_slot final : public slot<T> {
public:
    explicit variable_slot(const variable<T, R>& v) : variable_(v) {}
    io::array value() const override {
        return variable_.shared_state() ? io::array(variable_.detach()) : io::array();
    }
    io::array gradient() const override {
        return variable_.has_grad() ? io::array(variable_.grad()) : io::array();
    }
    void seat_gradient(runtime::storage_ptr memory) override {
        autodiff::variable_state& s = state();
        s.home.array = s.value.array;
        ir::make_row_major(s.home.array);
        s.home.array.data = memory->data();
        s.home.memory = std::move(memory);
        if (s.gradient.memory) s.gradient = s.home;
    }
    void moved() override {
        autodiff::variable_state& s = state();
        s.value.array.data = s.value.memory->data();
        if (!s.gradient.memory) return;
        s.gradient.array.data = s.gradient.memory->data();
        s.home = s.gradient;
    }
    const void* value_address() const override { return state().value.array.data; }
    const void* gradient_address() const override {
        return state().gradient.memory ? state().gradient.array.data : nullptr;
    }
    bool drop_gradient() override {
        state().gradient = {};
        return true;
    }

private:
    autodiff::variable_state& state() const { return *variable_.shared_state(); }

    variable<T, R> variable_;
};

template <element T>
template <int R>
parameters<T>& parameters<T>::add(std::string name, const variable<T, R>& v) {
    return add(std::move(name), std::make_shared<variable_slot<T, R>>(v));
}

}  // namespace sinter::optim
