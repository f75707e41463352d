// A web server on 127.0.0.1 that misbehaves on demand, for one test.

import Foundation
import Testing

final class LoopbackServer: @unchecked Sendable {
  /// What the answer to every request is.
  enum Behaviour {
    case body([UInt8])
    case status(Int)
    /// Promises all of the body, sends the first bytes, and closes.
    case short([UInt8], sent: Int)
    /// Sends the first bytes and then nothing more.
    case stall([UInt8], sent: Int)
    /// Bytes without end.
    case endless
  }

  let port: UInt16
  private let listener: Int32
  private let behaviour: Behaviour
  /// Connections to keep open until the server goes.
  private let lock = NSLock()
  private var connections: [Int32] = []

  init(_ behaviour: Behaviour) throws {
    self.behaviour = behaviour
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let listener = listener
    let isListening = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, size) == 0 && listen(listener, 8) == 0 && getsockname(listener, $0, &size) == 0
      }
    }
    try #require(isListening)
    port = UInt16(bigEndian: address.sin_port)
    Thread.detachNewThread { [weak self] in
      while true {
        let connection = accept(listener, nil, nil)
        guard connection >= 0, let self else { return }
        self.answer(connection)
      }
    }
  }

  /// Ends the server and the connections that it holds open.
  func stop() {
    shutdown(listener, Int32(SHUT_RDWR))
    close(listener)
    lock.withLock {
      for connection in connections { close(connection) }
      connections = []
    }
  }

  func url(_ file: String) -> String { "http://127.0.0.1:\(port)/\(file)" }

  private func answer(_ connection: Int32) {
    var request = [UInt8](repeating: 0, count: 4_096)
    _ = recv(connection, &request, request.count, 0)
    func head(_ status: Int, _ length: Int) -> [UInt8] {
      Array("HTTP/1.1 \(status) X\r\nContent-Length: \(length)\r\nConnection: close\r\n\r\n".utf8)
    }
    switch behaviour {
    case .body(let bytes): send(connection, head(200, bytes.count) + bytes)
    case .status(let status): send(connection, head(status, 0))
    case .short(let bytes, let sent): send(connection, head(200, bytes.count) + bytes[0..<sent])
    case .stall(let bytes, let sent):
      send(connection, head(200, bytes.count) + bytes[0..<sent])
      lock.withLock { connections.append(connection) }
      return
    case .endless:
      var goesOn = send(connection, Array("HTTP/1.1 200 X\r\n\r\n".utf8))
      while goesOn { goesOn = send(connection, [UInt8](repeating: 65, count: 65_536)) }
    }
    close(connection)
  }

  @discardableResult
  private func send(_ connection: Int32, _ bytes: [UInt8]) -> Bool {
    var done = 0
    while done < bytes.count {
      let count = bytes[done...].withUnsafeBytes {
        Foundation.send(connection, $0.baseAddress!, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return false }
      done += count
    }
    return true
  }
}
