// The shadow of a piece of memory: who wrote and who read each unit of it last.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sinter::emulator {

/// One access: the segment of the thread that made it, and where in the program.
struct stamp {
    std::uint32_t segment = 0, where = 0;
};
/// The last write, and two readers since. Further unordered readers are dropped: that may miss a
/// race, and never invents one.
struct cell {
    stamp writer, readers[2];
};

/// Cells for the units of [p, p + bytes). A unit starts as large as the first access (up to 16
/// bytes) and is split when a smaller one comes, so that float arrays do not pay for bool arrays.
class shadow {
public:
    shadow(const unsigned char* p, std::size_t bytes) : begin_(p), bytes_(bytes) {}
    ~shadow();
    shadow(const shadow&) = delete;
    shadow& operator=(const shadow&) = delete;

    const unsigned char* begin() const { return begin_; }
    std::size_t bytes() const { return bytes_; }
    /// The cells of bytes [first, last) of the memory, as a range; each covers `unit()` bytes.
    cell* cells(std::size_t first, std::size_t last);
    std::size_t unit() const { return unit_; }
    /// Forgets everything.
    void clear();

private:
    void split(std::size_t unit);
    void drop();
    std::size_t count() const { return (bytes_ + unit_ - 1) / unit_; }

    const unsigned char* begin_;
    std::size_t bytes_;
    std::size_t unit_ = 0;  // 0: no access yet
    cell* cells_ = nullptr;
};

}  // namespace sinter::emulator
