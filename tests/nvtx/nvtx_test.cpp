// What a tool such as Nsight sees of a program that is compiled with SINTER_NVTX=1: this file is
// the tool, linked into the program.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "sinter/profile.hpp"
#include "sinter/sinter.hpp"

namespace {

std::vector<std::string> marks;

int push(const char* name) {
    marks.emplace_back(name);
    return 0;
}
int pop() {
    marks.emplace_back("end");
    return 0;
}
int attach(NvtxGetExportTableFunc_t table_of) {
    const auto* callbacks =
        static_cast<const NvtxExportTableCallbacks*>(table_of(NVTX_ETID_CALLBACKS));
    NvtxFunctionTable table = nullptr;
    unsigned size = 0;
    if (!callbacks || !callbacks->GetModuleFunctionTable(NVTX_CB_MODULE_CORE, &table, &size))
        return 0;
    *table[NVTX_CBID_CORE_RangePushA] = reinterpret_cast<NvtxFunctionPointer>(&push);
    *table[NVTX_CBID_CORE_RangePop] = reinterpret_cast<NvtxFunctionPointer>(&pop);
    return 1;
}

// Before the first range.
const bool attached = (InitializeInjectionNvtx2_fnptr = &attach, true);

}  // namespace

TEST_CASE("every launch is an NVTX range with the name of what it computes") {
    using namespace sinter;
    const device host = device::host();
    const tensor<float, 1> x = tensor<float, 1>{1, 2, 3}.to(host);
    marks.clear();
    {
        const profile_range step("step");
        const tensor<float, 1> y = x + 1;
        const tensor<float, 0> z = sum(y);
    }
    CHECK(marks ==
          std::vector<std::string>{
              "step", "result = x0 + s0", "end", "result = sum(x0, axis<-1>)", "end", "end"});
    CHECK(attached);
    const profile p;
    const tensor<float, 1> y = x * 2;
    CHECK(p.entries().size() == 1);
}
