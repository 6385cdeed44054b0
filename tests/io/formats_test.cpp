// IDX, gzip, CSV and .npy: what they hold is read, and malformed files are refused in one sentence.
#include <cmath>
#include <sinter/io/csv.hpp>
#include <sinter/io/gzip.hpp>
#include <sinter/io/idx.hpp>
#include <sinter/io/npy.hpp>
#include <utility>

#include "io/support.hpp"

namespace {

using namespace io_test;
namespace sn = sinter;
namespace io = sinter::io;
using sn::device;

/// The content as a gzip file.
bytes gzip(const bytes& content) {
    z_stream z{};
    REQUIRE(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    bytes in = content, out(deflateBound(&z, content.size()) + 64, '\0');
    z.next_in = reinterpret_cast<Bytef*>(in.data());
    z.avail_in = static_cast<uInt>(in.size());
    z.next_out = reinterpret_cast<Bytef*>(out.data());
    z.avail_out = static_cast<uInt>(out.size());
    REQUIRE(deflate(&z, Z_FINISH) == Z_STREAM_END);
    out.resize(z.total_out);
    deflateEnd(&z);
    return out;
}
bytes idx(unsigned char type, std::initializer_list<std::uint32_t> extents, const bytes& data) {
    bytes s{'\0', '\0', static_cast<char>(type), static_cast<char>(extents.size())};
    for (const std::uint32_t e : extents)
        for (int shift = 24; shift >= 0; shift -= 8) s += static_cast<char>(e >> shift & 255);
    return s + data;
}
bytes npy(const bytes& header, const bytes& data = "", char version = 1) {
    return bytes("\x93NUMPY") + version + '\0' +
           little_endian(header.size(), version == 1 ? 2 : 4) + header + data;
}

}  // namespace

TEST_CASE("IDX files of all types are read, plain and gzip") {
    const folder f;
    for (const bool packed : {false, true}) {
        const auto put = [&](const bytes& b) {
            write(f / "x", packed ? gzip(b) : b);
            return io::read_idx(f / "x");
        };
        const auto u8 = put(idx(8, {2, 3}, "\x01\x02\x03\x04\x05\xff")).as<sn::uint8, 2>();
        CHECK(u8.extents() == sn::shape{2, 3});
        CHECK(u8(1, 2) == 255);
        CHECK(put(idx(9, {1}, "\xff")).as<sn::int8, 1>()(0) == -1);
        CHECK(put(idx(11, {2}, bytes("\x01\x02\xff\xfe", 4))).as<sn::int16, 1>()(0) == 0x102);
        CHECK(put(idx(12, {1}, bytes("\x80\0\0\x01", 4))).as<sn::int32, 1>()(0) == -2147483647);
        CHECK(put(idx(13, {1}, bytes("\x40\x49\x0f\xdb", 4))).as<float, 1>()(0) == 3.14159274F);
        CHECK(put(idx(14, {}, bytes("\xbf\xf0\0\0\0\0\0\0", 8))).as<double, 0>().item() == -1);
        CHECK(put(idx(8, {0, 5}, "")).size() == 0);
        // More than one piece of reading.
        const bytes many(5'000'000, 'z');
        CHECK(put(idx(8, {5'000'000}, many)).as<sn::uint8, 1>()(-1) == 'z');
    }
    write(f / "y.gz", gzip(idx(8, {1}, "a")));
    CHECK(io::find_idx(f / "", "y") == f / "y.gz");
    CHECK(io::find_idx(f / "", "z").empty());
    const auto opener = std::exchange(io::open_gzip, nullptr);
    check_sentence(complaint([&] { io::read_idx(f / "y.gz"); }), f / "y.gz", "built without gzip");
    io::open_gzip = opener;
}

TEST_CASE("malformed IDX files are refused") {
    const folder f;
    const fs::path path = f / "bad";
    struct row {
        bytes content;
        const char* why;
    };
    const bytes good = idx(8, {3}, "abc"), packed = gzip(idx(8, {300}, bytes(300, 'x')));
    bytes damaged = packed;
    damaged[packed.size() - 6] = static_cast<char>(damaged[packed.size() - 6] ^ 1);
    const row table[] = {
        {"", "it ends after 0 bytes, in its header"},
        {good.substr(0, 6), "it ends after 6 bytes, in its header"},
        {"text", "it begins with 0x74657874, but an IDX file begins with two zeros"},
        {idx(10, {1}, "a"), "it begins with 0x00000a01"},
        {good.substr(0, 10), "its header promises 3 bytes of data, but it holds 2"},
        {good + "d", "more follows after the 3 bytes"},
        {idx(14, {0xffffffff, 0xffffffff, 0xffffffff}, ""), "promises 2^63 bytes of data or more"},
        {idx(8, {0x80000000, 0x80000000, 4}, ""), "promises 2^63 bytes of data or more"},
        {idx(12, {0x40000000}, "1234"), "promises 4294967296 bytes of data, but it holds 4"},
        {gzip(idx(8, {0xffffffff}, "")), "promises 4294967295 bytes of data, but it holds at most"},
        {gzip(idx(8, {30}, "abc")), "promises 30 bytes of data, but it ends after 3"},
        {packed.substr(0, packed.size() - 3), "its compressed data break off"},
        {damaged, "its compressed data are damaged (incorrect data check)"},
    };
    for (const row& r : table) {
        write(path, r.content);
        check_sentence(complaint([&] { io::read_idx(path); }), path, r.why);
    }
    check_sentence(complaint([&] { io::read_idx(f / "none"); }), f / "none", "No such file");
    check_sentence(complaint([&] { io::read_idx(f / ""); }), f / "", "it is not a regular file");
}

TEST_CASE("CSV files become matrices") {
    const folder f;
    write(f / "t", "name,\"a \"\"b\"\"\",c\r\n1, 2.5 ,-3e2\r\n\r\n\"4\",,+6\n");
    const auto t = io::read_csv(f / "t", {.header = true});
    CHECK(t.columns == std::vector<std::string>{"name", "a \"b\"", "c"});
    CHECK(t.values.extents() == sn::shape{2, 3});
    CHECK(t.values(0, 1) == 2.5F);
    CHECK(t.values(0, 2) == -300);
    CHECK(std::isnan(t.values(1, 1)));
    CHECK(t.values(1, 2) == 6);
    write(f / "t", gzip("# comment, with a comma\n1;2\n3;4"));
    const auto i = io::read_csv<sn::int64>(f / "t", {.delimiter = ';', .comment = '#'});
    CHECK(i.columns.empty());
    CHECK(i.values(1, 1) == 4);
    write(f / "t", "");
    CHECK(io::read_csv(f / "t").values.size() == 0);

    struct row {
        const char* text;
        const char* why;
        bool header = false;
    };
    const row table[] = {
        {"1,2\n3\n", "line 2 has 1 fields, but the first line has 2"},
        {"1,2\n3,4,5\n", "line 2 has 3 fields"},
        {"a,b\n1\n", "line 2 has 1 fields, but there are 2 names", true},
        {"1,x\n", "line 1 has 'x' in column 2, which is no number"},
        {"1,2x\n", "line 1 has '2x' in column 2"},
        {"1,1e99\n", "line 1 has '1e99' in column 2, which is out of range"},
        {"1,\"2\n", "line 1 has a quote without end"},
        {"\"1\"2\n", "line 1 goes on after a closing quote"},
        {"", "it holds no line of names", true},
    };
    for (const row& r : table) {
        write(f / "t", r.text);
        check_sentence(
            complaint([&] { io::read_csv(f / "t", {.header = r.header}); }), f / "t", r.why);
    }
    write(f / "t", "1,\n");
    check_sentence(complaint([&] { io::read_csv<sn::int64>(f / "t"); }), f / "t", "is no number");
}

TEST_CASE("npy files are written as NumPy writes them, and read back") {
    const folder f;
    const auto host = device::host();
    const auto m = sn::from(std::vector<float>{1, 2, 3, 4, 5, 6}, sn::shape{2, 3}, host);
    io::save_npy(f / "m", permute(m, sn::axes<1, 0>));
    const bytes raw = read(f / "m");
    CHECK(raw.substr(0, 10) == bytes("\x93NUMPY\1\0\x76\0", 10));
    CHECK(contains(raw, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }"));
    CHECK(raw.size() == 128 + 24);
    CHECK(raw[127] == '\n');
    const auto back = io::load_npy(f / "m").as<float, 2>().to(host);
    CHECK(back(2, 0) == 3);
    CHECK(back(0, 1) == 4);
    io::save_npy(f / "s", sn::from(std::vector<double>{0.5}, sn::shape<0>{}, host));
    CHECK(io::load_npy(f / "s").as<double, 0>().item() == 0.5);
    io::save_npy(f / "v", sn::from(std::vector<bool>{true, false}, host));
    CHECK(!io::load_npy(f / "v", host).as<bool, 1>()(1));
    write(f / "2", npy("{'shape': (2,), 'fortran_order': False, 'descr': '|u1'}\n", "ab", 2));
    CHECK(io::load_npy(f / "2", host).as<sn::uint8, 1>()(1) == 'b');
    CHECK(contains(
        complaint([&] { io::save_npy(f / "b", sn::from(std::vector<sn::bfloat16>{}, host)); }),
        "NumPy has no type for bfloat16"));

    struct row {
        bytes content;
        const char* why;
    };
    const auto header = [](const std::string& type,
                           const std::string& order,
                           const std::string& shape) {
        return "{'descr': '" + type + "', 'fortran_order': " + order + ", 'shape': " + shape + "}";
    };
    const row table[] = {
        {"", "it does not begin as a .npy file"},
        {"\x93NUMPX123456", "it does not begin as a .npy file"},
        {npy("{}", "", 9), "it has version 9 of the format"},
        {bytes("\x93NUMPY\1\0\xff\xff", 10), "it ends in its header"},
        {npy("{}"), "lacks descr, fortran_order or shape"},
        {npy("{'descr': '<f4'"), "lacks a comma"},
        {npy("{'x': 1}"), "has the entry 'x'"},
        {npy("{'descr': '<f4', 'descr': '<f4'}"), "has the entry 'descr' twice"},
        {npy(header(">f4", "False", "(1,)"), "1234"), "has the type '>f4'"},
        {npy(header("<f4", "True", "(1,)"), "1234"), "in Fortran's order"},
        {npy(header("<f4", "Maybe", "(1,)"), "1234"), "neither True nor False"},
        {npy(header("<f4", "False", "(-1,)"), "1234"), "no list of extents"},
        {npy(header("<f4", "False", "(1"), "1234"), "no list of extents"},
        {npy(header("<f4", "False", "(1,)") + "x", "1234"), "goes on after its dictionary"},
        {npy(header("<f4", "False", "(99999999999999999999,)")), "an extent that is too large"},
        {npy(header("<f4", "False", "(2,)"), "1234"), "(2,) of float does not make the 4 bytes"},
        {npy(header("<f4", "False", "(1073741824,)")), "does not make the 0 bytes"},
        {npy(header("<f4", "False", "(4294967296,4294967296)")), "does not make the 0 bytes"},
        {npy(header("|b1", "False", "(1,)"), "\x02"), "neither 0 nor 1"},
    };
    for (const row& r : table) {
        CAPTURE(r.why);
        write(f / "bad", r.content);
        check_sentence(complaint([&] { io::load_npy(f / "bad"); }), f / "bad", r.why);
    }
}
