// Collects what the fault tests measured; scripts/faults.sh prints it as the table of the README.

import Foundation
import Synchronization

/// The long version tries more, and holds the program to the promised seconds; on a busy CI machine these would
/// measure the machine.
enum Effort {
  static let isLong = ProcessInfo.processInfo.environment["MICROGPT_FAULTS"] == "long"
  /// Random kills.
  static let kills =
    Int(ProcessInfo.processInfo.environment["MICROGPT_FAULT_KILLS"] ?? "") ?? (isLong ? 100 : 10)
  /// Seconds after which nothing of a job may be left.
  static let cleanSeconds = isLong ? 2.0 : 20.0
}

/// One row: fault, tries, survived, bits equal, seconds to a clean end.
struct FaultRow {
  let number: Int
  let fault: String
  private var tries = 0
  private var survived = 0
  private var compared = 0
  private var equal = 0
  private var slowest: Double?

  init(_ number: Int, _ fault: String) {
    self.number = number
    self.fault = fault
  }

  /// - Parameters:
  ///   - equal: whether the bits were those of the undisturbed training; nil where there are none to compare.
  ///   - seconds: from the fault to the end of every process.
  mutating func add(survived: Bool, equal: Bool? = nil, seconds: Double? = nil) {
    tries += 1
    if survived { self.survived += 1 }
    if let equal {
      compared += 1
      if equal { self.equal += 1 }
    }
    if let seconds { slowest = max(slowest ?? 0, seconds) }
  }

  /// Adds the row to the file that MICROGPT_FAULT_TABLE names; scripts/faults.sh adds up rows of one fault.
  func report() {
    guard let path = ProcessInfo.processInfo.environment["MICROGPT_FAULT_TABLE"] else { return }
    let seconds = slowest.map { String(format: "%.1f", $0) } ?? ""
    let line = "\(number)\t\(fault)\t\(tries)\t\(survived)\t\(equal)\t\(compared)\t\(seconds)\n"
    Self.lock.withLock { _ in
      let file = fopen(path, "a")
      fputs(line, file)
      fclose(file)
    }
  }

  private static let lock = Mutex(())
}

/// Pseudo-random, so that a failure can be repeated: MICROGPT_FAULT_SEED.
struct Dice: RandomNumberGenerator {
  static let seed = UInt64(ProcessInfo.processInfo.environment["MICROGPT_FAULT_SEED"] ?? "") ?? 2_026
  private var state: UInt64

  init(_ stream: UInt64) { state = Self.seed &* 0x9E37_79B9_7F4A_7C15 &+ stream }

  /// SplitMix64.
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
