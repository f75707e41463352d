// What the header says of the files that a run writes, and what the end says of how to go on.

import DataParallel
import Launching
import Platform
import RunPlanning
import RunDisplay
import Training
import TrainingState

/// The same on all ranks; asked for on rank 0.
struct RunGuide {
  let plan: RunPlan
  let facts: TrainingFacts
  /// How many the ranks are on.
  let hostCount: Int

  // MARK: The header

  /// What is saved where and when, one sentence a file.
  var saves: String {
    var parts: [String] = []
    if plan.saves {
      let every = plan.options[TrainerOptions.checkpointInterval] ?? plan.preset.checkpointInterval
      let regular = every > 0 ? "every \(Readable.count(every, "step")) and " : ""
      parts.append("\(plan.checkpointPath) \(regular)at the end")
      if facts.heldOutCount != nil {
        parts.append("the best validated state beside it as ….best.jld2")
      }
    } else {
      parts.append("no checkpoint (--\(TrainerOptions.noSave.name))")
    }
    if let path = plan.metricsPath { parts.append("\(path) after each step") }
    if let path = plan.pagePath { parts.append("\(path) to look at meanwhile") }
    return parts.joined(separator: "; ")
  }

  // MARK: The end

  /// Where what was reached stands.
  ///
  /// - Parameters:
  ///   - isSaved: whether there is a checkpoint of the last step.
  ///   - best: path and loss of the best validated state, if there is one.
  func reached(_ log: RunLog, isSaved: Bool, best: (path: String, loss: Double)?) {
    if isSaved {
      log.place("Checkpoint", shellQuoted(plan.checkpointPath))
      if let best {
        log.place(
          "Best state", shellQuoted(best.path), ", validation loss \(Readable.fixed(best.loss, digits: 4))")
      }
    }
    if let path = plan.pagePath { log.place("Page", shellQuoted(path)) }
  }

  /// - Parameters:
  ///   - state: at the end; nil if it is not known.
  ///   - isSaved: whether there is a checkpoint of it.
  func next(_ log: RunLog, after state: TrainingState?, isSaved: Bool) {
    if isSaved {
      log.next("Sample with", sampling)
      if let state { goOn(log, state) }
    }
    if let state { log.next("Repeat with", repeating(state)) }
  }

  var sampling: [String] { ["gpt-sample", "--checkpoint \(shellQuoted(plan.checkpointPath))"] }
  var resuming: [String] { program + ["--resume"] }

  /// The same weights again.
  func repeating(_ state: TrainingState) -> [String] {
    let data = plan.options[TrainerOptions.data]
    return RepeatCommand.words(
      for: state, data: data.isEmpty ? state.dataToGive : data, stepsPerEpoch: facts.stepsPerEpoch,
      heldOut: facts.heldOutCount ?? 0)
  }

  private func goOn(_ log: RunLog, _ state: TrainingState) {
    guard state.progress.step >= state.configuration.totalSteps else {
      return log.next("Resume with", resuming)
    }
    let more =
      state.configuration.workflow == .chunks
      ? "--\(TrainerOptions.moreEpochs.name) 5"
      : "--\(TrainerOptions.moreSteps.name) \(max(1, state.configuration.schedule.firstLength / 2))"
    log.next("Train longer with", resuming + [more])
  }

  /// This run's program, ranks and files.
  private var program: [String] {
    var words = ["gpt-ddp"]
    if facts.worldSize > 1, hostCount == 1 {
      words =
        Launcher.isAbove ? words + ["--np \(facts.worldSize)"] : ["mpirun -np \(facts.worldSize)"] + words
    }
    if plan.options.isGiven(TrainerOptions.threads) { words.append("--threads \(facts.threads)") }
    if plan.checkpointPath != Preset.all[0].checkpoint {
      words.append("--checkpoint \(shellQuoted(plan.checkpointPath))")
    }
    if let path = plan.metricsPath { words.append("--metrics \(shellQuoted(path))") }
    if let path = plan.pagePath { words.append("--page \(shellQuoted(path))") }
    return words
  }
}
