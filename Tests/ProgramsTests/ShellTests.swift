// Manual pages and completions as the tools themselves take them; what is not installed is skipped.

import Foundation
import Platform
import ProcessSupport
import Testing

extension Programs {
  @Suite struct Shells {
    private let workspace: Workspace

    /// A folder with the completions of both programs, a checkpoint, and a text with a space in its name.
    init() throws {
      workspace = try Workspace()
      for program in ["gpt-ddp", "gpt-sample"] {
        for (shell, name) in [
          ("bash", "\(program).bash"), ("fish", "\(program).fish"), ("zsh", "_\(program)"),
        ] {
          let run = try workspace.run(program, ["--print-completion", shell])
          try #require(run.status == ExitStatus.success && run.errors == "", "\(run)")
          try workspace.write(Array(run.output.utf8), to: name)
        }
        let page = try workspace.run(program, ["--print-man"])
        try workspace.write(Array(page.output.utf8), to: "\(program).1")
      }
      try workspace.write([], to: "model.jld2")
      try workspace.write([], to: "my novel.txt")
      try FileManager.default.createDirectory(
        atPath: workspace.path + "/models", withIntermediateDirectories: true)
    }

    private static func has(_ tool: String) -> Bool { Machine.find(tool) != nil }

    /// A line and what a Tab at its end must offer, and must not.
    private static let cases: [(line: String, offers: [String], never: [String])] = [
      ("gpt-ddp --preset ", ["shakespeare", "reference", "names"], ["--data"]),
      ("gpt-ddp --preset na", ["names"], ["reference"]), ("gpt-ddp --preset=na", ["names"], ["reference"]),
      ("gpt-ddp --dry", ["--dry-run"], ["--data"]),
      ("gpt-ddp --checkpoint mod", ["model.jld2", "models"], []),
      ("gpt-ddp --data my", ["my novel.txt"], []), ("gpt-ddp --data-dir mo", ["models"], ["model.jld2"]),
      ("gpt-ddp --run", [], ["--run-id"]), ("gpt-sample --diff model.jld2 mo", ["model.jld2"], []),
    ]

