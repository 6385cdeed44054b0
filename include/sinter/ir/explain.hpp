// What a program will do, in words and as a picture: kernels, what each fuses, what it moves and
// computes, and why anything is stored.
#pragma once

#include "sinter/ir/formula.hpp"

namespace sinter::ir {

/// What one stage moves and computes.
struct stage_cost {
    int64 read = 0, written = 0;  // bytes of the arrays, each counted once
    int64 flops = 0;
    int operations = 0;
};

namespace detail {

inline int64 bytes_of_value(const array_ref& a, dtype t) { return elements_of(a) * size_of(t); }

template <class Number>
std::string bytes_text(Number n) {
    char b[32];
    const double x = static_cast<double>(n);
    if (n < 10000) {
        std::snprintf(b, sizeof b, "%ld B", n);
    } else if (n < 10000000) {
        std::snprintf(b, sizeof b, "%.4g KB", x / 1e3);
    } else {
        std::snprintf(b,
                      sizeof b,
                      "%.4g %s",
                      n < 10000000000 ? x / 1e6 : x / 1e9,
                      n < 10000000000 ? "MB" : "GB");
    }
    return b;
}
template <class Number>
std::string flops_text(Number n) {
    char b[32];
    const double x = static_cast<double>(n);
    const char* units[] = {"FLOPs", "KFLOPs", "MFLOPs", "GFLOPs", "TFLOPs"};
    int k = 0;
    double y = x;
    while (y >= 10000 && k < 4) y /= 1000, ++k;
    std::snprintf(b, sizeof b, "%.4g %s", y, units[k]);
    return b;
}

inline int totals_of(const stage_view& s) {
    int n = 0;
    for (int i = 0; i < s.size; ++i) n += s.code[i].h == how::total;
    return n;
}
inline bool is_pure_reduction(const stage_view& s) {
    if (s.head.passes != 2 || s.head.core >= 0 || totals_of(s) > 0) return false;
    for (int k = 0; k < s.stores; ++k) {
        const instr& x = s.code[s.store[k].value];
        if (!x.row_constant && x.level > 0) return false;
    }
    return true;
}
inline const char* kind_text(const stage_view& s) {
    if (s.head.core >= 0) return "matmul";
    if (s.row_axes == 0) return "map";
    return is_pure_reduction(s) ? "reduce" : "row";
}

}  // namespace detail

/// True when an earlier load of the stage reads the very same array in the same way.
template <class Explanation>
bool is_repeated_load(const stage_view& s, const value_names<Explanation>& names, int i) {
    const int array = names.same_array(s.node_of[i]);
    for (int j = 0; j < i; ++j)
        if (s.code[j].h == how::load && names.same_array(s.node_of[j]) == array) return true;
    return false;
}

template <class Explanation>
stage_cost cost_of(const Explanation& e,
                   const stage_view& s,
                   const value_names<Explanation>& names) {
    stage_cost c;
    for (int i = 0; i < s.size; ++i) {
        const instr& x = s.code[i];
        const node& n = e.g.n[s.node_of[i]];
        const int64 elements = elements_of(e.value[s.node_of[i]]);
        // Computed again in every pass that needs it.
        const int times = x.loops ? __builtin_popcount(x.loops) : 1;
        const bool computes = x.h == how::compute || x.h == how::after,
                   reduces = x.h == how::reduce || x.h == how::total;
        c.operations += computes || reduces || x.h == how::core;
        if (x.h == how::load) {
            if (!x.is_coordinate() && !is_repeated_load(s, names, i))
                c.read += detail::bytes_of_value(e.value[s.node_of[i]], n.type);
        } else if (computes) {
            if (x.op == op_take) c.read += elements * size_of(n.type);
            c.flops += elements * info_of(x.op).flops * times;
        } else if (reduces) {
            c.flops += elements_of(e.value[n.in[0]]);
        } else if (x.h == how::core) {
            int64 length = 1;
            for (int j = 0; j < max_rank; ++j)
                if (n.axes >> j & 1) {
                    const int64 a = e.value[n.in[0]].extent[j];
                    length *= a == 1 ? e.value[n.in[1]].extent[j] : a;
                }
            c.flops += 2 * elements * length;
        }
    }
    for (int k = 0; k < s.stores; ++k)
        c.written += detail::bytes_of_value(e.value[s.store[k].node], e.g.n[s.store[k].node].type);
    return c;
}

/// The plan of a program as text.
template <class Explanation>
std::string explain_text(const Explanation& e) {
    value_names<Explanation> names(e);
    std::string r = std::to_string(e.p.stages) + (e.p.stages == 1 ? " kernel" : " kernels");
    int64 kept = 0;
    int temporaries = 0;
    for (int i = 0; i < e.g.size; ++i)
        if (e.p.stored[i] && e.p.why[i] != reason::result) {
            ++temporaries;
            kept += detail::bytes_of_value(e.value[i], e.g.n[i].type);
        }
    if (temporaries)
        r += ", " + std::to_string(temporaries) +
             (temporaries == 1 ? " temporary of " : " temporaries of ") + detail::bytes_text(kept);
    r += "\n";
    if (e.choice) r += *e.choice;
    for (int k = 0; k < e.p.stages; ++k) {
        const stage_view& s = e.stage[k];
        const stage_cost c = cost_of(e, s, names);
        r += "kernel " + std::to_string(k + 1) + ": " + detail::kind_text(s);
        if (s.head.passes > 1)
            r += s.pool >= 0 ? ", pooled on its way out"
                 : s.head.core >= 0
                     ? ", folded on its way out"
                     : ", " + std::to_string(s.head.passes) + " passes over each row";
        if (detail::totals_of(s)) r += ", then totals of the rows";
        r += "\n";
        for (const std::string& line : stage_formulas<Explanation>(e, s, names).lines())
            r += "    " + line + "\n";
        r += (c.operations == 1 ? "  computes " : "  fuses ") + std::to_string(c.operations) +
             (c.operations == 1 ? " operation" : " operations") + ", " +
             detail::flops_text(c.flops) + "\n";
        std::string reads;
        for (int i = 0; i < s.size; ++i) {
            if (s.code[i].h != how::load || s.code[i].is_coordinate() ||
                is_repeated_load(s, names, i))
                continue;
            const short n = s.node_of[i];
            reads += (reads.empty() ? "" : ", ") + names.loaded(n) + " " + names.shape_of(n) + " " +
                     name_of(e.g.n[n].type);
        }
        if (!reads.empty()) r += "  reads " + detail::bytes_text(c.read) + ": " + reads + "\n";
        r += "  writes " + detail::bytes_text(c.written) + ":";
        short last = -1;
        for (int j = 0; j < s.stores; ++j) {
            const short n = s.store[j].node;
            if (n == last) continue;  // one value that is several results
            const int as = names.shape_stored(n);
            r += (last < 0 ? " " : ", ") + names.stored(n) + " " +
                 shape_text(e.value[as], e.g.n[as].rank) + " " + name_of(e.g.n[n].type);
            last = n;
        }
        r += "\n";
        if (e.note && !e.note[k].empty()) r += "  " + e.note[k] + "\n";
        for (int i = 0; i < e.g.size; ++i)
            if (e.p.stored[i] && e.p.stage_of[i] == k && e.p.why[i] != reason::result)
                r += "  " + names.stored(i) + " is stored: " + sentence_of(e.p.why[i]) + ".\n";
    }
    return r;
}

namespace detail {

template <class Text>
std::string quoted(const Text& s) {
    std::string r = "\"";
    for (const char c : s) {
        if (c == '"' || c == '\\') r += '\\';
        r += c;
    }
    return r + "\"";
}
template <class Explanation>
std::string dot_label(const Explanation& e, const stage_view& s, int i) {
    const instr& x = s.code[i];
    const node& n = e.g.n[s.node_of[i]];
    if (x.h == how::core) return "matmul";
    if (x.h == how::reduce || x.h == how::total) return reduction_info_of(x.op).name;
    if (x.h == how::scalar && n.k == kind::address) return "array";
    if (x.h == how::scalar) return n.k == kind::scalar ? "s" + std::to_string(n.slot) : "extent";
    if (x.h == how::constant) {
        char b[32];
        std::snprintf(b,
                      sizeof b,
                      "%.9g",
                      is_floating(n.type) ? bits_as<double>(n.value)
                                          : static_cast<double>(bits_as<int64>(n.value)));
        return b;
    }
    return info_of(x.op).name;
}

}  // namespace detail

/// The plan of a program in the DOT language: one cluster for each kernel, a box for each array.
template <class Explanation>
std::string explain_dot(const Explanation& e) {
    value_names<Explanation> names(e);
    std::string r = "digraph plan {\n  rankdir=TB;\n  node [shape=ellipse];\n", arrays;
    std::vector<char> boxed(static_cast<std::size_t>(e.g.size));
    const auto box = [&](short n, const std::string& name) {
        const std::string id = "a" + std::to_string(n);
        if (!boxed[static_cast<std::size_t>(n)])
            arrays += "  " + id +
                      " [shape=box, label=" + detail::quoted(name + " " + names.shape_of(n)) +
                      "];\n";
        boxed[static_cast<std::size_t>(n)] = 1;
        return id;
    };
    std::string edges;
    for (int k = 0; k < e.p.stages; ++k) {
        const stage_view& s = e.stage[k];
        const std::string prefix = "k" + std::to_string(k) + "_";
        r += "  subgraph cluster_" + std::to_string(k) + " {\n    label=" +
             detail::quoted("kernel " + std::to_string(k + 1) + ": " + detail::kind_text(s)) +
             ";\n";
        const auto array_of = [&](int i) {
            return static_cast<short>(names.same_array(s.node_of[i]));
        };
        const auto id = [&](int i) {
            return s.code[i].h == how::load ? "a" + std::to_string(array_of(i))
                                            : prefix + std::to_string(i);
        };
        for (int i = 0; i < s.size; ++i) {
            if (s.code[i].h == how::load) {
                const short n = array_of(i), c = e.g.n[n].in[0];
                box(n, names.loaded(n));
                if (c >= 0 && e.g.n[n].k == kind::index_map)
                    edges += "  " + box(c, e.p.stored[c] ? names.stored(c) : names.loaded(c)) +
                             " -> a" + std::to_string(n) + " [style=dashed];\n";
                continue;
            }
            r += "    " + id(i) + " [label=" + detail::quoted(detail::dot_label(e, s, i)) + "];\n";
            for (const short c : s.code[i].in)
                if (c >= 0) edges += "  " + id(c) + " -> " + id(i) + ";\n";
            if (i == s.head.core)
                edges += "  " + id(s.head.core_a) + " -> " + id(i) + ";\n  " + id(s.head.core_b) +
                         " -> " + id(i) + ";\n";
        }
        r += "  }\n";
        for (int j = 0; j < s.stores; ++j) {
            const short n = s.store[j].node;
            if (is_source(e.g.n[n].k)) {  // a copy: a box of its own
                const std::string copy = "r" + std::to_string(s.store[j].root);
                arrays +=
                    "  " + copy + " [shape=box, label=" + detail::quoted(names.stored(n)) + "];\n";
                edges += "  " + id(s.store[j].value) + " -> " + copy + ";\n";
            } else {
                edges += "  " + id(s.store[j].value) + " -> " + box(n, names.stored(n)) + ";\n";
            }
        }
    }
    return r + arrays + edges + "}\n";
}

}  // namespace sinter::ir
