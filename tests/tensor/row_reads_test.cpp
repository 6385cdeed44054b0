// What `explain` says of how often rows are read, and what the emulator counts.
#include <string>

#include "tensor/support.hpp"

namespace {

using namespace tensor_test;
using sn::axis;
using sn::keepdims;
using sn::tensor;

#if SINTER_EMULATOR

struct row_case {
    extents shape;
    const char* words;
    std::uint64_t reads;
};

TEST_CASE("explain says how often rows are read") {
    const device d = device::emulator();
    // The emulator keeps 320 KB of rows in the shared memory of its two processors.
    const row_case cases[] = {
        {{5, 300}, "keeps each row in shared memory (1216 B)", 1},
        {{3, 60000}, " blocks): every array is read once", 1},
        {{2, 100000}, "cannot keep rows of 100000 elements", 2},
    };
    for (const row_case& c : cases) {
        CAPTURE(c.words);
        const tensor<float, 2> z = put<float, 2>(random(c.shape, 1), d);
        const byte_meter read(z);
        const auto e = exp(z - max(z, axis<-1>, keepdims));
        const auto p = e / sum(e, axis<-1>, keepdims);
        const std::string text = sn::explain(p);
        CHECK_MESSAGE(text.find(c.words) != std::string::npos, text);
        const tensor<float, 2> r = p;
        CHECK_MESSAGE(read.loaded(c.reads * static_cast<std::uint64_t>(z.size()) * sizeof(float)),
                      read.text());
        // A maximum that depends on the mean takes a third walk.
        const auto m = z - mean(z, axis<-1>, keepdims);
        const auto q = m / max(abs(m), axis<-1>, keepdims);
        const std::string three = sn::explain(q);
        CHECK_MESSAGE(
            (three.find("up to 3 times, because each") != std::string::npos) == (c.reads == 2),
            three);
    }
    // On the host there is no such limit to speak of.
    const tensor<float, 2> h = put<float, 2>(random({4, 100}, 1), device::host());
    CHECK(sn::explain(h / sum(h, axis<-1>, keepdims)).find("shared memory") == std::string::npos);
}

#endif

TEST_CASE("an array that an expression mentions twice is counted once") {
    on_each_device([](device d) {
        const tensor<float, 2> z = put<float, 2>(random({4, 30}, 1), d);
        const tensor<float, 1> b = put<float, 1>(random({30}, 2), d);
        sn::launch_counter ran;
        const tensor<float, 2> p = z * z + z;  // the short way
        CHECK(ran.bytes_loaded() == 480);
        const tensor<float, 2> q = z * b - max(z, axis<-1>, keepdims);  // the general one
        CHECK(ran.bytes_loaded() == 480 + 480 + 120);
        const tensor<float, 2> r = z - slice(z, sn::range(0, 1));  // two views of one array
        CHECK(ran.bytes_loaded() == 480 + 480 + 120 + 480 + 120);
        CHECK(ran.bytes_stored() == 3 * 480);
    });
}

}  // namespace
