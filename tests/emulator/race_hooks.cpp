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

std::uint8_t __tsan_atomic8_load(const volatile void* p, int) {
    return __atomic_load_n(static_cast<const volatile std::uint8_t*>(p), __ATOMIC_SEQ_CST);
}
void __tsan_atomic8_store(volatile void* p, std::uint8_t v, int) {
    __atomic_store_n(static_cast<volatile std::uint8_t*>(p), v, __ATOMIC_SEQ_CST);
}
std::uint8_t __tsan_atomic8_exchange(volatile void* p, std::uint8_t v, int) {
    return __atomic_exchange_n(static_cast<volatile std::uint8_t*>(p), v, __ATOMIC_SEQ_CST);
}
std::uint8_t __tsan_atomic8_fetch_add(volatile void* p, std::uint8_t v, int) {
    return __atomic_fetch_add(static_cast<volatile std::uint8_t*>(p), v, __ATOMIC_SEQ_CST);
}
std::uint8_t __tsan_atomic8_fetch_sub(volatile void* p, std::uint8_t v, int) {
    return __atomic_fetch_sub(static_cast<volatile std::uint8_t*>(p), v, __ATOMIC_SEQ_CST);
}
std::uint8_t __tsan_atomic8_fetch_and(volatile void* p, std::uint8_t v, int) {
    return __atomic_fetch_and(static_cast<volatile std::uint8_t*>(p), v, __ATOMIC_SEQ_CST);
}
std::uint8_t __tsan_atomic8_fetch_or(volatile void* p, std::uint8_t v, int) {
    return __atomic_fetch_or(static_cast<volatile std::uint8_t*>(p), v, __ATOMIC_SEQ_CST);
}
std::uint8_t __tsan_atomic8_fetch_xor(volatile void* p, std::uint8_t v, int) {
    return __atomic_fetch_xor(static_cast<volatile std::uint8_t*>(p), v, __ATOMIC_SEQ_CST);
}
std::uint8_t __tsan_atomic8_fetch_nand(volatile void* p, std::uint8_t v, int) {
    return __atomic_fetch_nand(static_cast<volatile std::uint8_t*>(p), v, __ATOMIC_SEQ_CST);
}
bool __tsan_atomic8_compare_exchange_strong(
    volatile void* p, void* expected, std::uint8_t v, int, int) {
    return __atomic_compare_exchange_n(static_cast<volatile std::uint8_t*>(p),
                                       static_cast<std::uint8_t*>(expected),
                                       v,
                                       false,
                                       __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}
bool __tsan_atomic8_compare_exchange_weak(
    volatile void* p, void* expected, std::uint8_t v, int, int) {
    return __atomic_compare_exchange_n(static_cast<volatile std::uint8_t*>(p),
                                       static_cast<std::uint8_t*>(expected),
                                       v,
                                       false,
                                       __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}
std::uint8_t __tsan_atomic8_compare_exchange_val(
    volatile void* p, std::uint8_t expected, std::uint8_t v, int, int) {
    __atomic_compare_exchange_n(static_cast<volatile std::uint8_t*>(p),
                                &expected,
                                v,
                                false,
                                __ATOMIC_SEQ_CST,
                                __ATOMIC_SEQ_CST);
    return expected;
}

std::uint16_t __tsan_atomic16_load(const volatile void* p, int) {
    return __atomic_load_n(static_cast<const volatile std::uint16_t*>(p), __ATOMIC_SEQ_CST);
}
void __tsan_atomic16_store(volatile void* p, std::uint16_t v, int) {
    __atomic_store_n(static_cast<volatile std::uint16_t*>(p), v, __ATOMIC_SEQ_CST);
}
std::uint16_t __tsan_atomic16_exchange(volatile void* p, std::uint16_t v, int) {
    return __atomic_exchange_n(static_cast<volatile std::uint16_t*>(p), v, __ATOMIC_SEQ_CST);
}
std::uint16_t __tsan_atomic16_fetch_add(volatile void* p, std::uint16_t v, int) {
    return __atomic_fetch_add(static_cast<volatile std::uint16_t*>(p), v, __ATOMIC_SEQ_CST);
}
std::uint16_t __tsan_atomic16_fetch_sub(volatile void* p, std::uint16_t v, int) {
    return __atomic_fetch_sub(static_cast<volatile std::uint16_t*>(p), v, __ATOMIC_SEQ_CST);
}
std::uint16_t __tsan_atomic16_fetch_and(volatile void* p, std::uint16_t v, int) {
    return __atomic_fetch_and(static_cast<volatile std::uint16_t*>(p), v, __ATOMIC_SEQ_CST);
}
std::uint16_t __tsan_atomic16_fetch_or(volatile void* p, std::uint16_t v, int) {
    return __atomic_fetch_or(static_cast<volatile std::uint16_t*>(p), v, __ATOMIC_SEQ_CST);
}
std::uint16_t __tsan_atomic16_fetch_xor(volatile void* p, std::uint16_t v, int) {
    return __atomic_fetch_xor(static_cast<volatile std::uint16_t*>(p), v, __ATOMIC_SEQ_CST);
}
std::uint16_t __tsan_atomic16_fetch_nand(volatile void* p, std::uint16_t v, int) {
    return __atomic_fetch_nand(static_cast<volatile std::uint16_t*>(p), v, __ATOMIC_SEQ_CST);
}
bool __tsan_atomic16_compare_exchange_strong(
    volatile void* p, void* expected, std::uint16_t v, int, int) {
    return __atomic_compare_exchange_n(static_cast<volatile std::uint16_t*>(p),
                                       static_cast<std::uint16_t*>(expected),
                                       v,
                                       false,
                                       __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}
bool __tsan_atomic16_compare_exchange_weak(
    volatile void* p, void* expected, std::uint16_t v, int, int) {
    return __atomic_compare_exchange_n(static_cast<volatile std::uint16_t*>(p),
                                       static_cast<std::uint16_t*>(expected),
                                       v,
                                       false,
                                       __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}
std::uint16_t __tsan_atomic16_compare_exchange_val(
    volatile void* p, std::uint16_t expected, std::uint16_t v, int, int) {
    __atomic_compare_exchange_n(static_cast<volatile std::uint16_t*>(p),
                                &expected,
                                v,
                                false,
                                __ATOMIC_SEQ_CST,
                                __ATOMIC_SEQ_CST);
    return expected;
}

std::uint32_t __tsan_atomic32_load(const volatile void* p, int) {
    return __atomic_load_n(static_cast<const volatile std::uint32_t*>(p), __ATOMIC_SEQ_CST);
}
void __tsan_atomic32_store(volatile void* p, std::uint32_t v, int) {
    __atomic_store_n(static_cast<volatile std::uint32_t*>(p), v, __ATOMIC_SEQ_CST);
}
std::uint32_t __tsan_atomic32_exchange(volatile void* p, std::uint32_t v, int) {
    return __atomic_exchange_n(static_cast<volatile std::uint32_t*>(p), v, __ATOMIC_SEQ_CST);
}
std::uint32_t __tsan_atomic32_fetch_add(volatile void* p, std::uint32_t v, int) {
    return __atomic_fetch_add(static_cast<volatile std::uint32_t*>(p), v, __ATOMIC_SEQ_CST);
}
std::uint32_t __tsan_atomic32_fetch_sub(volatile void* p, std::uint32_t v, int) {
    return __atomic_fetch_sub(static_cast<volatile std::uint32_t*>(p), v, __ATOMIC_SEQ_CST);
}
std::uint32_t __tsan_atomic32_fetch_and(volatile void* p, std::uint32_t v, int) {
    return __atomic_fetch_and(static_cast<volatile std::uint32_t*>(p), v, __ATOMIC_SEQ_CST);
}
std::uint32_t __tsan_atomic32_fetch_or(volatile void* p, std::uint32_t v, int) {
    return __atomic_fetch_or(static_cast<volatile std::uint32_t*>(p), v, __ATOMIC_SEQ_CST);
}
std::uint32_t __tsan_atomic32_fetch_xor(volatile void* p, std::uint32_t v, int) {
    return __atomic_fetch_xor(static_cast<volatile std::uint32_t*>(p), v, __ATOMIC_SEQ_CST);
}
std::uint32_t __tsan_atomic32_fetch_nand(volatile void* p, std::uint32_t v, int) {
    return __atomic_fetch_nand(static_cast<volatile std::uint32_t*>(p), v, __ATOMIC_SEQ_CST);
}
bool __tsan_atomic32_compare_exchange_strong(
    volatile void* p, void* expected, std::uint32_t v, int, int) {
    return __atomic_compare_exchange_n(static_cast<volatile std::uint32_t*>(p),
                                       static_cast<std::uint32_t*>(expected),
                                       v,
                                       false,
                                       __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}
bool __tsan_atomic32_compare_exchange_weak(
    volatile void* p, void* expected, std::uint32_t v, int, int) {
    return __atomic_compare_exchange_n(static_cast<volatile std::uint32_t*>(p),
                                       static_cast<std::uint32_t*>(expected),
                                       v,
                                       false,
                                       __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}
std::uint32_t __tsan_atomic32_compare_exchange_val(
    volatile void* p, std::uint32_t expected, std::uint32_t v, int, int) {
    __atomic_compare_exchange_n(static_cast<volatile std::uint32_t*>(p),
                                &expected,
                                v,
                                false,
                                __ATOMIC_SEQ_CST,
                                __ATOMIC_SEQ_CST);
    return expected;
}

std::uint64_t __tsan_atomic64_load(const volatile void* p, int) {
    return __atomic_load_n(static_cast<const volatile std::uint64_t*>(p), __ATOMIC_SEQ_CST);
}
void __tsan_atomic64_store(volatile void* p, std::uint64_t v, int) {
    __atomic_store_n(static_cast<volatile std::uint64_t*>(p), v, __ATOMIC_SEQ_CST);
}
std::uint64_t __tsan_atomic64_exchange(volatile void* p, std::uint64_t v, int) {
    return __atomic_exchange_n(static_cast<volatile std::uint64_t*>(p), v, __ATOMIC_SEQ_CST);
}
std::uint64_t __tsan_atomic64_fetch_add(volatile void* p, std::uint64_t v, int) {
    return __atomic_fetch_add(static_cast<volatile std::uint64_t*>(p), v, __ATOMIC_SEQ_CST);
}
std::uint64_t __tsan_atomic64_fetch_sub(volatile void* p, std::uint64_t v, int) {
    return __atomic_fetch_sub(static_cast<volatile std::uint64_t*>(p), v, __ATOMIC_SEQ_CST);
}
std::uint64_t __tsan_atomic64_fetch_and(volatile void* p, std::uint64_t v, int) {
    return __atomic_fetch_and(static_cast<volatile std::uint64_t*>(p), v, __ATOMIC_SEQ_CST);
}
std::uint64_t __tsan_atomic64_fetch_or(volatile void* p, std::uint64_t v, int) {
    return __atomic_fetch_or(static_cast<volatile std::uint64_t*>(p), v, __ATOMIC_SEQ_CST);
}
std::uint64_t __tsan_atomic64_fetch_xor(volatile void* p, std::uint64_t v, int) {
    return __atomic_fetch_xor(static_cast<volatile std::uint64_t*>(p), v, __ATOMIC_SEQ_CST);
}
std::uint64_t __tsan_atomic64_fetch_nand(volatile void* p, std::uint64_t v, int) {
    return __atomic_fetch_nand(static_cast<volatile std::uint64_t*>(p), v, __ATOMIC_SEQ_CST);
}
bool __tsan_atomic64_compare_exchange_strong(
    volatile void* p, void* expected, std::uint64_t v, int, int) {
    return __atomic_compare_exchange_n(static_cast<volatile std::uint64_t*>(p),
                                       static_cast<std::uint64_t*>(expected),
                                       v,
                                       false,
                                       __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}
bool __tsan_atomic64_compare_exchange_weak(
    volatile void* p, void* expected, std::uint64_t v, int, int) {
    return __atomic_compare_exchange_n(static_cast<volatile std::uint64_t*>(p),
                                       static_cast<std::uint64_t*>(expected),
                                       v,
                                       false,
                                       __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}
std::uint64_t __tsan_atomic64_compare_exchange_val(
    volatile void* p, std::uint64_t expected, std::uint64_t v, int, int) {
    __atomic_compare_exchange_n(static_cast<volatile std::uint64_t*>(p),
                                &expected,
                                v,
                                false,
                                __ATOMIC_SEQ_CST,
                                __ATOMIC_SEQ_CST);
    return expected;
}

}  // extern "C"
