// A run that ends badly leaves a page that says so, with the cause where this program has noticed it.

import Foundation
import Platform
import ProcessSupport
import Testing

@Suite struct PageTests {
  @Test(
    .needsMpirun,
    arguments: [
      ("nan-loss:rank=1,step=21", "the loss is not a finite number on rank 1"),
      ("diverge:rank=1,step=21", "the weights differ between ranks at step 25"),
      ("stop:rank=1,step=21", "no sign of rank 1 ("),
    ])
  func saysWhyARunHasFailed(fault: String, cause: String) throws {
    let course = try Course()
    let page = course.folder + "/run.html"
    let job = try course.start(
      ranks: 3, ["--page", page, "--hang-timeout", "3"], fault: fault)
    #expect(job.end() == ExitStatus.failure, "\(job.text)")
    let text = try String(contentsOfFile: page, encoding: .utf8)
    #expect(text.contains("<html lang=\"en\" class=\"failed\">"), "\(job.text)")
    let notice = text.split(separator: "\n").first { $0.contains("notice cause") }
    #expect(notice?.contains(cause) == true, "\(notice ?? "no notice")")
    // It goes on with the run, and ends well.
    let resumed = try course.start(ranks: 2, ["--resume", "--page", page])
    #expect(resumed.end() == ExitStatus.success, "\(resumed.text)")
    let whole = try String(contentsOfFile: page, encoding: .utf8)
    #expect(whole.contains("<html lang=\"en\" class=\"finished\">"))
    #expect(whole.contains(">resumed after step 20, from "))
  }
}
