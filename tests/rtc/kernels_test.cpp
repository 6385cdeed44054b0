// A plain C++ program compiles the kernels with NVRTC out of headers that it carries as text; and
// its PTX of a map is read.
#include <doctest/doctest.h>
#include <nvrtc.h>

#include <chrono>
#include <regex>
#include <string>
#include <vector>

#include "embedded_headers.hpp"
#include "kernel/stages.hpp"
#include "sinter/kernel/launch.hpp"

namespace rtc_test {
namespace {

namespace kernel = sinter::kernel;
using namespace kernel_test;
using sinter::dtype;

/// A stage as C++ text: the same type for the program and for NVRTC.
template <int N, int S, uint64 Head, uint64... W>
std::string text_of(ir::stage_code<ir::functor_types<>, N, S, Head, W...>) {
    std::string t = "sinter::ir::stage_code<sinter::ir::functor_types<>, " + std::to_string(N) +
                    ", " + std::to_string(S) + ", " + std::to_string(Head) + "UL";
    ((t += ", " + std::to_string(W) + "UL"), ...);
    return t + ">";
}

struct compiled {
    bool done = false;
    std::string log, ptx, symbol;
    std::size_t cubin_bytes = 0;
    double milliseconds = 0;
};

/// Compiles the kernel `name` of one stage for `architecture` ("sm_90").
compiled compile(const std::string& name,
                 const std::string& code,
                 std::size_t bytes,
                 const std::string& architecture) {
    const std::string type = "sinter::kernel::" + name + "<" + code + ">";
    // Parameters must have the same size here and there.
    const std::string source = "#include \"sinter/kernel/" + name +
                               ".hpp\"\nstatic_assert(sizeof(" + type +
                               ") == " + std::to_string(bytes) + ");\n";
    const std::string entry = "&sinter::simt::entry<" + type + ">";
    compiled r;
    const auto start = std::chrono::steady_clock::now();
    nvrtcProgram program;
    REQUIRE(nvrtcCreateProgram(&program,
                               source.c_str(),
                               "stage.cu",
                               sinter_embedded::count,
                               sinter_embedded::texts,
                               sinter_embedded::names) == NVRTC_SUCCESS);
    REQUIRE(nvrtcAddNameExpression(program, entry.c_str()) == NVRTC_SUCCESS);
    const std::string arch = "-arch=" + architecture;
    const char* options[] = {"-std=c++20", "-default-device", arch.c_str()};
    r.done = nvrtcCompileProgram(program, 3, options) == NVRTC_SUCCESS;
    std::size_t n = 0;
    nvrtcGetProgramLogSize(program, &n);
    r.log.resize(n);
    nvrtcGetProgramLog(program, r.log.data());
    if (r.done) {
        nvrtcGetPTXSize(program, &n);
        r.ptx.resize(n);
        nvrtcGetPTX(program, r.ptx.data());
        nvrtcGetCUBINSize(program, &r.cubin_bytes);
        const char* symbol = nullptr;
        if (nvrtcGetLoweredName(program, entry.c_str(), &symbol) == NVRTC_SUCCESS)
            r.symbol = symbol;
    }
    nvrtcDestroyProgram(&program);
    r.milliseconds =
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    return r;
}
template <class C>
compiled compile_stage(const std::string& architecture) {
    const std::string name = kernel::name_of(kernel::kernel_kind_of<C>());
    compiled r = compile(name, text_of(C{}), sizeof(kernel::kernel_of<C>), architecture);
    CHECK_MESSAGE(r.done, r.log);
    MESSAGE(name << " for " << architecture << ": " << r.milliseconds << " ms");
    return r;
}

TEST_CASE("rtc: every kernel compiles from the embedded headers for every architecture") {
    for (const char* architecture : {"sm_75", "sm_80", "sm_90a"}) {
        for (const compiled& r : {compile_stage<stage<chain<dtype::f32>>>(architecture),
                                  compile_stage<stage<softmax<dtype::f32>>>(architecture),
                                  compile_stage<stage<statistics<dtype::bf16>>>(architecture),
                                  compile_stage<stage<fused<dtype::f32>>>(architecture)}) {
            CHECK(r.cubin_bytes > 0);
            CHECK(r.ptx.find(".entry " + r.symbol) != std::string::npos);
            // No array went to memory.
            CHECK(r.ptx.find(".local") == std::string::npos);
        }
    }
}
TEST_CASE("rtc: tensor cores") {
    const compiled r = compile_stage<stage<fused<dtype::bf16>>>("sm_90a");
    CHECK(r.ptx.find("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32") != std::string::npos);
    CHECK(r.ptx.find("ldmatrix.sync.aligned.m8n8.x4") != std::string::npos);
    CHECK(r.ptx.find(".local") == std::string::npos);
}
TEST_CASE("rtc: a kernel that does not compile says why") {
    const compiled r = compile("map", "sinter::no_such_stage", 1, "sm_80");
    CHECK(!r.done);
    CHECK(r.log.find("no_such_stage") != std::string::npos);
}

std::size_t occurrences(const std::string& text, const std::string& pattern) {
    const std::regex r(pattern);
    return static_cast<std::size_t>(
        std::distance(std::sregex_iterator(text.begin(), text.end(), r), std::sregex_iterator()));
}

template <class C>
void check_vectors(const std::string& width, std::size_t loads, std::size_t stores) {
    const compiled r = compile_stage<C>("sm_90a");
    CAPTURE(r.ptx);
    CHECK(occurrences(r.ptx, R"(\bld\.global\.)" + width) >= loads);
    CHECK(occurrences(r.ptx, R"(\bst\.global\.)" + width) >= stores);
    CHECK(occurrences(r.ptx, R"(\b(div|rem)\.[su])") == 0);
    CHECK(occurrences(r.ptx, R"(\.local\b)") == 0);
}
TEST_CASE("ptx: a map moves 16 bytes at a time and divides no index") {
    check_vectors<stage<add_one>>("v4", 2, 2);             // float: 4 at a time
    check_vectors<stage<saxpy<dtype::bf16>>>("v4", 2, 1);  // bfloat16: 8 at a time
    check_vectors<stage<saxpy<dtype::f64>>>("v", 2, 1);    // double: 2 at a time
}

}  // namespace
}  // namespace rtc_test
