// Clocks that wait, and signals as requests.

import Glibc
import Testing

@testable import Platform

@Suite(.serialized) struct SignalTests {
  @Test func aStoppedJobDoesNotCountAsWaiting() {
    var clock = CappedClock(now: 100)
    clock.tick(now: 100.25)
    clock.tick(now: 4000)
    #expect(clock.seconds == 1.25)
    clock.tick(now: 3999)
    #expect(clock.seconds == 1.25)
    clock.reset(now: 5000)
    clock.tick(now: 5000.5)
    #expect(clock.seconds == 0.5)
  }

  @Test func signalsBecomeRequestsOnce() {
    SignalRequests.install()
    #expect(SignalRequests.take().isEmpty)
    // To the process, not to this thread: a pool thread may have signals blocked.
    func deliver(_ number: Int32) {
      kill(getpid(), number)
      for _ in 0..<6_000 where SignalRequests.pending.isEmpty { usleep(10_000) }
    }
    deliver(SIGUSR1)
    #expect(SignalRequests.pending == .checkpoint)
    #expect(SignalRequests.take() == .checkpoint)
    #expect(SignalRequests.take().isEmpty)
    for number in [SIGUSR2, SIGTERM, SIGINT] {
      deliver(number)
      #expect(SignalRequests.take() == [.checkpoint, .stop])
    }
    for number in [SIGUSR1, SIGUSR2, SIGTERM, SIGINT] { signal(number, SIG_DFL) }
  }

  /// Whichever thread the system chooses; in order, none lost, none fatal.
  @Test func aQueueHandsOutSignalsAndGivesThemBack() throws {
    let queue = try SignalQueue([SIGUSR1, SIGWINCH])
    for signal in [SIGUSR1, SIGWINCH, SIGUSR1] {
      kill(getpid(), signal)
      #expect(queue.next(within: 60) == signal)
    }
    #expect(queue.next(within: 0) == nil)
    queue.close()
    var action = sigaction()
    sigaction(SIGUSR1, nil, &action)
    #expect(unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 0)
    // nohup.
    signal(SIGHUP, SIG_IGN)
    defer { signal(SIGHUP, SIG_DFL) }
    let deaf = try SignalQueue([SIGHUP])
    kill(getpid(), SIGHUP)
    #expect(deaf.next(within: 0.1) == nil)
  }
}
