// The values of a page as JSON within it: what its script shows beside the curves, and what a resumed run reads back,
// checked like anything that somebody else may have written.

import Foundation
import Platform
import RunCurves

enum PageData {
  static let format = 1
  static let opening = "<script type=\"application/json\" id=\"data\">"
  static let closing = "</script>"
  /// In the first bytes of every page of ours.
  static let mark = "<meta name=\"generator\" content=\"MicroGPT page \(format)\">"

  // MARK: Writing

  /// The element; nothing in it can end it.
  static func element(_ members: [(String, JSONText)]) -> String {
    let text = JSONText.object([("format", .integer(format))] + members).compactText
    return opening + text.replacingOccurrences(of: "<", with: "\\u003c") + closing
  }

  static func json(_ record: RunRecord) -> [(String, JSONText)] {
    [
      ("run", .string(record.run)), ("written", .real(record.written)), ("interval", .real(record.interval)),
      ("live", .boolean(record.status.isLive)),
      ("runs", .array([json(record.history, name: record.title)])),
      (
        "samples",
        .array(
          record.samples.list.map { .object([("step", .integer($0.step)), ("text", .string($0.text))]) })
      ),
      (
        "events",
        .array(
          record.events.list.map {
            .object([("time", .real($0.time)), ("step", .integer($0.step)), ("text", .string($0.text))])
          })
      ), ("events_left_out", .integer(record.events.leftOut)),
    ]
  }

  static func json(_ history: RunHistory, name: String) -> JSONText {
    var members: [(String, JSONText)] = [
      ("name", .string(name)), ("width", .integer(history.losses.width)),
      ("buckets", .array(history.losses.buckets.map(json))),
      ("validation_width", .integer(history.validations.width)),
      ("validations", .array(history.validations.buckets.map(json))),
    ]
    if let hash = history.weightsHash {
      members += [("hash_step", .integer(hash.step)), ("hash", .string(hash.text))]
    }
    return .object(members)
  }

  /// `[count, loss sum, tokens, seconds, lr, gradient norm, step, loss, seconds, step, …]`: the points are the run's.
  private static func json(_ bucket: CurveBucket) -> JSONText {
    .array(
      [
        .integer(bucket.count), .real(bucket.lossSum), .real(bucket.tokens),
        .real(microseconds(bucket.seconds)),
        .real(bucket.learningRate ?? .nan), .real(bucket.gradientNorm ?? .nan),
      ]
        + bucket.points.flatMap { point -> [JSONText] in
          [.integer(point.step), .real(point.loss), .real(microseconds(point.seconds))]
        })
  }

  private static func microseconds(_ seconds: Double) -> Double { (seconds * 1e6).rounded() / 1e6 }

  // MARK: Reading

  private struct Stored: Decodable {
    struct Run: Decodable {
      let width: Int
      let buckets: [[Double?]]
      let validation_width: Int
      let validations: [[Double?]]
      let hash_step: Int?
      let hash: String?
    }
    struct Sample: Decodable {
      let step: Int
      let text: String
    }
    struct Event: Decodable {
      let time: Double
      let step: Int
      let text: String
    }
    let format: Int
    let run: String
    let written: Double
    let live: Bool
    let runs: [Run]
    let samples: [Sample]
    let events: [Event]
    let events_left_out: Int
  }

  /// What a page says of a run that goes on.
  struct Found {
    var run: String
    var history: RunHistory
    var samples: KeptSamples
    var events: KeptEvents
  }

  /// Bytes of a page; ours have less than a million.
  static let mostBytes = 4_000_000

  /// The run of a page; nil for anything that could not be ours.
  static func read(_ page: [UInt8]) -> Found? {
    guard page.count <= mostBytes, let text = String(validating: page, as: UTF8.self),
      let begin = text.range(of: opening),
      let end = text.range(of: closing, range: begin.upperBound..<text.endIndex),
      let stored = try? JSONDecoder().decode(
        Stored.self, from: Data(text[begin.upperBound..<end.lowerBound].utf8)),
      stored.format == format, stored.runs.count == 1,
      stored.samples.count <= 2 * KeptSamples.most, stored.events.count <= KeptEvents.most,
      stored.events_left_out >= 0
    else { return nil }
    let run = stored.runs[0]
    var history = RunHistory()
    guard
      let losses = series(run.buckets, width: run.width, capacity: history.losses.capacity),
      let validations = series(
        run.validations, width: run.validation_width, capacity: history.validations.capacity)
    else { return nil }
    (history.losses, history.validations) = (losses, validations)
    if let step = run.hash_step, let hash = run.hash, hash.utf8.count == 16 {
      history.weightsHash = (step, hash)
    }
    var samples = KeptSamples()
    for sample in stored.samples where sample.step >= 0 {
      samples.append(RunSample(step: sample.step, text: sample.text))
    }
    let events = stored.events.filter { (0...1e11).contains($0.time) && $0.step >= 0 }
    var kept = KeptEvents(
      events.map { RunEvent(time: $0.time, step: $0.step, text: $0.text) }, leftOut: stored.events_left_out)
    // Nobody but an unfinished page knows of such an end.
    if stored.live, (0...1e11).contains(stored.written) {
      kept.append(RunEvent(time: stored.written, step: history.step, text: "ended without a word after this"))
    }
    return Found(run: stored.run, history: history, samples: samples, events: kept)
  }

  private static func series(_ rows: [[Double?]], width: Int, capacity: Int) -> CurveSeries? {
    let buckets = rows.compactMap(bucket)
    guard buckets.count == rows.count else { return nil }
    return CurveSeries(capacity: capacity, width: width, buckets: buckets)
  }

  private static func bucket(_ row: [Double?]) -> CurveBucket? {
    guard (9...18).contains(row.count), row.count % 3 == 0, let count = row[0], let sum = row[1],
      let tokens = row[2],
      let seconds = row[3], (1...0x1p53).contains(count), sum.isFinite, (0...1e30).contains(tokens),
      (0...1e12).contains(seconds)
    else { return nil }
    var points: [CurvePoint] = []
    for place in stride(from: 6, to: row.count, by: 3) {
      guard let step = row[place].flatMap({ Int(exactly: $0) }), let loss = row[place + 1],
        let seconds = row[place + 2], (1...1 << 53).contains(step), step > points.last?.step ?? 0,
        loss.isFinite,
        (0...1e12).contains(seconds)
      else { return nil }
      points.append(CurvePoint(step: step, loss: loss, seconds: seconds))
    }
    guard var bucket = CurveBucket(points: points), Int(count) >= points.count else { return nil }
    (bucket.count, bucket.lossSum, bucket.tokens, bucket.seconds) = (Int(count), sum, tokens, seconds)
    (bucket.learningRate, bucket.gradientNorm) = (row[4], row[5])
    return bucket
  }
}
