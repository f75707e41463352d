#!/usr/bin/env python3
"""Records commands in a terminal as one animated SVG, for README.md: no script, no font, no network in it.

    python3 scripts/record_terminal.py --out .readme/session.svg 'gpt-ddp --preset names' 'gpt-sample'

Each command is shown as if typed after a prompt and runs in a real pseudo-terminal of --columns x --rows; what the
terminal shows is drawn by pyte. Pauses longer than --pause seconds are cut to that, and --speed makes all faster: the
words on the screen are the programs' own, only their time is not. Needs pyte: python3 -m pip install pyte
"""
import argparse
import fcntl
import html
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def fail(message):
    print(f"record_terminal.py: error: {message}", file=sys.stderr)
    sys.exit(2)


try:
    import pyte
except ImportError:
    fail("pyte is missing: python3 -m pip install pyte")

PROMPT = "$ "
CELL, LINE, MARGIN, FONT = 8.4, 19, 16, 14  # pixels; CELL is the width of a character at FONT
# Colours for light and for dark pages, by pyte's names.
COLOURS = {
    "default": ("#24292f", "#d0d7de"), "black": ("#24292f", "#6e7681"), "red": ("#cf222e", "#ff7b72"),
    "green": ("#116329", "#7ee787"), "brown": ("#7d4e00", "#e3b341"), "blue": ("#0550ae", "#79c0ff"),
    "magenta": ("#8250df", "#d2a8ff"), "cyan": ("#1b7c83", "#76e3ea"), "white": ("#57606a", "#b1bac4"),
}
BACKGROUND = ("#f6f8fa", "#0d1117")


class Recording:
    """What the screen showed, and when: [(seconds, lines)], each line a tuple of runs (text, colour, style)."""

    def __init__(self, columns, rows, pause, speed):
        self.columns, self.rows, self.pause, self.speed = columns, rows, pause, speed
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.frames, self.clock = [], 0.0

    def show(self, data, seconds):
        """Draws `data`, which came `seconds` after the last."""
        self.clock += min(seconds / self.speed, self.pause)
        self.stream.feed(data)
        lines = tuple(self.runs(row) for row in range(self.rows))
        if self.frames and self.frames[-1][1] == lines:
            return
        # A frame that nobody could have seen is replaced.
        if self.frames and self.clock - self.frames[-1][0] < 0.04:
            self.frames[-1] = (self.frames[-1][0], lines)
        else:
            self.frames.append((self.clock, lines))

    def runs(self, row):
        runs = []
        for column in range(self.columns):
            cell = self.screen.buffer[row][column]
            style = (cell.fg if cell.fg in COLOURS else "default", cell.bold, dim(cell), cell.reverse)
            if runs and runs[-1][1] == style:
                runs[-1][0].append(cell.data)
            else:
                runs.append(([cell.data], style, column))
        runs = [("".join(text), style, column) for text, style, column in runs]
        while runs and not runs[-1][0].strip() and not runs[-1][1][3]:
            runs.pop()
        return tuple((text.rstrip() if index == len(runs) - 1 and not style[3] else text, style, column)
                     for index, (text, style, column) in enumerate(runs))

    def type(self, command):
        for character in PROMPT + command:
            self.show(character.encode(), 0.05 * self.speed)
        self.show(b"\r\n", 0.4 * self.speed)

    def run(self, command, folder):
        """The command in a terminal of our size; returns its exit status."""
        process, terminal = pty.fork()
        if process == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", self.rows, self.columns, 0, 0))
            os.chdir(folder)
            os.environ.update(TERM="xterm-256color", LINES=str(self.rows), COLUMNS=str(self.columns))
            os.execvp("bash", ["bash", "-c", command])
        last = time.monotonic()
        while True:
            select.select([terminal], [], [])
            try:
                data = os.read(terminal, 65536)
            except OSError:  # how a pseudo-terminal says that its last writer is gone
                break
            if not data:
                break
            now = time.monotonic()
            self.show(data, now - last)
            last = now
        os.close(terminal)
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def dim(cell):
    return getattr(cell, "dim", False)


def style_class(style):
    colour, bold, dim, reverse = style
    names = [] if colour == "default" else [colour]
    return " ".join(names + ["bold"] * bold + ["dim"] * dim + ["reverse"] * reverse)


