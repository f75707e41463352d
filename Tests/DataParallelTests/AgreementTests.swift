// Verdicts on what ranks say of themselves, and leftovers: everything that needs no peer.

import Glibc
import Platform
import Testing

@testable import DataParallel
@testable import Liveness

@Suite struct AgreementTests {
  @Test func equalReplicasAreClean() {
    #expect(ReplicaCheck(hashes: [5]).isClean)
    #expect(ReplicaCheck(hashes: [5, 5, 5]).isClean)
  }

  @Test func theMinorityIsNamed() {
    #expect(ReplicaCheck(hashes: [5, 6, 5]).diverging == [1])
    #expect(ReplicaCheck(hashes: [6, 5, 5, 5, 7]).diverging == [0, 4])
    #expect(ReplicaCheck(hashes: [6, 5, 5, 5, 7]).majority == 5)
  }

  @Test func withoutMajorityAllAreSuspect() {
    #expect(ReplicaCheck(hashes: [1, 2]).diverging == [0, 1])
    #expect(ReplicaCheck(hashes: [1, 1, 2, 2]).majority == nil)
  }

  @Test func replicaFailureNamesRankAndHost() {
    let single = Communicator.single()
    #expect(throws: Never.self) {
      try ReplicaCheck.verify(hashes: [3], of: "weights", step: 9, communicator: single)
    }
  }

  @Test func differencesNameKeysRanksAndHosts() {
    let one = StartupAgreement([.init("data", "aa"), .init("seed", "1"), .init("kernel", "x")])
    let two = StartupAgreement([.init("data", "bb"), .init("seed", "1")])
    #expect(StartupAgreement.differences([one, one], hosts: ["a", "b"]) == nil)
    #expect(
      StartupAgreement.differences([one, two, one], hosts: ["a", "b", "a"])
        == "data is aa on rank 0, 2 (a) but bb on rank 1 (b); "
        + "kernel is x on rank 0, 2 (a) but (missing) on rank 1 (b)")
  }

  @Test func recordsSurviveTheWire() throws {
    var entries = StartupAgreement([.init("", ""), .init("schlüssel", "wert=\n\0x")])
    entries.add("long", String(repeating: "ab", count: 5000))
    let bytes = entries.encoded()
    #expect(try StartupAgreement(decoding: bytes) == entries)
    for cut in [1, 7, 9, bytes.count - 1] {
      #expect(throws: RuntimeFailure.self) { try StartupAgreement(decoding: Array(bytes.prefix(cut))) }
    }
    #expect(throws: RuntimeFailure.self) {
      try StartupAgreement(decoding: Array(repeating: 255, count: 16))
    }
    #expect(throws: Never.self) { try entries.verify(Communicator.single()) }
  }

  @Test func onlySegmentsOfThisJobAreLeftovers() {
    let maps = """
      7f00-7f01 rw-s 00000000 00:18 12  /dev/shm/vader_segment.vm.0.3e0d0001.0
      7f02-7f03 rw-s 00000000 00:18 13  /dev/shm/vader_segment.vm.0.3e0d0001.1
      7f03-7f04 rw-s 00001000 00:18 13  /dev/shm/vader_segment.vm.0.3e0d0001.1
      7f04-7f05 rw-s 00000000 00:18 14  /dev/shm/vader_segment.vm.0.3e0d0001.2 (deleted)
      7f06-7f07 rw-s 00000000 00:18 15  /dev/shm/other
      7f08-7f09 r--p 00000000 08:01 16  /usr/lib/libmpi.so
      7f0a-7f0b rw-p 00000000 00:00 0
      """
    #expect(
      Leftovers.mappedSegments(maps: maps)
        == ["/dev/shm/vader_segment.vm.0.3e0d0001.0", "/dev/shm/vader_segment.vm.0.3e0d0001.1"])
  }

  @Test(arguments: [
    ("/tmp/ompi.vm.0/pid.123", true), ("/var/tmp/ompi.node01.1000/pid.9", true), ("/tmp", false),
    ("/", false), ("", false), ("/tmp/ompi.vm.0", false), ("/tmp/ompi.vm.0/pid.", false),
    ("/home/user/pid.1", false), ("tmp/ompi.vm.0/pid.1", false), ("/tmp/../ompi.x/pid.1", false),
  ])
  func onlySessionDirectoriesAreRemoved(path: String, isOurs: Bool) {
    #expect(Leftovers.isSessionDirectory(path) == isOurs)
  }
}
