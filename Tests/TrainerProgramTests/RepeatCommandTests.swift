// The printed command against the configuration that it must give again.

import Kernels
import Platform
import Testing
import TrainingState

@testable import RunPlanning
@testable import TrainerProgram

@Suite struct RepeatCommandTests {
  /// Typing what is printed gives the same configuration.
  @Test(arguments: [
    "", "--preset reference", "--n-embd 64 --n-head 2", "--batch-size 8", "--batch-size 2",
    "--micro-batch-size 2 --seed 7", "--num-steps 100", "--num-steps 100 --warmup-frac 0", "--num-epochs 3",
    "--preset reference --no-shuffle --grad-clip 0.5 --beta1 0.8", "--learning-rate 0.0003 --val-frac 0",
    "--optimizer sgd --init-std 0.02 --matmul openblas --weight-decay 0.01", "--warmup-frac 0.3333",
    "--preset names", "--preset names --batch-size 16 --n-embd 32 --num-steps 77 --val-frac 0.25",
    "--n-embd 256", "--n-embd 256 --init-scheme reference", "--n-embd 256 --init-std 0.02",
    "--init-scheme scaled", "--preset reference --n-embd 256", "--val-interval 50 --val-batches 3",
    "--num-steps 90000", "--num-steps 90000 --warmup-steps 4321", "--num-steps 90000 --warmup-frac 0.1",
  ])
  func givesTheSameConfiguration(_ arguments: String) throws {
    let trained = try configuration(arguments)
    var state = TrainingState(configuration: trained, moments: [])
    state.progress.step = trained.totalSteps
    let length = try plan("").length(trained, sequences: 3_921)
    let line = RepeatCommand.words(for: state, data: [], stepsPerEpoch: length.stepsPerEpoch).joined(
      separator: " ")
    #expect(line.hasPrefix("gpt-ddp"))
    #expect(try configuration(String(line.dropFirst(7))) == trained, "\(line)")
    let typed = "gpt-ddp" + (arguments.isEmpty ? "" : " " + arguments)
    #expect(line.count <= max(typed.count, 1), "\(line) is longer than \(typed)")
  }

  /// Typing what is printed, one command after the other, gives the same rounds.
  @Test(arguments: [
    ("", ["--more-epochs 5"]), ("--preset reference --num-epochs 2", ["--more-steps 7", "--more-epochs 1"]),
    ("--num-steps 100 --warmup-frac 0.3", ["--more-epochs 1", "--more-epochs 1", "--more-steps 3"]),
    ("--preset names --num-steps 77", ["--more-steps 5"]),
  ])
  func givesTheSameRounds(_ first: String, _ more: [String]) throws {
    func train(_ commands: [String]) throws -> TrainingState {
      var state = TrainingState(configuration: try configuration(commands[0]), moments: [])
      state.kernelFamily = MatrixBackend.automatic.kernelFamily
      for command in commands.dropFirst() {
        state.progress.step = state.configuration.totalSteps
        state.configuration = try plan(command).configuration(resuming: state, sequences: 3_921).configuration
      }
      return state
    }
    let preset = first.contains("names") ? "--preset names " : ""
    var state = try train([first] + more.map { preset + "--resume " + $0 })
    state.progress.step = state.configuration.totalSteps - 1
    let length = try plan("").length(state.configuration, sequences: 3_921)
    let line = RepeatCommand.words(for: state, data: [], stepsPerEpoch: length.stepsPerEpoch).joined(
      separator: " ")
    #expect(line.hasSuffix(" --max-steps \(state.progress.step)"))
    let commands = line.split(separator: " && ").map { String($0.dropFirst("gpt-ddp".count)) }
    #expect(try train(commands).configuration == state.configuration, "\(line)")
    let checkpoints = try commands.map { try plan($0).checkpointPath }
    #expect(Set(checkpoints).count == 1, "\(line)")
  }

  @Test func saysWhereTextAndWeightsComeFromAndWhereItStopped() throws {
    var state = TrainingState(configuration: try configuration("--num-steps 100"), moments: [])
    state.progress.step = 40
    state.initialCheckpoint = "my weights.jld2"
    let line = RepeatCommand.words(for: state, data: ["it's.txt"], stepsPerEpoch: 122).joined(separator: " ")
    #expect(
      line == #"gpt-ddp --data 'it'\''s.txt' --init-from 'my weights.jld2' --num-steps 100 --max-steps 40"#)
  }
}
