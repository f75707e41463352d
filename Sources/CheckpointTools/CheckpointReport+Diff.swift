// Are two checkpoints the same state, and if not, where do they differ?

import Checkpointing
import Platform
import GPTModel
import Glibc
import TrainingState

extension CheckpointReport {
  /// Not part of the state: time, run name, whether replicas were compared and where the corpus lay may differ between
  /// equal runs.
  private static let ignored = [
    "progress/wall_seconds", "progress/run", "progress/is_compared", "data/path",
  ]

  /// One tensor of both files.
  private struct TensorDifference {
    let path: String
    var count = 0
    var first: (index: Int, left: Float, right: Float)?
    var largest = 0.0

    init(_ left: CheckpointTensor, _ right: CheckpointTensor) {
      path = left.path
      for index in 0..<left.count where left.base[index].bitPattern != right.base[index].bitPattern {
        count += 1
        first = first ?? (index, left.base[index], right.base[index])
        largest = max(largest, abs(Double(left.base[index]) - Double(right.base[index])))
      }
    }
  }

  /// Compares sizes, alphabet, every tensor bit by bit, and the training state except `ignored` values.
  /// - Throws: `InvalidInput` if one of the files cannot be loaded.
  package static func diff(
    _ leftPath: String, _ rightPath: String, json: Bool, using reader: ContainedReader = ContainedReader()
  ) throws -> CheckpointReport {
    let left = try CheckpointFile.read(leftPath, using: reader)
    let right = try CheckpointFile.read(rightPath, using: reader)
    let values = differingValues(left, right)
    var tensors: [TensorDifference] = []
    let isComparable = left.configuration == right.configuration
    if isComparable {
      let table = ParameterTable(left.configuration)
      tensors = zip(CheckpointSchema.tensors(of: left, table), CheckpointSchema.tensors(of: right, table))
        .map { TensorDifference($0, $1) }.filter { $0.count > 0 }
    }
    let largest = tensors.max { $0.largest < $1.largest }
    let isEqual = values.isEmpty && tensors.isEmpty
    let status = isEqual ? ExitStatus.success : ExitStatus.failure
    if json {
      var members: [(String, JSONText)] = [
        ("left", .string(leftPath)), ("right", .string(rightPath)), ("equal", .boolean(isEqual)),
        ("tensors_compared", .boolean(isComparable)),
        ("bits_equal", .boolean(isComparable && tensors.isEmpty)),
        ("differing_values", .array(values.map { .string($0.path) })),
        ("differing_tensors", .array(tensors.map { .string($0.path) })),
      ]
      if let first = tensors.first, let element = first.first, let largest {
        members += [
          ("first_tensor", .string(first.path)), ("first_element", .integer(element.index)),
          ("largest_difference", .real(largest.largest)), ("largest_in", .string(largest.path)),
        ]
      }
      return CheckpointReport(text: JSONText.object(members).text, status: status)
    }
    var rows = values.map { [$0.path, "\($0.left) ≠ \($0.right)"] }
    if !isComparable {
      rows.append(["tensors", "not compared: the sizes differ"])
    } else if let first = tensors.first, let element = first.first, let largest {
      rows += [
        ["tensors that differ", "\(tensors.count)"],
        ["first", "\(first.path), element \(element.index): \(element.left) ≠ \(element.right)"],
        ["elements there", "\(first.count) differ"],
        ["largest difference", "\(largest.largest) in \(largest.path)"],
      ]
    } else {
      rows.append(["tensors", "bits equal"])
    }
    rows.append(["state", isEqual ? "equal" : "different"])
    return CheckpointReport(text: leftAligned(rows).joined(separator: "\n"), status: status)
  }

  private static func differingValues(
    _ left: TrainingSnapshot, _ right: TrainingSnapshot
  ) -> [(path: String, left: String, right: String)] {
    let sides = [left, right].map { snapshot in
      Dictionary(uniqueKeysWithValues: CheckpointSchema.values(of: snapshot).map { ($0.path, $0.value) })
    }
    return CheckpointSchema.valuePaths.filter { !ignored.contains($0) }.compactMap { path in
      let encoded = sides.map { $0[path].map { SnapshotStream.encode([(path, $0)]) } ?? [] }
      guard encoded[0] != encoded[1] else { return nil }
      let texts = sides.map { side in side[path].map { limited(JSONText($0).text) } ?? "missing" }
      return (path, texts[0], texts[1])
    }
  }

  private static func limited(_ text: String) -> String {
    text.count <= 60 ? text : "\(text.prefix(60))…"
  }
}
