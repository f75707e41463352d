// Random damage under a right digest and, often, right metadata checksums, so that libhdf5 and our reader
// really see it. MICROGPT_FUZZ_CASES says how many files (300 by default).

import CheckpointSupport
import Platform
import Foundation
import GPTModel
import Reproducibility
import ProcessSupport
import Testing

@testable import Checkpointing

@Suite struct FuzzTests {
  /// Files to damage: ours and the Julia program's.
  private static let seeds = ["format-1.jld2", "julia.jld2"]

  static let cases = Int(ProcessInfo.processInfo.environment["MICROGPT_FUZZ_CASES"] ?? "300") ?? 300

  @Test func damagedFilesAreRefusedOrLoadTheSavedWeights() throws {
    let reader = ContainedReader(
      executable: try #require(Samples.reader, "gpt-sample is not built").executable, deadline: 2)
    let cases = Self.cases
    let bases = try Self.seeds.map { try Samples.bytes("\(Samples.fixtures)/\($0)") }
    let headers = try ByteWalker(bases[0]).headers
    let saved = try CheckpointFile.read("\(Samples.fixtures)/\(Self.seeds[0])", using: reader)
    let table = ParameterTable(saved.configuration)
    let savedHash = table.weightsHash(of: saved.weights)
    var (loaded, contained) = (0, 0)
    try Samples.withFolder { folder in
      for number in 0..<cases {
        var random = Philox(seed: 2_026, purpose: .sampling, step: number)
        let seed = number % 4 == 3 ? 1 : 0
        var bytes = Self.damaged(bases[seed], headers: seed == 0 ? headers : [], &random)
        if seed == 0 && bytes.count > 512 { bytes = DamageTests.sealed(bytes) }
        let path = "\(folder)/case-\(number).jld2"
        try Samples.write(bytes, to: path)
        do {
          let snapshot = try CheckpointFile.read(path, using: reader)
          loaded += 1
          // Whatever loads is a model that was saved: moments and counters may differ, weights may not.
          if seed == 0, snapshot.training?.progress.weightsHash.isEmpty == false {
            #expect(table.weightsHash(of: snapshot.weights) == savedHash, "case \(number)")
          }
        } catch let refusal as InvalidInput {
          if refusal.message.contains("damaged or hostile") { contained += 1 }
        } catch {
          Issue.record("case \(number): \(error)")
        }
        try FileManager.default.removeItem(atPath: path)
      }
    }
    print("fuzz: \(cases) files, \(loaded) loaded, \(contained) failed inside the library and were contained")
    #expect(loaded < cases)
  }

  /// One to four changes of one kind each.
  private static func damaged(
    _ base: [UInt8], headers: [Range<Int>], _ random: inout Philox
  ) -> [UInt8] {
    var bytes = base
    for _ in 0..<1 + random.next(below: 4) {
      // Metadata, where the interesting damage is, or anywhere.
      let header = headers.isEmpty ? 512..<bytes.count : headers[random.next(below: headers.count)]
      let region = random.next(below: 4) == 0 ? 512..<bytes.count : header
      guard region.upperBound <= bytes.count else { continue }
      let offset = region.lowerBound + random.next(below: region.count)
      switch random.next(below: 6) {
      case 0: bytes[offset] ^= 1 << random.next(below: 8)
      case 1: bytes[offset] = UInt8(truncatingIfNeeded: random.next())
      case 2:
        let extremes: [UInt64] = [0, .max, 1 << 31, 1 << 32, 1 << 62, 1 << 63, UInt64(bytes.count), 512]
        let value = extremes[random.next(below: extremes.count)]
        let width = [1, 2, 4, 8][random.next(below: 4)]
        for index in 0..<width where offset + index < bytes.count {
          bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
        }
      case 3:
        let source = 512 + random.next(below: bytes.count - 512)
        for index in 0..<min(1 + random.next(below: 64), bytes.count - max(source, offset)) {
          bytes[offset + index] = bytes[source + index]
        }
      case 4: for index in offset..<min(bytes.count, offset + random.next(below: 32)) { bytes[index] = 0 }
      default: if random.next(below: 8) == 0 { bytes.removeLast(random.next(below: bytes.count - 521)) }
      }
    }
    for header in headers where header.upperBound <= bytes.count {
      let end = header.upperBound - 4
      let checksum = lookup3(bytes[header.lowerBound..<end])
      for index in 0..<4 { bytes[end + index] = UInt8(truncatingIfNeeded: checksum >> UInt32(8 * index)) }
    }
    return bytes
  }

  /// A child that dies, hangs, talks nonsense or is not there.
  @Test(arguments: [
    ("/bin/false", "stopped with status 1"), ("/bin/true", "stopped with status 0"),
    ("/bin/echo", "no answer"), ("/nonexistent", "cannot start"),
  ])
  func aBrokenReaderIsAnError(executable: String, cause: String) throws {
    let reader = ContainedReader(executable: executable)
    let error = #expect(throws: (any Error).self) {
      try CheckpointFile.read("\(Samples.fixtures)/format-1.jld2", using: reader)
    }
    #expect(error.map { "\($0)" }?.contains(cause) == true, "\(String(describing: error))")
  }

  @Test func aHangingOrCrashingReaderIsEnded() throws {
    try Samples.withFolder { folder in
      let cases = [
        ("exec sleep 60", "did not finish with it in 1 s"), ("kill -SEGV $$", "signal 11"),
        ("exec cat /dev/zero", "had to be stopped (no answer)"),
      ]
      for (body, cause) in cases {
        let script = "\(folder)/reader.sh"
        try writeScript(body, to: script)
        let error = #expect(throws: InvalidInput.self) {
          try CheckpointFile.read(
            "\(Samples.fixtures)/format-1.jld2",
            using: ContainedReader(executable: script, deadline: 1))
        }
        #expect(error?.message.contains(cause) == true, "\(String(describing: error))")
      }
    }
  }
}
