// Text that a user can paste into a shell.

private let plainCharacters = Set(
  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./,:=+".utf8)

/// The argument, in single quotes if a shell would read it differently.
public func shellQuoted(_ argument: String) -> String {
  guard argument.isEmpty || !argument.utf8.allSatisfy(plainCharacters.contains) else { return argument }
  return "'" + argument.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''")
    + "'"
}
