// What --list says of a folder, and what --prune would remove from it and what it never removes.

import CheckpointFamilies
import CheckpointSupport
import Checkpointing
import Foundation
import Glibc
import Platform
import Testing
import TrainingState

@testable import CheckpointTools

@Suite struct CheckpointFolderTests {
  /// A folder of checkpoints, whose names say what they are.
  private struct Folder {
    let path: String
    let reader: ContainedReader

    func add(_ name: String, step: Int, seed: Int = 1, validation: Double = .nan, age: Int) throws {
      var snapshot = try Samples.snapshot(step: step)
      snapshot.training?.configuration.seed = seed
      snapshot.training?.progress.bestValidationLoss = validation
      try CheckpointFile.write(snapshot, to: "\(path)/\(name)")
      try touch(name, age: age)
    }

    func touch(_ name: String, age: Int) throws {
      try FileManager.default.setAttributes(
        [.modificationDate: Date(timeIntervalSince1970: Double(1_700_000_000 - age))],
        ofItemAtPath: "\(path)/\(name)")
    }

    /// Its age stays.
    func damage(_ name: String) throws {
      let attributes = try FileManager.default.attributesOfItem(atPath: "\(path)/\(name)")
      var bytes = try Samples.bytes("\(path)/\(name)")
      bytes[bytes.count - 9] ^= 4
      try Samples.write(bytes, to: "\(path)/\(name)")
      try FileManager.default.setAttributes(
        [.modificationDate: attributes[.modificationDate] ?? Date()], ofItemAtPath: "\(path)/\(name)")
    }

    func inventory() throws -> CheckpointInventory { try CheckpointInventory(path, using: reader) }

    func removals(keep: Int = 1) throws -> [String] {
      try CheckpointPruning(inventory(), keep: keep).removals.map { fileName(of: $0.entry.path) }
    }

    var names: [String] { ((try? fileNames(in: path)) ?? []).sorted() }
  }

  private func withFolder(_ body: (Folder) throws -> Void) throws {
    let reader = try #require(Samples.reader, "gpt-sample is not built")
    try Samples.withFolder { try body(Folder(path: $0, reader: reader)) }
  }

  /// One run with three older states, one set aside, and what does not belong to gpt-ddp.
  private func usual(_ folder: Folder) throws {
    try folder.add("m.jld2", step: 400, validation: 2, age: 10)
    try folder.add("m.best.jld2", step: 300, validation: 2, age: 20)
    for step in [100, 200, 300] {
      try folder.add("m.step-000\(step).jld2", step: step, validation: 3, age: 500 - step)
    }
    #expect(link("\(folder.path)/m.jld2", "\(folder.path)/m.step-000400.jld2") == 0)
    try folder.add("m.old-1.jld2", step: 50, seed: 2, validation: 4, age: 5_000)
    try folder.add("m.old-1.best.jld2", step: 40, seed: 2, validation: 4, age: 5_100)
    try folder.add("another.jld2", step: 7, seed: 3, age: 900_000)
    try CheckpointFile.write(
      Samples.snapshot(isResumable: false), to: "\(folder.path)/w.step-000001.jld2")
    try folder.touch("w.step-000001.jld2", age: 1_000_000)
    try Samples.write(Array("my notes".utf8), to: "\(folder.path)/m.step-000007.jld2")
    try folder.touch("m.step-000007.jld2", age: 10_000)
  }

