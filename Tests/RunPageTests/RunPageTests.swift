// The page of a run, as text: what is in it, how large it is, and that nothing of others becomes markup.

import Foundation
import Platform
@testable import RunCurves
import TestSupport
import Testing

@testable import RunPage

/// A run of `steps` steps, validated 20 times.
func madeUpRecord(_ steps: Int, status: RunStatus = .finished) -> RunRecord {
  var record = RunRecord(run: "0123456789abcdef", title: "names, 4,192 parameters")
  record.history = RunHistory(begin: 0)
  for step in 1...steps {
    let noise = Double((step &* 2_654_435_761) % 1_000) / 1_000
    record.history.append(
      step: step, loss: 2 + 30 / Double(step + 10) + noise / 3, seconds: Double(step) / 7, tokens: 48,
      learningRate: 0.01 / Double(step), gradientNorm: 1 + noise)
    if step % max(1, steps / 20) == 0 {
      record.history.appendValidation(step: step, loss: 2.1 + 20 / Double(step + 10))
    }
  }
  record.lastStep = steps
  record.status = status
  record.facts = [Fact("Corpus", "names.txt")]
  record.samples.append(RunSample(step: steps, text: "marian"))
  record.events.append(RunEvent(time: 1_700_000_000, step: 0, text: "begun"))
  return record
}

@Suite struct RunPageTests {
  @Test(arguments: [1, 100_000, 1_000_000])
  func staysBelowAMegabyte(steps: Int) {
    let text = RunPage(madeUpRecord(steps)).text
    #expect(text.utf8.count < 1_000_000)
    #expect(text.contains("class=\"mean c0\"") && text.contains("</html>"))
  }

  @Test func asksForNothingFromAnywhere() {
    let text = RunPage(madeUpRecord(50)).text
    for word in ["http://", "https://", "src=", "url(", "@import", "//cdn"] {
      let found = text.replacingOccurrences(of: "http://www.w3.org/2000/svg", with: "").contains(word)
      #expect(!found, "\(word)")
    }
    #expect(text.contains("default-src 'none'"))
  }

  @Test func textsOfOthersAreNeverMarkup() throws {
    let evil = "</pre></script><script>alert(1)</script><!--\u{202E}\u{1B}[31m & \"'"
    var record = madeUpRecord(10, status: .failed(evil))
    record.title = evil
    record.facts = [Fact(evil, evil)]
    record.commands = [Fact(evil, evil)]
    record.samples.append(RunSample(step: 10, text: evil))
    record.events.append(RunEvent(time: 0, step: 1, text: evil))
    record.activity = evil
    record.weightsHash = evil
    let text = RunPage(record).text
    #expect(!text.contains("<script>alert") && !text.contains("</pre></script>") && !text.contains("<!--"))
    #expect(!text.unicodeScalars.contains("\u{202E}") && !text.unicodeScalars.contains("\u{1B}"))
    // Its own elements only: data and script.
    #expect(text.components(separatedBy: "</script>").count == 3)
    // What is read back is what was meant.
    #expect(PageData.read(Array(text.utf8))?.samples.list.last?.text == evil)
    let run = MetricsReader.Run(name: evil, history: record.history)
    for text in [ComparePage([run, run], written: 0).text, LossPicture([run, run]).text] {
      #expect(!text.contains("<script>alert") && !text.contains("<!--"))
    }
  }

