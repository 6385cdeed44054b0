// The race checker. The kernels' translation units are compiled with -fsanitize=thread and linked
// without libtsan: the calls that the compiler planted (race_hooks.cpp) and the engine's own land
// here, and are judged by the rules of CUDA.
#include "race.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <utility>

#include "race_clocks.hpp"
#include "race_shadow.hpp"

extern "C" const char __executable_start;

namespace sinter::emulator {

constinit bool race_is_watching = false;
static thread_local bool runs_kernels = false;

namespace {

// `where` of a stamp: an offset in the executable, or the index of a location; and two marks.
constexpr std::uint32_t atomic_mark = 1U << 31, location_mark = 1U << 30;
constexpr std::uint32_t read_only_mark = 1U << 29;  // in flight to check_cells only

enum class byte_state : unsigned char { outside, unwritten, written, in_flight };

struct arena_shadow {
    explicit arena_shadow(const unsigned char* p)
        : cells(p, arena_bytes), state(arena_bytes, byte_state::outside) {}
    shadow cells;
    std::vector<byte_state> state;
    std::size_t used = 0;
};

class checker final : public race_checker {
public:
    void launch_begin(unsigned fibers) override;
    void launch_end() override;
    void block_begin(const block& b) override;
    void array_begin(const block& b, const void* p, std::size_t bytes) override;
    void barrier(const block& b) override { clocks_.barrier(b); }
    void warp_barrier(const block& b, unsigned warp, unsigned mask) override {
        clocks_.warp_barrier(b, warp, mask);
    }
    void fence(const fiber& f) override { clocks_.fence(f); }
    void atomic(const fiber& f, const void* p, std::size_t bytes, location l) override {
        check(f, p, bytes, true, interned(l) | atomic_mark);
        clocks_.atomic(f, p);
    }
    void observe(const fiber& f, const void* p, std::size_t bytes, location l) override {
        check(f, p, bytes, false, interned(l) | atomic_mark);
        clocks_.observe(f, p);
    }
    void access(
        const fiber& f, const void* p, std::size_t bytes, access_kind kind, location l) override {
        const std::uint32_t mark = kind == access_kind::read_only ? read_only_mark : 0;
        check(f, p, bytes, kind == access_kind::store, interned(l) | mark);
    }
    void in_flight(const block& b, const void* p, std::size_t bytes, bool on) override;
    void allocated(const void* p, std::size_t bytes, std::size_t red_zone) override;
    void released(const void* p) override;

    void plain(const void* p, std::size_t bytes, bool write, const void* pc);

private:
    void check(const fiber& f, const void* p, std::size_t bytes, bool write, std::uint32_t where);
    void check_shared(
        const fiber& f, std::size_t at, std::size_t bytes, bool write, std::uint32_t w);
    void check_cells(const fiber& f,
                     shadow& s,
                     bool shared,
                     std::size_t at,
                     std::size_t bytes,
                     bool write,
                     std::uint32_t where);
    bool conflicts(const fiber& f, const stamp& past, bool shared, std::uint32_t where) const;
    void report_race(
        const fiber& f, const stamp& past, const char* kind, bool shared, std::uint32_t w);
    void report(const fiber& f, const char* what, std::uint32_t where);
    std::uint32_t interned(location l);
    std::string place_of(std::uint32_t where);
    shadow* find(const unsigned char* p);
    arena_shadow& arena_of(const block& b);

