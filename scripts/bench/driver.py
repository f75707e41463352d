"""Starting the programs that scripts/bench.py compares, and reading their times. It measures; it judges nothing."""

import json
import os
import re
import select
import subprocess
import sys
import tempfile
import time

FOLDER = os.path.dirname(os.path.abspath(__file__))
# Time for the threads of a program that has done its turn to fall asleep.
PAUSE = 0.3


class BenchFailure(Exception):
    """One side could not be measured; the message is one line."""


def last_line(text):
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1].strip() if lines else "(no message)"


class Worker:
    """A peer that sleeps between turns (scripts/bench/worker.py tells the protocol)."""

    def __init__(self, python, script, *arguments, timeout=600):
        self.name, self.timeout, self.buffer = script, timeout, b""
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [python, os.path.join(FOLDER, script), *map(str, arguments)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors)
        try:
            self.ready = self.answer()["ready"]
        except BaseException:
            self.close()
            raise

    def answer(self):
        deadline = time.monotonic() + self.timeout
        while b"\n" not in self.buffer:
            readable, _, _ = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))
            if not readable:
                raise BenchFailure(f"{self.name} gave no answer in {self.timeout} s")
            piece = os.read(self.process.stdout.fileno(), 65536)
            if not piece:
                self.errors.seek(0)
                raise BenchFailure(f"{self.name}: {last_line(self.errors.read().decode(errors='replace'))}")
            self.buffer += piece
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def ask(self, command):
        try:
            self.process.stdin.write(f"{command}\n".encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # answer() says why it ended
        reply = self.answer()
        time.sleep(PAUSE)
        return reply

    def run(self, count):
        return self.ask(f"run {count}")["seconds"]

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.errors.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Ours:
    """gpt-ddp and gpt-bench of one build folder, each run a process of its own."""

    SKIPPED_STEPS = 3

    def __init__(self, folder, scratch, timeout=600):
        self.folder, self.scratch, self.timeout = os.path.abspath(folder), scratch, timeout
        self.environment = dict(os.environ)
        if os.getuid() == 0:
            self.environment.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
        self.environment["OMPI_MCA_rmaps_base_oversubscribe"] = "1"
        for program in ("gpt-ddp", "gpt-bench"):
            if not os.access(self.path(program), os.X_OK):
                sys.exit(f"bench.py: error: {self.path(program)} is missing: build with 'swift build -c release'")

    def path(self, program):
        return os.path.join(self.folder, program)

    def command(self, ranks, program, arguments):
        """One rank runs bare, as a user would; more run under mpirun."""
        launcher = [] if ranks == 1 else ["mpirun", "-np", str(ranks)]
        return launcher + [self.path(program), *map(str, arguments)]

    def start(self, command, stdout=subprocess.PIPE):
        return subprocess.Popen(
            command, cwd=self.scratch, env=self.environment, stdin=subprocess.DEVNULL, stdout=stdout,
            stderr=subprocess.PIPE, text=True)

    def run(self, ranks, program, *arguments):
        """Standard output of a run that must succeed."""
        command = self.command(ranks, program, arguments)
        process = self.start(command)
        try:
            output, errors = process.communicate(timeout=self.timeout)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.communicate()
            raise BenchFailure(f"{program} took more than {self.timeout} s") from None
        if process.returncode:
            # mpirun ends with a banner of its own; the cause is the program's line.
            causes = [line for line in errors.splitlines() if "error" in line.lower()]
            raise BenchFailure(f"{program} ended with {process.returncode}: {causes[0] if causes else last_line(errors)}")
        time.sleep(PAUSE)
        return output

    def run_json(self, ranks, program, *arguments):
        output = self.run(ranks, program, *arguments)
        try:
            return json.loads(last_line(output))
        except ValueError:
            raise BenchFailure(f"{program} {' '.join(map(str, arguments))} printed no JSON") from None

    def metrics(self, ranks, *arguments):
        """The step lines of the metrics file of a training run that saves and samples nothing."""
        path = os.path.join(self.scratch, "metrics.jsonl")
        if os.path.exists(path):
            os.remove(path)
        self.run(ranks, "gpt-ddp", "--no-save", "--num-samples", 0, "--sample-interval", 0, "--metrics", path, *arguments)
        try:
            with open(path, encoding="utf-8") as file:
                lines = [json.loads(line) for line in file]
        except (OSError, ValueError) as error:
            raise BenchFailure(f"gpt-ddp wrote no readable metrics: {error}") from None
        return [line for line in lines if "loss" in line]

    def steps(self, ranks, count, *arguments):
        """Seconds of each of `count` steps, after a few that warm up."""
        lines = self.metrics(ranks, "--max-steps", count + self.SKIPPED_STEPS, *arguments)
        seconds = [line["seconds"] for line in lines][self.SKIPPED_STEPS - 1 :]
        if len(seconds) < 2:
            raise BenchFailure(f"gpt-ddp stopped after {len(lines)} steps: the corpus is too short")
        return [after - before for before, after in zip(seconds, seconds[1:])]

    def profile(self, ranks, count, *arguments):
        """Median seconds a step of each phase, from the `profile` object of the metrics' lines."""
        lines = self.metrics(ranks, "--max-steps", count + self.SKIPPED_STEPS, "--profile", *arguments)
        profiles = [line["profile"] for line in lines[self.SKIPPED_STEPS :] if "profile" in line]
        if not profiles:
            raise BenchFailure("gpt-ddp --profile put no profile into the metrics")
        return {phase: sorted(p[phase] for p in profiles)[len(profiles) // 2] for phase in profiles[0]}

    def start_up(self, ranks, *arguments):
        """Seconds from starting the process to its first line of a step, and to its end."""
        command = self.command(ranks, "gpt-ddp", (
            "--max-steps", 1, "--no-save", "--num-samples", 0, "--sample-interval", 0, "--log-interval", 1, *arguments))
        begin = time.perf_counter()
        process = self.start(command)
        first = None
        for line in process.stdout:
            if first is None and re.search(r"\bstep +1 +/", line):
                first = time.perf_counter() - begin
        errors = process.stderr.read()
        if process.wait() or first is None:
            raise BenchFailure(f"gpt-ddp printed no first step: {last_line(errors)}")
        whole = time.perf_counter() - begin
        time.sleep(PAUSE)
        return first, whole

    def peak_memory(self, ranks, *arguments):
        """Largest VmHWM in bytes of a rank, looked at every 10 ms while the run goes on."""
        process = self.start(self.command(ranks, "gpt-ddp", (
            "--no-save", "--num-samples", 0, "--sample-interval", 0, *arguments)), subprocess.DEVNULL)
        peak = 0
        deadline = time.monotonic() + self.timeout
        while process.poll() is None:
            peak = max([peak, *peaks_below(process.pid, "gpt-ddp")])
            if time.monotonic() > deadline:
                process.terminate()
            time.sleep(0.01)
        _, errors = process.communicate()
        if process.returncode:
            raise BenchFailure(f"gpt-ddp ended with {process.returncode}: {last_line(errors)}")
        if not peak:
            raise BenchFailure("no process called gpt-ddp was seen")
        return peak


def peaks_below(pid, name):
    """VmHWM in bytes of `pid` and the processes below it that are called `name`."""
    waiting = [pid]
    while waiting:
        current = waiting.pop()
        try:
            with open(f"/proc/{current}/status", encoding="ascii") as file:
                status = {key: value.strip() for key, _, value in (line.partition(":") for line in file)}
            with open(f"/proc/{current}/task/{current}/children", encoding="ascii") as file:
                waiting += file.read().split()
        except OSError:
            continue  # it ended meanwhile
        if status["Name"] == name and "VmHWM" in status:
            yield int(status["VmHWM"].split()[0]) * 1024


def write_corpora(folder):
    """A text of Tiny Shakespeare's length and alphabet size, and a list of names, both from a fixed sequence: what
    the characters are changes no time, and the bench needs no network."""
    state = 42

    def draw(limit):
        nonlocal state
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (state >> 33) * limit >> 31

    alphabet = "\n !$&',-.3:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    assert len(alphabet) == 65
    text = os.path.join(folder, "text.txt")
    with open(text, "w", encoding="ascii") as file:
        file.write(alphabet + "".join(alphabet[draw(65)] for _ in range(1_115_394 - 65)))
    names = os.path.join(folder, "names.txt")
    with open(names, "w", encoding="ascii") as file:
        # Lengths 3 to 9, six on average as in the real list.
        file.write("abcdefghijklmno\npqrstuvwxyz\n")
        file.writelines("".join(chr(97 + draw(26)) for _ in range(3 + draw(7))) + "\n" for _ in range(4000))
    return text, names
