// What the C compiler knows about its target CPU (Swift has no `#if` for target features; these are constants
// after inlining), and instructions that Swift has no name for.
#pragma once
#include <stdbool.h>

// True where a*b+c is one instruction. Without it Swift's addProduct is a call into libm.
static inline bool target_has_fma(void) {
#if defined(__FMA__) || defined(__aarch64__)
  return true;
#else
  return false;
#endif
}

// True where a vector register holds 16 floats.
static inline bool target_has_avx512(void) {
#if defined(__AVX512F__)
  return true;
#else
  return false;
#endif
}

// Asks for a cache line that is about to be written: the tile of C while its sums are computed.
static inline void target_prefetch(const void *address) { __builtin_prefetch(address, 1, 3); }

// Tells the CPU that a loop only waits for another thread.
static inline void target_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// 16 square roots at once: Swift's SIMD16.squareRoot() is 16 scalar ones.
typedef float target_float16 __attribute__((vector_size(64)));
static inline target_float16 target_sqrt(target_float16 x) { return __builtin_elementwise_sqrt(x); }
