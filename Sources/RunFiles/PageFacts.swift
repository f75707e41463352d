// The facts of a training for its page: a name and a line each.

import GPTModel
import Platform
import Reproducibility
import RunPage
import Training
import TrainingState

package enum PageFacts {
  /// - Parameters:
  ///   - corpus: where it is and what it is, in words.
  ///   - hosts: how many the ranks are on.
  package static func facts(_ facts: TrainingFacts, corpus: String, hosts: Int, run: UInt64) -> [Fact] {
    let c = facts.configuration
    var result = [
      Fact("Model", model(c.model)), Fact("Corpus", corpus), Fact("Batches", batches(facts)),
      Fact("Schedule", schedule(c.schedule)),
    ]
    if let validation = validation(facts) { result.insert(Fact("Validation", validation), at: 3) }
    result += [
      Fact("Optimizer", optimizer(c)), Fact("Initial weights", "\(c.initialScheme.rawValue), seed \(c.seed)"),
      Fact("Machine", machine(facts, hosts: hosts)),
      Fact("Kernels", "\(facts.kernelFamily), which decide the bits"),
      Fact(
        "Run", "\(XXHash64.hexadecimal(run)), of data, settings and seed; gpt-ddp \(ProgramVersion.current)"),
    ]
    return result
  }

  private static func model(_ m: GPTConfiguration) -> String {
    "\(Readable.grouped(m.parameterCount)) parameters: n_embd \(m.embeddingSize), n_layer \(m.layerCount), "
      + "n_head \(m.headCount), block_size \(m.blockSize), vocab_size \(m.vocabularySize)"
  }

  private static func batches(_ facts: TrainingFacts) -> String {
    let c = facts.configuration
    let unit = c.workflow.rawValue
    var text = "\(Readable.grouped(facts.sequenceCount)) \(unit), "
    text += "\(Readable.count(facts.stepsPerEpoch, "batch", "batches")) of \(c.globalBatchSize) an epoch"
    if let held = facts.heldOutCount { text += "; \(Readable.grouped(held)) \(unit) held out" }
    return text
  }

  private static func validation(_ facts: TrainingFacts) -> String? {
    guard let held = facts.heldOutCount, let count = facts.validatedCount else { return nil }
    let interval = facts.configuration.validationInterval
    let when = interval == 0 ? "once an epoch" : "every \(Readable.count(interval, "step"))"
    return "\(when) and at the end, on \(count < held ? "\(Readable.grouped(count)) of them" : "all of them")"
  }

  private static func schedule(_ s: LearningRateSchedule) -> String {
    let steps = "\(Readable.grouped(s.totalSteps)) steps: "
    let again =
      s.restarts.isEmpty ? "" : "; again after \(s.restarts.map(String.init).joined(separator: ", "))"
    switch s.kind {
    case .cosine: return steps + "\(s.warmupSteps) of warm-up to \(s.peak), then a cosine to zero" + again
    case .linear: return steps + "from \(s.peak) linearly to zero" + again
    }
  }

  private static func optimizer(_ c: TrainingConfiguration) -> String {
    var text = "\(c.optimizer), beta \(c.beta1) and \(c.beta2)"
    if c.weightDecay > 0 { text += ", weight decay \(c.weightDecay)" }
    if c.gradientClip > 0 { text += ", gradient clipped to \(c.gradientClip)" }
    return text
  }

  private static func machine(_ facts: TrainingFacts, hosts: Int) -> String {
    "\(Readable.count(facts.worldSize, "rank")) on \(Readable.count(hosts, "host")), "
      + "\(Readable.count(facts.threads, "thread")) each; "
      + "\(Readable.count(facts.configuration.leafCount, "leaf", "leaves")) of "
      + "\(facts.configuration.microbatchSize)"
  }
}
