// What OpenMPI leaves on disk when mpirun is killed: shared-memory segments and the session directory. Only
// files of this job are touched: those that this process has mapped or that its launcher named.

import Glibc
import Platform

enum Leftovers {
  /// vader (OpenMPI 4) names its files vader_segment.<host>.<user>.<job>.<local rank>; every rank maps those
  /// of all ranks on its host.
  private static let segmentPrefix = "/dev/shm/vader_segment."

  static func removeAll() {
    for path in mappedSegments(maps: smallFile("/proc/self/maps") ?? "") { unlink(path) }
    if let directory = environmentVariable("PMIX_SERVER_TMPDIR") {
      if isSessionDirectory(directory) {
        removeTree(directory)
        // Shared with other jobs of this user: goes only when empty.
        rmdir(String(directory[..<directory.lastIndex(of: "/")!]))
      }
    }
  }

  /// Paths of vader segments in the text of /proc/<pid>/maps.
  static func mappedSegments(maps: String) -> Set<String> {
    var paths: Set<String> = []
    for line in maps.split(separator: "\n") {
      guard let start = line.firstIndex(of: "/") else { continue }
      let path = line[start...]
      if path.hasPrefix(segmentPrefix) && !path.hasSuffix(" (deleted)") { paths.insert(String(path)) }
    }
    return paths
  }

  /// <tmp>/ompi.<host>.<user>/pid.<number>: mpirun's own directory, and nothing else.
  static func isSessionDirectory(_ path: String) -> Bool {
    let parts = path.split(separator: "/")
    guard path.hasPrefix("/"), parts.count >= 2, !parts.contains("..") else { return false }
    let last = parts[parts.count - 1]
    return parts[parts.count - 2].hasPrefix("ompi.") && last.hasPrefix("pid.")
      && Int(last.dropFirst(4)) != nil
  }

  /// Follows no symbolic link.
  private static func removeTree(_ directory: String) {
    for name in (try? fileNames(in: directory)) ?? [] {
      var status = stat()
      let path = "\(directory)/\(name)"
      guard lstat(path, &status) == 0 else { continue }
      if FileKind(status) == .folder { removeTree(path) } else { unlink(path) }
    }
    rmdir(directory)
  }
}
