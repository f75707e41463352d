// How many bytes one rank of a training will hold, from sizes alone: the same sums that the arenas are made of. Knows
// nothing of what a host has; see MemoryLimits.

import GPTModel
import Kernels
import Platform
import Reduction
import TrainingState

/// The memory of one rank at its peak, in bytes.
public struct MemoryPlan: Equatable, Sendable {
  public let weights, moments: Int
  /// This rank's nodes, its part of the sum that its host shares, and the buffers of leaves that are computed or wait to
  /// be added: at most threads + log₂(leaves).
  public let gradients: Int
  /// One sequence's on each thread.
  public let activations: Int
  /// The weights as the kernels want them.
  public let packedWeights: Int
  /// What arrives from other hosts.
  public let exchange: Int
  /// Rank 0's copy of weights and moments, which is written while training goes on.
  public let savingCopy: Int
  /// Code, libraries, MPI's buffers, and what does not depend on the model.
  public let program: Int

  public var total: Int {
    weights + moments + gradients + activations + packedWeights + exchange + savingCopy + program
  }

  /// - Parameters:
  ///   - saves: whether checkpoints are written.
  ///   - reduction: of these leaves on these ranks; nil for a rank that is alone.
  public init(
    _ configuration: TrainingConfiguration, threads: Int, rank: Int = 0,
    reduction: ReductionPlan? = nil, saves: Bool = true
  ) {
    let model = configuration.model
    let arena = ParameterTable(model).arenaCount * MemoryLayout<Float>.size
    let momentCount = Optimizers.named(configuration.optimizer)?.momentKeys.count ?? 0
    let plan =
      reduction ?? ReductionPlan(leafCount: configuration.leafCount, layout: HostLayout(names: [0]))
    let layout = plan.layout
    let host = layout.host(of: rank)
    let (hosts, ranksOfHost) = (layout.hosts.count, layout.hosts[host].count)
    let nodes = plan.nodesOfRank[rank]
    let depth = CanonicalTree.depth(leafCount: nodes.map(\.count).max() ?? 1)
    // Of each node, one leaf is computed where the node ends up.
    let waiting = min(plan.intervals[rank].count - nodes.count, threads - 1 + depth)
    weights = arena
    moments = momentCount * arena
    gradients = ((plan.foldsIntoSum ? 0 : nodes.count) + max(0, waiting)) * arena + arena / ranksOfHost
    activations = threads * SequenceWorkspace.floatCount(model) * MemoryLayout<Float>.size
    packedWeights =
      PreparedModel.panelCount(model, backend: configuration.backend, isTraining: true)
      * MemoryLayout<Float>.size
    let others = plan.acrossHosts.inputs.count - plan.nodesOfHost[host].count
    exchange = others * (arena / (hosts * ranksOfHost))
    savingCopy = saves && rank == 0 ? weights + moments : 0
    program = Self.programBytes + (layout.worldSize > 1 ? Self.messagingBytes : 0)
  }

  /// As measured with small models.
  private static let programBytes = 48_000_000
  private static let messagingBytes = 16_000_000
}

extension MemoryPlan {
  /// Lines for the log, two for most models, at most 79 columns each. Parts are in the unit of their sum.
  ///
  /// - Parameters:
  ///   - host: bytes of all ranks of this host.
  ///   - available: what the host can give them, if that is known.
  public func lines(hostNeeds host: Int, available: Int?) -> [String] {
    let unit = total < 999_500_000 ? 1e6 : 1e9
    func text(_ bytes: Int) -> String {
      let value = Double(bytes) / unit
      return Readable.fixed(value, digits: value >= 99.95 ? 0 : unit == 1e9 && value < 9.995 ? 2 : 1)
    }
    let parts: [(String, Int)] = [
      ("weights", weights), ("moments", moments), ("leaves", gradients), ("activations", activations),
      ("packed", packedWeights), ("exchange", exchange), ("save", savingCopy), ("rest", program),
    ]
    var pieces = parts.filter { $0.1 > 0 }.map { "\($0.0) \(text($0.1))," }
    pieces[pieces.count - 1] = "\(pieces[pieces.count - 1].dropLast());"
    pieces.append("\(Readable.bytes(host)) a host\(available.map { " of \(Readable.bytes($0))" } ?? "")")
    var lines = ["memory     \(Readable.bytes(total)) a rank:"]
    for piece in pieces {
      if lines[lines.count - 1].count + 1 + piece.count > 79 {
        lines.append("          ")
      }
      lines[lines.count - 1] += " \(piece)"
    }
    return lines
  }
}
