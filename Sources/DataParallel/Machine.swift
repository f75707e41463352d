// What of this machine decides how a job runs here: cores, launcher, shared memory. For `gpt-ddp --doctor`.

import COpenMPI
import Glibc

public enum Machine {
  /// Processors that the affinity mask of this process leaves it.
  public static var usableProcessors: Int {
    // Glibc's module does not show sched_getaffinity.
    let line = Leftovers.read("/proc/self/status").split(separator: "\n").first {
      $0.hasPrefix("Cpus_allowed:")
    }
    let mask = line?.split(separator: "\t").last ?? ""
    return max(1, mask.compactMap { $0.hexDigitValue }.reduce(0) { $0 + $1.nonzeroBitCount })
  }

  /// Cores, as mpirun counts slots.
  public static var physicalCores: Int { Launcher.physicalCoreCount }

  /// Path of mpirun, if it is in PATH.
  public static var mpirun: String? {
    Launcher.find("mpirun", in: getenv("PATH").map { String(cString: $0) } ?? "")
  }

  /// The MPI library that this program is linked with; may be asked before MPI starts.
  public static var libraryVersion: String {
    (try? Communicator.readLibraryVersion()) ?? "unknown"
  }

  /// Whether the kernel refuses the system call of OpenMPI's fast path between ranks of a host.
  public static var singleCopyIsRefused: Bool { vader_single_copy_is_refused() != 0 }

  /// Bytes of shared memory that OpenMPI takes for each rank of a host.
  public static let sharedBytesPerRank = 4 << 20

  /// Bytes free in the file system of `path`; nil if it cannot be told.
  public static func freeBytes(at path: String) -> Int? {
    var status = statvfs()
    guard statvfs(path, &status) == 0 else { return nil }
    return Int(status.f_bavail) * Int(status.f_frsize)
  }

  /// Bytes that programs can still take, by /proc/meminfo.
  public static var availableMemory: Int? {
    let line = Leftovers.read("/proc/meminfo").split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
    return line?.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
  }
}
