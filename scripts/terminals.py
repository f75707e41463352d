#!/usr/bin/env python3
"""Terminals: a shell with job control in a terminal of its own, and what people do there to a training: Ctrl-C, Ctrl-Z,
Ctrl-S, pipes whose reader goes away, a window that is closed. Not root.
   scripts/terminals.py                   5 rounds
   scripts/terminals.py --rounds 20       as many
   scripts/terminals.py --only Ctrl-Z     only the trials that have this in their name
   scripts/terminals.py --seed 7          other moments
   scripts/terminals.py --term xterm      with a live line
Afterwards: the promised status; what is saved goes on to the same bits; the lock is gone, no process is left, no box of
OpenMPI's is printed by our own launcher, and the prompt is back."""

import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import sys
import termios
import threading
import time
from shlex import quote

from trials import BOX, LIMIT, Lab, Training, parser, positive, saved, wait_until

PROMPT = re.compile(r"@@(\d+)@@")
CTRL_C, CTRL_Q, CTRL_S, CTRL_Z = b"\x03", b"\x11", b"\x13", b"\x1a"


class Terminal:
    """bash at a terminal. Its prompt is the status of the first command of the last pipeline."""

    kind = "dumb"

    def __init__(self, lab, columns=100):
        self.lab = lab
        variables = {**lab.environment, "PS1": "@@${PIPESTATUS[0]:-0}@@", "TERM": self.kind, "HISTFILE": "/dev/null"}
        # The shell itself is not to be found among what it has started.
        name, self.mark = lab.mark.split("=")[0], lab.mark
        del variables[name]
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.chdir(lab.folder)
            os.execvpe("bash", ["bash", "--noprofile", "--norc", "--noediting", "-i"], variables)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self._bytes = bytearray()
        self.is_read = threading.Event()
        self.is_read.set()
        self._is_over = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        self._seen = 0
        self.status()

    def _read(self):
        while not self._is_over:
            self.is_read.wait()
            try:
                if select.select([self.master], [], [], 0.05)[0]:
                    self._bytes += os.read(self.master, 1 << 16)
            except (OSError, ValueError):
                return

    @property
    def text(self):
        """What came since the last prompt that was asked for, without what was drawn and erased."""
        text = bytes(self._bytes[self._seen:]).decode(errors="replace").replace("\r\n", "\n")
        text = re.sub(r"[^\n]*\r\x1b\[K", "", text)
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)

    def press(self, keys):
        os.write(self.master, keys)

    def type(self, words, prefix="", suffix=""):
        line = " ".join(quote(word) for word in ["env", self.mark, *words])
        self.press(f"{prefix}{line}{suffix}\n".encode())

    def status(self, seconds=LIMIT):
        """Waits for the prompt: the status, and what was printed before it; None if it does not come."""
        if not wait_until(lambda: PROMPT.search(self.text), seconds):
            return None, self.text
        found = PROMPT.search(self.text)
        text = self.text[:found.start()]
        self._seen = len(self._bytes)
        return int(found[1]), text

    def reaches(self, step):
        wait_until(lambda: PROMPT.search(self.text) or any(
            int(found) >= step for found in re.findall(r"\| step +(\d+) /", self.text)))

    def close(self):
        """As a window is closed: the terminal hangs up."""
        self._is_over = True
        self.is_read.set()
        self._thread.join()
        os.close(self.master)
        wait_until(lambda: os.waitpid(self.pid, os.WNOHANG)[0] != 0, 10) or os.kill(self.pid, signal.SIGKILL)


