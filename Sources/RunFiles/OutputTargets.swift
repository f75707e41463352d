// Where a run writes, checked before the first step: nothing that it reads, nothing that cannot hold a file.

import CheckpointFamilies
import Glibc
import Platform

/// A path under any of its names.
package struct FilePlace {
  /// For messages, `--metrics run.jsonl`.
  package let label: String
  package let path: String
  private let identity: FileIdentity?
  private let resolved: String

  package init(_ label: String, _ path: String) {
    self.label = label
    self.path = path
    identity = FileIdentity(path)
    // What does not exist yet is known by its folder, whatever that is called, and its name.
    let target = (try? FileReplacement.target(of: path)) ?? path
    let folder = (try? FileReplacement.target(of: Platform.folder(of: target))) ?? Platform.folder(of: target)
    resolved = "\(folder)/\(fileName(of: target))"
  }

  package func isSame(as other: FilePlace) -> Bool {
    identity != nil && identity == other.identity || resolved == other.resolved
  }

  /// What stands there; nil where there is nothing, or nothing that may be asked about.
  package var kind: FileKind? {
    var status = stat()
    return stat(path, &status) == 0 ? FileKind(status) : nil
  }

  /// Whether a file system is mounted on this very name, which then cannot be renamed over.
  package var isMountPoint: Bool {
    (smallFile("/proc/self/mountinfo") ?? "").split(separator: "\n").contains { line in
      let fields = line.split(separator: " ")
      return fields.count > 4 && fields[4] == resolved
    }
  }
}

package enum OutputTargets {
  /// - Parameters:
  ///   - inputs: files that the run reads.
  ///   - checkpoint: nil where nothing is saved.
  /// - Throws: `InvalidInput` naming the two, or what cannot be written to.
  package static func verify(inputs: [FilePlace], checkpoint: String?, metrics: String?, page: String? = nil)
    throws
  {
    var outputs: [FilePlace] = []
    if let checkpoint {
      let place = FilePlace("--checkpoint \(checkpoint)", checkpoint)
      try verifyCanBeReplaced(place, "a checkpoint")
      outputs.append(place)
      outputs += OutputLock.paths(of: checkpoint).map {
        FilePlace("the lock of --checkpoint \(checkpoint)", $0)
      }
    }
    if let metrics {
      let place = FilePlace("--metrics \(metrics)", metrics)
      guard place.kind != .folder, !metrics.hasSuffix("/") else {
        throw InvalidInput("\(place.label) is a folder; give the name of a file")
      }
      for other in outputs where other.isSame(as: place) {
        throw InvalidInput("\(place.label) is also \(other.label); give two files")
      }
      outputs.append(place)
    }
    if let page {
      let place = FilePlace("--page \(page)", page)
      try verifyCanBeReplaced(place, "a page")
      for other in outputs where other.isSame(as: place) {
        throw InvalidInput("\(place.label) is also \(other.label); give two files")
      }
      outputs.append(place)
    }
    for output in outputs {
      for input in inputs where input.isSame(as: output) && output.kind != .device {
        throw InvalidInput("\(output.label) is \(input.label), which this run reads; give another file")
      }
    }
  }

  /// Checkpoint and page are replaced by renaming, so only a regular file, or none yet, can be one.
  private static func verifyCanBeReplaced(_ place: FilePlace, _ what: String) throws {
    let remedy = "give the name of a file"
    guard !place.path.hasSuffix("/") else { throw InvalidInput("\(place.label) is a folder; \(remedy)") }
    if let kind = place.kind, kind != .regular {
      throw InvalidInput("\(place.label) is \(kind.words), which cannot hold \(what); \(remedy)")
    }
    // Beside it stand a temporary file and the kept steps, whose names are longer.
    guard fileName(of: place.path).utf8.count <= 200 else {
      throw InvalidInput("\(place.label) has a name of more than 200 bytes; choose a shorter one")
    }
    guard !place.isMountPoint else {
      throw InvalidInput(
        "\(place.label) is a file that is mounted there by itself, so that no other can take its place; mount its "
          + "folder, or give another file")
    }
  }
}
