// The command line of gpt-ddp, declared once.

import CommandLineOptions
import Diagnostics
import Kernels
import Training

extension CommandSyntax {
  static let gptDDP = CommandSyntax(
    program: "gpt-ddp", version: "1.0.0",
    summary:
      "Trains a small GPT on characters, data-parallel over MPI ranks. The weights depend on data, options "
      + "and seed only: any number of ranks, hosts and threads gives the same bits.",
    usage: [
      "mpirun -np N gpt-ddp [options]",
      "gpt-ddp --np N [options]           (starts mpirun itself)",
      "gpt-ddp [options]                  (one process)",
    ],
    sections: [
      OptionSection(
        "What to train on",
        [
          .choice(
            "preset", Preset.all.map(\.name), default: Preset.shakespeare.name,
            "Defaults: Shakespeare in chunks; the reference's exact hyperparameters for it; names, one a step."
          ),
          .text("data", "FILE", "Train on this UTF-8 text, with the workflow of the preset."),
          .text("data-dir", "DIR", default: "data", "Where downloaded and generated corpora are kept."),
          .text("data-url", "URL", "Another address of the preset's corpus; it must hold the same bytes."),
          .flag("no-download", "Never ask the network; generate a small corpus where none is found."),
          .number(
            "val-frac", "F", defaultText: "0.1; reference and names 0", in: .halfOpen(0..<1),
            "Part of the corpus held out and evaluated after each epoch."),
          .flag("no-shuffle", "Take chunks or documents in the order of the file."),
        ]),
      OptionSection(
        "Model",
        [
          .integer("n-embd", defaultText: "128; names 16", in: 1...16_384, "Width of the model."),
          .integer("n-layer", defaultText: "4; names 1", in: 1...1024, "Blocks."),
          .integer("n-head", defaultText: "4", in: 1...1024, "Attention heads; must divide n_embd."),
          .integer("block-size", defaultText: "256; names 16", in: 1...65_536, "Characters of context."),
          .number("init-std", default: 0.08, in: .from(0), "Standard deviation of the initial weights."),
          .text("init-from", "FILE", "Begin with the weights of this checkpoint; its sizes hold."),
        ]),
      OptionSection(
        "Training",
        [
          .integer("num-epochs", defaultText: "15", in: 1...1_000_000, "Passes over the training text."),
          .integer(
            "num-steps", defaultText: "names 1000", in: 1...1_000_000_000, "Steps, instead of epochs."),
          .integer(
            "batch-size", defaultText: "32; names 1", in: 1...1_000_000,
            "Sequences of a step, over all ranks."),
          .integer(
            "micro-batch-size", defaultText: "4, at most the batch", in: 1...1_000_000,
            "Sequences of one leaf of the reduction tree; part of what decides the bits."),
          .number(
            "learning-rate", defaultText: "3e-3; reference 3e-4, names 0.01", in: .above(0, upTo: 100),
            "Peak."),
          .number("warmup-frac", defaultText: "0.1", in: .closed(0...1), "Part of the steps that warm up."),
          .number("beta1", defaultText: "0.9; names 0.85", in: .halfOpen(0..<1), "Adam."),
          .number("beta2", defaultText: "0.98; names 0.99", in: .halfOpen(0..<1), "Adam."),
          .number("weight-decay", default: 0, in: .closed(0...10), "Decoupled weight decay (AdamW)."),
          .number("grad-clip", default: 0, in: .from(0), "Largest norm of a gradient; 0 = off."),
          .integer("seed", default: 42, in: 0...Int.max, "Seed of everything random."),
          .integer("max-steps", in: 0...1_000_000_000, "Stop after this step; the schedule stays as it is."),
        ]),
      OptionSection(
        "Output",
        [
          .integer("log-interval", default: 10, in: 0...Int.max, "Steps between log lines; 0 = off."),
          .text("metrics", "FILE", "JSON lines, one a step: step epoch loss lr seconds tokens."),
          .integer(
            "hash-interval", default: 100, in: 0...Int.max, "Steps between comparisons of the weights' hash."),
          .integer(
            "sample-interval", defaultText: "200; names 0", in: 0...Int.max, "Steps between samples; 0 = off."
          ),
          .integer("num-samples", defaultText: "3; names 5", in: 0...10_000, "Samples after training."),
          .number(
            "temperature", defaultText: "0.8; names 0.5", in: .closed(0...100),
            "Of samples; 0 takes the likeliest."),
          .flag("profile", "Measure where the time of a step goes."),
        ]),
      OptionSection(
        "Checkpoints",
        [
          .text(
            "checkpoint", "FILE", defaultText: "checkpoints/shakespeare.jld2, …/names.jld2",
            "Where the state is saved."),
          .integer(
            "checkpoint-interval", defaultText: "200; names 0", in: 0...Int.max,
            "Steps between saves; 0 = at the end."),
          .integer("keep", default: 2, in: 1...1000, "States kept, the newest included."),
          .flag("resume", "Go on from --checkpoint with the same bits; its options hold."),
          .flag("no-save", "Write no checkpoint."),
        ]),
      OptionSection(
        "Parallelism",
        [
          .integer("np", in: 1...100_000, "Ranks; more than one starts mpirun."),
          .integer(
            "threads", defaultText: "cores / ranks of the host", in: 1...1024, "Threads of each rank."),
          .text("hostfile", "FILE", "Hosts for --np, as mpirun reads them."),
          .flag("supervise", "With --np: start again from the last checkpoint when a rank or host dies."),
          .integer("max-restarts", default: 3, in: 0...10_000, "For --supervise."),
          .number("hang-timeout", "SECONDS", default: 300, in: .above(0), "When a silent rank ends the job."),
          .choice(
            "matmul", ["auto"] + MatrixBackend.allCases.map(\.rawValue), default: "auto",
            "Kernels of the linear layers; part of what decides the bits."),
          .integer(
            "measure-allreduce", "N", in: 1...1_000_000,
            "Time N exchanges of a gradient alone, print JSON, and end."
          ).hidden,
          .flag("measure-peak", "Print this core's multiply-add peak as JSON, and end.").hidden,
          .flag("doctor", "Look at this machine: what training needs, what is amiss, what to do."),
          .text("fault", "KIND:rank=R,step=S", "Test interface.").hidden,
          .text("run-id", "TEXT", "Names a supervised run in its checkpoints.").hidden,
          .flag("restarted", "Go on from what the run of this name has saved, if anything.").hidden,
        ]),
    ],
    footer: """
      Exit status: 0 done, 1 failure, 2 bad input, 75 saved, then stopped by a signal.
      Options are spelt with - or _ alike (--n_embd = --n-embd).
      """)
}
