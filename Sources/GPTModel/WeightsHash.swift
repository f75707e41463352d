// The hash that tells whether two models are bit-identical.

import Kernels
import Reproducibility

extension ParameterTable {
  /// XXH64 of the tensors' bytes in table order, without padding, as 16 hexadecimal digits.
  public func weightsHash(of arena: FloatArena) -> String {
    XXHash64.hexadecimal(weightsDigest(of: arena))
  }

  public func weightsDigest(of arena: FloatArena) -> UInt64 {
    precondition(arena.count == arenaCount)
    var hasher = XXHash64()
    for entry in entries {
      hasher.update(
        UnsafeRawBufferPointer(UnsafeBufferPointer(start: arena.base + entry.offset, count: entry.count)))
    }
    return hasher.digest()
  }
}
