"""Imported by the scripts that hurt a training and count what it lost, not run: the programs, one small training, what
must be true of it afterwards, the table of tries and losses. Standard library only."""

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# What test harnesses take for "skipped": the machine refuses what the trial needs.
SKIPPED = 77
# Seconds that no training here takes, however busy the machine is.
LIMIT = 180
# OpenMPI frames its messages in such a line.
BOX = re.compile(r"^-{20,}\s*$", re.MULTILINE)


def parser(description, seed=2026):
    """Options that all trials have."""
    result = argparse.ArgumentParser(description=description, allow_abbrev=False)
    result.add_argument("--seed", type=int, default=seed, help="other moments and victims (default %(default)s)")
    result.add_argument(
        "--programs", type=Path, metavar="FOLDER", help="gpt-ddp and gpt-sample are here; default: build them")
    return result


def positive(text):
    if not re.fullmatch(r"[1-9][0-9]*", text):
        raise argparse.ArgumentTypeError(f"'{text}' is no number from 1")
    return int(text)


def skip(reason):
    print(f"skipped: {reason}", file=sys.stderr)
    sys.exit(SKIPPED)


class Outcome:
    """How a process ended (negative: by that signal; None: not within the limit) and what it said."""

    def __init__(self, status, text):
        self.status = status
        self.text = text

    @property
    def errors(self):
        return [line for line in self.text.splitlines() if line.startswith("error: ")]

    @property
    def last_lines(self):
        return " / ".join(line for line in self.text.strip().splitlines()[-3:] if not line.startswith("starting "))


class Training:
    """The one training of a script, in a folder of its own each time."""

    def __init__(self, lab, **settings):
        self.lab = lab
        options = {
            "data": lab.corpus, "n-embd": 16, "n-layer": 1, "n-head": 2, "block-size": 32, "threads": 1,
            "num-steps": 300, "checkpoint-interval": 10, "keep": 3, "log-interval": 1, "sample-interval": 0,
            "num-samples": 0, "hang-timeout": 60,
        }
        options.update({key.replace("_", "-"): value for key, value in settings.items()})
        self.steps = options["num-steps"]
        self.options = [word for key, value in options.items() for word in (f"--{key}", str(value))]
        self._undisturbed = None

    def command(self, out, *extra, ranks=1, launcher="own"):
        """A command line.

        out: folder of checkpoint and metrics; launcher: 'own' is --np, 'mpirun' is mpirun itself.
        """
        words = [self.lab.gpt_ddp, *self.options, "--checkpoint", f"{out}/model.jld2", "--metrics",
                 f"{out}/run.jsonl", *extra]
        if launcher == "mpirun":
            return ["mpirun", "-np", str(ranks), "--oversubscribe", "--bind-to", "none", *words]
        return words + (["--np", str(ranks)] if ranks > 1 else [])

    @property
    def undisturbed(self):
        """Final hash, metrics and seconds of the training when nothing happens."""
        if self._undisturbed is None:
            out = self.lab.folder / "undisturbed"
            start = time.monotonic()
            outcome = self.lab.run(self.command(out))
            if outcome.status != 0:
                sys.exit(f"error: the undisturbed training fails: {outcome.last_lines}")
            self._undisturbed = self.hash(outcome), metrics(out / "run.jsonl"), time.monotonic() - start
            shutil.rmtree(out)
        return self._undisturbed

    def hash(self, outcome):
        return self.hash_in(outcome.text)

    def hash_in(self, text):
        """The hash that a log ends in; None if it does not come to the last step."""
        found = re.findall(rf"^Weights hash (\w+) after step {self.steps}$", text, re.MULTILINE)
        return found[-1] if found else None

    def finish(self, out, ranks=1):
        """Goes on without disturbance, or begins where nothing is saved.

        Returns what is lost: a line each.
        """
        states = saved(out)
        if states and not any(self.lab.verifies(path) for path in states):
            return [f"none of {', '.join(path.name for path in states)} verifies"]
        command = self.command(out, *(["--resume"] if states else []), ranks=ranks)
        outcome = self.lab.run(command)
        losses = []
        lock = out / "model.jld2.lock"
        if outcome.status == 2 and lock.exists():
            # Taken away, so that what else is lost can be seen.
            losses.append(f"a lock left behind is in the way: {outcome.last_lines}")
            lock.unlink()
            outcome = self.lab.run(command)
        if outcome.status != 0:
            return losses + [f"does not go on, status {outcome.status}: {outcome.last_lines}"]
        hash, lines, _ = self.undisturbed
        if self.hash(outcome) != hash:
            losses.append(f"other bits: {self.hash(outcome)} instead of {hash}")
        said = any("metrics" in line and re.search("missing|lack|behind|gap", line)
                   for line in re.sub(r"\n {11}(?! )", " ", outcome.text).splitlines())
        found = metrics(out / "run.jsonl")
        if found != lines and not said:
            missing = [step for step in lines if step not in found]
            losses.append(f"metrics: {len(missing)} lines missing without a word" if missing
                          else "metrics: other lines than undisturbed")
        if list(out.glob("*.lock")):
            losses.append("a lock is left behind")
        return losses


