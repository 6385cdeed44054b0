// What the tests of files share.
#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sinter/sinter.hpp>
#include <string>
#include <vector>

namespace io_test {

namespace fs = std::filesystem;
using bytes = std::string;

/// A folder that is gone after the test.
class folder {
public:
    folder() {
        std::string pattern = (fs::temp_directory_path() / "sinter-io-XXXXXX").string();
        REQUIRE(mkdtemp(pattern.data()) != nullptr);
        path_ = pattern;
    }
    folder(const folder&) = delete;
    folder& operator=(const folder&) = delete;
    ~folder() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    fs::path operator/(const std::string& name) const { return path_ / name; }
    /// The files in it.
    std::size_t count() const {
        return static_cast<std::size_t>(
            std::distance(fs::directory_iterator(path_), fs::directory_iterator()));
    }

private:
    fs::path path_;
};

inline void write(const fs::path& path, const bytes& content) {
    std::ofstream file(path, std::ios::binary);
    file.write(content.data(), static_cast<std::streamsize>(content.size()));
    REQUIRE(file.good());
}
inline bytes read(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}
/// `n` as `size` bytes, the smallest first.
inline bytes little_endian(std::uint64_t n, int size) {
    bytes s;
    for (int i = 0; i < size; ++i) s += static_cast<char>(n >> (8 * i) & 0xff);
    return s;
}

/// What f() says when it throws an io_error; "" when it does not throw.
template <class F>
std::string complaint(F f) {
    try {
        f();
    } catch (const sinter::io_error& e) {
        return e.what();
    }
    return "";
}
inline bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}
/// One sentence that names the file and the reason.
inline void check_sentence(const std::string& said, const fs::path& path, const std::string& why) {
    CAPTURE(said);
    CHECK(said.rfind("Reading " + path.string() + " failed: ", 0) == 0);
    CHECK(contains(said, why));
    CHECK(said.back() == '.');
    CHECK(!contains(said, "\n"));
}

}  // namespace io_test
