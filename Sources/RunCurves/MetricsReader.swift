// Metrics files, read as they are found: of any length, with any line ends, cut off in the last line, with several runs
// in one file.

import Foundation
import Glibc
import Platform

package enum MetricsReader {
  /// A run of a metrics file.
  package struct Run: Sendable {
    /// `run`, or `run, second`, for a file `run.jsonl`.
    package var name: String
    package var history: RunHistory
  }

  /// What a file holds.
  package struct Content: Sendable {
    package var runs: [Run]
    /// What the user should know, in lines.
    package var notes: [String] = []
  }

  private static let chunk = 1 << 16
  /// Bytes of a line; `profile` makes them longest.
  private static let longestLine = 1 << 20

  /// The runs of a metrics file. Where steps go back, another run has been appended.
  ///
  /// - Parameters:
  ///   - capacity: of each curve.
  ///   - onProgress: told what part is read, now and then.
  /// - Throws: `InvalidInput` for what is no metrics file, naming the line.
  package static func read(
    _ path: String, capacity: Int = RunHistory.capacity, onProgress: (Double) -> Void = { _ in }
  ) throws -> Content {
    let file = try open(path)
    let size = (try? file.size()) ?? 0
    var reading = Reading(path: path, capacity: capacity)
    var bytes = [UInt8](repeating: 0, count: chunk)
    // What stands behind the last line end.
    var rest: [UInt8] = []
    var done = 0
    while true {
      let count: Int
      do {
        count = try bytes.withUnsafeMutableBytes { try file.readFully($0) }
      } catch {
        throw InvalidInput("cannot read the metrics file \(path): \(error)")
      }
      let lines = (rest + bytes[..<count]).split(
        separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      for line in lines.dropLast() { try reading.take(String(decoding: line, as: UTF8.self)) }
      rest = Array(lines[lines.count - 1])
      guard rest.count <= longestLine else { throw reading.foreign }
      done += count
      onProgress(size > 0 ? min(1, Double(done) / Double(size)) : 1)
      if count < chunk { break }
    }
    return try reading.end(String(decoding: rest, as: UTF8.self))
  }

  private static func open(_ path: String) throws -> FileDescriptor {
    do {
      let file = try FileDescriptor(open: path, O_RDONLY | O_NONBLOCK)
      let kind = FileKind(try file.status())
      guard kind == .regular else { throw RuntimeFailure("it is \(kind.words), not a regular file") }
      return file
    } catch {
      throw InvalidInput(
        "cannot read the metrics file \(path): \(error); name files that --metrics has written")
    }
  }

  /// A file that is being read.
  private struct Reading {
    let path: String
    let capacity: Int
    let decoder = JSONDecoder()
    var lineNumber = 0
    var runs: [Run] = []
    var notes: [String] = []

    var foreign: InvalidInput {
      InvalidInput(
        "\(path):\(lineNumber + 1) is not a line of a metrics file; name files that --metrics has written")
    }

    mutating func take(_ text: String) throws {
      guard let text = content(of: text) else { return lineNumber += 1 }
      guard let line = MetricsLine(text, decoder), isOfMetrics(line) else { throw foreign }
      lineNumber += 1
      add(line)
    }

    /// Without line ends, byte order mark and the zeros that a power cut leaves; nil if nothing is left.
    private func content(of text: String) -> String? {
      var text = text.trimmingCharacters(in: CharacterSet(charactersIn: "\r\0 \t"))
      if lineNumber == 0, text.unicodeScalars.first == "\u{FEFF}" { text.unicodeScalars.removeFirst() }
      return text.isEmpty ? nil : text
    }

    private func isOfMetrics(_ line: MetricsLine) -> Bool {
      (line.isOfStep || line.isOfValidation) && (1...1 << 53).contains(line.step)
    }

    private mutating func add(_ line: MetricsLine) {
      let isNext =
        line.isOfStep
        ? line.step > runs.last?.history.losses.last?.step ?? 0
        : line.step >= runs.last?.history.step ?? 0
      if runs.isEmpty || !isNext {
        let stem = stemAndSuffix(of: fileName(of: path)).stem
        runs.append(
          Run(
            name: runs.isEmpty ? stem : "\(stem), run \(runs.count + 1)",
            history: RunHistory(capacity: capacity, begin: line.step == 1 ? 0 : nil)))
      }
      let index = runs.count - 1
      if line.isOfStep {
        runs[index].history.append(
          step: line.step, loss: line.loss ?? .nan, seconds: line.seconds ?? 0, tokens: line.tokens ?? 0,
          learningRate: line.learningRate, gradientNorm: line.gradientNorm, weightsHash: line.weightsHash)
      }
      if let loss = line.validationLoss { runs[index].history.appendValidation(step: line.step, loss: loss) }
    }

    /// - Parameter rest: behind the last line end: a line that is being written, or that a full disk has cut.
    mutating func end(_ rest: String) throws -> Content {
      if let text = content(of: rest) {
        if let line = MetricsLine(text, decoder), isOfMetrics(line) {
          add(line)
        } else {
          guard !runs.isEmpty else { throw foreign }
          notes.append("the last line of \(path) is cut off and left out")
        }
      }
      guard !runs.isEmpty else {
        throw InvalidInput("the metrics file \(path) has no step yet; try again later")
      }
      let skipped = runs.reduce(0) { $0 + $1.history.losses.skipped }
      if skipped > 0 {
        notes.append(
          "\(Readable.count(skipped, "step")) of \(path) without a finite loss: the curve leaves them out")
      }
      return Content(runs: runs, notes: notes)
    }
  }
}
