// What stands under the name of the metrics file before a run begins: writable, ours, free, and set aside.

import Foundation
import Platform

extension MetricsFile {
  /// Tells early, without touching a file, what opening would tell: missing folders are made then.
  /// - Throws: `InvalidInput`.
  package static func checkIsWritable(_ path: String) throws {
    if let obstacle = EarlierOutput.obstacle(to: path) { throw unwritable(path, obstacle) }
  }

  /// - Throws: `InvalidInput` if another job writes it.
  package static func refuseHeldFile(at path: String) throws {
    guard FilePlace("", path).kind == .regular else { return }
    do {
      _ = try open(path, isRegular: true)
    } catch let failure as RuntimeFailure {
      throw unwritable(path, "\(failure)")
    }
  }

  /// Renames the metrics of an earlier run: `run.jsonl` becomes `run.old-1.jsonl`, with the first number that is free.
  ///
  /// - Returns: the new path; nil where there was nothing.
  /// - Throws: `InvalidInput` when it cannot be renamed.
  package static func setAside(_ path: String) throws -> String? {
    do {
      return try EarlierOutput.setAside(path)
    } catch let failure as RuntimeFailure {
      throw unwritable(path, "\(failure)")
    }
  }

  /// The name that `setAside` would give it; touches nothing.
  package static func placeAside(_ path: String) throws -> String? { try EarlierOutput.placeAside(path) }

  /// - Throws: `InvalidInput` when there is a file that does not begin with a line of metrics.
  package static func refuseForeignFile(at path: String) throws {
    guard FilePlace("", path).kind == .regular else { return }
    let head: [UInt8]
    do {
      head = try firstBytes(of: path, count: 1 << 16)
    } catch {
      throw unwritable(path, "\(error)")
    }
    let line = Data(head.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") })
    let object = try? JSONSerialization.jsonObject(with: line) as? [String: Any]
    guard head.isEmpty || object?["step"] is Int else {
      throw InvalidInput("\(path) is not a metrics file and would be replaced; choose another --metrics")
    }
  }
}
