// What the map kernel of a stage is made of: how long its vectors are, how many a thread has, and
// what the host tells it. Device-readable.
#pragma once

#include "sinter/kernel/element.hpp"
#include "sinter/kernel/map_walk.hpp"
#include "sinter/kernel/sync.hpp"
#include "sinter/kernel/tuning.hpp"

namespace sinter::kernel {

/// Elements of a vector: 16 bytes of the widest operand.
template <class C>
SINTER_HD constexpr int map_width() {
    int widest = 1;
    const auto loads = element_loads<C, 0>();
    for (int i = 0; i < loads.count; ++i) {
        if (C::at(loads.at[i]).is_coordinate()) continue;
        const int s = size_of(C::at(loads.at[i]).type);
        widest = s > widest ? s : widest;
    }
    for (int j = 0; j < C::stores; ++j) {
        const int s = size_of(C::at(C::stored(j)).type);
        widest = s > widest ? s : widest;
    }
    int width = tuning::vector_bytes / widest;
    while (width > 1 && width * C::size > tuning::map_unrolled_instructions) width /= 2;
    return width;
}
/// Bytes that the loads of one vector bring.
template <class C>
SINTER_HD constexpr int map_loaded_bytes() {
    int bytes = 0;
    const auto loads = element_loads<C, 0>();
    for (int i = 0; i < loads.count; ++i)
        if (!C::at(loads.at[i]).is_coordinate()) bytes += size_of(C::at(loads.at[i]).type);
    return bytes * map_width<C>();
}
/// The most vectors of a thread on the flat path.
template <class C>
SINTER_HD constexpr int map_items() {
    const int bytes = map_loaded_bytes<C>();
    int items = 1;
    while (bytes > 0 && items * bytes < tuning::map_bytes_per_thread &&
           2 * items * map_width<C>() * C::size <= tuning::map_repeated_instructions)
        items *= 2;
    return items;
}
/// True when an element load of C has elements of `bytes` bytes.
template <class C>
SINTER_HD constexpr bool map_loads_size(int bytes) {
    const auto loads = element_loads<C, 0>();
    for (int i = 0; i < loads.count; ++i)
        if (size_of(C::at(loads.at[i]).type) == bytes && !C::at(loads.at[i]).is_coordinate())
            return true;
    return false;
}

/// The map kernel of stage C.
template <class C, class Sync = device_sync>
struct map {
    static constexpr int max_threads = tuning::map_threads, min_blocks = 1;

    args<C> a;
    map_walk walk;
    map_access load_access[at_least_one(args<C>::loads)];
    map_access store_access[at_least_one(args<C>::stores)];
    unsigned char load_bytes[at_least_one(args<C>::loads)];  // of an element
    unsigned tile_at[at_least_one(args<C>::loads)];          // in shared memory, in bytes
    unsigned tile_bytes;
    bool row_varies;  // some row constant is not the same for all elements
    SINTER_DEVICE void operator()() const;
};

}  // namespace sinter::kernel
