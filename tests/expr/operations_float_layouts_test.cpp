// Every operation on float operands wherever they lie: see operations_layouts.hpp.
#include "expr/operations_layouts.hpp"

namespace {

TEST_CASE("every operation in every layout: float") { operation_test::check_everywhere<float>(); }

}  // namespace
