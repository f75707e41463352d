// What is known of a terminal.

import Foundation
import Testing

@testable import TerminalDisplay

@Suite struct TerminalTests {
  @Test func aPipeIsNoTerminal() throws {
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    defer { for end in ends { close(end) } }
    let terminal = Terminal(descriptor: ends[1])
    #expect(!terminal.isInteractive)
    #expect(terminal.width == 80)
  }

  @Test func aTerminalKnowsItsWidth() throws {
    var (controller, window): (Int32, Int32) = (-1, -1)
    try #require(openpty(&controller, &window, nil, nil, nil) == 0)
    defer {
      close(controller)
      close(window)
    }
    let terminal = Terminal(descriptor: window)
    #expect(terminal.isInteractive)
    // A new terminal has no size yet.
    #expect(terminal.width == 80)
    var size = winsize(ws_row: 40, ws_col: 123, ws_xpixel: 0, ws_ypixel: 0)
    try #require(ioctl(window, UInt(TIOCSWINSZ), &size) == 0)
    #expect(terminal.width == 123)
  }
}
