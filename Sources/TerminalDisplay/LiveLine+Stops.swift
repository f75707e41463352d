// Ctrl-Z with a live line: it is gone before the shell's prompt comes, and back after `fg`.

import Glibc
import Platform
import Synchronization

extension LiveLine {
  /// From now on Ctrl-Z removes the line before it stops this process. For a process that nobody else stops.
  public static func heedStops() {
    var old = sigaction()
    sigaction(SIGTSTP, nil, &old)
    // A shell without job control has switched it off.
    let handler = unsafeBitCast(old.__sigaction_handler.sa_handler, to: Int.self)
    guard handler != unsafeBitCast(SIG_IGN, to: Int.self) else { return }
    // A handler must not be the first to touch it.
    _ = isWriting.load(ordering: .relaxed)
    var new = sigaction()
    new.__sigaction_handler.sa_handler = { _ in
      let error = errno
      // A line that is just being written is let out first, if the terminal takes it.
      var isClaimed = false
      for _ in 0..<100 where !isClaimed {
        isClaimed =
          LiveLine.isWriting.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged
        if !isClaimed { usleep(500) }
      }
      StandardStream.clearLiveLine()
      // Everything stands still in here until SIGCONT comes.
      raise(SIGSTOP)
      if isClaimed { LiveLine.isWriting.store(false, ordering: .releasing) }
      errno = error
    }
    new.sa_flags = SA_RESTART
    sigaction(SIGTSTP, &new, nil)
  }
}
