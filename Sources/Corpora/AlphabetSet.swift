// Which characters occur in a text: a memory that every character of a corpus is written into.

/// A set of Unicode scalars. Frequent ones have a byte each, which is written without being read first; all others a
/// bit of the whole code space (139 kB).
final class AlphabetSet {
  /// Of two bytes in UTF-8 at most.
  static let frequentCount = 0x800
  let frequent = UnsafeMutablePointer<UInt8>.allocate(capacity: frequentCount)
  private let words = UnsafeMutablePointer<UInt64>.allocate(capacity: 0x11_0000 / 64)

  init() {
    frequent.initialize(repeating: 0, count: Self.frequentCount)
    words.initialize(repeating: 0, count: 0x11_0000 / 64)
  }

  deinit {
    frequent.deallocate()
    words.deallocate()
  }

  @inline(__always)
  func insert(_ scalar: UInt32) {
    if scalar < Self.frequentCount {
      frequent[Int(scalar)] = 1
    } else {
      words[Int(scalar >> 6)] |= 1 << UInt64(scalar & 63)
    }
  }

  func formUnion(_ other: AlphabetSet) {
    for index in 0..<Self.frequentCount { frequent[index] |= other.frequent[index] }
    for index in 0..<0x11_0000 / 64 { words[index] |= other.words[index] }
  }

  /// In ascending order.
  var sorted: [Unicode.Scalar] {
    let few = (0..<Self.frequentCount).filter { frequent[$0] != 0 }
    var many: [Int] = []
    for word in 0..<0x11_0000 / 64 where words[word] != 0 {
      for bit in 0..<64 where words[word] & 1 << UInt64(bit) != 0 { many.append(word * 64 + bit) }
    }
    return (few + many).compactMap { Unicode.Scalar(UInt32($0)) }
  }
}
