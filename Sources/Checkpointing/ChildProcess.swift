// A child process whose standard output is read under a deadline. No shell is involved.

import Diagnostics
import Glibc

final class ChildProcess {
  enum Ending: Equatable {
    case status(Int32)
    case signal(Int32)
    /// It was still busy at the deadline.
    case timedOut
    /// It talked nonsense and would not stop.
    case killed
  }

  /// Linux's F_SETPIPE_SZ, which Glibc's module leaves out.
  private static let setPipeSize: Int32 = 1031

  private let process: pid_t
  private let output: FileDescriptor
  private let end: Double
  private var isLate = false

  /// - Parameters:
  ///   - arguments: with the program's name first.
  ///   - seconds: from now until every read must have ended.
  init(executable: String, arguments: [String], seconds: Int) throws {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw RuntimeFailure("pipe: \(systemError())") }
    output = FileDescriptor(owning: ends[0])
    let input = FileDescriptor(owning: ends[1])
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    // A larger pipe saves switches between the processes; the default size works too.
    _ = fcntl(ends[1], Self.setPipeSize, 1 << 20)

    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, input.raw, STDOUT_FILENO)
    // A crashing child would print its own report; ours is one line.
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)

    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // A training blocks and ignores signals; the child must die of its own.
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigfillset(&signals)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

    var argumentPointers = arguments.map { strdup($0) } + [nil]
    var environmentPointers = Self.environment().map { strdup($0) } + [nil]
    defer { for pointer in argumentPointers + environmentPointers { free(pointer) } }
    var process: pid_t = 0
    let code = posix_spawn(
      &process, executable, &actions, &attributes, &argumentPointers, &environmentPointers)
    guard code == 0 else { throw RuntimeFailure("cannot start \(executable): \(systemError(code))") }
    self.process = process
    end = Self.now() + Double(seconds)
  }

  /// The parent's environment without what would make the child join an MPI job or change libhdf5.
  private static func environment() -> [String] {
    var variables: [String] = []
    var pointer = environ
    while let entry = pointer.pointee {
      let variable = String(cString: entry)
      if !["OMPI_", "PMIX_", "PMI_", "ORTE_", "HDF5_", "OPENBLAS_"].contains(where: variable.hasPrefix) {
        variables.append(variable)
      }
      pointer += 1
    }
    // The child multiplies nothing: no thread pool for it.
    return variables + ["OPENBLAS_NUM_THREADS=1"]
  }

  private static func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }

  /// Fills `buffer`. Throws at the end of the output or at the deadline.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws {
    var done = 0
    while done < buffer.count {
      var wait = pollfd(fd: output.raw, events: Int16(POLLIN), revents: 0)
      let milliseconds = max(0, (end - Self.now()) * 1000)
      let ready = poll(&wait, 1, Int32(milliseconds.rounded(.up)))
      if ready < 0 && errno == EINTR { continue }
      guard ready > 0 else {
        isLate = true
        throw InvalidInput("it took too long")
      }
      let count = Glibc.read(output.raw, buffer.baseAddress! + done, min(buffer.count - done, 1 << 30))
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw InvalidInput("its answer ends early") }
      done += count
    }
  }

  func number() throws -> UInt64 {
    var number: UInt64 = 0
    try withUnsafeMutableBytes(of: &number) { try read(into: $0) }
    return UInt64(littleEndian: number)
  }

  /// Waits for the child and says how it ended.
  ///
  /// - Parameter isFinished: it has said all it had to say, so how it ends does not matter. Otherwise it has a
  ///   second to die by itself: its own signal tells more than ours.
  func end(isFinished: Bool) -> Ending {
    if isFinished || isLate { kill(process, SIGKILL) }
    let grace = Self.now() + 1
    var status: Int32 = 0
    while Self.now() < grace {
      let waited = waitpid(process, &status, WNOHANG)
      if waited == process { return ending(status) }
      // Someone else, an ignored SIGCHLD for instance, has taken the status.
      if waited < 0 && errno != EINTR { return isLate ? .timedOut : .status(0) }
      usleep(200)
    }
    kill(process, SIGKILL)
    while waitpid(process, &status, 0) < 0 && errno == EINTR {}
    return isLate ? .timedOut : .killed
  }

  private func ending(_ status: Int32) -> Ending {
    if isLate { return .timedOut }
    let signal = status & 0x7F
    return signal == 0 ? .status((status >> 8) & 0xFF) : .signal(signal)
  }
}
