// Messages that leave at once, instead of asking the receiver first.

import Glibc

/// OpenMPI asks the other side before it sends more than 64 kB over TCP, and looks for the answer only when it is
/// called: a rank that computes meanwhile, or whose wire is busy the other way, loses the time between. Messages up to
/// `byteCount` are sent without asking, from a copy; receives are posted before, so nothing is copied on arrival.
enum EagerMessages {
  static let byteCount = 256 << 10
  /// Gradients beyond this would take too much memory for copies; their messages are long enough to wait for.
  static let largestGradient = 16 << 20
  private static let headerBytes = 16 << 10

  /// To be called before MPI starts. What the user has set stays.
  static func allow() {
    for name in ["eager_limit", "rndv_eager_limit", "max_send_size"] {
      setenv("OMPI_MCA_btl_tcp_\(name)", String(byteCount + headerBytes), 0)
    }
  }

  /// Floats of one message of a gradient.
  static func length(elementCount: Int, bytesEach: Int, atMost most: Int) -> Int {
    elementCount * bytesEach <= largestGradient ? min(most, byteCount / bytesEach) : most
  }
}
