// One block of memory for all parameters, one for their gradients, one for each state of an
// optimiser: an optimiser's step is then one elementwise kernel over whole blocks.
#pragma once

#include "sinter/optim/parameters.hpp"

namespace sinter::optim {

/// The memory of the parameters of some groups. A parameter keeps its handles: its storage moves
/// here, so whoever shares it, as a view or as a tied weight, follows. Parameters begin at
/// multiples of 128 bytes, and where there are several groups each begins at a multiple of
/// `block` elements, so that what differs between groups is one number per block. What lies
/// between parameters is zero and stays without effect.
template <element T>
class arena {
public:
    static constexpr int64 align = 128 / static_cast<int64>(sizeof(T)), block = 1024;

    struct segment {
        std::string name;
        std::shared_ptr<slot<T>> place;
        std::size_t group;
        std::vector<int64> extents;
        int64 size;
        int64 at = 0;
    };

    /// All parameters, and their gradients, as they lie in memory.
    tensor<T, 1> values, gradients;

    const std::vector<segment>& segments() const { return segments_; }
    /// Elements of the blocks, those between parameters included.
    int64 size() const { return size_; }
    std::size_t groups() const { return first_.size(); }
    device where() const { return where_; }
    /// The group of block `b`.
    std::size_t group_of(int64 b) const {
        std::size_t g = 0;
        while (g + 1 < first_.size() && first_[g + 1] <= b * block) ++g;
        return g;
    }
    /// The array of a segment in `whole`, one of the blocks.
    io::array array_in(const tensor<T, 1>& whole, const segment& s) const {
        return {whole.memory(), dtype_v<T>, s.extents, whole.offset() + s.at};
    }

    /// Adds a group. Everything moves to new memory; `states`, blocks laid out as `values`, too.
    /// Throws, before anything has moved, for parameters that cannot move.
    void add_group(const parameters<T>& list, std::vector<tensor<T, 1>>& states) {
        std::vector<segment> all = segments_;
        const std::size_t group = first_.size();
        device where = where_;
        for (const auto& [name, place] : list) {
            const io::array a = place->value();
            check(name, a);
            check_gradient(name, place->gradient(), a.extents());
            if (all.empty())
                where = a.where();
            else if (!(a.where() == where))
                throw device_error("optim: the parameter '" + name + "' is on " + a.where().name() +
                                   ", but '" + all.front().name + "' is on " + where.name() +
                                   ": one optimiser works on one device.");
            if (const segment* s = sharer(all, a)) {
                // A tied weight is one parameter, whatever it is called.
                if (s->group == group) continue;
                throw error("optim: the parameter '" + name + "' shares its memory with '" +
                            s->name + "' of another group: it can be in one group only.");
            }
            for (const segment& s : all)
                if (s.name == name) throw error("optim: two parameters are called '" + name + "'.");
            all.push_back({name, place, group, a.extents(), a.size()});
        }
        std::vector<int64> first;
        const int64 size = lay_out(all, group + 1, first);
        const shape<1> extent{{size}};
        const auto fresh = [&] { return zeros<T>(extent, where); };
        tensor<T, 1> values_now = fresh(), gradients_now = fresh();
        std::vector<tensor<T, 1>> states_now(states.size());
        for (auto& s : states_now) s = fresh();

        for (std::size_t i = 0; i < segments_.size(); ++i)
            for (std::size_t k = 0; k < states.size(); ++k) {
                const segment moved = all[i];
                array_in(states_now[k], moved).fill_from(array_in(states[k], segments_[i]));
            }
        segments_ = std::move(all);
        first_ = std::move(first);
        size_ = size;
        where_ = where;
        values = std::move(values_now);
        gradients = std::move(gradients_now);
        states = std::move(states_now);
        for (const segment& s : segments_) {
            take_value(s);
            take_gradient(s);
        }
    }

