#!/usr/bin/env python3
"""What a training would do on 1 to 1,024 hosts, from what `gpt-ddp --doctor` has measured on two or more.

    mpirun --hostfile hostfile -np 2 --bind-to none gpt-ddp --doctor > figures.txt     # one rank a host is best
    scripts/scale_model.py figures.txt --hosts 1,4,16,64
    scripts/scale_model.py figures.txt --wire 10gbit          # the same hosts on another wire
    scripts/scale_model.py figures.txt --batch-size 512       # or with another batch
    scripts/scale_model.py --check                            # predicted and measured here; as root, on shaped wires

A step is: the leaves of the busiest thread, its additions, what the exchange cannot hide behind the last backward pass,
the meeting of all ranks, the update. Leaves and nodes are those of the program's own plan (gpt-bench --plan). Left out:
reading, validating, saving, and whatever else runs on the hosts. Measured on few hosts, it is a guess for many: switches
that share their wires, and slow ones among a thousand hosts, are not in it.
"""

import argparse
import json
import math
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MOST_HOSTS = 1024
# Of a training's step: the part of a sequence's time that is its backward pass, during which gradients leave.
BACKWARD = 2 / 3
# Of a small message on Ethernet, with the headers of TCP/IP and of OpenMPI.
HEADER_BYTES = 130
# What --wire assumes where nothing was measured: a switch of a usual Ethernet.
USUAL_LATENCY, USUAL_MESSAGE = 50e-6, 5e-6
RATES = {"kbit": 1e3, "mbit": 1e6, "gbit": 1e9}
NUMBERS = ("hosts", "ranks_per_host", "threads", "seconds_per_sequence", "seconds_per_update",
           "seconds_per_added_float", "seconds_per_meeting")
WIRE = ("seconds_of_latency", "seconds_per_message", "seconds_per_byte")
SETTINGS = ("vocab-size", "n-embd", "n-layer", "n-head", "block-size", "batch-size", "micro-batch-size")


class Refusal(Exception):
    """One line for the user."""


# The model: pure functions of figures and plans.


def step_parts(figures, plan, row, threads, ranks, batch, micro_batch, dtype):
    """Seconds of a step by part. `plan` and its `row` are for this batch, micro-batch and number of hosts."""
    hosts, floats, buckets = row["hosts"], plan["gradient_floats"], plan["buckets"]
    add, sequence = figures["seconds_per_added_float"], figures["seconds_per_sequence"]
    rounds = math.ceil(row["leaves_of_rank"] / threads)
    parts = {
        "leaves": min(rounds * micro_batch, batch) * sequence,
        "folding": row["folds_of_rank"] * floats * add / min(threads, max(1, row["leaves_of_rank"])),
        "update": figures["seconds_per_update"],
    }
    if hosts == 1:
        parts["exchange"] = row["sums_of_host"] * floats * add / ranks if ranks > 1 else 0.0
        parts["meeting"] = 0.0 if ranks == 1 else (
            figures["seconds_per_meeting"] if figures["hosts"] == 1
            else (ranks - 1) * figures["seconds_per_message"])
        return parts
    latency, message, byte = (figures[name] for name in WIRE)
    copies = row["nodes_of_host"] + 1  # its nodes to the owners, and the sum back
    sums = (row["nodes"] - 1) / hosts + row["sums_of_host"]
    work = (
        buckets * (hosts - 1) * copies * message
        + byte * (1 - 1 / hosts) * floats * (2 if dtype == "bfloat16" else 4) * copies
        + sums * floats / ranks * add)
    hidden = BACKWARD * sequence * (buckets - 1) / buckets
    parts["exchange"] = 2 * latency + max(work / buckets, work - hidden)
    world = hosts * ranks
    record = 8 * (4 + 2 * row["leaves_of_rank"]) + HEADER_BYTES
    parts["meeting"] = latency + (world - 1) * message + ranks * (world - ranks) * record * byte
    return parts


