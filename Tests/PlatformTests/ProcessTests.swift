// Children, identities and threads.

import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Platform

@Suite struct ChildProcessTests {
  private func shell(
    _ script: String, output: ChildProcess.Stream = .discarded, errors: ChildProcess.Stream = .discarded
  ) throws -> ChildProcess {
    try ChildProcess(["sh", "-c", script], output: output, errors: errors)
  }

  private func everything(of child: ChildProcess, fromErrors: Bool = false) throws -> String {
    var bytes: [UInt8] = []
    while true {
      let more = try child.readSome(fromErrors: fromErrors, upTo: 7, until: monotonicSeconds() + 20)
      if more.isEmpty { return String(decoding: bytes, as: UTF8.self) }
      bytes += more
    }
  }

  @Test func streamsAndStatusArrive() throws {
    let child = try shell("echo out; echo err >&2; exit 3", output: .pipe, errors: .pipe)
    #expect(try everything(of: child) == "out\n")
    #expect(try everything(of: child, fromErrors: true) == "err\n")
    #expect(child.wait() == .status(3))
    #expect(child.poll() == .status(3))
    let both = try shell("echo out; echo err >&2; kill -TERM $$", output: .pipe, errors: .standardOutput)
    #expect(try everything(of: both) == "out\nerr\n")
    #expect(both.wait() == .signal(SIGTERM) && both.wait().status == 128 + SIGTERM)
  }

  @Test func signalsOfTheParentAreNotInherited() throws {
    // Ignored in this process would be ignored in a child that inherits.
    let previous = signal(SIGUSR1, SIG_IGN)
    defer { signal(SIGUSR1, previous) }
    #expect(try shell("kill -USR1 $$; exit 0").wait() == .signal(SIGUSR1))
  }

  @Test func aFolderAFileAndAnEnvironmentOfItsOwn() throws {
    let directory = try TemporaryFolder()
    let log = "\(directory.path)/log"
    let child = try ChildProcess(
      ["/bin/sh", "-c", "pwd; echo $WORD; cat"], environment: ["WORD": "a=b"], folder: directory.path,
      output: .file(log))
    #expect(child.wait() == .status(0))
    #expect(
      try String(contentsOfFile: log, encoding: .utf8).hasSuffix("\(directory.names.isEmpty ? "" : "")a=b\n"))
  }

  @Test func waitingHasAnEnd() throws {
    let child = try shell("sleep 60", output: .pipe)
    var byte: UInt8 = 0
    var clock = CappedClock()
    #expect(throws: DeadlinePassed.self) {
      try withUnsafeMutableBytes(of: &byte) { try child.readOutput(into: $0, clock: &clock, limit: 0.05) }
    }
    #expect(child.wait(seconds: 0.05) == nil)
    #expect(child.poll() == .signal(SIGKILL))
    #expect(throws: RuntimeFailure.self) { try ChildProcess(["/no/such/program"]) }
  }
}

@Suite struct ProcessIdentityTests {
  @Test func aProcessIsKnownUntilItEnds() throws {
    #expect(ProcessIdentity.current.isRunning && ProcessIdentity.current.isOnThisHost)
    #expect(ProcessIdentity(ProcessIdentity.current.description) == .current)
    let child = try ChildProcess(["sleep", "60"])
    let start = try #require(ProcessIdentity.startTime(of: child.identifier))
    let me = ProcessIdentity.current
    let identity = ProcessIdentity(host: me.host, boot: me.boot, process: child.identifier, start: start)
    #expect(identity.isRunning)
    #expect(
      !ProcessIdentity(host: me.host, boot: me.boot, process: child.identifier, start: start + 1).isRunning)
    #expect(
      !ProcessIdentity(host: me.host, boot: "earlier", process: child.identifier, start: start).isRunning)
    child.send(SIGKILL)
    _ = child.wait()
    #expect(!identity.isRunning)
    for text in ["", "a b c", "host boot 1 x", "host boot x 1", "host boot 1 2 3"] {
      #expect(ProcessIdentity(text) == nil)
    }
  }
}

@Suite struct BackgroundThreadTests {
  @Test func runsAndIsJoined() throws {
    let result = Mutex("")
    let thread = try BackgroundThread(name: "a thread of a test", niceness: 3) {
      let name = smallFile("/proc/thread-self/comm") ?? ""
      result.withLock { $0 = name }
    }
    thread.join()
    #expect(result.withLock { $0 } == "a thread of a t\n")
  }
}

@Suite struct ShellQuotingTests {
  @Test(arguments: [
    ("plain/path-1.jld2", "plain/path-1.jld2"), ("two words", "'two words'"), ("it's", "'it'\\''s'"),
    ("", "''"),
    ("$(ls)", "'$(ls)'"),
  ])
  func survivesAShell(_ argument: String, _ quoted: String) throws {
    #expect(shellQuoted(argument) == quoted)
    let child = try ChildProcess(["sh", "-c", "printf %s \(shellQuoted(argument))"], output: .pipe)
    let echoed = try child.readSome(upTo: 100, until: monotonicSeconds() + 20)
    _ = child.wait()
    #expect(String(decoding: echoed, as: UTF8.self) == argument)
  }
}
