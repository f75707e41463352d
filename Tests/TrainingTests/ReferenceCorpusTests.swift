// Counts of the reference on its own corpora, which must come out exactly.

import CorpusFiles
import CorpusSupport
import TestSupport
import GPTModel
import TrainingState
import Testing

@testable import Corpora
@testable import Training

@Suite(.enabled(if: ReferenceCorpus.isHere, ReferenceCorpus.condition))
struct ReferenceCorpora {
  @Test func shakespeare() throws {
    let file = try CorpusFile(path: #require(ReferenceCorpus.path("tinyshakespeare.txt")))
    let scan = try CorpusScan(of: file, workflow: .chunks)
    #expect(scan.sha256 == "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed")
    #expect(scan.byteCount == 1_115_394)
    #expect(scan.characterCount == 1_115_394)
    #expect(scan.index == .ascii)
    #expect(scan.tokenizer.vocabularySize == 66)

    let whole = try CorpusSplit(
      file: file, scan: scan, tokenizer: scan.tokenizer, blockSize: 256, validationFraction: 0,
      order: DocumentOrder(count: scan.documentCount, seed: 42, isShuffled: true))
    #expect(whole.training.count == 4_357)
    #expect(whole.validation == nil)
    let plan = try BatchSampler(TrainingConfiguration(), sequenceCount: 4_357)
    #expect(plan.stepsPerEpoch == 136)
    #expect(plan.stepsPerEpoch * 15 == 2_040)
    #expect(plan.leftoverCount == 5)

    let split = try CorpusSplit(
      file: file, scan: scan, tokenizer: scan.tokenizer, blockSize: 256, validationFraction: 0.1,
      order: DocumentOrder(count: scan.documentCount, seed: 42, isShuffled: true))
    #expect(split.training.count == 3_921)
    #expect(try #require(split.validation).count == (111_540 - 257) / 256 + 1)
    let shorter = try BatchSampler(TrainingConfiguration(), sequenceCount: 3_921)
    #expect(shorter.stepsPerEpoch == 122)
    #expect(shorter.stepsPerEpoch * 15 == 1_830)

    let tokens = try whole.training.tokens(of: 0)
    #expect(scan.tokenizer.decode(tokens.map(Int.init)).hasPrefix("First Citizen:\n"))
    #expect(try whole.training.tokens(of: 4_356).count == 257)
  }

  @Test func names() throws {
    let file = try CorpusFile(path: #require(ReferenceCorpus.path("names.txt")))
    let scan = try CorpusScan(of: file, workflow: .documents)
    #expect(scan.sha256 == "0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d")
    #expect(scan.byteCount == 228_145)
    #expect(scan.documentCount == 32_033)
    #expect(scan.tokenizer.vocabularySize == 27)
    let split = try CorpusSplit(
      file: file, scan: scan, tokenizer: scan.tokenizer, blockSize: 16, validationFraction: 0,
      order: DocumentOrder(count: scan.documentCount, seed: 42, isShuffled: false))
    #expect(split.training.count == 32_033)
    // emma
    #expect(try split.training.tokens(of: 0) == [26, 4, 12, 12, 0, 26])
  }
}