  @Test func theListNamesEveryFileAndFitsItsWidth() throws {
    try withFolder { folder in
      try usual(folder)
      try folder.damage("another.jld2")
      let lines = CheckpointList.lines(try folder.inventory(), width: 79, now: 1_700_000_000)
      let table = lines.filter { !$0.hasPrefix("damaged: ") }
      #expect(table.allSatisfy { $0.count <= 79 }, "\(table)")
      #expect(
        table[0].split(separator: " ").joined(separator: " ")
          == "checkpoint run step epoch loss best val size age")
      let rows = table.dropFirst().map { $0.split(separator: " ").map(String.init) }
      #expect(
        rows.map { $0[0] } == [
          "m.jld2", ".best.jld2", ".step-000400.jld2", ".step-000300.jld2", ".step-000200.jld2",
          ".step-000100.jld2",
          ".step-000007.jld2", ".old-1.best.jld2", ".old-1.jld2", "another.jld2", "w.step-000001.jld2",
        ])
      #expect(rows[0][2...5] == ["400/2040", "2", "2.2500", "2.0000"] && rows[0].last == "10s", "\(rows[0])")
      #expect(rows[0][1] == rows[1][1] && rows[0][1] != rows[8][1] && rows[0][1].count == 6)
      #expect(rows[6][2] == "damaged" && rows[9][2] == "damaged" && rows[10][2] == "weights")
      #expect(rows[8].last == "83m" && rows[9].last == "10d")
      let damaged = lines.filter { $0.hasPrefix("damaged: ") }
      #expect(
        damaged.count == 2 && damaged[1].contains("another.jld2") && damaged[1].contains("digest"),
        "\(damaged)")
      // Names make room.
      let narrow = CheckpointList.lines(try folder.inventory(), width: 74, now: 1_700_000_000).prefix(12)
      #expect(narrow.allSatisfy { $0.count <= 74 } && narrow.contains { $0.contains("…") }, "\(narrow)")
    }
  }

  @Test func onlyWhatNobodyNeedsWouldGo() throws {
    try withFolder { folder in
      try usual(folder)
      let old = ["m.old-1.best.jld2", "m.old-1.jld2"]
      #expect(
        try folder.removals() == ["m.step-000300.jld2", "m.step-000200.jld2", "m.step-000100.jld2"] + old)
      #expect(try folder.removals(keep: 2) == ["m.step-000200.jld2", "m.step-000100.jld2"] + old)
      #expect(try folder.removals(keep: 4) == old)
      // The best of all that was ever saved under the name.
      try folder.add("m.old-1.best.jld2", step: 40, seed: 2, validation: 1, age: 5_100)
      #expect(try folder.removals(keep: 4) == ["m.old-1.jld2"])
      // Of an earlier run under the same name.
      try folder.add("m.step-000300.jld2", step: 300, seed: 2, validation: 3, age: 200)
      #expect(try folder.removals(keep: 4) == ["m.step-000300.jld2", "m.old-1.jld2"])
    }
  }

  @Test func whereTheNewestDoesNotLoadWhatCanTakeItsPlaceStays() throws {
    try withFolder { folder in
      try usual(folder)
      try folder.add("m.step-000400.jld2", step: 400, validation: 2, age: 5)
      try folder.damage("m.jld2")
      try folder.damage("m.step-000300.jld2")
      #expect(
        try folder.removals(keep: 1).filter { $0.contains("step") } == [
          "m.step-000200.jld2", "m.step-000100.jld2",
        ])
      try folder.damage("m.step-000400.jld2")
      #expect(try folder.removals(keep: 1).filter { $0.contains("step") } == ["m.step-000100.jld2"])
    }
  }

  @Test func nothingOfARunInUseGoes() throws {
    try withFolder { folder in
      try usual(folder)
      for step in [1, 2] { try folder.add("n.step-00000\(step).jld2", step: step, age: 9 - step) }
      let plan = CheckpointPruning(try folder.inventory(), keep: 1)
      let lock = try OutputLock(checkpoint: "\(folder.path)/m.jld2")
      #expect(OutputLock.writer(of: "\(folder.path)/m.best.jld2") == "process \(getpid())")
      let during = CheckpointPruning(try folder.inventory(), keep: 1)
      #expect(during.removals.map { fileName(of: $0.entry.path) } == ["n.step-000001.jld2"])
      #expect(during.notes == ["note: 5 old files of m.jld2 stay: process \(getpid()) writes there"])
      let list = CheckpointList.lines(try folder.inventory(), width: 79, now: 1_700_000_000)
      #expect(list.contains("m.jld2 is being written by process \(getpid())"), "\(list)")
      // A training that has begun between plan and removal.
      let result = try plan.remove()
      #expect(
        result.paths.map { fileName(of: $0) } == ["n.step-000001.jld2"] && result.notes.count == 2,
        "\(result)")
      #expect(folder.names.contains("m.step-000100.jld2") && !folder.names.contains("n.step-000001.jld2"))
      lock.release()
      #expect(OutputLock.writer(of: "\(folder.path)/m.jld2") == nil)
    }
  }

  @Test func aRunThatWasSetAsideMayBeInUseAgain() throws {
    try withFolder { folder in
      try usual(folder)
      let lock = try OutputLock(checkpoint: "\(folder.path)/m.old-1.jld2")
      defer { lock.release() }
      let plan = CheckpointPruning(try folder.inventory(), keep: 3)
      #expect(plan.removals.map { fileName(of: $0.entry.path) } == ["m.step-000100.jld2"])
      #expect(plan.notes == ["note: 2 old files of m.jld2 stay: process \(getpid()) writes there"])
      #expect(try plan.remove().paths.count == 1)
    }
  }

  @Test func whatHasChangedMeanwhileStays() throws {
    try withFolder { folder in
      try usual(folder)
      let before = folder.names
      let plan = CheckpointPruning(try folder.inventory(), keep: 1)
      try folder.add("m.step-000200.jld2", step: 200, seed: 9, age: 0)
      let result = try plan.remove()
      #expect(result.paths.count == plan.removals.count - 1 && result.notes.count == 1)
      let gone = Set(plan.removals.map { fileName(of: $0.entry.path) }).subtracting(["m.step-000200.jld2"])
      #expect(folder.names == before.filter { !gone.contains($0) })
    }
  }

  @Test func bytesAreFreedWithTheLastNameOfAFile() throws {
    try withFolder { folder in
      try folder.add("m.jld2", step: 400, age: 10)
      try folder.add("m.step-000100.jld2", step: 100, age: 20)
      let path = "\(folder.path)/m.step-000100.jld2"
      let size = try Samples.bytes(path).count
      #expect(CheckpointPruning(try folder.inventory(), keep: 1).freedBytes == size)
      #expect(link(path, "\(folder.path)/mine") == 0)
      #expect(CheckpointPruning(try folder.inventory(), keep: 1).freedBytes == 0)
      // A link to a file elsewhere is somebody's own doing.
      try FileManager.default.removeItem(atPath: path)
      #expect(symlink("\(folder.path)/mine", path) == 0)
      #expect(try folder.removals() == [])
    }
  }

  @Test func agesHaveOneNumber() {
    for (seconds, text) in [(-5, "0s"), (99, "99s"), (100, "1m"), (7_200, "2h"), (172_800, "2d")] {
      #expect(CheckpointList.age(seconds: seconds) == text)
    }
  }
}
