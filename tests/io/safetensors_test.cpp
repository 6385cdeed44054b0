// safetensors: what is written is read back, and every malformed file is refused in one sentence.
#include <sys/resource.h>
#include <sinter/io/safetensors.hpp>

#include <csignal>

#include "io/support.hpp"

namespace {

using namespace io_test;
namespace sn = sinter;
namespace io = sinter::io;
using sn::device;

bytes file_of(const bytes& header, const bytes& data = "") {
    return little_endian(header.size(), 8) + header + data;
}
bytes entry(const std::string& name,
            const std::string& type,
            const std::string& shape,
            const std::string& offsets) {
    return "\"" + name + "\":{\"dtype\":\"" + type + "\",\"shape\":" + shape +
           ",\"data_offsets\":" + offsets + "}";
}

std::vector<device> all_devices() {
    std::vector<device> all{device::host()};
    if (sn::runtime::current_emulator_memory()) all.push_back(device::emulator());
    return all;
}

}  // namespace

TEST_CASE(
    "arrays of every type, of ranks 0 and up, empty and strided, are read back as they were") {
    const folder f;
    for (const device d : all_devices()) {
        const auto plain = sn::from(std::vector<float>{1, -2, 3.5F, 0, 5, 6}, sn::shape{2, 3}, d);
        io::named_arrays a;
        a.add("fc.weight", plain)
            .add("turned", permute(plain, sn::axes<1, 0>))
            .add("part", slice(plain, sn::_, sn::range(2, 0, -1)))
            .add("truth", sn::from(std::vector<bool>{true, false, true}, d))
            .add("u8", sn::from(std::vector<sn::uint8>{1, 255}, d))
            .add("i8", sn::from(std::vector<sn::int8>{-128, 7}, d))
            .add("i16", sn::from(std::vector<sn::int16>{-300}, d))
            .add("i32", sn::from(std::vector<sn::int32>{1 << 30}, d))
            .add("i64", sn::from(std::vector<sn::int64>{-5}, sn::shape<0>{}, d))
            .add("half", sn::from(std::vector<sn::half>{sn::half(0.5F)}, d))
            .add("brain", sn::from(std::vector<sn::bfloat16>{sn::bfloat16(-2.0F)}, d))
            .add("double", sn::from(std::vector<double>{0.1}, d))
            .add("none \"\\ \u00e9", sn::empty<float>(sn::shape{0, 3}, d));
        io::save_safetensors(f / "all", a, {{"format", "pt"}, {"epoch", "7"}});
        CHECK(f.count() == 1);
        CHECK(io::safetensors_metadata(f / "all").at("epoch") == "7");
        // The header ends at a multiple of 8, and every array is aligned.
        const bytes raw = read(f / "all");
        CHECK(raw[0] % 8 == 0);
        for (const device to : all_devices()) {
            const io::named_arrays b = io::load_safetensors(f / "all", to);
            REQUIRE(b.size() == a.size());
            for (auto x = a.begin(), y = b.begin(); x != a.end(); ++x, ++y) {
                CHECK(x->first == y->first);
                CHECK(x->second.text() == y->second.text());
                CHECK(y->second.where() == to);
                const io::array p = x->second.on_host(), q = y->second.on_host();
                CHECK(bytes(static_cast<const char*>(p.data()), p.bytes()) ==
                      bytes(static_cast<const char*>(q.data()), q.bytes()));
            }
            const auto w = b.at("turned").as<float, 2>().to(device::host());
            CHECK(w(1, 0) == -2);
            CHECK(w.extents() == sn::shape{3, 2});
            CHECK(b.at("i64").as<sn::int64, 0>().item() == -5);
        }
    }
    CHECK(contains(complaint([&] {
                       io::load_safetensors(f / "all").at("u8");
                       io::load_safetensors(f / "missing");
                   }),
                   "missing failed: No such file or directory."));
}

