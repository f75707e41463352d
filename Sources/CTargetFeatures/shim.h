// What the C compiler knows about the CPU it compiles for: Swift has no `#if` for target features.
// Constants after inlining, so a branch on them costs nothing.
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
