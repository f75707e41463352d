// What one host has for a training: processors, MPI, memory, places for files. Looks and measures nothing that takes
// long; how fast it is, is up to `SpeedExamination`.

import Capacity
import CorpusFiles
import DataParallel
import GPTModel
import Glibc
import Kernels
import Launching
import Platform
import TrainingState

/// What a training asks of a host.
public struct IntendedTraining: Sendable {
  /// With the model's sizes.
  public var configuration: TrainingConfiguration
  /// Ranks of this host, and threads of each.
  public var ranks, threads: Int
  public var saves: Bool
  /// What `--data` names; empty for the corpus of a preset, which is kept in `dataFolder`.
  public var data: [String]
  public var dataFolder: String
  public var checkpoint: String

  public init(
    configuration: TrainingConfiguration, ranks: Int, threads: Int, saves: Bool, data: [String],
    dataFolder: String, checkpoint: String
  ) {
    self.configuration = configuration
    self.ranks = ranks
    self.threads = threads
    self.saves = saves
    self.data = data
    self.dataFolder = dataFolder
    self.checkpoint = checkpoint
  }
}

public struct HostExamination {
  private let training: IntendedTraining
  private var ranks: Int { training.ranks }
  /// Bytes of shared memory that OpenMPI takes for each rank of a host.
  private static let sharedBytesPerRank = 4 << 20

  public init(_ training: IntendedTraining) { self.training = training }

  public var findings: [Finding] {
    [
      cores, affinity, quota, allocation, load, mpi, singleCopy, sharedMemory, blas, vectors, memory,
      dataFolder, checkpointFolder, disk,
    ].compactMap { $0 }
  }

  private var cores: Finding {
    let text = "\(Machine.coreCount) cores, \(Machine.processorCount) hardware threads"
    guard ranks <= Machine.coreCount else {
      return Finding(.note, "cores", text + "; \(ranks) ranks share them: --np \(Machine.coreCount)")
    }
    return Finding(.good, "cores", text)
  }

  private var affinity: Finding {
    let usable = Machine.usableProcessorCount
    guard usable >= Machine.processorCount else {
      return Finding(
        .note, "affinity",
        "only \(usable) of \(Machine.processorCount) processors may be used (taskset, cgroup or a launcher "
          + "that binds): give --threads \(max(1, usable / ranks))")
    }
    return Finding(.good, "affinity", "all \(usable) processors may be used")
  }

  /// Only where there is one.
  private var quota: Finding? {
    guard let quota = ProcessorQuota.current(), quota.processors < Double(Machine.usableProcessorCount) else {
      return nil
    }
    let whole = max(1, Int(quota.processors))
    return Finding(
      .note, "cpu quota",
      "control group \(quota.group) gives this job \(Readable.fixed(quota.processors, digits: 1)) processors' time: more "
        + "threads only wait; give --np 1 --threads \(whole), or lift the quota (Docker: --cpus)")
  }

  /// Only within a job of SLURM's.
  private var allocation: Finding? {
    guard let job = SlurmAllocation.current else { return nil }
    let text =
      "this job has \(Readable.count(job.taskCount, "task")) and "
      + "\(Readable.count(job.processorCount, "processor"))"
    guard let local = job.localProcessorCount, local < ranks else { return Finding(.good, "SLURM", text) }
    return Finding(
      .note, "SLURM",
      text + ", \(local) of them on this node, for \(ranks) ranks: give --np \(local), or ask for more with "
        + "--cpus-per-task")
  }

  /// What other programs take.
  private var load: Finding {
    let average = (smallFile("/proc/loadavg") ?? "").split(separator: " ").first.flatMap { Double($0) } ?? 0
    let text = "load \(Readable.fixed(average, digits: 1)) in the last minute"
    guard average > 0.5 * Double(Machine.processorCount) else { return Finding(.good, "load", text) }
    return Finding(
      .note, "load",
      text + ": other programs are at work, and figures come out too low; look again when they have ended")
  }

  private var mpiLibrary: String {
    let library = (try? Communicator.readLibraryVersion()) ?? "unknown"
    return library.split(separator: ",").first.map(String.init) ?? library
  }

  private var mpi: Finding {
    guard let mpirun = Machine.find("mpirun") else {
      return Finding(
        ranks > 1 ? .bad : .note, "MPI",
        "\(mpiLibrary), but mpirun is not in PATH: apt install openmpi-bin, or --np 1")
    }
    return Finding(.good, "MPI", "\(mpiLibrary); \(mpirun)")
  }

  private var singleCopy: Finding {
    Machine.singleCopyIsRefused
      ? Finding(
        .note, "single copy",
        "process_vm_readv is refused (a container): ranks of a host copy twice; --np sets mpirun for it, "
          + "by hand: --mca btl_vader_single_copy_mechanism none")
      : Finding(.good, "single copy", "ranks of a host copy directly")
  }

  private var sharedMemory: Finding {
    let needed = ranks * Self.sharedBytesPerRank
    guard let free = Machine.freeBytes(at: "/dev/shm") else {
      return Finding(
        ranks > 1 ? .bad : .note, "/dev/shm",
        "is not there: mount a tmpfs of \(Readable.bytes(needed)) on it")
    }
    let text =
      "\(Readable.bytes(free)) free, \(Readable.count(ranks, "rank")) of a host take \(Readable.bytes(needed))"
    guard free >= needed else {
      return Finding(
        .bad, "/dev/shm",
        text + ": OpenMPI falls back to slower ways or fails; mount -o remount,size=\(needed >> 10)k "
          + "/dev/shm (Docker: --shm-size)")
    }
    return Finding(.good, "/dev/shm", text)
  }

