// What a process gives up before it looks at hostile bytes. Whatever those bytes then make it do, it has no file,
// no network, no process and no privilege to do it with.

import CPlatform
import Glibc

public enum Confinement {
  /// Gives up, for good, everything but memory and standard output.
  ///
  /// Closes every descriptor but 0 to 2 and lets none be opened; leaves the session, so that keys of the terminal
  /// do not reach this process; drops all capabilities; ends with the process that started this one. Where the
  /// kernel filters system calls (seccomp), all others fail, which covers also what needs no descriptor.
  ///
  /// - Parameters:
  ///   - memory: bytes that may be allocated on top of what is mapped now.
  ///   - seconds: of CPU time, from the start of the process.
  /// - Returns: whether the kernel filters system calls.
  /// - Throws: `RuntimeFailure` if anything else is refused.
  public static func enter(memory: Int, seconds: Int) throws -> Bool {
    let mapped = try mappedBytes()
    _ = setsid()
    platform_close_from(STDERR_FILENO + 1)
    guard platform_drop_capabilities() == 0, platform_withdraw() == 0 else {
      throw RuntimeFailure("cannot give up privileges: \(systemError())")
    }
    try limit(RLIMIT_AS, to: mapped + memory)
    try limit(RLIMIT_CPU, to: seconds)
    for resource in [RLIMIT_CORE, RLIMIT_FSIZE, __RLIMIT_NPROC, RLIMIT_NOFILE] { try limit(resource, to: 0) }
    return platform_filter_system_calls() == 0
  }

  private static func limit(_ resource: __rlimit_resource, to value: Int) throws {
    let number = __rlimit_resource_t(resource.rawValue)
    var limits = rlimit()
    guard getrlimit(number, &limits) == 0 else { throw RuntimeFailure(systemError()) }
    limits.rlim_cur = min(limits.rlim_max, rlim_t(value))
    limits.rlim_max = limits.rlim_cur
    guard setrlimit(number, &limits) == 0 else { throw RuntimeFailure(systemError()) }
  }

  private static func mappedBytes() throws -> Int {
    let pages = smallFile("/proc/self/statm")?.split(separator: " ").first.flatMap { Int($0) }
    guard let pages else { throw RuntimeFailure("/proc/self/statm is unreadable") }
    return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
  }
}
