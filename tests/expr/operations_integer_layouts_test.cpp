// Every operation on int64 operands wherever they lie: see operations_layouts.hpp.
#include "expr/operations_layouts.hpp"

namespace {

TEST_CASE("every operation in every layout: int64") {
    operation_test::check_everywhere<sinter::int64>();
}

}  // namespace
