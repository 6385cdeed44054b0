// A stage as the host engine sees it: plain tables and pointers to the inner loops, the only parts
// that are compiled for each stage.
#pragma once

#include <cstddef>

#include "sinter/ir/bound.hpp"

namespace sinter::cpu {

/// A range in constant memory.
template <class T>
struct table {
    const T* first = nullptr;
    int count = 0;
    const T* begin() const { return first; }
    const T* end() const { return first + count; }
    const T& operator[](int i) const { return first[i]; }
};

/// The largest state of a reduction in bytes.
inline constexpr int state_bytes = 16;

/// A reduction over values of one type; states lie in raw memory, aligned to state_bytes.
struct fold_ops {
    int bytes;                                                     // of one state
    void (*init)(void* states, int64 n);                           // n states of nothing
    void (*fold)(void* state, const void* x, int64 n, int64 at);   // state of x[0..n) at at..at+n
    void (*step)(void* states, const void* x, int64 n, int64 at);  // x[i] into state i
    void (*merge)(void* states, const void* other, int64 n);
    void (*result)(const void* state, void* reg);
};

/// An array that a loop reads: its number among the loads, or -1 for the result of the core.
struct input {
    short load, bytes;
};

enum class goes_to : unsigned char { fold, store, operand };

/// A value that a loop delivers for every element: to a reduction, an array or the core.
struct output {
    goes_to to = goes_to::operand;
    short store = -1;  // number of the store
    short from = -1;   // input that holds this very value in memory
    short bytes = 0;
    int reg = 0;  // where the reduction's result goes, in bytes from the start of the registers
    const fold_ops* fold = nullptr;
};

/// A value of the row: the load, scalar or store of this number and its register.
struct row_value {
    short number;
    dtype type;
    int reg;
    ir::scalar_bits constant;
};

/// One loop: a pass over the row or the evaluation of one operand of the core.
struct loop {
    table<input> inputs;
    table<output> outputs;
    table<row_value> row_loads;  // read once per row, before the loop
    void (*run)(const void* const* in,
                void* const* out,
                const void* row,
                const void* functors,
                int64 n) = nullptr;
    void (*row)(void* row, const void* functors) = nullptr;  // computes values of the row
};

/// Multiplies one panel of each operand: c[rows][columns] (+)= a[k][rows]' * b[k][columns].
struct product_kernel {
    int rows, columns, bytes;
    void (*run)(
        const std::byte* a, const std::byte* b, std::byte* c, int64 ld, int64 k, bool accumulate);
};

/// Stage C for the host engine.
struct stage_loops {
    int loads = 0, stores = 0, passes = 0, registers_bytes = 0;
    bool elementwise = false;  // one pass and no value of a row: any order of elements will do
    bool columns = false;      // only values per row are written, and none is read before pass 1
    const short* load_bytes = nullptr;
    const short* store_bytes = nullptr;
    table<row_value> scalars, constants, row_stores;
    loop pass[ir::max_passes], side[2];
    const product_kernel* product = nullptr;  // null: no core
};

}  // namespace sinter::cpu
