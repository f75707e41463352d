// Two jobs on one output: whose lock is whose, and whose is nobody's any more.

import CheckpointSupport
import Foundation
import Glibc
import Platform
import Testing

@testable import CheckpointFamilies

@Suite struct OutputLockTests {
  @Test func aSecondJobIsRefusedUntilTheFirstEnds() throws {
    try Samples.withFolder { folder in
      let checkpoint = "\(folder)/new/model.jld2"
      let lock = try OutputLock(checkpoint: checkpoint)
      // Under any name of the family.
      for name in ["model.jld2", "model.best.jld2", "model.step-000200.jld2", "../new/model.jld2"] {
        let error = #expect(throws: InvalidInput.self) { try OutputLock(checkpoint: "\(folder)/new/\(name)") }
        #expect(error?.message.contains("written by process \(getpid());") == true, "\(name)")
      }
      try OutputLock(checkpoint: "\(folder)/new/model-2.jld2").release()
      lock.release()
      #expect(!FileManager.default.fileExists(atPath: lock.paths[0]))
      // What a killed save left behind goes with the next job.
      let output = "\(folder)/new"
      let leftovers = [
        "model.jld2.tmp.4711-x9", "model.best.jld2.tmp.1", "model.step-000200.jld2.tmp.1-a",
        "model.jld2.lock.tmp.3-z",
      ]
      let others = ["model.jld2.tmp.x", "model.other.jld2.tmp.1", "model.step-000200.jld2"]
      for name in leftovers + others { try Samples.write([1], to: "\(output)/\(name)") }
      try OutputLock(checkpoint: checkpoint).release()
      #expect(try FileManager.default.contentsOfDirectory(atPath: output).sorted() == others.sorted())
    }
  }

  /// The newest stands where the link leads, the steps where it stands.
  @Test func aLinkLocksItsTargetToo() throws {
    try Samples.withFolder { folder in
      try FileManager.default.createDirectory(atPath: "\(folder)/a", withIntermediateDirectories: false)
      try FileManager.default.createSymbolicLink(
        atPath: "\(folder)/link.jld2", withDestinationPath: "a/real.jld2")
      let lock = try OutputLock(checkpoint: "\(folder)/link.jld2")
      #expect(lock.paths.map(fileName) == ["real.jld2.lock", "link.jld2.lock"])
      for name in ["a/real.jld2", "link.jld2", "link.best.jld2", "a/real.best.jld2"] {
        #expect(throws: InvalidInput.self, "\(name)") { try OutputLock(checkpoint: "\(folder)/\(name)") }
      }
      lock.release()
      // Of a pair, half is not kept by one that is refused.
      let other = try OutputLock(checkpoint: "\(folder)/link.best.jld2")
      #expect(throws: InvalidInput.self) { try OutputLock(checkpoint: "\(folder)/link.jld2") }
      #expect(access("\(folder)/a/real.jld2.lock", F_OK) != 0)
      other.release()
    }
  }

  /// Emptied or cut off by a loss of power, of a dead container, of an earlier version, of an earlier boot.
  @Test func locksOfTheDeadAreTakenOverWithALine() throws {
    let me = ProcessIdentity.current
    let kernel = LockHolder.Kernel(machine: Machine.identifier, namespace: Machine.processNamespace)
    func text(
      host: String = me.host, boot: String = me.boot, process: pid_t = me.process, start: UInt64 = me.start,
      _ kernel: LockHolder.Kernel?
    ) -> String {
      LockHolder(
        process: ProcessIdentity(host: host, boot: boot, process: process, start: start), kernel: kernel
      ).text
    }
    let stale = [
      "", "nonsense\n", String(text(kernel).dropLast(7)),
      text(start: me.start + 1, nil), text(process: 1 << 30, nil), text(boot: "earlier", nil),
      text(kernel), text(host: "container", kernel),
      text(host: "container", process: 1, LockHolder.Kernel(machine: "", namespace: "pid:[1]")),
    ]
    try Samples.withFolder { folder in
      let checkpoint = "\(folder)/model.jld2"
      try #require(Machine.isLocalFileSystem(at: folder), "the folder of tests is on a network file system")
      for text in stale {
        try Samples.write(Array(text.utf8), to: "\(checkpoint).lock")
        let lock = try OutputLock(checkpoint: checkpoint)
        #expect(lock.notes.count == 1 && lock.notes[0].contains("took over the lock"), "\(text)")
        #expect(LockHolder(text: smallFile(lock.paths[0]) ?? "") == LockHolder(run: ""))
        lock.release()
      }
      // An earlier version's job that lives does not hold the kernel's lock.
      try Samples.write(Array(text(nil).utf8), to: "\(checkpoint).lock")
      let error = #expect(throws: InvalidInput.self) { try OutputLock(checkpoint: checkpoint) }
      #expect(error?.message.contains("delete \(checkpoint).lock") == true)
      #expect(smallFile("\(checkpoint).lock") == text(nil))
    }
  }

