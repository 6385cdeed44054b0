// Data sets in memory, and their batches.
#pragma once

#include <tuple>

#include "sinter/data/rows.hpp"
#include "sinter/tensor/slice.hpp"

namespace sinter::data {

struct batch_options {
    int64 batch_size = 32;
    bool drop_last = false;  ///< leave out the last batch if it is not full
};

namespace detail {

inline int64 batch_count(int64 rows, const batch_options& o, const char* who) {
    if (o.batch_size < 1)
        throw error(std::string(who) + ": batch_size must be at least 1, not " +
                    std::to_string(o.batch_size) + ".");
    return o.drop_last ? rows / o.batch_size : (rows + o.batch_size - 1) / o.batch_size;
}
template <class First, class... More>
void require_equal_rows(const char* who, const First& first, const More&... more) {
    const int64 rows = first.extent(0);
    [[maybe_unused]] const auto check = [&](const auto& a) {
        if (a.extent(0) != rows)
            throw shape_error(std::string(who) + ": arrays of shapes " +
                              shape_text(first.extents()) + " and " + shape_text(a.extents()) +
                              " have different numbers of rows.");
    };
    (check(more), ...);
}

}  // namespace detail

/// Arrays whose rows belong together, such as images and labels, on one device: `dataset
/// set(images, labels)`. Batches are views, so they cost nothing; shuffling takes one launch for
/// each array.
template <class... A>
class dataset {
    static_assert(sizeof...(A) >= 1 && ((A::rank >= 1) && ...),
                  "dataset: takes arrays of rank 1 or more.");

public:
    using batch = std::tuple<tensor_view<typename A::value_type, A::rank>...>;

    /// Throws shape_error when the arrays have different numbers of rows.
    explicit dataset(const A&... arrays) : given_(arrays...), now_(arrays...) {
        detail::require_equal_rows("dataset", arrays...);
    }
    /// The number of rows.
    int64 size() const { return std::get<0>(now_).extent(0); }
    /// The arrays in the order of now.
    const std::tuple<A...>& arrays() const { return now_; }

    /// Puts the rows into an order that `seed` alone decides, from the order that was given: the
    /// same seed gives the same order again. Takes memory for a second set of arrays.
    template <class Backend = backend>
    void shuffle(uint64 seed) {
        const std::vector<int64> order = shuffled_order(size(), seed);
        std::apply(
            [&](const A&... a) {
                now_ = {take_rows<typename A::value_type, A::rank, Backend>(a, order)...};
            },
            given_);
    }
    /// Back to the order that was given.
    void unshuffle() { now_ = given_; }

    /// The rows [first, last) of every array, as views.
    batch rows(int64 first, int64 last) const {
        return std::apply([&](const A&... a) { return batch(slice(a, range(first, last))...); },
                          now_);
    }

    /// The batches in order: for (auto [x, y] : set.batches({.batch_size = 32})).
    class batch_list {
    public:
        class iterator {
        public:
            iterator(const dataset* set, batch_options o, int64 at) : set_(set), o_(o), at_(at) {}
            batch operator*() const {
                const int64 first = at_ * o_.batch_size;
                return set_->rows(first, std::min(first + o_.batch_size, set_->size()));
            }
            iterator& operator++() {
                ++at_;
                return *this;
            }
            bool operator==(const iterator& o) const { return at_ == o.at_; }

        private:
            const dataset* set_;
            batch_options o_;
            int64 at_;
        };
        batch_list(const dataset* set, batch_options o)
            : set_(set), o_(o), count_(detail::batch_count(set->size(), o, "batches")) {}
        int64 size() const { return count_; }
        iterator begin() const { return {set_, o_, 0}; }
        iterator end() const { return {set_, o_, count_}; }

    private:
        const dataset* set_;
        batch_options o_;
        int64 count_;
    };
    /// Throws error when the batch size is below 1. The list looks at this data set.
    batch_list batches(const batch_options& o = {}) const { return {this, o}; }

private:
    std::tuple<A...> given_, now_;
};
template <class... A>
dataset(const A&...) -> dataset<tensor<typename A::value_type, A::rank>...>;

}  // namespace sinter::data
