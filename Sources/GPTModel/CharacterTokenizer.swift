// Characters to ids and back. Not a subword tokenizer: one Unicode scalar is one token.

import Platform

/// The sorted unique scalars of a corpus get the ids 0…n-1; BOS gets the last id, n.
public struct CharacterTokenizer: Equatable, Sendable {
  /// Sorted, unique.
  public let scalars: [Unicode.Scalar]
  public var vocabularySize: Int { scalars.count + 1 }
  /// The id that begins and ends a document.
  public var bosID: Int { scalars.count }
  private let ids: [Unicode.Scalar: Int32]
  /// Ids of the 128 ASCII scalars, -1 where unknown.
  private let asciiIDs: [Int32]

  /// - Parameter scalars: any order; duplicates are dropped.
  public init(scalars: some Sequence<Unicode.Scalar>) {
    self.scalars = Set(scalars).sorted()
    ids = Dictionary(
      uniqueKeysWithValues: self.scalars.enumerated().map { ($0.element, Int32($0.offset)) })
    var ascii = [Int32](repeating: -1, count: 128)
    for (id, scalar) in self.scalars.enumerated() where scalar.isASCII {
      ascii[Int(scalar.value)] = Int32(id)
    }
    asciiIDs = ascii
  }

  public func id(of scalar: Unicode.Scalar) -> Int? {
    if scalar.isASCII {
      let id = asciiIDs[Int(scalar.value)]
      return id < 0 ? nil : Int(id)
    }
    return ids[scalar].map(Int.init)
  }

  /// The character of an id; nil for BOS.
  public func scalar(of id: Int) -> Unicode.Scalar? {
    scalars.indices.contains(id) ? scalars[id] : nil
  }

  /// - Parameter name: what the text is, for the message.
  /// - Throws: `InvalidInput` that names the unknown characters and lists the alphabet.
  public func encode(_ text: String, named name: String = "the prompt") throws -> [Int32] {
    var unknown: [Unicode.Scalar] = []
    let encoded = text.unicodeScalars.compactMap { scalar -> Int32? in
      if let id = id(of: scalar) { return Int32(id) }
      if !unknown.contains(scalar) { unknown.append(scalar) }
      return nil
    }
    guard unknown.isEmpty else {
      let names = unknown.prefix(10).map(Self.shown).joined(separator: " ")
      throw InvalidInput(
        "\(name) has characters that this checkpoint does not know: \(names); its alphabet is \(alphabet)")
    }
    return encoded
  }

  /// The text of `ids`; BOS contributes nothing.
  public func decode(_ ids: some Sequence<Int>) -> String {
    var text = String.UnicodeScalarView()
    for id in ids { if let scalar = scalar(of: id) { text.append(scalar) } }
    return String(text)
  }

  /// All characters, at most 200, blanks and controls escaped.
  public var alphabet: String {
    let shown = scalars.prefix(200).map(Self.shown).joined(separator: " ")
    return scalars.count > 200 ? "\(shown) … (\(scalars.count) characters)" : shown
  }

  static func shown(_ scalar: Unicode.Scalar) -> String {
    scalar == " " ? "' '" : visible(String(Character(scalar)))
  }
}
