// What explain says, and the sentences of shape errors.
#include <doctest/doctest.h>
#include <string>

#include "ir/run_program.hpp"

namespace sinter::test {
namespace {

template <int Cap>
std::string text_of(const graph<Cap>& g, const extents& e, policy rules = {}) {
    return explain_text(bound_graph<Cap>(g, rules, e).explained());
}
bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("explain: one kernel") {
    CHECK(text_of(softmax(), {{10, 5}}) == R"(1 kernel
kernel 1: row, 3 passes over each row
    t0 = max(x0, axis<-1>)
    t1 = exp(x0 - t0)
    t2 = sum(t1, axis<-1>)
    result = t1 / t2
  fuses 5 operations, 1800 FLOPs
  reads 200 B: x0 (5, 10) float
  writes 200 B: result (5, 10) float
)");
    CHECK(text_of(dense_layer(), {{784, 100}, {784}, {10, 784}, {10}, {10, 100}}) ==
          R"(1 kernel
kernel 1: matmul
    result = relu(matmul(x0 * x1, x2) + x3) + x4
  fuses 5 operations, 1649 KFLOPs
  reads 352.1 KB: x3 (10,) float, x4 (100, 10) float, x0 (100, 784) float, x1 (784,) float, x2 (784, 10) float
  writes 4000 B: result (100, 10) float
)");
}

TEST_CASE("explain: why values are stored") {
    struct row {
        program g;
        extents e;
        const char* sentence;
    };
    const row rows[] = {
        {softmax_of_dense(), {{8, 4}, {3, 8}, {3}}, "t0 is stored: a tile of the matrix product"},
        {gated(), {{8, 4}, {3, 8}, {3, 8}}, "a kernel computes one matrix product"},
        {attention(), {{8, 4}, {8, 5}, {8, 5}}, "reads each of its operand's elements often"},
        {divided_by_total(), {{3, 2}, {2, 4}}, "its reduced axes were dropped"},
        {minus_maximum_of_vector(), {{3, 2}, {3}}, "it is one value for many rows"},
        {scaled_total(), {{3, 2}, {3}}, "varies along only a part"},
        {broadcast_product(), {{3, 2}, {4, 3}, {4, 2, 5}}, "broadcasts the matrix product"},
        {product_minus_row_maximum(), {{3, 2}, {4, 3}, {4, 2}}, "in a kernel of their own"},
        {log_softmax_of_dense(), {{8, 4}, {3, 8}, {3}}, "two kernels would compute it"},
    };
    for (const row& r : rows) {
        const std::string text = text_of(r.g, r.e);
        CAPTURE(text);
        CHECK(has(text, r.sentence));
        CHECK(has(text, "2 kernels") != has(text, "3 kernels"));
    }
    policy apart;
    apart.totals = false;
    CHECK(has(text_of(column_sum_of_softmax(), {{3, 2}}, apart), "along one set of axes"));
    policy split;
    split.split = true;
    CHECK(has(text_of(softmax(), {{3, 2}}, split), "each reduction has its own kernel"));
}

TEST_CASE("explain: the same statistic is computed once") {
    const std::string text = text_of(cross_entropy_mean(), {{10, 100}});
    CAPTURE(text);
    CHECK(text.find("max(") == text.rfind("max("));
    CHECK(has(text, "kernel 1: row, 3 passes over each row, then totals of the rows\n"));
}

TEST_CASE("explain: DOT") {
    const auto g = attention();
    const std::string dot =
        explain_dot(bound_graph<program::cap>(g, {}, {{8, 4}, {8, 5}, {8, 5}}).explained());
    CAPTURE(dot);
    CHECK(dot.starts_with("digraph plan {"));
    CHECK(has(dot, "subgraph cluster_2"));
    CHECK(has(dot, "label=\"x0 (4, 8)\""));
    CHECK(has(dot, "style=dashed"));
    // Every name that an edge uses is declared.
    std::size_t edges = 0;
    for (std::size_t at = dot.find(" -> "); at != std::string::npos;
         at = dot.find(" -> ", at + 1)) {
        const std::size_t from = dot.rfind("  ", at) + 2;
        CHECK(has(dot, ("  " + dot.substr(from, at - from) + " [").c_str()));
        const std::size_t end = dot.find_first_of(" ;", at + 4);
        CHECK(has(dot, ("  " + dot.substr(at + 4, end - at - 4) + " [").c_str()));
        ++edges;
    }
    CHECK(edges > 10);
}

TEST_CASE("shape errors are sentences that name the operation and both shapes") {
    const auto message = [](const program& g, const extents& e, shape_args* s = nullptr) {
        std::vector<array_ref> leaf, value(static_cast<std::size_t>(g.size));
        for (const auto& x : e) {
            array_ref a;
            for (std::size_t j = 0; j < x.size(); ++j) a.extent[j] = x[j];
            leaf.push_back(a);
        }
        try {
            infer(view_of_graph(g), leaf.data(), nullptr, s, value.data());
        } catch (const shape_error& what) {
            return std::string(what.what());
        }
        return std::string("no error");
    };
    program sum_of_two, product, expanded, reshaped, largest;
    {
        const short x = matrix(sum_of_two), y = vector(sum_of_two);
        result(sum_of_two, add(sum_of_two, x, y));
    }
    {
        const short x = matrix(product), y = matrix(product);
        result(product,
               product.permute(product.matmul(x, product.permute(y, transpose)), transpose));
    }
    result(expanded, expanded.expand(vector(expanded), 2));
    result(reshaped, reshaped.reshape(matrix(reshaped), 2));
    result(largest, max(largest, 2, matrix(largest)));
    shape_args s;
    s.extent[0] = 4, s.extent[1] = 2;

    CHECK(message(sum_of_two, {{3, 2}, {4}}) == "add: shapes (2, 3) and (4,) do not broadcast.");
    CHECK(message(sum_of_two, {{3, 2}, {3}}) == "no error");
    CHECK(message(product, {{3, 2}, {4, 5}}) ==
          "matmul: shapes (2, 3) and (4, 5) do not fit: 3 is not 4.");
    CHECK(message(expanded, {{3}}, &s) ==
          "broadcast_to: shape (3,) cannot be broadcast to (2, 4).");
    CHECK(message(reshaped, {{3, 2}}, &s) ==
          "reshape: shape (2, 3) has 6 elements and cannot become (2, 4).");
    s.extent[1] = -1;
    CHECK(message(reshaped, {{3, 2}}, &s) ==
          "reshape: shape (2, 3) has 6 elements and cannot become (-1, 4).");
    CHECK(message(reshaped, {{4, 3}}, &s) == "no error");
    CHECK(message(largest, {{3, 0}}) ==
          "max: shape (0, 3) has no elements along the reduced axes.");
    CHECK(message(largest, {{0, 3}}) == "no error");
}

}  // namespace sinter::test
