// Errors that users can act on. Programmer errors are preconditions, never these.

/// Bad input from the user: an option, a corpus, a checkpoint, a prompt.
///
/// `message` is one line that says what is wrong, where, what is allowed and what to do.
/// A program prints it once, from one rank, as `error: message` and exits with `ExitStatus.usage`.
public struct InvalidInput: Error, Equatable, CustomStringConvertible, Sendable {
  public let message: String
  public init(_ message: String) { self.message = message }
  public var description: String { message }
}

/// A failure not caused by the user's input: a system call, a library, a peer. A program prints it as
/// `error: message` and exits with `ExitStatus.failure`.
public struct RuntimeFailure: Error, Equatable, CustomStringConvertible, Sendable {
  public let message: String
  public init(_ message: String) { self.message = message }
  public var description: String { message }
}

/// A signal has asked for the end before there was anything to save.
public struct Interruption: Error, CustomStringConvertible, Sendable {
  public init() {}
  public var description: String { "stopped before the first step; nothing was trained or changed" }
}
