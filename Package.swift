// swift-tools-version: 6.1
// No package dependencies: OpenMPI, OpenBLAS, HDF5, zlib and zstd come from the system through module maps.
import PackageDescription

// The CPU the numeric code is compiled for. `native` is the machine that builds; a cluster of mixed
// CPUs pins one that all its hosts have, for example MICROGPT_MARCH=x86-64-v3.
let march = Context.environment["MICROGPT_MARCH"] ?? "native"
#if arch(arm64)
  let cpuFlags = ["-Xcc", "-mcpu=\(march)"]
#else
  let cpuFlags = ["-Xcc", "-march=\(march)"]
#endif

// For `--version`. The commit is what scripts that build have found: the manifest itself is not read again when sources
// change, and could only be right by chance.
let buildFacts =
  ["-Xcc", "-DMICROGPT_MARCH=\(march)"]
  + (Context.environment["MICROGPT_COMMIT"].map { ["-Xcc", "-DMICROGPT_COMMIT=\($0)"] } ?? [])

// Numeric targets are optimized in debug builds too, so that `swift run` trains at full speed. Whole modules, so
// that helpers in other files are inlined; on one thread, because SwiftPM expects one object a module then.
func optimized(_ level: String) -> [SwiftSetting] {
  [
    .unsafeFlags(cpuFlags + [level]),
    .unsafeFlags(
      ["-disable-batch-mode", "-whole-module-optimization", "-num-threads", "1"], .when(configuration: .debug)
    ),
  ]
}
let numeric = optimized("-O")
// Only where everything is pointers anyway: no check is lost that could have helped. Whoever reads files or
// messages keeps all checks.
let unchecked = optimized("-Ounchecked")

func library(
  _ name: String, _ dependencies: [Target.Dependency] = [], settings: [SwiftSetting] = []
) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: "\(name)Tests", dependencies: dependencies + ["TestSupport"])
}

