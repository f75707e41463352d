// Files that would make their reader read other files, or more than there is; files that are replaced while they are
// read; and the process that reads them.

import CHDF5
import CheckpointSupport
import Glibc
import Platform
import ProcessSupport
import Synchronization
import TestSupport
import Testing
import GPTModel
import TrainingState

@testable import Checkpointing

@Suite struct ForeignStorageTests {
  private let reader: ContainedReader
  private let folder: TemporaryFolder

  init() throws {
    reader = try #require(Samples.reader, "gpt-sample is not built")
    folder = try TemporaryFolder()
  }

  private func refusal(of path: String) -> String {
    let error = #expect(throws: InvalidInput.self) { try CheckpointFile.read(path, using: reader) }
    return error?.message ?? ""
  }

  /// How a dataset or a link leads elsewhere.
  enum Trick: CaseIterable {
    case external, virtual, chunkedVirtual, externalLink, softLink, namedType, group
  }

  /// An HDF5 file whose object `name` is somewhere else, in `secret`; the rest of it is like one of MicroGPT.jl's.
  private func make(_ name: String, _ trick: Trick, secret: String) throws -> String {
    let path = "\(folder.path)/\(name)-\(trick).h5"
    try HDF5.session {
      let file = try HDF5Handle(H5Fcreate(path, chdf5_truncate(), 0, 0), "H5Fcreate", close: H5Fclose)
      let space = try HDF5Handle(H5Screate_simple(1, [8], nil), "H5Screate_simple", close: H5Sclose)
      for other in ["model_state", "tokenizer", "format"] where other != name {
        if other == "format" && name != "format" { continue }
        _ = try HDF5Handle(
          H5Dcreate2(file.id, other, chdf5_i64le(), space.id, 0, 0, 0), "H5Dcreate2", close: H5Dclose)
      }
      let creation = try HDF5Handle.propertyList(chdf5_class_dataset_create())
      switch trick {
      case .external:
        try HDF5.check(H5Pset_external(creation.id, secret, 0, 64), "H5Pset_external")
      case .virtual, .chunkedVirtual:
        try HDF5.check(
          H5Pset_virtual(creation.id, space.id, trick == .virtual ? secret : ".", "tokenizer", space.id),
          "H5Pset_virtual")
      case .externalLink:
        try HDF5.check(H5Lcreate_external(secret, "/tokenizer", file.id, name, 0, 0), "H5Lcreate_external")
        return
      case .softLink:
        try HDF5.check(H5Lcreate_soft("/elsewhere", file.id, name, 0, 0), "H5Lcreate_soft")
        return
      case .namedType:
        let type = try HDF5Handle(H5Tcopy(chdf5_i64le()), "H5Tcopy", close: H5Tclose)
        try HDF5.check(H5Tcommit2(file.id, name, type.id, 0, 0, 0), "H5Tcommit2")
        return
      case .group:
        _ = try HDF5Handle(H5Gcreate2(file.id, name, 0, 0, 0), "H5Gcreate2", close: H5Gclose)
        return
      }
      _ = try HDF5Handle(
        H5Dcreate2(file.id, name, chdf5_i64le(), space.id, 0, creation.id, 0), "H5Dcreate2", close: H5Dclose)
    }
    return path
  }

