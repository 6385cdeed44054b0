// Reads MNIST-like data: IDX files, plain or gzip. Nothing that a file says is believed before it
// is checked, and no more is allocated than the file turns out to hold.
#pragma once

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "dataset.hpp"
#include "sinter/core/error.hpp"

namespace examples {
namespace detail {

[[noreturn]] inline void refuse(const std::filesystem::path& path, const std::string& why) {
    throw sinter::io_error("Reading " + path.string() + " failed: " + why + ".");
}

inline std::string hexadecimal(std::uint32_t value) {
    std::string s = "0x";
    for (int shift = 28; shift >= 0; shift -= 4) s += "0123456789abcdef"[(value >> shift) & 15U];
    return s;
}

/// An IDX file of bytes: big-endian 32-bit header words, then the data. zlib hands through a plain
/// file as it is.
class idx_file {
public:
    explicit idx_file(const std::filesystem::path& path) : path_(path) {
        std::error_code problem;
        if (!std::filesystem::is_regular_file(path, problem)) {
            refuse(path, problem ? problem.message() : "it is not a regular file");
        }
        stored_ = std::filesystem::file_size(path, problem);
        if (problem) refuse(path, problem.message());
        errno = 0;
        file_.reset(gzopen(path.c_str(), "rb"));
        if (!file_) refuse(path, errno ? std::strerror(errno) : "zlib is out of memory");
    }

    /// The next word of the header.
    std::uint32_t word() {
        std::array<std::uint8_t, 4> b{};
        const std::size_t got = read(b.data(), b.size());
        header_ += got;
        if (got != b.size()) {
            refuse(path_, "it ends after " + std::to_string(header_) + " bytes, in its header");
        }
        return std::uint32_t{b[0]} << 24 | std::uint32_t{b[1]} << 16 | std::uint32_t{b[2]} << 8 |
               std::uint32_t{b[3]};
    }

    void expect_magic(std::uint32_t magic, const char* what) {
        const std::uint32_t found = word();
        if (found == magic) return;
        refuse(path_,
               "it begins with " + hexadecimal(found) + ", but an IDX file of " + what +
                   " begins with " + hexadecimal(magic));
    }

    /// All bytes after the header, which must be `size`.
    std::vector<std::uint8_t> data(std::uint64_t size) {
        // Deflate gains a factor of 1032 at most, so a header that lies is mostly caught before
        // anything is read.
        const bool plain = gzdirect(file_.get()) != 0;
        const std::uint64_t most = plain ? stored_ - header_ : stored_ * 1032;
        if (size > most) {
            refuse(path_,
                   "its header promises " + std::to_string(size) + " bytes of data, but it holds " +
                       (plain ? "" : "at most ") + std::to_string(most));
        }
        std::vector<std::uint8_t> bytes;
        std::vector<std::uint8_t> chunk(std::size_t{1} << 16);
        while (bytes.size() < size) {
            const auto want = static_cast<std::size_t>(
                std::min<std::uint64_t>(chunk.size(), size - bytes.size()));
            const std::size_t got = read(chunk.data(), want);
            bytes.insert(
                bytes.end(), chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(got));
            if (got < want) {
                refuse(path_,
                       "its header promises " + std::to_string(size) +
                           " bytes of data, but it ends after " + std::to_string(bytes.size()));
            }
        }
        // Reading past the end also makes zlib compare the checksum.
        if (read(chunk.data(), 1) != 0) {
            refuse(path_, "more follows after the " + std::to_string(size) + " bytes of data");
        }
        return bytes;
    }

private:
    struct closer {
        void operator()(gzFile file) const { gzclose_r(file); }
    };

    /// Reads up to `size` bytes (at most 64 KiB here); fewer only at the end of the file.
    std::size_t read(std::uint8_t* to, std::size_t size) {
        const int got = gzread(file_.get(), to, static_cast<unsigned>(size));
        int code = Z_OK;
        const std::string message = gzerror(file_.get(), &code);
        if (code == Z_BUF_ERROR) refuse(path_, "its compressed data break off");
        if (code == Z_ERRNO) refuse(path_, std::strerror(errno));
        if (code < 0) {
            // zlib puts the path before its words; the path is in the sentence already.
            const std::string prefix = path_.string() + ": ";
            const bool named = message.compare(0, prefix.size(), prefix) == 0;
            refuse(path_,
                   "its compressed data are damaged (" +
                       (named ? message.substr(prefix.size()) : message) + ")");
        }
        return got > 0 ? static_cast<std::size_t>(got) : 0;
    }

