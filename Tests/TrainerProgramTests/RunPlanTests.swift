// From options to the configuration of a run, and what a resume refuses. Nothing is started or read.

import CommandLineOptions
import GPTModel
import Kernels
import Platform
import RunDisplay
import Testing
import TrainingState

@testable import RunPlanning
@testable import TrainerProgram

/// A plan of these arguments.
func plan(_ arguments: String) throws -> RunPlan {
  let words = arguments.split(separator: " ").map(String.init)
  guard case .run(let options) = try TrainerOptions.syntax.parse(words) else {
    throw RuntimeFailure("help was asked for")
  }
  return try RunPlan(options)
}

/// The configuration of a training that begins now.
func configuration(_ arguments: String, sequences: Int = 3_921, vocabulary: Int = 66) throws
  -> TrainingConfiguration
{
  let plan = try plan(arguments)
  return try plan.configuration(model: plan.model(vocabularySize: vocabulary), sequences: sequences)
}

@Suite struct RunPlanTests {
  @Test func presetsAreWhatTheySay() throws {
    let shakespeare = try configuration("")
    #expect(shakespeare.schedule == .cosine(peak: 3e-3, warmupFraction: 0.1, totalSteps: 1_830))
    #expect(shakespeare.schedule.warmupSteps == 183 && shakespeare.validationFraction == 0.1)
    #expect(shakespeare.leafCount == 8 && shakespeare.model.parameterCount == 836_096)
    let reference = try configuration("--preset reference", sequences: 4_357)
    #expect(reference.schedule == .cosine(peak: 3e-4, warmupFraction: 0.1, totalSteps: 2_040))
    #expect(reference.validationFraction == 0 && reference.optimizer == "adam")
    let names = try configuration("--preset names", sequences: 32_033, vocabulary: 27)
    #expect(names.schedule == .linear(peak: 0.01, totalSteps: 1_000) && names.workflow == .documents)
    #expect(names.globalBatchSize == 1 && names.model.embeddingSize == 16 && names.beta1 == 0.85)
  }

