// How surprised a model is by a text: the loss of each of its characters, in windows that overlap.

import Kernels
import Platform

extension PreparedModel {
  /// The cross-entropy of single targets, each with the bits that it has in a training's loss.
  ///
  /// - Parameters:
  ///   - tokens: n + 1 of them, 2 ≤ n + 1 ≤ T + 1: n inputs, each with the next token as its target.
  ///   - first: the first target that is wanted, 0..<n.
  ///   - losses: gets n − `first` losses in nats.
  func losses(
    _ tokens: UnsafeBufferPointer<Int32>, from first: Int, into losses: UnsafeMutablePointer<Double>,
    _ workspace: SequenceWorkspace
  ) {
    guard let base = tokens.baseAddress, tokens.count > 1 else {
      preconditionFailure("a sequence has at least one input and one target")
    }
    let rows = tokens.count - 1
    forward(base, rows: rows, workspace)
    for row in first..<rows {
      losses[row - first] = crossEntropy(
        logits: workspace.logits + row * workspace.logitsStride, targets: base + row + 1, rows: 1,
        columns: configuration.vocabularySize, stride: workspace.logitsStride, gradientScale: nil)
    }
  }
}

/// Computes the losses of texts longer than the context.
///
/// A window is T inputs, and begins `stride` tokens after the one before it. A target counts in the first window that
/// has it, so each counts once, after at least T − `stride` other tokens where there are so many. With a stride of T the
/// windows are the chunks of a validation.
public struct TextScorer: Sendable {
  private let model: PreparedModel
  private let team: ThreadTeam
  public let stride: Int

  /// - Parameters:
  ///   - stride: 1…T
  ///   - threads: share the windows; no bit depends on them.
  public init(model: PreparedModel, stride: Int, threads: Int) {
    precondition((1...model.configuration.blockSize).contains(stride))
    self.model = model
    self.stride = stride
    team = ThreadTeam(count: threads)
  }

  /// Part of a sequence that one forward pass takes.
  private struct Window {
    let sequence: Int
    let inputs: Range<Int>
    /// The first target that counts here, as an index into the sequence.
    let firstTarget: Int
    /// Where its loss goes, in the losses of all sequences.
    let place: Int
  }

  public struct Losses: Sendable {
    /// Of every target of all sequences, in order: in nats.
    public let values: [Double]
    public let windowCount: Int
  }

  /// - Parameters:
  ///   - sequences: a text's tokens; of each, every token but the first is a target.
  ///   - onProgress: called on this thread now and then, with the part that is done, 0…1.
  public func losses(_ sequences: [[Int32]], onProgress: (Double) -> Void = { _ in }) -> Losses {
    let windows = windows(of: sequences)
    let count = sequences.reduce(0) { $0 + max(0, $1.count - 1) }
    var values = [Double](repeating: 0, count: count)
    let workspaces = (0..<min(team.count, max(1, windows.count))).map { _ in
      Workspace(SequenceWorkspace(model.configuration))
    }
    values.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      let values = Values(base: base)
      let wave = 16 * team.count
      for begin in Swift.stride(from: 0, to: windows.count, by: wave) {
        team.run(min(wave, windows.count - begin)) { index, thread in
          let window = windows[begin + index]
          sequences[window.sequence].withUnsafeBufferPointer { tokens in
            let part = tokens[window.inputs.lowerBound...window.inputs.upperBound]
            model.losses(
              UnsafeBufferPointer(rebasing: part), from: window.firstTarget - 1 - window.inputs.lowerBound,
              into: values.base + window.place, workspaces[thread].value)
          }
        }
        onProgress(Double(min(begin + wave, windows.count)) / Double(windows.count))
      }
    }
    return Losses(values: values, windowCount: windows.count)
  }

  private func windows(of sequences: [[Int32]]) -> [Window] {
    let T = model.configuration.blockSize
    var windows: [Window] = []
    var place = 0
    for (index, tokens) in sequences.enumerated() {
      let targets = max(0, tokens.count - 1)
      var (begin, scored) = (0, 0)
      while scored < targets {
        let end = min(begin + T, targets)
        windows.append(
          Window(sequence: index, inputs: begin..<end, firstTarget: scored + 1, place: place + scored))
        scored = end
        begin += stride
      }
      place += targets
    }
    return windows
  }

  /// One thread's.
  private struct Workspace: @unchecked Sendable {
    let value: SequenceWorkspace
    init(_ value: SequenceWorkspace) { self.value = value }
  }

  /// Windows write to parts that do not overlap.
  private struct Values: @unchecked Sendable {
    let base: UnsafeMutablePointer<Double>
  }
}
