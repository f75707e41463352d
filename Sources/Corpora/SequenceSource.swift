// Where the training sequences come from: numbered, each read on demand by the rank that needs it.

import Platform
import GPTModel

/// Numbered token sequences of one part (training or validation) of a corpus.
public protocol SequenceSource: Sendable {
  var count: Int { get }
  /// Appends sequence `index` of `0..<count`, at least two tokens. Reads only its bytes.
  /// - Throws: `RuntimeFailure` if the file cannot be read or is no longer the one that was scanned.
  func appendTokens(of index: Int, to tokens: inout [Int32]) throws
}

/// Some sequences of another source, spread evenly over it: a fixed sample of a long text.
public struct SpreadSource: SequenceSource {
  private let whole: any SequenceSource
  public let count: Int

  /// - Parameter count: 1…`whole.count`; sequence i is `whole`'s ⌊i · whole.count / count⌋.
  public init(_ count: Int, of whole: any SequenceSource) {
    precondition((1...whole.count).contains(count))
    self.whole = whole
    self.count = count
  }

  public func appendTokens(of index: Int, to tokens: inout [Int32]) throws {
    // Without an overflow, however long the text is.
    let position = index.multipliedFullWidth(by: whole.count)
    try whole.appendTokens(of: count.dividingFullWidth(position).quotient, to: &tokens)
  }
}

extension CorpusScan {
  /// - Throws: `InvalidInput` if the text has characters that a checkpoint's tokenizer does not know.
  func checkAlphabet(against tokenizer: CharacterTokenizer, path: String) throws {
    let unknown = scalars.filter { tokenizer.id(of: $0) == nil }
    guard unknown.isEmpty else {
      let shown = CharacterTokenizer(scalars: unknown.prefix(10)).alphabet
      throw InvalidInput(
        "the corpus \(path) has characters that the model does not know: \(shown)"
          + "\(unknown.count > 10 ? " … (\(unknown.count))" : ""); its alphabet is \(tokenizer.alphabet)")
    }
  }
}
