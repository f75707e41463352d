// Affinity masks as the kernel writes them, and what the ranks of a host have together.

import DataParallel
import Platform
import Testing

@Suite struct ProcessorSetTests {
  @Test(arguments: [("3", 2), ("f,ffffffff", 36), ("00000001", 1), ("80000000,00000000", 1)])
  func masksOfTheKernel(mask: String, count: Int) throws {
    let set = try #require(ProcessorSet(mask))
    #expect(set.count == count)
    #expect(ProcessorSet(set.description) == set)
  }

  @Test(arguments: ["", "0", "00000000,00000000", "?", "3x"]) func whatIsNone(mask: String) {
    #expect(ProcessorSet(mask) == nil)
  }

  @Test func ranksOfAHostTogether() throws {
    var set = try #require(ProcessorSet("1"))
    set.formUnion(try #require(ProcessorSet("80000000,00000000")))
    set.formUnion(try #require(ProcessorSet("3")))
    #expect(set.count == 3)
    set.formUnion(set)
    #expect(set.count == 3 && set.description == "8000000000000003")
  }

  @Test func ofThisProcess() throws {
    #expect(try #require(ProcessorSet.usable).count == Machine.usableProcessorCount)
  }
}
