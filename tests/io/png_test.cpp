// Pictures: what is written is what libpng reads, and a contact sheet has every image in its place.
#include <sinter/io/png.hpp>

#include "tensor/support.hpp"

namespace {

namespace sn = sinter;
namespace io = sinter::io;
namespace fs = std::filesystem;
using sn::device;
using sn::int64;
using tensor_test::error_of;

io::image_bytes read_back(const fs::path& path) {
    png_image header{};
    header.version = PNG_IMAGE_VERSION;
    REQUIRE(png_image_begin_read_from_file(&header, path.c_str()) != 0);
    const bool colour = (header.format & PNG_FORMAT_FLAG_COLOR) != 0;
    header.format = colour ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
    io::image_bytes r{header.width, header.height, colour ? 3 : 1, {}};
    r.bytes.resize(PNG_IMAGE_SIZE(header));
    REQUIRE(png_image_finish_read(&header, nullptr, r.bytes.data(), 0, nullptr) != 0);
    return r;
}

}  // namespace

TEST_CASE("a picture is read back as it was written") {
    const fs::path path =
        fs::temp_directory_path() / ("sinter-" + std::to_string(::getpid()) + ".png");
    for (const device d : tensor_test::devices()) {
        // Grey from numbers: what lies outside 0 to 1 is cut off.
        const std::vector<float> grey{-1, 0, 0.25F, 0.5F, 1, 7, NAN, 0.999F};
        const auto x = sn::from(grey, sn::shape{2, 4}, d);
        io::write_png(path, x);
        auto r = read_back(path);
        CHECK(r.width == 4);
        CHECK(r.height == 2);
        CHECK(r.channels == 1);
        CHECK(r.bytes == std::vector<unsigned char>{0, 0, 64, 128, 255, 255, 0, 255});
        // A view, in another order.
        io::write_png(path, sn::transpose(x));
        CHECK(read_back(path).bytes == std::vector<unsigned char>{0, 255, 0, 255, 64, 0, 128, 255});
    }
    std::vector<sn::uint8> colours(5 * 3 * 3);
    for (std::size_t i = 0; i < colours.size(); ++i) colours[i] = static_cast<sn::uint8>(5 * i);
    io::write_png(path, sn::from(colours, sn::shape{5, 3, 3}, device::host()));
    const auto r = read_back(path);
    CHECK(r.channels == 3);
    CHECK(r.width == 3);
    CHECK(r.bytes == std::vector<unsigned char>(colours.begin(), colours.end()));
    fs::remove(path);
    const sn::tensor<float, 3> two = sn::zeros<float>(4, 4, 2).to(device::host());
    CHECK(
        error_of([&] { io::write_png(path, two); }) ==
        "pixels: an array of shape (4, 4, 2) is no image: (height, width), or with 1 or 3 channels "
        "as the last axis.");
    const sn::tensor<float, 2> one = sn::ones<float>(1, 1).to(device::host());
    CHECK(error_of([&] { io::write_png("/nowhere/at/all.png", one); }) ==
          "Writing /nowhere/at/all.png failed: No such file or directory.");
    CHECK(!fs::exists(path));
}

TEST_CASE("a contact sheet has every image in its place") {
    const device host = device::host();
    for (const int64 n : {1, 4, 5, 7})
        for (const int64 columns : {0, 1, 3, 9})
            for (const int64 gap : {0, 1, 2}) {
                std::vector<float> v;
                for (int64 i = 0; i < n * 6; ++i) v.push_back(static_cast<float>(i));
                const auto sheet =
                    io::image_grid(sn::from(v, sn::shape{n, int64{2}, int64{3}}, host),
                                   {.columns = columns, .gap = gap, .background = 0.2});
                const int64 wide = std::min(n,
                                            columns  ? columns
                                            : n == 1 ? int64{1}
                                            : n == 4 ? int64{2}
                                                     : int64{3});
                const int64 high = (n + wide - 1) / wide;
                CHECK(sheet.extents() == sn::shape{high * (2 + gap) + gap, wide * (3 + gap) + gap});
                double sum = 0;
                for (int64 k = 0; k < n; ++k)
                    for (int64 i = 0; i < 2; ++i)
                        for (int64 j = 0; j < 3; ++j) {
                            const int64 row = k / wide * (2 + gap) + gap + i;
                            const int64 column = k % wide * (3 + gap) + gap + j;
                            REQUIRE(sheet(row, column) == static_cast<float>(k * 6 + i * 3 + j));
                            sum += static_cast<double>(k * 6 + i * 3 + j);
                        }
                double all = 0;
                for (int64 i = 0; i < sheet.size(); ++i)
                    all += static_cast<double>(sheet.data()[i]);
                CHECK(all ==
                      doctest::Approx(sum + 0.2 * static_cast<double>(sheet.size() - 6 * n)));
            }
    const sn::tensor<sn::uint8, 4> coloured =
        sn::full<sn::uint8>(sn::shape<4>{3, 2, 2, 3}, sn::uint8{7}, host);
    const auto sheet = io::image_grid(coloured, {.columns = 2, .gap = 1});
    CHECK(sheet.extents() == sn::shape{7, 7, 3});
    CHECK(sheet(0, 0, 0) == 255);
    CHECK(sheet(1, 1, 2) == 7);
    CHECK(sheet(4, 4, 0) == 255);
    CHECK(
        error_of([] { io::image_grid(sn::tensor<float, 3>(sn::zeros<float>(0, 2, 2))); }) ==
        "image_grid: an array of shape (0, 2, 2) is no list of images: (n, height, width), or with "
        "1 or 3 channels as the last axis.");
}
