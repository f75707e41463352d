#!/usr/bin/env python3
"""Loss curves of one or more runs, from the files that gpt-ddp --metrics writes.

    python3 scripts/plot.py run.jsonl other.jsonl --out loss.svg

Each run: every step thin, a running mean thick, validation as dots. Needs matplotlib.
"""

import signal

if __name__ == "__main__":  # Ctrl-C and a reader that has gone end it without a word.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)

import argparse
import io
import json
import math
import os
import stat
import sys


def fail(message):
    print(f"plot.py: error: {message}", file=sys.stderr)
    sys.exit(2)


class Run:
    """One training: steps [(step, loss, seconds)] and validations [(step, loss)]."""

    def __init__(self, name):
        self.name, self.steps, self.validations = name, [], []

    def ends_before(self, step):
        """Whether a step that comes next in the file belongs to another run."""
        return bool(self.steps) and step <= self.steps[-1][0]


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def read_text(path):
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            fail(f"{path} is not a regular file")
        # Line ends of every system, and the mark with which some editors begin.
        with open(path, encoding="utf-8-sig", errors="strict") as file:
            return file.read()
    except UnicodeDecodeError:
        fail(f"{path} is not a metrics file: it is not UTF-8")
    except OSError as error:
        fail(f"cannot read {path}: {error.strerror}")


def read_runs(path):
    """The runs of a metrics file: where steps go back, another run has been appended."""
    text = read_text(path)
    name = os.path.splitext(os.path.basename(path))[0]
    runs = [Run(name)]
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if not line.strip("\0 \t"):
            continue
        try:
            entry = json.loads(line)
            step = entry["step"]
            keys = [key for key in ("val_loss", "loss", "seconds") if key in entry]
            if not all(is_number(entry[key]) for key in ["step", *keys]) or not keys:
                raise ValueError
            if "loss" in entry:
                if runs[-1].ends_before(step):
                    runs.append(Run(f"{name}, run {len(runs) + 1}"))
                runs[-1].steps.append((step, entry["loss"], entry["seconds"]))
            if "val_loss" in entry:
                runs[-1].validations.append((step, entry["val_loss"]))
        except (ValueError, KeyError, TypeError):
            # Only the very end of the file has no line end behind it: a line that is being written, or a full disk.
            if number == len(lines) and number > 1:
                print(f"plot.py: note: the last line of {path} is cut off and left out", file=sys.stderr)
                continue
            fail(f"{path}:{number} is not a line of a metrics file")
    if not any(run.steps or run.validations for run in runs):
        fail(f"{path} has no step yet")
    return runs


def running_mean(values, window):
    """Mean of the last `window` values at each place, of all so far at the beginning."""
    return [math.fsum(values[max(0, i + 1 - window):i + 1]) / min(i + 1, window) for i in range(len(values))]


def draw(axes, run, abscissa, window):
    """Adds a run; `abscissa` is "step" or "seconds"."""
    color = None
    place = {step: step for step, _ in run.validations} if abscissa == "step" else {}
    if run.steps:
        numbers, losses, seconds = zip(*run.steps)
        x = numbers if abscissa == "step" else seconds
        (curve,) = axes.plot(x, running_mean(losses, window), linewidth=1.8, label=run.name)
        color = curve.get_color()
        axes.plot(x, losses, linewidth=0.4, alpha=0.35, color=color)
        if abscissa == "seconds":
            # A validation follows its step; one whose step is not in the file has no place on a time axis.
            place = dict(zip(numbers, x))
    points = [(place[step], loss) for step, loss in run.validations if step in place]
    if points:
        best = min(loss for _, loss in points)
        axes.plot(*zip(*points), "o", markersize=4, color=color, markeredgecolor="black", markeredgewidth=0.5,
                  label=f"{run.name}, validation (best {best:.4f})")


def save(figure, path):
    """Writes the whole picture or nothing."""
    kind = os.path.splitext(path)[1][1:] or "png"
    try:
        picture = io.BytesIO()
        figure.savefig(picture, dpi=150, format=kind)
        scratch = f"{path}.{os.getpid()}.tmp"
        if os.path.exists(path) and not os.path.isfile(path):
            fail(f"cannot write {path}: it is not a regular file")
        try:
            with open(scratch, "xb") as file:
                file.write(picture.getbuffer())
            os.replace(scratch, path)
        except BaseException:
            if os.path.exists(scratch):
                os.remove(scratch)
            raise
    except OSError as error:
        fail(f"cannot write {path}: {error.strerror}")
    except ValueError as error:
        fail(f"cannot write {path}: {error}")


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
    runs = [run for path in options.files for run in read_runs(path)]
    if options.x == "seconds" and not any(run.steps for run in runs):
        fail("validations alone have no place on --x seconds")
    try:
        import matplotlib
    except ImportError:
        fail("matplotlib is missing: python3 -m pip install matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    for run in runs:
        draw(axes, run, options.x, options.window)
    axes.set_xlabel(options.x)
    axes.set_ylabel("loss (nats a character)")
    axes.set_title(options.title)
    axes.grid(alpha=0.3)
    axes.legend(title=f"thick: mean of the last {options.window} steps, of fewer at the beginning",
                title_fontsize="small")
    save(figure, options.out)
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
