// `gpt-ddp --doctor`: what this machine has for a training, a line each, with advice where something is amiss; how fast
// it computes, and under mpirun the wire between its hosts.

import Capacity
import CorpusFiles
import DataParallel
import Platform
import Glibc
import Kernels
import Launching

struct Doctor {
  private enum Verdict: String {
    case good = "ok  "
    /// Works, but not as well as it could.
    case note = "note"
    case bad = "BAD "
  }

  private struct Finding {
    let verdict: Verdict
    let subject: String
    let text: String

    func line(of host: String? = nil) -> String {
      let name = host.map { "\($0): " } ?? ""
      return verdict.rawValue + "  " + subject + String(repeating: " ", count: max(0, 12 - subject.count))
        + name + text
    }
  }

  private let plan: RunPlan
  private let ranks: Int
  /// Bytes of shared memory that OpenMPI takes for each rank of a host.
  private static let sharedBytesPerRank = 4 << 20

  private let communicator: Communicator

  /// - Parameters:
  ///   - plan: the options tell how many ranks are meant and where data and checkpoints are to be.
  ///   - communicator: of the job that is asked; one rank on its own looks at a job that is yet to be started.
  init(_ plan: RunPlan, _ communicator: Communicator) {
    self.plan = plan
    self.communicator = communicator
    ranks =
      communicator.worldSize > 1
      ? communicator.localSize : plan.options[TrainerOptions.processCount] ?? Machine.coreCount
  }

  /// - Returns: the exit status: failure if something would keep a training from working.
  func run() throws -> Int32 {
    let findings = [
      cores, affinity, mpi, singleCopy, sharedMemory, blas, vectors, memory, dataFolder, checkpointFolder,
    ]
    // Of other hosts, only what is amiss.
    let isFirst = communicator.isRoot
    let told = communicator.localRank > 0 ? [] : findings.filter { isFirst || $0.verdict != .good }
    let text = told.map { $0.line(of: isFirst ? nil : communicator.peers[communicator.rank].host) }
    let all = try communicator.allgather(Array(text.joined(separator: "\n").utf8))
    let lines = all.flatMap { String(decoding: $0, as: UTF8.self).split(separator: "\n") }
    if isFirst { for line in lines { StandardStream.output.line(String(line)) } }
    let isBad = lines.contains { $0.hasPrefix(Verdict.bad.rawValue) }
    if !isBad { try measure() }
    if communicator.worldSize == 1 {
      for line in ["", "Start with", startLine] { StandardStream.output.line(line) }
    }
    return isBad ? ExitStatus.failure : ExitStatus.success
  }

  /// How fast the ranks of this job are, for people and for scripts/scale_model.py.
  private func measure() throws {
    var configuration = plan.draft
    configuration.model = try plan.model(vocabularySize: Self.usualVocabulary)
    let threads = plan.settings(
      localSize: communicator.localSize, processorCount: communicator.localProcessorCount,
      usableCount: Machine.usableProcessorCount, allocation: SlurmAllocation.current
    ).threads
    let figures = try ScaleFigures(configuration, threads: threads, communicator: communicator)
    guard communicator.isRoot else { return }
    for (subject, text) in figures.lines + [("figures", figures.json.compactText)] {
      StandardStream.output.line(Finding(verdict: .good, subject: subject, text: text).line())
    }
  }

  /// Of English texts, with the mark that begins them.
  private static let usualVocabulary = 66

  /// What starts this training on this machine and by this user: to be pasted into a shell.
  private var startLine: String {
    let arguments = plan.options.arguments(without: TrainerOptions.launching + [TrainerOptions.doctor])
    let launch = try? Launcher.plan(
      processCount: ranks, arguments: arguments, hostfile: plan.options[TrainerOptions.hostfile])
    if ranks > 1, let launch { return launch.description }
    return ([(try? Machine.ownProgram()) ?? "gpt-ddp"] + arguments).map(shellQuoted).joined(separator: " ")
  }

  private var cores: Finding {
    let text = "\(Machine.coreCount) cores, \(Machine.processorCount) hardware threads"
    guard ranks <= Machine.coreCount else {
      return Finding(
        verdict: .note, subject: "cores",
        text: text + "; \(ranks) ranks share them: --np \(Machine.coreCount)")
    }
    return Finding(verdict: .good, subject: "cores", text: text)
  }

  private var affinity: Finding {
    let usable = Machine.usableProcessorCount
    guard usable >= Machine.processorCount else {
      return Finding(
        verdict: .note, subject: "affinity",
        text:
          "only \(usable) of \(Machine.processorCount) processors may be used (taskset, cgroup or a launcher "
          + "that binds): give --threads \(max(1, usable / ranks))")
    }
    return Finding(verdict: .good, subject: "affinity", text: "all \(usable) processors may be used")
  }

