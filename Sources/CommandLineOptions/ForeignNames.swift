// Options of other programs (nanoGPT, minGPT, llm.c, Hugging Face's Trainer, torchrun), and what to give here instead.

enum ForeignNames {
  /// - Parameter name: canonical.
  /// - Returns: the advice for a message, nil for a name that is not in the tables.
  static func advice(for name: String, declared: (String) -> Bool) -> String? {
    if let own = options.first(where: { declared($0.own) && $0.foreign.contains(name) })?.own {
      return "did you mean --\(own)?"
    }
    return absent.first { $0.foreign.contains(name) }?.advice
  }

  /// In each program, the first of its options that has the name.
  private static let options: [(own: String, foreign: Set<String>)] = [
    ("learning-rate", ["lr", "eta", "max-lr", "peak-lr", "step-size"]),
    ("num-epochs", ["epochs", "num-train-epochs", "max-epochs", "n-epochs", "epoch", "passes"]),
    (
      "num-steps",
      [
        "steps", "iters", "max-iters", "iterations", "num-iterations", "train-steps", "num-train-steps",
        "max-train-steps", "total-steps", "n-steps", "n-iters", "updates",
      ]
    ),
    (
      "batch-size",
      [
        "bs", "batch", "per-device-train-batch-size", "train-batch-size", "device-batch-size",
        "global-batch-size",
        "total-batch-size", "gradient-accumulation-steps", "grad-accum",
      ]
    ),
    ("n-embd", ["hidden-size", "d-model", "dim", "embed-dim", "embedding-size", "width", "channels"]),
    ("n-layer", ["num-layers", "num-hidden-layers", "layers", "depth", "n-blocks"]),
    ("n-head", ["num-heads", "heads", "num-attention-heads", "nh"]),
    (
      "block-size",
      [
        "context", "context-length", "context-size", "ctx", "seq-len", "seq-length", "sequence-length",
        "max-seq-len", "max-seq-length", "n-ctx", "n-positions",
      ]
    ),
    ("warmup-frac", ["warmup", "warmup-ratio"]),
    ("warmup-steps", ["warmup-iters", "num-warmup-steps", "lr-warmup-steps"]),
    ("weight-decay", ["wd", "decay", "l2"]),
    ("grad-clip", ["clip", "clip-grad", "clip-grad-norm", "max-grad-norm", "gradient-clip-val"]),
    ("beta1", ["adam-beta1", "momentum"]), ("beta2", ["adam-beta2"]),
    ("val-frac", ["val-split", "validation-split", "val-fraction", "test-size", "eval-frac"]),
    ("init-std", ["initializer-range", "init-scale"]),
    ("init-scheme", ["init", "initialization", "weight-init"]),
    ("seed", ["random-seed", "manual-seed", "random-state", "rng-seed"]),
    (
      "data",
      [
        "dataset", "input", "input-file", "input-bin", "text", "file", "corpus", "train-file", "train-data",
        "i",
      ]
    ),
    (
      "resume",
      ["continue", "restart", "restore", "resume-from", "resume-from-checkpoint", "load-checkpoint"]
    ),
    ("checkpoint-interval", ["save-steps", "save-interval", "save-every", "save-freq"]),
    (
      "val-interval",
      ["eval-interval", "eval-steps", "eval-every", "val-every", "val-loss-every", "eval-freq"]
    ),
    ("val-batches", ["eval-iters", "val-max-steps", "eval-batches", "limit-val-batches", "val-steps"]),
    ("log-interval", ["logging-steps", "log-every", "print-every", "log-freq"]),
    ("sample-interval", ["sample-every", "sample-freq"]),
    ("metrics", ["wandb", "wandb-log", "tensorboard", "report-to", "log-file", "csv"]),
    (
      "np",
      [
        "n", "nproc", "nproc-per-node", "world-size", "ranks", "num-processes", "processes", "workers",
        "num-gpus",
      ]
    ),
    ("threads", ["num-threads", "n-threads", "nthreads", "jobs", "j", "num-workers", "cpus"]),
    (
      "max-chars",
      ["max-new-tokens", "max-tokens", "num-tokens", "n-tokens", "length", "max-length", "tokens"]
    ),
    ("prompt", ["start", "prefix", "context", "begin", "text", "p", "input"]),
    ("num-samples", ["samples", "n-samples", "count", "num-return-sequences", "n"]),
    ("temperature", ["temp", "t"]),
    (
      "checkpoint",
      [
        "out-dir", "output-dir", "out", "output", "o", "save", "save-path", "ckpt", "model", "load",
        "weights", "m",
      ]
    ),
    ("repeat-penalty", ["repetition-penalty", "penalty"]), ("escapes", ["escape", "e"]),
    ("interactive", ["chat", "repl", "i"]), ("score", ["perplexity", "ppl"]), ("list", ["ls"]),
    ("patience", ["early-stopping", "early-stopping-patience", "early-stop", "es-patience"]),
    ("config", ["config-file", "conf", "cfg", "options", "args-file"]),
    ("dry-run", ["dryrun", "plan", "simulate", "fast-dev-run"]),
    ("verify", ["check"]), ("inspect", ["info", "show"]),
  ]

  /// What has no counterpart.
  private static let absent: [(foreign: Set<String>, advice: String)] = [
    (
      [
        "device", "compile", "dtype", "fp16", "bf16", "amp", "cuda", "gpu", "gpus", "no-cuda", "use-cuda",
        "use-cpu",
        "backend", "tensorcores", "flash",
      ],
      "everything runs on CPUs in single precision; omit it"
    ),
    (["dropout", "bias", "attention-dropout"], "the model has none; omit it"),
    (
      ["decay-lr", "min-lr", "lr-decay-iters", "lr-scheduler-type", "lr-scheduler", "lr-schedule"],
      "the schedule is a warm-up and a cosine to zero; see --warmup-frac"
    ),
    (["num-beams", "beams"], "there is no beam search; --temperature 0 takes the likeliest character"),
  ]
}
