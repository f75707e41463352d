// Enters the confinement of the process that parses checkpoints, then tries what code that has taken such a process
// over would try. One line an attempt: what, and how it ended.

import Glibc
import Platform

func report(_ attempt: String, _ outcome: String) {
  _ = Array("\(attempt): \(outcome)\n".utf8).withUnsafeBytes { writeFully(STDOUT_FILENO, $0) }
}

func attempt(_ name: String, _ result: Int32) {
  report(name, result >= 0 ? "done" : "refused")
}

let secret = open("/etc/passwd", O_RDONLY)
let isFiltered = try Confinement.enter(memory: 1 << 28, seconds: 20)
report("filter", isFiltered ? "there" : "missing")
var byte: UInt8 = 0
attempt("read an inherited file", Int32(read(secret, &byte, 1)))
attempt("open a file", open("/etc/passwd", O_RDONLY))
attempt("write a file", open("/tmp/confined-probe", O_WRONLY | O_CREAT, 0o600))
attempt("make a socket", socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
attempt("duplicate a descriptor", dup(STDOUT_FILENO))
attempt("remove a file", unlink(CommandLine.arguments[1]))
attempt("signal the parent", kill(getppid(), 0))
attempt("write elsewhere than to standard output", Int32(write(STDERR_FILENO, "x", 1)))
attempt("run a program", execv("/bin/true", [nil]))
report("start a program", (try? ChildProcess(["/bin/true"])) == nil ? "refused" : "done")
var thread = pthread_t()
attempt("start a thread", -pthread_create(&thread, nil, { _ in nil }, nil))
let code = mmap(nil, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
attempt("make code", code == MAP_FAILED ? -1 : 0)
let memory = mmap(nil, 1 << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
attempt("take a gigabyte", memory == MAP_FAILED ? -1 : 0)
report("compute", [Int](repeating: 1, count: 1 << 20).reduce(0, +) == 1 << 20 ? "done" : "refused")
_exit(ExitStatus.success)
