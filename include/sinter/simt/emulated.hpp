// What a kernel may say, on the emulator. The functions and their documentation are those of
// cuda.cuh; the trailing location is filled in by the compiler.
#pragma once

#include <type_traits>

#include "sinter/simt/emulator_api.hpp"
#include "sinter/simt/software_mma.hpp"

namespace sinter::simt {
inline namespace emu_abi {

using location = emulator::location;

inline dim tid() { return emulator::current->tid; }
inline dim bid() { return emulator::current->bid; }
inline dim bdim() { return emulator::current->bdim; }
inline dim gdim() { return emulator::current->gdim; }
inline unsigned lane() { return emulator::current->tid.x & 31U; }
inline unsigned warp() { return emulator::current->tid.x >> 5; }

inline uint64 mul_wide(uint32 a, uint32 b) { return uint64{a} * b; }
inline uint32 permute_bytes(uint32 low, uint32 high, uint32 which) {
    const uint64 both = uint64{high} << 32 | low;
    uint32 r = 0;
    for (unsigned i = 0; i < 4; ++i)
        r |= static_cast<uint32>(both >> 8 * (which >> 4 * i & 7) & 255) << 8 * i;
    return r;
}

inline void sync_block(location l = location::here()) { emulator::sync_block(l); }
inline bool sync_block_or(bool p, location l = location::here()) {
    return emulator::sync_block_or(p, l);
}
inline void sync_warp(unsigned mask = full_mask, location l = location::here()) {
    emulator::sync_warp(mask, l);
}

template <class T>
inline T shfl(
    T v, int source, int width = 32, unsigned mask = full_mask, location l = location::here()) {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= 32);
    emulator::shuffle(&v, sizeof(T), emulator::shuffle_mode::index, source, width, mask, l);
    return v;
}
template <class T>
inline T shfl_xor(
    T v, int bits, int width = 32, unsigned mask = full_mask, location l = location::here()) {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= 32);
    emulator::shuffle(&v, sizeof(T), emulator::shuffle_mode::exclusive_or, bits, width, mask, l);
    return v;
}
template <class T>
inline T shfl_down(
    T v, int delta, int width = 32, unsigned mask = full_mask, location l = location::here()) {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= 32);
    emulator::shuffle(&v, sizeof(T), emulator::shuffle_mode::down, delta, width, mask, l);
    return v;
}
inline unsigned ballot(bool p, unsigned mask = full_mask, location l = location::here()) {
    return emulator::ballot(p, mask, l);
}
inline bool any(bool p, unsigned mask = full_mask, location l = location::here()) {
    return emulator::ballot(p, mask, l) != 0;
}
inline bool all(bool p, unsigned mask = full_mask, location l = location::here()) {
    return emulator::ballot(p, mask, l) == mask;
}

inline void fence(location l = location::here()) { emulator::fence(l); }
inline int atomic_add(int* p, int v, location l = location::here()) {
    return emulator::atomic_add(p, v, l);
}
inline unsigned atomic_add(unsigned* p, unsigned v, location l = location::here()) {
    return emulator::atomic_add(p, v, l);
}
inline uint64 atomic_add(uint64* p, uint64 v, location l = location::here()) {
    return emulator::atomic_add(p, v, l);
}
inline float atomic_add(float* p, float v, location l = location::here()) {
    return emulator::atomic_add(p, v, l);
}
inline double atomic_add(double* p, double v, location l = location::here()) {
    return emulator::atomic_add(p, v, l);
}
inline unsigned atomic_inc(unsigned* p, unsigned wrap, location l = location::here()) {
    return emulator::atomic_inc(p, wrap, l);
}

