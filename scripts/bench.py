#!/usr/bin/env python3
"""Ours and PyTorch, interleaved in one run: step, data-parallel step, generation, names, all-reduce, start-up,
sizes, memory. Prints medians, spreads and ratios; --json keeps them. scripts/bench.sh builds and starts it.

Each round gives every side one short turn, so that a slow minute of the machine hurts all alike; a ratio is the
median of the rounds' ratios. Peers run only if --python has PyTorch; without it our own figures are printed.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "scripts", "bench"))
from driver import BenchFailure, Ours, Worker, write_corpora  # noqa: E402

SECTIONS = ("train", "ddp", "generate", "names", "allreduce", "startup", "sweep", "memory")
DEFAULT = {"n_embd": 128, "n_layer": 4, "block_size": 256, "n_head": 4, "batch_size": 32, "vocab_size": 66}
# One size away from the default each, the batch smaller where a step would be long; odd sizes among them.
SWEEP = [
    {"n_embd": 64, "batch_size": 8}, {"n_embd": 256, "batch_size": 4}, {"n_embd": 512, "n_head": 8, "batch_size": 2},
    {"n_embd": 132, "n_head": 3, "batch_size": 8}, {"n_embd": 90, "n_head": 5, "batch_size": 8},
    {"block_size": 64, "batch_size": 16}, {"block_size": 100, "batch_size": 16}, {"block_size": 512, "batch_size": 4},
    {"block_size": 1024, "batch_size": 2}, {"batch_size": 1}, {"batch_size": 7}, {"n_embd": 64, "batch_size": 128},
]


def step_flops(size):
    """Floating-point operations of a training step: 6 a weight of a linear layer and token, and attention
    (q·k and s·v forward, four such products backward, 2C each) over the pairs that the mask keeps."""
    C, L, T, B = size["n_embd"], size["n_layer"], size["block_size"], size["batch_size"]
    linear = 6 * (12 * L * C * C + C * size["vocab_size"]) * B * T
    return linear + 6 * 2 * C * (T * (T + 1) // 2) * L * B


def sizes(size, *keys):
    keys = keys or ("n_embd", "n_layer", "block_size", "n_head", "batch_size")
    return [word for key in keys for word in (f"--{key}", size[key])]


def summary(rounds):
    """rounds: one value each. Median and the two extremes."""
    return {"median": statistics.median(rounds), "min": min(rounds), "max": max(rounds), "rounds": rounds}


def number(value):
    """Four significant digits, no exponent for what people count."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


