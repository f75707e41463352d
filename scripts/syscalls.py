#!/usr/bin/env python3
"""Failing system calls: the n-th open, write, fsync, rename, … on the output folder fails, once or from then on, for
every n that a short training has; the same for a resume and for gpt-sample. Needs a C compiler (cc), not root.
   scripts/syscalls.py                          every call
   scripts/syscalls.py --calls write,rename     these
   scripts/syscalls.py --most 5                 5 of the n of each call, evenly spread; 0 is all (default 24)
   scripts/syscalls.py --seed 7                 other tries with two ranks
Each try: it ends by itself with a status that is promised, a failure has one line; an earlier state is still there, or
a newer one; success means that the last step is saved; going on gives bits and metrics as if nothing had happened.
scripts/failing-calls.c, which is preloaded, says what it cannot reach."""

import errno
import shutil
import struct
import subprocess
import sys

from trials import ROOT, BOX, Lab, Training, parser, saved

SHORT = "short"  # half of the bytes are taken
FULL = ["EIO", "ENOSPC", "EDQUOT"]
# What each call may say; EINTR ends, so it comes once.
CALLS = {
    "open": FULL + ["EINTR", "EMFILE"], "read": ["EIO", "EINTR"], "pread": ["EIO", "EINTR"],
    "write": FULL + ["EINTR", SHORT], "pwrite": FULL + ["EINTR", SHORT], "fsync": FULL + ["EINTR"],
    "ftruncate": ["EIO", "EINTR"], "close": FULL + ["EINTR"], "rename": FULL, "link": FULL + ["EPERM", "EMLINK"],
    "unlink": ["EIO", "EPERM"], "mkdir": FULL, "opendir": ["EIO", "EMFILE"], "flock": ["ENOLCK", "EINTR"],
    "fcntl": ["ENOLCK", "EINTR"],
}
SECONDS = 90  # a hang, however busy the machine is


class Injector:
    def __init__(self, lab, folder):
        self.lab = lab
        self.library = lab.folder / "failing-calls.so"
        self.counter = lab.folder / "counter"
        self.folder = folder
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", self.library, ROOT / "scripts/failing-calls.c"],
                       check=True)

    def run(self, command, call, at=0, name="EIO", always=False):
        """Runs a command whose `at`-th call fails; returns its outcome and how many calls there were."""
        self.counter.write_bytes(bytes(8))
        variables = {
            "LD_PRELOAD": str(self.library), "FAIL_FOLDER": str(self.folder), "FAIL_CALL": call, "FAIL_AT": str(at),
            "FAIL_ERRNO": str(0 if name == SHORT else getattr(errno, name)), "FAIL_COUNTER": str(self.counter),
        }
        if always:
            variables["FAIL_ALWAYS"] = "1"
        outcome = self.lab.run(command, SECONDS, variables)
        return outcome, struct.unpack("=Q", self.counter.read_bytes())[0]


def badly_ended(outcome):
    """What is wrong with the way a process ended."""
    if outcome.status is None:
        return [f"hangs: {outcome.last_lines}"]
    if outcome.status not in (0, 1, 2):
        return [f"status {outcome.status}: {outcome.last_lines}"]
    losses = []
    if outcome.status != 0 and len(outcome.errors) != 1:
        losses.append(f"status {outcome.status} with {len(outcome.errors)} lines of error: {outcome.last_lines}")
    if BOX.search(outcome.text):
        losses.append("OpenMPI's box")
    return losses


class TrainingTrial:
    """A training that begins, or one that resumes in the middle."""

    def __init__(self, lab, out, prepared=None):
        self.name = "resume" if prepared else "begin"
        self.lab = lab
        self.out = out
        self.training = Training(lab, num_steps=20, checkpoint_interval=5, keep=2, hash_interval=10)
        self.prepared = prepared

    def prepare(self):
        shutil.rmtree(self.out, ignore_errors=True)
        if self.prepared:
            shutil.copytree(self.prepared, self.out)

    def command(self, ranks):
        return self.training.command(self.out, *(["--resume"] if self.prepared else []), ranks=ranks)

    def check(self, outcome):
        losses = []
        newest = max((self.lab.step(path) or 0 for path in saved(self.out)), default=0)
        if outcome.status == 0:
            if self.training.hash(outcome) != self.training.undisturbed[0]:
                losses.append("success with other bits")
            if newest != self.training.steps:
                losses.append(f"success, but the last state is of step {newest}: {outcome.last_lines}")
        if self.prepared and newest < self.training.steps // 2:
            losses.append(f"the state of step {self.training.steps // 2} is gone: {outcome.last_lines}")
        return losses + self.training.finish(self.out)


