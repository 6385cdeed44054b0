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

/// Compiled loops take their elements in groups of as many: compilers make vector code of a count
/// that is known to be a multiple, and need no second copy of the body for what is left.
inline constexpr int64 group = 16;
/// n, rounded up to whole groups.
constexpr int64 whole_groups(int64 n) { return (n + group - 1) / group * group; }

/// Bytes of a vector register of the machine compiled for.
#if defined(__AVX512F__)
inline constexpr int vector_bytes = 64;
#elif defined(__AVX__)
inline constexpr int vector_bytes = 32;
#else
inline constexpr int vector_bytes = 16;
#endif

/// The largest state of a reduction in bytes.
inline constexpr int state_bytes = 16;

/// A reduction over values of one type; states lie in raw memory, aligned to state_bytes.
struct fold_ops {
    int bytes;                            // of one state
    bool any_order;                       // positions do not matter
    void (*init)(void* states, int64 n);  // n states of nothing
    void (*merge)(void* states, const void* other, int64 n);
    // One state for each of some lines, `line` bytes apart: that of n values side by side, the
    // first of which is value `at` of its row.
    void (*along)(void* states, const void* x, int64 line, int64 lines, int64 n, int64 at);
    // One state for each of n lanes: takes one more value from every line.
    void (*across)(void* states, const void* x, int64 line, int64 lines, int64 n, int64 at);
    // The results of n states as values of registers.
    void (*result)(const void* states, void* lanes, int64 n);
};

/// An array that a loop reads: its number among the loads; then come the result of the core and the
/// made values.
struct input {
    short load, bytes;
};

enum class goes_to : unsigned char { fold, store, operand, keep };

/// A value that a loop delivers for every element: to a reduction, an array, the core or a later
/// loop.
struct output {
    goes_to to = goes_to::operand;
    short store = -1;  // number of the store
    short keep = -1;   // number of the made value, if it is one
    short from = -1;   // input that holds this very value in memory
    short bytes = 0;
    short reg = -1;  // the register that gets the reduction's result
    const fold_ops* fold = nullptr;
};

/// A value that one loop leaves in memory for others: for those of later passes too, or only for
/// the next loops over the same block. Some have a loop of their own only where it is broadcast.
struct made_value {
    short bytes;
    bool kept, when_broadcast;
};

/// A value of the row: the load, scalar or store of this number and its register.
struct row_value {
    short number;
    short reg;
    dtype type;
    ir::scalar_bits constant{};
    bool one_for_all = false;  // a store of a scalar or constant: its register has one value
};

/// A reduction over the rows: of a register of theirs, or of elements (the last pass delivers these
/// in the same order), down the columns or of all.
struct total_value {
    const fold_ops* fold;
    short reg;   // of the rows; -1: of elements
    short late;  // its number among the values that are known when all rows are done
    bool columns;
    short store;  // what it reduces is stored there, in the form that registers have; -1: nowhere
};
/// A store of such a value.
struct late_store {
    short store, late;
    dtype type;
    bool columns;
};

/// The registers of many rows: values of register r stand side by side, one for each row, from
/// first + r * stride on. Loops read from row `at` on.
struct row_lanes {
    std::byte* first;
    int64 stride, at;
};

/// A sum of products of two arrays: where its factors lie, in bytes from those of the first term.
struct sum_term {
    int64 x, y;
};
struct sum_terms {
    const sum_term* first;
    int64 count;
    // From one position of the results to the next: bytes of x (y stands still), and results.
    int64 step, to_step;
    bool spread;  // a vector of one value lies where y is
};
/// Writes `n` sums that lie side by side, at each of some positions.
using add_terms = void (*)(const sum_terms& s,
                           const std::byte* x,
                           const std::byte* y,
                           std::byte* to,
                           int64 positions,
                           int64 n);

