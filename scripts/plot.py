#!/usr/bin/env python3
"""Loss curves of one or more runs, from the files that gpt-ddp --metrics writes.

    python3 scripts/plot.py run.jsonl other.jsonl --out loss.svg

Each run: every step thin, a running mean thick, validation as dots. Needs matplotlib.
"""

import argparse
import json
import os
import sys


def read_run(path):
    """Steps [(step, loss, seconds)] and validations [(step, loss)] of a metrics file."""
    steps, validations = [], []
    try:
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    entry = json.loads(line)
                    if "val_loss" in entry:
                        validations.append((entry["step"], entry["val_loss"]))
                    if "loss" in entry:
                        steps.append((entry["step"], entry["loss"], entry["seconds"]))
                except (ValueError, KeyError, TypeError):
                    sys.exit(f"plot.py: error: {path}:{number} is not a line of a metrics file")
    except (OSError, UnicodeDecodeError) as error:
        sys.exit(f"plot.py: error: cannot read {path}: {error}")
    if not steps:
        sys.exit(f"plot.py: error: {path} has no step")
    return steps, validations


def running_mean(values, window):
    """Mean of the last `window` values at each place, fewer at the beginning."""
    means, total = [], 0.0
    for i, value in enumerate(values):
        total += value - (values[i - window] if i >= window else 0.0)
        means.append(total / min(i + 1, window))
    return means


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="+", metavar="METRICS")
    parser.add_argument("--out", default="loss.png", metavar="FILE", help="PNG, SVG or PDF by its ending")
    parser.add_argument("--x", choices=("step", "seconds"), default="step")
    parser.add_argument("--window", type=int, default=50, help="steps of the running mean, default 50")
    parser.add_argument("--title", default="")
    options = parser.parse_args()
    if options.window < 1:
        parser.error("--window is 1 or more")
    runs = [(path, *read_run(path)) for path in options.files]
    try:
        import matplotlib
    except ImportError:
        sys.exit("plot.py: error: matplotlib is missing: python3 -m pip install matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    for path, steps, validations in runs:
        numbers, losses, seconds = zip(*steps)
        x = numbers if options.x == "step" else seconds
        name = os.path.splitext(os.path.basename(path))[0]
        (curve,) = axes.plot(x, running_mean(losses, options.window), linewidth=1.8, label=name)
        axes.plot(x, losses, linewidth=0.4, alpha=0.35, color=curve.get_color())
        # A validation follows its step; one whose step is not in the file has no place on a time axis.
        place = dict(zip(numbers, x))
        points = [(place[step], loss) for step, loss in validations if step in place]
        if points:
            axes.plot(*zip(*points), "o", markersize=4, color=curve.get_color(), markeredgecolor="black",
                      markeredgewidth=0.5, label=f"{name}, validation (best {min(loss for _, loss in points):.4f})")
    axes.set_xlabel(options.x)
    axes.set_ylabel("loss (nats a character)")
    axes.set_title(options.title)
    axes.grid(alpha=0.3)
    axes.legend()
    try:
        figure.savefig(options.out, dpi=150)
    except (OSError, ValueError) as error:
        sys.exit(f"plot.py: error: cannot write {options.out}: {error}")
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
