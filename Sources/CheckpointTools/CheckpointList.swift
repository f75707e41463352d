// `--list`: a line for each checkpoint of a folder.

import Foundation
import Glibc
import Platform
import TerminalDisplay
import Reproducibility

package enum CheckpointList {
  /// - Throws: `InvalidInput` if there is no such folder.
  package static func run(folder: String, isJSON: Bool) throws {
    let inventory = try CheckpointInventory(folder)
    let now = Int(time(nil))
    if isJSON {
      try StandardStream.output.document(
        JSONText.array(inventory.entries.map { json($0, now: now) }).text)
      return
    }
    guard !inventory.entries.isEmpty else {
      StandardStream.error.line("note: there is no checkpoint in \(folder)")
      return
    }
    let width = max(60, Terminal.standardOutput.width - 1)
    try StandardStream.output.document(lines(inventory, width: width, now: now).joined(separator: "\n"))
  }

  /// - Parameters:
  ///   - width: columns that a line of the table takes at most; names are shortened for it.
  ///   - now: seconds since 1970.
  static func lines(_ inventory: CheckpointInventory, width: Int, now: Int) -> [String] {
    let heading = ["checkpoint", "run", "step", "epoch", "loss", "best val", "size", "age"]
    let rows =
      [heading] + inventory.families.flatMap { family in family.map { row($0, in: family, now: now) } }
    let others = rows.map { $0.dropFirst() }
    let widths = (0..<heading.count - 1).map { column in
      others.map { $0[$0.startIndex + column].count }.max() ?? 0
    }
    let room = max(12, width - widths.reduce(0) { $0 + 2 + $1 })
    let shown = rows.map { [shortened(visible($0[0]), to: room)] + $0.dropFirst() }
    var lines = aligned(shown)
    var writers: Set<String> = []
    for entry in inventory.entries {
      if let writer = entry.writer, writers.insert(entry.family).inserted {
        lines.append("\(visible(fileName(of: entry.family))) is being written by \(writer)")
      }
    }
    for entry in inventory.entries {
      if let damage = entry.damage { lines.append("damaged: \(visible(damage))") }
    }
    return lines
  }

  /// Below the newest state of a run, the others have only what their names add to its.
  private static func name(_ entry: CheckpointInventory.Entry, in family: [CheckpointInventory.Entry])
    -> String
  {
    let name = fileName(of: entry.path)
    guard family[0].role == .newest, entry.role != .newest else { return name }
    return "  " + name.dropFirst(stemAndSuffix(of: fileName(of: entry.family)).stem.count)
  }

  private static func row(
    _ entry: CheckpointInventory.Entry, in family: [CheckpointInventory.Entry], now: Int
  ) -> [String] {
    let name = name(entry, in: family)
    let run = entry.run.map { String(XXHash64.hexadecimal($0).prefix(6)) } ?? "-"
    let age = Self.age(seconds: now - entry.modified.seconds)
    let size = Readable.bytes(entry.size)
    guard entry.isWhole else {
      return [name, run, "damaged", "-", "-", "-", size, age]
    }
    guard let progress = entry.progress, let total = entry.totalSteps else {
      return [name, run, "weights", "-", "-", "-", size, age]
    }
    func loss(_ value: Double) -> String { value.isFinite ? Readable.fixed(value, digits: 4) : "-" }
    return [
      name, run, "\(progress.step)/\(total)", "\(progress.epoch)", loss(progress.lastLoss),
      loss(progress.bestValidationLoss), size, age,
    ]
  }

  /// `5s`, `12m`, `3h`, `45d`: one number is enough to find the newest.
  static func age(seconds: Int) -> String {
    switch max(0, seconds) {
    case let s where s < 100: "\(s)s"
    case let s where s < 6_000: "\(s / 60)m"
    case let s where s < 172_800: "\(s / 3_600)h"
    case let s: "\(s / 86_400)d"
    }
  }

  /// Names of one run differ at the end, so the middle goes.
  private static func shortened(_ name: String, to width: Int) -> String {
    guard name.count > width else { return name }
    let tail = (width - 1) * 2 / 3
    return name.prefix(width - 1 - tail) + "…" + name.suffix(tail)
  }

  private static func json(_ entry: CheckpointInventory.Entry, now: Int) -> JSONText {
    var members: [(String, JSONText)] = [
      ("file", .string(entry.path)), ("bytes", .integer(entry.size)),
      ("modified", .integer(entry.modified.seconds)), ("ok", .boolean(entry.isWhole)),
      ("run", .string(entry.run.map { XXHash64.hexadecimal($0) } ?? "")),
      ("set_aside", .boolean(entry.role == .setAside)), ("in_use", .boolean(entry.writer != nil)),
    ]
    if let progress = entry.progress, let total = entry.totalSteps {
      members += [
        ("step", .integer(progress.step)), ("total_steps", .integer(total)),
        ("epoch", .integer(progress.epoch)),
        ("last_loss", .real(progress.lastLoss)), ("best_validation_loss", .real(progress.bestValidationLoss)),
        ("weights_hash", .string(progress.weightsHash)),
      ]
    }
    if let damage = entry.damage { members.append(("error", .string(damage))) }
    return .object(members)
  }
}
