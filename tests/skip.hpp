// How a test says that this machine lacks what it needs.
#pragma once

namespace sinter_test {

/// Marks the running test case as skipped and prints why; the caller then returns. When every case
/// of a run was skipped, CTest shows the run as Skipped.
void skip(const char* why);

}  // namespace sinter_test
