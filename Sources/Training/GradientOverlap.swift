// The exchange of what is finished while the last leaves are still in their backward pass.

import DataParallel
import Glibc
import Synchronization

/// Lets the threads of a rank feed its exchange. MPI is called by the thread that made this, between the parts of its
/// backward passes: it needs no core of its own, and OpenMPI moves large messages only inside such calls.
final class GradientOverlap: @unchecked Sendable {
  private let exchange: GradientExchange
  private let thread = pthread_self()
  /// Of the making thread.
  private var error: (any Error)?

  /// Begins a round.
  init(_ exchange: GradientExchange) throws {
    self.exchange = exchange
    try exchange.begin()
  }

  /// This rank's nodes have `bucket`; from any thread.
  func finished(_ bucket: Int) { exchange.publish(bucket) }

  /// From any thread, as often as it likes.
  func progress() {
    guard pthread_equal(thread, pthread_self()) != 0, error == nil else { return }
    do { try exchange.progress() } catch { self.error = error }
  }

  /// - Throws: what went wrong meanwhile.
  func check() throws { if let error { throw error } }
}
