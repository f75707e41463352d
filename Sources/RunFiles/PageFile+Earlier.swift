// What stands under the name of the page before a run begins: writable, ours, free, and set aside.

import Glibc
import Platform
import Reproducibility
import RunPage

extension PageFile {
  /// - Parameter run: that goes on; nil for one that begins.
  /// - Throws: `InvalidInput` if no page can be written there, another job writes it, or it is another run's.
  package static func checkIsFree(_ path: String, for run: UInt64?) throws {
    if let obstacle = EarlierOutput.obstacle(to: path) { throw unwritable(path, obstacle) }
    guard FilePlace("", path).kind == .regular else { return }
    do {
      _ = try lock(path)
    } catch let failure as RuntimeFailure {
      throw unwritable(path, "\(failure)")
    }
    if let run { try refuseOtherRun(at: path, XXHash64.hexadecimal(run)) }
  }

  /// - Throws: `InvalidInput` when there is a file that is no page of ours.
  package static func refuseForeignFile(at path: String) throws {
    do {
      guard try PageMark.isPage(path) else {
        throw InvalidInput("\(path) is not a page of a run and would be replaced; choose another --page")
      }
    } catch let failure as RuntimeFailure {
      throw unwritable(path, "\(failure)")
    }
  }

  /// - Throws: `InvalidInput` when there is the page of another run.
  static func refuseOtherRun(at path: String, _ run: String) throws {
    try refuseForeignFile(at: path)
    guard let other = PageMark.run(of: path), other != run else { return }
    throw InvalidInput(
      "the page \(path) is another run's (\(other), the checkpoint's is \(run)); choose another --page file")
  }

  /// Removes temporary files of a job that was killed while it wrote the page: nobody else does now.
  static func removeLeftovers(of path: String) {
    let folder = folder(of: path)
    for name in (try? fileNames(in: folder)) ?? []
    where FileReplacement.finalName(ofTemporary: name) == fileName(of: path) {
      _ = unlink("\(folder)/\(name)")
    }
  }

  /// Renames the page of an earlier run.
  /// - Returns: the new path; nil where there was nothing.
  package static func setAside(_ path: String) throws -> String? {
    do {
      return try EarlierOutput.setAside(path)
    } catch let failure as RuntimeFailure {
      throw unwritable(path, "\(failure)")
    }
  }
}
