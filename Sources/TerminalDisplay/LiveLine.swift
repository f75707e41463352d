// The live line: the last row of a terminal, drawn again in its place. All other lines of this process scroll above it.

import Foundation
import Platform
import Synchronization

/// A line that changes, below all lines that stay. Nothing else of this process may write to the terminal meanwhile, but
/// through `StandardStream`, whose writer this is.
public final class LiveLine: LineWriter {
  private struct State {
    var fields: [LiveField] = []
    /// What stands on the terminal, and the columns of the window then; nil if nothing does.
    var drawn: (text: String, width: Int, columns: Int)?
    var lastDrawing = 0.0
    /// The terminal is gone.
    var isDead = false
  }

  private let terminal: Terminal
  private let hasColors: Bool
  private let reflows: Bool
  /// Which streams appear on the terminal.
  private let shown: [StandardStream]
  /// Held while anything is written, however long the terminal takes.
  private let state = Mutex(State())
  /// The same for a signal handler, which cannot wait for a mutex.
  static let isWriting = Atomic<Bool>(false)

  /// Without a change it is drawn again after so many seconds, over what somebody may have typed.
  private static let refreshSeconds = 1.0

  /// On the terminal behind standard output. Nothing is drawn yet.
  public convenience init() {
    let terminal = Terminal.standardOutput
    self.init(
      on: terminal, hasColors: terminal.hasColors,
      shown: [.output] + (terminal.isSame(as: .standardError) ? [.error] : []))
  }

  init(on terminal: Terminal, hasColors: Bool, shown: [StandardStream]) {
    self.terminal = terminal
    self.hasColors = hasColors
    self.shown = shown
    reflows = terminal.reflows
  }

  /// From now on lines of this process scroll above it.
  public func take() {
    StandardStream.setWriter(self)
    Surroundings.atEnd { [self] in end() }
  }

  // MARK: Drawing

  /// Draws `fields`; draws nothing if the terminal takes nothing now, or belongs to somebody else.
  func draw(_ fields: [LiveField]) {
    // Nobody waits for a picture.
    _ = state.withLockIfAvailable { state in
      state.fields = fields
      guard !state.isDead, terminal.isReady else { return }
      let now = monotonicSeconds()
      let text = terminal.isOurs ? layout(fields) : nil
      let isOld = now - state.lastDrawing > Self.refreshSeconds
      let isSame = text?.line == state.drawn?.text && terminal.width == state.drawn?.columns
      guard !isSame || isOld || StandardStream.liveLine == nil && text != nil else { return }
      state.lastDrawing = now
      write(Array((erasing(&state) + placing(text, &state)).utf8), &state)
    }
  }

  private func layout(_ fields: [LiveField]) -> (line: String, width: Int) {
    // The last column stays free: a cursor beyond it would be in the next row of some terminals.
    let layout = LiveLayout(fields, columns: max(1, terminal.width - 1))
    return (layout.line(hasColors: hasColors), layout.width)
  }

  /// What removes the line that stands there.
  private func erasing(_ state: inout State) -> String {
    defer { state.drawn = nil }
    // A signal handler may have removed it.
    guard let drawn = state.drawn, StandardStream.liveLine != nil else { return "" }
    // Where the window has become narrower, it has become several rows, with the cursor in the last.
    let columns = terminal.width
    let rows = reflows && columns < drawn.columns ? max(1, (drawn.width + columns - 1) / columns) : 1
    return "\r" + (rows > 1 ? "\u{1B}[\(rows - 1)A" : "") + (rows > 1 ? "\u{1B}[J" : "\u{1B}[K")
  }

  /// What puts a line there.
  private func placing(_ text: (line: String, width: Int)?, _ state: inout State) -> String {
    guard let text, text.width > 0, StandardStream.placeLiveLine(on: terminal.descriptor) else {
      StandardStream.forgetLiveLine()
      return ""
    }
    state.drawn = (text.line, text.width, terminal.width)
    return text.line
  }

  /// In one piece.
  private func write(_ bytes: [UInt8], _ state: inout State) {
    guard !bytes.isEmpty else { return }
    if claimed({ bytes.withUnsafeBytes { writeFully(terminal.descriptor, $0).error } }) != nil {
      state.isDead = true
      StandardStream.forgetLiveLine()
    }
  }

  /// Runs `body` while no signal handler erases anything.
  private func claimed<T>(_ body: () -> T) -> T {
    while !Self.isWriting.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged {
      usleep(500)
    }
    defer { Self.isWriting.store(false, ordering: .releasing) }
    return body()
  }

  // MARK: Lines that stay

  public func write(_ bytes: [UInt8], to stream: StandardStream) -> Int32? {
    state.withLock { state in
      func pass(_ bytes: [UInt8]) -> Int32? {
        bytes.withUnsafeBytes { writeFully(stream.rawValue, $0).error }
      }
      guard shown.contains(stream), !state.isDead else { return pass(bytes) }
      let wasDrawn = state.drawn != nil && StandardStream.liveLine != nil
      let before = erasing(&state)
      let after = wasDrawn && terminal.isOurs ? placing(layout(state.fields), &state) : placing(nil, &state)
      return claimed { pass(Array(before.utf8) + colored(bytes) + Array(after.utf8)) }
    }
  }

  /// Warnings and errors, where there are colours.
  private func colored(_ bytes: [UInt8]) -> [UInt8] {
    for (word, style) in [("warning:", TextStyle.warning), ("error:", .error)]
    where hasColors && bytes.starts(with: word.utf8) {
      return Array(style.applied(to: word).utf8) + bytes.dropFirst(word.utf8.count)
    }
    return bytes
  }

  // MARK: Without it

  /// Removes the line while `body` runs, in which this process may be stopped.
  public func hidden(while body: () -> Void) {
    // One that the terminal does not take is not worth waiting for.
    let isHidden: Void? = state.withLockIfAvailable { state in
      if terminal.isReady { write(Array((erasing(&state) + placing(nil, &state)).utf8), &state) }
      body()
      state.lastDrawing = 0
    }
    if isHidden == nil { body() }
  }

  /// Removes the line for good.
  public func end() {
    var clock = CappedClock()
    while clock.seconds < 1 {
      let isDone: Void? = state.withLockIfAvailable { state in
        if !state.isDead, terminal.isReady {
          write(Array((erasing(&state) + placing(nil, &state)).utf8), &state)
        }
        state.isDead = true
      }
      if isDone != nil { break }
      usleep(2_000)
      clock.tick()
    }
    StandardStream.clearLiveLine(isLast: true)
  }
}
