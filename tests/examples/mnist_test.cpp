// The MNIST reader of the examples, on files that the test writes.
#include <doctest/doctest.h>
#include <unistd.h>
#include <zlib.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "support/mnist.hpp"

namespace {

namespace fs = std::filesystem;
using bytes = std::string;

/// A directory that is gone after the test.
class temporary_directory {
public:
    temporary_directory() {
        std::string pattern = (fs::temp_directory_path() / "sinter-digits-XXXXXX").string();
        REQUIRE(mkdtemp(pattern.data()) != nullptr);
        path_ = pattern;
    }
    temporary_directory(const temporary_directory&) = delete;
    temporary_directory& operator=(const temporary_directory&) = delete;
    ~temporary_directory() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    const fs::path& path() const { return path_; }

private:
    fs::path path_;
};

bytes big_endian(std::uint32_t v) {
    bytes s;
    for (int shift = 24; shift >= 0; shift -= 8) s += static_cast<char>((v >> shift) & 255U);
    return s;
}

constexpr std::uint32_t image_magic = 0x803;
constexpr std::uint32_t label_magic = 0x801;

/// Pixel i of image `row` of `seed`.
std::uint8_t pixel(std::size_t row, std::size_t i, std::size_t seed) {
    return static_cast<std::uint8_t>(row * 7 + i * 3 + seed);
}
bytes image_header(std::uint32_t rows, std::uint32_t height = 28, std::uint32_t width = 28) {
    return big_endian(image_magic) + big_endian(rows) + big_endian(height) + big_endian(width);
}
bytes image_file(std::uint32_t rows, std::size_t seed = 0) {
    bytes s = image_header(rows);
    for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t i = 0; i < 784; ++i) s += static_cast<char>(pixel(r, i, seed));
    }
    return s;
}
bytes label_file(std::uint32_t rows, std::uint32_t first = 0) {
    bytes s = big_endian(label_magic) + big_endian(rows);
    for (std::uint32_t r = 0; r < rows; ++r) s += static_cast<char>((first + r) % 10);
    return s;
}

void write(const fs::path& path, const bytes& content) {
    std::ofstream file(path, std::ios::binary);
    file.write(content.data(), static_cast<std::streamsize>(content.size()));
    REQUIRE(file.good());
}