    /// Brings back what left since the last step: an array that was assigned new memory is copied
    /// here and moves.
    void settle() {
        auto* const v = values.data();
        auto* const g = gradients.data();
        for (const segment& s : segments_) {
            if (s.size == 0) continue;
            if (s.place->value_address() != v + s.at) {
                check(s.name, s.place->value());
                if (s.place->value().extents() != s.extents)
                    throw shape_error(
                        "optim: the parameter '" + s.name + "' had the shape " +
                        shape_text(s.extents.data(), static_cast<int>(s.extents.size())) +
                        " when the optimiser took it and is " + s.place->value().text() + " now.");
                take_value(s);
            }
            if (s.place->gradient_address() != g + s.at) take_gradient(s);
        }
    }
    /// Makes all gradients none or zero: by one fill, unless every parameter can have none.
    void drop_gradients() {
        bool fill = false;
        for (const segment& s : segments_) fill |= !s.place->drop_gradient();
        if (!fill) return;
        settle();
        fill_zero(gradients, 0, size_);
    }

private:
    static void check(const std::string& name, const io::array& a) {
        const std::string begin = "optim: the parameter '" + name + "' ";
        if (!a.memory()) throw error(begin + "has no memory yet: give it a value first.");
        if (a.size() == 0) return;
        if (!a.is_contiguous() || a.offset() != 0 || a.bytes() != a.memory()->bytes())
            throw error(begin +
                        "is a view of a larger array or not row-major: an optimiser takes "
                        "whole arrays, so clone() it.");
        if (!a.memory()->is_managed())
            throw error(begin + "lies in memory that is not Sinter's: clone() it.");
    }
    static void check_gradient(const std::string& name,
                               const io::array& g,
                               const std::vector<int64>& extents) {
        if (g.memory() && g.extents() != extents)
            throw shape_error("optim: the gradient of '" + name + "' is " + g.text() +
                              ", but the parameter has the shape " +
                              shape_text(extents.data(), static_cast<int>(extents.size())) + ".");
    }
    static const segment* sharer(const std::vector<segment>& all, const io::array& a) {
        if (a.size() > 0)
            for (const segment& s : all)
                if (s.place->value_address() == a.data()) return &s;
        return nullptr;
    }
    static int64 up(int64 n, int64 to) { return (n + to - 1) / to * to; }
    static int64 lay_out(std::vector<segment>& all, std::size_t groups, std::vector<int64>& first) {
        int64 at = 0;
        for (std::size_t g = 0; g < groups; ++g) {
            first.push_back(at);
            for (segment& s : all)
                if (s.group == g) {
                    s.at = at;
                    at = up(at + s.size, align);
                }
            if (groups > 1) at = up(at, block);
        }
        return at;
    }

    static std::size_t bytes(int64 n) { return static_cast<std::size_t>(n) * sizeof(T); }
    std::size_t place_of(const tensor<T, 1>& whole, const segment& s) const {
        return bytes(whole.offset() + s.at);
    }
    void fill_zero(const tensor<T, 1>& whole, int64 at, int64 n) const {
        whole.memory()->note_use(current_stream(where_));
        runtime::fill_zero(whole.data() + at, where_, bytes(n));
    }
    void take_value(const segment& s) {
        if (s.size == 0) return;
        runtime::storage& from = *s.place->value().memory();
        runtime::move_into(from, values.memory(), place_of(values, s));
        s.place->moved();
    }
    void take_gradient(const segment& s) {
        const io::array from = s.place->gradient();
        const std::size_t at = place_of(gradients, s);
        check_gradient(s.name, from, s.extents);
        if (s.size == 0) return;
        if (from.memory() && from.where() == where_ && from.is_contiguous() && from.offset() == 0 &&
            from.memory()->is_managed() && from.memory()->bytes() == bytes(s.size)) {
            runtime::move_into(*from.memory(), gradients.memory(), at);
            s.place->moved();
            return;
        }
        // None is zero: what an earlier step had may still lie there.
        if (from.memory())
            array_in(gradients, s).fill_from(from);
        else
            fill_zero(gradients, s.at, s.size);
        s.place->seat_gradient(runtime::storage::part_of(gradients.memory(), at, bytes(s.size)));
    }

    std::vector<segment> segments_;
    std::vector<int64> first_;  // by group: where it begins
    int64 size_ = 0;
    device where_ = device::host();
};

}  // namespace sinter::optim
