// What an earlier run has left under the same name is set aside, not replaced.

import CheckpointFamilies
import Checkpointing
import Glibc
import Platform

extension CheckpointRotation {
  /// Renames the files of an earlier run: `model.jld2`, `model.best.jld2` and the kept steps become
  /// `model.old-1.jld2`, `model.old-1.best.jld2`, …, with the first number that is free.
  ///
  /// - Returns: the new paths, that of the newest state first; none where there was nothing.
  /// - Throws: `InvalidInput` when one cannot be renamed.
  package static func setAside(_ path: String) throws -> [String] {
    try placesAside(path).map { place in
      do {
        try FileReplacement.move(place.target, to: place.new)
      } catch {
        throw InvalidInput(
          "cannot set aside \(place.old) of an earlier run: \(error); give another --checkpoint, or --replace"
        )
      }
      return place.new
    }
  }

  /// A file of an earlier run.
  package struct PlaceAside {
    package let old: String
    /// What `old` leads to.
    let target: String
    package let new: String
  }

  /// What `setAside` would rename; touches nothing.
  package static func placesAside(_ path: String) throws -> [PlaceAside] {
    let candidates =
      [path, CheckpointFamily.bestPath(of: path)] + ((try? CheckpointFamily.stepFiles(of: path)) ?? [])
    let existing = candidates.filter { FileIdentity($0) != nil }
    guard !existing.isEmpty else { return [] }
    let names = (try? fileNames(in: folder(of: path))) ?? []
    let stem = stemAndSuffix(of: fileName(of: path)).stem
    var number = 1
    while names.contains(where: { $0.hasPrefix("\(stem).old-\(number).") || $0 == "\(stem).old-\(number)" }) {
      number += 1
    }
    return try existing.map { old in
      // A symbolic link stays and leads to the new file, as it led to the old one.
      let target = try FileReplacement.target(of: old)
      let place = isSymbolicLink(old) ? target : old
      let kept = stem + ".old-\(number)" + fileName(of: old).dropFirst(stem.count)
      return PlaceAside(
        old: old, target: target, new: "\(place.dropLast(fileName(of: place).count))\(kept)")
    }
  }

  /// - Throws: `InvalidInput` when there is a file that is no checkpoint, whole or damaged, of any program.
  package static func refuseForeignFile(at path: String) throws {
    guard FileIdentity(path) != nil else { return }
    let isCheckpoint: Bool
    do {
      isCheckpoint = try CheckpointFile.mayBeCheckpoint(path)
    } catch {
      throw InvalidInput("the checkpoint \(path) cannot be read: \(error); choose another --checkpoint")
    }
    guard isCheckpoint else {
      throw InvalidInput("\(path) is not a checkpoint and would be replaced; choose another --checkpoint")
    }
  }
}