  @Test func optionsOverrulePresets() throws {
    let c = try configuration(
      "--preset names --n-embd 32 --batch-size 8 --num-steps 50 --seed 7 --no-shuffle --grad-clip 1 --optimizer sgd "
        + "--init-std 0.02 --matmul openblas")
    #expect(
      c.model.embeddingSize == 32 && c.globalBatchSize == 8 && c.microbatchSize == 1 && c.totalSteps == 50)
    #expect(c.seed == 7 && !c.isShuffled && c.gradientClip == 1 && c.optimizer == "sgd")
    #expect(c.initialDeviation == 0.02 && c.backend == .openblas)
  }

  @Test func theSizesChooseTheInitialWeights() throws {
    let schemes: [(String, InitialScheme)] = [
      ("", .reference), ("--preset names", .reference), ("--n-embd 64", .reference),
      ("--n-embd 132", .scaled), ("--n-layer 5", .scaled), ("--preset names --n-embd 256", .scaled),
      ("--n-embd 256 --init-scheme auto", .scaled), ("--init-scheme scaled", .scaled),
      ("--n-embd 256 --init-scheme reference", .reference), ("--preset reference --n-embd 256", .reference),
      // Who names a deviation means one for all weights.
      ("--n-embd 256 --init-std 0.02", .reference), ("--n-embd 256 --init-from a.jld2", .reference),
    ]
    for (arguments, scheme) in schemes {
      #expect(try configuration(arguments).initialScheme == scheme, "\(arguments)")
    }
  }

  /// A long text: 400,000 chunks, of which 1,600,000 steps of one epoch and more.
  @Test func aLongTextIsWarmedUpToAndValidatedWithinBounds() throws {
    func long(_ arguments: String, heldOut: Int = 40_000) throws -> TrainingConfiguration {
      let plan = try plan(arguments)
      return try plan.configuration(
        model: plan.model(vocabularySize: 66), sequences: 400_000, heldOut: heldOut)
    }
    let usual = try long("")
    #expect(usual.totalSteps == 187_500 && usual.schedule.warmupSteps == 2_000)
    #expect(usual.validationBatches == 64 && usual.validatedCount(of: 40_000) == 2_048)
    #expect(try long("--warmup-frac 0.1").schedule.warmupSteps == 18_750)
    #expect(try long("--warmup-steps 5000").schedule.warmupSteps == 5_000)
    #expect(try long("--preset reference").schedule.warmupSteps == 18_750)
    #expect(try long("--val-batches 0").validatedCount(of: 40_000) == 40_000)
    #expect(try long("--val-batches 7").validatedCount(of: 40_000) == 7 * 32)
    // What was all of a text's held-out part stays all of it.
    #expect(try long("", heldOut: 435).validationBatches == 0)
    #expect(try long("--preset names --val-frac 0.1", heldOut: 3_203).validationBatches == 0)
    let error = #expect(throws: InvalidInput.self) { try long("--num-steps 10 --warmup-steps 11") }
    #expect(error?.message.contains("allowed: 0 to 10") == true, "\(error?.message ?? "")")
  }

  @Test func whatFollowsFromOtherOptionsFollows() throws {
    #expect(try configuration("--batch-size 2").microbatchSize == 2)
    #expect(try configuration("--batch-size 64").microbatchSize == 4)
    #expect(try configuration("--batch-size 64").totalSteps == 15 * (3_921 / 64))
    #expect(try configuration("--num-epochs 2").totalSteps == 244)
    #expect(try configuration("--num-steps 50").schedule.warmupSteps == 5)
    #expect(try configuration("--num-epochs 2 --warmup-frac 0.5").schedule.warmupSteps == 122)
  }

  /// Whatever options allow, a checkpoint can hold; what they add up to beyond that is refused by name.
  @Test func whatCannotBeSavedIsRefused() throws {
    let most = TrainingConfiguration.mostSteps
    #expect(try configuration("--num-steps \(most)").totalSteps == most)
    let extremes = [
      "--num-steps \(most) --warmup-frac 1", "--seed \(Int.max)",
      "--batch-size 1000000 --micro-batch-size 1000000",
      "--learning-rate 100 --weight-decay 10 --init-std 1e308 --grad-clip 1e308 --beta1 0 --beta2 0",
      "--n-embd 4096 --n-head 1024 --n-layer 1 --block-size 1",
      "--block-size 65536 --n-embd 8 --n-layer 1024",
      "--num-epochs 1000000 --batch-size 1 --val-frac 0.99999",
    ]
    for arguments in extremes {
      var state = TrainingState(
        configuration: try configuration(arguments, sequences: 1_000_000), moments: [])
      state.corpus.sequenceCount = 1_000_000
      try state.validate()
    }
    let error = #expect(throws: InvalidInput.self) {
      try configuration("--batch-size 1 --num-epochs 1000000", sequences: 1_000_001)
    }
    #expect(
      error?.message.hasPrefix("--num-epochs makes 1000001000000 steps") == true
        && error?.message.contains("1 to \(most)") == true, "\(error?.message ?? "")")
  }

  @Test(arguments: [
    ("--num-epochs 2 --num-steps 5", "--num-epochs and --num-steps"),
    ("--resume --init-from a.jld2", "--resume and --init-from"),
    ("--resume --no-save", "--resume and --no-save"),
    ("--resume --auto-resume", "--resume and --auto-resume"),
    ("--auto-resume --no-save", "--auto-resume and --no-save"),
    ("--resume --more-epochs 2 --more-steps 3", "--more-epochs and --more-steps"),
    ("--more-steps 3", "give it with --resume"), ("--auto-resume --more-epochs 3", "give it with --resume"),
    ("--data a --data-url http://b", "--data and --data-url"),
    ("--preset names --num-epochs 2", "--num-steps"), ("--preset names --warmup-frac 0.1", "linear decay"),
    ("--data a --metrics a", "--metrics a is also --data"), ("--supervise --no-save", "omit --no-save"),
    ("--warmup-frac 0.1 --warmup-steps 3", "--warmup-frac and --warmup-steps"),
    ("--preset names --warmup-steps 3", "linear decay"),
    ("--init-scheme scaled --init-std 0.1", "does not apply to --init-scheme scaled"),
    ("--init-scheme scaled --init-from a", "--init-from and --init-scheme"),
    ("--n-embd 30 --n-head 4", "choose a divisor of 30"), ("--micro-batch-size 5 --batch-size 4", "1 to 4"),
  ])
  func contradictionsAreRefused(_ arguments: String, _ words: String) {
    let error = #expect(throws: InvalidInput.self) { try plan(arguments) }
    #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
  }

  @Test func theHelpShowsThePresetsValues() {
    let help = TrainerOptions.syntax.help(width: 200)
    #expect(help.contains("Width of the model. (1 to 16384; default 128; names 16)"))
    #expect(help.contains("default 0.003; reference 0.0003; names 0.01)"))
    #expect(help.contains("default 0.1; reference and names 0)"))
    #expect(help.contains("default checkpoints/shakespeare.jld2; names checkpoints/names.jld2)"))
    #expect(!help.contains("--fault") && !help.contains("--measure"))
  }

  @Test func aCheckpointsSizesHold() throws {
    let model = try GPTConfiguration(
      vocabularySize: 66, embeddingSize: 32, layerCount: 2, blockSize: 8, headCount: 4)
    let plan = try plan("--init-from a.jld2 --n-embd 32")
    try plan.checkSizes(of: model)
    #expect(try plan.configuration(model: model, sequences: 3_921).model == model)
    let error = #expect(throws: InvalidInput.self) {
      try TrainerProgramTests.plan("--init-from a.jld2 --n-layer 3").checkSizes(of: model)
    }
    #expect(
      error?.message.contains("--n-layer 3 contradicts the checkpoint in --init-from, which has 2") == true)
  }
}

