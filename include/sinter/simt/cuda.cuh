// What a kernel may say, on CUDA: indices, barriers, warp collectives, fences and atomics, access
// to global and shared memory. Read by nvcc and NVRTC.
#pragma once

#include "sinter/simt/types.hpp"

namespace sinter::simt {
inline namespace cuda_abi {

/// Index of this thread in its block.
SINTER_DEVICE dim tid() { return {threadIdx.x, threadIdx.y, threadIdx.z}; }
/// Index of this block in the grid.
SINTER_DEVICE dim bid() { return {blockIdx.x, blockIdx.y, blockIdx.z}; }
/// Extents of the block.
SINTER_DEVICE dim bdim() { return {blockDim.x, blockDim.y, blockDim.z}; }
/// Extents of the grid.
SINTER_DEVICE dim gdim() { return {gridDim.x, gridDim.y, gridDim.z}; }
/// Lane in the warp. Blocks of more than one axis need an x that is a multiple of 32.
SINTER_DEVICE unsigned lane() { return threadIdx.x & 31U; }
/// Index of the warp along x.
SINTER_DEVICE unsigned warp() { return threadIdx.x >> 5; }

/// The product of two words in 64 bits. Written out: the compiler turns `uint64{a} * b` into a
/// product of 64 bits where it does not see that both are words.
SINTER_DEVICE uint64 mul_wide(uint32 a, uint32 b) {
    uint64 r;
    asm("mul.wide.u32 %0, %1, %2;" : "=l"(r) : "r"(a), "r"(b));
    return r;
}
/// Four bytes of `low` (numbers 0 to 3) and `high` (4 to 7), from the lowest on: those that the
/// four lowest nibbles of `which` name.
SINTER_DEVICE uint32 permute_bytes(uint32 low, uint32 high, uint32 which) {
#if SINTER_DEVICE_CODE
    return __byte_perm(low, high, which);
#else
    return low;
#endif
}

/// Barrier of the block: what its threads wrote before is visible to them after.
SINTER_DEVICE void sync_block() { __syncthreads(); }
/// Barrier of the block that returns whether any thread said true.
SINTER_DEVICE bool sync_block_or(bool p) { return __syncthreads_or(p) != 0; }
/// Barrier of the lanes in `mask`, for memory as well.
SINTER_DEVICE void sync_warp(unsigned mask = full_mask) { __syncwarp(mask); }

struct shuffle_index {
    SINTER_DEVICE static unsigned of(unsigned w, int a, int width, unsigned mask) {
        return __shfl_sync(mask, w, a, width);
    }
};
struct shuffle_xor {
    SINTER_DEVICE static unsigned of(unsigned w, int a, int width, unsigned mask) {
        return __shfl_xor_sync(mask, w, a, width);
    }
};
struct shuffle_down {
    SINTER_DEVICE static unsigned of(unsigned w, int a, int width, unsigned mask) {
        return __shfl_down_sync(mask, w, static_cast<unsigned>(a), width);
    }
};
// Word by word; a shorter value travels in the low bytes of one word.
template <class Mode, class T>
SINTER_DEVICE T shuffle(T v, int argument, int width, unsigned mask) {
    static_assert(__is_trivially_copyable(T) && sizeof(T) <= 32);
    unsigned words[(sizeof(T) + 3) / 4] = {};
    memcpy(words, &v, sizeof(T));
#pragma unroll
    for (unsigned& w : words) w = Mode::of(w, argument, width, mask);
    memcpy(&v, words, sizeof(T));
    return v;
}
/// The value that lane `source` holds, within groups of `width` lanes. T is trivially copyable and
/// has 1 to 32 bytes. Orders no memory.
template <class T>
SINTER_DEVICE T shfl(T v, int source, int width = 32, unsigned mask = full_mask) {
    return shuffle<shuffle_index>(v, source, width, mask);
}
/// The value of the lane whose number differs by the bits of `bits`.
template <class T>
SINTER_DEVICE T shfl_xor(T v, int bits, int width = 32, unsigned mask = full_mask) {
    return shuffle<shuffle_xor>(v, bits, width, mask);
}
/// The value of the lane `delta` above; the own one where there is none.
template <class T>
SINTER_DEVICE T shfl_down(T v, int delta, int width = 32, unsigned mask = full_mask) {
    return shuffle<shuffle_down>(v, delta, width, mask);
}
/// One bit for each lane of `mask` that said true.
SINTER_DEVICE unsigned ballot(bool p, unsigned mask = full_mask) { return __ballot_sync(mask, p); }
/// Whether any lane of `mask` said true.
SINTER_DEVICE bool any(bool p, unsigned mask = full_mask) { return __any_sync(mask, p) != 0; }
/// Whether every lane of `mask` said true.
SINTER_DEVICE bool all(bool p, unsigned mask = full_mask) { return __all_sync(mask, p) != 0; }

/// Orders this thread's accesses of memory before it, and those it knows of through barriers,
/// before those after it, for the whole device. Ticket and fence: store partials; sync_block; one
/// thread calls fence and atomic_inc; the last block calls sync_block (to tell its threads), every
/// thread calls fence, then reads the partials by load_coherent.
SINTER_DEVICE void fence() { __threadfence(); }
/// Adds to `*p` in one step and returns the old value.
SINTER_DEVICE int atomic_add(int* p, int v) { return atomicAdd(p, v); }
SINTER_DEVICE unsigned atomic_add(unsigned* p, unsigned v) { return atomicAdd(p, v); }
SINTER_DEVICE uint64 atomic_add(uint64* p, uint64 v) {
    return atomicAdd(reinterpret_cast<unsigned long long*>(p), static_cast<unsigned long long>(v));
}
SINTER_DEVICE float atomic_add(float* p, float v) { return atomicAdd(p, v); }
SINTER_DEVICE double atomic_add(double* p, double v) { return atomicAdd(p, v); }
/// The ticket: returns `*p` and sets it to `*p + 1`, or to 0 when it was `wrap` or more. With wrap
/// = blocks - 1 the last block gets wrap and leaves the counter as it was found.
SINTER_DEVICE unsigned atomic_inc(unsigned* p, unsigned wrap) { return atomicInc(p, wrap); }

// The built-in type of one access of B bytes.
template <int B>
struct access_type;
template <>
struct access_type<1> {
    using type = unsigned char;
};
template <>
struct access_type<2> {
    using type = unsigned short;
};
template <>
struct access_type<4> {
    using type = unsigned int;
};
template <>
struct access_type<8> {
    using type = uint2;
};
template <>
struct access_type<16> {
    using type = uint4;
};
// A vector as accesses of the widest type that its alignment allows.
template <class V>
struct accesses {
    using type = typename access_type<int(alignof(V))>::type;
    static constexpr int count = int(sizeof(V) / sizeof(type));
    type part[sizeof(V) / sizeof(type)];
};

/// N values from global memory that no thread writes during this kernel. `p` is aligned as vec<T,
/// N>.
template <int N, class T>
SINTER_DEVICE vec<T, N> load(const T* p) {
    using parts = accesses<vec<T, N>>;
    parts r;
#pragma unroll
    for (int i = 0; i < parts::count; ++i)
        r.part[i] = __ldg(reinterpret_cast<const typename parts::type*>(p) + i);
    return bits_as<vec<T, N>>(r);
}

/// N values from global memory that no thread but this one writes during this kernel: the operands
/// of an operation that may be done in place. `p` is aligned as vec<T, N>.
template <int N, class T>
SINTER_DEVICE vec<T, N> load_own(const T* p) {
    using parts = accesses<vec<T, N>>;
    parts r;
#pragma unroll
    for (int i = 0; i < parts::count; ++i)
        r.part[i] = reinterpret_cast<const typename parts::type*>(p)[i];
    return bits_as<vec<T, N>>(r);
}

// Relaxed loads of the device's scope: never from a stale line of the first-level cache.
SINTER_DEVICE void load_relaxed(unsigned char& r, const unsigned char* p) {
    unsigned w;
    asm volatile("ld.relaxed.gpu.global.u8 %0, [%1];"
                 : "=r"(w)
                 : "l"(__cvta_generic_to_global(p))
                 : "memory");
    r = static_cast<unsigned char>(w);
}
SINTER_DEVICE void load_relaxed(unsigned short& r, const unsigned short* p) {
    asm volatile("ld.relaxed.gpu.global.u16 %0, [%1];"
                 : "=h"(r)
                 : "l"(__cvta_generic_to_global(p))
                 : "memory");
}
SINTER_DEVICE void load_relaxed(unsigned& r, const unsigned* p) {
    asm volatile("ld.relaxed.gpu.global.u32 %0, [%1];"
                 : "=r"(r)
                 : "l"(__cvta_generic_to_global(p))
                 : "memory");
}
SINTER_DEVICE void load_relaxed(uint2& r, const uint2* p) {
    asm volatile("ld.relaxed.gpu.global.v2.u32 {%0, %1}, [%2];"
                 : "=r"(r.x), "=r"(r.y)
                 : "l"(__cvta_generic_to_global(p))
                 : "memory");
}
SINTER_DEVICE void load_relaxed(uint4& r, const uint4* p) {
    asm volatile("ld.relaxed.gpu.global.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r.x), "=r"(r.y), "=r"(r.z), "=r"(r.w)
                 : "l"(__cvta_generic_to_global(p))
                 : "memory");
}
/// N values from global memory that other blocks wrote during this kernel, after ticket and fence.
template <int N, class T>
SINTER_DEVICE vec<T, N> load_coherent(const T* p) {
    using parts = accesses<vec<T, N>>;
    parts r;
#pragma unroll
    for (int i = 0; i < parts::count; ++i)
        load_relaxed(r.part[i], reinterpret_cast<const typename parts::type*>(p) + i);
    return bits_as<vec<T, N>>(r);
}
/// Waits until the counter at `p`, which other blocks advance, has come to `value`; it may wrap
/// around. Orders no memory: a fence has to follow. Only in a cooperative launch, whose blocks all
/// run at the same time.
SINTER_DEVICE void wait_until(const unsigned* p, unsigned value) {
    unsigned now;
    do {
        load_relaxed(now, p);
    } while (static_cast<int>(now - value) < 0);
}
/// N values to global memory. `p` is aligned as vec<T, N>.
template <int N, class T>
SINTER_DEVICE void store(T* p, const vec<T, N>& value) {
    using parts = accesses<vec<T, N>>;
    const parts r = bits_as<parts>(value);
#pragma unroll
    for (int i = 0; i < parts::count; ++i)
        reinterpret_cast<typename parts::type*>(p)[i] = r.part[i];
}
/// N values from shared memory. `p` is aligned as vec<T, N>.
template <int N, class T>
SINTER_DEVICE vec<T, N> load_shared(const T* p) {
    using parts = accesses<vec<T, N>>;
    parts r;
#pragma unroll
    for (int i = 0; i < parts::count; ++i)
        r.part[i] = reinterpret_cast<const typename parts::type*>(p)[i];
    return bits_as<vec<T, N>>(r);
}
/// N values to shared memory. `p` is aligned as vec<T, N>.
template <int N, class T>
SINTER_DEVICE void store_shared(T* p, const vec<T, N>& value) {
    store<N>(p, value);
}

/// The block's own object of type T, one for each pair of T and Tag, not initialised. T may be an
/// array: `float (&tile)[32] = shared<float[32], struct tile_tag>()`.
template <class T, class Tag>
SINTER_DEVICE T& shared() {
    // Bytes, because a type with a constructor (bfloat16) may not be __shared__ itself.
    __shared__ alignas(alignof(T) < 16 ? 16 : alignof(T)) unsigned char bytes[sizeof(T)];
    return reinterpret_cast<T&>(bytes);
}
/// Cuts arrays out of the dynamic shared memory, one after another. Every thread of a block takes
/// the same arrays in the same order.
class carver {
public:
    /// Room for n values of T, not initialised.
    template <class T>
    SINTER_DEVICE T* take(unsigned n, unsigned alignment = 16) {
        // 128 and no more: ptxas rounds the static shared memory of every kernel up to it.
        extern __shared__ __align__(128) unsigned char dynamic_bytes[];
        offset_ = (offset_ + alignment - 1) / alignment * alignment;
        T* r = reinterpret_cast<T*>(dynamic_bytes + offset_);
        offset_ += n * static_cast<unsigned>(sizeof(T));
        return r;
    }

private:
    unsigned offset_ = 0;
};

}  // namespace cuda_abi
}  // namespace sinter::simt
