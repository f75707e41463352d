// What of a live line fits, what a log's lines look like, when silence is broken: without a terminal.

import Testing

@testable import TerminalDisplay

@Suite struct LayoutTests {
  private let fields = [
    LiveField("step 1,203 / 1,830", short: "1203/1830", importance: 10),
    LiveField("loss 1.7012", importance: 9),
    LiveField("5,240 tok/s", short: "5.2k tok/s", importance: 5, isSecondary: true),
    LiveField("71 % of peak", short: "71 %", importance: 2, isSecondary: true),
    LiveField("12m 30s left", importance: 8),
  ]

  private func text(_ columns: Int) -> String {
    LiveLayout(fields, columns: columns).line(hasColors: false)
  }

  @Test func whereThereIsRoomAllIsThere() {
    #expect(text(100) == "step 1,203 / 1,830 | loss 1.7012 | 5,240 tok/s | 71 % of peak | 12m 30s left")
    #expect(text(100).count == 76)
    #expect(text(76) == text(100))
  }

  @Test func firstItIsShortenedThenTheLeastImportantGoes() {
    #expect(text(75) == "1203/1830 | loss 1.7012 | 5.2k tok/s | 71 % | 12m 30s left")
    #expect(text(57) == "1203/1830  loss 1.7012  5.2k tok/s  71 %  12m 30s left")
    // Where something has gone, there may be room again.
    #expect(text(53) == "1203/1830 | loss 1.7012 | 5.2k tok/s | 12m 30s left")
    #expect(text(40) == "1203/1830 | loss 1.7012 | 12m 30s left")
    #expect(text(30) == "1203/1830 | loss 1.7012")
    #expect(text(9) == "1203/1830" && text(6) == "1203/…" && text(1) == "…")
  }

  @Test func noWindowIsTooNarrow() {
    for columns in 0...100 {
      #expect(LiveLayout(fields, columns: columns).width <= max(0, columns))
    }
    #expect(LiveLayout([], columns: 40).line(hasColors: true) == "")
  }

  @Test func coloursTakeNoColumns() {
    let layout = LiveLayout(fields, columns: 100)
    let line = layout.line(hasColors: true)
    #expect(layout.width == 76 && line.contains("\u{1B}[2m71 % of peak\u{1B}[0m"))
    #expect(line.replacing(#/\u{1B}\[[0-9;]*m/#, with: "") == layout.line(hasColors: false))
  }

  /// A name of a file decides no more than its own columns.
  @Test func whatATerminalWouldObeyIsSpeltOut() {
    let layout = LiveLayout([LiveField("scanning \u{1B}[2J\n名前.txt", importance: 1)], columns: 60)
    #expect(layout.line(hasColors: false) == "scanning \\u{1B}[2J\\n名前.txt")
    #expect(layout.width == 28)
  }

  @Test(arguments: [("abc", 3), ("名前", 4), ("e\u{301}", 1), ("🚀", 2), ("café", 4), ("", 0)])
  func columns(_ text: String, _ width: Int) { #expect(columnWidth(text) == width) }

  @Test func truncation() {
    #expect(truncated("名前.txt", to: 8) == "名前.txt")
    #expect(truncated("名前.txt", to: 7) == "名前.t…")
    // Half a character is none.
    #expect(truncated("名前", to: 3) == "名…" && truncated("名前", to: 2) == "…")
  }
}

@Suite struct StatusLineTests {
  private let fields = [
    LiveField("step 1", short: "1", importance: 10),
    LiveField("saved 3s ago", importance: 4, isSecondary: true),
  ]

  @Test func theyArriveAsTheyWereSent() {
    var splitter = StatusSplitter()
    let bytes = Array("first\n".utf8) + StatusLine.bytes(fields) + Array("second\n".utf8)
    let (lines, found) = splitter.take(bytes)
    #expect(String(decoding: lines, as: UTF8.self) == "first\nsecond\n" && found == fields)
    #expect(splitter.take(StatusLine.bytes([])).fields == [])
  }

  @Test func theyComeInAnyPieces() {
    let bytes =
      StatusLine.bytes(fields) + Array("a line\r\n".utf8) + StatusLine.bytes(fields).dropLast() + [13, 10]
    for size in 1...bytes.count {
      var splitter = StatusSplitter()
      var (lines, found): ([UInt8], Int) = ([], 0)
      for start in stride(from: 0, to: bytes.count, by: size) {
        let part = splitter.take(Array(bytes[start..<min(start + size, bytes.count)]))
        lines += part.lines
        if let some = part.fields { found += some == fields ? 1 : 100 }
      }
      #expect(String(decoding: lines, as: UTF8.self) == "a line\r\n" && (1...2).contains(found))
    }
  }

