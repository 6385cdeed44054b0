// Parameters and buffers by PyTorch's names and in PyTorch's shapes, to be saved and loaded.
#pragma once

#include <array>
#include <map>

#include "sinter/io/array.hpp"
#include "sinter/nn/module.hpp"

namespace sinter::nn {

struct state_options {
    /// Names that only the other side has are an error.
    bool strict = true;
    /// Weights of dense layers behind a `flatten` of images, with their channels, height and width:
    /// PyTorch flattens (c, h, w), Sinter (h, w, c), so their columns stand in another order.
    std::map<std::string, std::array<int64, 3>> flattened;
};

namespace detail {

template <element T, int R>
io::array array_of(const variable<T, R>& v) {
    return io::array(v.detach());
}
template <element T, int R>
io::array array_of(const tensor<T, R>& t) {
    return io::array(t);
}

// How an array of a module looks in PyTorch, and back. Filters are (out, height, width, in) here
// and (out, in, height, width) there.
class foreign_shape {
public:
    foreign_shape(const std::string& name, const io::array& a, const state_options& o)
        : extents_(a.extents()) {
        if (a.rank() == 4) {
            split_ = a.extents();
        } else if (const auto f = o.flattened.find(name); f != o.flattened.end()) {
            const auto [c, h, w] = f->second;
            if (a.rank() != 2 || a.extents()[1] != c * h * w)
                throw shape_error("state_dict: '" + name + "' is " + a.text() +
                                  ", which is no dense layer behind images of " +
                                  std::to_string(c) + " x " + std::to_string(h) + " x " +
                                  std::to_string(w) + ".");
            split_ = {a.extents()[0], h, w, c};
        }
    }
    std::vector<int64> extents() const {
        if (split_.empty() || extents_.size() == 2) return extents_;
        return {split_[0], split_[3], split_[1], split_[2]};
    }
    io::array there(const io::array& a) const {
        if (split_.empty()) return a;
        const io::array p = (a.rank() == 2 ? a.reshaped(split_) : a).permuted({0, 3, 1, 2});
        return a.rank() == 2 ? p.on_host().reshaped(extents_) : p;
    }
    io::array here(const io::array& a) const {
        if (split_.empty()) return a;
        const io::array p =
            (a.rank() == 2 ? a.reshaped({split_[0], split_[3], split_[1], split_[2]}) : a)
                .permuted({0, 2, 3, 1});
        return a.rank() == 2 ? p.on_host().reshaped(extents_) : p;
    }

private:
    std::vector<int64> extents_, split_;
};

}  // namespace detail

/// All parameters and buffers of a module by name, in PyTorch's shapes: filters as (out, in,
/// height, width). The memory is shared where the order allows. What io::save_safetensors takes.
template <module M>
io::named_arrays state_dict(M& m, const state_options& o = {}) {
    io::named_arrays r;
    for_each_member(m, [&](const std::string& name, auto& member) {
        const io::array a = detail::array_of(member);
        r.add(name, detail::foreign_shape(name, a, o).there(a));
    });
    return r;
}

/// Fills the parameters and buffers of a module, in place, with arrays as PyTorch saves them, on
/// any device. Throws, with nothing changed, when names, types or shapes differ. PyTorch's
/// num_batches_tracked is left out.
template <module M>
void load_state_dict(M& m, const io::named_arrays& from, const state_options& o = {}) {
    io::named_arrays to, given;
    std::size_t used = 0;
    for_each_member(m, [&](const std::string& name, auto& member) {
        const io::array a = detail::array_of(member);
        const detail::foreign_shape shape(name, a, o);
        const io::array* const b = from.find(name);
        if (!b) throw error("load_state_dict: there is no array '" + name + "'.");
        if (b->type() != a.type() || b->extents() != shape.extents()) {
            const std::vector<int64> e = shape.extents();
            throw shape_error("load_state_dict: '" + name + "' is " + b->text() + ", but " +
                              name_of(a.type()) + " " +
                              shape_text(e.data(), static_cast<int>(e.size())) + " is needed.");
        }
        ++used;
        to.add(name, a);
        given.add(name, shape.here(*b));
    });
    if (o.strict && used < from.size())
        for (const auto& [name, a] : from) {
            const std::string counter = "num_batches_tracked";
            const bool counts =
                name.size() >= counter.size() &&
                name.compare(name.size() - counter.size(), counter.size(), counter) == 0;
            if (!counts && !to.contains(name))
                throw error("load_state_dict: nothing takes the array '" + name + "'.");
        }
    io::copy_into(to, given);
}

}  // namespace sinter::nn
