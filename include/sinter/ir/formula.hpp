// A stage as readable formulas: what `explain` prints.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "sinter/ir/infer.hpp"

namespace sinter::ir {

/// A program to explain, bound to extents. `stage` by stage of the plan, `value` by node as `infer`
/// left it. What only the executing side knows: `note` by stage (or null), such as how often an
/// array is read, and `choice` (or null), lines that say why this plan runs.
struct explanation {
    graph_view g;
    plan_view p;
    const stage_view* stage = nullptr;
    const array_ref* value = nullptr;
    const std::string* note = nullptr;
    const std::string* choice = nullptr;
};

/// A sentence for each reason to store a value; it follows "t0 is stored: ".
constexpr const char* sentence_of(reason r) {
    switch (r) {
        case reason::second_contraction:
            return "a kernel computes one matrix product, and its reader needs another";
        case reason::beside_contraction:
            return "rows are reduced in a kernel of their own, beside a matrix product";
        case reason::reduced:
            return "a tile of the matrix product does not hold the whole rows that are reduced";
        case reason::operand: return "a matrix product reads each of its operand's elements often";
        case reason::other_axes: return "one kernel reduces along one set of axes";
        case reason::dropped_axes:
            return "its reduced axes were dropped, and its reader has other axes in their place";
        case reason::dear: return "it is costly, and each of its elements is read many times";
        case reason::recomputed:
            return "it is costly, and each tile of the product that reads it would compute it";
        case reason::repeated: return "it is one value for many rows, which each would compute it";
        case reason::partial: return "its reader varies along only a part of the reduced axes";
        case reason::wider: return "its reader broadcasts the matrix product";
        case reason::reshaped: return "its reader sees it in another shape";
        case reason::twice: return "two kernels would compute it";
        case reason::capacity: return "the kernel would become too large";
        case reason::split:
            return "the lengths of rows differ, so each reduction has its own kernel";
        default: return "it is a result";
    }
}

/// Names of arrays and values: x0 a leaf, t0 a temporary, result. What explains is a template on
/// the explanation's type for one reason: a file that explains nothing then does not compile it.
template <class Explanation>
class value_names {
public:
    explicit value_names(const Explanation& e) : e_(e), name_(static_cast<std::size_t>(e.g.size)) {
        for (int i = 0; i < e.g.size; ++i) {
            if (!e.p.stored[i]) continue;
            std::string& n = name_[static_cast<std::size_t>(i)];
            for (int k = 0; k < e.g.roots; ++k)
                if (written_root(e.g, k) == i)
                    n += (n.empty() ? "" : ", ") + std::string("result") +
                         (e.g.roots > 1 ? std::to_string(k) : "");
            if (n.empty()) n = fresh();
        }
        number_arrays();
    }
    /// The next unused name of a temporary.
    std::string fresh() { return "t" + std::to_string(next_++); }
    /// The name under which stored node i lies in memory.
    const std::string& stored(int i) const { return name_[static_cast<std::size_t>(i)]; }

    /// The array that a load of node i reads, with how it is seen.
    std::string loaded(int i) const {
        const node& x = e_.g.n[i];
        if (x.k == kind::leaf) return seen("x" + std::to_string(array_number(x.slot)), x.view);
        if (x.k == kind::coordinate) return seen(counted(x), x.view);
        if (x.k != kind::index_map) return stored(i);
        const int c = x.in[0];
        std::string s = e_.g.n[c].k == kind::leaf ? loaded(c) : stored(c);
        if (x.slot >= 0) s = (is_padded(x) ? "pad(" : "reshape(") + s + ")";
        return seen(s, x.view);
    }

    /// The node that stands for all leaves which are this very array, seen in the same way.
    int same_array(int i) const {
        for (int j = 0; j < i; ++j)
            if (are_same(j, i)) return j;
        return i;
    }

