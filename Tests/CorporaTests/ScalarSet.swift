// Which Unicode scalars occur in a text.

/// A set of scalars as a bitmap of the whole code space (139 kB): every character of a corpus is inserted.
struct ScalarSet {
  private var words = [UInt64](repeating: 0, count: 0x11_0000 / 64)

  mutating func insert(_ scalar: Unicode.Scalar) {
    words[Int(scalar.value / 64)] |= 1 << UInt64(scalar.value % 64)
  }

  /// In ascending order.
  var sorted: [Unicode.Scalar] {
    var scalars: [Unicode.Scalar] = []
    for (index, word) in words.enumerated() {
      var rest = word
      while rest != 0 {
        if let scalar = Unicode.Scalar(UInt32(index * 64 + rest.trailingZeroBitCount)) {
          scalars.append(scalar)
        }
        rest &= rest - 1
      }
    }
    return scalars
  }
}
