// The short way for what small programs do most: one loop over whole arrays of one shape on the
// host. Nothing is inferred and nothing is allocated but a new result; whatever does not fit,
// errors included, goes the general way.
#pragma once

#include "sinter/exec/execute.hpp"
#include "sinter/kernel/tuning.hpp"

namespace sinter::exec {

/// The operands of a direct program, by slot.
class direct_operands {
public:
    explicit direct_operands(const program_table& t)
        : t_(t), rank_(t.graph.n[t.graph.root[0]].rank) {}

    /// False unless every operand is a number, one element, or a whole array of the one shape on
    /// the host, and slots that are used twice get the same twice.
    bool take(const operand_list& list) {
        int at = 0;
        return list.each([&](const operand& o) { return take(o, t_.visits[at++].slot); }) &&
               (rank_ == 0 || shape_);
    }
    /// The number of elements of the result.
    int64 size() const { return size_; }
    /// Extent j of the result, counted from the right.
    int64 extent(int j) const { return j < rank_ ? shape_[rank_ - 1 - j] : 1; }
    /// True when `a` has the result's extents and no gaps.
    bool fits(const ir::array_ref& a) const {
        int64 n = 1;
        for (int j = 0; j < rank_; ++j) {
            const int64 e = extent(j);
            if (a.extent[j] != e || (e != 1 && a.stride[j] != n)) return false;
            n *= e;
        }
        return true;
    }
    /// True when the loop may write to `out`, in `memory`: an operand that is the same array is
    /// read before it is written.
    bool may_write(const ir::array_ref& out, const runtime::storage& memory) const {
        const auto to = reinterpret_cast<uint64>(out.data);
        for (int i = 0; i < t_.leaves; ++i) {
            if (!used(i) || detail::apart(*memory_[i], memory)) continue;
            const auto from = reinterpret_cast<uint64>(data_[i]);
            if (from == to && whole(i) && type_[i] == out.type) continue;
            if (from < to + bytes(size_, out.type) &&
                to < from + bytes(whole(i) ? size_ : 1, type_[i]))
                return false;
        }
        return true;
    }
    /// Runs the loop into `out`.
    void run(const ir::array_ref& out) const {
        const stage_table& s = t_.fused->stage[0];
        const auto node_of = [&](short i) -> const ir::node& { return t_.graph.n[s.node_of[i]]; };
        runtime::launch_record r;
        r.kernel = kernel::name_of(s.kind);
        r.bytes_out = static_cast<int64>(bytes(size_, out.type));
        // Not initialised as a whole: most programs use a few.
        alignas(ir::bound_operand) std::byte room[(most + 1) * sizeof(ir::bound_operand)];
        ir::bound_operand* const operand = reinterpret_cast<ir::bound_operand*>(room);
        for (int j = 0; j < s.load_count; ++j) {
            const int slot = node_of(s.loads[j]).slot;
            bool again = false;  // a second mention of a tensor
            for (int i = 0; i < j; ++i) again = again || operand[i].data == data_[slot];
            bind(operand + j, data_[slot], whole(slot));
            if (!again)
                r.bytes_in += static_cast<int64>(bytes(whole(slot) ? size_ : 1, type_[slot]));
        }
        bind(operand + s.load_count, out.data, true);
        ir::scalar_bits scalar[most];
        for (int j = 0; j < s.scalar_count; ++j) scalar[j] = scalar_[node_of(s.scalars[j]).slot];
        ir::bound_stage st;
        st.outer_rank = size_ != 1;
        st.extent[0] = st.rows = size_;
        st.load = operand;
        st.store = operand + s.load_count;
        st.scalar = scalar;
        cpu::run(s.loops(), st);
        runtime::note_launch(r);
    }

private:
    static constexpr int most = max_direct;
    static uint64 bytes(int64 n, dtype t) {
        return static_cast<uint64>(n) * static_cast<uint64>(size_of(t));
    }
    bool used(int slot) const { return used_ >> slot & 1; }
    bool whole(int slot) const { return whole_ >> slot & 1; }

