// Texts that users give, and what becomes of them.

import GPTModel
import Platform
import Testing

@testable import SamplerProgram

@Suite struct PromptTests {
  @Test func escapesAreWhatTheyName() throws {
    #expect(
      try PromptText.resolvingEscapes(#"a\nb\t\\n\r\u{C4}\u{1F600}"#, in: "--prompt") == "a\nb\t\\n\rÄ😀")
    for bad in [#"\x"#, #"a\"#, #"\u{}"#, #"\u{D800}"#, #"\u{110000}"#, #"\u41"#, #"\u{12"#] {
      let error = #expect(throws: InvalidInput.self) { try PromptText.resolvingEscapes(bad, in: "--stop") }
      #expect(error?.message.hasPrefix("--stop has a backslash before ") == true, "\(bad)")
    }
  }

  @Test func theLastLineEndOfAFileWasTypedByNobody() {
    for (text, expected) in [
      ("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("a", "a"), ("\n", ""), ("", ""),
    ] {
      #expect(PromptText.withoutLastLineEnd(text) == expected)
    }
  }

  @Test func seedsAndContexts() throws {
    for number in ["7", "0"] {
      let choice = try SeedChoice.of(number)
      #expect(String(choice.seed) == number && !choice.isDrawn)
    }
    #expect(try SeedChoice.of("random").isDrawn)
    for bad in ["-1", "x", "", "1.5", "99999999999999999999"] {
      #expect(throws: InvalidInput.self) { try SeedChoice.of(bad) }
    }
    #expect(try SamplingPlan.keptCharacters("keep=12") == 12 && SamplingPlan.keptCharacters(nil) == 0)
    for bad in ["12", "keep=", "keep=-1", "keep=x", "keep", "slide=3"] {
      #expect(throws: InvalidInput.self) { try SamplingPlan.keptCharacters(bad) }
    }
  }

  @Test func commandsOfASession() throws {
    #expect(try InteractiveCommand(":temp 0.5") == .temperature(0.5))
    #expect(
      try InteractiveCommand(":seed 9") == .seed(9) && InteractiveCommand(":chars 20") == .characters(20))
    #expect(try InteractiveCommand(":q") == .quit && InteractiveCommand(":help") == .help)
    for bad in [
      ":", ":temp", ":temp nan", ":temp 101", ":seed", ":seed x", ":chars 0", ":reset now", ":Temp 1",
    ] {
      #expect(throws: InvalidInput.self, "\(bad)") { try InteractiveCommand(bad) }
    }
  }

  private let tokenizer = CharacterTokenizer(scalars: "\nabc".unicodeScalars)

  @Test func textsAreSequences() throws {
    let chunks = try ScoredText("ab\nc", name: "t", tokenizer: tokenizer, workflow: .chunks)
    #expect(chunks.sequences == [[1, 2, 0, 3]])
    let documents = try ScoredText("  ab \r\n\r\nc\rb", name: "t", tokenizer: tokenizer, workflow: .documents)
    #expect(documents.sequences == [[4, 1, 2, 4], [4, 3, 4], [4, 2, 4]])
    for (text, workflow) in [("", Workflow.chunks), ("a", .chunks), ("\n \n", .documents)] {
      let error = #expect(throws: InvalidInput.self) {
        try ScoredText(text, name: "t", tokenizer: tokenizer, workflow: workflow)
      }
      #expect(error?.message.contains("nothing to predict") == true)
    }
  }

  @Test func whatIsUnknownIsNamedWithItsPlace() {
    for (text, workflow, place) in [
      ("ab\nc\u{1B}x", Workflow.chunks, "'\\u{1B}' (U+001B) in line 2, column 2"),
      ("ab\n\n  c😀", .documents, "'😀' (U+1F600) in line 3, column 4"),
    ] {
      let error = #expect(throws: InvalidInput.self) {
        try ScoredText(text, name: "t", tokenizer: tokenizer, workflow: workflow)
      }
      #expect(error?.message.contains(place) == true, "\(error?.message ?? "")")
    }
  }
}
