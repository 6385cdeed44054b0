// A bound program in words.
#pragma once

#include <string>
#include <vector>

#include "sinter/exec/binding.hpp"
#include "sinter/ir/explain.hpp"

namespace sinter::exec {

/// Calls use(ir::explanation) for a program whose extents are known.
template <class Use>
std::string explained(const binding& b, Use use) {
    const program_table& t = *b.table;
    const std::vector<ir::stage_view> stages(t.stage, t.stage + t.stages);
    return use(ir::explanation{
        .g = t.graph, .p = t.plan, .stage = stages.data(), .value = b.value.data()});
}
/// The plan as text.
inline std::string explain_text(const binding& b) { return explained(b, &ir::explain_text); }
/// The plan in the DOT language.
inline std::string explain_dot(const binding& b) { return explained(b, &ir::explain_dot); }

}  // namespace sinter::exec
