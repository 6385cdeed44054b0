// A bound program in words.
#pragma once

#include <string>
#include <vector>

#include "sinter/exec/binding.hpp"
#include "sinter/ir/explain.hpp"

namespace sinter::exec {

/// Calls use(ir::explanation) for a program whose extents are known.
template <class Binding, class Use>
std::string explained(const Binding& b, Use use) {
    const program_table& t = *b.table;
    const std::vector<ir::stage_view> stages(t.stage, t.stage + t.stages);
    return use(
        ir::explanation{.g = t.graph, .p = t.plan, .stage = stages.data(), .value = b.value});
}
/// The plan as text. These are templates so that only files that explain compile them.
template <class Binding>
std::string explain_text(const Binding& b) {
    return explained(b, &ir::explain_text<ir::explanation>);
}
/// The plan in the DOT language.
template <class Binding>
std::string explain_dot(const Binding& b) {
    return explained(b, &ir::explain_dot<ir::explanation>);
}

}  // namespace sinter::exec