  private var mpiLibrary: String { (try? Communicator.readLibraryVersion()) ?? "unknown" }

  private var mpi: Finding {
    guard let mpirun = Machine.find("mpirun") else {
      return Finding(
        verdict: ranks > 1 ? .bad : .note, subject: "MPI",
        text: "\(mpiLibrary), but mpirun is not in PATH: apt install openmpi-bin, or --np 1")
    }
    return Finding(verdict: .good, subject: "MPI", text: "\(mpiLibrary); \(mpirun)")
  }

  private var singleCopy: Finding {
    Machine.singleCopyIsRefused
      ? Finding(
        verdict: .note, subject: "single copy",
        text:
          "process_vm_readv is refused (a container): ranks of a host copy twice; --np sets mpirun for it, "
          + "by hand: --mca btl_vader_single_copy_mechanism none")
      : Finding(verdict: .good, subject: "single copy", text: "ranks of a host copy directly")
  }

  private var sharedMemory: Finding {
    let needed = ranks * Self.sharedBytesPerRank
    guard let free = Machine.freeBytes(at: "/dev/shm") else {
      return Finding(
        verdict: ranks > 1 ? .bad : .note, subject: "/dev/shm",
        text: "is not there: mount a tmpfs of \(Readable.bytes(needed)) on it")
    }
    let text = "\(Readable.bytes(free)) free, \(ranks) ranks of a host take \(Readable.bytes(needed))"
    guard free >= needed else {
      return Finding(
        verdict: .bad, subject: "/dev/shm",
        text: text + ": OpenMPI falls back to slower ways or fails; mount -o remount,size=\(needed >> 10)k "
          + "/dev/shm (Docker: --shm-size)")
    }
    return Finding(verdict: .good, subject: "/dev/shm", text: text)
  }

  private var blas: Finding {
    Finding(
      verdict: .good, subject: "BLAS",
      text: "\(MatrixBackend.openblas.kernelFamily); --matmul \(plan.draft.backend.rawValue) uses "
        + "\(plan.draft.backend.kernelFamily) kernels")
  }

  private var vectors: Finding {
    targetHasFMA
      ? Finding(verdict: .good, subject: "vectors", text: targetVectorWidth)
      : Finding(
        verdict: .note, subject: "vectors",
        text: "\(targetVectorWidth) without FMA: build with MICROGPT_MARCH=native on this CPU")
  }

  private var memory: Finding {
    var configuration = plan.draft
    guard let model = try? plan.model(vocabularySize: 256) else {
      return Finding(verdict: .note, subject: "memory", text: "cannot be told")
    }
    configuration.model = model
    let threads = plan.settings(
      localSize: ranks, processorCount: Machine.processorCount, usableCount: Machine.usableProcessorCount
    ).threads
    let memory = HostMemory(
      planning: configuration, ranks: ranks, threads: threads, saves: plan.saves)
    if let refusal = memory.refusal {
      return Finding(verdict: .bad, subject: "memory", text: refusal.message)
    }
    let (needed, available) = memory.fullestHost
    let had = available.map { "\(Readable.bytes($0)) available, " } ?? ""
    return Finding(
      verdict: .good, subject: "memory",
      text: had + "\(Readable.count(ranks, "rank")) of this training take \(Readable.bytes(needed))")
  }

  private var dataFolder: Finding {
    let sources = plan.options[TrainerOptions.data]
    guard !sources.isEmpty else {
      return folder("data", plan.options[TrainerOptions.dataFolder], "--data-dir")
    }
    do {
      let files = try CorpusSources.expand(sources)
      let name = CorpusSources.name(of: sources, fileCount: files.count)
      guard let closed = files.first(where: { access($0, R_OK) != 0 }) else {
        return Finding(verdict: .good, subject: "data", text: "\(name) can be read")
      }
      return Finding(verdict: .bad, subject: "data", text: "\(closed) cannot be read: \(systemError())")
    } catch {
      return Finding(verdict: .bad, subject: "data", text: "\(error)")
    }
  }

  private var checkpointFolder: Finding {
    folder("checkpoints", Platform.folder(of: plan.checkpointPath), "--checkpoint")
  }

  /// A folder that is to be written to, or its nearest parent, in which it can be made.
  private func folder(_ subject: String, _ path: String, _ option: String) -> Finding {
    var existing = path
    while access(existing, F_OK) != 0, existing != "/", existing != "." {
      existing = Platform.folder(of: existing)
    }
    guard access(existing, W_OK | X_OK) == 0 else {
      return Finding(
        verdict: .bad, subject: subject,
        text: "\(existing) cannot be written: \(systemError()); choose another \(option)")
    }
    let free = Machine.freeBytes(at: existing).map { "\(Readable.bytes($0)) free" } ?? "space unknown"
    return Finding(verdict: .good, subject: subject, text: "\(path): \(free)")
  }
}