class Trial:
    """One terminal, one training; collects losses."""

    def __init__(self, lab, training, name, how):
        self.lab, self.training, self.how = lab, training, how
        self.row = f"{name}, {how}"
        self.ranks, self.launcher = {"alone": (1, "own"), "--np": (2, "own"), "mpirun": (2, "mpirun")}[how]
        self.out = lab.folder / "out"
        shutil.rmtree(self.out, ignore_errors=True)
        self.losses = []
        self.terminal = Terminal(lab)

    def command(self, *extra):
        return self.training.command(self.out, *extra, ranks=self.ranks, launcher=self.launcher)

    def check(self, isTrue, loss):
        if not isTrue:
            self.losses.append(loss)

    def end(self, wanted=(), seconds=60):
        """Waits for the prompt; the status must be one of `wanted`: mpirun has its own, other than 0."""
        status, text = self.terminal.status(seconds)
        tail = " / ".join(text.strip().splitlines()[-3:])
        if status is None:
            self.losses.append(f"no prompt after {seconds} s: {tail}")
        elif wanted:
            is_right = status in wanted or (self.launcher == "mpirun" and 0 not in wanted and status != 0)
            # It may have been faster than the keys, which may have ended whoever shows its last lines.
            is_done = status == 0 and (self.training.hash_in(text) is not None
                                       or self.lab.step(self.out / "model.jld2") == self.training.steps)
            self.check(is_right or is_done, f"status {status}: {tail}")
            if status == 130:
                self.check(not saved(self.out), f"status 130, and there is {[path.name for path in saved(self.out)]}")
        self.check(self.launcher == "mpirun" or not BOX.search(text), f"OpenMPI's box: {tail}")
        return text

    def conclude(self):
        self.terminal.close()
        left = self.lab.remains()
        self.check(not left, f"left behind: {', '.join(left)}")
        self.lab.end_all()
        self.check(not list(self.out.glob("*.lock")), "a lock is left behind")
        self.losses += self.training.finish(self.out)
        self.lab.count(self.row, self.losses)


def interrupt(trial):
    trial.terminal.type(trial.command())
    time.sleep(trial.lab.random.uniform(0.05, 2))
    trial.terminal.press(CTRL_C)
    trial.end([75, 130], seconds=30)


def interrupt_twice(trial):
    trial.terminal.type(trial.command())
    trial.terminal.reaches(trial.lab.random.randint(1, trial.training.steps - 50))
    trial.terminal.press(CTRL_C)
    time.sleep(trial.lab.random.uniform(0.4, 1))
    trial.terminal.press(CTRL_C)
    trial.end([75, 130, 137, 143], seconds=30)


def interrupt_with_tee(trial):
    trial.terminal.type(trial.command(), suffix=" 2>&1 | tee log.txt")
    trial.terminal.reaches(trial.lab.random.randint(1, trial.training.steps - 50))
    trial.terminal.press(CTRL_C)
    trial.end([75], seconds=30)


def head(trial):
    trial.terminal.type(trial.command(), suffix=" 2>&1 | head -n 1")
    trial.end([0])
    trial.check(trial.lab.step(trial.out / "model.jld2") == trial.training.steps, "not trained to the end")


def less(trial):
    # A reader that shows the first lines and is left with q.
    reader = "less" if shutil.which("less") else "(head -n 5; read -rsn 1 key </dev/tty)"
    trial.terminal.type(trial.command(), suffix=f" | {reader}")
    trial.terminal.reaches(1)
    time.sleep(trial.lab.random.uniform(0, 0.5))
    trial.terminal.press(b"q")
    trial.end([0])
    trial.check(trial.lab.step(trial.out / "model.jld2") == trial.training.steps, "not trained to the end")


def hang_up(trial):
    trial.terminal.type(trial.command())
    trial.terminal.reaches(trial.lab.random.randint(1, trial.training.steps - 50))
    trial.terminal.close()
    # Nobody hears a status. What was reached is saved, though no save was due.
    trial.check(not trial.lab.remains(30), "goes on without its terminal")
    trial.check(saved(trial.out), "nothing is saved")
    trial.terminal = Terminal(trial.lab)


def stop(trial):
    """Ctrl-Z; returns whether the prompt is back."""
    trial.terminal.type(trial.command("--hang-timeout", "4"))
    trial.terminal.reaches(trial.lab.random.randint(1, trial.training.steps - 100))
    trial.terminal.press(CTRL_Z)
    status, text = trial.terminal.status(20)
    trial.check(status is not None, "Ctrl-Z: no prompt")
    if status is not None and trial.training.hash_in(text) is None:
        found = trial.lab.kinds()
        job = found["launcher"] + found["mpirun"] + found["rank"]
        wait_until(lambda: all(state(process) in "T-" for process in job), 5)
        running = [process for process in job if state(process) not in "T-"]
        trial.check(not running, f"{len(running)} of {len(job)} processes go on behind the prompt")
    return status is not None


def state(process):
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0]
    except OSError:
        return "-"


def stop_and_go(trial):
    if stop(trial):
        # Longer than the hang timeout: nobody is hung.
        time.sleep(5)
        trial.terminal.press(b"fg\n")
    else:
        trial.terminal.press(b"\n")
    trial.end([0])
    trial.check(trial.lab.step(trial.out / "model.jld2") == trial.training.steps, "not trained to the end")


