// Which checkpoint is meant where the user has named none.

import CheckpointFamilies
import Checkpointing
import CheckpointTools
import CommandLineOptions
import Platform

enum ModelChoice {
  /// The chosen model, and a line on which it is where the user has named none.
  /// - Throws: `InvalidInput` where there is none, or it cannot be loaded.
  static func model(_ options: ParsedOptions) throws -> LoadedModel {
    let model = try LoadedModel(path(options, isNewest: options[SamplerOptions.newest]))
    if !options.isGiven(SamplerOptions.checkpoint) {
      StandardStream.error.line("note: the model is \(model.path) (\(model.stateWords))")
    }
    return model
  }

  /// The user's checkpoint, or the one that is most likely meant: of the run that was saved last, the best validated state,
  /// or else the newest.
  ///
  /// - Parameter isNewest: whether the newest is wanted even if there is a best one.
  /// - Throws: `InvalidInput` where there is none.
  static func path(_ options: ParsedOptions, isNewest: Bool) throws -> String {
    if let path = options[SamplerOptions.checkpoint] {
      guard FileIdentity(path) != nil || isSymbolicLink(path) else { throw noFile(path) }
      return path
    }
    let folder = options[SamplerOptions.folder]
    guard let newest = newestFamily(in: folder) else {
      let advice = "train a model with gpt-ddp, or name one with --checkpoint"
      guard options.isGiven(SamplerOptions.folder) else {
        throw InvalidInput("there is no checkpoint in \(folder)/; \(advice)")
      }
      throw InvalidInput("--folder \(folder): there is no checkpoint there; \(advice)")
    }
    let best = CheckpointFamily.bestPath(of: newest)
    return !isNewest && isOfSameRun(best, newest) ? best : newest
  }

  private static func noFile(_ path: String) -> InvalidInput {
    let others = CheckpointFile.otherNames(near: path)
    return InvalidInput(
      "checkpoint \(path): there is no such file; "
        + (others.isEmpty
          ? "train a model with gpt-ddp, or name one with --checkpoint"
          : "name one with --checkpoint: \(others)"))
  }

  /// The newest state of the run that was saved last. Runs that were set aside count only where there is no other.
  static func newestFamily(in folder: String) -> String? {
    let paths = CheckpointFamily.files(in: folder)
    var latest: [String: Modified] = [:]
    for path in paths {
      guard let time = Modified(path) else { continue }
      let family = CheckpointFamily.familyPath(of: path)
      latest[family] = max(latest[family] ?? time, time)
    }
    let own = latest.filter { CheckpointFamily.nameBeforeSetAside($0.key) == nil }
    let candidates = own.isEmpty ? latest : own
    guard let family = candidates.max(by: { ($0.value, $0.key) < ($1.value, $1.key) })?.key else {
      return nil
    }
    // A run that has lost its newest state still has others.
    if FileIdentity(family) != nil { return family }
    let kept = (try? CheckpointFamily.stepFiles(of: family)) ?? []
    return kept.first ?? CheckpointFamily.bestPath(of: family)
  }

  /// Files of earlier versions do not say of which run they are; they are believed by their names.
  private static func isOfSameRun(_ best: String, _ newest: String) -> Bool {
    guard FileIdentity(best) != nil else { return false }
    guard let one = try? CheckpointFile.statedRun(of: best),
      let other = try? CheckpointFile.statedRun(of: newest)
    else { return true }
    return one == other
  }
}
