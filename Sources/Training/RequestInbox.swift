// What this rank is asked from outside, from the moment of asking until the other ranks know.

import Platform

struct RequestInbox {
  /// Hands each request out once: signals, or a test's.
  var source: () -> SignalRequests = { [] }
  private var kept: SignalRequests = []

  /// What has been asked; stays to be told the others.
  mutating func look() -> SignalRequests {
    kept.formUnion(source())
    return kept
  }

  /// What has been asked, to be told the others now.
  mutating func take() -> SignalRequests {
    defer { kept = [] }
    return look()
  }
}
