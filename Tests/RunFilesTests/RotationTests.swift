// Rotation of checkpoints: what is kept, what takes the place of a damaged one.

import CheckpointFamilies
import CheckpointSupport
import Checkpointing
import Foundation
import GPTModel
import Glibc
import Platform
import Testing
import TrainingState

@testable import RunFiles

@Suite struct RotationTests {
  private func snapshot(step: Int, seed: Int = 1) throws -> TrainingSnapshot {
    var snapshot = try Samples.snapshot(step: step)
    snapshot.training?.configuration.seed = seed
    return snapshot
  }

  /// In place: a step file may be the same file under another name.
  private func damage(_ path: String, at offset: Int) throws {
    var bytes = try Samples.bytes(path)
    bytes[offset] ^= 1
    let file = try #require(fopen(path, "r+"))
    fwrite(bytes, 1, bytes.count, file)
    fclose(file)
  }

  @Test func keepsTheNewestAndTheBest() throws {
    try Samples.withFolder { folder in
      let rotation = CheckpointRotation(path: "\(folder)/model.jld2", keep: 2)
      for step in [100, 200, 300, 400] { try rotation.save(snapshot(step: step), isBest: step == 200) }
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == [
          "model.best.jld2", "model.jld2", "model.step-000300.jld2", "model.step-000400.jld2",
        ])
      // The newest costs no second copy.
      #expect(FileIdentity(rotation.path) == FileIdentity(rotation.stepPath(400)))
      // A symbolic link as the checkpoint: the kept states are files of their own.
      try FileManager.default.createDirectory(
        atPath: "\(folder)/linked", withIntermediateDirectories: false)
      let linked = CheckpointRotation(path: "\(folder)/linked/model.jld2", keep: 2)
      try FileManager.default.createSymbolicLink(
        atPath: linked.path, withDestinationPath: "\(folder)/linked/target")
      try Samples.write([0], to: "\(folder)/linked/target")
      for step in [1, 2] { try linked.save(snapshot(step: step)) }
      #expect(FileIdentity(linked.stepPath(1)) != FileIdentity(linked.stepPath(2)))
      // Back to step 150, as after a resume from an older state: what is further stays, whenever it was written.
      try rotation.save(snapshot(step: 150))
      #expect(
        try CheckpointFamily.stepFiles(of: rotation.path).map(fileName)
          == ["model.step-000400.jld2", "model.step-000300.jld2"])
    }
  }

  /// States of other runs are not a run's to count or to remove, until it is to replace them.
  @Test func otherRunsAreNeitherCountedNorRemoved() throws {
    try Samples.withFolder { folder in
      let rotation = CheckpointRotation(path: "\(folder)/model.jld2", keep: 2)
      for step in [800, 900] { try rotation.save(snapshot(step: step, seed: 7), isBest: step == 800) }
      for step in [1, 2, 3] { try rotation.save(snapshot(step: step)) }
      let kept = ["000900", "000800", "000003", "000002"].map { "model.step-\($0).jld2" }
      #expect(try CheckpointFamily.stepFiles(of: rotation.path).map(fileName) == kept)
      let own = try #require(try snapshot(step: 1).training?.runFingerprint)
      #expect(
        try CheckpointRotation.stepFiles(of: rotation.path, ofRun: own).map(fileName) == Array(kept[2...]))

      let replaced = CheckpointRotation.siblings(of: rotation.path)
      try rotation.save(snapshot(step: 3, seed: 9), isBest: true, insteadOf: replaced)
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == [
          "model.best.jld2", "model.jld2", "model.step-000003.jld2",
        ])
      // What was written since is not what was to be replaced.
      try rotation.save(snapshot(step: 4, seed: 9), insteadOf: replaced)
      #expect(try CheckpointFamily.stepFiles(of: rotation.path).count == 2)
      #expect(FileIdentity(rotation.bestPath) == FileIdentity(rotation.stepPath(3)))
    }
  }

  /// The run goes with the settings, not with how far it is.
  @Test func aRunIsWhatDecidesItsBits() throws {
    let run = try snapshot(step: 1).training?.runFingerprint
    #expect(try run == snapshot(step: 2).training?.runFingerprint)
    let changes: [(inout TrainingState) -> Void] = [
      { $0.configuration.seed += 1 }, { $0.configuration.schedule.peak *= 2 }, { $0.kernelFamily += "-x" },
      { $0.configuration.workflow = .chunks }, { $0.corpus.sha256 = "6b" }, { $0.initialCheckpoint = "" },
      { $0.configuration.microbatchSize += 1 }, { $0.configuration.epsilon *= 2 },
    ]
    for (number, change) in changes.enumerated() {
      var state = try #require(try snapshot(step: 1).training)
      change(&state)
      #expect(state.runFingerprint != run, "change \(number)")
    }
  }

  /// A sibling of another run never takes a damaged file's place.
  @Test(arguments: [3_000, 40]) func fallsBackWithinTheRunOnly(offset: Int) throws {
    let reader = try #require(Samples.reader, "gpt-sample is not built")
    try Samples.withFolder { folder in
      let rotation = CheckpointRotation(path: "\(folder)/model.jld2", keep: 3)
      try rotation.save(snapshot(step: 900, seed: 7))
      for step in [100, 200] { try rotation.save(snapshot(step: step)) }
      try damage(rotation.path, at: offset)
      let isHeadWhole = offset > 512
      if isHeadWhole {
        let found = try CheckpointRotation.newestGood(near: rotation.path, using: reader)
        #expect(found.path == rotation.stepPath(100))
        #expect(found.skipped.count == 2)
        let reason = found.skipped.last?.message ?? ""
        #expect(
          reason.contains("it is of another run") && reason.contains("step-000900")
            && reason.contains("seed 7"),
          "\(reason)")
      } else {
        let error = #expect(throws: InvalidInput.self) {
          try CheckpointRotation.newestGood(near: rotation.path, using: reader)
        }
        #expect(error?.message.contains("of different runs") == true, "\(error?.message ?? "")")
      }
      // Alone with strangers, or with its own only.
      try FileManager.default.removeItem(atPath: rotation.stepPath(isHeadWhole ? 100 : 900))
      if isHeadWhole {
        #expect(throws: InvalidInput.self) {
          try CheckpointRotation.newestGood(near: rotation.path, using: reader)
        }
      } else {
        let found = try CheckpointRotation.newestGood(near: rotation.path, using: reader)
        #expect(found.path == rotation.stepPath(100))
      }
    }
  }

  @Test func fallsBackPastDamagedFilesAndSaysSo() throws {
    let reader = try #require(Samples.reader, "gpt-sample is not built")
    try Samples.withFolder { folder in
      let rotation = CheckpointRotation(path: "\(folder)/model.jld2", keep: 3)
      for step in [100, 200, 300] { try rotation.save(snapshot(step: step)) }
      var found = try CheckpointRotation.newestGood(near: rotation.path, using: reader)
      #expect(found.path == rotation.path && found.skipped.isEmpty)
      // One file under two names is tried once.
      try damage(rotation.path, at: 3_000)
      found = try CheckpointRotation.newestGood(near: rotation.path, using: reader)
      #expect(found.path == rotation.stepPath(200))
      #expect(found.snapshot.training?.progress.step == 200)
      #expect(found.skipped.count == 1)
      #expect(found.skipped.first?.message.contains("it is damaged") == true)

      try FileManager.default.removeItem(atPath: rotation.path)
      for step in [100, 200, 300] { try Samples.write([1], to: rotation.stepPath(step)) }
      let error = #expect(throws: InvalidInput.self) {
        try CheckpointRotation.newestGood(near: rotation.path, using: reader)
      }
      #expect(error?.message.contains("there is no such file") == true)
      #expect(error?.message.contains("none of the 3 older checkpoints") == true)
    }
  }
}
