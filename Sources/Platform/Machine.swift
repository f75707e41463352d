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

  /// Names this installation, through restarts and changes of its host name; empty where nothing does, as in many
  /// containers.
  public static let identifier =
    smallFile("/etc/machine-id")?.split(whereSeparator: \.isNewline).first
    .map(String.init) ?? ""

  /// Names what process numbers of this process count in; empty where /proc is not mounted.
  public static let processNamespace: String = {
    var link = [CChar](repeating: 0, count: 64)
    guard readlink("/proc/self/ns/pid", &link, link.count - 1) > 0 else { return "" }
    return String(decoding: link.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }()

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
    max(1, affinityMask.compactMap { $0.hexDigitValue }.reduce(0) { $0 + $1.nonzeroBitCount })
  }

  /// As the kernel writes it: `3`, `f,ffffffff`; empty where /proc is not mounted.
  public static var affinityMask: String {
    // Glibc's module does not expose sched_getaffinity.
    ownStatus("Cpus_allowed") ?? ""
  }

  /// A value of /proc/self/status, such as `VmHWM` (in kB); nil where it is not mounted.
  public static func ownStatus(_ name: String) -> String? {
    let lines = (smallFile("/proc/self/status") ?? "").split(separator: "\n")
    return lines.first { $0.hasPrefix(name + ":") }?.split { "\t ".contains($0) }.dropFirst().first.map(
      String.init)
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

  /// Whether a file system is known to be mounted on one machine at a time: ext2 to 4, XFS, Btrfs, ZFS, Bcachefs,
  /// F2FS, JFS, ReiserFS, FAT, exFAT, NTFS, tmpfs, ramfs, overlay.
  public static func isLocalFileSystem(at path: String) -> Bool {
    let types: Set<UInt32> = [
      0xEF53, 0x5846_5342, 0x9123_683E, 0x2FC1_2FC1, 0xCA45_1A4E, 0xF2F5_2010, 0x3153_464A, 0x5265_4973,
      0x4D44,
      0x2011_BAB0, 0x5346_544E, 0x7366_746E, 0x0102_1994, 0x8584_58F6, 0x794C_7630,
    ]
    return types.contains(platform_file_system_type(path))
  }

  /// Bytes that RLIMIT_AS (`ulimit -v`) leaves this process; nil if there is no limit.
  public static var addressSpaceLeft: Int? {
    guard let limit = limit(of: RLIMIT_AS) else { return nil }
    let pages = (smallFile("/proc/self/statm") ?? "").split(separator: " ").first.flatMap { Int($0) } ?? 0
    return limit - pages * sysconf(Int32(_SC_PAGESIZE))
  }

  /// What this process may use of a resource; nil if there is no limit.
  static func limit(of resource: __rlimit_resource) -> Int? {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(resource.rawValue), &limit) == 0, limit.rlim_cur < 1 << 62 else {
      return nil
    }
    return Int(limit.rlim_cur)
  }

  /// Bytes that a file of this process may have (`ulimit -f`); nil if there is no limit.
  public static var largestFile: Int? { limit(of: RLIMIT_FSIZE) }

  /// Lifts the limit of open files towards the hard limit, which needs no rights.
  /// - Returns: how many this process and its children may now open.
  public static func allowOpenFiles(_ wanted: Int) -> Int {
    var limit = rlimit()
    let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    guard getrlimit(files, &limit) == 0 else { return wanted }
    if limit.rlim_cur < wanted {
      limit.rlim_cur = min(limit.rlim_max, rlim_t(wanted))
      setrlimit(files, &limit)
      getrlimit(files, &limit)
    }
    return Int(clamping: limit.rlim_cur)
  }

  /// The first folder for temporary files in which one can really be made: TMPDIR, or else the usual ones.
  public static func temporaryFolder() -> String? {
    let candidates = [environmentVariable("TMPDIR"), "/tmp", "/var/tmp", "/dev/shm"]
    return candidates.compactMap { $0 }.first { folder in
      var template = Array("\(folder)/microgpt.XXXXXX".utf8CString)
      return mkdtemp(&template) != nil && rmdir(template) == 0
    }
  }

  /// The first executable of that name in PATH.
  public static func find(_ program: String, in path: String = environmentVariable("PATH") ?? "") -> String? {
    path.split(separator: ":").map { "\($0)/\(program)" }.first { $0.hasPrefix("/") && access($0, X_OK) == 0 }
  }
}