template <int N, class T>
inline vec<T, N> load(const T* p, location l = location::here()) {
    emulator::global_access(
        p, sizeof(vec<T, N>), alignof(vec<T, N>), emulator::access_kind::read_only, l);
    return *reinterpret_cast<const vec<T, N>*>(p);
}
template <int N, class T>
inline vec<T, N> load_own(const T* p, location l = location::here()) {
    emulator::global_access(
        p, sizeof(vec<T, N>), alignof(vec<T, N>), emulator::access_kind::ordinary, l);
    return *reinterpret_cast<const vec<T, N>*>(p);
}
template <int N, class T>
inline vec<T, N> load_coherent(const T* p, location l = location::here()) {
    emulator::global_access(
        p, sizeof(vec<T, N>), alignof(vec<T, N>), emulator::access_kind::ordinary, l);
    return *reinterpret_cast<const vec<T, N>*>(p);
}
inline void wait_until(const unsigned* p, unsigned value, location l = location::here()) {
    emulator::wait_until(p, value, l);
}
template <int N, class T>
inline void store(T* p, const vec<T, N>& value, location l = location::here()) {
    emulator::global_access(
        p, sizeof(vec<T, N>), alignof(vec<T, N>), emulator::access_kind::store, l);
    *reinterpret_cast<vec<T, N>*>(p) = value;
}
template <int N, class T>
inline vec<T, N> load_shared(const T* p, location l = location::here()) {
    emulator::shared_access(p, sizeof(vec<T, N>), alignof(vec<T, N>), false, l);
    return *reinterpret_cast<const vec<T, N>*>(p);
}
template <int N, class T>
inline void store_shared(T* p, const vec<T, N>& value, location l = location::here()) {
    emulator::shared_access(p, sizeof(vec<T, N>), alignof(vec<T, N>), true, l);
    *reinterpret_cast<vec<T, N>*>(p) = value;
}

template <class T, class Tag>
inline T& shared(location l = location::here()) {
    static char key;
    return *static_cast<std::remove_reference_t<T>*>(
        emulator::static_shared(&key, sizeof(T), alignof(T), l));
}
class carver {
public:
    template <class T>
    T* take(unsigned n, unsigned alignment = 16, location l = location::here()) {
        return static_cast<T*>(emulator::dynamic_shared(n * sizeof(T), alignment, l));
    }
};

template <int Bytes>
inline void cp_async(void* shared,
                     const void* global,
                     unsigned valid = Bytes,
                     location l = location::here()) {
    static_assert(Bytes == 4 || Bytes == 8 || Bytes == 16);
    emulator::async_copy(shared, global, Bytes, valid, l);
}
inline void cp_async_commit() { emulator::async_commit(); }
template <int Pending>
inline void cp_async_wait(location l = location::here()) {
    emulator::async_wait(Pending, l);
}

inline void ldmatrix_x4(uint32 (&r)[4], const void* row, location l = location::here()) {
    emulator::ldmatrix(r, 4, false, row, l);
}
inline void ldmatrix_x4_trans(uint32 (&r)[4], const void* row, location l = location::here()) {
    emulator::ldmatrix(r, 4, true, row, l);
}
inline uint32 round_to_tf32(uint32 x) { return tf32_bits(x); }
template <class A, class B = A>
inline void mma(mma_sum_t<A> (&d)[4],
                const uint32 (&a)[4],
                const uint32 (&b)[2],
                location l = location::here()) {
    static_assert(std::is_same_v<A, B> || (sizeof(A) == 1 && sizeof(B) == 1));
    emulator::mma(d, a, b, dtype_v<A>, dtype_v<B>, l);
}

// How software_mma reads a word of another lane.
struct shuffle_between_lanes {
    static uint32 word(uint32 w, int source) { return shfl(w, source); }
    static int lane_number() { return static_cast<int>(lane()); }
};

template <class K>
inline void run_body(const void* kernel) {
    (*static_cast<const K*>(kernel))();
}
/// The kernel K as the emulator takes it: a function of the address of its functor.
template <class K>
inline void (*body_pointer())(const void*) {
    return &run_body<K>;
}
/// Runs `k` on the emulator and returns what it found and did; never throws. All blocks of a
/// cooperative launch run at the same time, so they may wait for one another.
template <class K>
inline const emulator::result& launch(
    const K& k, dim grid, dim block, std::size_t shared_bytes = 0, bool cooperative = false) {
    static_assert(std::is_trivially_copyable_v<K>, "a kernel is passed by its bytes");
    static_assert(K::min_blocks >= 1 && K::max_threads >= 1 && K::max_threads <= 1024);
    return emulator::launch(__PRETTY_FUNCTION__,
                            grid,
                            block,
                            K::max_threads,
                            shared_bytes,
                            &run_body<K>,
                            &k,
                            cooperative);
}

}  // namespace emu_abi
}  // namespace sinter::simt
