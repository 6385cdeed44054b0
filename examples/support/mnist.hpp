// Reads MNIST-like data: IDX files, plain or gzip.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "dataset.hpp"
#include "sinter/io/gzip.hpp"
#include "sinter/io/idx.hpp"

namespace examples {
namespace detail {

using sinter::io::refuse;

/// The bytes of an IDX file that has been read.
inline std::vector<std::uint8_t> bytes_of(sinter::io::idx_reader& file) {
    const sinter::io::array a = file.read();
    const auto* const first = static_cast<const std::uint8_t*>(a.data());
    return {first, first + a.bytes()};
}

/// The images of an IDX file as floats 0 to 1, row-major.
inline std::vector<float> read_images(const std::filesystem::path& path) {
    sinter::io::idx_reader file(path);
    file.expect(0x00000803, "images");
    const std::vector<std::int64_t>& extents = file.extents();
    if (extents[1] != image_side || extents[2] != image_side) {
        refuse(path,
               "its images are " + std::to_string(extents[1]) + " x " + std::to_string(extents[2]) +
                   " pixels, but 28 x 28 are needed");
    }
    if (extents[0] == 0) refuse(path, "it holds no images");
    const std::vector<std::uint8_t> bytes = bytes_of(file);
    std::vector<float> images(bytes.size());
    std::transform(bytes.begin(), bytes.end(), images.begin(), [](std::uint8_t b) {
        return static_cast<float>(b) / 255.0F;
    });
    return images;
}

/// The labels of an IDX file, each 0 to 9.
inline std::vector<std::int64_t> read_labels(const std::filesystem::path& path) {
    sinter::io::idx_reader file(path);
    file.expect(0x00000801, "labels");
    if (file.extents()[0] == 0) refuse(path, "it holds no labels");
    const std::vector<std::uint8_t> bytes = bytes_of(file);
    const auto bad =
        std::find_if(bytes.begin(), bytes.end(), [](std::uint8_t b) { return b >= class_count; });
    if (bad != bytes.end()) {
        refuse(path,
               "label " + std::to_string(bad - bytes.begin()) + " is " + std::to_string(*bad) +
                   ", but labels are 0 to 9");
    }
    return {bytes.begin(), bytes.end()};
}

/// Images and labels of "train" or "t10k".
inline labelled_images read_pair(const std::filesystem::path& directory, const std::string& part) {
    const auto path_of = [&](const std::string& name) {
        std::filesystem::path path = sinter::io::find_idx(directory, name);
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
    const auto has = [&](const char* name) {
        return !sinter::io::find_idx(directory, name).empty();
    };
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
