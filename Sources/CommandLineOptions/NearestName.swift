// Help with typos: the known name that a misspelt one probably meant, and safe quoting of user input.

import Platform

/// The nearest of `known`, if close enough to be worth suggesting: at most a third of the letters wrong, or a
/// known name that starts with the typed one.
func nearestName(to typed: String, among known: [String]) -> String? {
  let scored = known.map { (name: $0, distance: editDistance(typed, $0)) }
  // `min` keeps the first of equals: the order of declaration decides.
  if let best = scored.min(by: { $0.distance < $1.distance }),
    best.distance <= max(1, min(typed.count, best.name.count) / 3)
  {
    return best.name
  }
  return typed.count >= 3 ? known.first { $0.hasPrefix(typed) } : nil
}

/// Insertions, deletions, substitutions and swaps of neighbours that turn one string into the other (optimal
/// string alignment).
func editDistance(_ first: String, _ second: String) -> Int {
  // Names are short; a pasted megabyte is not a name.
  let a = Array(first.prefix(64))
  let b = Array(second.prefix(64))
  var rows = [[Int]](repeating: [Int](repeating: 0, count: b.count + 1), count: a.count + 1)
  for i in 0...a.count { rows[i][0] = i }
  for j in 0...b.count { rows[0][j] = j }
  for i in a.indices {
    for j in b.indices {
      var distance = min(rows[i][j + 1] + 1, rows[i + 1][j] + 1, rows[i][j] + (a[i] == b[j] ? 0 : 1))
      if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
        distance = min(distance, rows[i - 1][j - 1] + 1)
      }
      rows[i + 1][j + 1] = distance
    }
  }
  return rows[a.count][b.count]
}

/// User input inside a one-line message: quoted, control characters escaped, cut after 60 characters.
public func quoted(_ text: String) -> String {
  let shown = visible(String(text.unicodeScalars.prefix(60)))
  return "'\(shown)\(text.unicodeScalars.count > 60 ? "…" : "")'"
}
