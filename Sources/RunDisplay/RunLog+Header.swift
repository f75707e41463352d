// What is going to happen, before the first step.

import Corpora
import Kernels
import Platform
import Training
import TrainingState

extension RunLog {
  /// - Parameter hosts: how many the ranks are on.
  package func header(corpus: CorpusScan, path: String, hosts: Int) {
    let c = facts.configuration
    let m = c.model
    entry(
      "model",
      "\(Readable.grouped(m.parameterCount)) parameters: n_embd \(m.embeddingSize), "
        + "n_layer \(m.layerCount), n_head \(m.headCount), block_size \(m.blockSize), "
        + "vocab_size \(m.vocabularySize)")
    entry(
      "corpus",
      "\(path): \(Readable.grouped(corpus.characterCount)) characters, "
        + "sha256 \(corpus.sha256.prefix(8))…\(corpus.sha256.suffix(4))")
    entry("batches", batches)
    if let text = validation(c) { entry("validation", text) }
    entry("schedule", schedule(c))
    entry(
      "machine",
      "\(Readable.count(facts.worldSize, "rank")) on \(Readable.count(hosts, "host")), "
        + "\(Readable.count(facts.threads, "thread")) each; \(Readable.count(c.leafCount, "leaf", "leaves")) of "
        + "\(c.microbatchSize); \(facts.kernelFamily) kernels, \(targetVectorWidth)")
  }

  private var batches: String {
    let c = facts.configuration
    let unit = c.workflow.rawValue
    var text = "\(Readable.grouped(facts.sequenceCount)) \(unit), "
    text += "\(Readable.count(facts.stepsPerEpoch, "batch", "batches")) of \(c.globalBatchSize) an epoch"
    if facts.leftoverCount > 0 { text += " (\(facts.leftoverCount) left over)" }
    if let held = facts.heldOutCount { text += "; \(Readable.grouped(held)) \(unit) held out" }
    return text
  }

  /// Only where it is not all of the held-out part after each epoch.
  private func validation(_ c: TrainingConfiguration) -> String? {
    guard let held = facts.heldOutCount, let count = facts.validatedCount else { return nil }
    guard count < held || c.validationInterval > 0 else { return nil }
    let when =
      switch c.validationInterval {
      case 0: "once an epoch"
      case 1: "after each step"
      default: "every \(Readable.grouped(c.validationInterval)) steps"
      }
    let part =
      count < held
      ? "\(Readable.grouped(count)) of them, evenly spread (--\(SettingsTable.validationBatches.name) "
        + "\(c.validationBatches))" : "all of them"
    return "\(when), and at the end, \(part)"
  }

  private func schedule(_ c: TrainingConfiguration) -> String {
    let s = c.schedule
    let steps = "\(Readable.grouped(s.totalSteps)) steps: "
    let ends = s.restarts.map(String.init)
    let again = ends.isEmpty ? "" : "; again after \(ends.joined(separator: ", "))"
    switch s.kind {
    case .cosine:
      return steps + "\(s.warmupSteps) of warm-up to \(Self.scientific(s.peak)), then a cosine to zero"
        + again
    case .linear: return steps + "from \(Self.scientific(s.peak)) linearly to zero" + again
    }
  }
}