    @Test(.enabled(if: has("bash"), "bash is not installed")) func bash() throws {
      let script = """
        compopt() { :; }
        source "$1.bash"
        line=$2
        # As readline cuts it: the = is a word of its own.
        read -ra COMP_WORDS <<<"${line//=/ = }"
        [[ $line != *' ' ]] || COMP_WORDS+=('')
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        "_${1//-/_}"
        printf '%s\\n' "${COMPREPLY[@]}"
        """
      for (line, offers, never) in Self.cases {
        let program = String(line.prefix { $0 != " " })
        let run = try Job(
          command: ["bash", "--norc", "-c", script, "bash", program, line], folder: workspace.path
        ).outcome()
        #expect(run.errors == "", "\(line): \(run)")
        for word in offers { #expect(run.lines.contains(word), "\(line): \(run)") }
        for word in never { #expect(!run.lines.contains(word), "\(line): \(run)") }
      }
    }

    @Test(.enabled(if: has("fish"), "fish is not installed")) func fish() throws {
      for (line, offers, never) in Self.cases {
        let run = try Job(
          command: [
            "fish", "--no-config", "-c", "source gpt-ddp.fish; source gpt-sample.fish; complete -C '\(line)'",
          ],
          folder: workspace.path, environment: ["HOME": workspace.path]
        ).outcome()
        #expect(run.errors == "", "\(line): \(run)")
        let found = run.lines.map {
          String($0.prefix { $0 != "\t" }).replacing("--preset=", with: "").replacing("/", with: "")
        }
        for word in offers { #expect(found.contains(word), "\(line): \(run)") }
        // Of files it offers others, too, after those that fit.
        for word in never where !word.hasSuffix(".jld2") { #expect(!found.contains(word), "\(line): \(run)") }
      }
    }

    /// In a zsh at a terminal, where Tab completes what is the only way to go on.
    @Test(
      .enabled(if: has("zsh"), "zsh is not installed"),
      arguments: [
        ("gpt-ddp --preset na", "gpt-ddp --preset names"), ("gpt-ddp --preset=na", "gpt-ddp --preset=names"),
        ("gpt-ddp --dry", "gpt-ddp --dry-run"), ("gpt-ddp --data my", "gpt-ddp --data my novel.txt"),
        ("gpt-ddp --init-from model.", "gpt-ddp --init-from model.jld2"), ("gpt-ddp --run", "gpt-ddp --run"),
        ("gpt-sample --diff model.jld2 model.j", "gpt-sample --diff model.jld2 model.jld2"),
      ])
    func zsh(line: String, completed: String) throws {
      let script = #"""
        zmodload zsh/zpty
        zpty -b shell "PS1='> ' zsh -f -i"
        typeset out= piece
        # Reads until what is printed has come, however busy the machine is.
        await() {
          integer count=0
          until [[ $out == *$1* ]] || (( count++ > 1000 )); do
            sleep 0.05
            while zpty -rt shell piece 2>/dev/null; do out+=$piece; done
          done
        }
        zpty -w shell "fpath=($PWD \$fpath); autoload -U compinit; compinit -u -D"
        zpty -w shell "show() { zle -I; print -r -- \"LINE<\$BUFFER>DONE\" }; zle -N show; bindkey '^Xs' show"
        zpty -w shell "unsetopt automenu; print READ''Y"
        await READY
        out=
        zpty -w -n shell "$1"$'\t\x18s'
        await '>DONE'
        print -r -- "$out"
        """#
      let run = try Job(command: ["zsh", "-f", "-c", script, "zsh", line], folder: workspace.path).outcome()
      let plain = completed.replacing("my novel", with: #"my\ novel"#)
      #expect(run.output.contains("LINE<\(plain)"), "\(run)")
    }

    @Test(arguments: ["gpt-ddp.1", "gpt-sample.1"]) func manualPagesAreClean(page: String) throws {
      var isChecked = false
      if Self.has("groff") {
        let run = try Job(
          command: ["groff", "-ww", "-man", "-Tutf8", "-P-cbou", page], folder: workspace.path
        ).outcome()
        #expect(run.status == 0 && run.errors == "" && run.output.contains("SYNOPSIS"), "\(run)")
        isChecked = true
      }
      if Self.has("mandoc") {
        let run = try Job(command: ["mandoc", "-Tlint", "-Wwarning", page], folder: workspace.path).outcome()
        // It has no date on purpose: one version has one text.
        let complaints = run.lines.filter { !$0.isEmpty && !$0.contains("missing date") }
        #expect(complaints.isEmpty && run.errors == "", "\(run)")
        isChecked = true
      }
      if !isChecked { print("skipped: neither groff nor mandoc is installed") }
    }

    /// Into a prefix, again, and out of it.
    @Test func installing() throws {
      let folder = Platform.folder(of: Job.path(of: "gpt-ddp"))
      let source = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
      let script = "/\(source)/scripts/install.sh"
      guard FileManager.default.fileExists(atPath: script), Self.has("bash") else {
        return print("skipped: no scripts/install.sh or no bash")
      }
      let environment = ["MICROGPT_PROGRAMS": folder, "HOME": workspace.path]
      func install(_ arguments: [String]) throws -> ProgramRun {
        try Job(command: ["bash", script] + arguments, folder: workspace.path, environment: environment)
          .outcome()
      }
      func installed() -> Set<String> {
        Set((try? FileManager.default.subpathsOfDirectory(atPath: workspace.path + "/to here")) ?? [])
      }
      let first = try install(["--prefix", "to here"])
      try #require(first.status == 0, "\(first)")
      let files = installed()
      #expect(
        files.isSuperset(of: [
          "bin/gpt-ddp", "bin/gpt-sample", "share/man/man1/gpt-ddp.1", "share/man/man1/gpt-sample.1",
          "share/bash-completion/completions/gpt-ddp", "share/zsh/site-functions/_gpt-sample",
          "share/fish/vendor_completions.d/gpt-ddp.fish",
        ]), "\(files)")
      let again = try install(["--prefix", "to here"])
      #expect(again.status == 0 && installed() == files, "\(again)")
      let removed = try install(["--uninstall", "--prefix", "to here"])
      #expect(removed.status == 0 && installed().isEmpty, "\(removed) \(installed())")
      let nothing = try install(["--uninstall", "--prefix", "to here"])
      #expect(nothing.status == 1 && nothing.errors.contains("nothing is installed"), "\(nothing)")
      // What somebody else has put there stays.
      try FileManager.default.createDirectory(
        atPath: workspace.path + "/to here/bin", withIntermediateDirectories: true)
      try workspace.write(Array("mine".utf8), to: "to here/bin/gpt-ddp")
      let refused = try install(["--prefix", "to here"])
      #expect(
        refused.status == 1 && refused.errors.contains("is not of an earlier installation"), "\(refused)")
      #expect(try workspace.text("to here/bin/gpt-ddp") == "mine")
    }
  }
}