    void bind(ir::bound_operand* o, void* data, bool moves) const {
        new (o) ir::bound_operand;
        o->data = data;
        o->stride[0] = moves && size_ != 1;
    }

    bool take(const operand& o, int slot) {
        switch (o.what) {
            case ir::visit::leaf: return take_array(o, slot);
            case ir::visit::scalar: {
                const bool again = scalars_ >> slot & 1;
                const auto bits = bits_as<uint64>(o.word[0]);
                if (again) return scalar_[slot].bits == bits;
                scalars_ |= uint64{1} << slot;
                scalar_[slot].bits = bits;
                return true;
            }
            case ir::visit::shape: return o.rank == rank_ && take_shape(o.word);
            default: return false;
        }
    }
    bool take_array(const operand& o, int slot) {
        runtime::storage& memory = storage_of(o);
        if (!memory.where().is_host()) return false;
        const bool whole = rank_ > 0 && o.rank == rank_;
        if (whole ? !take_shape(o.word + 1) || !contiguous(o.word + 1) : o.rank != 0) return false;
        void* const data = data_of(o);
        const uint64 bit = uint64{1} << slot;
        if (used_ & bit)
            return data_[slot] == data && (whole_ & bit) == (whole ? bit : 0) &&
                   type_[slot] == o.type;
        used_ |= bit;
        if (whole) whole_ |= bit;
        data_[slot] = data;
        memory_[slot] = &memory;
        type_[slot] = o.type;
        return true;
    }
    bool take_shape(const int64* extent) {
        if (shape_) {
            for (int i = 0; i < rank_; ++i)
                if (shape_[i] != extent[i]) return false;
            return true;
        }
        shape_ = extent;
        for (int i = 0; i < rank_; ++i) size_ *= extent[i];
        return true;
    }
    // Extents, then strides.
    bool contiguous(const int64* word) const {
        int64 n = 1;
        for (int i = rank_ - 1; i >= 0; --i) {
            if (word[i] != 1 && word[rank_ + i] != n) return false;
            n *= word[i];
        }
        return true;
    }

    const program_table& t_;
    const int rank_;
    const int64* shape_ = nullptr;
    int64 size_ = 1;
    uint64 used_ = 0, whole_ = 0, scalars_ = 0;  // by slot
    void* data_[most];
    runtime::storage* memory_[most];
    dtype type_[most];
    ir::scalar_bits scalar_[most];
};

/// Evaluates a program of one result the short way; false, with nothing done, when it is not one
/// for it.
inline bool run_direct(const program_table& t, const operand_list& list, target& to) {
    // Whoever wants to see more of an evaluation sees the general way.
    if (!t.direct || eager_wanted() || runtime::launches_are_watched() ||
        runtime::log_enabled("plan"))
        return false;
    direct_operands o(t);
    if (!o.take(list) || (t.second && o.size() > kernel::tuning::host_dear_reads)) return false;
    const operand_list* const lists[] = {&list};
    const bool fits = to.present && o.fits(to.array) && o.may_write(to.array, **to.memory);
    if (to.write_through) {
        if (!fits || !(*to.memory)->where().is_host()) return false;
        (*to.memory)->note_write();
    } else if (!fits || !detail::owned_by_target(to, device::host(), lists, 1)) {
        const dtype type = t.graph.n[t.graph.root[0]].type;
        to.array = {};
        to.array.type = type;
        for (int j = 0; j < max_rank; ++j) to.array.extent[j] = o.extent(j);
        ir::make_row_major(to.array);
        to.fresh = runtime::allocate(
            device::host(),
            static_cast<std::size_t>(o.size()) * static_cast<std::size_t>(size_of(type)));
        to.array.data = to.fresh->data();
    } else {
        (*to.memory)->note_write();
    }
    o.run(to.array);
    return true;
}

}  // namespace sinter::exec
