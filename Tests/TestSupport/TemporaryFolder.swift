// A folder for one test, gone after it.

import Foundation
import Synchronization

public final class TemporaryFolder: Sendable {
  public let path: String
  /// Folders that static values keep, whose `deinit` never comes.
  private static let living = Mutex<Set<String>>([])
  private static let removeAtExit: Void = {
    atexit { for path in living.withLock({ $0 }) { try? FileManager.default.removeItem(atPath: path) } }
  }()

  public init() throws {
    path = "\(FileManager.default.temporaryDirectory.path)/microgpt-test-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    _ = Self.removeAtExit
    Self.living.withLock { _ = $0.insert(path) }
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
    Self.living.withLock { _ = $0.remove(path) }
  }

  /// - Returns: the name, for command lines of processes that run here.
  @discardableResult
  public func write(_ bytes: some Sequence<UInt8>, to name: String) throws -> String {
    try Data(bytes).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
    return name
  }

  /// Writes a file and gives its path.
  public func file(_ bytes: some Sequence<UInt8>, named name: String = "corpus.txt") throws -> String {
    "\(path)/\(try write(bytes, to: name))"
  }

  /// Of what lies directly in it.
  public var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: path).sorted()) ?? [] }

  public func data(_ name: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(name)"))
  }

  public func text(_ name: String) throws -> String { String(decoding: try data(name), as: UTF8.self) }

  /// Every file and folder below, with the contents of the files.
  public var contents: [String: Data] {
    let names = (try? FileManager.default.subpathsOfDirectory(atPath: path)) ?? []
    return names.reduce(into: [:]) { $0[$1] = (try? data($1)) ?? Data() }
  }
}
