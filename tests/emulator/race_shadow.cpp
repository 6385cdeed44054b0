#include "race_shadow.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>

namespace sinter::emulator {

// Zero pages until they are touched.
static cell* reserve_cells(std::size_t n) {
    void* p = mmap(nullptr,
                   n * sizeof(cell),
                   PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1,
                   0);
    if (p == MAP_FAILED) std::abort();
    return static_cast<cell*>(p);
}

void shadow::drop() {
    if (cells_ != nullptr) munmap(cells_, count() * sizeof(cell));
    cells_ = nullptr;
}
shadow::~shadow() { drop(); }
void shadow::clear() {
    drop();
    unit_ = 0;
}
void shadow::split(std::size_t unit) {
    cell* old = cells_;
    const std::size_t old_count = unit_ == 0 ? 0 : count(), parts = unit_ == 0 ? 1 : unit_ / unit;
    unit_ = unit;
    cells_ = reserve_cells(count());
    for (std::size_t i = 0; i < old_count; ++i) {
        const cell& c = old[i];
        if (c.writer.segment == 0 && c.readers[0].segment == 0 && c.readers[1].segment == 0)
            continue;
        const std::size_t last = std::min(count(), (i + 1) * parts);
        std::fill(cells_ + i * parts, cells_ + last, c);
    }
    if (old != nullptr) munmap(old, old_count * sizeof(cell));
}
cell* shadow::cells(std::size_t first, std::size_t last) {
    // The largest power of two, up to 16, that divides both ends.
    const std::size_t ends = first | last | 16;
    const std::size_t wanted = ends & ~(ends - 1);
    if (unit_ == 0 || wanted < unit_) split(wanted);
    return cells_ + first / unit_;
}

}  // namespace sinter::emulator
