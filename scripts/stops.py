#!/usr/bin/env python3
"""Stops: a training, its launcher, mpirun or one of its ranks is stopped at a random moment for a random time, or all of
them for longer than any deadline, and goes on. Not root.
   scripts/stops.py               20 rounds of every victim
   scripts/stops.py --rounds 100  as many
   scripts/stops.py --long 60     seconds of the long stops (default 45: longer than a checkpoint may take to be read)
   scripts/stops.py --seed 7      other moments
Afterwards: it ends with status 0, the same bits and metrics; nobody is called hung, damaged or hostile; the lock is
gone and no process is left. Ctrl-Z and fg at a terminal are tried by scripts/terminals.py."""

import os
import re
import signal
import sys
import time

from trials import BOX, Lab, Training, metrics, parser, positive, wait_until

ACCUSATIONS = re.compile(r"hostile|damaged|no sign of life|does not answer|hung|crash", re.IGNORECASE)


def send(processes, number):
    for process in processes:
        try:
            os.kill(process, number)
        except ProcessLookupError:
            pass


def victims(lab, who):
    found = lab.kinds()
    if who == "all":
        return lab.processes()
    if who == "one rank":
        ranks = found["rank"] or found["launcher"]
        return [lab.random.choice(ranks)] if ranks else []
    return found[who]


def judge(lab, training, job, log, out):
    outcome = lab.end(job, log)
    losses = []
    if outcome.status != 0:
        losses.append(f"status {outcome.status}: {outcome.last_lines}")
    losses += [f"says: {line}" for line in outcome.text.splitlines() if ACCUSATIONS.search(line)]
    if BOX.search(outcome.text):
        losses.append("OpenMPI's box")
    left = lab.remains()
    if left:
        losses.append(f"left behind: {', '.join(left)}")
        lab.end_all()
    if outcome.status == 0:
        hash, lines, _ = training.undisturbed
        if training.hash(outcome) != hash:
            losses.append("other bits")
        if metrics(out / "run.jsonl") != lines:
            losses.append("other metrics")
        if list(out.glob("*.lock")):
            losses.append("a lock is left behind")
    return losses + (training.finish(out) if losses else [])


def stop_at_random(lab, training, number, who, ranks, launcher):
    """Up to three short stops between start and end."""
    out = lab.folder / f"out-{number}"
    log = lab.folder / "log"
    job = lab.start(training.command(out, ranks=ranks, launcher=launcher), log)
    for step in sorted(lab.random.sample(range(training.steps), lab.random.randint(1, 3))):
        if step > training.steps // 10:
            lab.reaches(step, job, log)
        else:
            time.sleep(lab.random.uniform(0, 0.5))
        stopped = victims(lab, who)
        send(stopped, signal.SIGSTOP)
        time.sleep(lab.random.uniform(0.05, 1.5))
        send(stopped, signal.SIGCONT)
    how = {"own": "--np", "mpirun": "mpirun"}[launcher] if ranks > 1 else "alone"
    lab.count(f"{who} stopped, {how}", judge(lab, training, job, log, out))


def stop_for_long(lab, training, number, seconds, moment, ranks):
    """All of a job for longer than its deadlines."""
    out = lab.folder / f"long-{number}"
    log = lab.folder / "log"
    extra = []
    if moment == "reading a checkpoint":
        lab.run(training.command(out, "--max-steps", str(training.steps // 2)))
        extra = ["--resume"]
    job = lab.start(training.command(out, *extra, "--hang-timeout", str(max(1, seconds // 3)), ranks=ranks), log)
    if moment == "reading a checkpoint":
        # The child that reads lives for milliseconds; whoever misses it stops the job a little later.
        wait_until(lambda: job.poll() is not None or lab.kinds()["reader"], 20)
    elif moment == "saving":
        wait_until(lambda: job.poll() is not None or list(out.glob("*.tmp*")), 20)
    else:
        time.sleep(lab.random.uniform(0, 0.3))
    stopped = lab.processes()
    send(stopped, signal.SIGSTOP)
    time.sleep(seconds)
    send(stopped, signal.SIGCONT)
    lab.count(f"all stopped for {seconds} s while {moment}", judge(lab, training, job, log, out))


def main():
    syntax = parser("Stops and continues trainings.")
    syntax.add_argument("--rounds", type=positive, default=20, help="rounds of short stops (default %(default)s)")
    syntax.add_argument("--long", type=positive, default=45, help="seconds of a long stop (default %(default)s)")
    options = syntax.parse_args()
    with Lab(options) as lab:
        training = Training(lab)
        number = 0
        for _ in range(options.rounds):
            for who, ranks, launcher in [
                ("all", 1, "own"), ("all", 2, "own"), ("launcher", 2, "own"), ("mpirun", 2, "own"),
                ("one rank", 2, "own"), ("all", 2, "mpirun"), ("mpirun", 2, "mpirun"), ("one rank", 2, "mpirun"),
            ]:
                number += 1
                stop_at_random(lab, training, number, who, ranks, launcher)
        for moment in ["starting", "saving", "reading a checkpoint"]:
            for ranks in [1, 2]:
                number += 1
                stop_for_long(lab, training, number, options.long, moment, ranks)
        return lab.conclude()


if __name__ == "__main__":
    sys.exit(main())
