// Texts compressed by gzip or Zstandard, block by block. Recognized by how they begin, whatever they are called: no
// UTF-8 text begins like that.

import CZlib
import CZstd
import Platform

public enum Compression: String, Sendable {
  case gzip
  case zstd

  /// - Parameter head: the first bytes of a file.
  public init?(head: some Collection<UInt8>) {
    if head.starts(with: [0x1F, 0x8B]) {
      self = .gzip
    } else if head.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) {
      self = .zstd
    } else {
      return nil
    }
  }
}

/// One compressed file from its first byte to its last; several members or frames are one text.
public final class Decompressor {
  private let compression: Compression
  private var gzip = z_stream()
  private var zstd: OpaquePointer?
  /// Whether the bytes so far are whole members or frames.
  private var isAtEnd = false
  private var hasBegun = false
  private let output = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 64)

  /// - Throws: `RuntimeFailure` if there is no memory for it.
  public init(_ compression: Compression) throws {
    self.compression = compression
    switch compression {
    case .gzip:
      guard czlib_begin_gzip(&gzip) == Z_OK else { throw RuntimeFailure("zlib has no memory") }
    case .zstd:
      zstd = ZSTD_createDStream()
      guard let zstd, ZSTD_isError(ZSTD_initDStream(zstd)) == 0 else {
        throw RuntimeFailure("zstd has no memory")
      }
      // Frames of a window beyond 128 MB want more memory than a text is worth; zstd's own limit, too.
      ZSTD_DCtx_setParameter(zstd, ZSTD_d_windowLogMax, 27)
    }
  }

  deinit {
    switch compression {
    case .gzip: inflateEnd(&gzip)
    case .zstd: ZSTD_freeDStream(zstd)
    }
    output.deallocate()
  }

  /// - Parameter body: takes the text, piece by piece.
  /// - Throws: `RuntimeFailure` in words if the bytes are damaged.
  public func consume(_ input: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> Void) throws
  {
    guard input.count > 0 else { return }
    hasBegun = true
    switch compression {
    case .gzip: try inflate(input, body)
    case .zstd: try decompress(input, body)
    }
  }

  /// - Throws: `RuntimeFailure` if the file has ended too early.
  public func finish() throws {
    guard hasBegun, isAtEnd else { throw RuntimeFailure("it is cut off") }
  }

  private func inflate(
    _ input: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    gzip.next_in = UnsafeMutablePointer(
      mutating: input.baseAddress!.assumingMemoryBound(to: UInt8.self))
    gzip.avail_in = UInt32(input.count)
    repeat {
      if isAtEnd {
        // Another member, or what blocks of tapes are filled up with: zeros, as gzip itself has it.
        while gzip.avail_in > 0, gzip.next_in.pointee == 0 {
          gzip.next_in += 1
          gzip.avail_in -= 1
        }
        guard gzip.avail_in > 0 else { return }
        guard inflateReset(&gzip) == Z_OK else { throw RuntimeFailure("zlib fails") }
        isAtEnd = false
      }
      gzip.next_out = output.baseAddress!.assumingMemoryBound(to: UInt8.self)
      gzip.avail_out = UInt32(output.count)
      let status = CZlib.inflate(&gzip, Z_NO_FLUSH)
      let made = output.count - Int(gzip.avail_out)
      if made > 0 { try body(UnsafeRawBufferPointer(rebasing: output[0..<made])) }
      switch status {
      case Z_STREAM_END: isAtEnd = true
      case Z_OK: break
      // No room was left, or no input.
      case Z_BUF_ERROR: if gzip.avail_in == 0 { return }
      case Z_MEM_ERROR: throw RuntimeFailure("zlib has no memory")
      default:
        throw RuntimeFailure("it is damaged (\(gzip.msg.map { String(cString: $0) } ?? "zlib says no more"))")
      }
    } while gzip.avail_in > 0 || gzip.avail_out == 0
  }

  private func decompress(
    _ input: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
    while true {
      var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
      let hint = ZSTD_decompressStream(zstd, &target, &source)
      guard ZSTD_isError(hint) == 0 else {
        throw RuntimeFailure("it is damaged (\(String(cString: ZSTD_getErrorName(hint))))")
      }
      if target.pos > 0 { try body(UnsafeRawBufferPointer(rebasing: output[0..<target.pos])) }
      isAtEnd = hint == 0
      if source.pos == source.size, target.pos < target.size { return }
    }
  }
}