/// The content as a gzip file.
bytes gzip(const bytes& content) {
    z_stream z{};
    REQUIRE(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    bytes in = content;
    bytes out(deflateBound(&z, in.size()) + 64, '\0');
    z.next_in = reinterpret_cast<Bytef*>(in.data());
    z.avail_in = static_cast<uInt>(in.size());
    z.next_out = reinterpret_cast<Bytef*>(out.data());
    z.avail_out = static_cast<uInt>(out.size());
    REQUIRE(deflate(&z, Z_FINISH) == Z_STREAM_END);
    out.resize(z.total_out);
    deflateEnd(&z);
    return out;
}

/// What load_mnist says about a directory; empty where it says nothing.
std::string complaint(const fs::path& directory) {
    try {
        examples::load_mnist(directory);
    } catch (const sinter::io_error& e) {
        return e.what();
    }
    return "";
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("load_mnist reads four files or one pair, plain or gzip") {
    // Large enough that data need more than one chunk.
    constexpr std::uint32_t train_rows = 103;
    constexpr std::uint32_t test_rows = 95;
    for (const bool packed : {false, true}) {
        CAPTURE(packed);
        const temporary_directory directory;
        const auto put = [&](const std::string& name, const bytes& content) {
            write(directory.path() / (packed ? name + ".gz" : name),
                  packed ? gzip(content) : content);
        };
        const auto check = [](const examples::labelled_images& set,
                              std::size_t rows,
                              std::size_t skipped,
                              std::size_t seed) {
            REQUIRE(set.rows() == rows);
            REQUIRE(set.images.size() == rows * 784);
            std::size_t wrong = 0;
            for (std::size_t r = 0; r < rows; ++r) {
                wrong += set.labels[r] != static_cast<std::int64_t>((r + skipped + seed) % 10);
                for (std::size_t i = 0; i < 784; ++i) {
                    const auto level = static_cast<float>(pixel(r + skipped, i, seed));
                    wrong += set.image(r)[i] != level / 255.0F;
                }
            }
            CHECK(wrong == 0);
        };
        put("t10k-images-idx3-ubyte", image_file(test_rows, 2));
        put("t10k-labels-idx1-ubyte", label_file(test_rows, 2));
        const auto pair = examples::load_mnist(directory.path());
        check(pair.train, 76, 0, 2);
        check(pair.test, 19, 76, 2);

        put("train-images-idx3-ubyte", image_file(train_rows, 1));
        put("train-labels-idx1-ubyte", label_file(train_rows, 1));
        const auto four = examples::load_mnist(directory.path());
        check(four.train, train_rows, 0, 1);
        check(four.test, test_rows, 0, 2);
    }
}

TEST_CASE("load_mnist refuses bad files in one sentence that names the file") {
    const std::string images = "t10k-images-idx3-ubyte";
    const std::string labels = "t10k-labels-idx1-ubyte";
    const bytes good_images = image_file(10);
    const bytes good_labels = label_file(10);
    const bytes packed = gzip(good_images);
    bytes wrong_checksum = packed;
    wrong_checksum[packed.size() - 6] = static_cast<char>(wrong_checksum[packed.size() - 6] ^ 1);
    bytes wrong_data = packed;
    for (std::size_t i = packed.size() / 2; i < packed.size() / 2 + 40; ++i) {
        wrong_data[i] = static_cast<char>(wrong_data[i] ^ 0x5a);
    }
    bytes big_label = good_labels;
    big_label[8 + 4] = 10;
    struct bad_file {
        const char* name;     // what the test is about
        std::string file;     // which file is bad
        bytes content;        // and what it holds
        std::string message;  // part of the sentence
    };
    const std::vector<bad_file> table{
        {"empty images", images, "", "ends after 0 bytes, in its header"},
        {"half a header", images, good_images.substr(0, 10), "ends after 10 bytes, in its header"},
        {"half a label header", labels, good_labels.substr(0, 7), "ends after 7 bytes"},
        {"labels for images",
         images,
         good_labels,
         "begins with 0x00000801, but an IDX file of "
         "images begins with 0x00000803"},
        {"images for labels",
         labels,
         good_images,
         "begins with 0x00000803, but an IDX file of "
         "labels begins with 0x00000801"},
        {"text", images, "hello, this is no IDX file", "begins with 0x68656c6c"},
        {"height", images, image_header(10, 27, 28) + good_images.substr(16), "are 27 x 28 pixels"},
        {"width", images, image_header(10, 28, 32) + good_images.substr(16), "are 28 x 32 pixels"},
        {"sizes whose product wraps", images, image_header(4, 65536, 65536), "65536 x 65536"},
        {"no images", images, image_header(0), "it holds no images"},
        {"no labels", labels, label_file(0), "it holds no labels"},
        {"one byte short",
         images,
         good_images.substr(0, good_images.size() - 1),
         "promises 7840 bytes of data, but it holds 7839"},
        {"labels short",
         labels,
         good_labels.substr(0, 12),
         "promises 10 bytes of data, but it "
         "holds 4"},
        {"most images", images, image_header(0xffffffffU), "promises 3367254359280 bytes of data"},
        {"most labels",
         labels,
         big_endian(label_magic) + big_endian(0xffffffffU),
         "promises 4294967295 bytes of data, but it holds 0"},
        {"one byte more", images, good_images + "x", "more follows after the 7840 bytes"},
        {"labels more", labels, good_labels + "xyz", "more follows after the 10 bytes"},
        {"label 10", labels, big_label, "label 4 is 10, but labels are 0 to 9"},
        {"fewer labels", labels, label_file(9), "it holds 9 labels, but "},
        {"more labels", labels, label_file(11), images + " holds 10 images"},
        {"gzip: most images",
         images + ".gz",
         gzip(image_header(0xffffffffU)),
         "promises 3367254359280 bytes of data, but it holds at most"},
        {"gzip: one byte short",
         images + ".gz",
         gzip(good_images.substr(0, good_images.size() - 1)),
         "but it ends after 7839"},
        {"gzip: one byte more", images + ".gz", gzip(good_images + "x"), "more follows after"},
        {"gzip: cut in the data",
         images + ".gz",
         packed.substr(0, packed.size() / 2),
         "compressed data break off"},
        {"gzip: cut in the checksum",
         images + ".gz",
         packed.substr(0, packed.size() - 3),
         "compressed data break off"},
        {"gzip: wrong checksum", images + ".gz", wrong_checksum, "are damaged (incorrect data "},
        {"gzip: damaged data", images + ".gz", wrong_data, "are damaged ("},
        {"gzip: label 10", labels + ".gz", gzip(big_label), "label 4 is 10"},
        {"gzip: magic", labels + ".gz", gzip(good_images), "begins with 0x00000803"},
    };
    for (const bad_file& bad : table) {
        CAPTURE(bad.name);
        const temporary_directory directory;
        if (!contains(bad.file, images)) write(directory.path() / images, good_images);
        if (!contains(bad.file, labels)) write(directory.path() / labels, good_labels);
        write(directory.path() / bad.file, bad.content);
        const std::string said = complaint(directory.path());
        CAPTURE(said);
        CHECK(contains(said, bad.message));
        CHECK(said.rfind("Reading " + (directory.path() / bad.file).string() + " failed: ", 0) ==
              0);
        CHECK(said.back() == '.');
        CHECK(!contains(said, "\n"));
    }
}

TEST_CASE("load_mnist refuses directories that lack what it needs") {
    const temporary_directory directory;
    const fs::path& path = directory.path();
    const std::string place = path.string();
    CHECK(complaint(path / "none") ==
          "Reading " + place + "/none failed: there is no such directory.");
    CHECK(complaint(path) == "Reading " + place +
                                 " failed: it holds neither train-images-idx3-ubyte nor "
                                 "t10k-images-idx3-ubyte, plain or with .gz.");
    write(path / "file", "x");
    CHECK(complaint(path / "file") == "Reading " + place + "/file failed: it is not a directory.");

    const std::string missing = " failed: there is no such file, plain or with .gz.";
    write(path / "t10k-images-idx3-ubyte", image_file(10));
    CHECK(complaint(path) == "Reading " + place + "/t10k-labels-idx1-ubyte" + missing);
    write(path / "t10k-labels-idx1-ubyte", label_file(10));
    CHECK(complaint(path).empty());
    fs::remove(path / "t10k-images-idx3-ubyte");
    CHECK(complaint(path) == "Reading " + place + "/t10k-images-idx3-ubyte" + missing);
    fs::create_directory(path / "t10k-images-idx3-ubyte");
    CHECK(complaint(path) ==
          "Reading " + place + "/t10k-images-idx3-ubyte failed: it is not a regular file.");
    fs::remove(path / "t10k-images-idx3-ubyte");

    // A training pair alone, or half of one, is not enough: nothing is silently split.
    write(path / "train-images-idx3-ubyte", image_file(10));
    CHECK(complaint(path) == "Reading " + place + "/train-labels-idx1-ubyte" + missing);
    write(path / "train-labels-idx1-ubyte", label_file(10));
    CHECK(complaint(path) == "Reading " + place + "/t10k-images-idx3-ubyte" + missing);
    fs::remove(path / "train-images-idx3-ubyte");
    CHECK(complaint(path) == "Reading " + place + "/train-images-idx3-ubyte" + missing);
    fs::remove(path / "train-labels-idx1-ubyte");

    write(path / "t10k-images-idx3-ubyte", image_file(1));
    write(path / "t10k-labels-idx1-ubyte", label_file(1));
    CHECK(complaint(path) == "Reading " + place +
                                 " failed: one image is too few to split into training and test "
                                 "data.");
}