// The rooms of the house, floor by floor; Sources/README.md says what lives in each.
let package = Package(
  name: "microgpt",
  products: [
    .executable(name: "gpt-ddp", targets: ["gpt-ddp"]),
    .executable(name: "gpt-sample", targets: ["gpt-sample"]),
  ],
  targets: [
    // Floor 0: C libraries, system calls, and what the C compiler knows about the target CPU.
    .systemLibrary(name: "COpenMPI", pkgConfig: "ompi-c", providers: [.apt(["libopenmpi-dev"])]),
    .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(name: "CHDF5", pkgConfig: "hdf5", providers: [.apt(["libhdf5-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(name: "CTargetFeatures"),
    .systemLibrary(name: "CBuildFacts"),
    .systemLibrary(name: "CPlatform"),
    // Floor 1
    library("Platform", ["CPlatform"], settings: numeric),
    library("Reproducibility", ["CTargetFeatures"], settings: numeric),
    library("Kernels", ["COpenBLAS", "CTargetFeatures"], settings: unchecked),
    library("Reduction", settings: numeric),
    library("Liveness", ["Platform"]),
    library("TerminalDisplay", ["Platform"]),
    // Floor 2
    library("CommandLineOptions", ["TerminalDisplay", "Platform"]),
    library("GPTModel", ["CTargetFeatures", "Kernels", "Reproducibility", "Platform"], settings: numeric),
    library(
      "DataParallel", ["COpenMPI", "Reduction", "Liveness", "TerminalDisplay", "Platform"], settings: numeric),
    library("Launching", ["TerminalDisplay", "Platform"]),
    library("CheckpointFamilies", ["Platform"]),
    library("LineEditing", ["TerminalDisplay", "Platform"]),
    library("RunCurves", ["Platform"], settings: numeric),
    library("CorpusFiles", ["CZlib", "CZstd", "Reproducibility", "Platform"], settings: numeric),
    // Floor 3
    library("Corpora", ["CorpusFiles", "GPTModel", "Reproducibility", "Platform"], settings: numeric),
    library(
      "TrainingState",
      ["GPTModel", "Kernels", "Reduction", "Reproducibility", "CommandLineOptions", "Platform"],
      settings: numeric),
    library("RunPage", ["RunCurves", "Reproducibility", "Platform"], settings: numeric),
    // Floor 4
    library(
      "Checkpointing",
      [
        "CHDF5", "TrainingState", "GPTModel", "Kernels", "Reproducibility", "CommandLineOptions", "Platform",
      ], settings: numeric),
    library(
      "Training",
      [
        "Corpora", "TrainingState", "GPTModel", "DataParallel", "Reduction", "Liveness", "Kernels",
        "Reproducibility",
        "Platform",
      ],
      settings: numeric),
    library(
      "Capacity",
      ["CTargetFeatures", "TrainingState", "GPTModel", "DataParallel", "Reduction", "Kernels", "Platform"],
      settings: numeric),
    library("TextDelivery", ["Corpora", "CorpusFiles", "DataParallel", "GPTModel", "Platform"]),
    // Floor 5
    library(
      "BuildFacts", ["CBuildFacts", "Checkpointing", "Kernels", "Reproducibility", "Platform"],
      settings: [.unsafeFlags(cpuFlags + buildFacts)]),
    library(
      "Diagnosis",
      [
        "Capacity", "DataParallel", "Launching", "Reduction", "CorpusFiles", "TrainingState", "GPTModel",
        "Kernels", "TerminalDisplay", "Platform",
      ], settings: numeric),
    library(
      "RunFiles",
      [
        "CheckpointFamilies", "Checkpointing", "Training", "TrainingState", "RunPage", "RunCurves",
        "GPTModel", "Reproducibility", "Platform",
      ],
      settings: numeric),
    library(
      "RunDisplay",
      [
        "Training", "TrainingState", "Capacity", "Corpora", "GPTModel", "Kernels", "CommandLineOptions",
        "TerminalDisplay", "Platform",
      ]),
    library(
      "CheckpointTools",
      [
        "CheckpointFamilies", "Checkpointing", "TrainingState", "GPTModel", "Reproducibility",
        "TerminalDisplay", "Platform",
      ]),
    // Floor 6
    library(
      "RunPlanning",
      [
        "RunDisplay", "Training", "Checkpointing", "Corpora", "CorpusFiles", "TrainingState", "Launching",
        "DataParallel", "Liveness", "GPTModel", "Kernels", "CommandLineOptions", "TerminalDisplay",
        "Platform",
      ]),
    // Floor 7
    library(
      "TrainerProgram",
      [
        "RunPlanning", "BuildFacts", "Diagnosis", "RunFiles", "RunDisplay", "RunPage", "CheckpointFamilies",
        "Training", "Capacity", "Checkpointing", "Corpora", "CorpusFiles", "TextDelivery", "TrainingState",
        "Launching", "DataParallel", "Liveness", "GPTModel", "Kernels", "CommandLineOptions",
        "TerminalDisplay", "Platform",
      ]),
    library(
      "SamplerProgram",
      [
        "BuildFacts", "CheckpointTools", "CheckpointFamilies", "Checkpointing", "LineEditing",
        "TrainingState",
        "GPTModel", "CommandLineOptions", "TerminalDisplay", "Platform",
      ]),
    // Floor 8
    .executableTarget(name: "gpt-ddp", dependencies: ["TrainerProgram", "Platform"]),
    .executableTarget(name: "gpt-sample", dependencies: ["SamplerProgram", "Platform"]),
    // For scripts/bench.sh; not a product.
    .executableTarget(
      name: "gpt-bench",
      dependencies: [
        "Diagnosis", "Capacity", "Checkpointing", "TrainingState", "DataParallel", "Reduction", "GPTModel",
        "Kernels",
        "CommandLineOptions", "TerminalDisplay",
        "Platform",
      ], swiftSettings: numeric),
    // Tests
    .target(
      name: "TestSupport", dependencies: ["GPTModel", "Kernels"], path: "Tests/TestSupport",
      swiftSettings: numeric),
    .target(
      name: "CorpusSupport",
      dependencies: ["Corpora", "CorpusFiles", "GPTModel", "Platform", "Reproducibility", "TestSupport"],
      path: "Tests/CorpusSupport"),
    .target(
      name: "CheckpointSupport",
      dependencies: ["Checkpointing", "TrainingState", "GPTModel", "Kernels", "Platform"],
      path: "Tests/CheckpointSupport"),
    .target(name: "ProcessSupport", dependencies: ["Platform", "TestSupport"], path: "Tests/ProcessSupport"),
    tests("Platform", ["Platform", "ProcessSupport", "confined-probe"]),
    .executableTarget(name: "confined-probe", dependencies: ["Platform"], path: "Tests/ConfinedProbe"),
    tests("TerminalDisplay", ["TerminalDisplay", "Platform"]),
    tests("Reproducibility", ["Reproducibility"]),
    tests("CommandLineOptions", ["CommandLineOptions", "Platform"]),
    tests("Kernels", ["Kernels"]),
    tests("GPTModel", ["GPTModel", "Kernels", "Reproducibility", "Platform"]),
    tests(
      "DataParallel",
      [
        "DataParallel", "Reduction", "Liveness", "Launching", "Platform", "ProcessSupport",
        "data-parallel-check",
      ]),
    tests(
      "RunDisplay",
      ["RunDisplay", "Capacity", "Training", "TrainingState", "GPTModel", "TerminalDisplay", "Platform"]),
    tests("Reduction", ["Reduction", "data-parallel-check"]),
    .executableTarget(
      name: "data-parallel-check",
      dependencies: ["DataParallel", "Reduction", "Liveness", "Launching", "TerminalDisplay", "Platform"],
      path: "Tests/DataParallelCheck", swiftSettings: numeric),
    tests("Launching", ["Launching", "Platform"]),
    tests("CheckpointFamilies", ["CheckpointFamilies", "CheckpointSupport", "Platform"]),
    tests("LineEditing", ["LineEditing", "Platform"]),
    tests("RunCurves", ["RunCurves", "Platform"]),
    tests("CorpusFiles", ["CorpusFiles", "Reproducibility", "Platform"]),
    tests(
      "Corpora",
      ["Corpora", "CorpusFiles", "GPTModel", "Reproducibility", "Platform", "CorpusSupport"]),
    tests("RunPage", ["RunPage", "RunCurves", "Platform", "ProcessSupport"]),
    tests(
      "Checkpointing",
      // gpt-sample is the helper process that reads checkpoints for the tests.
      [
        "Checkpointing", "TrainingState", "GPTModel", "Kernels", "Reproducibility", "Platform",
        "CHDF5", "CheckpointSupport", "ProcessSupport", "gpt-sample", "gpt-ddp",
      ]),
    tests(
      "RunFiles",
      [
        "RunFiles", "CheckpointFamilies", "Training", "TrainingState", "Checkpointing", "GPTModel", "Kernels",
        "Platform", "CheckpointSupport", "gpt-sample",
      ]),
    tests(
      "CheckpointTools",
      [
        "CheckpointTools", "CheckpointFamilies", "Checkpointing", "TrainingState", "GPTModel", "Platform",
        "CheckpointSupport", "gpt-sample",
      ]),
    tests("SamplerProgram", ["SamplerProgram", "CommandLineOptions", "GPTModel", "Platform"]),
    tests(
      "Training",
      [
        "Training", "TrainingState", "Corpora", "CorpusFiles", "GPTModel", "DataParallel", "Kernels",
        "Platform", "CorpusSupport",
      ]),
    tests(
      "Capacity",
      ["Capacity", "TrainingState", "GPTModel", "DataParallel", "Reduction", "Kernels", "Platform"]),
    tests(
      "TrainerProgram",
      [
        "TrainerProgram", "RunDisplay", "Training", "TrainingState", "Checkpointing", "GPTModel", "Kernels",
        "CommandLineOptions", "Platform", "gpt-sample",
      ]),
    .executableTarget(
      name: "faulty-trainer",
      dependencies: ["TrainerProgram", "Training", "GPTModel", "Kernels", "Platform"],
      path: "Tests/FaultyTrainer"),
    tests(
      "Fault",
      [
        "faulty-trainer", "gpt-bench", "RunFiles", "Checkpointing", "TrainingState", "DataParallel",
        "Platform",
        "ProcessSupport",
      ]),
    tests(
      "Programs",
      ["gpt-ddp", "gpt-sample", "gpt-bench", "Checkpointing", "TrainingState", "Platform", "ProcessSupport"]),
  ],
  swiftLanguageModes: [.v6]
)
