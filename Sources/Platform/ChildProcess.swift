// The one way to start another program: an argument vector, no shell, no inherited signal settings.

import CPlatform
import Glibc

/// A child of this process. Whoever starts it must wait for it, with `poll` or `wait`, from one thread; each of its
/// streams may be read by another.
public final class ChildProcess: @unchecked Sendable {
  /// Where one of its output streams goes.
  public enum Stream: Equatable, Sendable {
    /// Where this process writes.
    case inherited
    /// Nowhere.
    case discarded
    /// A pipe that this process reads.
    case pipe
    /// Appended to a file.
    case file(String)
    /// For standard error: wherever standard output goes.
    case standardOutput
  }

  /// How a child ended.
  public enum Ending: Equatable, Sendable {
    case status(Int32)
    case signal(Int32)

    /// As a shell reports it: 128 + signal if a signal ended it.
    public var status: Int32 {
      switch self {
      case .status(let status): status
      case .signal(let signal): 128 + signal
      }
    }
  }

  /// The descriptor under which a child finds the file that it was passed.
  public static let passedFile: Int32 = 3

  public let identifier: pid_t
  private let input: FileDescriptor?
  private let output: FileDescriptor?
  private let errors: FileDescriptor?
  private var ending: Ending?

  /// Starts `arguments[0]`, or `executable` under that name, with default signal handling.
  ///
  /// - Parameters:
  ///   - arguments: the first is looked up in PATH if it has no slash.
  ///   - environment: all variables; nil passes on this process's own.
  ///   - hasInput: whether `send(line:)` reaches its standard input, which is /dev/null otherwise.
  ///   - file: a descriptor of this process that the child gets as `passedFile`.
  ///   - leadsGroup: whether it gets its own process group; the terminal's Ctrl-C then reaches only this
  ///     process, which decides what to pass on.
  /// - Throws: `RuntimeFailure` if the system refuses.
  public init(
    _ arguments: [String], executable: String? = nil, environment: [String: String]? = nil,
    folder: String? = nil, hasInput: Bool = false, output outputStream: Stream = .inherited,
    errors errorStream: Stream = .inherited, passing file: Int32? = nil, leadsGroup: Bool = false
  ) throws {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    if let folder { posix_spawn_file_actions_addchdir_np(&actions, folder) }
    var inputPipe: (reading: Int32, writing: Int32)?
    if hasInput {
      let pipe = try Self.makePipe()
      posix_spawn_file_actions_adddup2(&actions, pipe.reading, STDIN_FILENO)
      inputPipe = pipe
    } else {
      posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    }
    input = (inputPipe?.writing).map { FileDescriptor(owning: $0) }
    let outputPipe = try Self.connect(STDOUT_FILENO, to: outputStream, &actions)
    let errorPipe = try Self.connect(STDERR_FILENO, to: errorStream, &actions)
    // The child's ends close here when this initializer returns.
    let childEnds = [inputPipe?.reading, outputPipe?.writing, errorPipe?.writing]
    defer { for end in childEnds { if let end { _ = close(end) } } }
    output = (outputPipe?.reading).map { FileDescriptor(owning: $0) }
    errors = (errorPipe?.reading).map { FileDescriptor(owning: $0) }
    if let file { posix_spawn_file_actions_adddup2(&actions, file, Self.passedFile) }

    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigfillset(&signals)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setpgroup(&attributes, 0)
    let group = leadsGroup ? POSIX_SPAWN_SETPGROUP : 0
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF) | Int16(group))

    var argumentPointers = arguments.map { strdup($0) } + [nil]
    let variables = environment ?? Self.inheritedEnvironment
    var variablePointers =
      variables.sorted { $0.key < $1.key }.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for pointer in argumentPointers + variablePointers { free(pointer) } }
    let program = executable ?? arguments[0]
    var identifier: pid_t = 0
    let code = posix_spawnp(
      &identifier, program, &actions, &attributes, &argumentPointers, &variablePointers)
    guard code == 0 else {
      throw RuntimeFailure("cannot start \(program): \(systemError(code))")
    }
    self.identifier = identifier
  }

  /// The variables of this process.
  public static var inheritedEnvironment: [String: String] {
    var variables: [String: String] = [:]
    var next = environ
    while let entry = next.pointee {
      let text = String(cString: entry)
      if let equals = text.firstIndex(of: "=") {
        variables[String(text[..<equals])] = String(text[text.index(after: equals)...])
      }
      next += 1
    }
    return variables
  }

  /// Linux's F_SETPIPE_SZ, which Glibc's module lacks.
  private static let setPipeSize: Int32 = 1031

  /// - Returns: the ends of the new pipe, if one was made.
  private static func connect(
    _ descriptor: Int32, to stream: Stream, _ actions: inout posix_spawn_file_actions_t
  ) throws -> (reading: Int32, writing: Int32)? {
    switch stream {
    case .inherited: return nil
    case .discarded:
      posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_WRONLY, 0)
      return nil
    case .file(let path):
      posix_spawn_file_actions_addopen(&actions, descriptor, path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
      return nil
    case .standardOutput:
      posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, descriptor)
      return nil
    case .pipe:
      let pipe = try makePipe()
      // A larger pipe saves switches between the processes; the default size works too.
      _ = fcntl(pipe.writing, setPipeSize, 1 << 20)
      posix_spawn_file_actions_adddup2(&actions, pipe.writing, descriptor)
      return pipe
    }
  }

  /// Two ends that no other program inherits.
  static func makePipe() throws -> (reading: Int32, writing: Int32) {
    var ends: [Int32] = [-1, -1]
    guard Glibc.pipe(&ends) == 0 else { throw RuntimeFailure("cannot make a pipe: \(systemError())") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (ends[0], ends[1])
  }

  /// Writes a line to its standard input. A child that reads no more loses nothing by it.
  public func send(line: String) {
    guard input != nil else { preconditionFailure("standard input is no pipe") }
    try? input!.writeAll(Array("\(line)\n".utf8))
  }

  /// Fills `buffer` from the child's standard output.
  ///
  /// - Parameters:
  ///   - clock: goes on while this reads, but not while either process is stopped (Ctrl-Z, SIGSTOP).
  ///   - seconds: what `clock` may show at most.
  /// - Returns: the number of bytes read, less than the buffer's size only at the end of the output.
  /// - Throws: `DeadlinePassed`, or `RuntimeFailure` from the system.
  public func readOutput(
    into buffer: UnsafeMutableRawBufferPointer, clock: inout CappedClock, limit seconds: Double
  ) throws -> Int {
    guard output != nil else { preconditionFailure("standard output is no pipe") }
    var done = 0
    while done < buffer.count {
      guard clock.seconds < seconds else { throw DeadlinePassed() }
      do {
        let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
        let count = try output!.readSome(
          into: rest, until: monotonicSeconds() + min(0.5, seconds - clock.seconds))
        clock.tick()
        if count == 0 { break }
        done += count
      } catch is DeadlinePassed {
        if ProcessIdentity.isStopped(identifier) { clock.skip() } else { clock.tick() }
      }
    }
    return done
  }

  /// The next bytes of its standard output or standard error; empty at the end.
  public func readSome(fromErrors: Bool = false, upTo limit: Int, until deadline: Double) throws -> [UInt8] {
    if fromErrors {
      guard errors != nil else { preconditionFailure("standard error is no pipe") }
      return try errors!.readSome(upTo: limit, until: deadline)
    }
    guard output != nil else { preconditionFailure("standard output is no pipe") }
    return try output!.readSome(upTo: limit, until: deadline)
  }

  public func send(_ signal: Int32) {
    // By now its number may belong to another process.
    if ending == nil { kill(identifier, signal) }
  }

  /// How it ended; nil while it runs.
  public func poll() -> Ending? {
    if ending == nil { collect(WNOHANG) }
    return ending
  }

  /// Waits for it to end.
  public func wait() -> Ending {
    while ending == nil { collect(0) }
    return ending!
  }

  /// Waits at most `seconds` (time in which this process is stopped hardly counts), then kills it.
  /// - Returns: nil if it had to be killed.
  public func wait(seconds: Double, pollingEvery microseconds: UInt32 = 2_000) -> Ending? {
    var clock = CappedClock()
    while clock.seconds < seconds {
      if let ending = poll() { return ending }
      usleep(microseconds)
      clock.tick()
    }
    if let ending = poll() { return ending }
    send(SIGKILL)
    _ = wait()
    return nil
  }

  private func collect(_ flags: Int32) {
    var status: Int32 = 0
    let waited = waitpid(identifier, &status, flags)
    if waited == identifier {
      let signal = status & 0x7f
      ending = signal == 0 ? .status((status >> 8) & 0xff) : .signal(signal)
    } else if waited < 0, errno != EINTR {
      // Something else, such as an ignored SIGCHLD, has taken the status.
      ending = .status(0)
    }
  }
}
