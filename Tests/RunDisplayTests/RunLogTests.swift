import Testing

@testable import RunDisplay

@Suite struct RunLogTests {}
