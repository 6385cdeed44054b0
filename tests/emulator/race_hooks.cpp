// The functions that g++ and clang++ call in code compiled with -fsanitize=thread. Accesses go to
// the race checker while a kernel runs; the atomics of the host's code are carried out.
#include <cstddef>
#include <cstdint>

#include "race.hpp"

using sinter::emulator::race_access;
using sinter::emulator::race_is_watching;

// The address after the call, in the instrumented code.
static inline __attribute__((always_inline)) void hook(const void* p,
                                                       std::size_t bytes,
                                                       bool write) {
    if (__builtin_expect(race_is_watching, 0))
        race_access(p, bytes, write, __builtin_return_address(0));
}

// True where *p was *expected and is v now; else *expected is what it was.
template <class T>
static bool exchanged(volatile T* p, T* expected, T v) {
    return __atomic_compare_exchange_n(p, expected, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

extern "C" {

void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
void __tsan_read_range(void* p, unsigned long n) { hook(p, n, false); }
void __tsan_write_range(void* p, unsigned long n) { hook(p, n, true); }
void __tsan_read1(void* p) { hook(p, 1, false); }
void __tsan_write1(void* p) { hook(p, 1, true); }
void __tsan_volatile_read1(void* p) { hook(p, 1, false); }
void __tsan_volatile_write1(void* p) { hook(p, 1, true); }
void __tsan_read_write1(void* p) { hook(p, 1, true); }
void __tsan_read2(void* p) { hook(p, 2, false); }
void __tsan_write2(void* p) { hook(p, 2, true); }
void __tsan_unaligned_read2(void* p) { hook(p, 2, false); }
void __tsan_unaligned_write2(void* p) { hook(p, 2, true); }
void __tsan_volatile_read2(void* p) { hook(p, 2, false); }
void __tsan_volatile_write2(void* p) { hook(p, 2, true); }
void __tsan_unaligned_volatile_read2(void* p) { hook(p, 2, false); }
void __tsan_unaligned_volatile_write2(void* p) { hook(p, 2, true); }
void __tsan_read_write2(void* p) { hook(p, 2, true); }
void __tsan_unaligned_read_write2(void* p) { hook(p, 2, true); }
void __tsan_read4(void* p) { hook(p, 4, false); }
void __tsan_write4(void* p) { hook(p, 4, true); }
void __tsan_unaligned_read4(void* p) { hook(p, 4, false); }
void __tsan_unaligned_write4(void* p) { hook(p, 4, true); }
void __tsan_volatile_read4(void* p) { hook(p, 4, false); }
void __tsan_volatile_write4(void* p) { hook(p, 4, true); }
void __tsan_unaligned_volatile_read4(void* p) { hook(p, 4, false); }
void __tsan_unaligned_volatile_write4(void* p) { hook(p, 4, true); }
void __tsan_read_write4(void* p) { hook(p, 4, true); }
void __tsan_unaligned_read_write4(void* p) { hook(p, 4, true); }
void __tsan_read8(void* p) { hook(p, 8, false); }
void __tsan_write8(void* p) { hook(p, 8, true); }
void __tsan_unaligned_read8(void* p) { hook(p, 8, false); }
void __tsan_unaligned_write8(void* p) { hook(p, 8, true); }
void __tsan_volatile_read8(void* p) { hook(p, 8, false); }
void __tsan_volatile_write8(void* p) { hook(p, 8, true); }
void __tsan_unaligned_volatile_read8(void* p) { hook(p, 8, false); }
void __tsan_unaligned_volatile_write8(void* p) { hook(p, 8, true); }
void __tsan_read_write8(void* p) { hook(p, 8, true); }
void __tsan_unaligned_read_write8(void* p) { hook(p, 8, true); }
void __tsan_read16(void* p) { hook(p, 16, false); }
void __tsan_write16(void* p) { hook(p, 16, true); }
void __tsan_unaligned_read16(void* p) { hook(p, 16, false); }
void __tsan_unaligned_write16(void* p) { hook(p, 16, true); }
void __tsan_volatile_read16(void* p) { hook(p, 16, false); }
void __tsan_volatile_write16(void* p) { hook(p, 16, true); }
void __tsan_unaligned_volatile_read16(void* p) { hook(p, 16, false); }
void __tsan_unaligned_volatile_write16(void* p) { hook(p, 16, true); }
void __tsan_read_write16(void* p) { hook(p, 16, true); }
void __tsan_unaligned_read_write16(void* p) { hook(p, 16, true); }

// clang++ calls these for memcpy, memmove and memset.
void* __tsan_memcpy(void* to, const void* from, unsigned long n) {
    hook(from, n, false);
    hook(to, n, true);
    return __builtin_memcpy(to, from, n);
}
void* __tsan_memmove(void* to, const void* from, unsigned long n) {
    hook(from, n, false);
    hook(to, n, true);
    return __builtin_memmove(to, from, n);
}
void* __tsan_memset(void* p, int value, unsigned long n) {
    hook(p, n, true);
    return __builtin_memset(p, value, n);
}
void __tsan_atomic_thread_fence(int) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
void __tsan_atomic_signal_fence(int) {}

// Of every width what the standard library of the host's code calls; a program that needs more does
// not link. Every order is the strongest.
std::uint8_t __tsan_atomic8_load(const volatile std::uint8_t* p, int) {
    return __atomic_load_n(p, __ATOMIC_SEQ_CST);
}
void __tsan_atomic8_store(volatile std::uint8_t* p, std::uint8_t v, int) {
    __atomic_store_n(p, v, __ATOMIC_SEQ_CST);
}
std::uint32_t __tsan_atomic32_load(const volatile std::uint32_t* p, int) {
    return __atomic_load_n(p, __ATOMIC_SEQ_CST);
}
void __tsan_atomic32_store(volatile std::uint32_t* p, std::uint32_t v, int) {
    __atomic_store_n(p, v, __ATOMIC_SEQ_CST);
}
std::uint32_t __tsan_atomic32_exchange(volatile std::uint32_t* p, std::uint32_t v, int) {
    return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);
}
std::uint32_t __tsan_atomic32_fetch_add(volatile std::uint32_t* p, std::uint32_t v, int) {
    return __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST);
}
std::uint32_t __tsan_atomic32_fetch_sub(volatile std::uint32_t* p, std::uint32_t v, int) {
    return __atomic_fetch_sub(p, v, __ATOMIC_SEQ_CST);
}
std::uint32_t __tsan_atomic32_fetch_and(volatile std::uint32_t* p, std::uint32_t v, int) {
    return __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST);
}
std::uint32_t __tsan_atomic32_fetch_or(volatile std::uint32_t* p, std::uint32_t v, int) {
    return __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST);
}
bool __tsan_atomic32_compare_exchange_strong(
    volatile std::uint32_t* p, std::uint32_t* expected, std::uint32_t v, int, int) {
    return exchanged(p, expected, v);
}
bool __tsan_atomic32_compare_exchange_weak(
    volatile std::uint32_t* p, std::uint32_t* expected, std::uint32_t v, int, int) {
    return exchanged(p, expected, v);
}
std::uint32_t __tsan_atomic32_compare_exchange_val(
    volatile std::uint32_t* p, std::uint32_t expected, std::uint32_t v, int, int) {
    exchanged(p, &expected, v);
    return expected;
}

