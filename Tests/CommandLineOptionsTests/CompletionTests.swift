// What is generated for shells and for man, as texts; that the tools themselves take it is up to ProgramsTests.

import Platform
import Testing

@testable import CommandLineOptions

@Suite struct GeneratedTexts {
  @Test func aManualPageHasEverything() throws {
    guard case .document(let page) = try sample.parse(["--print-man"]) else {
      Issue.record("--print-man printed nothing")
      return
    }
    let lines = page.split(separator: "\n")
    #expect(lines.contains(".TH \"TRAINER\" 1 \"\" \"trainer 1.2\" \"User Commands\""))
    #expect(lines.contains("trainer \\- trains a model"))
    for option in sample.options {
      let isShown = !option.isHidden || option.name.hasPrefix("print-")
      #expect(
        page.contains("\\-\\-\(option.name.replacing("-", with: "\\-"))\\fR") == isShown, "\(option.name)")
    }
    // Nothing but ASCII, and no line that a text has made a request.
    #expect(page.utf8.allSatisfy { $0 < 128 })
    #expect(lines.allSatisfy { !$0.hasPrefix("'") })
  }

  @Test func everyShellIsTold() throws {
    for shell in Shell.allCases {
      guard case .document(let text) = try sample.parse(["--print-completion", shell.rawValue]) else {
        Issue.record("--print-completion \(shell) printed nothing")
        return
      }
      // The first line names the option that has printed it.
      for option in sample.options where option.name != CommandSyntax.printCompletion.name {
        let name = shell == .fish ? "-l \(option.name) " : "--\(option.name)"
        #expect(text.contains(name) == !option.isHidden, "\(shell): \(option.name)")
      }
      #expect(text.contains("shakespeare names"), "\(shell)")
    }
    #expect(throws: InvalidInput.self) { try sample.parse(["--print-completion", "tcsh"]) }
  }

  @Test func candidatesFollowFromTheDeclaration() {
    #expect(Sample.data.declaration.candidates == .files([]))
    #expect(Sample.data.completing(".txt", ".gz").declaration.candidates == .files([".txt", ".gz"]))
    #expect(Sample.diff.declaration.candidates == .files([]))
    #expect(Sample.preset.declaration.candidates == .words(["shakespeare", "names"]))
    #expect(Option<String?>.text("d", "DIR", "").declaration.candidates == .folders)
    #expect(Sample.seed.declaration.candidates == .none && Sample.prompt.declaration.candidates == .none)
  }
}
