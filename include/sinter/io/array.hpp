// Arrays whose element type and rank only run time knows, by name: what files and optimisers hold.
#pragma once

#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sinter/tensor/create.hpp"

namespace sinter::io {

/// A handle on an array of any element type and rank: like a tensor, it shares the memory.
class array {
public:
    array() = default;
    /// The same array as `t`.
    template <element T, int R>
    array(const tensor<T, R>& t)
        : memory_(t.memory()),
          type_(dtype_v<T>),
          offset_(t.offset()),
          extents_(t.extents().begin(), t.extents().end()),
          strides_(t.strides().begin(), t.strides().end()) {
        if (!memory_) memory_ = runtime::allocate(device::host(), 0);
    }
    /// A row-major array in `memory`, `offset` elements from its begin.
    array(runtime::storage_ptr memory, dtype type, std::vector<int64> extents, int64 offset = 0)
        : memory_(std::move(memory)), type_(type), offset_(offset), extents_(std::move(extents)) {
        strides_.resize(extents_.size());
        int64 n = 1;
        for (std::size_t i = extents_.size(); i-- > 0; n *= extents_[i]) strides_[i] = n;
    }

    dtype type() const { return type_; }
    int rank() const { return static_cast<int>(extents_.size()); }
    /// Outermost first.
    const std::vector<int64>& extents() const { return extents_; }
    const std::vector<int64>& strides() const { return strides_; }
    int64 size() const {
        int64 n = 1;
        for (const int64 e : extents_) n *= e;
        return n;
    }
    /// The bytes of its elements.
    std::size_t bytes() const {
        return static_cast<std::size_t>(size()) * static_cast<std::size_t>(size_of(type_));
    }
    device where() const { return memory_ ? memory_->where() : device::host(); }
    void* data() const {
        return memory_ ? static_cast<char*>(memory_->data()) + offset_ * size_of(type_) : nullptr;
    }
    const runtime::storage_ptr& memory() const { return memory_; }
    int64 offset() const { return offset_; }
    bool is_contiguous() const {
        int64 n = 1;
        for (std::size_t i = extents_.size(); i-- > 0; n *= extents_[i])
            if (extents_[i] != 1 && strides_[i] != n) return false;
        return true;
    }
    /// `float (2, 3)`.
    std::string text() const {
        return std::string(name_of(type_)) + " " + shape_text(extents_.data(), rank());
    }

    /// The axes in another order: axis i of the result is axis order[i]. Moves nothing.
    array permuted(const std::vector<std::size_t>& order) const {
        array r = *this;
        for (std::size_t i = 0; i < order.size(); ++i) {
            r.extents_[i] = extents_[order[i]];
            r.strides_[i] = strides_[order[i]];
        }
        return r;
    }
    /// A row-major array under other extents of the same product.
    array reshaped(std::vector<int64> extents) const {
        return is_contiguous() ? array(memory_, type_, std::move(extents), offset_)
                               : on_host().reshaped(std::move(extents));
    }
    /// The array as a tensor on the same memory. Throws shape_error when its type or rank is
    /// another one.
    template <element T, int R>
    tensor<T, R> as() const {
        if (type_ != dtype_v<T> || rank() != R)
            throw shape_error("as: an array of " + text() + " is no tensor<" +
                              std::string(name_of(dtype_v<T>)) + ", " + std::to_string(R) + ">.");
        shape<R> e{};
        sinter::detail::stride_list<R> s{};
        for (std::size_t i = 0; i != static_cast<std::size_t>(R); ++i) {
            e[i] = extents_[i];
            s[i] = strides_[i];
        }
        return tensor<T, R>::over(memory_, offset_, e, s);
    }

