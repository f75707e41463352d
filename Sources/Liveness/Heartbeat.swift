// What this process is doing, and that it is alive: atomics that the main thread writes and Watchdog reads.

import Synchronization

/// What a rank is busy with, as error messages name it.
public enum Phase: Int, Sendable, CaseIterable {
  case startup, data, gradient, records, exchange, optimizer, validation, checkpoint, sampling, shutdown

  public var name: String {
    switch self {
    case .startup: "startup"
    case .data: "data"
    case .gradient: "gradient"
    case .records: "waiting for records"
    case .exchange: "exchange"
    case .optimizer: "optimizer"
    case .validation: "validation"
    case .checkpoint: "checkpoint"
    case .sampling: "sampling"
    case .shutdown: "shutdown"
    }
  }
}

package enum Heartbeat {
  private static let beats = Atomic<Int>(0)
  private static let phaseCode = Atomic<Int>(Phase.startup.rawValue)
  private static let currentStep = Atomic<Int>(0)

  package static func enter(_ phase: Phase, step: Int) {
    phaseCode.store(phase.rawValue, ordering: .relaxed)
    currentStep.store(step, ordering: .relaxed)
    beat()
  }

  package static func beat() { beats.wrappingAdd(1, ordering: .relaxed) }

  package static var count: Int { beats.load(ordering: .relaxed) }
  package static var step: Int { currentStep.load(ordering: .relaxed) }
  package static var phase: Phase { Phase(rawValue: phaseCode.load(ordering: .relaxed)) ?? .startup }
}
