// What the plan of a map has to know of its stage and fills in its kernel, without the stage's
// type. Host code.
#pragma once

#include "sinter/kernel/map_layout.hpp"

namespace sinter::kernel::detail {

/// What the plan of a map asks of its stage. Behind pointers, so that one planner, compiled once,
/// serves all stages.
struct map_facts {
    int width, items, loaded_bytes, loads, stores;
    const dtype *load_type, *store_type;
    const bool* is_element;  // by load: from memory, and not one value for all
};
template <class C>
struct map_tables {
    static constexpr int loads = args<C>::loads, stores = args<C>::stores;
    dtype load_type[at_least_one(loads)]{}, store_type[at_least_one(stores)]{};
    bool is_element[at_least_one(loads)]{};
    constexpr map_tables() {
        for (int slot = 0; slot < loads; ++slot) {
            const int j = ir::loads_of<C>().at[slot];
            load_type[slot] = C::at(j).type;
            is_element[slot] = !slot_counts<C>(slot) && element_loads<C, 0>().find(j) >= 0;
        }
        for (int j = 0; j < stores; ++j) store_type[j] = C::at(C::stored(j)).type;
    }
};
template <class C>
inline constexpr map_tables<C> tables_of_map{};
template <class C>
inline constexpr map_facts facts_of_map{map_width<C>(),
                                        map_items<C>(),
                                        map_loaded_bytes<C>(),
                                        args<C>::loads,
                                        args<C>::stores,
                                        tables_of_map<C>.load_type,
                                        tables_of_map<C>.store_type,
                                        tables_of_map<C>.is_element};

/// The parts of a map that its plan reads and fills.
struct map_parts {
    map_walk& walk;
    ir::bound_operand *load, *store;
    int64* extent;
    map_access *load_access, *store_access;
    unsigned char* load_bytes;
    unsigned* tile_at;
    unsigned& tile_bytes;
    bool row_varies;
};

}  // namespace sinter::kernel::detail