    /// Its elements in row-major order in host memory: the array itself if that is how it lies.
    array on_host() const {
        if (is_contiguous()) {
            if (where().is_host()) return *this;
            array r(runtime::allocate(device::host(), bytes()), type_, extents_);
            runtime::copy(r.data(), device::host(), data(), where(), bytes());
            return r;
        }
        // The whole storage, so that no kernel is needed.
        runtime::storage_ptr from = memory_;
        if (!where().has_host_memory()) {
            from = runtime::allocate(device::host(), memory_->bytes());
            runtime::copy(from->data(), device::host(), memory_->data(), where(), memory_->bytes());
        }
        array r(runtime::allocate(device::host(), bytes()), type_, extents_);
        const auto size = static_cast<std::size_t>(size_of(type_));
        const auto* const first = static_cast<const char*>(from->data()) + offset_ * size_of(type_);
        auto* to = static_cast<char*>(r.data());
        std::vector<int64> at(extents_.size(), 0);
        for (int64 k = 0, n = this->size(); k < n; ++k, to += size) {
            int64 place = 0;
            for (std::size_t i = 0; i < at.size(); ++i) place += at[i] * strides_[i];
            std::memcpy(to, first + place * size_of(type_), size);
            for (std::size_t i = at.size(); i-- > 0;) {
                if (++at[i] < extents_[i]) break;
                at[i] = 0;
            }
        }
        return r;
    }

    /// Copies the elements of `from`, which has the same type and shape, into this row-major array;
    /// the two may be on different devices. The caller has checked both.
    void fill_from(const array& from) const {
        if (memory_) memory_->note_write();
        if (from.is_contiguous() && from.where() == where())
            return runtime::copy_async(
                *memory_, data(), *from.memory_, from.data(), bytes(), current_stream(where()));
        const array host = from.is_contiguous() ? from : from.on_host();
        runtime::copy(data(), where(), host.data(), host.where(), bytes());
    }

private:
    runtime::storage_ptr memory_;
    dtype type_ = dtype::f32;
    int64 offset_ = 0;
    std::vector<int64> extents_, strides_;
};

/// Arrays by name, in the order in which they were added.
class named_arrays {
public:
    using entry = std::pair<std::string, array>;

    /// Adds an array. Throws error when the name is taken.
    named_arrays& add(std::string name, array a) {
        if (find(name))
            throw error("named_arrays: the name '" + name + "' is given to two arrays.");
        place_.emplace(name, entries_.size());
        entries_.emplace_back(std::move(name), std::move(a));
        return *this;
    }
    /// The array of that name, or null.
    const array* find(std::string_view name) const {
        const auto at = place_.find(name);
        return at == place_.end() ? nullptr : &entries_[at->second].second;
    }
    /// The array of that name. Throws error when there is none.
    const array& at(std::string_view name) const {
        if (const array* a = find(name)) return *a;
        throw error("named_arrays: there is no array '" + std::string(name) + "'.");
    }
    bool contains(std::string_view name) const { return find(name) != nullptr; }
    std::size_t size() const { return entries_.size(); }
    bool empty() const { return entries_.empty(); }
    auto begin() const { return entries_.begin(); }
    auto end() const { return entries_.end(); }

private:
    std::vector<entry> entries_;
    std::map<std::string, std::size_t, std::less<>> place_;
};

/// Copies the arrays of `from` into those of `to`, name by name. All names, types and shapes are
/// compared first: an error, which names the first difference, leaves every array of `to` as it
/// was. Names in `from` that `to` lacks are an error unless `strict` is false.
inline void copy_into(const named_arrays& to, const named_arrays& from, bool strict = true) {
    for (const auto& [name, a] : to) {
        const array* const b = from.find(name);
        if (!b) throw error("load: there is no array '" + name + "'.");
        if (a.type() != b->type() || a.extents() != b->extents())
            throw shape_error("load: the array '" + name + "' is " + b->text() + ", but " +
                              a.text() + " is needed.");
        if (!a.is_contiguous())
            throw shape_error("load: the array '" + name +
                              "' to be filled is not row-major without gaps.");
    }
    if (strict)
        for (const auto& [name, b] : from)
            if (!to.contains(name)) throw error("load: nothing takes the array '" + name + "'.");
    for (const auto& [name, a] : to) a.fill_from(from.at(name));
}

}  // namespace sinter::io
