// The tools of the tests: each must complain when there is reason to.

import Kernels
import TestSupport
import Testing

@Suite("Test support") struct TestSupportTests {
  private let expected = Matrix(2, 3, [1, 2, 3, 4, 5, 6])

  @Test func aWrongElementIsNamed() {
    withKnownIssue {
      expectClose([1, 2, 3, 4, 5.1, 6], expected, tolerance: 1e-3, "tensor")
    } matching: {
      $0.comments.contains { $0.rawValue.contains("tensor[1, 1] is 5.1") }
    }
  }

  @Test(arguments: [Float.nan, .infinity])
  func aNonFiniteElementIsNotClose(value: Float) {
    withKnownIssue { expectClose([1, 2, value, 4, 5, 6], expected, tolerance: 1e9, "tensor") }
  }

  @Test func aMissingElementIsNotClose() {
    withKnownIssue { expectClose([1.0, 2, 3, 4, 5], expected, tolerance: 1e9, "tensor") }
  }

  @Test func differentBitsAreSeen() {
    withKnownIssue { expectSameBits([0], [-0.0], "zeros") }
    withKnownIssue { expectSameBits([1], [1, 2], "lengths") }
    expectSameBits([.nan, 1], [.nan, 1], "NaN is its own bits")
  }

  @Test(arguments: [-1, 3, 7, 8, 70])
  func anOverwrittenCanaryIsSeen(place: Int) {
    let matrix = GuardedMatrix(2, 3, stride: 4)
    matrix.base[0] = 1
    matrix.base[6] = 1
    matrix.expectUntouchedOutside("inside")
    matrix.base[place] = 0
    withKnownIssue { matrix.expectUntouchedOutside("outside") }
  }

  @Test func aWrongGradientIsSeen() {
    let x = Matrix(1, 2, [3, 4])
    let square = { (x: Matrix) in x.inner(x) }
    expectGradient(Matrix(1, 2, [6, 8]), of: square, at: x, "d(x²)")
    withKnownIssue { expectGradient(Matrix(1, 2, [6, 8.001]), of: square, at: x, "d(x²)") }
  }
}

@Suite("FloatArena") struct FloatArenaTests {
  @Test(arguments: [0, 1, 17, 1000, 600_000])
  func beginsAlignedAndZero(count: Int) {
    let arena = FloatArena(count: count)
    #expect(UInt(bitPattern: arena.base) % 64 == 0)
    #expect(arena.floats.count == count)
    #expect(firstNonZero(arena) == nil)
    guard count > 0 else { return }
    arena.floats.update(repeating: 2)
    let copy = arena.copy()
    arena.zero()
    #expect(firstNonZero(arena) == nil)
    #expect(copy.base[0] == 2 && copy.base[count - 1] == 2)
    arena.copy(from: copy)
    #expect(arena.base[count - 1] == 2)
  }

  private func firstNonZero(_ arena: FloatArena) -> Int? { arena.floats.firstIndex { $0 != 0 } }
}