  @Test func whatIsNoStatusIsALine() {
    var splitter = StatusSplitter()
    #expect(splitter.take(Array("\u{1E}nonsense\n".utf8)).lines == Array("\u{1E}nonsense\n".utf8))
    #expect(splitter.take(Array("no end".utf8)).lines.isEmpty)
    #expect(splitter.take([]).lines == Array("no end\n".utf8))
    // One that its rank could not finish.
    #expect(splitter.take([StatusLine.mark, 0x31]).lines.isEmpty && splitter.take([]).lines.isEmpty)
  }
}

@Suite struct WrappingTests {
  @Test func linesBreakAtSpaces() {
    let text = "note       " + String(repeating: "word ", count: 30) + "end"
    let lines = wrapped(text, indent: 11)
    #expect(lines.count > 2 && lines.allSatisfy { $0.count <= 79 })
    #expect(lines.dropFirst().allSatisfy { $0.hasPrefix("           w") || $0.hasPrefix("           e") })
    let joined = lines.enumerated().map { $0 == 0 ? $1 : String($1.dropFirst(11)) }.joined(separator: " ")
    #expect(joined == text)
    #expect(wrapped("") == [""] && wrapped("short  one") == ["short  one"])
    // Nothing is cut.
    let path = String(repeating: "p", count: 100)
    #expect(wrapped("corpus \(path) x", indent: 2) == ["corpus", "  \(path)", "  x"])
    #expect(wrapped("saves      \(path) x", indent: 11) == ["saves      \(path)", "           x"])
  }

  @Test func commandsStayCommands() {
    let words = ["gpt-ddp"] + (0..<12).map { "--option-\($0) value" }
    let lines = wrappedCommand("Repeat with", words)
    #expect(lines.count > 2 && lines.allSatisfy { $0.count <= 79 })
    #expect(lines.dropLast().allSatisfy { $0.hasSuffix(" \\") } && !lines[lines.count - 1].hasSuffix("\\"))
    let joined = lines.joined(separator: "\n").replacing(#/ \\\n +/#, with: " ")
    #expect(joined == "Repeat with " + words.joined(separator: " "))
    #expect(wrappedCommand("Sample with", ["gpt-sample"]) == ["Sample with gpt-sample"])
  }
}

@Suite(.serialized) struct PlainProgressTests {
  private func moment(_ text: String, began: Double, outermost: Double? = nil) -> Activity.Moment {
    Activity.Moment(text: text, isCounted: false, began: began, outermost: outermost ?? began)
  }

  @Test func silenceIsBrokenAfterTwoSecondsThenEveryFew() {
    var progress = PlainProgress()
    let reading = moment("reading x", began: 100)
    var (last, told): (Double, [Double]) = (100, [])
    for tick in 0...1_500 {
      let now = 100 + Double(tick) / 10
      if progress.line(reading, delay: nil, silence: now - last, at: now) != nil {
        told.append(now - 100)
        last = now
      }
    }
    #expect(told[0] <= 2 && told.count < 15, "\(told)")
    for (before, after) in zip(told, told.dropFirst()) {
      #expect((before < 27 ? 4.0...6 : 29...31).contains(after - before), "\(told)")
    }
  }

  @Test func whatIsShortOrNotSilentHasNoLine() {
    var progress = PlainProgress()
    #expect(progress.line(moment("x", began: 100), delay: nil, silence: 60, at: 100.9) == nil)
    #expect(progress.line(moment("x", began: 100), delay: nil, silence: 1, at: 160) == nil)
    #expect(progress.line(nil, delay: nil, silence: 60, at: 160) == nil)
    #expect(
      progress.line(moment("x", began: 100), delay: nil, silence: 2, at: 103.5)
        == "note: x, for 3 s so far")
    #expect(progress.line(nil, delay: "step 1, 9 s", silence: 9, at: 200) == "note: step 1, 9 s")
  }

  /// Short parts of something long are no less silent.
  @Test func theWholeCounts() {
    var progress = PlainProgress()
    #expect(
      progress.line(moment("part", began: 102.9, outermost: 100), delay: nil, silence: 3, at: 103) != nil)
  }

  @Test func activitiesNest() {
    let outer = Activity.begin("outer")
    #expect(Activity.current?.text == "outer")
    Activity.during("") { #expect(Activity.current?.text == "outer") }
    Activity.during("inner") {
      #expect(Activity.current?.text == "inner" && Activity.current?.outermost == outer.began)
    }
    outer.say("further, 3 of 4", isCounted: true)
    #expect(Activity.current?.text == "further, 3 of 4" && Activity.current?.isCounted == true)
    outer.end()
    #expect(Activity.current == nil)
  }
}