std::uint64_t __tsan_atomic64_load(const volatile std::uint64_t* p, int) {
    return __atomic_load_n(p, __ATOMIC_SEQ_CST);
}
void __tsan_atomic64_store(volatile std::uint64_t* p, std::uint64_t v, int) {
    __atomic_store_n(p, v, __ATOMIC_SEQ_CST);
}
std::uint64_t __tsan_atomic64_exchange(volatile std::uint64_t* p, std::uint64_t v, int) {
    return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);
}
std::uint64_t __tsan_atomic64_fetch_add(volatile std::uint64_t* p, std::uint64_t v, int) {
    return __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST);
}
std::uint64_t __tsan_atomic64_fetch_sub(volatile std::uint64_t* p, std::uint64_t v, int) {
    return __atomic_fetch_sub(p, v, __ATOMIC_SEQ_CST);
}
std::uint64_t __tsan_atomic64_fetch_and(volatile std::uint64_t* p, std::uint64_t v, int) {
    return __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST);
}
std::uint64_t __tsan_atomic64_fetch_or(volatile std::uint64_t* p, std::uint64_t v, int) {
    return __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST);
}
bool __tsan_atomic64_compare_exchange_strong(
    volatile std::uint64_t* p, std::uint64_t* expected, std::uint64_t v, int, int) {
    return exchanged(p, expected, v);
}
bool __tsan_atomic64_compare_exchange_weak(
    volatile std::uint64_t* p, std::uint64_t* expected, std::uint64_t v, int, int) {
    return exchanged(p, expected, v);
}
std::uint64_t __tsan_atomic64_compare_exchange_val(
    volatile std::uint64_t* p, std::uint64_t expected, std::uint64_t v, int, int) {
    exchanged(p, &expected, v);
    return expected;
}

}  // extern "C"