class Model:
    """Predictions for one training. `plans(batch, micro_batch)` are of the program: a dict as of gpt-bench --plan."""

    def __init__(self, figures, plans, threads=None, ranks=None):
        self.figures, self.plans = figures, plans
        self.threads, self.ranks = threads or figures["threads"], ranks or figures["ranks_per_host"]
        settings = figures["settings"]
        self.batch, self.micro_batch = int(settings["batch-size"]), int(settings["micro-batch-size"])
        self.block, self.dtype = int(settings["block-size"]), settings.get("reduce-dtype", "float32")

    def parts(self, hosts, **changes):
        chosen = {"batch": self.batch, "micro_batch": self.micro_batch, "threads": self.threads, "dtype": self.dtype,
                  "figures": self.figures, **changes}
        plan = self.plans(chosen["batch"], chosen["micro_batch"])
        row = next(row for row in plan["plans"] if row["hosts"] == hosts)
        return step_parts(chosen["figures"], plan, row, chosen["threads"], self.ranks, chosen["batch"],
                          chosen["micro_batch"], chosen["dtype"])

    def seconds(self, hosts, **changes):
        return sum(self.parts(hosts, **changes).values())

    def speed(self, hosts, **changes):
        """Tokens a second."""
        return changes.get("batch", self.batch) * self.block / self.seconds(hosts, **changes)

    def efficiency(self, hosts):
        """Of the same batch on one host."""
        return self.seconds(1) / (hosts * self.seconds(hosts))

    def knobs(self, hosts):
        """(gain in tokens a second, what to turn), the best first."""
        tried = [(f"--batch-size {2 * self.batch}", {"batch": 2 * self.batch}),
                 (f"--threads {2 * self.threads}", {"threads": 2 * self.threads})]
        if self.micro_batch > 1:
            half = (self.micro_batch + 1) // 2
            tried.append((f"--micro-batch-size {half}", {"micro_batch": half}))
        if hosts > 1:
            if self.dtype == "float32":
                tried.append(("--reduce-dtype bfloat16", {"dtype": "bfloat16"}))
            faster = {**self.figures, "seconds_per_byte": self.figures["seconds_per_byte"] / 10}
            tried.append(("a wire 10 times as fast", {"figures": faster}))
        usual = self.speed(hosts)
        gains = [(self.speed(hosts, **changes) / usual - 1, name) for name, changes in tried]
        return sorted(gains, key=lambda gain: -gain[0])


# What is read


def parse_figures(text, source):
    """The figures in what a doctor has printed."""
    found = re.findall(r"^(?:ok +figures +)?(\{.*\})\s*$", text, re.MULTILINE)
    if not found:
        raise Refusal(f"{source} has no line of figures: it must be what gpt-ddp --doctor prints")
    try:
        figures = json.loads(found[-1])
    except ValueError:
        raise Refusal(f"{source}: the line of figures is damaged") from None
    several = figures.get("hosts") != 1
    for name in NUMBERS + (WIRE if several or WIRE[0] in figures else ()):
        value = figures.get(name)
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < math.inf:
            raise Refusal(f"{source}: {name} is {value!r}; it must be a number of at least 0")
    for name in ("hosts", "ranks_per_host", "threads"):
        if not isinstance(figures[name], int) or figures[name] < 1:
            raise Refusal(f"{source}: {name} is {figures[name]!r}; it must be a whole number of at least 1")
    settings = figures.get("settings")
    for name in SETTINGS:
        value = settings.get(name) if isinstance(settings, dict) else None
        if not isinstance(value, str) or not re.fullmatch(r"[1-9][0-9]{0,9}", value):
            raise Refusal(f"{source}: the setting {name} is {value!r}; it must be a whole number of at least 1")
    return figures


def mean_figures(first, second):
    """Of two measurements of the same hosts."""
    return {name: (value + second[name]) / 2 if name.startswith("seconds") else value
            for name, value in first.items()}


def parse_hosts(text):
    try:
        hosts = sorted({int(word) for word in text.split(",")} | {1})
    except ValueError:
        hosts = [0]
    if hosts[0] < 1 or hosts[-1] > MOST_HOSTS:
        raise Refusal(f"--hosts '{text}': give numbers from 1 to {MOST_HOSTS}, such as 1,4,16,64")
    return hosts


def parse_rate(text):
    """Seconds a byte."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(kbit|mbit|gbit)", text.lower())
    if not match or float(match[1]) == 0:
        raise Refusal(f"--wire '{text}': give a rate such as 100mbit, 1gbit or 10gbit")
    return 8 / (float(match[1]) * RATES[match[2]])


def with_wire(figures, rate):
    changed = {**figures, "seconds_per_byte": parse_rate(rate)}
    changed.setdefault("seconds_of_latency", USUAL_LATENCY)
    changed.setdefault("seconds_per_message", USUAL_MESSAGE)
    return changed


class Programs:
    def __init__(self, folder):
        self.folder = os.path.abspath(folder or next(
            (path for path in (f"{ROOT}/.build/release", f"{ROOT}/.build/debug")
             if os.access(f"{path}/gpt-bench", os.X_OK)), f"{ROOT}/.build/release"))
        self.environment = {**os.environ, "OMPI_MCA_rmaps_base_oversubscribe": "1"}
        if os.getuid() == 0:
            self.environment.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")

    def path(self, name):
        path = os.path.join(self.folder, name)
        if not os.access(path, os.X_OK):
            raise Refusal(f"{path} is missing: build with 'swift build -c release', or give --programs FOLDER")
        return path

    def run(self, command, **more):
        try:
            done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                                  env=self.environment, **more)
        except OSError as error:
            raise Refusal(f"cannot start {command[0]}: {error.strerror}") from None
        if done.returncode:
            lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
            reason = next((line for line in lines if "error" in line or line.startswith("BAD")), (lines or [""])[0])
            raise Refusal(f"{' '.join(command)} ended with status {done.returncode}: {reason.strip()}")
        return done.stdout

    def plans(self, settings, hosts, ranks):
        """The program's plans for these numbers of hosts, asked for once each."""
        known = {}

        def plan(batch, micro_batch):
            if (batch, micro_batch) not in known:
                chosen = {**settings, "batch-size": batch, "micro-batch-size": micro_batch}
                words = [word for name in SETTINGS for word in (f"--{name}", str(chosen[name]))]
                known[batch, micro_batch] = json.loads(self.run(
                    [self.path("gpt-bench"), "--plan", ",".join(map(str, hosts)), "--ranks-per-host", str(ranks)]
                    + words))
            return known[batch, micro_batch]

        return plan


