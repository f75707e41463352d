// What the page of a run is told beyond its curves: what it is of, how to go on from it, and how it ended.

import CommandLineOptions
import DataParallel
import GPTModel
import Platform
import RunFiles
import RunPage
import RunPlanning
import Training
import TrainingState

extension RunOutputs {
  /// - Parameters:
  ///   - guide: of this run.
  ///   - origin: the checkpoint that goes on, if one does.
  ///   - notes: lines of the log.
  func beginPage(
    _ guide: RunGuide, _ trainer: Trainer, corpus: CorpusSetup, from origin: String, _ notes: [String]
  ) throws {
    guard let page, let run = trainer.live.state?.runFingerprint else { return }
    let scan = corpus.scan
    let text =
      "\(corpus.path): \(Readable.grouped(scan.characterCount)) characters, sha256 \(scan.sha256.prefix(8))…"
      + scan.sha256.suffix(4)
    let facts = trainer.facts
    try page.begin { record in
      record.title =
        "\(corpus.dataset), \(Readable.grouped(facts.configuration.model.parameterCount)) parameters"
      record.facts = PageFacts.facts(facts, corpus: text, hosts: guide.hostCount, run: run)
      record.lastStep = facts.lastStep
      record.commands = Self.commands(guide, isLive: true)
    }
    let restart = guide.plan.options[TrainerOptions.restarted] ? "started again by the supervisor: " : ""
    page.note(
      trainer.step > 0 ? "\(restart)resumed after step \(trainer.step), from \(origin)" : "\(restart)begun",
      step: trainer.step)
    for note in notes { page.note(note) }
  }

  /// What to do with what is saved.
  private static func commands(_ guide: RunGuide, isLive: Bool) -> [Fact] {
    guard guide.plan.saves else { return [] }
    let sample = Fact("Sample from the newest state", guide.sampling.joined(separator: " "))
    let resume = Fact("Go on from it after an interruption", guide.resuming.joined(separator: " "))
    return isLive ? [sample, resume] : [sample]
  }

  /// The last page, of a run that came to an end by itself.
  ///
  /// - Parameter state: at the end; nil if it is not known.
  func endPage(_ guide: RunGuide, _ result: TrainingResult, after state: TrainingState?) {
    let step = result.progress.step
    let end =
      result.wasStopped
      ? "stopped by request"
      : result.endedEarly
        ? "ended early, because validations got no better"
        : step > 0 ? "trained to step \(step)" : "nothing to do"
    page?.note(finalSaveFailed ? "\(end); the last state was not saved" : end, step: step)
    let best = bestPath
    page?.end { record in
      record.status = result.wasStopped ? .stopped("stopped by request after step \(step)") : .finished
      if finalSaveFailed { record.status = .failed("the state after step \(step) was not saved") }
      record.activity = nil
      record.weightsHash = result.weightsHash
      record.commands = Self.commands(guide, isLive: result.wasStopped)
      if let best {
        record.commands.append(
          Fact("Sample from the best one", "gpt-sample --checkpoint \(shellQuoted(best))"))
      }
      if let state {
        record.commands.append(
          Fact("The same weights again", guide.repeating(state).joined(separator: " ")))
      }
    }
  }

  /// The last page, of a run that an error has ended.
  func endPage(because error: any Error) {
    // A lost peer leaves no time but for the state, and then for the page: the watchdog's last wish.
    if error is LostPeer { page?.expectEnd(because: "\(error)") } else { page?.lastWords("\(error)") }
  }
}
