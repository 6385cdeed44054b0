// Files: reading whole ones with their size known, and replacing them without ever leaving half of
// one.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "sinter/core/error.hpp"
#include "sinter/core/types.hpp"

namespace sinter::io {

/// Throws io_error: "Reading <path> failed: <why>."
[[noreturn, gnu::cold]] inline void refuse(const std::filesystem::path& path,
                                           const std::string& why) {
    throw io_error("Reading " + path.string() + " failed: " + why + ".");
}
[[noreturn, gnu::cold]] inline void refuse_write(const std::filesystem::path& path,
                                                 const std::string& why) {
    throw io_error("Writing " + path.string() + " failed: " + why + ".");
}

/// a * b into `r`; false when that is 2^63 or more.
inline bool multiply(uint64 a, uint64 b, uint64& r) {
    return !__builtin_mul_overflow(a, b, &r) && r < uint64{1} << 63;
}

namespace detail {

/// A file descriptor that is closed at the end.
class descriptor {
public:
    explicit descriptor(int fd) : fd_(fd) {}
    ~descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;
    int get() const { return fd_; }
    /// Closes it now; false when that reports a failure.
    bool close() { return ::close(std::exchange(fd_, -1)) == 0; }

private:
    int fd_;
};

}  // namespace detail

/// Bytes in order, from a file or from what decompresses one.
class source {
public:
    virtual ~source() = default;
    /// Reads up to `size` bytes; fewer only at the end.
    virtual std::size_t read(void* to, std::size_t size) = 0;
    /// No more bytes than this can come.
    virtual uint64 most() const = 0;
    /// True when exactly `most()` bytes come.
    virtual bool is_plain() const = 0;
};

/// The bytes of a regular file. Its size is known before anything is read.
class file_source final : public source {
public:
    explicit file_source(const std::filesystem::path& path)
        : path_(path), file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
        if (file_.get() < 0) refuse(path, std::strerror(errno));
        struct stat s {};
        if (::fstat(file_.get(), &s) != 0) refuse(path, std::strerror(errno));
        if (!S_ISREG(s.st_mode)) refuse(path, "it is not a regular file");
        size_ = static_cast<uint64>(s.st_size);
    }
    uint64 most() const override { return size_; }
    bool is_plain() const override { return true; }
    std::size_t read(void* to, std::size_t size) override {
        std::size_t got = 0;
        while (got < size) {
            const ssize_t n = ::read(file_.get(), static_cast<char*>(to) + got, size - got);
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) refuse(path_, std::strerror(errno));
            if (n == 0) break;
            got += static_cast<std::size_t>(n);
        }
        return got;
    }
    /// Reads `size` bytes from byte `at` on, which must be there.
    void read_at(void* to, std::size_t size, uint64 at) {
        std::size_t got = 0;
        while (got < size) {
            const ssize_t n = ::pread(file_.get(),
                                      static_cast<char*>(to) + got,
                                      size - got,
                                      static_cast<off_t>(at + got));
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) refuse(path_, std::strerror(errno));
            if (n == 0) refuse(path_, "it became shorter while it was read");
            got += static_cast<std::size_t>(n);
        }
    }
    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
    detail::descriptor file_;
    uint64 size_ = 0;
};

/// What opens a gzip file; null until <sinter/io/gzip.hpp> is included in one file of the program.
using open_source_function = std::unique_ptr<source> (*)(const std::filesystem::path&);
inline constinit open_source_function open_gzip = nullptr;

/// The bytes of a file, decompressed if it is a gzip file.
inline std::unique_ptr<source> open_source(const std::filesystem::path& path) {
    auto plain = std::make_unique<file_source>(path);
    unsigned char magic[2]{};
    if (plain->most() < 18) return plain;  // too short for gzip
    plain->read_at(magic, 2, 0);
    if (magic[0] != 0x1f || magic[1] != 0x8b) return plain;
    if (!open_gzip)
        refuse(path,
               "it is compressed, and this program was built without gzip: include "
               "<sinter/io/gzip.hpp> in one of its files and link sinter::gzip");
    return open_gzip(path);
}

/// Writes a file so that at any moment there is the old one or the whole new one: into a temporary
/// file beside it, to the disk, then under its name. `write(put)` calls put(data, bytes) in order.
/// Throws io_error; the old file is then as it was, and the temporary one is gone.
template <class F>
void write_file(const std::filesystem::path& path, F write) {
    static std::atomic<int> number{0};
    const std::string temporary =
        path.string() + ".part-" + std::to_string(::getpid()) + "-" + std::to_string(number++);
    detail::descriptor file(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (file.get() < 0) refuse_write(path, std::strerror(errno));
    try {
        write([&](const void* data, std::size_t bytes) {
            const auto* from = static_cast<const char*>(data);
            while (bytes > 0) {
                const ssize_t n = ::write(file.get(), from, bytes);
                if (n < 0 && errno == EINTR) continue;
                if (n < 0) refuse_write(path, std::strerror(errno));
                from += n;
                bytes -= static_cast<std::size_t>(n);
            }
        });
        if (::fsync(file.get()) != 0 || !file.close() ||
            ::rename(temporary.c_str(), path.c_str()) != 0)
            refuse_write(path, std::strerror(errno));
    } catch (...) {
        ::unlink(temporary.c_str());
        throw;
    }
    // That the name is the new file's must reach the disk as well; where a folder cannot be
    // synchronised, the file system does so when it likes.
    const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
    const detail::descriptor parent(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (parent.get() >= 0) ::fsync(parent.get());
}

}  // namespace sinter::io
