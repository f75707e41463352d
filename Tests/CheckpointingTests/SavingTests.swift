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