    /// The node that has the shape in which node i, which is stored, lies in memory.
    int shape_stored(int i) const {
        for (int k = 0; k < e_.g.roots; ++k)
            if (written_root(e_.g, k) == i) return e_.g.root[k];
        return i;
    }
    /// The shape of what a load of node i reads, as the user wrote it.
    std::string shape_of(int i) const {
        const node& x = e_.g.n[i];
        array_ref a = e_.value[i];
        if (x.view < 0 || !is_matrix_operand(e_.g.views[x.view].map)) return shape_text(a, x.rank);
        const axis_map& m = e_.g.views[x.view].map;
        int rank = 0;
        for (int j = 0; j < max_rank; ++j) {
            if (m.at[j] < 0) continue;
            a.extent[m.at[j]] = e_.value[i].extent[j];
            if (!(x.ones >> j & 1) && m.at[j] >= rank) rank = m.at[j] + 1;
        }
        return shape_text(a, rank);
    }

private:
    // "index" of a run-time shape, "index<-1>" along axes of another value.
    static std::string counted(const node& x) {
        std::string axes;
        for (int j = max_rank - 1; x.in[0] >= 0 && j >= 0; --j)
            if (x.axes >> j & 1) axes += (axes.empty() ? "" : ", ") + std::to_string(-1 - j);
        return axes.empty() ? "index" : "index<" + axes + ">";
    }
    bool are_same(int i, int j) const {
        const node &x = e_.g.n[i], &y = e_.g.n[j];
        if (x.k != kind::leaf || y.k != kind::leaf || x.view != y.view) return false;
        const array_ref &a = e_.value[i], &b = e_.value[j];
        bool same = a.data && a.data == b.data && a.type == b.type;
        for (int d = 0; d < max_rank; ++d)
            same = same && a.extent[d] == b.extent[d] && a.stride[d] == b.stride[d];
        return same;
    }
    bool is_read(int i) const {
        bool read = e_.p.live[i];
        for (int j = i; j < e_.g.size && !read; ++j)
            read = e_.g.n[j].k == kind::address && e_.g.n[j].in[0] == i && e_.p.live[j];
        return read;
    }
    // Arrays are numbered as the expression names them; slots that hold one array share a number.
    void number_arrays() {
        std::vector<int> first;  // by slot: the first live node of it, or -1
        for (int i = 0; i < e_.g.size; ++i) {
            if (e_.g.n[i].k != kind::leaf || !is_read(i)) continue;
            const auto slot = static_cast<std::size_t>(e_.g.n[i].slot);
            if (first.size() <= slot) first.resize(slot + 1, -1);
            if (first[slot] < 0) first[slot] = i;
        }
        number_.assign(first.size(), -1);
        int next = 0;
        for (std::size_t s = 0; s < first.size(); ++s) {
            if (first[s] < 0) continue;
            int known = -1;
            for (std::size_t r = 0; r < s && known < 0; ++r)
                if (first[r] >= 0 && are_same(first[r], first[s])) known = number_[r];
            number_[s] = known >= 0 ? known : next++;
        }
    }
    int array_number(short slot) const {
        const auto s = static_cast<std::size_t>(slot);
        return s < number_.size() ? number_[s] : -1;
    }
    std::string seen(const std::string& s, short view) const {
        if (view < 0) return s;
        const view_step& v = e_.g.views[view];
        const std::string inner = seen(s, v.parent);
        if (v.whole >= 0) return "pad(" + inner + ")";
        if (v.slot >= 0) return inner + "[...]";
        if (is_matrix_operand(v.map)) return inner;  // how `matmul` sees it: not worth a word
        if (v.map == axis_map{{1, 0, -1, -1, -1, -1, -1, -1}, 2}) return "transpose(" + inner + ")";
        std::string axes;
        for (int j = v.map.rank - 1; j >= 0; --j)
            axes += (axes.empty() ? "" : ", ") + std::to_string(-1 - v.map.at[j]);
        return "permute(" + inner + ", " + axes + ")";
    }

