#!/usr/bin/env python3
"""Surroundings: descriptors that are closed, full or slow, limits that are too low, folders that are gone or read-only,
and a parent that ignores what it should not. Root tries read-only folders too, and is above ulimit -u.
   scripts/surroundings.py                     every one
   scripts/surroundings.py --only "ulimit -v"  only those that have this in their name
Each training, sample and report runs to its right end, or says why not in one line of its own; nothing hangs, crashes,
or writes its log into a file of the run."""

import os
import re
import resource
import shutil
import sys

from trials import BOX, Lab, Training, parser

SECONDS = 90  # a hang, however busy the machine is
# Standard library and MPI say such things where only they know the cause.
CRASH = re.compile(r"Fatal error|Illegal instruction|Segmentation|core dumped|Traceback|Signal: ")


class Surrounding:
    """A shell script that runs its arguments in them.

    must_run: not even a line excuses a training that does not run; is_heard: errors reach this script; others: statuses
    that are right as well.
    """

    def __init__(self, name, script, must_run=False, is_heard=True, others=()):
        self.name, self.script, self.must_run, self.is_heard = name, script, must_run, is_heard
        self.others = others

    def around(self, command):
        return ["bash", "-c", self.script, "bash", *command]


def descriptors():
    for words in ["<&-", ">&-", "2>&-", "<&- >&-", ">&- 2>&-", "<&- >&- 2>&-"]:
        yield Surrounding(f"closed: {words}", f'exec "$@" {words}', must_run=True, is_heard=False)
    yield Surrounding("output to /dev/full", 'exec "$@" >/dev/full')
    yield Surrounding("errors to /dev/full", 'exec "$@" 2>/dev/full', must_run=True, is_heard=False)
    # Of SIGPIPE ends gpt-sample, like any filter; not a training.
    yield Surrounding("a reader that has gone", '"$@" | true; exit ${PIPESTATUS[0]}', others=[141])
    yield Surrounding(
        "output that does not wait, a slow reader",
        "python3 -c 'import os, sys; os.set_blocking(1, False); os.execvp(sys.argv[1], sys.argv[1:])' \"$@\" |"
        " (sleep 2; cat); exit ${PIPESTATUS[0]}", must_run=True)


def limits():
    for megabytes in [50, 100, 150, 200, 300, 400, 500, 700, 1000, 1500, 2000]:
        yield Surrounding(f"ulimit -v {megabytes} MB", f'ulimit -v {megabytes << 10}; exec "$@"')
    for files in [4, 5, 6, 7, 8, 10, 12, 16, 20, 24, 28, 32, 48]:
        yield Surrounding(f"ulimit -n {files}", f'ulimit -n {files}; exec "$@"')
    # Units of 1,024 bytes: no file at all (no log either), less than a state, a state but not all metrics, all.
    for size in [0, 1, 16, 60, 100]:
        yield Surrounding(f"ulimit -f {size}", f'ulimit -f {size}; exec "$@"', is_heard=size > 1)
    for size in [64, 128, 256, 1024]:
        yield Surrounding(f"ulimit -s {size}", f'ulimit -s {size}; exec "$@"')
    # Root is above this limit.
    for processes in [1, 5, 10]:
        yield Surrounding(f"ulimit -u {processes}", f'ulimit -u {processes}; exec "$@"')


def environments():
    allowed = "OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1"
    yield Surrounding("empty environment", f'exec env -i MICROGPT_TRIAL="$MICROGPT_TRIAL" {allowed} "$@"')
    for setting in ["HOME=/nonexistent", "TMPDIR=/nonexistent", "TMPDIR=/proc", "LC_ALL=tr_TR.UTF-8", "LC_ALL=nonsense"]:
        yield Surrounding(setting, f'exec env {setting} "$@"')
    yield Surrounding("HOME, TERM and LANG unset", 'unset HOME TERM LANG LC_ALL; exec "$@"', must_run=True)
    yield Surrounding("no PATH", 'unset PATH; exec "$@"')
    yield Surrounding("working folder removed", 'mkdir -p gone && cd gone && rmdir ../gone; exec "$@"')
    yield Surrounding("umask 777", 'umask 777; exec "$@"')
    for signals in ["CHLD", "PIPE", "HUP INT TERM"]:
        yield Surrounding(f"ignored: {signals}", f"trap '' {signals}; exec \"$@\"", must_run=True)
    yield Surrounding(
        "all signals blocked",
        "exec python3 -c 'import os, signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals());"
        " os.execvp(sys.argv[1], sys.argv[1:])' \"$@\"", must_run=True)
    if os.geteuid() == 0:
        mount = 'mkdir -p "$0"; mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" &&'
        for what, folder, setting in [("output folder", "out", ""), ("TMPDIR", "read-only", 'TMPDIR="$PWD/$0"'),
                                      ("HOME", "read-only", 'HOME="$PWD/$0"')]:
            yield Surrounding(
                f"{what} read-only", f"exec unshare -m bash -c '{mount} exec env {setting} \"$@\"' {folder} \"$@\"",
                must_run=what == "HOME")


