// Rotation of checkpoints, and two jobs on one output.

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
  private func snapshot(step: Int) throws -> TrainingSnapshot {
    try Samples.snapshot(step: step)
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
      // Back to step 150, as after a resume from an older state: the newest is what was written last.
      try rotation.save(snapshot(step: 150))
      #expect(
        try CheckpointRotation.stepFiles(of: rotation.path).map(fileName)
          == ["model.step-000150.jld2", "model.step-000400.jld2"])
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
      var bytes = try Samples.bytes(rotation.path)
      bytes[3000] ^= 1
      let damaged = try #require(fopen(rotation.path, "r+"))
      fwrite(bytes, 1, bytes.count, damaged)
      fclose(damaged)
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

@Suite struct OutputLockTests {
  @Test func aSecondJobIsRefusedUntilTheFirstEnds() throws {
    try Samples.withFolder { folder in
      let checkpoint = "\(folder)/new/model.jld2"
      let lock = try OutputLock(checkpoint: checkpoint)
      let error = #expect(throws: InvalidInput.self) { try OutputLock(checkpoint: checkpoint) }
      #expect(error?.message.contains("written by process \(getpid());") == true)
      lock.release()
      #expect(!FileManager.default.fileExists(atPath: lock.path))
      // What a killed save left behind goes with the next job.
      let output = "\(folder)/new"
      let leftovers = ["model.jld2.tmp.4711-x9", "model.best.jld2.tmp.1", "model.step-000200.jld2.tmp.1-a"]
      let others = ["model.jld2.tmp.x", "model.other.jld2.tmp.1", "model.step-000200.jld2"]
      for name in leftovers + others { try Samples.write([1], to: "\(output)/\(name)") }
      try OutputLock(checkpoint: checkpoint).release()
      #expect(try FileManager.default.contentsOfDirectory(atPath: output).sorted() == others.sorted())
    }
  }

  @Test func staleLocksAreTakenOverOnTheirOwnHostOnly() throws {
    try Samples.withFolder { folder in
      let checkpoint = "\(folder)/model.jld2"
      let me = ProcessIdentity.current
      typealias Holder = OutputLock.Holder
      let stale = [
        ProcessIdentity(host: me.host, boot: me.boot, process: me.process, start: me.start + 1),
        ProcessIdentity(host: me.host, boot: me.boot, process: 1 << 30, start: 1),
        ProcessIdentity(host: me.host, boot: "earlier", process: me.process, start: me.start),
      ].map { Holder(process: $0) }
      for holder in stale {
        try Samples.write(Array(holder.text.utf8), to: "\(checkpoint).lock")
        let lock = try OutputLock(checkpoint: checkpoint)
        #expect(Holder(contentsOf: lock.path)?.process == me)
        lock.release()
      }
      let elsewhere = ProcessIdentity(host: "elsewhere", boot: "b", process: 1, start: 1)
      for text in [Holder(process: elsewhere).text, "nonsense\n"] {
        try Samples.write(Array(text.utf8), to: "\(checkpoint).lock")
        let error = #expect(throws: InvalidInput.self) { try OutputLock(checkpoint: checkpoint) }
        #expect(error?.message.contains("delete") == true && error?.message.contains(".lock") == true)
        #expect(try Samples.bytes("\(checkpoint).lock") == Array(text.utf8))
      }
    }
  }

  @Test func anUnwritableFolderIsRefused() throws {
    for path in ["/proc/model.jld2", "/dev/null/model.jld2"] {
      #expect(throws: InvalidInput.self) { try OutputLock(checkpoint: path) }
    }
  }
}
