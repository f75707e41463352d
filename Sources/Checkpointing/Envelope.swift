// The first 512 bytes of a checkpoint: the text that JLD2.load insists on, our digest of everything after them, and
// which run it is of, which a damaged file can still say. HDF5 calls this the user block and ignores it, as JLD2
// ignores our two.

import Platform
import Reproducibility

enum Envelope {
  static let size = 512
  /// JLD2 reads up to the first NUL; the part in parentheses is for people.
  static let text = "HDF5-based Julia Data Format, version 0.1.1\0 (MicroGPT for Swift, 64-bit LE)\0"
  static let digestOffset = 256
  static let digestKey = "xxh64="
  static let runOffset = 288
  static let runKey = "run="
  /// What every HDF5 superblock begins with.
  static let signature: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]

  /// The envelope of a file whose bytes from 512 on have this digest.
  ///
  /// - Parameter run: `TrainingState.runFingerprint`; nil in files of earlier versions and of weights only.
  static func bytes(digest: UInt64, run: UInt64? = nil) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: size)
    func put(_ text: String, at offset: Int) {
      bytes.replaceSubrange(offset..<offset + text.utf8.count, with: text.utf8)
    }
    put(text, at: 0)
    put(digestKey + XXHash64.hexadecimal(digest), at: digestOffset)
    if let run { put(runKey + XXHash64.hexadecimal(run), at: runOffset) }
    return bytes
  }

  enum Content: Equatable {
    /// Ours: the digest that the rest of the file must have, and its run where it says so.
    case digest(UInt64, run: UInt64?)
    /// HDF5 without our digest: written by h5py, JLD2 or another program.
    case plain
  }

  /// What the first bytes of a file (up to 520) indicate.
  /// - Throws: `InvalidInput` if it is not HDF5, or ours but damaged.
  static func content(_ head: [UInt8]) throws -> Content {
    if head.starts(with: signature) { return .plain }
    guard head.count >= size + signature.count else {
      throw InvalidInput("it is too short (\(head.count) bytes) for a checkpoint")
    }
    func number(_ key: String, at offset: Int) -> UInt64? {
      let start = offset + key.utf8.count
      return UInt64(String(decoding: head[start..<start + 16], as: UTF8.self), radix: 16)
    }
    let run = number(runKey, at: runOffset)
    if let digest = number(digestKey, at: digestOffset),
      Array(head[..<size]) == bytes(digest: digest, run: run)
    {
      return .digest(digest, run: run)
    }
    // Any trace of our envelope means that some of its bytes have changed.
    let hasOurText = head[..<digestOffset].elementsEqual(bytes(digest: 0)[..<digestOffset])
    let isHDF5 = head[size...].starts(with: signature)
    let hasDigestTrace = head[digestOffset..<size].contains { $0 != 0 }
    if hasOurText || (isHDF5 && hasDigestTrace) {
      throw InvalidInput("it is damaged: its first 520 bytes are not what was written")
    }
    guard isHDF5 else { throw InvalidInput("it is not an HDF5 file") }
    return .plain
  }
}
