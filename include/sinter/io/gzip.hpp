/// Lets the readers of sinter/io take gzip files: include it in one file of the program and link
/// sinter::gzip (zlib).
#pragma once

#include <zlib.h>

#include "sinter/io/file.hpp"

namespace sinter::io {

/// The bytes of a gzip file, decompressed. Its checksum is compared at the end.
class gzip_source final : public source {
public:
    explicit gzip_source(const std::filesystem::path& path) : path_(path) {
        stored_ = file_source(path).most();
        errno = 0;
        file_.reset(::gzopen(path.c_str(), "rb"));
        if (!file_) refuse(path, errno ? std::strerror(errno) : "zlib is out of memory");
    }
    // Deflate gains a factor of 1032 at most.
    uint64 most() const override { return stored_ < ~uint64{0} / 1032 ? stored_ * 1032 : stored_; }
    bool is_plain() const override { return false; }
    std::size_t read(void* to, std::size_t size) override {
        std::size_t got = 0;
        while (got < size) {
            const auto want =
                static_cast<unsigned>(std::min<std::size_t>(size - got, std::size_t{1} << 30));
            const int n = ::gzread(file_.get(), static_cast<char*>(to) + got, want);
            check();
            if (n <= 0) break;
            got += static_cast<std::size_t>(n);
        }
        return got;
    }

private:
    struct closer {
        void operator()(gzFile file) const { ::gzclose_r(file); }
    };
    void check() {
        int code = Z_OK;
        const std::string message = ::gzerror(file_.get(), &code);
        if (code == Z_BUF_ERROR) refuse(path_, "its compressed data break off");
        if (code == Z_ERRNO) refuse(path_, std::strerror(errno));
        if (code >= 0) return;
        // zlib puts the path before its words; the path is in the sentence already.
        const std::string prefix = path_.string() + ": ";
        const bool named = message.compare(0, prefix.size(), prefix) == 0;
        refuse(path_,
               "its compressed data are damaged (" +
                   (named ? message.substr(prefix.size()) : message) + ")");
    }

    std::filesystem::path path_;
    uint64 stored_ = 0;
    std::unique_ptr<gzFile_s, closer> file_;
};

namespace detail {

inline const bool gzip_installed = (
    open_gzip = [](const std::filesystem::path& path) -> std::unique_ptr<source> {
        return std::make_unique<gzip_source>(path);
    },
    true);

}  // namespace detail
}  // namespace sinter::io
