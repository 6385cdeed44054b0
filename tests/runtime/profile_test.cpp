// Profiles: what every launch is called, moves and computes, its times on the host, the emulator
// and a fake of CUDA, the table and the trace.
#include "sinter/profile.hpp"

#include <doctest/doctest.h>

#include <cctype>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "runtime/fake_cuda.hpp"
#include "sinter/sinter.hpp"

namespace {

using namespace sinter;
using sinter::runtime::dim;
using sinter_test::fake;
using sinter_test::fake_cuda_scope;

/// Reads JSON and nothing else; false where the text is none. Strings of `traceEvents` are counted.
class json_reader {
public:
    explicit json_reader(const std::string& text) : at_(text.c_str()) {}
    bool valid() {
        const bool good = value();
        space();
        return good && *at_ == 0;
    }
    int objects = 0;

private:
    void space() {
        while (std::isspace(static_cast<unsigned char>(*at_))) ++at_;
    }
    bool take(char c) {
        space();
        if (*at_ != c) return false;
        ++at_;
        return true;
    }
    bool text() {
        if (!take('"')) return false;
        for (; *at_ && *at_ != '"'; ++at_) {
            if (static_cast<unsigned char>(*at_) < 32) return false;
            if (*at_ == '\\') ++at_;
        }
        return take('"');
    }
    bool number() {
        char* end = nullptr;
        (void)std::strtod(at_, &end);
        const bool good = end != at_;
        at_ = end;
        return good;
    }
    bool value() {
        space();
        if (*at_ == '"') return text();
        if (take('{')) {
            ++objects;
            if (take('}')) return true;
            do {
                if (!text() || !take(':') || !value()) return false;
            } while (take(','));
            return take('}');
        }
        if (take('[')) {
            if (take(']')) return true;
            do {
                if (!value()) return false;
            } while (take(','));
            return take(']');
        }
        return number();
    }

    const char* at_;
};
bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

void slow_kernel(dim, dim, void**) {}
void launch_slow(const stream& s) {
    fake().declare(slow_kernel, {});
    runtime::cuda_launch(
        {.kernel = "slow", .where = s.where(), .bytes_in = 30000, .bytes_out = 10000},
        reinterpret_cast<const void*>(&slow_kernel),
        nullptr,
        0,
        s);
}

}  // namespace

TEST_CASE("nothing watches, until a profile lives") {
    CHECK(!runtime::launches_are_watched());
    {
        const profile p;
        CHECK(runtime::launches_are_watched());
        { const profile inner; }
        CHECK(runtime::launches_are_watched());
    }
    CHECK(!runtime::launches_are_watched());
}

TEST_CASE("kernels on the host and the emulator: names, bytes and FLOPs are those of the plan") {
    std::vector<device> devices{device::host()};
    if (runtime::current_emulator_memory()) devices.push_back(device::emulator());
    for (const device d : devices) {
        CAPTURE(d.name());
        tensor<float, 2> x(shape{20, 30}, device::host());
        for (int i = 0; i < 600; ++i) x.data()[i] = static_cast<float>(i % 7);
        x = x.to(d);
        const tensor<float, 2> w = transpose(x).clone();
        profile p;
        const tensor<float, 2> before = x + 1;
        const profile inner;
        const tensor<float, 2> y = x * x + 2;
        const tensor<float, 2> z = softmax(x);
        const tensor<float, 2> m = matmul(x, w);
        const std::vector<profile_entry> e = inner.entries();
        REQUIRE(e.size() == 3);
        CHECK(e[0].kernel == "map");
        CHECK(e[0].label == "result = (x0 * x0) + s0");
        CHECK(e[0].bytes == 2 * 600 * 4);  // x is read once
        CHECK(e[0].flops == 2 * 600);
        CHECK(e[1].kernel == "row");
        CHECK(contains(e[1].label, "max(x0, axis<-1>)"));
        CHECK(e[1].bytes == 2 * 600 * 4);
        CHECK(e[2].kernel == "matmul");
        CHECK(e[2].flops == 2 * 20 * 20 * 30);
        for (std::size_t i = 0; i < e.size(); ++i) {
            CHECK(e[i].where == d);
            CHECK(e[i].duration_us > 0);
            if (i) CHECK(e[i].start_us >= e[i - 1].start_us + e[i - 1].duration_us);
        }
        CHECK(p.entries().size() == 4);
        p.stop();
        const tensor<float, 2> after = x + 3;
        CHECK(p.entries().size() == 4);
        CHECK(inner.entries().size() == 4);
    }
}

TEST_CASE("a launch that throws is not recorded") {
    const fake_cuda_scope scope;
    const profile p;
    fake().fail_at = fake().calls + 12;
    const stream s(device::cuda());
    for (int i = 0; i < 3; ++i) launch_slow(s);
    const std::size_t before = p.entries().size();
    fake().shared_limit = 0;
    CHECK_THROWS_AS(
        runtime::cuda_launch({.kernel = "none", .where = device::cuda()}, nullptr, nullptr, 0, s),
        device_error);
    CHECK(p.entries().size() == before);
    fake().mistakes.clear();
}