def stop_and_background(trial):
    stop(trial)
    trial.terminal.press(b"bg; wait\n")
    trial.end()
    trial.check(trial.lab.step(trial.out / "model.jld2") == trial.training.steps, "not trained to the end")


def stop_and_kill(trial):
    stop(trial)
    # bash's `wait` takes the job for stopped for a while.
    trial.terminal.press(b"kill %1\n")
    trial.end()
    trial.check(not trial.lab.remains(30), "goes on after kill")
    trial.check(saved(trial.out), "nothing is saved")


def tostop(trial):
    trial.terminal.press(b"stty tostop\n")
    trial.terminal.status()
    trial.terminal.type(trial.command(), suffix=" &")
    trial.terminal.status()
    # It stops at its first line, and goes on in the foreground.
    time.sleep(2)
    trial.terminal.press(b"fg\n")
    trial.end([0])


def hold(trial):
    """Ctrl-S, for longer than the hang timeout."""
    trial.terminal.type(trial.command("--hang-timeout", "3"))
    trial.terminal.reaches(trial.lab.random.randint(1, trial.training.steps - 100))
    trial.terminal.press(CTRL_S)
    time.sleep(8)
    trial.terminal.press(CTRL_Q)
    trial.end([0])


def stall(trial):
    """A terminal whose other end reads nothing, as over a connection that is gone for a while."""
    trial.terminal.type(trial.command("--hang-timeout", "3"))
    trial.terminal.reaches(trial.lab.random.randint(1, trial.training.steps - 100))
    trial.terminal.is_read.clear()
    time.sleep(8)
    trial.terminal.is_read.set()
    trial.end([0])


def narrow(trial):
    fcntl.ioctl(trial.terminal.master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
    trial.terminal.type([trial.lab.gpt_ddp, "--help"])
    _, text = trial.terminal.status()
    wide = [line for line in text.splitlines()[1:] if len(line) > 40 and " " in line.strip()]
    trial.check(not wide, f"help is wider than the window: {wide[:1]}")
    trial.terminal.type(trial.command())
    trial.end([0])


TRIALS = [
    ("Ctrl-C in the first 2 s", interrupt, ["alone", "--np", "mpirun"]),
    ("Ctrl-C twice", interrupt_twice, ["alone", "--np"]),
    ("| tee, Ctrl-C", interrupt_with_tee, ["alone", "--np", "mpirun"]),
    ("| head -n 1", head, ["alone", "--np"]),
    ("| less, q", less, ["alone", "--np"]),
    ("terminal closed", hang_up, ["alone", "--np", "mpirun"]),
    ("Ctrl-Z, fg", stop_and_go, ["alone", "--np", "mpirun"]),
    ("Ctrl-Z, bg", stop_and_background, ["alone", "--np"]),
    ("Ctrl-Z, kill", stop_and_kill, ["alone", "--np"]),
    ("stty tostop, &, fg", tostop, ["alone", "--np"]),
    ("Ctrl-S for 8 s, --hang-timeout 3", hold, ["alone", "--np"]),
    ("terminal not read for 8 s, --hang-timeout 3", stall, ["alone", "--np"]),
    ("40 columns", narrow, ["alone", "--np"]),
]


def main():
    syntax = parser("Does to a training what people do at terminals.")
    syntax.add_argument("--rounds", type=positive, default=5, help="rounds of all trials (default %(default)s)")
    syntax.add_argument("--only", metavar="WORD", default="", help="only trials that have this in their name")
    syntax.add_argument("--term", default="dumb", help="kind of the terminals (default %(default)s)")
    options = syntax.parse_args()
    Terminal.kind = options.term
    chosen = [trial for trial in TRIALS if options.only in trial[0]]
    if not chosen:
        syntax.error(f"--only: '{options.only}' is in none of: {'; '.join(name for name, *_ in TRIALS)}")
    with Lab(options) as lab:
        training = Training(lab, checkpoint_interval=0, num_steps=400)
        for _ in range(options.rounds):
            for name, act, hows in chosen:
                for how in hows:
                    trial = Trial(lab, training, name, how)
                    act(trial)
                    trial.conclude()
        return lab.conclude()


if __name__ == "__main__":
    sys.exit(main())
