// Fixes what a process may inherit from a careless parent, before anything else happens.

import Glibc

public enum Surroundings {
  /// Call first in `main`.
  ///
  /// - Descriptors 0 to 2 that the parent closed become /dev/null: otherwise the next file opened would
  ///   receive the program's output.
  /// - A reader that goes away is a failed write, not the end: SIGPIPE is ignored.
  /// - SIGCHLD gets its default: if ignored, children would vanish without a status.
  public static func prepare() {
    for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
      // The lowest free number is the one just found closed.
      _ = open("/dev/null", descriptor == STDIN_FILENO ? O_RDONLY : O_WRONLY)
    }
    signal(SIGCHLD, SIG_DFL)
    signal(SIGPIPE, SIG_IGN)
  }
}
