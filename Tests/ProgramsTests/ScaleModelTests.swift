// scripts/scale_model.py: its arithmetic by hand, what it refuses, and the doctor's figures read by it. How true the
// model is depends on the machine: `scale_model.py --check` prints it.

import Foundation
import Platform
import ProcessSupport
import Testing

extension Programs {
  @Suite(.enabled(if: Machine.find("python3") != nil, "no python3")) struct ScaleModel {
    private static let scripts = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../scripts").standardized.path
    private static let programs = Platform.folder(of: Job.path(of: "gpt-bench"))

    private static let figures = """
      {"hosts":2,"ranks_per_host":1,"threads":1,"seconds_per_sequence":0.1,"seconds_per_update":0.01,\
      "seconds_per_added_float":1e-9,"seconds_per_meeting":0.001,"seconds_of_latency":1e-4,\
      "seconds_per_message":1e-5,"seconds_per_byte":1e-8,"settings":{"vocab-size":"66","n-embd":"32","n-layer":"2",\
      "n-head":"4","block-size":"64","batch-size":"32","micro-batch-size":"4","reduce-dtype":"float32"}}
      """

    private func model(_ arguments: [String], in place: Workspace) throws -> Job.Outcome {
      try Job(
        command: [Machine.find("python3")!, "\(Self.scripts)/scale_model.py"] + arguments, folder: place.path
      ).outcome()
    }

    /// A million floats in five parts; sequences of 100 ms, 32 of them in leaves of 4.
    @Test func stepsByHand() throws {
      let place = try Workspace()
      let code = """
        import json, math, scale_model as s
        f = json.loads('''\(Self.figures)''')
        def plan(hosts, leaves, folds, nodes):
            row = dict(hosts=hosts, leaves_of_rank=leaves, folds_of_rank=folds, sums_of_host=0, nodes_of_host=1, nodes=nodes)
            return dict(gradient_floats=1000000, buckets=5, plans=[row])
        def total(figures, p, threads=1, dtype="float32", ranks=1):
            return s.step_parts(figures, p, p["plans"][0], threads, ranks, 32, 4, dtype)
        one, two = plan(1, 8, 7, 1), plan(2, 4, 3, 2)
        slow = dict(f, seconds_per_byte=1e-7)
        for found, right in [
            # 32 sequences, 7 sums of a million floats, one update; nothing to exchange.
            (sum(total(f, one).values()), 3.2 + 0.007 + 0.01),
            # Eight leaves on three threads: three rounds.
            (total(f, one, threads=3)["leaves"], 1.2),
            # 10 messages, 4 MB, half a million sums; four fifths are hidden, the last is not. Two latencies.
            (total(f, two)["exchange"], (1e-4 + 0.04 + 0.0005) / 5 + 2e-4),
            (sum(total(f, two).values()), 1.6 + 0.003 + 0.01 + 0.00832 + 1e-4 + 1e-5 + 226e-8),
            # A slow wire: 400 ms less the four fifths of a backward pass that hide some; half of it in bfloat16.
            (total(slow, two)["exchange"], 0.4006 - 0.2 / 3 * 0.8 + 2e-4),
            (total(slow, two, dtype="bfloat16")["exchange"], 0.2006 - 0.2 / 3 * 0.8 + 2e-4),
        ]:
            assert math.isclose(found, right, rel_tol=1e-9), (found, right)
        known = {(32, 4): [one, two], (64, 4): [plan(1, 16, 15, 1), plan(2, 8, 7, 2)], (32, 2): [plan(1, 16, 15, 1), plan(2, 8, 7, 2)]}
        def plans(batch, micro):
            return dict(known[batch, micro][0], plans=[p["plans"][0] for p in known[batch, micro]])
        m = s.Model(slow, plans)
        assert math.isclose(m.efficiency(2), m.seconds(1) / 2 / m.seconds(2))
        assert math.isclose(m.speed(1), 32 * 64 / 3.217)
        # Twice the threads halve 1.6 s; nothing else gives half as much.
        assert m.knobs(2)[0][1] == "--threads 2", m.knobs(2)
        assert "wire" not in str(m.knobs(1))
        print("right")
        """
      let outcome = try Job(
        command: [Machine.find("python3")!, "-c", code], folder: place.path,
        environment: ["PYTHONPATH": Self.scripts, "PYTHONDONTWRITEBYTECODE": "1"]
      ).outcome()
      #expect(outcome.output == "right\n", "\(outcome)")
    }

    @Test func refusals() throws {
      let place = try Workspace()
      try place.write(Array(Self.figures.utf8), to: "figures")
      try place.write(Array("ok    cores       2\n".utf8), to: "empty")
      for (name, from, to) in [
        ("cut", "\"hosts\":2,", ""), ("negative", "\"seconds_per_byte\":1e-8", "\"seconds_per_byte\":-1"),
        ("sizes", "\"n-embd\":\"32\"", "\"n-embd\":\"--peak\""),
        ("halves", "\"threads\":1", "\"threads\":0.5"),
        ("single", "\"hosts\":2,", "\"hosts\":1,"),
      ] {
        var text = Self.figures.replacingOccurrences(of: from, with: to)
        if name == "single" { text.replace(#/"seconds_of.*1e-8,/#, with: "") }
        try place.write(Array(text.utf8), to: name)
      }
      for (arguments, words) in [
        ([], "give the file"), (["none"], "cannot read none"), (["empty"], "has no line of figures"),
        (["cut"], "hosts is None"), (["negative"], "seconds_per_byte is -1"), (["sizes"], "setting n-embd"),
        (["halves"], "threads is 0.5"), (["single"], "measured on one host"),
        (["figures", "--hosts", "0"], "numbers from 1 to 1024"), (["figures", "--wire", "fast"], "100mbit"),
        (["figures", "--threads", "0"], "at least 1"), (["figures", "other"], "one too many"),
        (["figures", "--check"], "omit the file"), (["figures", "--", "--n-embd", "8"], "belong to --check"),
        (["figures", "--programs", "nowhere"], "gpt-bench is missing"),
      ] {
        let run = try model(arguments, in: place)
        #expect(run.status == 2 && run.output == "", "\(arguments): \(run)")
        #expect(run.errors.hasPrefix("scale_model.py: error: ") && run.errors.contains(words), "\(run)")
        #expect(run.errors.split(separator: "\n").count == 1, "\(run)")
      }
      let usage = try place.run("gpt-bench", ["--plan", "1,,2"])
      #expect(usage.status == ExitStatus.usage && usage.errors.contains("numbers of hosts"), "\(usage)")
    }

    /// One process, two ranks of a host, and two that count as hosts because they may share no memory.
    @Test(arguments: [(1, false), (2, false), (2, true)])
    func theDoctorsFiguresAreRead(ranks: Int, areApart: Bool) throws {
      guard ranks == 1 || Job.mpirun != nil else { return print("skipped: no mpirun") }
      let place = try Workspace()
      let words =
        ["--doctor", "--threads", "1", "--batch-size", "8", "--checkpoint", "c.jld2", "--data-dir", "d"]
        + Small.sizes
      let doctor: Job.Outcome
      if areApart {
        // Memory that counts as a file is not shared where files are limited.
        try writeScript(
          "ulimit -f 100000\nexec '\(Job.path(of: "gpt-ddp"))' \"$@\"", to: "\(place.path)/apart.sh")
        doctor = try place.run("\(place.path)/apart.sh", ranks: ranks, words)
      } else {
        doctor = try place.train(ranks: ranks == 1 ? nil : ranks, words)
      }
      try #require(doctor.status == ExitStatus.success, "\(doctor)")
      #expect(doctor.lines.filter { $0.hasPrefix("ok    cores") || $0.hasPrefix("note  cores") }.count == 1)
      #expect(
        doctor.lines.filter { $0.hasPrefix("ok    speed       ") && $0.contains(" ms a leaf of ") }.count == 1
      )
      #expect(
        doctor.lines.filter { $0.hasPrefix("ok    wire        ") }.count == (areApart ? 1 : 0))
      #expect(doctor.output.replacing(#/\n +/#, with: " ").contains(" ns a byte") == areApart, "\(doctor)")
      #expect(
        doctor.lines.filter { $0.dropFirst(6).hasPrefix("exchange ") }.count == (ranks > 1 ? 1 : 0)
          || ranks == 1)
      try place.write(Array(doctor.output.utf8), to: "figures.txt")
      let wire = areApart ? [] : ["--wire", "1gbit"]
      let run = try model(
        ["figures.txt", "--hosts", "1,2,1024", "--json", "--programs", Self.programs] + wire, in: place)
      try #require(run.status == 0, "\(run)")
      let rows = try #require(
        JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [[String: Any]], "\(run)")
      #expect(rows.compactMap { $0["hosts"] as? Int } == [1, 2, 1024])
      #expect(rows.allSatisfy { ($0["seconds"] as? Double ?? 0) > 0 })
      #expect(rows.first?["efficiency"] as? Double == 1)
      let table = try model(
        ["figures.txt", "--hosts", "1,4", "--programs", Self.programs] + wire, in: place)
      #expect(table.lines.count == 4 && table.lines[0].hasSuffix("helps most"), "\(table)")
    }
  }
}
