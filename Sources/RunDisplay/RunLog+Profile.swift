// `--profile`: where the time of this rank's steps went.

import Capacity
import Platform
import Training

extension RunLog {
  /// A table of rank 0's wall time by phase; inside the gradient phase, the mean over its threads by kind.
  package func profile(_ report: ProfileReport) {
    let total = report.phases.reduce(0) { $0 + $1.seconds }
    func row(_ name: String, _ seconds: Double) {
      let milliseconds = Readable.fixed(1000 * seconds / Double(report.steps), digits: 3)
      let share = Readable.fixed(100 * seconds / max(total, 1e-12), digits: 1)
      line(
        name + String(repeating: " ", count: max(0, 24 - name.count))
          + String(repeating: " ", count: max(0, 12 - milliseconds.count)) + milliseconds
          + String(repeating: " ", count: max(0, 9 - share.count)) + share)
    }
    line("")
    line("Profile of rank 0, \(report.steps) steps     ms/step        %")
    for (phase, seconds) in report.phases {
      row("\(phase)", seconds)
      if phase == .gradient {
        for kind in report.kinds { row("  \(kind.name)", kind.seconds) }
      }
    }
    row("total", total)
    if let peak = HostMemory.peakBytes, let plannedBytes {
      line("Peak memory of rank 0: \(Readable.bytes(peak)), planned \(Readable.bytes(plannedBytes))")
    }
  }
}