  /// Every combination that decides.
  @Test func whoMayTakeOver() {
    func holder(
      _ host: String, boot: String, machine: String? = "m1", namespace: String = "n1", run: String = ""
    )
      -> LockHolder
    {
      LockHolder(
        process: ProcessIdentity(host: host, boot: boot, process: 7, start: 9), run: run,
        kernel: machine.map { LockHolder.Kernel(machine: $0, namespace: namespace) })
    }
    let me = holder("h1", boot: "b1", run: "r1")
    func isHeld(
      _ other: LockHolder, _ lock: FileLock.Answer, isLocal: Bool = false, isSeen: Bool = false
    ) -> Bool {
      other.verdict(for: me, .init(kernelLock: lock, isLocal: isLocal, isSeen: isSeen)) == .held
    }
    let none = FileLock.Answer.unavailable("no locks")
    // The kernel's word for its own processes, whatever they are called and wherever they count.
    for other in [
      holder("h1", boot: "b1"), holder("h2", boot: "b1"), holder("h1", boot: "b1", namespace: "n2"),
      holder("h1", boot: "b1", run: "r1"),
    ] {
      #expect(isHeld(other, .refused))
      #expect(!isHeld(other, .granted))
    }
    // Without that, only a process of the same namespace can be known to have ended.
    #expect(isHeld(holder("h1", boot: "b1"), none, isSeen: true) && !isHeld(holder("h2", boot: "b1"), none))
    #expect(isHeld(holder("h1", boot: "b1", namespace: "n2"), none))
    // An earlier version's: its host's name is all there is.
    #expect(isHeld(holder("h1", boot: "b1", machine: nil), .granted, isSeen: true))
    #expect(
      !isHeld(holder("h1", boot: "b1", machine: nil), .granted)
        && isHeld(holder("h2", boot: "b1", machine: nil), .granted))
    // Another kernel: gone if this one alone can reach the file, or if it was this machine's.
    for lock in [FileLock.Answer.granted, none] {
      #expect(!isHeld(holder("h2", boot: "b2", machine: "m2"), lock, isLocal: true))
      #expect(!isHeld(holder("h1", boot: "b2"), lock))
      for other in [
        holder("h1", boot: "b2", machine: "m2"), holder("h2", boot: "b2"),
        holder("h1", boot: "b2", machine: ""),
      ] {
        #expect(isHeld(other, lock))
      }
      // A supervised job goes on elsewhere; another job does not.
      #expect(!isHeld(holder("h2", boot: "b2", machine: "m2", run: "r1"), lock))
      #expect(isHeld(holder("h2", boot: "b2", machine: "m2", run: "r2"), lock))
    }
    #expect(
      !isHeld(holder("h2", boot: "b2", run: "r1"), .refused) && isHeld(holder("h2", boot: "b2"), .refused))
  }

  @Test func namesWithLineBreaksStayOneLine() throws {
    let strange = LockHolder(
      process: ProcessIdentity(host: "a\r\nb", boot: "c", process: 1, start: 2), run: "x\ny\u{1B}[31m",
      kernel: .init(machine: "m", namespace: "n"))
    #expect(LockHolder(text: strange.text) == strange)
    #expect(strange.text.utf8.filter { $0 == 10 }.count == 7 && !strange.text.contains("\u{1B}"))
    try Samples.withFolder { folder in
      let lock = try OutputLock(checkpoint: "\(folder)/m.jld2", run: "one\r\ntwo\n")
      #expect(LockHolder(text: smallFile(lock.paths[0]) ?? "")?.run == LockHolder(run: "one\r\ntwo\n").run)
      lock.release()
    }
  }

  /// A restart of the same supervised job, while the earlier start still lives.
  @Test func aLivingStartIsNotTakenOver() throws {
    try Samples.withFolder { folder in
      let lock = try OutputLock(checkpoint: "\(folder)/m.jld2", run: "run-1")
      #expect(throws: InvalidInput.self) { try OutputLock(checkpoint: "\(folder)/m.jld2", run: "run-1") }
      lock.release()
    }
  }

  /// A lock that was deleted by hand and taken by another job is that job's.
  @Test func anothersLockIsNotRemoved() throws {
    try Samples.withFolder { folder in
      let first = try OutputLock(checkpoint: "\(folder)/m.jld2")
      try FileManager.default.removeItem(atPath: first.paths[0])
      try Samples.write([1], to: first.paths[0])
      first.release()
      #expect(try Samples.bytes("\(folder)/m.jld2.lock") == [1])
    }
  }

  @Test func whatIsNoFileIsNoLock() throws {
    try Samples.withFolder { folder in
      let checkpoint = "\(folder)/m.jld2"
      let lock = "\(checkpoint).lock"
      for make in [{ mkfifo(lock, 0o600) }, { mkdir(lock, 0o700) }, { symlink("elsewhere", lock) }] {
        try #require(make() == 0)
        let error = #expect(throws: InvalidInput.self) { try OutputLock(checkpoint: checkpoint) }
        #expect(error?.message.contains("not a file; remove it") == true, "\(error?.message ?? "")")
        try #require(remove(lock) == 0)
      }
    }
  }

  @Test func anUnwritableFolderIsRefused() throws {
    for path in ["/proc/model.jld2", "/dev/null/model.jld2"] {
      #expect(throws: InvalidInput.self) { try OutputLock(checkpoint: path) }
    }
  }
}