class SampleTrial:
    """gpt-sample from a state."""
    name = "sample"

    def __init__(self, lab, out, prepared):
        self.out = out
        self.prepared = prepared
        self.lab = lab
        self.prepare()
        self.text = lab.run(self.command(1)).text

    def prepare(self):
        shutil.rmtree(self.out, ignore_errors=True)
        shutil.copytree(self.prepared, self.out)

    def command(self, ranks):
        return [self.lab.gpt_sample, "--checkpoint", str(self.out / "model.jld2"), "--max-chars", "40", "--threads", "1"]

    def check(self, outcome):
        return ["success with another text"] if outcome.status == 0 and outcome.text != self.text else []


def spread(count, most):
    """1…count, or `most` of them."""
    if most == 0 or count <= most:
        return range(1, count + 1)
    return sorted({1 + round(index * (count - 1) / (most - 1 or 1)) for index in range(most)})


def walk(lab, injector, trial, call, most):
    trial.prepare()
    _, count = injector.run(trial.command(1), call)
    for at in spread(count, most):
        for name in CALLS[call]:
            for always in [False, True]:
                if always and name == "EINTR":
                    continue
                ranks = 2 if lab.random.random() < 0.05 else 1
                trial.prepare()
                outcome, _ = injector.run(trial.command(ranks), call, at, name, always)
                losses = badly_ended(outcome) + trial.check(outcome)
                how = f"{'from ' if always else ''}call {at} of {count}, {ranks} rank{'s'[:ranks - 1]}"
                lab.count(f"{trial.name} {call} {name}", [f"{how}: {loss}" for loss in losses])


def table(lab):
    """Calls down, errors across; losses / tries of begin, resume and sample together."""
    sums = {}
    for row, (tries, lost) in lab.rows.items():
        _, call, name = row.split()
        total = sums.get((call, name), (0, 0))
        sums[call, name] = total[0] + lost, total[1] + tries
    names = [name for name in dict.fromkeys(sum(CALLS.values(), [])) if any(key[1] == name for key in sums)]
    print(f"\n| losses / tries | {' | '.join(names)} |\n|---{'|---' * len(names)}|")
    for call in dict.fromkeys(key[0] for key in sums):
        cells = ["{} / {}".format(*sums[call, name]) if (call, name) in sums else "–" for name in names]
        print(f"| {call} | {' | '.join(cells)} |")
    return 1 if any(lost for _, lost in lab.rows.values()) else 0


def main():
    syntax = parser("Fails the n-th system call of each kind.")
    syntax.add_argument("--calls", default=",".join(CALLS), help="which, with commas between (default: all)")
    syntax.add_argument("--most", type=int, default=24, help="n of each call; 0 is all (default %(default)s)")
    options = syntax.parse_args()
    calls = options.calls.split(",")
    for call in calls:
        if call not in CALLS:
            syntax.error(f"--calls: '{call}' is none of {', '.join(CALLS)}")
    if options.most < 0:
        syntax.error(f"--most is {options.most}: give a number from 0")
    if shutil.which("cc") is None:
        sys.exit("error: cc is missing: apt-get install gcc")
    with Lab(options) as lab:
        out, prepared = lab.folder / "out", lab.folder / "prepared"
        injector = Injector(lab, out)
        begin = TrainingTrial(lab, out)
        half = lab.run(begin.training.command(out, "--max-steps", str(begin.training.steps // 2)))
        if half.status != 0:
            sys.exit(f"error: the training fails without a fault: {half.last_lines}")
        shutil.move(out, prepared)
        for trial in [begin, TrainingTrial(lab, out, prepared), SampleTrial(lab, out, prepared)]:
            for call in calls:
                walk(lab, injector, trial, call, options.most)
        return table(lab)


if __name__ == "__main__":
    sys.exit(main())
