// The CPU features that this build targets, as Swift values.

import CTargetFeatures

/// Whether a·b + c compiles to one instruction.
public var targetHasFMA: Bool { target_has_fma() }

/// Vector instructions that this build uses, for the log.
public var targetVectorWidth: String {
  #if arch(arm64)
    "NEON"
  #else
    target_has_avx512() ? "AVX-512" : target_has_fma() ? "AVX2" : "SSE2"
  #endif
}