    const Explanation& e_;
    std::vector<std::string> name_;
    std::vector<int> number_;  // of arrays, by slot
    int next_ = 0;
};

/// The lines of one stage: its reductions, what is used twice, what it stores.
template <class Explanation>
class stage_formulas {
public:
    stage_formulas(const Explanation& e, const stage_view& s, value_names<Explanation>& names)
        : e_(e), s_(s), names_(names), text_(count(s.size)), uses_(count(s.size)) {
        for (int i = 0; i < s.size; ++i)
            for (const short c : s.code[i].in)
                if (c >= 0) ++uses_[count(c)];
        for (int k = 0; k < s.stores; ++k) ++uses_[count(s.store[k].value)];
    }
    std::vector<std::string> lines() {
        std::vector<std::string> r;
        for (int i = 0; i < s_.size; ++i) {
            term t = term_of(i);
            const instr& x = s_.code[i];
            std::string name = stored_name(i);
            const bool folds = x.h == how::reduce || x.h == how::total;
            const bool computed = folds || x.h == how::compute || x.h == how::core || x.is_late();
            if (name.empty() && computed && (folds || uses_[count(i)] > 1 || t.text.size() > 70))
                name = names_.fresh();
            if (!name.empty()) {
                r.push_back(name + " = " + t.text);
                if (computed) t = {name.substr(0, name.find(',')), true};
            }
            text_[count(i)] = t;
        }
        return r;
    }

private:
    struct term {
        std::string text;
        bool atomic = true;
    };
    static std::size_t count(int i) { return static_cast<std::size_t>(i); }
    std::string stored_name(int i) const {
        for (int k = 0; k < s_.stores; ++k)
            if (s_.store[k].value == i) return names_.stored(s_.store[k].node);
        return "";
    }
    std::string operand(int i) const {
        const term& t = text_[count(i)];
        return t.atomic ? t.text : "(" + t.text + ")";
    }
    std::string arguments(const instr& x) const {
        std::string s;
        for (const short c : x.in)
            if (c >= 0) s += (s.empty() ? "" : ", ") + text_[count(c)].text;
        return s;
    }
    static std::string number_text(const node& x) {
        char b[32];
        if (is_floating(x.type)) {
            std::snprintf(b, sizeof b, "%.9g", bits_as<double>(x.value));
        } else {
            std::snprintf(b, sizeof b, "%ld", bits_as<int64>(x.value));
        }
        return b;
    }
    term source(int i, const node& x) const {
        if (s_.code[i].h == how::load) return {names_.loaded(s_.node_of[i])};
        if (x.k == kind::constant) return {number_text(x)};
        if (x.k == kind::scalar) return {"s" + std::to_string(x.slot)};
        if (x.k == kind::address) return {names_.loaded(x.in[0])};
        int64 n = 1;
        for (int j = 0; j < max_rank; ++j)
            if (x.axes >> j & 1) n *= e_.value[x.in[0]].extent[j];
        return {std::to_string(n)};
    }
    term term_of(int i) const {
        const instr& x = s_.code[i];
        const node& n = e_.g.n[s_.node_of[i]];
        if (x.h == how::load || x.h == how::scalar || x.h == how::constant) return source(i, n);
        if (x.h == how::core)
            return {"matmul(" + text_[count(s_.head.core_a)].text + ", " +
                    text_[count(s_.head.core_b)].text + ")"};
        if (x.h == how::reduce || x.h == how::total) return {reduction(x, n)};
        if (x.op == op_cast)
            return {std::string("astype<") + name_of(x.type) + ">(" + arguments(x) + ")"};
        if (x.op == op_user) return {"f" + std::to_string(n.slot) + "(" + arguments(x) + ")"};
        if (x.op == op_inside)  // the third operand is no part of the value
            return {"inside(" + text_[count(x.in[0])].text + ", " + text_[count(x.in[1])].text +
                    ")"};
        if (x.op == op_take)
            return {text_[count(x.in[1])].text + "[" + text_[count(x.in[0])].text + "]"};
        if (x.op == op_expand)
            return {"broadcast_to(" + arguments(x) + ", " +
                    shape_text(e_.value[s_.node_of[i]], n.rank) + ")"};
        const op_info info = info_of(x.op);
        if (info.infix && x.in[1] >= 0)
            return {operand(x.in[0]) + info.infix + operand(x.in[1]), false};
        return {std::string(info.name) + "(" + arguments(x) + ")"};
    }
    std::string reduction(const instr& x, const node& n) const {
        std::string axes;
        for (int j = max_rank - 1; j >= 0; --j)
            if (n.axes >> j & 1) axes += (axes.empty() ? "" : ", ") + std::to_string(-1 - j);
        return std::string(reduction_info_of(x.op).name) + "(" + arguments(x) + ", axis<" + axes +
               ">)";
    }

    const Explanation& e_;
    const stage_view& s_;
    value_names<Explanation>& names_;
    std::vector<term> text_;
    std::vector<int> uses_;
};

}  // namespace sinter::ir