@Suite struct RunNotesTests {
  @Test func aHighFirstLossIsNotedWithWhatMendsIt() throws {
    let wide = try configuration("--n-embd 1024 --init-scheme reference")
    #expect(RunNotes.firstLoss(8.3, of: wide) == nil)
    #expect(RunNotes.firstLoss(102, of: wide)?.contains("--init-scheme scaled begins") == true)
    // Not the weights' fault.
    #expect(try RunNotes.firstLoss(102, of: configuration("--n-embd 1024")) == nil)
  }
}

@Suite struct ResumeTests {
  /// The state of a training with these arguments.
  private func state(_ arguments: String, family: String = MatrixBackend.automatic.kernelFamily) throws
    -> TrainingState
  {
    var state = TrainingState(configuration: try configuration(arguments), moments: [])
    state.kernelFamily = family
    state.progress.step = 10
    return state
  }

  private func resume(_ arguments: String, _ state: TrainingState) throws -> RunPlan.Resumption {
    try plan("--resume " + arguments).configuration(resuming: state, sequences: 3_921)
  }

  @Test func theOptionsOfTheCheckpointHold() throws {
    let state = try state("--n-embd 64 --seed 9 --grad-clip 2 --optimizer sgd --no-shuffle --num-epochs 2")
    let resumption = try resume("", state)
    #expect(resumption.configuration == state.configuration && resumption.notes.isEmpty)
    // Repeating them is no contradiction.
    let same =
      "--n-embd 64 --seed 9 --grad-clip 2 --optimizer sgd --no-shuffle --num-epochs 2 --warmup-frac 0.1"
    #expect(try resume(same, state).configuration == state.configuration)
  }

