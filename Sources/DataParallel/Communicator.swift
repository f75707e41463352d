// Who takes part in the job, and the start and end of MPI. Data moves in Communicator+Collectives,
// RecordExchange and GradientExchange. All MPI calls of the process come from the thread that made the
// communicator.

import COpenMPI
import Liveness
import Platform
import Reduction
import Glibc

/// The ranks of one job on their own duplicated communicator, or one rank without MPI.
///
/// Not Sendable: MPI is initialized with MPI_THREAD_FUNNELED, so it belongs to the thread that started it.
public final class Communicator {
  /// Where a rank runs.
  public struct Peer: Sendable {
    let identity: ProcessIdentity
    /// Those that it may run on; nil if its system does not say.
    let processors: ProcessorSet?
    /// Whether this process sees it: not across hosts, nor across containers.
    private let isVisible: Bool

    init(identity: ProcessIdentity, processors: ProcessorSet?) {
      self.identity = identity
      self.processors = processors
      isVisible = identity.isOnThisHost && identity.isRunning
    }

    public var host: String { identity.host }
    public var processIdentifier: Int32 { identity.process }
    /// Known for certain; false where nobody can know.
    var hasDied: Bool { isVisible && !identity.isRunning }
  }

  public let rank: Int
  public let worldSize: Int
  /// Position among the ranks of this host, and their number.
  public let localRank: Int
  public let localSize: Int
  /// The rank whose `localRank` is 0 on this host.
  public let localRoot: Int
  public internal(set) var peers: [Peer]
  /// The ranks by the memory they share.
  public internal(set) var layout: HostLayout
  /// What this rank shares with the others of its host, if there are any.
  private(set) var sharedMemory: SharedMemory?
  /// One line, such as "Open MPI v4.1.4, ..."; "none" without MPI.
  public let libraryVersion: String
  /// Seconds without a sign from a peer after which a wait throws. Must exceed the longest step of the
  /// slowest rank.
  public var hangTimeout: Double {
    didSet { Watchdog.configure(name: describe(rank), hangTimeout: hangTimeout) }
  }
  /// Nil for the communicator without MPI.
  let handle: MPI_Comm?
  /// Whether others are at work that may take long, and this rank leaves them the cores.
  var waitsLong = false
  /// How many ranks take turns on a processor of this host, rounded up: a waiting rank may spin only if it is 1.
  private(set) var ranksPerProcessor: Int
  /// Whether the launcher ends all ranks when one dies, soon and by itself.
  private(set) var launcherEndsAll = true
  /// By rank: when its process was first missed.
  var seenDead: [Int: Double] = [:]
  /// Seconds from one meeting of the ranks to the next, at most so far.
  var longestStep = 0.0
  private var isFinalized = false

  public var isRoot: Bool { rank == 0 }

  /// One rank without MPI: starts at once, and every collective is trivial.
  public static func single(hangTimeout: Double = Watchdog.defaultHangTimeout) -> Communicator {
    Communicator(hangTimeout: hangTimeout)
  }

  /// Joins the MPI job that started this process, or makes a single rank without MPI.
  ///
  /// - Parameters:
  ///   - joinsJob: whether a launcher that MPI understands started this process.
  ///   - launcher: a process whose death ends this one, in addition to its parent.
  ///   - launcherEndsAll: whether what started this process ends all ranks when one dies, as mpirun does.
  /// - Throws: `RuntimeFailure` from MPI.
  public static func start(
    joinsJob: Bool, hangTimeout: Double = Watchdog.defaultHangTimeout, launcher: ProcessIdentity? = nil,
    launcherEndsAll: Bool = true
  ) throws -> Communicator {
    Heartbeat.enter(.startup, step: 0)
    guard joinsJob else { return Communicator(hangTimeout: hangTimeout) }
    let joined = try Communicator(joiningWithTimeout: hangTimeout, launcher: launcher)
    joined.launcherEndsAll = launcherEndsAll
    return joined
  }

  private init(hangTimeout: Double) {
    rank = 0
    worldSize = 1
    localRank = 0
    localSize = 1
    localRoot = 0
    peers = [Peer(identity: .current, processors: .usable)]
    layout = HostLayout(names: [0])
    libraryVersion = "none"
    self.hangTimeout = hangTimeout
    handle = nil
    ranksPerProcessor = 1
  }

