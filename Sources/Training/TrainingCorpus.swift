// What a trainer reads from: the two parts of a corpus, their alphabet, and which text it is.

import Corpora
import GPTModel
import TrainingState

public struct TrainingCorpus: Sendable {
  public let identity: CorpusIdentity
  public let tokenizer: CharacterTokenizer
  public let split: CorpusSplit

  /// - Parameters:
  ///   - dataset: for people: a file name or `synthetic`.
  ///   - path: absolute; empty if the text is no file.
  public init(
    dataset: String, path: String = "", sha256: String, tokenizer: CharacterTokenizer, split: CorpusSplit
  ) {
    identity = CorpusIdentity(
      dataset: dataset, path: path, sha256: sha256, sequenceCount: split.training.count)
    self.tokenizer = tokenizer
    self.split = split
  }
}
