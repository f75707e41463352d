// Exit statuses of both programs, in one place because scripts and schedulers depend on them.

public enum ExitStatus {
  /// Training or generation ended as asked.
  public static let success: Int32 = 0
  /// A rank, a library or the system failed.
  public static let failure: Int32 = 1
  /// Bad input: an option, a file, a prompt. Nothing was changed.
  public static let usage: Int32 = 2
  /// Stopped by a signal after saving a state from which `--resume` continues (EX_TEMPFAIL).
  public static let resumable: Int32 = 75
  /// Stopped by a signal before there was anything to save: what a shell reports for Ctrl-C.
  public static let interrupted: Int32 = 130

  /// The status of a program that ends because of `error`.
  public static func of(_ error: any Error) -> Int32 {
    switch error {
    case is InvalidInput: usage
    case is Interruption: interrupted
    default: failure
    }
  }
}