  private init(joiningWithTimeout hangTimeout: Double, launcher: ProcessIdentity?) throws {
    // Right away: while MPI starts, mpirun may die or a peer may never arrive.
    Watchdog.configure(name: "pid \(getpid()) on \(Machine.hostName)", hangTimeout: hangTimeout)
    try Watchdog.start(parent: getppid(), launcher: launcher)
    EagerMessages.allow()
    var provided: Int32 = 0
    try MPIStatus.check(
      MPI_Init_thread(nil, nil, Int32(MPI_THREAD_FUNNELED), &provided), "MPI_Init_thread")
    // From here on, errors come back as statuses instead of ending the process without our own message.
    try MPIStatus.check(
      MPI_Comm_set_errhandler(mpi_comm_world(), mpi_errors_return()), "MPI_Comm_set_errhandler")
    guard provided >= Int32(MPI_THREAD_FUNNELED) else {
      throw RuntimeFailure("MPI_Init_thread: this MPI library does not support MPI_THREAD_FUNNELED")
    }
    var own: MPI_Comm?
    try MPIStatus.check(MPI_Comm_dup(mpi_comm_world(), &own), "MPI_Comm_dup")
    let (rank, size) = try Self.position(in: own)
    var local: MPI_Comm?
    try MPIStatus.check(
      MPI_Comm_split_type(own, Int32(MPI_COMM_TYPE_SHARED), 0, mpi_info_null(), &local),
      "MPI_Comm_split_type")
    let (localRank, localSize) = try Self.position(in: local)
    var localRoot = UInt64(rank)
    try MPIStatus.check(MPI_Bcast(&localRoot, 1, mpi_uint64(), 0, local), "MPI_Bcast")
    try MPIStatus.check(MPI_Comm_free(&local), "MPI_Comm_free")
    self.rank = rank
    worldSize = size
    self.localRank = localRank
    self.localSize = localSize
    self.localRoot = Int(localRoot)
    let unknown = ProcessIdentity(host: "?", boot: "-", process: 0, start: 0)
    peers = Array(repeating: Peer(identity: unknown, processors: nil), count: size)
    layout = HostLayout(names: Array(0..<size))
    libraryVersion = try Self.readLibraryVersion()
    self.hangTimeout = hangTimeout
    handle = own
    // Until it is known who has which processors.
    ranksPerProcessor = (localSize + Machine.processorCount - 1) / Machine.processorCount
    let mask = ProcessorSet.usable?.description ?? "?"
    peers = try allgather(Array("\(mask) \(ProcessIdentity.current)".utf8)).map { record in
      let fields = String(decoding: record, as: UTF8.self).split(separator: " ", maxSplits: 1)
      return Peer(
        identity: fields.last.flatMap { ProcessIdentity($0) } ?? unknown, processors: ProcessorSet(fields[0]))
    }
    ranksPerProcessor = (localSize + localProcessorCount - 1) / localProcessorCount
    Watchdog.configure(name: describe(rank), hangTimeout: hangTimeout)
    (layout, sharedMemory) = try shareMemory()
  }

  /// The ranks of this host, this one among them.
  public var localProcesses: [pid_t] {
    peers.filter { $0.host == peers[rank].host }.map(\.processIdentifier)
  }

  /// Processors that the ranks of a host may use, together.
  public func processorCount(ofHost host: String) -> Int {
    let sets = peers.filter { $0.host == host }.compactMap(\.processors)
    guard var union = sets.first else { return Machine.processorCount }
    for set in sets.dropFirst() { union.formUnion(set) }
    return union.count
  }

  /// The same for this rank's host.
  public var localProcessorCount: Int { processorCount(ofHost: peers[rank].host) }

  /// "rank 2 (node01, pid 4711)"
  public func describe(_ rank: Int) -> String {
    "rank \(rank) (\(peers[rank].host), pid \(peers[rank].processIdentifier))"
  }

  /// Leaves MPI; every rank must call it, and the communicator must not be used afterwards.
  public func finalize() throws {
    guard !isFinalized else { return }
    isFinalized = true
    guard handle != nil else { return }
    Heartbeat.enter(.shutdown, step: Heartbeat.step)
    var own = handle
    try MPIStatus.check(MPI_Comm_free(&own), "MPI_Comm_free")
    try MPIStatus.check(MPI_Finalize(), "MPI_Finalize")
  }

  /// Ends the whole job with `status`. MPI_Abort is tried first, but it needs the network; the watchdog ends
  /// this process within two seconds in any case.
  public func abort(_ status: Int32) -> Never {
    Watchdog.expectEnd(status: status)
    StandardStream.flushOutput(within: 0.3)
    if let handle, !isFinalized { MPI_Abort(handle, status) }
    endProcess(status)
  }

  private static func position(in communicator: MPI_Comm?) throws -> (rank: Int, size: Int) {
    var rank: Int32 = 0
    var size: Int32 = 0
    try MPIStatus.check(MPI_Comm_rank(communicator, &rank), "MPI_Comm_rank")
    try MPIStatus.check(MPI_Comm_size(communicator, &size), "MPI_Comm_size")
    return (Int(rank), Int(size))
  }

  /// The MPI library that this program is linked with; callable before MPI starts.
  public static func readLibraryVersion() throws -> String {
    var length: Int32 = 0
    return try withUnsafeTemporaryAllocation(
      of: CChar.self, capacity: Int(MPI_MAX_LIBRARY_VERSION_STRING) + 1
    ) { buffer in
      try MPIStatus.check(
        MPI_Get_library_version(buffer.baseAddress, &length), "MPI_Get_library_version")
      buffer[Int(length)] = 0
      return String(cString: buffer.baseAddress!).split(separator: "\n").first.map(String.init) ?? ""
    }
  }
}
