// The page of one run: while it lives to watch it, afterwards its report card. From values to text; no file.

import Platform
import RunCurves

/// One HTML document about one run.
package struct RunPage {
  let record: RunRecord

  package init(_ record: RunRecord) { self.record = record }

  private var history: RunHistory { record.history }

  /// UTF-8 of the whole page, below a megabyte for runs of any length.
  package var text: String {
    PageParts.document(
      title: "\(tabPrefix)\(record.title)", state: state.name,
      refresh: record.status.isLive ? record.interval : nil,
      body: [header, tiles, charts, samples, commands, facts, events, footer].joined(separator: "\n"),
      data: PageData.element(PageData.json(record)))
  }

  // MARK: Where it stands

  /// A class, and its word.
  private var state: (name: String, word: String) {
    switch record.status {
    case .running: ("running", record.activity ?? (history.step > 0 ? "Training" : "Starting"))
    case .stopping: ("stopping", "Stopping")
    case .finished: ("finished", "Finished")
    case .stopped: ("stopped", "Stopped")
    case .failed: ("failed", "Failed")
    }
  }

  private var part: Double { record.lastStep > 0 ? min(1, Double(record.step) / Double(record.lastStep)) : 0 }

  private var tabPrefix: String { record.status.isLive ? "\(Int(100 * part)) % · " : "\(state.word) · " }

  private var header: String {
    var cause = ""
    switch record.status {
    case .running, .finished: break
    case .stopping(let text), .stopped(let text), .failed(let text):
      cause = "<p class=\"notice cause\" role=\"status\">\(escaped(text))</p>"
    }
    let silent = """
      <p class="notice" id="silent" role="status" hidden>No sign of life since \(PageParts.time(record.written)), after \
      step \(Readable.grouped(record.step)): the run has ended without a word (killed, out of memory, a power cut), or \
      it or its machine sleeps.</p>
      """
    let epoch = record.epoch > 0 ? ", epoch \(Readable.grouped(record.epoch))" : ""
    let place =
      "<span><b class=\"num\">Step \(Readable.grouped(record.step))</b> <span class=\"quiet num\">of "
      + "\(Readable.grouped(record.lastStep))\(epoch), \(Int(100 * part)) %</span></span>"
    let left = record.secondsLeft.map { "\(Readable.duration(seconds: $0)) left" } ?? ""
    let time =
      record.status.isLive ? left : record.secondsLeft == nil ? "" : "\(left) at this speed, when resumed"
    return """
      <header>
      <div class="head"><h1>\(escaped(record.title))</h1><span class="status">\(escaped(state.word))</span></div>
      \(cause)\(record.status.isLive ? silent : "")
      <div class="bar" role="progressbar" aria-label="Steps done" aria-valuenow="\(Int(100 * part))" aria-valuemin="0" \
      aria-valuemax="100"><i style="width:\((100 * part).coordinate)%"></i></div>
      <div class="where">\(place)<span class="quiet num">\(escaped(time))</span></div>
      </header>
      """
  }

  private var tiles: String {
    var tiles: [String] = []
    if let loss = history.finalLoss {
      let window = Readable.count(min(history.window, history.step), "step")
      tiles.append(PageParts.tile("Loss", PageParts.loss(loss), "mean of the last \(window)"))
    }
    if let best = history.validations.lowest {
      tiles.append(
        PageParts.tile("Best validation", PageParts.loss(best.loss), "at step \(Readable.grouped(best.step))")
      )
    }
    if let speed = history.losses.speeds(window: max(history.window, 1)).last?.loss {
      let whole = history.speed.map { "tokens/s; \(Readable.grouped(Int($0))) with pauses" } ?? "tokens/s"
      tiles.append(PageParts.tile("Speed", Readable.grouped(Int(speed)), whole))
    }
    if history.step > 0 {
      let saved = record.saved.map { "saved at step \(Readable.grouped($0.step))" } ?? "training time"
      tiles.append(PageParts.tile("Time", Readable.duration(seconds: history.seconds), saved))
    }
    if let hash = record.weightsHash ?? history.weightsHash?.text {
      let step = record.weightsHash == nil ? history.weightsHash?.step ?? 0 : record.step
      tiles.append(PageParts.tile("Weights hash", hash, "after step \(Readable.grouped(step))", isMono: true))
    }
    return element("section", "class=\"tiles\"", tiles.joined(separator: "\n"))
  }

  // MARK: Curves

  private var charts: String {
    guard !history.losses.buckets.isEmpty else {
      return PageParts.card("Loss", "<p class=\"quiet\">The first step has not ended yet.</p>")
    }
    let loss = PageParts.figure(
      "loss", title: "Loss", caption: legend, size: "tall", describes: describedLoss
    ) { CurveChart(CurveChart.lossCurves(history), over: $0) }
    var small: [String] = []
    func add(
      _ name: String, _ title: String, _ points: [CurvePoint], _ label: @escaping (Double, Double) -> String
    ) {
      guard points.count > 1 else { return }
      let last = points[points.count - 1].loss
      let figure = PageParts.figure(
        name, title: title, size: "low",
        describes: "\(label(last, last)) at step \(points[points.count - 1].step)"
      ) {
        CurveChart(
          [.init(form: .line, style: "mean c0", points: points)], over: $0, beginsAtZero: true, label: label)
      }
      small.append(element("section", "class=\"card\"", figure))
    }
    add("lr", "Learning rate", points(\.learningRate), ChartAxis.scientific)
    add("speed", "Tokens a second, median", history.losses.speeds(window: history.window), ChartAxis.count)
    add("norm", "Gradient norm, before clipping", points(\.gradientNorm), ChartAxis.plain)
    return element("section", "class=\"card\"", loss) + "\n"
      + element("div", "class=\"pair\"", small.joined())
  }

  private func points(_ value: KeyPath<CurveBucket, Double?>) -> [CurvePoint] {
    history.losses.buckets.compactMap { bucket in
      bucket[keyPath: value].map {
        CurvePoint(step: bucket.last.step, loss: $0, seconds: bucket.last.seconds)
      }
    }
  }

  private var legend: String {
    let (window, width) = (history.window, history.losses.width)
    let raw =
      width == 1
      ? "every step" : "first, lowest, highest and last of every \(Readable.grouped(width)) steps"
    var keys: [String] = []
    if window > 1 {
      keys.append(PageParts.key(["mean c0"], "mean of the last \(Readable.grouped(window)) steps"))
    }
    keys.append(PageParts.key(["raw c0"], raw))
    if let best = history.validations.lowest {
      keys.append(PageParts.key(["validation"], dots: true, "validation"))
      keys.append(
        PageParts.key(
          ["best", "best core"], dots: true,
          "best <b>\(PageParts.loss(best.loss))</b> at step \(Readable.grouped(best.step))"))
    }
    return element("ul", "class=\"keys\"", keys.joined())
  }

  private var describedLoss: String {
    let ends = [history.losses.buckets.first?.first, history.losses.last].compactMap { $0 }
    return ends.map { "\(PageParts.loss($0.loss)) at step \($0.step)" }.joined(separator: ", ")
      + (history.validations.lowest.map { "; best validation \(PageParts.loss($0.loss)) at step \($0.step)" }
        ?? "")
      + "; nats a character"
  }

  // MARK: What is written

  private var samples: String {
    guard !record.samples.list.isEmpty else { return "" }
    // The newest says most.
    let cards = record.samples.list.reversed().map { sample in
      element(
        "article", "class=\"sample\"",
        element("h3", "", "after step \(Readable.grouped(sample.step))")
          + element("pre", "", escaped(sample.text)))
    }
    return PageParts.card("Samples", element("div", "class=\"samples\"", cards.joined(separator: "\n")))
  }

  private var commands: String {
    guard !record.commands.isEmpty else { return "" }
    let lines = record.commands.map {
      element("p", "class=\"quiet\"", escaped($0.name))
        + element("code", "class=\"command\"", escaped($0.text))
    }
    return PageParts.card("What next", lines.joined(separator: "\n"))
  }

  private var facts: String {
    let rows = record.facts.map { element("dt", "", escaped($0.name)) + element("dd", "", escaped($0.text)) }
    return PageParts.card("This run", element("dl", "", rows.joined(separator: "\n")))
  }

  private var events: String {
    let events = record.events
    guard !events.list.isEmpty else { return "" }
    var lines = events.list.map { event in
      element(
        "li", "",
        "<span class=\"quiet num\">\(PageParts.time(event.time))</span><span class=\"quiet num\">step "
          + "\(Readable.grouped(event.step))</span><p>\(escaped(event.text))</p>")
    }
    if events.leftOut > 0, lines.count > KeptEvents.firstOnes {
      lines.insert(
        "<li><p class=\"quiet\">\(Readable.count(events.leftOut, "event")) left out</p></li>",
        at: KeptEvents.firstOnes)
    }
    return PageParts.card("What happened", element("ol", "class=\"events\"", lines.joined(separator: "\n")))
  }

  private var footer: String {
    let next =
      record.status.isLive ? ", and again every \(Int(record.interval.rounded())) s while the run lives" : ""
    return PageParts.footer("Written at", written: record.written)
      .replacing(". This file", with: "\(next). This file")
  }
}