    std::filesystem::path path_;
    std::uint64_t stored_ = 0;
    std::uint64_t header_ = 0;
    std::unique_ptr<gzFile_s, closer> file_;
};

/// The images of an IDX file as floats 0 to 1, row-major.
inline std::vector<float> read_images(const std::filesystem::path& path) {
    idx_file file(path);
    file.expect_magic(0x00000803, "images");
    const std::uint64_t count = file.word();
    const std::uint32_t height = file.word();
    const std::uint32_t width = file.word();
    if (height != image_side || width != image_side) {
        refuse(path,
               "its images are " + std::to_string(height) + " x " + std::to_string(width) +
                   " pixels, but 28 x 28 are needed");
    }
    if (count == 0) refuse(path, "it holds no images");
    // Below 2^32 * 784: no overflow.
    const std::vector<std::uint8_t> bytes = file.data(count * image_pixels);
    std::vector<float> images(bytes.size());
    std::transform(bytes.begin(), bytes.end(), images.begin(), [](std::uint8_t b) {
        return static_cast<float>(b) / 255.0F;
    });
    return images;
}

/// The labels of an IDX file, each 0 to 9.
inline std::vector<std::int64_t> read_labels(const std::filesystem::path& path) {
    idx_file file(path);
    file.expect_magic(0x00000801, "labels");
    const std::uint64_t count = file.word();
    if (count == 0) refuse(path, "it holds no labels");
    const std::vector<std::uint8_t> bytes = file.data(count);
    const auto bad =
        std::find_if(bytes.begin(), bytes.end(), [](std::uint8_t b) { return b >= class_count; });
    if (bad != bytes.end()) {
        refuse(path,
               "label " + std::to_string(bad - bytes.begin()) + " is " + std::to_string(*bad) +
                   ", but labels are 0 to 9");
    }
    return {bytes.begin(), bytes.end()};
}

/// The file of this name or, failing that, with ".gz" behind it; empty where there is neither.
inline std::filesystem::path find_idx(const std::filesystem::path& directory,
                                      const std::string& name) {
    std::error_code ignored;
    for (const char* ending : {"", ".gz"}) {
        std::filesystem::path path = directory / (name + ending);
        if (std::filesystem::exists(path, ignored)) return path;
    }
    return {};
}

/// Images and labels of "train" or "t10k".
inline labelled_images read_pair(const std::filesystem::path& directory, const std::string& part) {
    const auto path_of = [&](const std::string& name) {
        std::filesystem::path path = find_idx(directory, name);
        if (path.empty()) refuse(directory / name, "there is no such file, plain or with .gz");
        return path;
    };
    const std::filesystem::path images = path_of(part + "-images-idx3-ubyte");
    const std::filesystem::path labels = path_of(part + "-labels-idx1-ubyte");
    labelled_images r;
    r.labels = read_labels(labels);
    r.images = read_images(images);
    const std::size_t count = r.images.size() / image_pixels;
    if (count != r.labels.size()) {
        refuse(labels,
               "it holds " + std::to_string(r.labels.size()) + " labels, but " + images.string() +
                   " holds " + std::to_string(count) + " images");
    }
    return r;
}

}  // namespace detail

/// Reads the MNIST files of a directory: the train pair and the t10k pair, or the t10k pair alone,
/// whose first four fifths (8,000 of 10,000) then train. Throws io_error with one sentence that
/// names the file.
inline train_test load_mnist(const std::filesystem::path& directory) {
    std::error_code problem;
    const auto status = std::filesystem::status(directory, problem);
    if (status.type() == std::filesystem::file_type::not_found) {
        detail::refuse(directory, "there is no such directory");
    }
    if (!std::filesystem::is_directory(status)) {
        detail::refuse(directory, problem ? problem.message() : "it is not a directory");
    }
    const auto has = [&](const char* name) { return !detail::find_idx(directory, name).empty(); };
    if (has("train-images-idx3-ubyte") || has("train-labels-idx1-ubyte")) {
        return {detail::read_pair(directory, "train"), detail::read_pair(directory, "t10k")};
    }
    if (!has("t10k-images-idx3-ubyte") && !has("t10k-labels-idx1-ubyte")) {
        detail::refuse(directory,
                       "it holds neither train-images-idx3-ubyte nor t10k-images-idx3-ubyte, "
                       "plain or with .gz");
    }
    labelled_images all = detail::read_pair(directory, "t10k");
    const std::size_t train_rows = all.rows() * 4 / 5;
    if (train_rows == 0) {
        detail::refuse(directory, "one image is too few to split into training and test data");
    }
    return split(std::move(all), train_rows);
}

}  // namespace examples