class Bench:
    def __init__(self, options, ours, text, names):
        self.options, self.ours, self.text, self.names = options, ours, text, names
        self.rows, self.failures, self.profiles, self.peaks = [], [], {}, []
        self.python = options.python

    # Measuring

    def interleave(self, sides, rounds=None):
        """sides: name -> function that takes one turn and returns one value. A side that fails is omitted from
        then on and remembered. Returns name -> values of the rounds."""
        results = {name: [] for name in sides}
        failed = set()
        for _ in range(rounds or self.options.rounds):
            for name, turn in sides.items():
                if name in failed:
                    continue
                try:
                    results[name].append(turn())
                except BenchFailure as failure:
                    self.fail(f"{name}: {failure}")
                    failed.add(name)
        return {name: values for name, values in results.items() if name not in failed}

    def fail(self, message):
        print(f"  FAILED  {message}", flush=True)
        self.failures.append(message)

    def add(self, section, label, unit, results, ours, peer, scale=1.0, **more):
        """Prints a row and keeps it. The ratio is ours over peer, paired in each round."""
        row = {"section": section, "what": label, "unit": unit}
        for side, name in (("ours", ours), ("peer", peer)):
            if name in results:
                row[side] = {"name": name, **summary([value * scale for value in results[name]])}
        if "ours" in row and "peer" in row:
            row["ratio"] = summary([a / b for a, b in zip(results[ours], results[peer])])
        row.update({key: value for key, value in more.items() if value is not None})
        self.rows.append(row)
        if "ours" in row or "peer" in row:
            print("  " + self.line(row), flush=True)

    @staticmethod
    def line(row):
        def cell(side):
            if side not in row:
                return " " * 28
            s = row[side]
            return f"{number(s['median']):>8} [{number(s['min'])} … {number(s['max'])}]".ljust(28)

        text = f"{row['what']:<40} {row['unit']:>8} {cell('ours')} {cell('peer')}".rstrip()
        if "ratio" in row:
            text = text.ljust(107) + f"{row['ratio']['median']:.3f} [{row['ratio']['min']:.3f} … {row['ratio']['max']:.3f}]"
        if "share_of_peak" in row:
            text += f"  {100 * row['share_of_peak']:.0f} % of FMA peak"
        return text

    def torch(self, stack, script, *arguments):
        """A worker that lives as long as `stack`, or None without PyTorch or when it does not start."""
        if self.python is None:
            return None
        try:
            return stack.enter_context(Worker(self.python, script, *arguments))
        except BenchFailure as failure:
            self.fail(str(failure))
            return None

    def measure_peak(self):
        """GFLOP/s of one core at fused multiply-adds, now."""
        value = float(self.ours.run_json(1, "gpt-bench", "--peak")["gflops"])
        self.peaks.append(value)
        return value

    def training(self, size):
        # Hashing and validation are no part of a step; the schedule is long enough never to end.
        return ["--preset", "reference", "--data", self.text, "--val-frac", 0, "--hash-interval", 1_000_000,
                *sizes(size)]

    def our_step(self, ranks, threads, size, count):
        return lambda: statistics.median(
            self.ours.steps(ranks, count, "--threads", threads, *self.training(size)))

    # Sections

    def train(self):
        for threads in (1, 2):
            with ExitStack() as stack:
                sides = {"peak": self.measure_peak, "ours": self.our_step(1, threads, DEFAULT, self.options.steps)}
                worker = self.torch(stack, "torch_train.py", "--threads", threads)
                if worker:
                    sides["PyTorch"] = lambda: statistics.median(worker.run(self.options.steps))
                results = self.interleave(sides)
            share = None
            if "peak" in results and "ours" in results:
                share = statistics.median(
                    step_flops(DEFAULT) / 1e9 / seconds / (peak * threads)
                    for seconds, peak in zip(results["ours"], results["peak"]))
            self.add("train", f"step, 1 process × {threads} thread(s)", "ms", results, "ours", "PyTorch", 1e3,
                     share_of_peak=share)
        self.split("train", 1)

    def split(self, section, ranks):
        """Where the time of a step goes, measured apart so that the clocks disturb nothing else."""
        try:
            profile = self.ours.profile(ranks, self.options.steps, "--threads", 1, *self.training(DEFAULT))
        except BenchFailure as failure:
            self.fail(str(failure))
            return
        total = sum(profile.values())
        self.profiles[f"np {ranks}"] = profile
        parts = ", ".join(f"{phase} {1e3 * s:.2f} ms ({100 * s / total:.1f} %)" for phase, s in profile.items())
        print(f"  split of a step at np {ranks}: {parts}", flush=True)

    def ddp(self):
        with ExitStack() as stack:
            sides = {
                "ours, 1 rank": self.our_step(1, 1, DEFAULT, self.options.steps),
                "ours": self.our_step(2, 1, DEFAULT, self.options.steps),
            }
            worker = self.torch(stack, "torch_train.py", "--ddp", 2)
            if worker:
                sides["DDP/gloo"] = lambda: statistics.median(worker.run(self.options.steps))
            results = self.interleave(sides)
        self.add("ddp", "step, 2 ranks × 1 thread", "ms", results, "ours", "DDP/gloo", 1e3)
        if "ours" in results and "ours, 1 rank" in results:
            efficiency = {"efficiency": [a / (2 * b) for a, b in zip(results["ours, 1 rank"], results["ours"])]}
            self.add("ddp", "efficiency of 2 ranks over 1", "", efficiency, "efficiency", None)
        self.split("ddp", 2)

    def generate(self):
        checkpoint = os.path.join(self.ours.scratch, "model.jld2")
        try:
            self.ours.run(1, "gpt-ddp", "--max-steps", 1, "--num-samples", 0, "--checkpoint", checkpoint,
                          *self.training(DEFAULT))
        except BenchFailure as failure:
            self.fail(str(failure))
            return
        medians = {}
        for streams in (1, 16):
            count = 2048
            with ExitStack() as stack:
                sides = {"ours": lambda: float(self.ours.run_json(
                    1, "gpt-bench", "--checkpoint", checkpoint, "--generate", count, "--streams", streams,
                    "--threads", os.cpu_count()
                )["tokens_per_second"])}
                worker = self.torch(stack, "torch_generate.py", "--streams", streams)
                if worker:
                    sides["PyTorch"] = lambda: streams * count / sum(worker.run(count))
                results = self.interleave(sides)
            if "ours" in results:
                medians[streams] = statistics.median(results["ours"])
            self.add("generate", f"generation, {streams} stream(s)", "tokens/s", results, "ours", "PyTorch")
        if len(medians) == 2:
            self.add("generate", "16 streams together over 1", "×", {"ours": [medians[16] / medians[1]]}, "ours", None)

    def names_section(self):
        def ours():
            lines = self.ours.metrics(1, "--preset", "names", "--data", self.names, "--threads", 1, "--num-steps", 1000,
                                      "--hash-interval", 1_000_000)
            if len(lines) != 1000:
                raise BenchFailure(f"gpt-ddp --preset names did {len(lines)} steps of 1000")
            return lines[-1]["seconds"]

        with ExitStack() as stack:
            sides = {"ours": ours}
            worker = self.torch(stack, "torch_train.py", "--preset", "names", "--data", self.names)
            if worker:
                # Documents differ in length: means, not medians.
                sides["PyTorch"] = lambda: 1000 * statistics.mean(worker.run(200))
            try:
                scalar = stack.enter_context(Worker(sys.executable, "scalar_autograd.py", "--data", self.names))
                sides["scalar autograd"] = lambda: 1000 * statistics.mean(scalar.run(5))
            except BenchFailure as failure:
                self.fail(str(failure))
            results = self.interleave(sides)
        for peer in ("PyTorch", "scalar autograd"):
            self.add("names", f"names, 1,000 steps, peer {peer}", "s", results, "ours", peer)

    def allreduce(self):
        with ExitStack() as stack:
            sides = {"ours": lambda: statistics.median(
                self.ours.run_json(2, "gpt-bench", "--exchange", 50)["seconds"])}
            worker = self.torch(stack, "torch_train.py", "--allreduce", "--ddp", 2)
            if worker:
                sides["gloo"] = lambda: statistics.median(worker.run(50))
            results = self.interleave(sides)
        self.add("allreduce", "all-reduce of a gradient, 2 ranks", "ms", results, "ours", "gloo", 1e3)

    def startup(self):
        arguments = ["--threads", 1, *self.training(DEFAULT)]
        wholes = []

        def turn():
            first, whole = self.ours.start_up(2, *arguments)
            wholes.append(whole)
            return first

        results = self.interleave({"ours": turn})
        self.add("startup", "start to first step's line, np 2", "s", results, "ours", None)
        if wholes:
            self.add("startup", "start to end of a one-step run", "s", {"ours": wholes}, "ours", None)

    def sweep(self):
        for change in SWEEP:
            size = {**DEFAULT, **change}
            with ExitStack() as stack:
                sides = {"ours": self.our_step(1, 1, size, 5)}
                worker = self.torch(stack, "torch_train.py", "--threads", 1, *sizes(size))
                if worker:
                    sides["PyTorch"] = lambda: statistics.median(worker.run(5))
                results = self.interleave(sides, rounds=3)
            label = " ".join(f"{key}={value}" for key, value in change.items())
            self.add("sweep", label, "ms", results, "ours", "PyTorch", 1e3, size=size)

    def memory(self):
        for ranks in (1, 2):
            sides = {"ours": lambda: self.ours.peak_memory(
                ranks, "--threads", 1, "--max-steps", 5, *self.training(DEFAULT))}
            with ExitStack() as stack:
                worker = self.torch(
                    stack, "torch_train.py", "--threads", 1, *(["--ddp", ranks] if ranks > 1 else []))
                if worker:
                    sides["PyTorch"] = lambda: worker.run(2) and worker.ask("memory")["peak_bytes"]
                results = self.interleave(sides, rounds=1)
            self.add("memory", f"peak resident, a rank, np {ranks}", "MB", results, "ours", "PyTorch", 1e-6)

    def run(self):
        print(f"  {'':<40} {'':>8} {'    ours [min … max]':<28} {'    peer [min … max]':<28} ours / peer")
        for section in SECTIONS:
            if section in self.options.only:
                print(f"{section}", flush=True)
                getattr(self, "names_section" if section == "names" else section)()


