/// Pictures as PNG files. It needs libpng (CMake: the component png).
#pragma once

#include <png.h>

#include "sinter/io/file.hpp"
#include "sinter/io/image.hpp"

namespace sinter::io {

/// Writes an image of shape (height, width), (height, width, 1) or (height, width, 3), from any
/// device, as a PNG file of 8 bits a channel: uint8 as they are, floating types from 0 to 1, cut
/// off outside. At any moment there is the old file or the whole new one. Throws shape_error for
/// other shapes, io_error when it cannot be written.
template <element T, int R, class B = backend>
void write_png(const std::filesystem::path& path, const tensor<T, R>& x) {
    const image_bytes from = pixels<T, R, B>(x);
    png_image header{};
    header.version = PNG_IMAGE_VERSION;
    header.width = static_cast<png_uint_32>(from.width);
    header.height = static_cast<png_uint_32>(from.height);
    header.format = from.channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
    std::string text;
    png_alloc_size_t size = 0;
    // The first call computes the size alone.
    const auto encode = [&] {
        return png_image_write_to_memory(&header,
                                         text.empty() ? nullptr : text.data(),
                                         &size,
                                         0,
                                         from.bytes.data(),
                                         static_cast<png_int_32>(from.width * from.channels),
                                         nullptr) != 0;
    };
    bool good = from.width < 0x7fff'ffff / 3 && from.height < 0x7fff'ffff && encode();
    if (good) {
        text.resize(size);
        good = encode();
    }
    if (!good) {
        const std::string why = header.message;
        png_image_free(&header);
        refuse_write(path, why.empty() ? "the image is too large for PNG" : "libpng says: " + why);
    }
    write_file(path, [&](auto put) { put(text.data(), size); });
}

}  // namespace sinter::io
