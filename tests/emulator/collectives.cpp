// Block barriers and what the lanes of a warp do together.
#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "internal.hpp"

namespace sinter::emulator {

// ---- The block barrier

void complete_barrier(block& b) {
    ++b.epoch;
    ++stats().barriers;
    for (warp_state& w : b.warps) finish_groups(w);
    if (race != nullptr) race->barrier(b);
    release_all(b.at_barrier);
}
static void barrier(const char* kind, location l) {
    engine& e = the();
    fiber& f = *e.self;
    block& b = *f.home;
    if (e.wanted.strict_exit && b.live != b.threads)
        fail("barrier: " + thread_name(f) + " waits at the block barrier at " + place(l) +
             ", but " + std::to_string(b.threads - b.live) +
             " threads of its block have left the kernel.");
    if (b.at_barrier.empty()) {
        b.barrier_site = l;
        b.barrier_kind = kind;
    } else if (e.wanted.strict_site && (b.barrier_site.line != l.line || b.barrier_kind != kind)) {
        fail("barrier: divergent block barrier: " + thread_name(f) + " is at " + place(l) +
             " while others wait at " + place(b.barrier_site) + ".");
    }
    b.at_barrier.push_back(&f);
    if (b.at_barrier.size() < b.live) {
        wait_here(kind, l);
        return;
    }
    // The last to arrive queues with the rest, so that the policy decides who goes first.
    f.state = fiber_state::waiting;
    b.votes[b.epoch & 1U] = b.vote;
    complete_barrier(b);
    yield_to_next();
}
void sync_block(location l) { barrier("sync_block", l); }
bool sync_block_or(bool predicate, location l) {
    block& b = *the().self->home;
    if (b.at_barrier.empty()) b.vote = false;
    b.vote |= predicate;
    // Two results, because a thread is at most one barrier ahead of another.
    const bool& outcome = b.votes[b.epoch & 1U];
    barrier("sync_block_or", l);
    return outcome;
}

// ---- Meetings of lanes

[[noreturn]] static void mismatch(const char* kind, const std::string& why, location l) {
    fail(std::string(kind) + ": " + why + ", " + thread_name(*the().self) + " at " + place(l) +
         ".");
}
// The meeting that the calling lane joins or opens. A lane that others wait for may meet fewer
// lanes first, but not one of those who wait: neither would ever go on.
static meeting& find_meeting(warp_state& w, unsigned mask, const char* kind, location l) {
    const unsigned me = 1U << the().self->info.lane;
    meeting* unused = nullptr;
    for (meeting& m : w.meetings) {
        if (!m.open) {
            unused = &m;
            continue;
        }
        if ((m.mask & me) == 0 || (m.arrived & mask) == 0) continue;
        if (m.mask != mask || m.kind != kind)
            mismatch(
                kind,
                printed("mask %08x does not fit the %s of mask %08x that other lanes wait in at ",
                        mask,
                        m.kind,
                        m.mask) +
                    place(m.where),
                l);
        if (the().wanted.strict_site && m.where.line != l.line)
            mismatch(kind, "other lanes of the mask wait in another call, at " + place(m.where), l);
        return m;
    }
    if (unused == nullptr)
        mismatch(kind, "more than 8 groups of lanes of one warp wait at the same time", l);
    unused->open = true;
    unused->mask = mask;
    unused->arrived = 0;
    unused->kind = kind;
    unused->where = l;
    return *unused;
}
// Calls `work(payloads, mask, warp)` once every lane of the mask is here.
template <class F>
static void meet(const char* kind, unsigned mask, void* payload, location l, F work) {
    fiber& f = *the().self;
    warp_state& w = f.home->warps[f.info.warp];
    const unsigned me = 1U << f.info.lane;
    if ((mask & me) == 0)
        mismatch(kind, printed("the calling lane is not in the mask %08x", mask), l);
    if ((mask & ~w.live) != 0)
        mismatch(kind,
                 printed("mask %08x names lanes that have left or do not exist (%08x)",
                         mask,
                         mask & ~w.live),
                 l);
    meeting& m = find_meeting(w, mask, kind, l);
    m.payload[f.info.lane] = payload;
    m.lanes[f.info.lane] = &f;
    m.arrived |= me;
    if (m.arrived != mask) {
        wait_here(kind, l);
        return;
    }
    ++stats().collectives;
    work(m.payload, mask, w);
    m.open = false;
    {  // closed before the switch: a fiber that is dropped frees nothing
        std::vector<fiber*> others;
        for (unsigned i = 0; i < 32; ++i)
            if ((mask >> i & 1U) != 0 && m.lanes[i] != &f) others.push_back(m.lanes[i]);
        release_all(others);
    }
    // The last to arrive goes on without a switch, except under the random order.
    if (the().wanted.schedule != order::random) return;
    make_ready(&f);
    yield_to_next();
}
static constexpr unsigned full_lanes = simt::full_mask;
static constexpr const char sync_warp_kind[] = "sync_warp", shuffle_kind[] = "shfl",
                            ballot_kind[] = "ballot", ldmatrix_kind[] = "ldmatrix",
                            mma_kind[] = "mma";

void sync_warp(unsigned mask, location l) {
    meet(sync_warp_kind, mask, nullptr, l, [](void**, unsigned all, warp_state&) {
        const fiber& f = *the().self;
        warp_state& w = f.home->warps[f.info.warp];
        if (all == w.live) finish_groups(w);
        if (race != nullptr) race->warp_barrier(*f.home, f.info.warp, all);
    });
}

namespace {
struct shuffled {
    void* value;
    unsigned bytes;
    shuffle_mode mode;
    int argument, width;
};
// The lane that lane i reads, or i itself where the device leaves the value alone.
int source_lane(const shuffled& p, int i) {
    const int first = i & ~(p.width - 1);
    int s = 0;
    switch (p.mode) {
        case shuffle_mode::index: return first | (p.argument & (p.width - 1));
        case shuffle_mode::down: s = i + p.argument; return s < first + p.width ? s : i;
        default: s = i ^ p.argument; return s < first + p.width ? s : i;
    }
}
}  // namespace

void shuffle(void* value,
             unsigned bytes,
             shuffle_mode mode,
             int argument,
             int width,
             unsigned mask,
             location l) {
    if (width < 1 || width > 32 || (width & (width - 1)) != 0)
        mismatch(shuffle_kind, printed("the width %d is not 1, 2, 4, 8, 16 or 32", width), l);
    shuffled mine{value, bytes, mode, argument, width};
    meet(shuffle_kind, mask, &mine, l, [l](void** payloads, unsigned all, warp_state&) {
        unsigned char values[32][32];
        const auto of = [&](int i) -> shuffled& { return *static_cast<shuffled*>(payloads[i]); };
        for (int i = 0; i < 32; ++i) {
            if ((all >> i & 1U) == 0) continue;
            std::memcpy(values[i], of(i).value, of(i).bytes);
        }
        for (int i = 0; i < 32; ++i) {
            if ((all >> i & 1U) == 0) continue;
            const int s = source_lane(of(i), i);
            if ((all >> s & 1U) == 0)
                mismatch(
                    shuffle_kind, printed("lane %d reads lane %d, which takes no part", i, s), l);
            std::memcpy(of(i).value, values[s], of(i).bytes);
        }
    });
}
unsigned ballot(bool predicate, unsigned mask, location l) {
    struct vote {
        bool predicate;
        unsigned outcome;
    } mine{predicate, 0};
    meet(ballot_kind, mask, &mine, l, [](void** payloads, unsigned all, warp_state&) {
        unsigned bits = 0;
        for (unsigned i = 0; i < 32; ++i)
            if ((all >> i & 1U) != 0 && static_cast<vote*>(payloads[i])->predicate) bits |= 1U << i;
        for (unsigned i = 0; i < 32; ++i)
            if ((all >> i & 1U) != 0) static_cast<vote*>(payloads[i])->outcome = bits;
    });
    return mine.outcome;
}

// ---- Shared memory and its banks

static void count_conflicts(const shared_group& g) {
    // 32 lanes of 4 bytes or less pass at once, 16 of 8 bytes, 8 of 16 bytes: at most 32 words.
    const unsigned together = g.bytes <= 4 ? 32 : 128 / g.bytes;
    ++stats().shared_accesses;
    for (unsigned first = 0; first < 32; first += together) {
        std::size_t words[64];
        std::size_t* end = words;
        for (unsigned i = first; i < first + together; ++i) {
            if ((g.mask >> i & 1U) == 0) continue;
            for (std::size_t b = 0; b < std::max(4U, g.bytes); b += 4)
                *end++ = (g.offset[i] + b) / 4;
        }
        std::sort(words, end);
        end = std::unique(words, end);
        unsigned banks[32] = {}, most = 1;
        for (const std::size_t* w = words; w != end; ++w) most = std::max(most, ++banks[*w % 32]);
        stats().shared_conflicts += most - 1;
    }
}
void finish_groups(warp_state& w) {
    for (const shared_group& g : w.shared) count_conflicts(g);
    w.shared.clear();
    std::fill_n(w.next_group, 32, std::size_t(0));
    for (global_group& g : w.global) {
        std::sort(g.sectors.begin(), g.sectors.end());
        const auto end = std::unique(g.sectors.begin(), g.sectors.end());
        (g.store ? stats().store_sectors : stats().load_sectors) +=
            static_cast<std::uint64_t>(end - g.sectors.begin());
    }
    w.global.clear();
    std::fill_n(w.next_global, 32, std::size_t(0));
}
// The group of the k-th access of a lane at one place, which is that of the other lanes; made where
// there is none yet.
template <class Group>
static Group& group_of(std::vector<Group>& groups, std::size_t& next, bool store, location l) {
    const auto fits = [&](const Group& g) {
        return g.where.line == l.line && g.where.file == l.file && g.store == store;
    };
    const auto start = groups.begin() + static_cast<std::ptrdiff_t>(next);
    const auto found = std::find_if(start, groups.end(), fits);
    next = static_cast<std::size_t>(found - groups.begin()) + 1;
    if (found == groups.end()) {
        groups.emplace_back();
        groups.back().where = l;
        groups.back().store = store;
    }
    return groups[next - 1];
}
void gather_sectors(fiber& f, const void* p, unsigned bytes, bool store, location l) {
    warp_state& w = f.home->warps[f.info.warp];
    global_group& g = group_of(w.global, w.next_global[f.info.lane], store, l);
    const auto address = reinterpret_cast<std::uintptr_t>(p);
    for (std::uintptr_t s = address / 32; s <= (address + bytes - 1) / 32; ++s)
        g.sectors.push_back(s);
}
void shared_access(const void* p, unsigned bytes, unsigned alignment, bool store, location l) {
    fiber& f = *the().self;
    block& b = *f.home;
    if (!in_arena(b, p, bytes))
        fail("shared: " + thread_name(f) + printed(" accesses %p, which is not in the ", p) +
             "shared memory of its block, at " + place(l) + ".");
    if (reinterpret_cast<std::uintptr_t>(p) % alignment != 0)
        fail("align: " + thread_name(f) +
             printed(" accesses %p, not %u-byte aligned, at ", p, alignment) + place(l) + ".");
    announce(f, p, bytes, store ? access_kind::store : access_kind::ordinary, l);
    if (bytes > 16) return;  // several instructions: not counted
    warp_state& w = b.warps[f.info.warp];
    const auto offset = static_cast<std::uint32_t>(static_cast<const unsigned char*>(p) - b.arena);
    shared_group& g = group_of(w.shared, w.next_group[f.info.lane], store, l);
    g.bytes = bytes;
    g.mask |= 1U << f.info.lane;
    g.offset[f.info.lane] = offset;
    if (w.shared.size() == 2048) finish_groups(w);
}

// ---- Matrices

namespace {
struct matrix_rows {
    uint32* r;
    const void* row;
    int matrices;
    bool transposed;
};
void check_rows(void** payloads, int matrices, location l) {
    for (int i = 0; i < 8 * matrices; ++i) {
        const void* row = static_cast<matrix_rows*>(payloads[i])->row;
        if (!in_arena(*the().self->home, row, 16))
            mismatch(ldmatrix_kind, printed("the row of lane %d is not in shared memory", i), l);
        if (reinterpret_cast<std::uintptr_t>(row) % 16 != 0)
            mismatch(ldmatrix_kind, printed("the row of lane %d is not 16-byte aligned", i), l);
        touch(row, 16, false, l);
    }
}
void count_row_conflicts(void** payloads, int matrices) {
    for (int m = 0; m < matrices; ++m) {
        std::vector<const void*> groups[8];  // each row covers 4 of the 32 banks
        for (int i = 0; i < 8; ++i) {
            const void* row = static_cast<matrix_rows*>(payloads[8 * m + i])->row;
            auto& group = groups[reinterpret_cast<std::uintptr_t>(row) / 16 % 8];
            if (std::find(group.begin(), group.end(), row) == group.end()) group.push_back(row);
        }
        std::size_t most = 1;
        for (const auto& group : groups) most = std::max(most, group.size());
        stats().ldmatrix_conflicts += most - 1;
    }
}
}  // namespace

void ldmatrix(uint32* r, int matrices, bool transposed, const void* row, location l) {
    matrix_rows mine{r, row, matrices, transposed};
    meet(
        ldmatrix_kind, full_lanes, &mine, l, [matrices, l](void** payloads, unsigned, warp_state&) {
            check_rows(payloads, matrices, l);
            count_row_conflicts(payloads, matrices);
            ++stats().ldmatrix;
            for (int m = 0; m < matrices; ++m) {
                std::uint16_t cells[8][8];
                for (int i = 0; i < 8; ++i)
                    std::memcpy(cells[i], static_cast<matrix_rows*>(payloads[8 * m + i])->row, 16);
                for (int lane = 0; lane < 32; ++lane) {
                    const auto& p = *static_cast<matrix_rows*>(payloads[lane]);
                    const int i = lane / 4, j = 2 * (lane % 4);
                    const uint32 low = p.transposed ? cells[j][i] : cells[i][j];
                    const uint32 high = p.transposed ? cells[j + 1][i] : cells[i][j + 1];
                    p.r[m] = low | high << 16;
                }
            }
        });
}

namespace {
struct mma_operands {
    void* d;
    const uint32 *a, *b;
};
// Elements of A and of B along k, as many as their type has.
template <class A, class B>
void multiply_matrices(void** payloads, unsigned, warp_state&) {
    using T = simt::mma_sum_t<A>;
    constexpr int in_word = 4 / int(sizeof(A)), length = 8 * in_word;
    T left[16][length], right[length][8];
    for (int lane = 0; lane < 32; ++lane) {
        const auto& p = *static_cast<mma_operands*>(payloads[lane]);
        const int g = lane / 4, t = in_word * (lane % 4);
        for (int e = 0; e < in_word; ++e) {
            for (int h = 0; h < 4; ++h)
                left[g + 8 * (h & 1)][t + length / 2 * (h >> 1) + e] =
                    simt::mma_element<A>(p.a[h], e);
            for (int h = 0; h < 2; ++h)
                right[t + length / 2 * h + e][g] = simt::mma_element<B>(p.b[h], e);
        }
    }
    T sums[16][8] = {};
    for (int i = 0; i < 16; ++i)
        for (int k = 0; k < length; ++k)
            for (int j = 0; j < 8; ++j)
                sums[i][j] = simt::mma_added(sums[i][j], left[i][k], right[k][j]);
    for (int lane = 0; lane < 32; ++lane) {
        T* out = static_cast<T*>(static_cast<mma_operands*>(payloads[lane])->d);
        const int g = lane / 4, t = 2 * (lane % 4);
        for (int e = 0; e < 4; ++e)
            out[e] = simt::mma_added(out[e], sums[g + 8 * (e >> 1)][t + (e & 1)], T(1));
    }
    ++stats().mma;
}
}  // namespace

void mma(void* d, const uint32* a, const uint32* b, dtype left, dtype right, location l) {
    mma_operands mine{d, a, b};
    const bool u8 = right == dtype::u8;
    const auto body = left == dtype::f16    ? multiply_matrices<half, half>
                      : left == dtype::bf16 ? multiply_matrices<bfloat16, bfloat16>
                      : left == dtype::f32  ? multiply_matrices<float, float>
                      : left == dtype::i8
                          ? u8 ? multiply_matrices<int8, uint8> : multiply_matrices<int8, int8>
                      : u8 ? multiply_matrices<uint8, uint8>
                           : multiply_matrices<uint8, int8>;
    meet(mma_kind, full_lanes, &mine, l, body);
}

}  // namespace sinter::emulator
