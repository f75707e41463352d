// Memory that the ranks of a host share: what one writes, the others read, and nothing is copied.

import Glibc
import Platform
import Reduction
import Synchronization

/// Memory of one host's ranks. It belongs to no file system and goes with the last process that uses it.
final class SharedMemory {
  private let file: FileDescriptor
  private let identity: [UInt64]
  private var size = SharedMemory.pageSize
  private var mappings: [UnsafeMutableRawBufferPointer] = []

  static let pageSize = 4096

  /// Creates memory to offer to the other ranks.
  /// - Throws: `RuntimeFailure` if the system gives none.
  init() throws {
    // Memory that counts as a file has the limits of one.
    guard Machine.largestFile == nil else { throw RuntimeFailure("the size of files is limited") }
    file = try FileDescriptor(inMemory: "microgpt-exchange")
    var random = SystemRandomNumberGenerator()
    identity = [random.next(), random.next()]
    try grow(to: size)
    let written = identity.withUnsafeBytes { pwrite(file.raw, $0.baseAddress, $0.count, 0) }
    guard written == 16 else { throw RuntimeFailure(systemError()) }
  }

  /// What another process of this host needs to open it.
  var offer: [UInt8] {
    var writer = ByteWriter()
    writer.append(Int(getpid()))
    writer.append(Int(file.raw))
    for word in identity { writer.append(word) }
    return writer.bytes
  }

  /// Opens what another rank offers.
  /// - Throws: `RuntimeFailure` if this process cannot see the other one, or sees another one in its place.
  init(accepting offer: [UInt8]) throws {
    var reader = ByteReader(offer, garbled: RuntimeFailure("no memory was offered"))
    let (process, descriptor) = (try reader.number(Int.self), try reader.number(Int.self))
    identity = [try reader.number(), try reader.number()]
    guard Machine.largestFile == nil else { throw RuntimeFailure("the size of files is limited") }
    file = try FileDescriptor(open: "/proc/\(process)/fd/\(descriptor)", O_RDWR | O_NONBLOCK)
    var found: [UInt64] = [0, 0]
    let count = try found.withUnsafeMutableBytes { try file.readFully($0, at: 0) }
    guard count == 16, found == identity else { throw RuntimeFailure("it is another process's") }
  }

  deinit { for mapping in mappings { munmap(mapping.baseAddress, mapping.count) } }

  /// More memory, zeroed, at the beginning of a page. All ranks that share it ask for the same, in the same order.
  func allocate(byteCount: Int) throws -> UnsafeMutableRawPointer {
    let count = (max(1, byteCount) + Self.pageSize - 1) / Self.pageSize * Self.pageSize
    let start = size
    try grow(to: start + count)
    size = start + count
    let base = mmap(nil, count, PROT_READ | PROT_WRITE, MAP_SHARED, file.raw, off_t(start))
    guard let base, base != MAP_FAILED else {
      throw RuntimeFailure("cannot map \(count >> 20) MB that the ranks of a host share: \(systemError())")
    }
    // Only advice: fewer address translations where the system allows it.
    madvise(base, count, MADV_HUGEPAGE)
    mappings.append(UnsafeMutableRawBufferPointer(start: base, count: count))
    return base
  }

  /// The same for a rank that is alone.
  static func unshared(byteCount: Int) -> UnsafeMutableRawPointer {
    let hugePage = 2 << 20
    let base = UnsafeMutableRawPointer.allocate(
      byteCount: max(pageSize, byteCount), alignment: byteCount >= hugePage ? hugePage : pageSize)
    if byteCount >= hugePage { madvise(base, byteCount, MADV_HUGEPAGE) }
    base.initializeMemory(as: UInt8.self, repeating: 0, count: max(pageSize, byteCount))
    return base
  }

  private func grow(to size: Int) throws {
    // Every rank does it, to the same size: whoever comes first.
    guard ftruncate(file.raw, off_t(size)) == 0 else {
      throw RuntimeFailure("cannot have \(size >> 20) MB that the ranks of a host share: \(systemError())")
    }
  }
}

extension Communicator {
  /// Finds which ranks share memory and opens it; a collective call.
  ///
  /// - Returns: a layout in which the ranks of a host that cannot share count as a host each, and the memory, if this
  ///   rank shares any.
  func shareMemory() throws -> (HostLayout, SharedMemory?) {
    let hosts = HostLayout(names: peers.map(\.host))
    let own = hosts.hosts[hosts.host(of: rank)]
    var memory: SharedMemory?
    if own.count > 1, own[0] == rank { memory = try? SharedMemory() }
    let offers = try allgather(memory?.offer ?? [])
    if own.count > 1, own[0] != rank { memory = try? SharedMemory(accepting: offers[own[0]]) }
    let haveIt = try allgather([memory == nil ? 0 : 1]).map { $0 == [1] }
    let names = (0..<worldSize).map { rank in
      let ranks = hosts.hosts[hosts.host(of: rank)]
      return ranks.allSatisfy { haveIt[$0] } ? ranks[0] : rank
    }
    let layout = HostLayout(names: names)
    return (layout, layout.hosts[layout.host(of: rank)].count > 1 ? memory : nil)
  }
}
