// Whether two hosts run the same build.

import Platform
import Foundation
import Reproducibility

public enum ProgramIdentity {
  /// XXH64 of the running executable, 16 hexadecimal digits.
  public static func hash() throws -> String {
    guard let program = try? Data(contentsOf: URL(fileURLWithPath: "/proc/self/exe"), options: .alwaysMapped)
    else {
      throw RuntimeFailure("cannot read this program's own file (/proc/self/exe)")
    }
    return XXHash64.hexadecimal(program.withUnsafeBytes { XXHash64.hash($0) })
  }
}
