// mpirun's own words on standard error, told apart from those of the ranks. It frames its messages in rows of
// dashes; most say at length what a rank has said already, or what was asked for. Pure.

/// Filters standard error of mpirun line by line.
struct MpirunMessages {
  /// What mpirun says of a rank that could say nothing itself.
  private(set) var death: String?
  /// The box that has begun, its first row of dashes included.
  private var box: [String]?

  static let frame = String(repeating: "-", count: 74)

  /// - Returns: the lines to print now.
  mutating func take(_ line: String) -> [String] {
    if line == Self.frame {
      guard let begun = box else {
        box = [line]
        return []
      }
      box = nil
      return judge(begun + [line])
    }
    if box != nil {
      box!.append(line)
      return []
    }
    return Self.isChatter(line) ? [] : [line]
  }

  /// - Returns: what is left of a box that never ended.
  mutating func end() -> [String] {
    defer { box = nil }
    return box ?? []
  }

  private static func isChatter(_ line: String) -> Bool {
    line.hasPrefix("mpirun: Forwarding signal ") || line.hasPrefix("mpirun: killing job")
      || line.hasPrefix("[") && line.contains(" has sent help message help-")
      || line.hasPrefix("[") && line.contains(" have sent help message help-")
      || line.hasPrefix("[") && line.contains("Set MCA parameter \"orte_base_help_aggregate\"")
  }

  private mutating func judge(_ box: [String]) -> [String] {
    let words = box[1..<box.count - 1].joined(separator: " ").split(separator: " ").joined(separator: " ")
    // The rank has exited by itself, and said why.
    if words.hasPrefix("Primary job terminated normally, but")
      || words.hasPrefix("mpirun detected that one or more processes exited with non-zero status")
      || words.hasPrefix("MPI_ABORT was invoked on rank")
    {
      return []
    }
    // `mpirun noticed that process rank 1 with PID 4711 on node node01 exited on signal 9 (Killed).`
    let fields = words.split(separator: " ")
    if words.hasPrefix("mpirun noticed that process rank "), fields.count > 12,
      let node = fields.firstIndex(of: "node"), let signal = fields.firstIndex(of: "signal")
    {
      var cause = fields[(signal + 1)...].joined(separator: " ")
      if cause.hasSuffix(".") { cause.removeLast() }
      death = "rank \(fields[5]) on \(fields[node + 1]) was ended by signal \(cause)"
      return []
    }
    return box
  }
}