TEST_CASE("CUDA: times are the device's, streams overlap, copies and fills are seen") {
    const fake_cuda_scope scope;
    const device d = device::cuda();
    std::vector<profile_entry> e;
    {
        fake().kernel_us = 1000;
        const stream a(d), b(d);
        const profile p;
        const tensor<float, 2> x = empty_pinned<float>(10, 10);
        const tensor<float, 2> there = x.to(d, a);
        const tensor<float, 2> zero = zeros<float>(shape{3, 3}, d);
        for (int i = 0; i < 20; ++i) launch_slow(a);
        for (int i = 0; i < 20; ++i) launch_slow(b);
        a.synchronize();
        e = p.entries();
        const std::string trace = p.trace();
        json_reader json(trace);
        CHECK(json.valid());
        CHECK(json.objects > 42);
        CHECK(contains(trace, "\"name\":\"cuda:0\""));
        CHECK(contains(trace, "\"cat\":\"kernel\",\"name\":\"slow\""));
        CHECK(contains(trace, "\"name\":\"default stream\""));
        CHECK(contains(p.table(), "cuda:0 slow"));
        CHECK(contains(p.table(1), "and 2 more"));
    }
    REQUIRE(e.size() == 42);
    CHECK(e[0].kernel == "copy from host");
    CHECK(e[0].bytes == 800);
    CHECK(e[1].kernel == "fill");
    CHECK(e[1].bytes == 36);
    for (std::size_t i = 2; i < 42; ++i) {
        CHECK(e[i].duration_us == doctest::Approx(1000).epsilon(0.01));
        CHECK((e[i].queue == e[2].queue) == (i < 22));
    }
    CHECK(e[22].start_us < e[21].start_us);  // the second stream does not wait for the first one
    CHECK(fake().clean());
}

TEST_CASE("any call of CUDA may fail while a profile lives: the work is not disturbed") {
    const auto work = [] {
        const stream s(device::cuda());
        for (int i = 0; i < 2; ++i) launch_slow(s);
        s.synchronize();
    };
    for (int n = 1; n < 60; ++n) {
        const fake_cuda_scope scope;
        fake_cuda_scope::restart(n, 5);
        int recorded = 0;
        try {
            const profile p;
            work();
            recorded = static_cast<int>(p.entries().size());
            CHECK(recorded == 2);
        } catch (const device_error&) {}
        CAPTURE(n);
        CHECK(fake().clean());
        CHECK(sinter_test::fake_cuda::last_error == 0);
        CHECK(!runtime::launches_are_watched());
        work();
    }
}

TEST_CASE("ranges, threads, and a trace file") {
    const std::string path = "profile_test_trace.json";
    {
        const trace_scope scope(path);
        const profile_range outer("outer \"quoted\"\n");
        std::thread([] {
            const profile_range inner("inner");
            const tensor<float, 1> x(shape{4}, device::host());
            const tensor<float, 1> y = x.clone() * 2;
        }).join();
    }
    std::FILE* f = std::fopen(path.c_str(), "rb");
    REQUIRE(f);
    std::string text(100000, 0);
    text.resize(std::fread(text.data(), 1, text.size(), f));
    std::fclose(f);
    std::remove(path.c_str());
    json_reader json(text);
    CHECK(json.valid());
    CHECK(contains(text, "\"cat\":\"range\",\"name\":\"outer \\\"quoted\\\"\\u000a\""));
    CHECK(contains(text, "\"name\":\"inner\""));
    CHECK(contains(text, "\"name\":\"result = x0 * s0\""));
    CHECK(!json_reader("{\"a\":[1,]}").valid());
    CHECK(!json_reader("{\"a\":1} x").valid());

    profile p;
    p.stop();
    CHECK(json_reader(p.trace()).valid());
    CHECK_THROWS_AS(p.write_trace("no such folder/trace.json"), io_error);
}

namespace {
std::vector<std::string> marks;
}

TEST_CASE("an outside profiler gets ranges with the names of what runs") {
    marks.clear();
    const runtime::range_marker old = runtime::the_range_marker;
    runtime::the_range_marker = {[](const char* name) { marks.emplace_back(name); },
                                 [] { marks.emplace_back("end"); }};
    runtime::recorder::get().watch();
    {
        const tensor<float, 1> x{1, 2, 3};
        const profile_range range("step");
        const tensor<float, 1> y = x.to(device::host()) + 1;
    }
    runtime::the_range_marker = old;
    runtime::recorder::get().watch();
    CHECK(marks == std::vector<std::string>{"step", "result = x0 + s0", "end", "end"});
}
