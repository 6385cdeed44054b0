// Asynchronous copies and tensor cores on CUDA. sm_75 has no cp.async and no mma of this shape: it
// copies at once and multiplies by shuffles, so that every kernel is right there too.
#pragma once

#include "sinter/simt/cuda.cuh"
#include "sinter/simt/software_mma.hpp"

namespace sinter::simt {
inline namespace cuda_abi {

// How software_mma reads a word of another lane.
struct shuffle_between_lanes {
    SINTER_DEVICE static uint32 word(uint32 w, int source) { return shfl(w, source); }
    SINTER_DEVICE static int lane_number() { return static_cast<int>(lane()); }
};

/// The address of shared memory as PTX takes it.
SINTER_DEVICE unsigned shared_address(const void* p) {
    return static_cast<unsigned>(__cvta_generic_to_shared(p));
}

/// Starts to copy `Bytes` (4, 8 or 16) bytes from global to shared memory, both aligned to that:
/// `valid` of them, then zeroes.
template <int Bytes>
SINTER_DEVICE void cp_async(void* shared, const void* global, unsigned valid = Bytes) {
    static_assert(Bytes == 4 || Bytes == 8 || Bytes == 16);
#if SINTER_DEVICE_CODE
#if __CUDA_ARCH__ >= 800
    if constexpr (Bytes == 16) {
        asm volatile(
            "cp.async.cg.shared.global [%0], [%1], 16, %2;"
            :
            : "r"(shared_address(shared)), "l"(__cvta_generic_to_global(global)), "r"(valid)
            : "memory");
    } else {
        asm volatile("cp.async.ca.shared.global [%0], [%1], %3, %2;"
                     :
                     : "r"(shared_address(shared)),
                       "l"(__cvta_generic_to_global(global)),
                       "r"(valid),
                       "n"(Bytes)
                     : "memory");
    }
#else
    using whole = vec<unsigned char, Bytes>;
    whole w{};
    if (valid == Bytes) {
        w = load<Bytes>(static_cast<const unsigned char*>(global));
    } else {
#pragma unroll
        for (unsigned i = 0; i < Bytes; ++i)
            if (i < valid) w[int(i)] = static_cast<const unsigned char*>(global)[i];
    }
    store_shared<Bytes>(static_cast<unsigned char*>(shared), w);
#endif
#endif
}
/// Closes the group of the copies that this thread started since the last commit.
SINTER_DEVICE void cp_async_commit() {
#if SINTER_DEVICE_CODE
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.commit_group;" ::: "memory");
#endif
#endif
}
/// Waits until at most `Pending` of this thread's latest groups are still under way. What arrived
/// is visible to this thread; the others need a barrier.
template <int Pending>
SINTER_DEVICE void cp_async_wait() {
#if SINTER_DEVICE_CODE
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.wait_group %0;" ::"n"(Pending) : "memory");
#endif
#endif
}

/// Loads four 8x8 matrices of 16-bit elements: lanes 8i to 8i+7 give the 16-byte rows of matrix i,
/// r[i] receives of it row lane / 4, columns 2 (lane % 4) and the next.
SINTER_DEVICE void ldmatrix_x4(uint32 (&r)[4], const void* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared_address(row))
                 : "memory");
}
/// As ldmatrix_x4, each matrix transposed.
SINTER_DEVICE void ldmatrix_x4_trans(uint32 (&r)[4], const void* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared_address(row))
                 : "memory");
}

/// The bits of a float as tf32: see tf32_bits.
SINTER_DEVICE uint32 round_to_tf32(uint32 x) {
#if SINTER_DEVICE_CODE
#if __CUDA_ARCH__ >= 800
    uint32 r;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(r) : "f"(__uint_as_float(x)));
    return r;
#else
    return tf32_bits(x);
#endif
#else
    return x;
#endif
}

#if SINTER_DEVICE_CODE && __CUDA_ARCH__ >= 800
// mma of 8-bit integers.
template <class A, class B>
SINTER_DEVICE void mma_bytes(int32 (&d)[4], const uint32 (&a)[4], const uint32 (&b)[2]) {
    if constexpr (same_v<A, int8> && same_v<B, int8>) {
        asm volatile(
            "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 "
            "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
            : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
    } else if constexpr (same_v<A, B>) {
        asm volatile(
            "mma.sync.aligned.m16n8k32.row.col.s32.u8.u8.s32 "
            "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
            : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
    } else if constexpr (same_v<A, int8>) {
        asm volatile(
            "mma.sync.aligned.m16n8k32.row.col.s32.s8.u8.s32 "
            "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
            : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
    } else {
        asm volatile(
            "mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32 "
            "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
            : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
    }
}
#endif
/// d += a b for 16 rows of A and 8 columns of B, which are both bfloat16 or half (16 along k), both
/// float, read as tf32 (8 along k), or int8 or uint8 (32 along k); float or int32 `d`. With g =
/// lane / 4, t = lane % 4 and e elements in a word, neighbours along k: a[h] is row g + 8 (h % 2),
/// from k = e (t + 4 (h / 2)) on; b[h] is from k = e (t + 4h) on, column g; d[0..1] is row g,
/// columns 2t and 2t + 1; d[2..3] is row g + 8.
template <class A, class B = A>
SINTER_DEVICE void mma(mma_sum_t<A> (&d)[4], const uint32 (&a)[4], const uint32 (&b)[2]) {
    static_assert(same_v<A, B> || (sizeof(A) == 1 && sizeof(B) == 1));
#if SINTER_DEVICE_CODE
#if __CUDA_ARCH__ >= 800
    if constexpr (same_v<A, half>) {
        asm volatile(
            "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
            "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
            : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
    } else if constexpr (same_v<A, bfloat16>) {
        asm volatile(
            "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
            "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
            : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
    } else if constexpr (same_v<A, float>) {
        asm volatile(
            "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
            "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
            : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
    } else {
        mma_bytes<A, B>(d, a, b);
    }
#else
    software_mma<A, B, shuffle_between_lanes>(d, a, b);
#endif
#endif
}

}  // namespace cuda_abi
}  // namespace sinter::simt