  @Test(arguments: [
    (RunStatus.running, "class=\"running\"", true), (.stopping("SIGTERM"), "class=\"stopping\"", true),
    (.finished, "class=\"finished\"", false), (.stopped("by request"), "class=\"stopped\"", false),
    (.failed("rank 1 has died"), "class=\"failed\"", false),
  ])
  func saysHowItStands(status: RunStatus, mark: String, isLive: Bool) {
    let text = RunPage(madeUpRecord(10, status: status)).text
    #expect(text.contains(mark) && text.contains("\"live\":\(isLive)"))
    #expect(text.contains("http-equiv=\"refresh\"") == isLive && text.contains("id=\"silent\"") == isLive)
    if case .failed(let cause) = status { #expect(text.contains(cause)) }
  }

  @Test func samplesAndEventsAreBounded() {
    var (samples, events) = (KeptSamples(), KeptEvents())
    for step in 1...10_000 {
      samples.append(RunSample(step: step, text: String(repeating: "é", count: 5_000)))
      events.append(RunEvent(time: Double(step), step: step, text: "note"))
    }
    #expect(
      samples.list.count <= KeptSamples.most && samples.list.first?.step == 1
        && samples.list.last?.step == 10_000)
    #expect(samples.list.allSatisfy { $0.text.count <= KeptSamples.longest + 2 })
    #expect(events.list.count == KeptEvents.most && events.leftOut == 10_000 - KeptEvents.most)
    #expect(events.list.first?.step == 1 && events.list.last?.step == 10_000)
    var many = KeptSamples()
    for _ in 1...10_000 { many.append(RunSample(step: 5, text: "x")) }
    #expect(many.list.count <= KeptSamples.most)
  }

  // MARK: Going on

  @Test func aRunGoesOnWithItsPage() throws {
    let folder = try TemporaryFolder()
    let record = madeUpRecord(3_000, status: .running)
    let path = try folder.file(Array(RunPage(record).text.utf8), named: "run.html")
    #expect(PageMark.run(of: path) == record.run)
    var resumed = RunRecord(run: record.run, title: "")
    resumed.goOn(from: path, metrics: nil, upTo: 2_900)
    #expect(resumed.history.step <= 2_900 && resumed.history.step > 2_880)
    let own = Set(record.history.losses.buckets.flatMap(\.points).map(\.loss))
    #expect(resumed.history.losses.buckets.flatMap(\.points).allSatisfy { own.contains($0.loss) })
    #expect(resumed.history.validations.lowest?.step == record.history.upTo(2_900).validations.lowest?.step)
    #expect(resumed.samples.list.isEmpty)
    #expect(resumed.events.list.map(\.text) == ["begun", "ended without a word after this"])
    // To the end of what it has, nothing is lost.
    resumed.goOn(from: path, metrics: nil, upTo: 3_000)
    #expect(
      resumed.history.losses.buckets.map(\.lowest.loss) == record.history.losses.buckets.map(\.lowest.loss))
    var other = RunRecord(run: "fedcba9876543210", title: "")
    other.goOn(from: path, metrics: nil, upTo: 3_000)
    #expect(other.history.step == 0)
  }

  @Test func aPageOfAnybodyElseIsCheckedLikeOne() throws {
    let text = RunPage(madeUpRecord(40)).text
    #expect(PageData.read(Array(text.utf8)) != nil)
    let changes = [
      ("\"buckets\":[[1,", "\"buckets\":[[0,"), ("\"buckets\":[[1,", "\"buckets\":[[1e300,"),
      ("\"width\":1", "\"width\":3"), ("\"width\":1", "\"width\":-1"), ("\"width\":1", "\"width\":4096"),
      ("\"format\":1", "\"format\":9"), (",null,1,", ",null,7e18,"),
      ("\"events_left_out\":0", "\"events_left_out\":-1"),
      ("id=\"data\">", "id=\"data\">["), ("\"step\":40,", "\"step\":4e99,"),
    ]
    for (old, new) in changes {
      let changed = text.replacingOccurrences(of: old, with: new)
      guard changed != text else { continue }
      let found = PageData.read(Array(changed.utf8))
      // Refused, or of values that a run could have.
      if let found {
        #expect(found.history.losses.buckets.allSatisfy { $0.count >= 1 && $0.first.step <= 1 << 53 })
      }
    }
    var state: UInt64 = 1
    for _ in 0..<300 {
      var bytes = Array(text.utf8)
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      bytes[Int(state >> 20) % bytes.count] = UInt8(truncatingIfNeeded: state >> 50)
      if let found = PageData.read(bytes) { #expect(found.history.losses.buckets.count <= 1_024) }
    }
    #expect(PageData.read(Array(text.utf8.prefix(text.utf8.count / 2))) == nil)
    #expect(PageData.read([0xFF, 0xFE]) == nil)
  }
}