TEST_CASE("bytes are those of the format") {
    const folder f;
    io::save_safetensors(f / "x",
                         io::named_arrays()
                             .add("a", sn::from(std::vector<sn::uint8>{7}, device::host()))
                             .add("b", sn::from(std::vector<float>{1}, device::host())),
                         {});
    bytes header =
        "{" + entry("a", "U8", "[1]", "[4,5]") + "," + entry("b", "F32", "[1]", "[0,4]") + "}";
    header.resize((header.size() + 7) / 8 * 8, ' ');
    CHECK(read(f / "x") == file_of(header, bytes("\0\0\x80?\x07", 5)));
}

TEST_CASE("malformed files are refused, before memory is taken for their data") {
    struct bad_file {
        const char* what;
        bytes content;
        std::string why;
    };
    const bytes good = "{" + entry("a", "F32", "[2]", "[0,8]") + "}", eight(8, 'x');
    const auto one = [](const std::string& type, const std::string& shape, const std::string& at) {
        return "{" + entry("a", type, shape, at) + "}";
    };
    const std::vector<bad_file> table{
        {"nothing", "", "it has 0 bytes, which is too short"},
        {"seven bytes", "1234567", "it has 7 bytes, which is too short"},
        {"a length alone", little_endian(2, 8), "said to have 2 bytes, but only 0 follow"},
        {"a length that wraps",
         little_endian(~std::uint64_t{0}, 8) + good,
         "said to have 18446744073709551615 bytes; more than 100000000 are not allowed"},
        {"a length that wraps with 8",
         little_endian(~std::uint64_t{0} - 7, 8) + good,
         "not allowed"},
        {"a header beyond the file", little_endian(good.size() + 9, 8) + good + eight, "but only"},
        {"no header", file_of("", ""), "does not begin with {"},
        {"spaces first", file_of(" " + good, eight), "does not begin with {"},
        {"a list", file_of("[]"), "does not begin with {"},
        {"cut", file_of(good.substr(0, 20), eight), "is no JSON from byte"},
        {"two values", file_of(good + "{}", eight), "is no JSON from byte"},
        {"a control character", file_of("{\"a\x01\":1}"), "is no JSON"},
        {"no UTF-8", file_of("{\"\xff\":{}}"), "is no JSON"},
        {"deep",
         file_of("{\"a\":{\"shape\":[[[[[[1]]]]]]}}"),
         "a list where an extent or offset belongs"},
        {"a number as array", file_of("{\"a\":1}"), "the number 1 where the object of an array"},
        {"an object in an array",
         file_of("{\"a\":{\"dtype\":{}}}"),
         "an object where the dtype of 'a'"},
        {"a name twice",
         file_of("{" + entry("a", "F32", "[1]", "[0,4]") + "," + entry("a", "F32", "[1]", "[4,8]") +
                     "}",
                 eight),
         "the name 'a' stands twice"},
        {"metadata twice",
         file_of("{\"__metadata__\":{},\"__metadata__\":{}}"),
         "the name '__metadata__' stands twice"},
        {"a text twice",
         file_of("{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}"),
         "'k' stands twice in __metadata__"},
        {"metadata that is no text",
         file_of("{\"__metadata__\":{\"k\":1}}"),
         "the number 1 where a text of __metadata__ belongs"},
        {"dtype twice",
         file_of("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}"),
         "'dtype' stands twice in 'a'"},
        {"another field",
         file_of("{\"a\":{\"strides\":[1]}}"),
         "'a' has 'strides', which is no part"},
        {"no dtype",
         file_of("{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", eight),
         "'a' lacks dtype"},
        {"no shape",
         file_of("{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", eight),
         "'a' lacks shape"},
        {"no offsets",
         file_of("{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", eight),
         "'a' lacks data_offsets"},
        {"one offset", file_of(one("F32", "[2]", "[8]"), eight), "has 1 data_offsets instead of 2"},
        {"three offsets", file_of(one("F32", "[2]", "[0,8,8]"), eight), "has 3 data_offsets"},
        {"an unknown type",
         file_of(one("F8_E4M3", "[8]", "[0,8]"), eight),
         "the type 'F8_E4M3' of 'a'"},
        {"a negative extent", file_of(one("F32", "[-2]", "[0,8]"), eight), "the number -2"},
        {"a fractional extent", file_of(one("F32", "[2.0]", "[0,8]"), eight), "the number 2.0"},
        {"an extent of 2^63",
         file_of(one("F32", "[9223372036854775808]", "[0,8]"), eight),
         "is too large"},
        {"an extent above 2^64",
         file_of(one("F32", "[99999999999999999999]", "[0,8]"), eight),
         "the number 99999999999999999999"},
        {"a product that wraps to 0",
         file_of(one("F32", "[4294967296,4294967296]", "[0,0]")),
         "does not make 0 bytes"},
        {"a product that wraps to 8",
         file_of(one("U8", "[8,2305843009213693953,8]", "[0,64]"), bytes(64, 'x')),
         "does not make 64 bytes"},
        {"a shape that is too small",
         file_of(one("F32", "[1]", "[0,8]"), eight),
         "(1,) of float, which does not make 8 bytes"},
        {"a shape that is too large",
         file_of(one("F32", "[3]", "[0,8]"), eight),
         "does not make 8 bytes"},
        {"reversed offsets",
         file_of(one("F32", "[2]", "[8,0]"), eight),
         "lies at bytes 8 to 0 of 8"},
        {"offsets beyond the file",
         file_of(one("F32", "[3]", "[0,12]"), eight),
         "lies at bytes 0 to 12 of 8"},
        {"4 GB in 12 bytes",
         file_of(one("F32", "[1073741824]", "[0,4294967296]"), eight),
         "lies at bytes 0 to 4294967296 of 8"},
        {"a gap before",
         file_of(one("F32", "[1]", "[4,8]"), eight),
         "'a' begins at byte 4, but the arrays before it end at 0"},
        {"a gap between",
         file_of(
             "{" + entry("a", "U8", "[2]", "[0,2]") + "," + entry("b", "U8", "[4]", "[4,8]") + "}",
             eight),
         "'b' begins at byte 4, but the arrays before it end at 2"},
        {"an overlap",
         file_of(
             "{" + entry("a", "U8", "[6]", "[0,6]") + "," + entry("b", "U8", "[4]", "[4,8]") + "}",
             eight),
         "'b' begins at byte 4, but the arrays before it end at 6"},
        {"data after the last",
         file_of(one("F32", "[1]", "[0,4]"), eight),
         "end at byte 4, but it has 8"},
        {"data without arrays", file_of("{}", eight), "end at byte 0, but it has 8"},
        {"a truth of 2",
         file_of(one("BOOL", "[1]", "[0,1]"), "\x02"),
         "holds the byte 2 as a truth value"},
    };
    const folder f;
    const fs::path path = f / "bad";
    const sn::int64 before = sn::runtime::live_allocations;
    for (const bad_file& b : table) {
        CAPTURE(b.what);
        write(path, b.content);
        check_sentence(complaint([&] { io::load_safetensors(path); }), path, b.why);
    }
    CHECK(sn::runtime::live_allocations == before);
    // The good ones that they were made from, and the smallest.
    write(path, file_of(good, eight));
    CHECK(io::load_safetensors(path).size() == 1);
    write(path, file_of("{}"));
    CHECK(io::load_safetensors(path).empty());
    write(path,
          file_of("{" + entry("z", "F32", "[0,4294967296]", "[0,0]") + "," +
                      entry("s", "F64", "[]", "[0,8]") + "}   ",
                  eight));
    CHECK(io::load_safetensors(path).at("z").size() == 0);
}

