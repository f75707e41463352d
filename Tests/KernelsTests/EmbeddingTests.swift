// Token and position embedding against the twin; the twin against central differences.

import Kernels
import TestSupport
import Testing

@Suite("Embedding") struct EmbeddingTests {
  @Test(arguments: [1, 3, 12, 15, 16, 17, 32, 33, 70, 128], [0, 2])
  func matchesTheTwin(columns: Int, firstPosition: Int) {
    let (vocabulary, positions, rows) = (5, 13, 11)
    var random = TestRandom(columns)
    let tokenTable = Matrix(vocabulary, columns, random: &random)
    let positionTable = Matrix(positions, columns, random: &random)
    let tokens = random.tokens(rows, vocabulary: vocabulary)
    let (floatTokens, floatPositions) = (GuardedMatrix(tokenTable), GuardedMatrix(positionTable))
    let x = GuardedMatrix(rows, columns, stride: columns + 3)
    embed(
      tokens, tokenTable: floatTokens.base, positionTable: floatPositions.base, into: x.base, rows: rows,
      columns: columns, stride: x.stride, firstPosition: firstPosition)
    let expected = Twin.embed(
      tokens, tokenTable: tokenTable, positionTable: positionTable, firstPosition: firstPosition)
    x.expect(expected, tolerance: 1e-7, "x")
    x.expectUntouchedOutside("x")
  }

  /// Eleven tokens of five: each row of the token gradient collects several.
  @Test(arguments: [1, 3, 12, 15, 16, 17, 32, 33, 70, 128])
  func backwardMatchesTheTwin(columns: Int) {
    let (vocabulary, positions, rows) = (5, 13, 11)
    var random = TestRandom(columns)
    let tokens = random.tokens(rows, vocabulary: vocabulary)
    let dx = Matrix(rows, columns, random: &random)
    var tokenGradient = Matrix(vocabulary, columns, random: &random)
    var positionGradient = Matrix(positions, columns, random: &random)
    let floatDx = GuardedMatrix(dx, stride: columns + 3)
    let (floatTokens, floatPositions) = (GuardedMatrix(tokenGradient), GuardedMatrix(positionGradient))
    embedBackward(
      dx: floatDx.base, tokens, tokenGradient: floatTokens.base, positionGradient: floatPositions.base,
      rows: rows, columns: columns, stride: floatDx.stride)
    Twin.embedBackward(
      dx, tokens, tokenGradient: &tokenGradient, positionGradient: &positionGradient)
    floatTokens.expect(tokenGradient, tolerance: 1e-6, "dwte")
    floatPositions.expect(positionGradient, tolerance: 1e-6, "dwpe")
    floatTokens.expectUntouchedOutside("dwte")
    floatPositions.expectUntouchedOutside("dwpe")
  }

  @Test func twinGradients() {
    var random = TestRandom(1)
    let (tokenTable, positionTable) = (Matrix(4, 3, random: &random), Matrix(7, 3, random: &random))
    let tokens: [Int32] = [1, 3, 1, 1, 0]
    let dx = Matrix(5, 3, random: &random)
    var (dToken, dPosition) = (Matrix(4, 3), Matrix(7, 3))
    Twin.embedBackward(dx, tokens, tokenGradient: &dToken, positionGradient: &dPosition)
    expectGradient(
      dToken,
      of: { Twin.embed(tokens, tokenTable: $0, positionTable: positionTable).inner(dx) }, at: tokenTable,
      "dwte")
    expectGradient(
      dPosition, of: { Twin.embed(tokens, tokenTable: tokenTable, positionTable: $0).inner(dx) },
      at: positionTable, "dwpe")
  }
}
