// Downloads through the `curl` program, started with an argument vector and no shell. A separate program
// because FoundationNetworking would load 31 more libraries into every rank, for one download in its life.

import Foundation

enum Curl {
  /// The body of an address, kept in memory so that nothing unverified reaches the disk.
  /// - Parameters:
  ///   - limit: the transfer is cut after so many bytes.
  ///   - program: found through PATH.
  /// - Throws: `DownloadFailure`, at the latest a second after `patience.totalSeconds`.
  static func get(
    _ address: String, limit: Int, patience: CorpusLocator.Patience, program: String = "curl"
  ) throws -> [UInt8] {
    let arguments = [
      program, "--disable", "--fail", "--location", "--max-redirs", "5", "--globoff",
      "--silent", "--show-error", "--proto", "=http,https,file", "--proto-redir", "=http,https",
      "--connect-timeout", "\(patience.connectSeconds)", "--max-time", "\(patience.totalSeconds)",
      "--speed-limit", "1000", "--speed-time", "\(patience.stallSeconds)", "--output", "-", "--url", address,
    ]
    let body = try Pipe()
    let complaint = try Pipe()
    let process = try start(arguments, standardOutput: body, standardError: complaint)
    body.closeWriting()
    complaint.closeWriting()
    let deadline = ContinuousClock.now + .seconds(patience.totalSeconds + 1)
    let (bytes, end) = body.readAll(limit: limit, until: deadline)
    if end != .closed { kill(process, SIGKILL) }
    // curl writes one short line; what it has written is in the pipe, whoever still holds the other end.
    let (message, _) = complaint.readAll(limit: 500, until: min(deadline, .now + .seconds(1)))
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0 {
      guard errno == EINTR else { throw DownloadFailure(reason: "lost the curl process") }
    }
    switch end {
    case .limit: return bytes
    case .late: throw DownloadFailure(reason: "\(address) took longer than \(patience.totalSeconds) s")
    case .closed:
      guard status == 0 else {
        let line = String(decoding: message, as: UTF8.self).split(whereSeparator: \.isNewline).first ?? ""
        throw DownloadFailure(
          reason: "cannot download \(address) (\(line.isEmpty ? "curl ended with status \(status)" : line))")
      }
      return bytes
    }
  }

  private static func start(
    _ arguments: [String], standardOutput: Pipe, standardError: Pipe
  ) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, standardOutput.writing, STDOUT_FILENO)
    posix_spawn_file_actions_adddup2(&actions, standardError.writing, STDERR_FILENO)

    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // Signals that the trainer blocks or handles are the child's to receive.
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))

    var vector: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
    defer { for argument in vector { free(argument) } }
    var process: pid_t = 0
    let code = posix_spawnp(&process, vector[0]!, &actions, &attributes, &vector, environ)
    guard code == 0 else {
      throw DownloadFailure(
        reason: code == ENOENT
          ? "\(arguments[0]) is not installed (apt-get install curl)"
          : "cannot start \(arguments[0]): \(String(cString: strerror(code)))")
    }
    return process
  }
}

/// A pipe from a child process. Both ends close with it.
private final class Pipe {
  enum End { case closed, limit, late }

  private let reading: Int32
  private(set) var writing: Int32

  init() throws {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else {
      throw DownloadFailure(reason: "cannot make a pipe: \(String(cString: strerror(errno)))")
    }
    (reading, writing) = (ends[0], ends[1])
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
  }

  deinit {
    close(reading)
    closeWriting()
  }

  func closeWriting() {
    if writing >= 0 { close(writing) }
    writing = -1
  }

  /// Reads until the other side closes, `limit` bytes are there, or time is up.
  func readAll(limit: Int, until deadline: ContinuousClock.Instant) -> (bytes: [UInt8], end: End) {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while bytes.count < limit {
      let left = ContinuousClock.now.duration(to: deadline) / .milliseconds(1)
      guard left > 0 else { return (bytes, .late) }
      var request = pollfd(fd: reading, events: Int16(POLLIN), revents: 0)
      let ready = poll(&request, 1, Int32(left.rounded(.up)))
      guard ready > 0 else { continue }
      let count = read(reading, &buffer, min(buffer.count, limit - bytes.count))
      if count > 0 { bytes.append(contentsOf: buffer[0..<count]) }
      if count == 0 || (count < 0 && errno != EINTR) { return (bytes, .closed) }
    }
    return (bytes, .limit)
  }
}
