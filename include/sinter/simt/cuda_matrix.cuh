// Asynchronous copies and tensor cores on CUDA. sm_75 has no cp.async and no mma of this shape: it
// copies at once and multiplies by shuffles, so that every kernel is right there too.
#pragma once

#include "sinter/simt/cuda.cuh"
#include "sinter/simt/software_mma.hpp"

namespace sinter::simt {
inline namespace cuda_abi {

// How software_mma_16816 reads a word of another lane.
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

/// d += a b for a 16x16 `a` (row-major) and a 16x8 `b` (column-major) of T, which is bfloat16 or
/// half; float `d`. With g = lane / 4, t = lane % 4, pairs along k: a[h] is row g + 8 (h % 2), k =
/// 2t + 8 (h / 2); b[h] is k = 2t + 8h, column g; d[0..1] is row g, columns 2t and 2t + 1; d[2..3]
/// is row g + 8.
template <class T>
SINTER_DEVICE void mma_16816(float (&d)[4], const uint32 (&a)[4], const uint32 (&b)[2]) {
    static_assert(same_v<T, bfloat16> || same_v<T, half>);
#if SINTER_DEVICE_CODE
#if __CUDA_ARCH__ >= 800
    if constexpr (same_v<T, half>) {
        asm volatile(
            "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
            "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
            : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
    } else {
        asm volatile(
            "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
            "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
            : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
    }
#else
    software_mma_16816<T, shuffle_between_lanes>(d, a, b);
#endif
#endif
}

}  // namespace cuda_abi
}  // namespace sinter::simt
