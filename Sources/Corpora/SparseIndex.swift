// Where characters or documents lie in a text, to within a few kilobytes: the rest is found by reading them. Its size
// does not depend on the text's.

import Platform

/// Marks at the bytes 0, stride, 2 · stride, …: how many items begin before each.
struct SparseIndex: Equatable, Sendable {
  /// Bytes between two marks, a power of two.
  let stride: Int
  /// `2 · count + flag`. Documents: whether the line at the mark has already begun one; characters: 0.
  let marks: [Int]

  /// At least so many bytes: an index of small texts that costs nothing to read.
  static let smallestStride = 64
  /// At most so many marks, 2 MB: 1 GB of text has one every 4 KiB.
  static let mostMarks = 1 << 18

  static func stride(forBytes byteCount: Int, mostMarks: Int = mostMarks) -> Int {
    var stride = smallestStride
    while byteCount / stride >= mostMarks { stride *= 2 }
    return stride
  }

  /// A place from which item `number` is found.
  struct Place {
    /// First byte; it may be within a character, which then began before.
    let offset: Int
    /// The number of the next item that begins there or later.
    let next: Int
    let flag: Bool
  }

  /// The last mark that is not behind the beginning of item `number`.
  func place(of number: Int) -> Place {
    var (low, high) = (0, marks.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if marks[middle] >> 1 <= number { low = middle } else { high = middle }
    }
    return Place(offset: low * stride, next: marks[low] >> 1, flag: marks[low] & 1 != 0)
  }

  /// Whether marks can be those of a text with `itemCount` items.
  func isSound(byteCount: Int, itemCount: Int) -> Bool {
    stride >= 1 && stride & (stride - 1) == 0 && marks.count == (byteCount + stride - 1) / stride
      && marks.first.map { $0 >> 1 == 0 } == true && marks.allSatisfy { $0 >= 0 && $0 >> 1 <= itemCount }
      && zip(marks, marks.dropFirst()).allSatisfy { $0 >> 1 <= $1 >> 1 && $1 >> 1 - $0 >> 1 <= stride }
  }

  func append(to writer: inout ByteWriter) {
    writer.append(stride)
    writer.append(list: marks)
  }

  init(stride: Int, marks: [Int]) {
    self.stride = stride
    self.marks = marks
  }

  init(_ reader: inout ByteReader) throws {
    stride = try reader.number()
    marks = try reader.list()
  }
}
