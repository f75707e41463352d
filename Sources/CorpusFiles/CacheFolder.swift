// Folders in which the programs remember what they would otherwise have to find out again. Everything here may be
// deleted at any time. What stands here is checked before it is used; what cannot be written is not remembered.

import Glibc
import Platform
import Reproducibility

public struct CacheFolder: Sendable, Equatable {
  public let path: String
  /// What is here is used, and nothing is added.
  public let isReadOnly: Bool

  public init(path: String, isReadOnly: Bool = false) {
    self.path = path
    self.isReadOnly = isReadOnly
  }

  public var readOnly: CacheFolder { CacheFolder(path: path, isReadOnly: true) }

  /// `$XDG_CACHE_HOME/microgpt`, else `~/.cache/microgpt`; nil for a user without a home.
  public static var ofUser: CacheFolder? {
    // A relative one is to be ignored, says the XDG base directory specification.
    if let folder = environmentVariable("XDG_CACHE_HOME"), folder.hasPrefix("/") {
      return CacheFolder(path: folder + "/microgpt")
    }
    guard let home = environmentVariable("HOME"), home.hasPrefix("/") else { return nil }
    return CacheFolder(path: home + "/.cache/microgpt")
  }

  /// Where to look, and to write to the first that can be written.
  ///
  /// - Parameters:
  ///   - texts: the files that are read.
  ///   - dataFolder: if all of them are in it, what is remembered is, too; else it is the last resort.
  public static func candidates(for texts: [String], dataFolder: String) -> [CacheFolder] {
    let own = CacheFolder(path: dataFolder + "/.cache")
    let data = absolutePath(of: dataFolder)
    let isOwn = !texts.isEmpty && texts.allSatisfy { folder(of: absolutePath(of: $0)) == data }
    return isOwn ? [own] + [ofUser].compactMap { $0 } : [ofUser].compactMap { $0 } + [own]
  }

  // MARK: Records

  /// Of every record, with the version of what follows: another one is no record.
  private static let mark = Array("microgpt cache 1".utf8)
  private static let largestRecord = 64 << 20
  /// The oldest go when there are more.
  private static let mostRecords = 200

  /// The content of a record; nil where there is none that is whole, regular and by a trusted user.
  public func record(_ name: String) -> [UInt8]? {
    guard let file = try? FileDescriptor(open: "\(path)/\(name)", O_RDONLY | O_NOFOLLOW | O_NONBLOCK),
      let status = try? file.status(), FileKind(status) == .regular, Self.trusts(status),
      (Self.mark.count + 8...Self.largestRecord).contains(Int(status.st_size))
    else { return nil }
    var bytes = [UInt8](repeating: 0, count: Int(status.st_size) + 1)
    guard let count = try? bytes.withUnsafeMutableBytes({ try file.readFully($0) }),
      count == bytes.count - 1, bytes.starts(with: Self.mark)
    else { return nil }
    let content = bytes[Self.mark.count..<count - 8]
    let digest = bytes[(count - 8)..<count].enumerated().reduce(UInt64(0)) {
      $0 | UInt64($1.element) << UInt64(8 * $1.offset)
    }
    return content.withUnsafeBytes { XXHash64.hash($0) } == digest ? Array(content) : nil
  }

  /// Whoever may write to our files may as well write to the corpus.
  static func trusts(_ status: stat) -> Bool { status.st_uid == geteuid() || status.st_uid == 0 }

  /// - Returns: whether it is remembered.
  @discardableResult
  public func store(_ content: [UInt8], as name: String) -> Bool {
    let file = "\(path)/\(name)"
    guard !isReadOnly, (try? createFolder(of: file)) != nil else { return false }
    var digest = ByteWriter()
    digest.append(content.withUnsafeBytes { XXHash64.hash($0) })
    guard (try? FileReplacement.replace(file, with: Self.mark + content + digest.bytes)) != nil else {
      return false
    }
    removeOldest(like: name)
    return true
  }

  /// What is of a text or a file that is long gone, nobody will ask for again.
  private func removeOldest(like name: String) {
    let suffix = stemAndSuffix(of: name).suffix
    guard let names = try? fileNames(in: path) else { return }
    let records = names.filter { $0.hasSuffix(suffix) }
    guard records.count > Self.mostRecords else { return }
    let aged = records.map { record -> (String, Int) in
      var status = stat()
      return ("\(path)/\(record)", stat("\(path)/\(record)", &status) == 0 ? status.st_mtim.tv_sec : 0)
    }
    for (record, _) in aged.sorted(by: { $0.1 < $1.1 }).prefix(records.count - Self.mostRecords) {
      _ = unlink(record)
    }
  }
}
