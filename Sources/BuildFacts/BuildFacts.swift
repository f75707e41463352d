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
      ("swift", "\(_SwiftStdlibVersion.current)"),
      ("cpu", "\(String(cString: build_march())), \(targetVectorWidth)\(targetHasFMA ? "" : " without FMA")"),
      ("kernels", MatrixBackend.automatic.kernelFamily),
      ("openblas", "\(openBLASVersion), \(MatrixBackend.openblas.kernelFamily)"),
      ("hdf5", CheckpointFile.libraryVersion),
      ("checkpoint", "format \(CheckpointFile.formatVersion)"),
    ]
  }
}
