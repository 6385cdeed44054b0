// IDX, the format of MNIST. Nothing that a file says is believed before it is checked, and no more
// is allocated than the file turns out to hold.
#pragma once

#include <vector>

#include "sinter/io/array.hpp"
#include "sinter/io/file.hpp"

namespace sinter::io {

/// An IDX file whose header has been read: plain, or gzip with <sinter/io/gzip.hpp>. All members
/// throw io_error, which names the file.
class idx_reader {
public:
    explicit idx_reader(const std::filesystem::path& path)
        : path_(path), source_(open_source(path)) {
        magic_ = word();
        if (magic_ >> 16 != 0 || !known(magic_ >> 8 & 0xff))
            refuse(path_,
                   "it begins with " + hexadecimal(magic_) +
                       ", but an IDX file begins with two zeros, a type from 8 to 14 and its rank");
        for (uint32 i = magic_ & 0xff; i > 0; --i) extents_.push_back(word());
    }

    /// The first four bytes: type and rank, 0x00000803 for images of bytes.
    uint32 magic() const { return magic_; }
    dtype type() const { return types[(magic_ >> 8 & 0xff) - 8]; }
    /// As the header says: not yet checked against the size of the file.
    const std::vector<int64>& extents() const { return extents_; }
    /// Throws unless the file begins with `magic`; `what` says what that stands for.
    void expect(uint32 magic, const char* what) const {
        if (magic_ != magic)
            refuse(path_,
                   "it begins with " + hexadecimal(magic_) + ", but an IDX file of " + what +
                       " begins with " + hexadecimal(magic));
    }

    /// The elements, in host memory. To be called once.
    array read() {
        uint64 size = static_cast<uint64>(size_of(type()));
        bool fits = true;
        for (const int64 e : extents_) fits = fits && multiply(size, static_cast<uint64>(e), size);
        if (!fits) refuse(path_, "its header promises 2^63 bytes of data or more");
        const uint64 most = source_->is_plain() ? source_->most() - header_ : source_->most();
        if (size > most)
            refuse(path_,
                   promise(size) + "it holds " + (source_->is_plain() ? "" : "at most ") +
                       std::to_string(most));
        std::vector<unsigned char> bytes;
        // What is compressed may be far less than the header says: it grows with what comes.
        constexpr uint64 step = uint64{1} << 22;
        while (bytes.size() < size) {
            const std::size_t before = bytes.size();
            const auto want = static_cast<std::size_t>(std::min(step, size - before));
            bytes.resize(before + want);
            const std::size_t got = source_->read(bytes.data() + before, want);
            if (got < want)
                refuse(path_, promise(size) + "it ends after " + std::to_string(before + got));
        }
        // Reading past the end also compares the checksum of compressed data.
        char more = 0;
        if (source_->read(&more, 1) != 0)
            refuse(path_, "more follows after the " + std::to_string(size) + " bytes of data");
        array r(runtime::allocate(device::host(), bytes.size()), type(), extents_);
        copy_reversed(r.data(), bytes);
        return r;
    }
    const std::filesystem::path& path() const { return path_; }

private:
    static constexpr dtype types[] = {
        dtype::u8, dtype::i8, dtype::u8, dtype::i16, dtype::i32, dtype::f32, dtype::f64};
    static bool known(uint32 code) { return code >= 8 && code <= 14 && code != 10; }
    static std::string hexadecimal(uint32 value) {
        std::string s = "0x";
        for (int shift = 28; shift >= 0; shift -= 4)
            s += "0123456789abcdef"[(value >> shift) & 15U];
        return s;
    }
    static std::string promise(uint64 size) {
        return "its header promises " + std::to_string(size) + " bytes of data, but ";
    }
    uint32 word() {
        unsigned char b[4]{};
        const std::size_t got = source_->read(b, 4);
        header_ += got;
        if (got != 4)
            refuse(path_, "it ends after " + std::to_string(header_) + " bytes, in its header");
        return uint32{b[0]} << 24 | uint32{b[1]} << 16 | uint32{b[2]} << 8 | uint32{b[3]};
    }
    // The file's numbers have their largest byte first.
    void copy_reversed(void* to, const std::vector<unsigned char>& from) const {
        const auto width = static_cast<std::size_t>(size_of(type()));
        auto* const out = static_cast<unsigned char*>(to);
        for (std::size_t i = 0; i < from.size(); i += width)
            for (std::size_t k = 0; k < width; ++k) out[i + k] = from[i + width - 1 - k];
    }

    std::filesystem::path path_;
    std::unique_ptr<source> source_;
    uint32 magic_ = 0;
    uint64 header_ = 0;
    std::vector<int64> extents_;
};

/// The array of an IDX file (uint8, int8, int16, int32, float or double), in host memory. Throws
/// io_error, which names the file and what is wrong.
inline array read_idx(const std::filesystem::path& path) { return idx_reader(path).read(); }

/// The file of this name in `folder` or, failing that, with ".gz" behind it; empty where there is
/// neither.
inline std::filesystem::path find_idx(const std::filesystem::path& folder,
                                      const std::string& name) {
    std::error_code ignored;
    for (const char* ending : {"", ".gz"}) {
        std::filesystem::path path = folder / (name + ending);
        if (std::filesystem::exists(path, ignored)) return path;
    }
    return {};
}

}  // namespace sinter::io
