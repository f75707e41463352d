// What `--inspect`, `--verify` and `--diff` print, as text for people or JSON for programs.

import Checkpointing
import Platform
import GPTModel
import Glibc
import Reproducibility
import TrainingState

package struct CheckpointReport: Sendable {
  /// Without a trailing newline.
  package let text: String
  /// For `exit`: a `diff` of different files ends with 1, a file that fails `verify` with 2.
  package let status: Int32

  /// Sizes, progress, corpus, hashes, and a histogram of each weight tensor.
  /// - Throws: `InvalidInput` if the file cannot be loaded.
  package static func inspect(
    _ path: String, json: Bool, using reader: ContainedReader = ContainedReader()
  ) throws -> CheckpointReport {
    let contents = try CheckpointFile.contents(of: path, using: reader)
    let snapshot = contents.snapshot
    let configuration = snapshot.configuration
    let table = ParameterTable(configuration)
    let hash = table.weightsHash(of: snapshot.weights)
    let tensors = CheckpointSchema.tensors(of: snapshot, table).prefix(table.entries.count).map {
      TensorSummary($0)
    }
    let digest = contents.digest.map { "xxh64=" + XXHash64.hexadecimal($0) }
    let values = CheckpointSchema.values(of: snapshot)
    if json {
      let members: [(String, JSONText)] = [
        ("file", .string(path)), ("bytes", .integer(contents.size)), ("digest", .string(digest ?? "")),
        ("parameters", .integer(configuration.parameterCount)),
        ("is_resumable", .boolean(snapshot.training != nil)), ("weights_hash", .string(hash)),
        ("values", .object(values.map { ($0.path, JSONText($0.value)) })),
        ("tensors", .array(tensors.map(\.json))),
      ]
      return CheckpointReport(text: JSONText.object(members).text, status: ExitStatus.success)
    }
    var rows = [
      ["file", path], ["bytes", String(contents.size)],
      ["digest", digest ?? "none (written by another program)"],
      ["parameters", String(configuration.parameterCount)], ["weights hash", hash],
      ["alphabet", "\(snapshot.tokenizer.scalars.count) characters: \(snapshot.tokenizer.alphabet)"],
      ["training", snapshot.training == nil ? "none (weights only)" : "can be resumed"],
    ]
    // Already shown, or too long for a line.
    let hidden = ["format", "features", "tokenizer/", "rng/state", "progress/loss_history", "progress/run"]
    rows += values.filter { value in !hidden.contains { value.path.hasPrefix($0) } }.map {
      [$0.path, words($0.value)]
    }
    var lines = leftAligned(rows) + [""]
    lines += aligned(
      [["tensor", "shape", "min", "max", "mean", "std", "histogram, min to max"]]
        + tensors.map {
          [
            String($0.path.dropFirst(CheckpointSchema.weightsRoot.count + 1)), "\($0.rows)×\($0.columns)",
            short($0.minimum), short($0.maximum), short($0.mean), short($0.standardDeviation),
            "[\($0.bars)]",
          ]
        })
    return CheckpointReport(text: lines.joined(separator: "\n"), status: ExitStatus.success)
  }

  /// Digest, structure, finite weights, and their hash: reading checks them all.
  package static func verify(
    _ path: String, json: Bool, using reader: ContainedReader = ContainedReader()
  ) -> CheckpointReport {
    do {
      let contents = try CheckpointFile.contents(of: path, using: reader)
      let snapshot = contents.snapshot
      let hash = ParameterTable(snapshot.configuration).weightsHash(of: snapshot.weights)
      let isLogged = snapshot.training?.progress.weightsHash.isEmpty == false
      let hasDigest = contents.digest != nil
      let checks = [
        ("digest", hasDigest ? "right" : "none (written by another program)"),
        ("structure", "right"), ("weights", "finite"),
        ("weights hash", isLogged ? "\(hash), as saved" : "\(hash), none was saved"),
        (
          "read",
          contents.isFiltered
            ? "in a process that could do nothing else"
            : "in a process without files and privileges (this kernel filters no system calls)"
        ),
      ]
      let text =
        json
        ? JSONText.object(
          [("file", .string(path)), ("ok", .boolean(true)), ("has_digest", .boolean(hasDigest))]
            + [("weights_hash", .string(hash))]
        ).text
        : leftAligned([["file", path]] + checks.map { [$0.0, $0.1] }).joined(separator: "\n")
      return CheckpointReport(text: text, status: ExitStatus.success)
    } catch {
      let members: [(String, JSONText)] = [
        ("file", .string(path)), ("ok", .boolean(false)), ("error", .string("\(error)")),
      ]
      return CheckpointReport(
        text: json ? JSONText.object(members).text : visible("error: \(error)"), status: ExitStatus.usage)
    }
  }

  /// For people: text without quotes, "none" for a number that is not there yet.
  private static func words(_ value: StateValue) -> String {
    switch value {
    case .string(let text): text
    case .real(let number) where number.isNaN: "none"
    default: JSONText(value).text
    }
  }

  /// A line a row, whatever the file's texts are.
  package static func leftAligned(_ rows: [[String]]) -> [String] {
    let rows = rows.map { $0.map { visible($0) } }
    let width = rows.map { $0[0].count }.max() ?? 0
    return rows.map { $0[0] + String(repeating: " ", count: width - $0[0].count) + "  " + $0[1] }
  }
}