/// One loop: a pass over the row or the evaluation of one operand of the core.
struct loop {
    table<input> inputs;
    table<output> outputs;
    table<row_value> row_loads;   // read once per row, before the loop
    table<row_value> row_reads;   // registers that the loop reads
    table<loop> before;           // these make values that the loop reads
    const loop* apart = nullptr;  // the loop where values are made that need not be
    add_terms terms = nullptr;    // for a pass that is a sum of products of its two arrays
    // Computes lines * n elements, line by line; element i of each line is one of row at + i. n is
    // a multiple of `group`.
    void (*run)(const void* const* in,
                void* const* out,
                const row_lanes& row,
                const void* functors,
                int64 n,
                int64 lines) = nullptr;
    // Computes the values of n rows that become available before the loop.
    void (*row)(const row_lanes& row, const void* functors, int64 n) = nullptr;
};

/// Multiplies one panel of each operand: c[rows][columns] (+)= a[k][rows]' * b[k][columns].
struct product_kernel {
    int rows, columns, bytes;
    int step;  // rows of the smallest tile
    using tile = void (*)(
        const std::byte* a, const std::byte* b, std::byte* c, int64 ld, int64 k, bool accumulate);
    tile run[3];  // of one step, two, and of all rows, which are one step or three
    /// Rows of the tile that takes the first of so many rows.
    int64 taken(int64 left) const {
        return step == rows || left > 2 * step ? rows : left > step ? 2 * step : step;
    }
    tile of(int64 taken) const { return run[taken == rows ? 2 : taken / step - 1]; }
};
/// Where the summed elements of a row lie: runs of so many bytes, in bytes from where it begins.
struct sum_runs {
    const int64* at;
    int64 count, bytes;
};
/// Multiplies rows that begin at a + row[0], a + row[1], ... where they lie by one panel of the
/// other operand. Writes whole vectors, in order of the rows.
struct row_kernel {
    int rows, columns;
    void (*run)(const std::byte* a,
                const int64* row,
                const sum_runs& sums,
                const std::byte* b,
                std::byte* c,
                int64 ld);
};
/// The same for vectors of 16, 32 and 64 bytes, of which run time takes one, and the type that they
/// multiply.
struct product_kernels {
    dtype type;
    product_kernel by_width[3];
    row_kernel in_place[3][2];  // of one vector and of two
    // For several groups side by side, each with as many columns as a run has elements, a power of
    // two: column i is multiplied by its own group's elements. Without rows: there is none.
    row_kernel groups[3];
    // For products of few columns, n elements on each of four rows or columns that begin at
    // a + at[0], a + at[1], ...: to[r] += row r times x; to[i] += columns at i times x.
    void (*rows)(const std::byte* a, const int64* at, const std::byte* x, std::byte* to, int64 n);
    void (*columns)(
        const std::byte* a, const int64* at, const std::byte* x, std::byte* to, int64 n);
};

/// Stage C for the host engine.
struct stage_loops {
    int loads = 0, stores = 0, passes = 0, registers = 0;
    int flops = 0;         // for each element
    bool ordered = false;  // some reduction asks where in the row an element is
    unsigned counted = 0;  // bit k: load k is of coordinates, which lie nowhere
    const short* load_bytes = nullptr;
    const short* store_bytes = nullptr;
    table<made_value> made;
    table<row_value> scalars, constants, row_stores;
    table<total_value> totals;
    table<late_store> late_stores;
    int lates = 0;
    // Computes what follows from the totals: value k of column i lies at late + k * stride + i *
    // its size, that of the whole stage where column 0 would be.
    void (*after)(std::byte* late,
                  int64 stride,
                  const ir::scalar_bits* scalar,
                  const void* functors,
                  int64 columns) = nullptr;
    loop pass[ir::max_passes], side[2];
    const product_kernels* product = nullptr;  // null: no core
    // The engine, compiled with the threads of this backend or without.
    void (*run)(const stage_loops&, const ir::bound_stage&) = nullptr;
};

}  // namespace sinter::cpu