def saved(out):
    return sorted(out.glob("*.jld2")) if out.is_dir() else []


def metrics(path):
    """(step, key) → the number as it is written; a repeated line counts as other than the first."""
    result = {}
    if path.exists():
        for line in path.read_text(errors="replace").splitlines():
            try:
                values = json.loads(line, parse_float=str)
                key = "val_loss" if "val_loss" in values else "loss"
                number = (values["step"], key)
                result[number] = values[key] if number not in result else "repeated"
            except (ValueError, KeyError, TypeError):
                result[line] = "unreadable"
    return result


class Lab:
    """Programs, a folder, a corpus; everything that it starts and makes ends with it."""

    def __init__(self, options, parent=None):
        self.random = random.Random(options.seed)
        for number in [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]:
            signal.signal(number, lambda number, _: sys.exit(128 + number))
        programs = options.programs
        if programs is None:
            subprocess.run([ROOT / "scripts/setup.sh"], check=True, stdout=sys.stderr)
            subprocess.run(["swift", "build"], cwd=ROOT, check=True, stdout=sys.stderr)
            programs = ROOT / ".build/debug"
        self.gpt_ddp, self.gpt_sample = (str((programs / name).resolve()) for name in ("gpt-ddp", "gpt-sample"))
        for program in (self.gpt_ddp, self.gpt_sample):
            if not os.access(program, os.X_OK):
                sys.exit(f"error: {program} is no program: build it, or give --programs FOLDER")
        # Every process that has this in its environment was started here, whoever its parent is by now.
        self.mark = f"MICROGPT_TRIAL={uuid.uuid4()}"
        self.folder = Path(tempfile.mkdtemp(prefix="microgpt-trial-", dir=parent))
        self.environment = dict(
            os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
            OMPI_MCA_rmaps_base_oversubscribe="1", TMPDIR=str(self.folder))
        self.environment.update([self.mark.split("=")])
        self.corpus = str(self.folder / "t.txt")
        self._write_corpus()
        self.rows = {}

    def __enter__(self):
        return self

    def __exit__(self, cause, *_):
        # A second Ctrl-C does not stop the sweeping.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if cause and self.rows:
            self.conclude()
        self.end_all()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write_corpus(self):
        source = Path(os.environ.get("MICROGPT_DATA", ROOT / "data")) / "tinyshakespeare.txt"
        if source.exists():
            text = source.read_bytes()[:60_000]
        else:
            words = "the cat sat on a mat and saw dog run far away".split()
            dice = random.Random(1)
            text = "\n".join(" ".join(dice.choices(words, k=9)) for _ in range(1_700)).encode()[:60_000]
        Path(self.corpus).write_bytes(text)

    # What runs

    def start(self, command, log, environment=None, **options):
        """Starts a process whose output goes to the file `log`, in a session of its own."""
        with open(log, "wb") as output:
            return subprocess.Popen(
                command, cwd=self.folder, env={**self.environment, **(environment or {})},
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True, **options)

    def run(self, command, limit=LIMIT, environment=None, **options):
        log = self.folder / f"log-{uuid.uuid4()}"
        process = self.start(command, log, environment, **options)
        return self.end(process, log, limit)

    def end(self, process, log, limit=LIMIT):
        """Waits for the end; what takes longer than `limit` seconds is killed and has no status."""
        try:
            status = process.wait(limit)
        except subprocess.TimeoutExpired:
            status = None
            self.end_all()
            process.wait()
        text = Path(log).read_text(errors="replace")
        os.unlink(log)
        return Outcome(status, text)

    def processes(self):
        """Ids of all that was started here and runs."""
        found = []
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    if self.mark.encode() in Path(f"/proc/{entry}/environ").read_bytes().split(b"\0"):
                        found.append(int(entry))
                except OSError:
                    pass
        return found

    def kinds(self):
        """Processes of the job by what they are: launcher, mpirun, rank, reader."""
        found = {"launcher": [], "mpirun": [], "rank": [], "reader": []}
        for process in self.processes():
            try:
                command = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
                variables = Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
                parent = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            name = os.path.basename(command[0])
            is_rank = any(variable.startswith(b"OMPI_COMM_WORLD_RANK=") for variable in variables)
            found["mpirun" if name == b"mpirun" else "rank" if is_rank else "launcher"].append((process, parent))
        ranks = {process for process, _ in found["rank"]}
        alone = {process for process, _ in found["launcher"]}
        for kind, others in [("rank", ranks), ("launcher", alone)]:
            found["reader"] += [process for process, parent in found[kind] if parent in others]
            found[kind] = [process for process, parent in found[kind] if parent not in others]
        found["mpirun"] = [process for process, _ in found["mpirun"]]
        return found

    def remains(self, seconds=10):
        """Processes that are still there after some seconds, by name."""
        wait_until(lambda: not self.processes(), seconds)
        names = []
        for process in self.processes():
            try:
                names.append(Path(f"/proc/{process}/comm").read_text().strip())
            except OSError:
                pass
        return names

    def end_all(self):
        for process in self.processes():
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass
        wait_until(lambda: not self.processes(), 30)

    def reaches(self, step, job, log):
        """Waits until a job has logged a step, or ended."""
        def is_there():
            steps = re.findall(r"\| step +(\d+) /", Path(log).read_text(errors="replace"))
            return bool(steps) and int(steps[-1]) >= step
        wait_until(lambda: job.poll() is not None or is_there())

    # What is asked

    def verifies(self, checkpoint):
        return self.run([self.gpt_sample, "--verify", str(checkpoint)]).status == 0

    def step(self, checkpoint):
        """The step of a checkpoint; None where it cannot be read."""
        outcome = self.run([self.gpt_sample, "--inspect", str(checkpoint), "--json"])
        found = re.search(r'"progress/step":\s*(\d+)', outcome.text)
        return int(found[1]) if found else None

    # What is counted

    def count(self, row, losses):
        """One try of `row`, and a line for each thing that it lost."""
        tries, lost = self.rows.get(row, (0, 0))
        self.rows[row] = tries + 1, lost + bool(losses)
        for loss in losses:
            print(f"LOSS {row}: {loss}", flush=True)

    def conclude(self):
        """Prints the table and returns the exit status."""
        print("\n| what | tries | losses |\n|---|---|---|")
        for row, (tries, lost) in self.rows.items():
            print(f"| {row} | {tries} | {lost} |")
        return 1 if any(lost for _, lost in self.rows.values()) else 0


def wait_until(condition, seconds=LIMIT):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True