TEST_CASE("every cut and every flipped byte of a file is refused or read, never anything else") {
    const folder f;
    const fs::path path = f / "x";
    const bytes good = file_of(
        "{" + entry("a", "U8", "[2]", "[0,2]") + "," + entry("b", "F32", "[2]", "[2,10]") + "}",
        bytes(10, 'x'));
    int refused = 0;
    const auto attempt = [&](const bytes& content) {
        write(path, content);
        refused += !complaint([&] { io::load_safetensors(path); }).empty();
    };
    for (std::size_t i = 0; i < good.size(); ++i) attempt(good.substr(0, i));
    CHECK(refused == static_cast<int>(good.size()));
    for (std::size_t i = 0; i + 10 < good.size(); ++i)
        for (const int flip : {1, 0x10, 0x7f}) {
            bytes b = good;
            b[i] = static_cast<char>(b[i] ^ flip);
            attempt(b);
        }
    CHECK(refused > 2 * static_cast<int>(good.size()));
}

TEST_CASE("loading into arrays fills all of them or none") {
    const folder f;
    const auto host = device::host();
    sn::tensor<float, 1> a = sn::from(std::vector<float>{1, 2}, host),
                         b = sn::from(std::vector<float>{3}, host);
    const auto named = [&] { return io::named_arrays().add("a", a).add("b", b); };
    io::save_safetensors(f / "x", named());
    const sn::tensor<float, 1> view = slice(a, sn::range(1, 2));
    a(0) = b(0) = 9;
    io::load_safetensors_into(f / "x", named());
    CHECK(a(0) == 1);
    CHECK(b(0) == 3);
    CHECK(view(0) == 2);
    struct row {
        io::named_arrays saved;
        const char* why;
    };
    const auto two = sn::from(std::vector<float>{7, 7}, host);
    const row table[] = {
        {io::named_arrays().add("a", two), "load: there is no array 'b'."},
        {io::named_arrays().add("a", two).add("b", two),
         "load: the array 'b' is float (2,), but float (1,) is needed."},
        {io::named_arrays().add("a", two).add("b", sn::from(std::vector<double>{7}, host)),
         "load: the array 'b' is double (1,), but float (1,) is needed."},
        {io::named_arrays().add("c", two).add("a", two).add("b", slice(two, sn::range(0, 1))),
         "load: nothing takes the array 'c'."},
    };
    for (const row& r : table) {
        io::save_safetensors(f / "x", r.saved);
        std::string said;
        try {
            io::load_safetensors_into(f / "x", named());
        } catch (const sn::error& e) {
            said = e.what();
        }
        CHECK(said == r.why);
        CHECK(a(0) == 1);
        CHECK(b(0) == 3);
    }
    io::load_safetensors_into(f / "x", named(), false);
    CHECK(a(0) == 7);
}

