// What `--version` says of a build beside its number: what decides the bits, the speed, and which files it reads.

import CBuildFacts
import Checkpointing
import Kernels

public enum BuildFacts {
  /// Of both programs, in order.
  public static var all: [(subject: String, text: String)] {
    let commit = String(cString: build_commit())
    return [
      (
        "commit",
        commit.isEmpty ? "unknown (scripts/train.sh and scripts/install.sh note it)" : commit
      ),
      ("swift", swiftVersion),
      ("cpu", "\(String(cString: build_march())), \(targetVectorWidth)\(targetHasFMA ? "" : " without FMA")"),
      ("kernels", MatrixBackend.automatic.kernelFamily),
      ("openblas", "\(openBLASVersion), \(MatrixBackend.openblas.kernelFamily)"),
      ("hdf5", CheckpointFile.libraryVersion),
      ("checkpoint", "format \(CheckpointFile.formatVersion)"),
    ]
  }

  /// Of the standard library, which does not tell corrections apart.
  private static var swiftVersion: String {
    "\(_SwiftStdlibVersion.current)".split(separator: ".").prefix(2).joined(separator: ".")
  }
}
