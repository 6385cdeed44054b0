// Products that a library does, followed by one map for everything around them. That map is one
// more kernel for each such stage, so only files compiled with SINTER_CUBLASLT have it.
#pragma once

#include "sinter/exec/launch_kernel.hpp"

namespace sinter::exec {

/// The type in which the library leaves a product of type `d`, and the map reads it: as exact as
/// the sums that Sinter's own kernel hands on.
constexpr dtype raw_product_type(dtype d) { return compute_dtype(d); }

/// True when stage C is a product of arrays, followed by elementwise operations alone.
template <class C>
constexpr bool product_takes_pass() {
    if (!is_product_of_arrays(C{}, C::head()) ||
        is_plain_product(C{}, C::size, C::stores, C::head()))
        return false;
    const int core = C::head().core;
    const bool rounds = raw_product_type(C::at(core).type) != C::at(core).type;
    for (int j = 0; j < C::size; ++j) {
        const ir::instr x = C::at(j);
        if (x.is_late() || x.h == ir::how::reduce) return false;
        // What asks for the type of the product must not find another one.
        if (rounds && x.h == ir::how::compute && x.op == ir::op_user) return false;
        // A kernel of maps reads no array among zeros.
        if (x.guards() > 0) return false;
    }
    for (int j = 0; rounds && j < C::stores; ++j)
        if (C::stored(j) == core) return false;
    return true;
}

/// What follows the product of stage C, as the instructions of a map that loads the product.
template <class C>
struct pass_instructions {
    ir::instr code[C::size]{};
    short from[C::size]{};  // instruction of C
    short stored[C::stores]{};
    int size = 0;

