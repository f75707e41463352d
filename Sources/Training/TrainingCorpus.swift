// What a trainer reads from: the two parts of a corpus, their alphabet, and which text it is.

import Corpora
import GPTModel
import TrainingState

public struct TrainingCorpus: Sendable {
  public let identity: CorpusIdentity
  public let tokenizer: CharacterTokenizer
  public let split: CorpusSplit

  /// - Parameter dataset: for people: a file name or `synthetic`.
  public init(dataset: String, sha256: String, tokenizer: CharacterTokenizer, split: CorpusSplit) {
    identity = CorpusIdentity(dataset: dataset, sha256: sha256, sequenceCount: split.training.count)
    self.tokenizer = tokenizer
    self.split = split
  }
}