class Trial:
    def __init__(self, lab, training):
        self.lab, self.training = lab, training
        self.out = lab.folder / "out"
        self.state = lab.folder / "state.jld2"
        half = lab.run(training.command(self.out))
        if half.status != 0:
            sys.exit(f"error: the training fails without a fault: {half.last_lines}")
        shutil.copy(self.out / "model.jld2", self.state)
        self.sample = [lab.gpt_sample, "--checkpoint", str(self.state), "--max-chars", "40", "--threads", "1"]
        self.text = lab.run(self.sample).text

    def judge(self, surrounding, outcome, must_run):
        """What is wrong with how it ended."""
        if outcome.status is None:
            return [f"hangs: {outcome.last_lines}"]
        losses = []
        if "error while loading shared libraries" in outcome.text and outcome.status == 127:
            # The system's line, before anything of ours runs.
            return losses
        if outcome.status not in (0, 1, 2, *surrounding.others):
            losses.append(f"status {outcome.status}: {outcome.last_lines}")
        elif outcome.status != 0 and must_run:
            losses.append(f"does not run, status {outcome.status}: {outcome.last_lines}")
        elif outcome.status != 0 and surrounding.is_heard and len(outcome.errors) != 1:
            losses.append(f"status {outcome.status} with {len(outcome.errors)} lines of error: {outcome.last_lines}")
        if CRASH.search(outcome.text):
            losses.append(f"crashes: {outcome.last_lines}")
        if BOX.search(outcome.text):
            losses.append(f"OpenMPI's box: {outcome.last_lines}")
        return losses

    def train(self, surrounding, ranks):
        shutil.rmtree(self.out, ignore_errors=True)
        outcome = self.lab.run(surrounding.around(self.training.command(self.out, ranks=ranks)), SECONDS)
        losses = self.judge(surrounding, outcome, surrounding.must_run)
        if outcome.status == 0 and self.lab.step(self.out / "model.jld2") != self.training.steps:
            losses.append(f"success without the last state: {outcome.last_lines}")
        left = self.lab.remains()
        if left:
            losses.append(f"left behind: {', '.join(left)}")
            self.lab.end_all()
        program = "gpt-ddp" if ranks == 1 else "gpt-ddp --np 2"
        losses += self.training.finish(self.out)
        self.lab.count(surrounding.name, [f"{program}: {loss}" for loss in losses])

    def report(self, surrounding):
        """A report that cannot be printed is a failure; a training goes on."""
        is_mute = "output" in surrounding.name or ">&-" in surrounding.name or "gone" in surrounding.name
        for what, command in [
            ("", self.sample), ("--verify", [self.lab.gpt_sample, "--verify", str(self.state)]),
            ("--inspect", [self.lab.gpt_sample, "--inspect", str(self.state)]),
            ("--help", [self.lab.gpt_sample, "--help"]),
        ]:
            outcome = self.lab.run(surrounding.around(command), SECONDS)
            losses = self.judge(surrounding, outcome, surrounding.must_run and not is_mute)
            if surrounding.name == "output to /dev/full" and outcome.status == 0:
                losses.append("success, and its output is lost")
            elif outcome.status == 0 and not what and not is_mute and outcome.text != self.text:
                losses.append("another text")
            self.lab.count(surrounding.name, [f"gpt-sample {what}: {loss}" for loss in losses])


def main():
    syntax = parser("Runs the programs in bad surroundings.")
    syntax.add_argument("--only", metavar="WORD", default="", help="only those that have this in their name")
    options = syntax.parse_args()
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    chosen = [one for one in [*descriptors(), *limits(), *environments()] if options.only in one.name]
    if not chosen:
        syntax.error(f"--only: nothing has '{options.only}' in its name")
    with Lab(options) as lab:
        trial = Trial(lab, Training(lab, num_steps=20, checkpoint_interval=5, keep=2, hang_timeout=20))
        for surrounding in chosen:
            trial.train(surrounding, 1)
            trial.train(surrounding, 2)
            trial.report(surrounding)
        return lab.conclude()


if __name__ == "__main__":
    sys.exit(main())