def text_element(row, runs):
    y = MARGIN + LINE * row + FONT
    parts = []
    for text, style, column in runs:
        if not text.strip():
            continue
        names = style_class(style)
        lead = len(text) - len(text.lstrip())
        text, column = text[lead:], column + lead
        parts.append(f'<tspan x="{MARGIN + CELL * column:.1f}" textLength="{CELL * len(text):.1f}"'
                     + (f' class="{names}"' if names else "") + f">{html.escape(text, quote=False)}</tspan>")
    return f'<text y="{y}">{"".join(parts)}</text>' if parts else ""


def svg(recording, title, rest):
    """Each line that ever stood on the screen once, visible from when it came until it went; all begins again."""
    length = recording.clock + rest
    spans, open_lines = [], {}
    for seconds, lines in recording.frames:
        for row, runs in enumerate(lines):
            if open_lines.get(row, (None, ()))[1] != runs:
                if row in open_lines:
                    spans.append((row, *open_lines[row], seconds))
                open_lines[row] = (seconds, runs)
    spans += [(row, start, runs, length) for row, (start, runs) in open_lines.items()]
    width = 2 * MARGIN + CELL * recording.columns
    height = 2 * MARGIN + LINE * recording.rows
    body, rules = [], []
    for number, (row, start, runs, end) in enumerate(span for span in spans if span[2]):
        element = text_element(row, runs)
        if not element:
            continue
        begin, stop = 100 * start / length, 100 * min(1, end / length)
        if start <= 0 and end >= length:
            body.append(element)
            continue
        frames = "0%{visibility:hidden}" if begin > 0 else ""
        frames += f"{begin:.3f}%{{visibility:visible}}"
        frames += f"{stop:.3f}%,to{{visibility:hidden}}" if stop < 100 else ""
        rules.append(f"@keyframes k{number}{{{frames}}}")
        body.append(element.replace("<text ", f'<text style="animation-name:k{number}" ', 1))
    colours = "".join(f".{name}{{fill:{light}}}" for name, (light, _) in COLOURS.items() if name != "default")
    darks = "".join(f".{name}{{fill:{dark}}}" for name, (_, dark) in COLOURS.items() if name != "default")
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img">
<title>{html.escape(title)}</title>
<style>
rect{{fill:{BACKGROUND[0]};stroke:#d0d7de}}
text{{font:{FONT}px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;white-space:pre;\
fill:{COLOURS["default"][0]};animation:{length:.2f}s step-end infinite}}
.bold{{font-weight:700}}.dim{{opacity:.65}}.reverse{{text-decoration:underline}}
{colours}
@media(prefers-color-scheme:dark){{rect{{fill:{BACKGROUND[1]};stroke:#30363d}}text{{fill:{COLOURS["default"][1]}}}{darks}}}
{"".join(rules)}
</style>
<rect x=".5" y=".5" width="{width - 1:.0f}" height="{height - 1:.0f}" rx="8"/>
{chr(10).join(body)}
</svg>
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commands", nargs="+", metavar="COMMAND", help="run by bash, one after another")
    parser.add_argument("--out", required=True, metavar="FILE.svg")
    parser.add_argument("--folder", default=".", help="where the commands run")
    parser.add_argument("--columns", type=int, default=80)
    parser.add_argument("--rows", type=int, default=24)
    parser.add_argument("--pause", type=float, default=1.0, metavar="SECONDS", help="longest between two changes")
    parser.add_argument("--speed", type=float, default=1.0, metavar="TIMES")
    parser.add_argument("--rest", type=float, default=6.0, metavar="SECONDS", help="how long the end is shown")
    parser.add_argument("--title", default="A terminal session")
    options = parser.parse_args()
    if not (20 <= options.columns <= 300 and 4 <= options.rows <= 200):
        fail("--columns is 20 to 300, --rows 4 to 200")
    if options.speed <= 0 or options.pause <= 0 or options.rest < 0:
        fail("--speed and --pause are above 0, --rest is 0 or more")
    recording = Recording(options.columns, options.rows, options.pause, options.speed)
    for command in options.commands:
        recording.type(command)
        status = recording.run(command, options.folder)
        if status:
            fail(f"'{command}' ended with status {status}; nothing written")
    recording.show(PROMPT.encode(), 0.5)
    scratch = f"{options.out}.{os.getpid()}.tmp"
    try:
        os.makedirs(os.path.dirname(options.out) or ".", exist_ok=True)
        with open(scratch, "w", encoding="utf-8") as file:
            file.write(svg(recording, options.title, options.rest))
        os.replace(scratch, options.out)
    except OSError as error:
        fail(f"cannot write {options.out}: {error.strerror}")
    print(f"wrote {options.out}: {len(recording.frames)} frames, {recording.clock:.0f} s, "
          f"{os.path.getsize(options.out) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