    constexpr pass_instructions() {
        bool need[C::size]{};
        short at[C::size]{};
        for (int j = 0; j < C::stores; ++j) need[C::stored(j)] = true;
        for (int j = C::size - 1; j >= 0; --j) {
            const ir::instr x = C::at(j);
            for (const short i : x.in)
                if (need[j] && x.h == ir::how::compute && i >= 0) need[i] = true;
        }
        for (int j = 0; j < C::size; ++j) {
            if (!need[j]) continue;
            ir::instr x = C::at(j);
            if (j == C::head().core) {
                x = {};
                x.type = raw_product_type(C::at(j).type);
                x.loops = 1;
            }
            x.loops &= 1;
            for (short& i : x.in)
                if (i >= 0) i = at[i];
            at[j] = static_cast<short>(size);
            from[size] = static_cast<short>(j);
            code[size++] = x;
        }
        for (int j = 0; j < C::stores; ++j) stored[j] = at[C::stored(j)];
    }
    constexpr int words() const {
        int n = C::stores + size;
        for (int j = 0; j < size; ++j) n += code[j].has_value();
        return n;
    }
    constexpr uint64 word(int i) const {
        if (i < C::stores) return static_cast<uint64>(stored[i]);
        i -= C::stores;
        if (i < size) return code[i].word();
        i -= size;
        int j = 0;
        while (!code[j].has_value() || i-- > 0) ++j;
        return code[j].value;
    }
};
template <class C>
inline constexpr pass_instructions<C> pass_of{};
template <class C, int... I>
auto pass_code(ints<I...>) -> ir::stage_code<typename C::functors,
                                             pass_of<C>.size,
                                             C::stores,
                                             ir::stage_head{}.word(),
                                             pass_of<C>.word(I)...>;
/// The map that follows the product of stage C.
template <class C>
using pass_after = decltype(pass_code<C>(make_ints<pass_of<C>.words()>{}));

/// The addresses from the first to the last element of an operand of a stage.
struct address_range {
    uint64 first, last;
    address_range(const ir::bound_operand& o, const ir::bound_stage& s, int bytes)
        : first(reinterpret_cast<uint64>(o.data)), last(first) {
        for (int d = 0; d < s.outer_rank + s.row_rank; ++d) {
            const int64 span = (s.extent[d] - 1) * o.stride[d] * bytes;
            (span < 0 ? first : last) += static_cast<uint64>(span);
        }
    }
    bool meets(const address_range& other) const {
        return first <= other.last && other.first <= last;
    }
};
/// True when the product of stage C may be left where its only result goes: as long elements, in
/// rows, and nobody reads there.
template <class C>
bool result_holds_product(const ir::bound_stage& s) {
    constexpr dtype raw = raw_product_type(C::at(C::head().core).type);
    if constexpr (C::stores != 1 || C::at(C::stored(0)).type != raw) {
        return false;
    } else {
        const ir::bound_operand& to = s.store[0];
        if (to.stride[s.columns_axis()] != 1) return false;
        const address_range result(to, s, size_of(raw));
        constexpr auto loads = ir::loads_of<C>();
        for (int j = 0; j < loads.count; ++j)
            if (address_range(s.load[j], s, size_of(C::at(loads.at[j]).type)).meets(result))
                return false;
        return true;
    }
}

/// Runs the map that follows the product of stage C, which lies at `raw`: the same results of the
/// same operands, by `launch`.
template <class C>
void launch_pass(const ir::bound_stage& s,
                 const ir::bound_operand& raw,
                 const runtime::launch_record& record,
                 void (*launch)(const ir::bound_stage&, const runtime::launch_record&)) {
    using pass = pass_after<C>;
    constexpr auto loads = ir::loads_of<C>();
    constexpr auto left = ir::loads_of<pass>();
    constexpr auto scalars = ir::scalars_of<C>();
    constexpr auto needed = ir::scalars_of<pass>();
    constexpr int operands = left.count + C::stores;
    ir::bound_operand operand[operands];
    for (int j = 0; j < left.count; ++j) {
        const short from = pass_of<C>.from[left.at[j]];
        operand[j] = from == C::head().core ? raw : s.load[loads.find(from)];
    }
    for (int j = 0; j < C::stores; ++j) operand[left.count + j] = s.store[j];
    ir::scalar_bits scalar[needed.count > 0 ? needed.count : 1]{};
    for (int j = 0; j < needed.count; ++j)
        scalar[j] = s.scalar[scalars.find(pass_of<C>.from[needed.at[j]])];
    ir::bound_stage st;
    for (int d = 0; d < s.outer_rank; ++d) {
        // Neighbouring axes are one where every array walks them as one.
        bool joins = st.outer_rank > 0;
        const int last = st.outer_rank - 1;
        for (int j = 0; joins && j < operands; ++j)
            joins = operand[j].stride[last] == operand[j].stride[d] * s.extent[d];
        const int to = joins ? last : st.outer_rank++;
        st.extent[to] = joins ? st.extent[to] * s.extent[d] : s.extent[d];
        for (int j = 0; j < operands; ++j) operand[j].stride[to] = operand[j].stride[d];
    }
    for (ir::bound_operand& o : operand)
        for (int d = st.outer_rank; d < max_rank; ++d) o.stride[d] = 0;
    for (int d = 0; d < st.outer_rank; ++d) st.rows *= st.extent[d];
    st.load = operand;
    st.store = operand + left.count;
    st.scalar = scalar;
    st.functors = s.functors;
    launch(st, record);
}

/// Runs stage C: its product by the library and the rest by `Pass`, the launcher of pass_after<C>,
/// where there is a library that takes it, else all of it by `Kernel`.
template <class C,
          void (*Kernel)(const ir::bound_stage&, const runtime::launch_record&),
          void (*Pass)(const ir::bound_stage&, const runtime::launch_record&)>
void run_beside_library(const ir::bound_stage& s, const runtime::launch_record& record) {
    const product_library& library = the_product_library;
    bool takes = library.name && library.worth_with_pass && has_product_axes(s);
    for (int j = 0; j < C::stores; ++j) takes = takes && s.store[j].data;
    plain_product p = product_of<C>(s);
    if (!takes || !library.worth_with_pass(p.m, p.n, p.k)) return Kernel(s, record);
    p.result = raw_product_type(p.type);
    const int64 bytes = p.batch * p.m * p.n * size_of(p.result);
    ir::bound_operand raw;
    runtime::storage_ptr memory;
    if (result_holds_product<C>(s)) {
        raw = s.store[0];
    } else {
        memory = runtime::allocate(record.where, static_cast<std::size_t>(bytes));
        raw.data = memory->data();
        raw.stride[s.columns_axis()] = 1;
        raw.stride[s.rows_axis()] = p.n;
        if (s.rows_axis() > 0) raw.stride[0] = p.m * p.n;
    }
    const int m = s.rows_axis();
    p.c = {raw.data, raw.stride[m], raw.stride[m + 1], m > 0 ? raw.stride[0] : int64{0}};
    runtime::launch_record first = record, then = record;
    const auto bytes_in = [&](const product_matrix& x, int64 elements) {
        return (x.batch != 0 ? p.batch : 1) * elements * size_of(p.type);
    };
    first.bytes_in = bytes_in(p.a, p.m * p.k) + bytes_in(p.b, p.k * p.n);
    first.bytes_out = bytes;
    first.traffic = -1;
    if (!library.run(p, first)) return Kernel(s, record);
    if (memory) runtime::note_temporary();
    runtime::note_launch(first);
    then.kernel = kernel::name_of(kernel::kernel_kind::map);
    then.bytes_in = record.bytes_in - first.bytes_in + bytes;
    then.traffic = -1;
    then.flops = 0;
    then.label = nullptr;
    launch_pass<C>(s, raw, then, Pass);
}

}  // namespace sinter::exec
