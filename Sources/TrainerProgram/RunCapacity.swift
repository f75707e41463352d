// What a run will take of its hosts, before its first step: memory, which may refuse it, and time.

import Capacity
import DataParallel
import Platform
import RunPlanning
import Training
import TrainingState

struct RunCapacity {
  private let memory: HostMemory
  private let estimate: StepEstimate
  private let workers: Int
  private let isOfSeveralHosts: Bool

  /// All ranks ask together.
  ///
  /// - Parameter isForced: the user knows better than the plan.
  /// - Throws: `InvalidInput`, agreed by all ranks, if a host has too little memory.
  init(
    _ configuration: TrainingConfiguration, _ settings: RunSettings, saves: Bool, isForced: Bool,
    communicator: Communicator
  ) throws {
    memory = try HostMemory(
      configuration, threads: settings.threads, saves: saves, communicator: communicator)
    if !isForced, let refusal = memory.refusal { throw communicator.agreed(refusal) }
    isOfSeveralHosts = communicator.layout.hosts.count > 1
    estimate = try StepEstimate(configuration, threads: settings.threads, communicator: communicator)
    workers = settings.threads * communicator.worldSize
  }

  /// Of rank 0.
  var plannedBytes: Int { memory.planOfRootRank.total }

  /// What a step costs, and what the machine gives.
  func work(of configuration: TrainingConfiguration) -> StepWork { estimate.work(of: configuration) }

  /// For the log, at most 79 columns each.
  func memoryLines() -> [String] {
    let host = memory.fullestHost
    return memory.largest.lines(hostNeeds: host.needed, available: host.available)
  }

  /// `about 840 ms a step, 25m 40s for 1,830 steps`
  func time(_ facts: TrainingFacts) -> String {
    let steps = max(0, facts.lastStep - facts.firstStep)
    let interval = facts.configuration.validationInterval
    let regular = steps / max(1, interval > 0 ? interval : facts.stepsPerEpoch)
    let sequences = facts.validatedCount ?? 0
    let validations =
      sequences > 0 ? max(regular, facts.lastStep == facts.configuration.totalSteps ? 1 : 0) : 0
    let seconds = estimate.seconds(
      steps: steps, validations: validations, of: sequences, workers: workers)
    let exchange = isOfSeveralHosts ? ", and what the network takes" : ""
    let step = estimate.secondsPerStep
    let perStep =
      step < 0.0095
      ? "\(Readable.fixed(1000 * step, digits: step < 0.001 ? 3 : 1)) ms" : Readable.duration(seconds: step)
    return "about \(perStep) a step, "
      + "\(Readable.duration(seconds: seconds)) for \(Readable.count(steps, "step"))\(exchange)"
  }
}
