// Facts about this machine that decide how a job runs here. Advice is up to `Doctor`.

import CPlatform
import Glibc

public enum Machine {
  public static var hostName: String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 257) { buffer in
      buffer.initialize(repeating: 0)
      return gethostname(buffer.baseAddress!, 256) == 0 ? String(cString: buffer.baseAddress!) : "unknown"
    }
  }

  /// Absolute path of the running program.
  /// - Throws: `RuntimeFailure` if /proc is not mounted.
  public static func ownProgram() throws -> String {
    guard let path = realpath("/proc/self/exe", nil) else {
      throw RuntimeFailure("cannot find this program's own file (/proc/self/exe): \(systemError())")
    }
    defer { free(path) }
    return String(cString: path)
  }

  /// Hardware threads that are online.
  public static var processorCount: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

  /// Physical cores, which is how mpirun counts slots.
  public static var coreCount: Int {
    let siblings = (0..<processorCount).map {
      smallFile("/sys/devices/system/cpu/cpu\($0)/topology/thread_siblings_list") ?? ""
    }
    // A container may hide the topology; online processors are then all there is to count.
    return siblings.contains("") ? processorCount : Set(siblings).count
  }

  /// Processors in the affinity mask of this process.
  public static var usableProcessorCount: Int {
    // Glibc's module does not expose sched_getaffinity.
    let line = (smallFile("/proc/self/status") ?? "").split(separator: "\n").first {
      $0.hasPrefix("Cpus_allowed:")
    }
    let mask = line?.split(separator: "\t").last ?? ""
    return max(1, mask.compactMap { $0.hexDigitValue }.reduce(0) { $0 + $1.nonzeroBitCount })
  }

  /// Whether the kernel refuses the system call of OpenMPI's fast path between ranks on one host, as the
  /// seccomp filters of containers do.
  public static var singleCopyIsRefused: Bool { platform_single_copy_is_refused() != 0 }

  /// Bytes free in the file system of `path`; nil if unknown.
  public static func freeBytes(at path: String) -> Int? {
    var status = statvfs()
    guard statvfs(path, &status) == 0 else { return nil }
    return Int(status.f_bavail) * Int(status.f_frsize)
  }

  /// Bytes that programs can still allocate, according to /proc/meminfo.
  public static var availableMemory: Int? {
    let line = (smallFile("/proc/meminfo") ?? "").split(separator: "\n").first {
      $0.hasPrefix("MemAvailable:")
    }
    return line?.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
  }

  /// The first executable of that name in PATH.
  public static func find(_ program: String, in path: String = environmentVariable("PATH") ?? "") -> String? {
    path.split(separator: ":").map { "\($0)/\(program)" }.first { $0.hasPrefix("/") && access($0, X_OK) == 0 }
  }
}