# What is printed


def table(model, hosts):
    lines = [f"{'hosts':>5} {'ranks':>6} {'threads':>7} {'ms a step':>10} {'tokens/s':>12} {'efficiency':>10}  helps most"]
    for count in hosts:
        gain, knob = model.knobs(count)[0]
        advice = f"{knob} (+{100 * gain:.0f} %)" if gain >= 0.02 else "nothing that this model knows"
        lines.append(
            f"{count:>5} {count * model.ranks:>6} {model.threads:>7} {1000 * model.seconds(count):>10.2f} "
            f"{model.speed(count):>12,.0f} {100 * model.efficiency(count):>8.0f} %  {advice}")
    print("\n".join(lines))


def as_json(model, hosts):
    print(json.dumps([
        {"hosts": count, "ranks": count * model.ranks, "threads": model.threads, "seconds": model.seconds(count),
         "tokens_per_second": model.speed(count), "efficiency": model.efficiency(count), "parts": model.parts(count),
         "knobs": [{"gain": gain, "name": name} for gain, name in model.knobs(count)]} for count in hosts], indent=1))


class Check:
    """Predictions against runs on this machine: ranks of one host, then two hosts of one rank on shaped wires."""

    def __init__(self, programs, options, scratch):
        self.programs, self.options, self.scratch, self.errors = programs, options, scratch, []
        self.words = [
            "--threads", str(options.threads or 1), "--data-dir", scratch, "--checkpoint", f"{scratch}/c.jld2",
            *options.arguments]

    def measured(self, launcher):
        """Median seconds of a step; the first ones warm up."""
        metrics = os.path.join(self.scratch, "metrics.jsonl")
        if os.path.exists(metrics):
            os.remove(metrics)
        self.programs.run(launcher + [
            self.programs.path("gpt-ddp"), *self.words, "--no-download", "--no-save", "--val-frac", "0",
            "--num-samples", "0", "--sample-interval", "0", "--hash-interval", "0", "--log-interval", "0",
            "--max-steps", str(self.options.steps), "--metrics", metrics])
        with open(metrics, encoding="utf-8") as file:
            seconds = [json.loads(line)["seconds"] for line in file]
        return statistics.median(after - before for before, after in zip(seconds[2:], seconds[3:]))

    def figures(self, launcher):
        return parse_figures(
            self.programs.run(launcher + [self.programs.path("gpt-ddp"), "--doctor", *self.words]), "the doctor")

    def row(self, name, launcher, hosts, ranks):
        # Before and after: the machine may have other work, too, and more of it at one time than at another.
        before = self.figures(launcher)
        measured = self.measured(launcher)
        figures = mean_figures(before, self.figures(launcher))
        model = Model(figures, self.programs.plans(figures["settings"], [hosts], ranks), ranks=ranks)
        predicted = model.seconds(hosts)
        error = predicted / measured - 1
        self.errors.append(abs(error))
        exchange = model.parts(hosts)["exchange"]
        print(f"{name:<28} {1000 * predicted:>10.1f} {1000 * measured:>10.1f} {100 * error:>+7.1f} % "
              f"{1000 * exchange:>10.2f}", flush=True)

    def run(self):
        print(f"{'':<28} {'predicted':>10} {'measured':>10} {'error':>9} {'exchange':>10}   ms a step", flush=True)
        for ranks in (1, 2, 4):
            launcher = [] if ranks == 1 else ["mpirun", "-np", str(ranks), "--bind-to", "none"]
            if launcher and not shutil.which("mpirun"):
                raise Refusal("mpirun is missing: apt-get install openmpi-bin")
            self.row(f"1 host, np {ranks}", launcher, 1, ranks)
        self.wires()
        print(f"mean error {100 * statistics.mean(self.errors):.1f} %, largest {100 * max(self.errors):.1f} %")

    def wires(self):
        path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
        if os.getuid() != 0 or not (shutil.which("ip", path=path) and shutil.which("tc", path=path)):
            print("two hosts: skipped, network namespaces need root and iproute2")
            return
        if os.path.exists("/run/microgpt-multinode"):
            print("two hosts: skipped, scripts/multinode.sh has hosts already (scripts/multinode.sh down)")
            return
        multinode = f"{ROOT}/scripts/multinode.sh"
        self.programs.run([multinode, "up", "2"])
        try:
            for rate in ("100mbit", "1gbit", None):
                self.programs.run([multinode, "rate", "host2", rate] if rate else [multinode, "heal"])
                self.row(f"2 hosts, {rate or 'unshaped'}", [multinode, "run", "-np", "2", "--"], 2, 1)
        finally:
            subprocess.run([multinode, "down"], capture_output=True, check=False)