  @Test(arguments: Trick.allCases)
  func nothingElsewhereIsRead(trick: Trick) throws {
    let secret = try folder.file([UInt8](repeating: 77, count: 64), named: "secret")
    for name in ["tokenizer", "model_state", "format"] {
      let message = refusal(of: try make(name, trick, secret: secret))
      switch trick {
      case .external, .virtual, .chunkedVirtual:
        // The Julia program's weights come after its tokenizer, which is wrong here as well.
        #expect(
          message.contains("in another file, which is not allowed") || name == "model_state", "\(message)")
      case .externalLink, .softLink:
        #expect(message.contains("neither /format nor /model_state") || name == "format", "\(message)")
      case .namedType, .group:
        #expect(message.contains("is not a dataset") || name == "model_state", "\(message)")
      }
      #expect(!message.contains("signal"), "\(message)")
    }
  }

  /// Refused before anything is read or allocated.
  @Test(arguments: [5 << 30, 40 << 40])
  func sizesThatNoModelHasAreRefused(size: Int) throws {
    let bytes = try Samples.bytes("\(Samples.fixtures)/format-1.jld2")
    var path = try folder.file(bytes, named: "sparse.jld2")
    if truncate(path, off_t(size)) != 0 {
      // Most file systems have smaller limits than memory has.
      path = "/dev/shm/microgpt-test-\(getpid())-\(size)"
      try Samples.write(bytes, to: path)
    }
    defer { unlink(path) }
    guard truncate(path, off_t(size)) == 0 else {
      print("skipped: no file of \(size) bytes can be made here (\(systemError()))")
      return
    }
    let message = refusal(of: path)
    #expect(message.contains(size > OpenedCheckpoint.largestSize ? "at most" : "sparse file"), "\(message)")
  }

  /// A name that leads to one state, then to another, thousands of times.
  @Test func aFileReplacedMeanwhileIsOneOfItsStates() throws {
    let (path, names) = ("\(folder.path)/model.jld2", ["a", "b"].map { "\(folder.path)/\($0).jld2" })
    try CheckpointFile.write(Samples.snapshot(), to: names[0])
    try CheckpointFile.write(Samples.defaultSize(), to: names[1])
    func identity(_ path: String) throws -> String {
      let contents = try CheckpointFile.contents(of: path, using: reader)
      let hash = ParameterTable(contents.snapshot.configuration).weightsHash(of: contents.snapshot.weights)
      return "\(contents.size) \(contents.digest ?? 0) \(hash)"
    }
    let states = try Set(names.map(identity))
    #expect(states.count == 2 && link(names[0], path) == 0)
    let replacer = Replacer(path: path, states: names)
    let thread = try BackgroundThread(name: "replacer") { replacer.run() }
    for _ in 0..<40 {
      let begin = replacer.count
      #expect(try states.contains(identity(path)))
      // A busy machine may not let the other thread run; then this try shows nothing.
      _ = waitUntil(seconds: 5) { replacer.count > begin + 50 }
    }
    replacer.stop()
    thread.join()
    #expect(replacer.count > 2000 && replacer.failures == 0)
  }

  /// The real process, held in the middle of its work by a pipe that nobody reads.
  @Test func theReadingProcessHasNoPrivileges() throws {
    let path = "\(folder.path)/model.jld2"
    try CheckpointFile.write(Samples.defaultSize(), to: path)
    let opened = try OpenedCheckpoint(path)
    let child = try ChildProcess(
      ["reader", CheckpointReaderProcess.flag], executable: reader.executable,
      environment: ContainedReader.environment,
      output: .pipe,
      errors: .discarded, passing: opened.file.raw)
    defer {
      child.send(SIGKILL)
      _ = child.wait()
    }
    func status() -> [String: String] {
      let lines = (smallFile("/proc/\(child.identifier)/status") ?? "").split(separator: "\n")
      return Dictionary(
        lines.map { $0.split(separator: "\t").map(String.init) }.map { ($0[0], $0.count > 1 ? $0[1] : "") }
      ) { $1 }
    }
    try #require(waitUntil { status()["NoNewPrivs:"] == "1" && (status()["Seccomp:"] ?? "2") == "2" })
    for set in ["CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
      #expect(Int(status()[set] ?? "1", radix: 16) == 0, "\(set)")
    }
    #expect(status()["Threads:"] == "1" && getsid(child.identifier) == child.identifier)
    let limits = smallFile("/proc/\(child.identifier)/limits") ?? ""
    for limit in ["Max open files", "Max processes", "Max file size", "Max core file size"] {
      #expect(limits.contains(try Regex("\(limit) +0 +0 ")), "\(limits)")
    }
  }
}

/// Gives one name to several files in turn.
private final class Replacer: Sendable {
  private let path: String
  private let states: [String]
  private let hasEnded = Atomic<Bool>(false)
  private let replacements = Atomic<Int>(0)
  private let errors = Atomic<Int>(0)

  init(path: String, states: [String]) {
    self.path = path
    self.states = states
  }

  var count: Int { replacements.load(ordering: .relaxed) }
  var failures: Int { errors.load(ordering: .relaxed) }
  func stop() { hasEnded.store(true, ordering: .relaxed) }

  func run() {
    while !hasEnded.load(ordering: .relaxed) {
      let other = states[count % states.count]
      if link(other, "\(path).new") != 0 || rename("\(path).new", path) != 0 {
        errors.add(1, ordering: .relaxed)
      }
      // If both names are one file already, rename leaves them.
      unlink("\(path).new")
      replacements.add(1, ordering: .relaxed)
      usleep(100)
    }
  }
}
