// A file that exists in memory only, for libhdf5 to write or to read through ImageDriver. What is large in it, the floats
// of a model, stays where it is: the file refers to that memory instead of copying it.

/// Bytes from 0 to `count`. Used by one thread at a time.
final class ImageFile {
  /// Small writes, by page number: headers of groups and datasets, values, small tensors.
  private var pages: [Int: UnsafeMutableRawBufferPointer] = [:]
  private static let pageSize = 4096
  /// Large writes, by offset, ascending; they overlap nothing.
  private var loans: [(offset: Int, bytes: UnsafeRawBufferPointer)] = []
  /// Memory that may be referred to.
  private let lenders: [UnsafeRawBufferPointer]
  private(set) var count = 0
  /// The end of what libhdf5 has allocated; it keeps that here.
  var allocated: UInt = 0

  /// An empty file.
  /// - Parameter lenders: memory that neither moves nor changes as long as this file is used.
  init(lenders: [UnsafeRawBufferPointer]) { self.lenders = lenders }

  /// A file of these bytes, which must outlive it.
  init(_ bytes: UnsafeRawBufferPointer) {
    lenders = []
    loans = [(0, bytes)]
    count = bytes.count
  }

  deinit {
    for page in pages.values { page.deallocate() }
  }

  /// - Returns: false for a write that takes the place of floats.
  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Bool {
    guard !bytes.isEmpty else { return true }
    let end = offset + bytes.count
    guard !loans.contains(where: { $0.offset < end && offset < $0.offset + $0.bytes.count }) else {
      return false
    }
    count = max(count, end)
    if bytes.count >= Self.pageSize, lenders.contains(where: { $0.includes(bytes) }) {
      let index = loans.lastIndex { $0.offset < offset }.map { $0 + 1 } ?? 0
      loans.insert((offset, bytes), at: index)
      return true
    }
    forEachPage(of: offset..<end) { number, inPage, inRange in
      let page = pages[number] ?? Self.emptyPage()
      pages[number] = page
      UnsafeMutableRawBufferPointer(rebasing: page[inPage]).copyMemory(
        from: UnsafeRawBufferPointer(rebasing: bytes[inRange]))
    }
    return true
  }

  /// Extends the file to its allocated end.
  func extend() { count = max(count, Int(allocated)) }

  /// Fills `buffer`; what was never written, and what lies beyond the end, reads as zeros.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) {
    guard !buffer.isEmpty else { return }
    let end = offset + buffer.count
    if let loan = loans.first(where: { $0.offset <= offset && end <= $0.offset + $0.bytes.count }) {
      buffer.copyMemory(
        from: UnsafeRawBufferPointer(rebasing: loan.bytes[offset - loan.offset..<end - loan.offset]))
      return
    }
    _ = buffer.initializeMemory(as: UInt8.self, repeating: 0)
    let range = offset..<end
    forEachPage(of: range) { number, inPage, inRange in
      guard let page = pages[number] else { return }
      UnsafeMutableRawBufferPointer(rebasing: buffer[inRange]).copyMemory(
        from: UnsafeRawBufferPointer(rebasing: page[inPage]))
    }
    for loan in loans {
      let shared = range.clamped(to: loan.offset..<loan.offset + loan.bytes.count)
      guard !shared.isEmpty else { continue }
      let source = loan.bytes[shared.lowerBound - loan.offset..<shared.upperBound - loan.offset]
      UnsafeMutableRawBufferPointer(
        rebasing: buffer[shared.lowerBound - offset..<shared.upperBound - offset]
      ).copyMemory(from: UnsafeRawBufferPointer(rebasing: source))
    }
  }

  /// The bytes from `start` to `end` in order, during `body`: what is referred to, and copies of what is between.
  func withParts<Result>(
    from start: Int, to end: Int, _ body: ([UnsafeRawBufferPointer]) throws -> Result
  ) rethrows -> Result {
    var parts: [UnsafeRawBufferPointer] = []
    var copies: [UnsafeMutableRawBufferPointer] = []
    defer { for copy in copies { copy.deallocate() } }
    var offset = start
    func copy(to next: Int) {
      guard next > offset else { return }
      let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: next - offset, alignment: 16)
      read(into: copy, at: offset)
      copies.append(copy)
      parts.append(UnsafeRawBufferPointer(copy))
      offset = next
    }
    for loan in loans where loan.offset >= start && loan.offset + loan.bytes.count <= end {
      copy(to: loan.offset)
      parts.append(loan.bytes)
      offset = loan.offset + loan.bytes.count
    }
    copy(to: end)
    return try withExtendedLifetime(self) { try body(parts) }
  }

  private static func emptyPage() -> UnsafeMutableRawBufferPointer {
    let page = UnsafeMutableRawBufferPointer.allocate(byteCount: pageSize, alignment: 16)
    _ = page.initializeMemory(as: UInt8.self, repeating: 0)
    return page
  }

  private func forEachPage(
    of range: Range<Int>, _ body: (_ number: Int, _ inPage: Range<Int>, _ inRange: Range<Int>) -> Void
  ) {
    var offset = range.lowerBound
    while offset < range.upperBound {
      let (number, first) = offset.quotientAndRemainder(dividingBy: Self.pageSize)
      let length = min(Self.pageSize - first, range.upperBound - offset)
      let begin = offset - range.lowerBound
      body(number, first..<first + length, begin..<begin + length)
      offset += length
    }
  }
}

extension UnsafeRawBufferPointer {
  fileprivate func includes(_ other: UnsafeRawBufferPointer) -> Bool {
    guard let base = baseAddress, let start = other.baseAddress else { return false }
    return start >= base && start + other.count <= base + count
  }
}
