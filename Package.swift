// swift-tools-version: 6.1
// No package dependencies: OpenMPI, OpenBLAS and HDF5 come from the system through module maps.
import PackageDescription

// The CPU the numeric code is compiled for. `native` is the machine that builds; a cluster of mixed
// CPUs pins one that all its hosts have, for example MICROGPT_MARCH=x86-64-v3.
let march = Context.environment["MICROGPT_MARCH"] ?? "native"
#if arch(arm64)
  let cpuFlags = ["-Xcc", "-mcpu=\(march)"]
#else
  let cpuFlags = ["-Xcc", "-march=\(march)"]
#endif

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

func tests(
  _ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []
) -> Target {
  .testTarget(
    name: "\(name)Tests", dependencies: dependencies + ["TestSupport"], exclude: exclude)
}

let package = Package(
  name: "microgpt",
  products: [
    .executable(name: "gpt-ddp", targets: ["gpt-ddp"]),
    .executable(name: "gpt-sample", targets: ["gpt-sample"]),
  ],
  targets: [
    // Floor 0: C libraries and what the C compiler knows about the target CPU.
    .systemLibrary(name: "COpenMPI", pkgConfig: "ompi-c", providers: [.apt(["libopenmpi-dev"])]),
    .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(name: "CHDF5", pkgConfig: "hdf5", providers: [.apt(["libhdf5-dev"])]),
    .systemLibrary(name: "CTargetFeatures"),
    // Floor 1
    library("Diagnostics"),
    library("Reproducibility", settings: numeric),
    library("Kernels", ["COpenBLAS", "CTargetFeatures"], settings: unchecked),
    library("CommandLineOptions", ["Diagnostics"]),
    // Floor 2
    library("GPTModel", ["Kernels", "Reproducibility", "Diagnostics"], settings: numeric),
    library("DataParallel", ["COpenMPI", "Diagnostics"], settings: numeric),
    // Floor 3
    library(
      "Checkpointing", ["CHDF5", "GPTModel", "Kernels", "Reproducibility", "Diagnostics"],
      settings: numeric),
    library(
      "Training", ["GPTModel", "DataParallel", "Kernels", "Reproducibility", "Diagnostics"],
      settings: numeric),
    // Floor 4
    .executableTarget(
      name: "gpt-ddp",
      dependencies: [
        "Training", "Checkpointing", "DataParallel", "GPTModel", "Kernels", "Reproducibility",
        "CommandLineOptions", "Diagnostics",
      ]),
    .executableTarget(
      name: "gpt-sample",
      dependencies: ["Checkpointing", "GPTModel", "Kernels", "CommandLineOptions", "Diagnostics"]),
    // Tests
    .target(
      name: "TestSupport", dependencies: ["GPTModel", "Kernels"], path: "Tests/TestSupport",
      swiftSettings: numeric),
    tests("Reproducibility", ["Reproducibility"]),
    tests("CommandLineOptions", ["CommandLineOptions", "Diagnostics"]),
    tests("Kernels", ["Kernels"]),
    tests("GPTModel", ["GPTModel", "Kernels", "Reproducibility", "Diagnostics"]),
    tests("DataParallel", ["DataParallel", "Diagnostics", "data-parallel-check"]),
    .executableTarget(
      name: "data-parallel-check", dependencies: ["DataParallel", "Diagnostics"],
      path: "Tests/DataParallelCheck", swiftSettings: numeric),
    tests(
      "Checkpointing",
      // gpt-sample is the helper process that reads checkpoints for the tests.
      ["Checkpointing", "GPTModel", "Kernels", "Reproducibility", "Diagnostics", "gpt-sample"],
      exclude: ["Fixtures"]),
    tests(
      "Training",
      ["Training", "GPTModel", "DataParallel", "Kernels", "Reproducibility", "Diagnostics"]),
    tests("Fault", ["gpt-ddp", "Checkpointing", "Training", "DataParallel", "Diagnostics"]),
    tests("Programs", ["gpt-ddp", "gpt-sample", "Diagnostics"]),
  ],
  swiftLanguageModes: [.v6]
)
