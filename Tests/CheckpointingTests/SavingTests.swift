// Full disks, saves in the background, rotation, and two jobs on one output.

import CheckpointSupport
import Platform
import Foundation
import GPTModel
import Glibc
import Testing
import TrainingState

@testable import Checkpointing

@Suite struct DiskTests {
  private func files(_ folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
  }

  /// Needs root: a file system of 256 KB.
  @Test func fullDiskLeavesTheOldFile() throws {
    try Samples.withFolder { folder in
      guard mount("tmpfs", folder, "tmpfs", 0, "size=256k") == 0 else {
        print("skipped: a tmpfs cannot be mounted here (\(systemError()))")
        return
      }
      defer { umount2(folder, 0) }
      let path = "\(folder)/model.jld2"
      try CheckpointFile.write(Samples.snapshot(), to: path)
      let before = try Samples.bytes(path)
      let error = #expect(throws: RuntimeFailure.self) {
        try CheckpointFile.write(Samples.defaultSize(), to: path)
      }
      #expect(error?.message == "cannot save checkpoint \(path): No space left on device")
      #expect(try Samples.bytes(path) == before)
      #expect(try files(folder) == ["model.jld2"])
      // And the process can go on saving.
      try CheckpointFile.write(Samples.snapshot(), to: "\(folder)/other.jld2")
    }
  }

  /// The limit lies above what any other test of this process writes at the same time.
  @Test func fileSizeLimitIsAnErrorAndNoSignal() throws {
    try Samples.withFolder { folder in
      var limits = rlimit()
      let number = __rlimit_resource_t(RLIMIT_FSIZE.rawValue)
      getrlimit(number, &limits)
      let old = limits
      limits.rlim_cur = 16 << 20
      setrlimit(number, &limits)
      defer {
        var old = old
        setrlimit(number, &old)
      }
      let path = "\(folder)/large"
      try Samples.write([1, 2, 3], to: path)
      let megabyte = [UInt8](repeating: 7, count: 1 << 20)
      let error = megabyte.withUnsafeBytes { bytes in
        #expect(throws: RuntimeFailure.self) {
          try FileReplacement.replace(path, with: Array(repeating: bytes, count: 17))
        }
      }
      #expect(error?.message == "File too large")
      #expect(try Samples.bytes(path) == [1, 2, 3])
      #expect(try files(folder) == ["large"])
    }
  }

  @Test func phasesComeInOrderAndAFailedCheckKeepsTheOldFile() throws {
    try Samples.withFolder { folder in
      let path = "\(folder)/model.jld2"
      var phases: [FileReplacement.Phase] = []
      try CheckpointFile.write(Samples.snapshot(), to: path) { phases.append($0) }
      #expect(phases == [.written, .verified, .renamed])
      let before = try Samples.bytes(path)
      // The disk returns other bytes than were written.
      let error = #expect(throws: RuntimeFailure.self) {
        try CheckpointFile.write(Samples.defaultSize(), to: path) { phase in
          guard phase == .written,
            let name = try files(folder).first(where: { FileReplacement.finalName(ofTemporary: $0) != nil }),
            let file = fopen("\(folder)/\(name)", "r+")
          else { return }
          fseek(file, 5000, SEEK_SET)
          fputs("rot", file)
          fclose(file)
        }
      }
      #expect(error?.message.contains("it is damaged") == true)
      #expect(try Samples.bytes(path) == before)
      #expect(try files(folder) == ["model.jld2"])
    }
  }

  @Test func symbolicLinksAndUmaskAreRespected() throws {
    try Samples.withFolder { folder in
      try FileManager.default.createSymbolicLink(
        atPath: "\(folder)/link.jld2", withDestinationPath: "\(folder)/target.jld2")
      try Samples.write([0], to: "\(folder)/target.jld2")
      try CheckpointFile.write(Samples.snapshot(), to: "\(folder)/link.jld2")
      #expect(try Samples.bytes("\(folder)/target.jld2").count > 1)
      var status = stat()
      #expect(lstat("\(folder)/link.jld2", &status) == 0 && status.st_mode & S_IFMT == S_IFLNK)
      let mask = umask(0)
      umask(mask)
      #expect(stat("\(folder)/target.jld2", &status) == 0 && status.st_mode & 0o777 == 0o666 & ~mask)
    }
  }
}

@Suite struct RotationTests {
  private func snapshot(step: Int) throws -> TrainingSnapshot {
    var snapshot = try Samples.snapshot()
    snapshot.training?.progress.step = step
    return snapshot
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
