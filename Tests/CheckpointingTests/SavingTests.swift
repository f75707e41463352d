// Full disks, size limits, permissions: what a save does to the file that is there.

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

@Suite struct LimitTests {
  /// What no reader would take is not written: the reader's own rules say so, not another list.
  @Test func aStateThatNoReaderTakesIsNotSaved() throws {
    let cases: [(String, (inout TrainingState) -> Void)] = [
      (
        "schedule/total_steps", { $0.configuration.schedule.totalSteps = TrainingConfiguration.mostSteps + 1 }
      ),
      ("progress/step", { $0.progress.step = 2041 }), ("data/epoch", { $0.progress.epoch = 201 }),
      ("data/microbatch", { $0.configuration.microbatchSize = 33 }),
      ("data/global_batch", { $0.corpus.sequenceCount = 31 }),
      ("progress/last_loss", { $0.progress.lastLoss = .infinity }),
      ("progress/loss_history", { $0.progress.lossHistory[3] = .nan }),
      ("data/dataset", { $0.corpus.dataset = String(repeating: "x", count: StateField.longestText + 1) }),
      ("optimizer/epsilon", { $0.configuration.epsilon = 0 }),
    ]
    try Samples.withFolder { folder in
      let path = "\(folder)/model.jld2"
      try CheckpointFile.write(Samples.snapshot(), to: path)
      let before = try Samples.bytes(path)
      for (field, change) in cases {
        var snapshot = try Samples.snapshot()
        change(&snapshot.training!)
        let refusal = #expect(throws: InvalidInput.self) { try snapshot.training!.validate() }
        #expect(refusal?.message.contains(field) == true, "\(field): \(refusal?.message ?? "")")
        let error = #expect(throws: RuntimeFailure.self) { try CheckpointFile.write(snapshot, to: path) }
        #expect(error?.message.contains(field) == true, "\(field): \(error?.message ?? "")")
        #expect(try Samples.bytes(path) == before)
      }
    }
  }

  /// At the limit itself, and with the longest history, a state is saved and loaded.
  @Test func theLongestTrainingLoads() throws {
    let reader = try #require(Samples.reader, "gpt-sample is not built")
    var snapshot = try Samples.snapshot()
    let most = TrainingConfiguration.mostSteps
    snapshot.training!.configuration.schedule.totalSteps = most
    snapshot.training!.configuration.globalBatchSize = 1_000_000
    snapshot.training!.corpus.sequenceCount = most
    snapshot.training!.progress.step = most
    snapshot.training!.progress.epoch = most
    snapshot.training!.progress.stepInEpoch = most
    snapshot.training!.progress.lossHistory = (0..<200_000).map { Float($0) }
    try Samples.withFolder { folder in
      try CheckpointFile.write(snapshot, to: "\(folder)/model.jld2")
      let loaded = try #require(CheckpointFile.read("\(folder)/model.jld2", using: reader).training)
      #expect(loaded.progress.step == most && loaded.configuration.totalSteps == most)
      #expect(loaded.progress.lossHistory == snapshot.training!.progress.lossHistory.suffix(65_536))
      try loaded.validate()
    }
  }

  /// However often it was saved and resumed, the history of a step is the same.
  @Test func theHistoryIsBoundedAndOfTheStep() throws {
    var (whole, resumed) = (TrainingProgress(), TrainingProgress())
    let field = try #require(TrainingState.fields.first { $0.path == "progress/loss_history" })
    func stored(_ progress: TrainingProgress) -> StateValue {
      var state = TrainingState(configuration: TrainingConfiguration(), moments: [])
      state.progress = progress
      return field.value(in: state)
    }
    for step in 1...200_000 {
      whole.record(loss: Double(step))
      resumed.record(loss: Double(step))
      if step % 30_011 == 0, case .floats(let kept) = stored(resumed) { resumed.lossHistory = kept }
      #expect(whole.lossHistory.count < 2 * TrainingProgress.longestHistory)
    }
    #expect(whole.lossHistory.last == 200_000 && whole.lastLoss == 200_000)
    #expect(stored(whole) == stored(resumed))
    #expect(stored(whole) == .floats((200_001 - 65_536...200_000).map { Float($0) }))
  }
}