  /// Every row of the table refuses, without a line of its own.
  @Test(arguments: [
    "--val-frac 0.2", "--no-shuffle", "--n-embd 64", "--n-layer 3", "--n-head 2", "--block-size 128",
    "--init-std 0.02", "--num-epochs 3", "--num-steps 7", "--batch-size 16", "--micro-batch-size 2",
    "--optimizer sgd", "--learning-rate 0.1", "--warmup-frac 0.3", "--beta1 0.5", "--beta2 0.5",
    "--weight-decay 0.1", "--grad-clip 1", "--seed 1", "--matmul openblas", "--reduce-dtype bfloat16",
    "--val-batches 3",
    "--init-scheme scaled", "--warmup-steps 7",
  ])
  func aContradictionIsRefusedByName(_ option: String) throws {
    let state = try state("")
    let error = #expect(throws: InvalidInput.self) { try resume(option, state) }
    let message = error?.message ?? ""
    #expect(
      message.hasPrefix(option) && message.contains("contradicts checkpoints/shakespeare.jld2"), "\(message)")
    let name = option.split(separator: " ")[0].dropFirst(2)
    #expect(SettingsTable.all.contains { $0.name == name })
  }

  @Test func everyRowIsTriedAbove() {
    #expect(SettingsTable.all.filter { !$0.mayChange }.count == 24)
  }

  /// Decides no weight and compares no loss with another: the user may choose anew, and it stays the same run.
  @Test func howOftenToValidateMayChange() throws {
    var state = try state("--val-interval 50")
    #expect(state.configuration.validationInterval == 50)
    #expect(try resume("", state).configuration.validationInterval == 50)
    let run = state.runFingerprint
    state.configuration = try resume("--val-interval 7", state).configuration
    #expect(state.configuration.validationInterval == 7 && state.runFingerprint == run)
  }

  /// Decides where a training ends and no weight: the user may choose anew, and it stays the same run.
  @Test func patienceMayChange() throws {
    var state = try state("--val-frac 10% --patience 3")
    #expect(state.configuration.patience == 3 && state.configuration.validationFraction == 0.1)
    let run = state.runFingerprint
    let field = try #require(SettingsTable.patience.field)
    #expect(field.isFeature(of: state))
    #expect(try resume("", state).configuration.patience == 3)
    state.configuration = try resume("--patience 0", state).configuration
    #expect(state.configuration.patience == 0 && state.runFingerprint == run && !field.isFeature(of: state))
    for preset in Preset.all { #expect(preset.configuration.patience == 0) }
    // It needs something to validate on, here and in a file.
    let blind = try self.state("--val-frac 0")
    for refused in [
      { _ = try plan("--preset reference --patience 2") }, { _ = try self.resume("--patience 2", blind) },
    ] {
      let error = #expect(throws: InvalidInput.self, performing: refused)
      #expect(error?.message.contains("nothing is held out") == true, "\(error?.message ?? "")")
    }
  }

  /// It has steps left, but nobody has asked for them to be added.
  @Test func anEarlyStopIsNoEnd() throws {
    var state = try state("--patience 2")
    state.progress.step = 300
    state.progress.validatedStep = 300
    state.progress.validationsSinceBest = 2
    state.progress.bestValidationLoss = 1.75
    #expect(state.isOutOfPatience)
    let error = #expect(throws: InvalidInput.self) { try resume("--more-steps 5", state) }
    #expect(error?.message.contains("stopped early at step 300 of 1830 (--patience 2)") == true)
    #expect(error?.message.contains("--resume --patience 0") == true)
    let lines = EarlyStop.lines(of: state)
    #expect(
      lines == [
        "Stopped early after step 300 of 1830 (--patience 2): the last 2 validations",
        "were no better than 1.7500; go on with --resume --patience 4 (0: to the end)",
      ])
    #expect(lines.allSatisfy { $0.count <= 79 })
    // What repeats the weights names the step, and cannot stop sooner.
    let line = RepeatCommand.words(for: state, data: [], stepsPerEpoch: 122).joined(separator: " ")
    #expect(line == "gpt-ddp --max-steps 300")
    state.configuration.patience = 3
    #expect(!state.isOutOfPatience)
  }

  /// A file from before has no scheme: its weights were the reference's, however wide it is.
  @Test func theSchemeOfAnOldFileHolds() throws {
    let old = try state("--n-embd 256 --init-scheme reference")
    let field = try #require(SettingsTable.initialScheme.field)
    #expect(!field.isFeature(of: old))
    #expect(try resume("", old).configuration.initialScheme == .reference)
    let error = #expect(throws: InvalidInput.self) { try resume("--init-scheme auto", old) }
    #expect(error?.message.contains("which was trained with reference") == true, "\(error?.message ?? "")")
  }

  /// 122 steps an epoch.
  @Test(arguments: [
    (
      "--num-epochs 30", 1_830,
      "which was trained with 1830 steps; to train longer, give --resume --more-epochs 15"
    ),
    ("--num-steps 2000", 1_830, "to train longer, give --resume --more-steps 170"),
    ("--num-epochs 16", 10, "resume it without that option to its end, then give --resume --more-epochs 1"),
    ("--num-epochs 3", 1_830, "omit it to resume"),
    (
      "--more-epochs 2", 1_829,
      "--more-epochs 2 continues a finished training, but checkpoints/shakespeare.jld2 is"
    ),
    ("--more-steps 2", 10, "step 10 of 1830; --resume alone goes on to the end"),
  ])
  func anotherLengthIsRefusedWithWhatIsMeant(_ option: String, _ step: Int, _ words: String) throws {
    var state = try state("--num-epochs 15")
    state.progress.step = step
    let error = #expect(throws: InvalidInput.self) { try resume(option, state) }
    #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
  }

  @Test func afterItsEndATrainingTakesMore() throws {
    var state = try state("--num-epochs 2")
    state.progress.step = 244
    state.configuration = try resume("--num-epochs 2 --more-epochs 3", state).configuration
    #expect(state.configuration.schedule.restarts == [244] && state.configuration.totalSteps == 610)
    // The same line and what is added stand for the whole training from now on.
    #expect(try resume("--num-epochs 2 --warmup-frac 0.1", state).configuration == state.configuration)
    state.progress.step = 610
    #expect(try resume("--more-steps 7", state).configuration.schedule.addedLengths == [366, 7])
    let error = #expect(throws: InvalidInput.self) { try resume("--num-epochs 4", state) }
    #expect(error?.message.contains("which was trained with 244 + 366 steps") == true)
  }

  @Test func stepsAreAddedUpToWhatAFileCounts() throws {
    var state = try state("--num-steps 1000000000")
    let most = TrainingConfiguration.mostSteps
    state.configuration.schedule.add(steps: most - 1_000_000_005)
    state.progress.step = most - 5
    let error = #expect(throws: InvalidInput.self) { try resume("--more-steps 6", state) }
    #expect(error?.message.contains("at most 5 can be added") == true)
    #expect(try resume("--more-steps 5", state).configuration.totalSteps == most)
  }

  @Test func aRestartDoesNotAddAgain() throws {
    var state = try state("--num-epochs 2")
    state.progress.step = 244
    state.progress.run = "mine"
    let supervised = "--more-epochs 3 --restarted --run-id "
    #expect(try resume(supervised + "mine", state).configuration == state.configuration)
    #expect(try resume(supervised + "other", state).configuration.totalSteps == 610)
  }

  @Test func documentsTakeMoreSteps() throws {
    var state = TrainingState(configuration: try configuration("--preset names"), moments: [])
    state.kernelFamily = MatrixBackend.automatic.kernelFamily
    state.progress.step = 1_000
    let more = try plan("--preset names --resume --more-steps 500")
    #expect(try more.configuration(resuming: state, sequences: 32_033).configuration.totalSteps == 1_500)
    let error = #expect(throws: InvalidInput.self) {
      try plan("--preset names --resume --more-epochs 2").configuration(resuming: state, sequences: 32_033)
    }
    #expect(error?.message == "--more-epochs 2 does not apply to documents; give --more-steps")
  }

  @Test func anotherWorkflowIsRefused() throws {
    let error = #expect(throws: InvalidInput.self) { try resume("--preset names", state("")) }
    #expect(error?.message.contains("which was trained with chunks") == true)
    #expect(try resume("--preset reference", state("")).configuration == state("").configuration)
  }

  @Test func kernelsAreThoseOfTheFile() throws {
    // Trained with another choice than the automatic one: found by its family.
    let other: MatrixBackend = MatrixBackend.automatic == .simd ? .openblas : .simd
    let openblas = try state("", family: other.kernelFamily)
    #expect(try resume("", openblas).configuration.backend == other)
    #expect(try resume("--matmul \(other.rawValue)", openblas).configuration.backend == other)
    let error = #expect(throws: InvalidInput.self) {
      try resume("--matmul \(MatrixBackend.automatic.rawValue)", openblas)
    }
    #expect(error?.message.contains("was trained with \(other.kernelFamily) kernels") == true)
    // A family that is not to be had here.
    let foreign = #expect(throws: InvalidInput.self) { try resume("", state("", family: "openblas-Cray-1")) }
    #expect(foreign?.message.contains("trained with openblas-Cray-1 kernels, which this build") == true)
  }

  @Test func aFileFromBeforeSaysSoAndIsConfirmedByTheUser() throws {
    var old = try state("", family: "")
    old.guesses = ["kernels/family", "config/init_std"]
    let resumption = try resume("", old)
    #expect(resumption.configuration == old.configuration)
    #expect(resumption.notes.count == 1 && resumption.notes[0].contains("does not say which kernels"))
    #expect(try resume("--matmul openblas", old).configuration.backend == .openblas)
    #expect(try resume("--init-std 0.02", old).configuration.initialDeviation == 0.02)
  }

  @Test func aLastResortIsNoted() throws {
    var state = try state("")
    state.progress.isCompared = false
    #expect(try resume("", state).notes.first?.contains("not compared with the other ranks") == true)
  }
}
