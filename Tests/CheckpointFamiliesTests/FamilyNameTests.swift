// Which names belong to one run.

import CheckpointFamilies
import Testing

@Suite struct FamilyNameTests {
  @Test func familiesAreKnownByAnyOfTheirNames() {
    for name in ["m.jld2", "m.best.jld2", "m.step-000200.jld2", "m.best.step-1.jld2"] {
      #expect(CheckpointFamily.familyPath(of: "a/\(name)") == "a/m.jld2")
    }
    for name in ["m", "m.best", "m.step-000200"] { #expect(CheckpointFamily.familyPath(of: name) == "m") }
    for name in ["m.step-.jld2", "m.bester.jld2", ".best.jld2", "m.old-1.jld2", "m.step-2x.jld2"] {
      #expect(CheckpointFamily.familyPath(of: name) == name)
    }
  }

  @Test func whatWasSetAsideSaysOfWhichName() {
    #expect(CheckpointFamily.nameBeforeSetAside("a/m.old-1.jld2") == "a/m.jld2")
    #expect(CheckpointFamily.nameBeforeSetAside("a/m.old-12.jld2") == "a/m.jld2")
    #expect(
      CheckpointFamily.nameBeforeSetAside(CheckpointFamily.familyPath(of: "m.old-2.best.jld2")) == "m.jld2")
    for name in ["m.jld2", "m.older-1.jld2", "m.old-.jld2", ".old-1.jld2", "m.old-1x.jld2"] {
      #expect(CheckpointFamily.nameBeforeSetAside(name) == nil, "\(name)")
    }
  }
}