def positive(text):
    if not re.fullmatch(r"[1-9][0-9]{0,5}", text):
        raise argparse.ArgumentTypeError(f"'{text}' must be a whole number of at least 1")
    return int(text)


def parse(words):
    class Parser(argparse.ArgumentParser):
        def error(self, message):
            raise Refusal(message)

    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figures", nargs="?", metavar="FILE", help="what gpt-ddp --doctor has printed; - is standard input")
    parser.add_argument("--hosts", default="1,2,4,8,16,32,64,128,256,512,1024", metavar="LIST")
    parser.add_argument("--ranks-per-host", type=positive, metavar="N", help="default: as measured")
    parser.add_argument("--threads", type=positive, metavar="N", help="of each rank; default: as measured (--check: 1)")
    parser.add_argument("--batch-size", type=positive, metavar="N", help="another one than measured with")
    parser.add_argument("--micro-batch-size", type=positive, metavar="N", help="another one than measured with")
    parser.add_argument("--wire", metavar="RATE", help="another wire than the measured one: 100mbit, 1gbit, 10gbit")
    parser.add_argument("--json", action="store_true", help="every part and every knob")
    parser.add_argument("--check", action="store_true", help="predict, run and compare; takes some minutes")
    parser.add_argument("--steps", type=positive, default=12, metavar="N", help="of each run of --check, at least 5")
    parser.add_argument("--programs", metavar="FOLDER", help="default: .build/release, or .build/debug")
    parser.add_argument("arguments", nargs="*", metavar="-- OPTION…", help="for gpt-ddp in --check")
    # argparse would take the first of them for the file.
    cut = words.index("--") if "--" in words else len(words)
    options = parser.parse_args(words[:cut])
    if options.arguments:
        raise Refusal(f"'{options.arguments[0]}' is one too many: give one file; options of gpt-ddp go after --")
    options.arguments = words[cut + 1:]
    if options.check and options.figures:
        raise Refusal("--check measures by itself: omit the file")
    if options.check and (options.batch_size or options.micro_batch_size or options.wire or options.ranks_per_host):
        raise Refusal("--check compares what it runs: give options of gpt-ddp after --")
    if options.arguments and not options.check:
        raise Refusal("options of gpt-ddp belong to --check; else give them to the doctor")
    if options.steps < 5:
        raise Refusal("--steps must be at least 5")
    if not options.check and not options.figures:
        raise Refusal("give the file with what gpt-ddp --doctor has printed, or --check")
    return options


def main(words):
    options = parse(words)
    hosts = parse_hosts(options.hosts)
    programs = Programs(options.programs)
    if options.check:
        with tempfile.TemporaryDirectory() as scratch:
            Check(programs, options, scratch).run()
        return
    try:
        if options.figures == "-":
            text = sys.stdin.read()
        else:
            with open(options.figures, encoding="utf-8") as file:
                text = file.read()
    except UnicodeDecodeError:
        raise Refusal(f"{options.figures} is not a text") from None
    except OSError as error:
        raise Refusal(f"cannot read {options.figures}: {error.strerror}") from None
    figures = parse_figures(text, options.figures)
    if options.wire:
        figures = with_wire(figures, options.wire)
    if hosts[-1] > 1 and WIRE[0] not in figures:
        raise Refusal(f"{options.figures} was measured on one host: run the doctor under mpirun on two, or give --wire 1gbit")
    for name in ("batch-size", "micro-batch-size"):
        chosen = getattr(options, name.replace("-", "_"))
        if chosen:
            figures["settings"][name] = str(chosen)
    ranks = options.ranks_per_host or figures["ranks_per_host"]
    model = Model(figures, programs.plans(figures["settings"], hosts, ranks), options.threads, ranks)
    (as_json if options.json else table)(model, hosts)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Refusal as refusal:
        print(f"scale_model.py: error: {refusal}", file=sys.stderr)
        sys.exit(2)
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(130)
