// The law of the house under real mpirun: ranks and threads never change a bit of a loss or a weight.

import Foundation
import Platform
import ProcessSupport
import Testing

extension Programs {
  @Suite(.needsMpirun) struct EqualBits {
    /// Every line of the metrics, hash of the weights included, for any ranks × threads.
    private func expectEqual(_ arguments: [String], lineCount: Int, worlds: [(Int, Int)]) throws {
      let workspace = try Workspace.withCorpora()
      let alone = try workspace.train(arguments + ["--no-save", "--threads", "1"])
      try #require(alone.status == ExitStatus.success, "\(alone)")
      let expected = try workspace.metrics()
      #expect(expected.count == lineCount)
      #expect(expected.filter { $0.contains("weights_hash") }.count > 1)
      for (ranks, threads) in worlds {
        let run = try workspace.train(ranks: ranks, arguments + ["--no-save", "--threads", "\(threads)"])
        #expect(run.status == ExitStatus.success, "np \(ranks), \(threads) threads: \(run)")
        let found = try workspace.metrics()
        let first = zip(found, expected).first { $0 != $1 }
        #expect(found == expected, "np \(ranks), \(threads) threads, first: \(String(describing: first))")
      }
    }

    private static let worlds = [1, 2, 3, 4, 5, 8].flatMap { ranks in [1, 2].map { (ranks, $0) } }

    @Test func chunks() throws {
      // 3,330 characters of training make 104 chunks: 9 batches of 11 an epoch.
      try expectEqual(Small.chunks, lineCount: 18 + 2, worlds: Self.worlds)
    }

    @Test func documents() throws {
      // 120 documents of training, 7 a step: epochs end in steps 18, 35 and with the run.
      try expectEqual(Small.documents, lineCount: 40 + 3, worlds: Self.worlds)
    }

    @Test func withOpenBLAS() throws {
      try expectEqual(Small.chunks + ["--matmul", "openblas"], lineCount: 20, worlds: [(2, 1), (3, 2)])
    }

    @Test func withClippingAndDecay() throws {
      try expectEqual(
        Small.chunks + ["--grad-clip", "0.5", "--weight-decay", "0.1"], lineCount: 20, worlds: [(3, 1)])
    }

    @Test func surplusRanksIdleAndTheLogSaysSo() throws {
      let workspace = try Workspace.withCorpora()
      let run = try workspace.train(ranks: 8, Small.chunks + ["--no-save", "--threads", "1"])
      #expect(
        run.output.contains("2 of 8 ranks own no leaf: choose --micro-batch-size 1 to use more"), "\(run)")
    }

    @Test func gptDDPStartsMpirunItself() throws {
      let workspace = try Workspace.withCorpora()
      let run = try workspace.train(["--np", "3"] + Small.chunks + ["--no-save"])
      #expect(run.status == ExitStatus.success, "\(run)")
      #expect(run.errors.contains("mpirun -np 3") && run.output.contains("3 ranks on 1 host"), "\(run)")
    }

    /// An edit that changes no mathematics must not change these.
    @Test(arguments: [("chunks", "ccac548784175ccc"), ("documents", "b5a708ef018d6781")])
    func theHashesArePinned(workflow: String, hash: String) throws {
      let workspace = try Workspace.withCorpora()
      let run = try workspace.train(
        (workflow == "chunks" ? Small.chunks : Small.documents) + ["--no-save", "--matmul", "simd"])
      try #require(run.status == ExitStatus.success, "\(run)")
      // Builds without a fused multiply-add round otherwise.
      guard run.output.contains("simd-fma kernels") else { return }
      #expect(run.output.contains("Weights hash \(hash) after step"), "\(run.lines.suffix(3))")
    }
  }
}