def cpu_model():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


def commit():
    result = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True)
    return result.stdout.strip() if result.returncode == 0 else "unknown"


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", default=",".join(s for s in SECTIONS if s != "sweep"), metavar="A,B",
                        help=f"of {', '.join(SECTIONS)}; all but sweep by default")
    parser.add_argument("--sweep", action="store_true", help="other sizes too: adds the section sweep")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each side, default 5")
    parser.add_argument("--steps", type=int, default=8, help="steps of a turn, default 8")
    parser.add_argument("--json", metavar="FILE", help="write everything measured")
    parser.add_argument("--python", metavar="PATH", help="a Python with PyTorch; without it, ours alone")
    parser.add_argument("--bin", default=os.path.join(ROOT, ".build", "release"), metavar="DIR",
                        help="where gpt-ddp and gpt-bench are, default .build/release")
    options = parser.parse_args()
    options.only = options.only.split(",") + (["sweep"] if options.sweep else [])
    unknown = [section for section in options.only if section not in SECTIONS]
    if unknown:
        parser.error(f"--only {unknown[0]}: sections are {', '.join(SECTIONS)}")
    if options.rounds < 1 or options.steps < 1:
        parser.error("--rounds and --steps are 1 or more")
    if options.json:
        options.json = os.path.abspath(options.json)
    return options


