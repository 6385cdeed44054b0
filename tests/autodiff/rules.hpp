// Gradients of one operation, by its rule and by differences of its values, both computed by the
// interpreter: nothing is compiled for it, so every entry of the table is tested by being there.
#pragma once

#include <cmath>
#include <vector>

#include "sinter/ir/differentiate.hpp"
#include "sinter/ir/interpret.hpp"

namespace autodiff_test {

namespace ir = sinter::ir;
using sinter::dtype;
using sinter::int64;

/// A matrix of doubles in any layout; extents and strides outermost first.
struct matrix {
    int64 rows = 1, columns = 1;
    bool transposed = false;
    std::vector<double> v;  // as it lies in memory

    matrix(int64 m, int64 n, bool t = false)
        : rows(m), columns(n), transposed(t), v(static_cast<std::size_t>(m * n)) {}
    ir::array_ref ref() {
        ir::array_ref a;
        a.type = dtype::f64;
        a.data = v.data();
        a.extent[1] = rows, a.extent[0] = columns;
        a.stride[1] = rows == 1 ? 0 : transposed ? 1 : columns;
        a.stride[0] = columns == 1 ? 0 : transposed ? rows : 1;
        return a;
    }
};

/// sum(weights * op(operands)) as a graph with its gradients.
class one_operation {
public:
    static constexpr int cap = 256;

    explicit one_operation(int op) {
        const ir::op_info o = ir::info_of(op);
        short in[3] = {-1, -1, -1};
        for (int k = 0; k < o.arity; ++k) {
            in[k] = g_.variable(dtype::f64, 2);
            if (k == 0 && o.operands == ir::takes::condition)
                in[k] = g_.apply(ir::op_id<ir::op::greater>, in[k], g_.constant(dtype::f64, 0));
        }
        const short y = g_.apply(op, in[0], in[1], in[2]), weights = g_.leaf(dtype::f64, 2),
                    terms = g_.apply(ir::op_id<ir::op::mul>, weights, y);
        top_ = g_.drop(g_.reduce(ir::reduction_id<ir::red::sum>, 3, terms), 3);
        arity_ = o.arity;
        parts_ = ir::differentiate(g_, top_, g_.constant(dtype::f64, 1));
    }
    int arity() const { return arity_; }

    /// The value, given operands and, behind them, weights.
    double value(std::vector<matrix>& in) {
        double r = 0;
        ir::array_ref out;
        out.type = dtype::f64;
        out.data = &r;
        g_.roots = 0;
        g_.add_root(top_);
        run(in, &out);
        return r;
    }
    /// The derivatives by operand k, as it lies in memory.
    std::vector<double> gradient(std::vector<matrix>& in, int k) {
        std::vector<double> r(in[at(k)].v.size());
        for (int j = 0; j < parts_.count; ++j) {
            if (parts_.at[j].slot != k) continue;
            g_.roots = 0;
            g_.add_root(parts_.at[j].node);
            infer(in);
            ir::array_ref all = values_[at(parts_.at[j].node)];
            ir::make_row_major(all);
            std::vector<double> v(at(ir::elements_of(all)));
            all.data = v.data();
            run(in, &all);
            const ir::array_ref to = in[at(k)].ref();
            // Where the operand was broadcast, its derivative is the sum.
            for (ir::walk w(all.extent, 0xff); !w.done; w.next())
                r[at(ir::offset_of(to, w.at))] += v[at(ir::offset_of(all, w.at))];
        }
        return r;
    }

private:
    static std::size_t at(int64 i) { return static_cast<std::size_t>(i); }
    void infer(std::vector<matrix>& in) {
        leaves_.clear();
        for (matrix& m : in) leaves_.push_back(m.ref());
        values_.assign(at(g_.size), {});
        ir::infer(ir::view_of_graph(g_), leaves_.data(), nullptr, nullptr, values_.data());
    }
    void run(std::vector<matrix>& in, const ir::array_ref* out) {
        infer(in);
        ir::bound_program b;
        b.g = ir::view_of_graph(g_);
        b.value = values_.data();
        b.out = out;
        ir::evaluate_graph(b);
    }

    ir::graph<cap> g_;
    short top_ = -1;
    int arity_ = 0;
    ir::gradient_parts parts_;
    std::vector<ir::array_ref> leaves_, values_;
};

}  // namespace autodiff_test
