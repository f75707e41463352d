// The corpora that the program knows by name: where they come from and how to recognise them.

import CorpusFiles

/// A public text identified by its SHA-256, and its substitute when it is unavailable.
public struct KnownCorpus: Equatable, Sendable {
  public let fileName: String
  public let url: String
  public let byteCount: Int
  /// 64 hexadecimal digits.
  public let sha256: String
  public let substitute: SyntheticCorpus

  /// 65 different characters of continuous text.
  public static let tinyShakespeare = KnownCorpus(
    fileName: "tinyshakespeare.txt",
    url: "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
    byteCount: 1_115_394,
    sha256: "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    substitute: .dialogue)

  /// 32,033 first names, one per line.
  public static let names = KnownCorpus(
    fileName: "names.txt",
    url: "https://raw.githubusercontent.com/karpathy/makemore/988aa59/names.txt",
    byteCount: 228_145,
    sha256: "0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d",
    substitute: .names)
}