TEST_CASE("a file that cannot be written whole leaves the old one and nothing else") {
    const folder f;
    const auto small = sn::from(std::vector<float>{1}, device::host());
    io::save_safetensors(f / "x", io::named_arrays().add("a", small));
    const bytes before = read(f / "x");
    // The disk is full after 100 kB.
    rlimit old{};
    REQUIRE(getrlimit(RLIMIT_FSIZE, &old) == 0);
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    rlimit limit = old;
    limit.rlim_cur = 100'000;
    REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    const auto large = sn::zeros<float>(sn::shape{100'000}, device::host());
    const std::string said =
        complaint([&] { io::save_safetensors(f / "x", io::named_arrays().add("a", large)); });
    setrlimit(RLIMIT_FSIZE, &old);
    std::signal(SIGXFSZ, handler);
    CHECK(said == "Writing " + (f / "x").string() + " failed: File too large.");
    CHECK(read(f / "x") == before);
    CHECK(f.count() == 1);
    CHECK(contains(complaint([&] { io::save_safetensors(f / "no/x", {}); }),
                   "no/x failed: No such file or directory."));
    CHECK(contains(
        complaint([&] { io::save_safetensors(f / "y", io::named_arrays().add("\xff", small)); }),
        "a name is not UTF-8"));
    CHECK(contains(complaint([&] {
                       io::save_safetensors(f / "y", io::named_arrays().add("__metadata__", small));
                   }),
                   "no array can be called __metadata__"));
    CHECK(f.count() == 1);
}
