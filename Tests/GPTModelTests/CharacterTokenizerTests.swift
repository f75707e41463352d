// Characters to ids and back.

import Platform
import GPTModel
import Testing

@Suite("Character tokenizer") struct CharacterTokenizerTests {
  @Test func idsAreSortedAndBOSIsTheLast() throws {
    let tokenizer = CharacterTokenizer(scalars: "banana boat\n".unicodeScalars)
    #expect(String(String.UnicodeScalarView(tokenizer.scalars)) == "\n abnot")
    #expect(tokenizer.vocabularySize == 8)
    #expect(tokenizer.bosID == 7)
    #expect(try tokenizer.encode("boat\n") == [3, 5, 2, 6, 0])
    #expect(tokenizer.id(of: "n") == 4)
    #expect(tokenizer.id(of: "z") == nil)
    #expect(tokenizer.scalar(of: 7) == nil)
    #expect(tokenizer.scalar(of: -1) == nil)
    #expect(tokenizer.scalar(of: 0) == "\n")
  }

  /// The reference's vocabularies: 26 letters and 65 characters, each and BOS.
  @Test func namesHaveTwentySevenTokens() {
    let letters = CharacterTokenizer(scalars: "zyxwvutsrqponmlkjihgfedcba".unicodeScalars)
    #expect(letters.vocabularySize == 27)
    #expect(letters.bosID == 26)
    #expect(letters.id(of: "a") == 0)
    #expect(letters.id(of: "z") == 25)
  }

  @Test(arguments: ["", "a", "hello\tworld\r\n", "Zoë größer 東京 👍🏽 e\u{301}", "\u{0}\u{7F}\u{80}\u{10FFFF}"])
  func encodingAndDecodingIsTheIdentity(text: String) throws {
    let tokenizer = CharacterTokenizer(scalars: text.unicodeScalars)
    let ids = try tokenizer.encode(text)
    #expect(ids.count == text.unicodeScalars.count)
    #expect(ids.allSatisfy { (0..<Int32(tokenizer.bosID)).contains($0) })
    #expect(Array(tokenizer.decode(ids.map(Int.init)).unicodeScalars) == Array(text.unicodeScalars))
    #expect(tokenizer.scalars == tokenizer.scalars.sorted())
  }

  @Test func bosAndForeignIdsHaveNoText() {
    let tokenizer = CharacterTokenizer(scalars: "ab".unicodeScalars)
    #expect(tokenizer.decode([2, 0, 2, 1, 2, 99, -5]) == "ab")
  }

  @Test func equalAlphabetsAreEqualTokenizers() {
    #expect(
      CharacterTokenizer(scalars: "abc".unicodeScalars) == CharacterTokenizer(scalars: "ccba".unicodeScalars))
    #expect(
      CharacterTokenizer(scalars: "abc".unicodeScalars) != CharacterTokenizer(scalars: "abd".unicodeScalars))
  }

  /// The message names each unknown character once, escapes what one cannot see, and lists the alphabet.
  @Test(arguments: [
    ("aXbX?", ": X ?; its alphabet is \\n ' ' a b"),
    ("\t", ": \\t;"),
    ("\r\n", ": \\r;"),
    ("é", ": é;"),
    ("\u{1}", ": \\u{1};"),
  ])
  func unknownCharactersAreNamed(text: String, part: String) {
    let tokenizer = CharacterTokenizer(scalars: "ab \n".unicodeScalars)
    let error = #expect(throws: InvalidInput.self) { try tokenizer.encode(text) }
    let message = error?.message ?? ""
    #expect(message.contains(part))
    #expect(!message.contains("\n"))
  }

  @Test func aLongAlphabetIsCutShort() {
    let many = (0x4E00..<0x4E00 + 300).compactMap(Unicode.Scalar.init)
    #expect(CharacterTokenizer(scalars: many).alphabet.hasSuffix("… (300 characters)"))
    let few = CharacterTokenizer(scalars: many.prefix(200))
    #expect(few.alphabet.split(separator: " ").count == 200)
  }
}
