// Which checkpoints lie where one was looked for.

import CommandLineOptions
import Platform

extension CheckpointFile {
  /// The other checkpoints in the folder of `path`, those with the most similar names first. States that a run keeps
  /// beside its newest one are named by that alone.
  public static func others(near path: String) -> [String] {
    let names = ((try? fileNames(in: folder(of: path))) ?? []).filter {
      $0.hasSuffix(".jld2") && !$0.hasPrefix(".") && $0 != fileName(of: path)
    }
    let present = Set(names)
    let own = names.filter { name in
      let (newest, word) = stemAndSuffix(of: stemAndSuffix(of: name).stem)
      let isKept = word == ".best" || word.hasPrefix(".step-") || word.hasPrefix(".old-")
      return !isKept || !present.contains(newest + ".jld2")
    }
    let typed = fileName(of: path)
    let sorted = own.map { (distance: editDistance($0, typed), name: $0) }.sorted { $0 < $1 }.map(\.name)
    return sorted.map { path.dropLast(typed.count) + $0 }
  }

  /// For a message: the first of the others, quoted for a shell; empty if there are none.
  public static func otherNames(near path: String) -> String {
    let others = others(near: path)
    let more = others.count > 4 ? " and \(others.count - 4) more" : ""
    return others.prefix(4).map(shellQuoted).joined(separator: ", ") + more
  }
}