    clocks clocks_;
    std::vector<std::unique_ptr<arena_shadow>> arenas_;
    std::mutex mutex_;  // allocations may come from other threads of the host
    std::map<const unsigned char*, std::unique_ptr<shadow>> allocations_;
    std::size_t red_zone_ = 0;
    shadow* recent_[64] = {};
    std::set<std::pair<std::uint32_t, std::uint32_t>> seen_;
    std::set<std::pair<const char*, std::uint32_t>> noted_;
    std::map<std::pair<const char*, unsigned>, std::uint32_t> location_ids_;
    std::vector<location> locations_;
    std::pair<location, std::uint32_t> recent_locations_[256] = {};
    int symbolized_ = 0;
};

checker& instance() {
    static checker& c = *new checker;
    return c;
}

// ---- Launches, blocks, memory

void checker::launch_begin(unsigned fibers) {
    if (clocks_.next_id() > 1U << 31) {
        for (auto& [p, s] : allocations_) s->clear();
        for (auto& a : arenas_)
            if (a != nullptr) a->cells.clear();
        clocks_.restart_ids();
    }
    clocks_.begin_launch(fibers);
    seen_.clear();
    noted_.clear();
    symbolized_ = 0;
    std::memset(recent_, 0, sizeof recent_);
    race_is_watching = runs_kernels = true;
}
void checker::launch_end() { race_is_watching = runs_kernels = false; }

arena_shadow& checker::arena_of(const block& b) {
    if (arenas_.size() <= b.slot) arenas_.resize(b.slot + 1);
    auto& a = arenas_[b.slot];
    if (a == nullptr || a->cells.begin() != b.arena) a = std::make_unique<arena_shadow>(b.arena);
    return *a;
}
void checker::block_begin(const block& b) {
    arena_shadow& a = arena_of(b);
    std::fill_n(a.state.begin(), a.used, byte_state::outside);
    a.used = 0;
    for (const fiber* f : b.fibers) clocks_.begin_thread(*f);
}
void checker::array_begin(const block& b, const void* p, std::size_t bytes) {
    arena_shadow& a = arena_of(b);
    const auto at = static_cast<std::size_t>(static_cast<const unsigned char*>(p) - b.arena);
    std::fill_n(a.state.begin() + static_cast<std::ptrdiff_t>(at), bytes, byte_state::unwritten);
    a.used = at + bytes;
}
void checker::in_flight(const block& b, const void* p, std::size_t bytes, bool on) {
    const auto at = static_cast<const unsigned char*>(p) - b.arena;
    std::fill_n(
        arena_of(b).state.begin() + at, bytes, on ? byte_state::in_flight : byte_state::written);
}
void checker::allocated(const void* p, std::size_t bytes, std::size_t red_zone) {
    const std::lock_guard lock(mutex_);
    const auto* q = static_cast<const unsigned char*>(p);
    red_zone_ = red_zone;
    allocations_[q] = std::make_unique<shadow>(q, bytes);
}
void checker::released(const void* p) {
    const std::lock_guard lock(mutex_);
    std::memset(recent_, 0, sizeof recent_);
    allocations_.erase(static_cast<const unsigned char*>(p));
}
// The allocation whose memory or red zones hold p.
shadow* checker::find(const unsigned char* p) {
    const auto holds = [&](const shadow* s) {
        return s != nullptr && p + red_zone_ >= s->begin() &&
               p < s->begin() + s->bytes() + red_zone_;
    };
    const std::lock_guard lock(mutex_);
    shadow*& recent = recent_[reinterpret_cast<std::uintptr_t>(p) >> 12 & 63U];
    if (holds(recent)) return recent;
    auto it = allocations_.upper_bound(p + red_zone_);
    if (it == allocations_.begin()) return nullptr;
    shadow* s = (--it)->second.get();
    if (!holds(s)) return nullptr;
    return recent = s;
}

// ---- Verdicts

bool checker::conflicts(const fiber& f, const stamp& past, bool shared, std::uint32_t where) const {
    if (past.segment == 0 || !clocks_.is_live(past.segment)) return false;
    if ((past.where & where & atomic_mark) != 0) return false;
    const segment& s = clocks_.at(past.segment);
    if (shared && s.block != f.home->id) return false;  // the arena's earlier tenant
    return !clocks_.happened_before(s, f);
}
void checker::check_cells(const fiber& f,
                          shadow& s,
                          bool shared,
                          std::size_t at,
                          std::size_t bytes,
                          bool write,
                          std::uint32_t where) {
    const bool read_only = (where & read_only_mark) != 0;
    where &= ~read_only_mark;
    const stamp mine{clocks_.current_segment(f), where};
    cell* c = s.cells(at, at + bytes);
    cell* const end = c + (bytes + s.unit() - 1) / s.unit();
    for (; c != end; ++c) {
        if (read_only && c->writer.segment != 0 && clocks_.is_live(c->writer.segment))
            report(f, "a read-only load of what this kernel wrote", where);
        if (conflicts(f, c->writer, shared, where))
            report_race(
                f, c->writer, write ? "write after write" : "read after write", shared, where);
        if (write) {
            for (const stamp& r : c->readers) {
                if (!conflicts(f, r, shared, where)) continue;
                report_race(f, r, "write after read", shared, where);
                break;
            }
            *c = {mine, {}};
            continue;
        }
        stamp* slot = nullptr;
        for (stamp& r : c->readers)
            if (slot == nullptr && !conflicts(f, r, shared, 0)) slot = &r;
        *(slot != nullptr ? slot : &c->readers[1]) = mine;
    }
}
void checker::check_shared(
    const fiber& f, std::size_t at, std::size_t bytes, bool write, std::uint32_t where) {
    arena_shadow& a = arena_of(*f.home);
    for (std::size_t i = at; i < at + bytes; ++i) {
        byte_state& state = a.state[i];
        if (state == byte_state::outside)
            return report(f, "an access outside every array of shared memory", where);
        if (state == byte_state::in_flight)
            return report(f,
                          write ? "a write to the target of a cp_async under way"
                                : "a read of the target of a cp_async before its wait",
                          where);
        if (!write && state == byte_state::unwritten)
            return report(f, "a read of shared memory that was never written", where);
        if (write) state = byte_state::written;
    }
    check_cells(f, a.cells, true, at, bytes, write, where);
}
void checker::check(
    const fiber& f, const void* address, std::size_t bytes, bool write, std::uint32_t where) {
    const auto* p = static_cast<const unsigned char*>(address);
    if (in_arena(*f.home, p, bytes)) {
        ++stats().checked;
        check_shared(f, static_cast<std::size_t>(p - f.home->arena), bytes, write, where);
        return;
    }
    shadow* s = find(p);
    if (s == nullptr) return;
    ++stats().checked;
    if (p < s->begin() || p + bytes > s->begin() + s->bytes())
        return report(f, "an access outside an allocation", where & ~read_only_mark);
    check_cells(f, *s, false, static_cast<std::size_t>(p - s->begin()), bytes, write, where);
}
void checker::plain(const void* address, std::size_t bytes, bool write, const void* pc) {
    if (!runs_kernels) return;
    const engine& e = the();
    const auto* p = static_cast<const unsigned char*>(address);
    const auto* stacks = reinterpret_cast<const unsigned char*>(e.stacks);
    if (e.self == &e.host || (p >= stacks && p < stacks + e.stacks_bytes)) return;
    const fiber& f = *e.self;
    const bool announced = p >= f.announced && p + bytes <= f.announced + f.announced_bytes;
    if (!announced) {
        if (!in_arena(*f.home, p, bytes) && find(p) != nullptr) ++stats().uncounted;
        const auto offset = static_cast<const char*>(pc) - &__executable_start;
        check(f, p, bytes, write, static_cast<std::uint32_t>(offset) & (read_only_mark - 1));
    }
    maybe_preempt();
}

// ---- Words

std::uint32_t checker::interned(location l) {
    auto& [known, id] =
        recent_locations_[(reinterpret_cast<std::uintptr_t>(l.file) + l.line) % 256];
    if (known.file == l.file && known.line == l.line) return id;
    const auto [it, fresh] = location_ids_.emplace(std::pair{l.file, l.line},
                                                   static_cast<std::uint32_t>(locations_.size()));
    if (fresh) locations_.push_back(l);
    known = l;
    return id = it->second | location_mark;
}
std::string checker::place_of(std::uint32_t where) {
    where &= ~atomic_mark;
    if ((where & location_mark) != 0) return place(locations_[where & ~location_mark]);
    const std::string raw = printed("code at +0x%x", where);
    // addr2line reads all debugging information each time, so only the first few are looked up.
    if (!the().wanted.symbolize || symbolized_++ >= 4) return raw;
    char executable[4096] = {};
    if (readlink("/proc/self/exe", executable, sizeof executable - 1) <= 0) return raw;
    FILE* lines = popen(
        printed("addr2line -i -s -e '%s' 0x%x 2>/dev/null", executable, where - 1).c_str(), "r");
    if (lines == nullptr) return raw;
    // Innermost first: the frames in the library's own wrappers say little.
    std::string found;
    char line[512];
    while (std::fgets(line, sizeof line, lines) != nullptr) {
        line[std::strcspn(line, " \n")] = 0;
        found += (found.empty() ? "" : " called at ") + std::string(line);
    }
    pclose(lines);
    return found.empty() || found[0] == '?' ? raw : found;
}
void checker::report(const fiber& f, const char* what, std::uint32_t where) {
    if (!noted_.emplace(what, where).second) return;
    record("memory: " + std::string(what) + " by " + thread_name(f) + " at " + place_of(where) +
           ".");
}
void checker::report_race(
    const fiber& f, const stamp& past, const char* kind, bool shared, std::uint32_t where) {
    if (!seen_.emplace(past.where, where).second) return;
    const segment& s = clocks_.at(past.segment);
    record("race: " + std::string(kind) + " in " + (shared ? "shared" : "global") +
           " memory: " + thread_name(f) + " at " + place_of(where) + " is not ordered after " +
           thread_name(s.block, s.linear) + " at " + place_of(past.where) + ".");
}

[[gnu::constructor]] void install() { race = &instance(); }

}  // namespace

void race_access(const void* p, std::size_t bytes, bool write, const void* pc) {
    instance().plain(p, bytes, write, pc);
}

}  // namespace sinter::emulator