def main():
    options = parse_options()
    if options.python and subprocess.run([options.python, "-c", "import torch"], capture_output=True).returncode:
        sys.exit(f"bench.py: error: {options.python} has no PyTorch: omit --python to measure ours alone")
    if options.json:
        # Said now, not after an hour of measuring.
        try:
            open(options.json, "a", encoding="utf-8").close()
        except OSError as error:
            sys.exit(f"bench.py: error: cannot write {options.json}: {error.strerror}")
    print(f"{cpu_model()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.2f}, commit {commit()}")
    if options.python is None:
        print("no PyTorch: ours alone")
    scratch = tempfile.mkdtemp(prefix="microgpt-bench-")
    try:
        bench = Bench(options, Ours(options.bin, scratch), *write_corpora(scratch))
        bench.run()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({
                "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "commit": commit(), "cpu": cpu_model(),
                "cpus": os.cpu_count(), "kernel": platform.release(), "rounds": options.rounds,
                "fma_peak_gflops": bench.peaks, "step_gflop": step_flops(DEFAULT) / 1e9,
                "rows": bench.rows, "split": bench.profiles, "failures": bench.failures,
            }, file, indent=1)
            file.write("\n")
    if bench.failures:
        sys.exit(f"bench.py: error: {len(bench.failures)} measurement(s) failed, see FAILED above")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
