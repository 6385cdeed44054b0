// Batches from host memory, on the device before they are asked for.
#pragma once

#include <algorithm>

#include "sinter/data/dataset.hpp"
#include "sinter/tensor/transfer.hpp"

namespace sinter::data {

struct loader_options {
    int64 batch_size = 32;
    bool drop_last = false;
    bool shuffle = false;
    uint64 seed = 0;     ///< with the epoch's number it decides the order
    int64 prefetch = 2;  ///< batches that are on their way at a time
    device to = default_device();
};

/// Gives batches of arrays in host memory, each copied to a device on a stream of its own while
/// earlier ones are computed with: rows go into pinned memory, from there to the device, and
/// neither waits. A batch may be kept: what somebody still holds is not written again.
///
///     data::loader load({.batch_size = 64, .shuffle = true}, images, labels);
///     for (int epoch = 0; epoch < 5; ++epoch)
///         for (auto& [x, y] : load.epoch(epoch)) ...
template <class... A>
class loader {
public:
    using batch = std::tuple<A...>;

    /// Throws shape_error when the arrays have different numbers of rows, device_error when they
    /// are not in host memory.
    explicit loader(const loader_options& o, const A&... arrays)
        : options_(o), arrays_(arrays...), copies_(o.to) {
        detail::require_equal_rows("loader", arrays...);
        const auto check = [](const auto& a) {
            if (!a.where().is_host())
                throw device_error("loader: an array is on " + a.where().name() +
                                   ": it reads from host memory, a dataset takes other arrays.");
            if (!a.is_contiguous())
                throw shape_error("loader: an array of shape " + shape_text(a.extents()) +
                                  " is not row-major without gaps: clone() it.");
        };
        (check(arrays), ...);
        if (o.prefetch < 1) throw error("loader: prefetch must be at least 1.");
        count_ = detail::batch_count(
            size(), {.batch_size = o.batch_size, .drop_last = o.drop_last}, "loader");
        for (int64 i = 0; i < o.prefetch + 1; ++i) slots_.emplace_back(o.to);
    }
    loader(const loader&) = delete;
    loader& operator=(const loader&) = delete;

    /// Rows, and batches of an epoch.
    int64 size() const { return std::get<0>(arrays_).extent(0); }
    int64 batch_count() const { return count_; }
    const loader_options& options() const { return options_; }

    struct end_mark {};
    class iterator {
    public:
        explicit iterator(loader* from) : from_(from) { ++*this; }
        batch& operator*() { return now_; }
        iterator& operator++() {
            now_ = {};
            more_ = from_->next(now_);
            return *this;
        }
        bool operator==(end_mark) const { return !more_; }

    private:
        loader* from_;
        batch now_;
        bool more_ = false;
    };
    struct epoch_range {
        loader* from;
        iterator begin() const { return iterator(from); }
        end_mark end() const { return {}; }
    };
    /// Begins epoch `number` and gives its batches. One epoch runs at a time.
    epoch_range epoch(int64 number) {
        start(number);
        return {this};
    }
    /// The same by hand: begins an epoch, at its batch `first`; `next` gives its batches, then
    /// false.
    void start(int64 number, int64 first = 0) {
        release();
        if (options_.shuffle) order_ = shuffled_order(size(), epoch_seed(options_.seed, number));
        sent_ = given_ = std::min(std::max<int64>(first, 0), count_);
        while (sent_ < count_ && sent_ < given_ + options_.prefetch) send();
    }
    bool next(batch& to) {
        release();
        if (given_ == count_) return false;
        slot& s = slots_[index(given_++)];
        const stream work = current_stream(options_.to);
        work.wait(s.ready);
        to = s.arrived;
        lent_ = &s;
        lent_on_ = work;
        if (sent_ < count_) send();
        return true;
    }

private:
    struct slot {
        explicit slot(device d) : ready(d), used(d) {}
        std::tuple<A...> pinned, there, arrived;  // buffers, and the part of them that a batch is
        event ready, used;
    };
    std::size_t index(int64 i) const { return static_cast<std::size_t>(i) % slots_.size(); }
    // What was computed with the last batch is queued by now: its memory may be written after it.
    void release() {
        if (!lent_) return;
        lent_->used.record(lent_on_);
        lent_->arrived = {};
        lent_ = nullptr;
    }
    void send() {
        slot& s = slots_[index(sent_)];
        const int64 first = sent_ * options_.batch_size,
                    last = std::min(first + options_.batch_size, size());
        ++sent_;
        s.ready.wait();  // the copy that last read the pinned memory
        copies_.wait(s.used);
        fill(s, first, last, std::index_sequence_for<A...>{});
        s.ready.record(copies_);
    }
    template <std::size_t... I>
    void fill(slot& s, int64 first, int64 last, std::index_sequence<I...>) {
        (fill_one(std::get<I>(arrays_),
                  std::get<I>(s.pinned),
                  std::get<I>(s.there),
                  std::get<I>(s.arrived),
                  first,
                  last),
         ...);
    }
    template <class T>
    void fill_one(const T& from, T& pinned, T& there, T& arrived, int64 first, int64 last) {
        const bool stays = options_.to.is_host();
        auto extents = from.extents();
        extents[0] = options_.batch_size;
        // On the host the pinned memory is the batch itself.
        if (!pinned.memory() || (stays && pinned.memory().use_count() > 1))
            pinned =
                stays ? T(extents, device::host()) : empty_pinned<typename T::value_type>(extents);
        if (!stays && (!there.memory() || there.memory().use_count() > 1)) {
            const stream_scope on(copies_);
            there = T(extents, options_.to);
        }
        const int64 columns = from.extent(0) > 0 ? from.size() / from.extent(0) : 0;
        auto* to = pinned.data();
        for (int64 i = first; i < last; ++i, to += columns) {
            const int64 row = options_.shuffle ? order_[static_cast<std::size_t>(i)] : i;
            std::copy_n(from.data() + row * columns, columns, to);
        }
        const range rows(0, last - first);
        if (!stays) {
            T part = slice(there, rows);
            part.copy_from(slice(pinned, rows), copies_);
            arrived = part;
        } else {
            arrived = slice(pinned, rows);
        }
    }

    loader_options options_;
    std::tuple<A...> arrays_;
    stream copies_;
    std::vector<slot> slots_;
    std::vector<int64> order_;
    int64 count_ = 0, sent_ = 0, given_ = 0;
    slot* lent_ = nullptr;
    stream lent_on_ = stream::default_of(device::host());
};
template <class... A>
loader(const loader_options&, const A&...) -> loader<tensor<typename A::value_type, A::rank>...>;

}  // namespace sinter::data