  private var blas: Finding {
    let backend = training.configuration.backend
    return Finding(
      .good, "BLAS",
      "\(MatrixBackend.openblas.kernelFamily); --matmul \(backend.rawValue) uses \(backend.kernelFamily) kernels"
    )
  }

  private var vectors: Finding {
    guard targetHasFMA else {
      return Finding(
        .note, "vectors",
        "\(targetVectorWidth) without FMA: build with MICROGPT_MARCH=native on this CPU")
    }
    let flags = (smallFile("/proc/cpuinfo") ?? "").split(separator: "\n").first { $0.hasPrefix("flags") }
    guard targetVectorWidth == "AVX2", flags?.split(separator: " ").contains("avx512f") == true else {
      return Finding(.good, "vectors", targetVectorWidth)
    }
    return Finding(
      .note, "vectors",
      "this CPU has AVX-512, and this build uses AVX2: a build with MICROGPT_MARCH=native may be twice as fast, with the "
        + "same bits")
  }

  private var memory: Finding {
    let memory = HostMemory(
      planning: training.configuration, ranks: ranks, threads: training.threads, saves: training.saves)
    if let refusal = memory.refusal { return Finding(.bad, "memory", refusal.message) }
    let (needed, available) = memory.fullestHost
    let had = available.map { "\(Readable.bytes($0)) available, " } ?? ""
    return Finding(
      .good, "memory",
      had + "\(Readable.count(ranks, "rank")) of this training take \(Readable.bytes(needed))")
  }

  private var dataFolder: Finding {
    guard !training.data.isEmpty else { return folder("data", training.dataFolder, "--data-dir") }
    do {
      let files = try CorpusSources.expand(training.data)
      let name = CorpusSources.name(of: training.data, fileCount: files.count)
      guard let closed = files.first(where: { access($0, R_OK) != 0 }) else {
        return Finding(.good, "data", "\(name) can be read")
      }
      return Finding(
        .bad, "data", "\(closed) cannot be read: \(systemError()); chmod +r it, or give another --data")
    } catch {
      return Finding(.bad, "data", "\(error)")
    }
  }

  private var checkpointFolder: Finding {
    folder("checkpoints", Platform.folder(of: training.checkpoint), "--checkpoint")
  }

  /// A folder that is to be written to, or its nearest parent, in which it can be made.
  private func folder(_ subject: String, _ path: String, _ option: String) -> Finding {
    let existing = existingPart(of: path)
    guard access(existing, W_OK | X_OK) == 0 else {
      return Finding(
        .bad, subject,
        "\(existing) cannot be written: \(systemError()); choose another \(option)")
    }
    guard let free = Machine.freeBytes(at: existing) else {
      return Finding(.good, subject, "\(path): space unknown")
    }
    let state = Self.stateBytes(training.configuration)
    guard subject != "checkpoints" || !training.saves || free > 3 * state else {
      return Finding(
        .note, subject,
        "\(path): \(Readable.bytes(free)) free, and three states take \(Readable.bytes(3 * state)): free some space, or "
          + "choose another \(option)")
    }
    return Finding(.good, subject, "\(path): \(Readable.bytes(free)) free")
  }

  /// Bytes of a checkpoint.
  static func stateBytes(_ configuration: TrainingConfiguration) -> Int {
    let moments = Optimizers.named(configuration.optimizer)?.momentKeys.count ?? 0
    return (1 + moments) * ParameterTable(configuration.model).arenaCount * MemoryLayout<Float>.size
  }

  /// How long a state takes to be on the disk for certain. Nil where nothing is saved, or nothing can be.
  private var disk: Finding? {
    let folder = existingPart(of: Platform.folder(of: training.checkpoint))
    guard training.saves, access(folder, W_OK | X_OK) == 0 else { return nil }
    let state = Self.stateBytes(training.configuration)
    let count = min(max(state, 1 << 12), 32 << 20)
    guard (Machine.freeBytes(at: folder) ?? .max) > 4 * count else { return nil }
    let path = "\(folder)/.microgpt-doctor-\(getpid())"
    defer { _ = unlink(path) }
    let begin = monotonicSeconds()
    do {
      try FileReplacement.replace(path, with: [UInt8](repeating: 0x5A, count: count))
    } catch {
      return Finding(.bad, "disk", "\(folder): \(error); choose another --checkpoint")
    }
    let seconds = monotonicSeconds() - begin
    let save = seconds * Double(max(state, count)) / Double(count)
    let text =
      "a state of \(Readable.bytes(state)) is on the disk after \(Readable.duration(seconds: save)), "
      + "\(Readable.bytes(Int(Double(count) / max(seconds, 1e-9)))) a second"
    guard save > 10 else { return Finding(.good, "disk", text) }
    return Finding(
      .note, "disk",
      text + ": training goes on meanwhile, but save seldom (--checkpoint-interval), or on a local disk")
  }
}
