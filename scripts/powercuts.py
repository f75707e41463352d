#!/usr/bin/env python3
"""Power cuts: a training on an ext4 of its own loses that file system in the middle of whatever it is doing, with all
that was not yet forced to the disk, is killed, and goes on after the next mount. Needs root and a loop device.
   scripts/powercuts.py                 40 cuts
   scripts/powercuts.py --cuts 400      as many
   scripts/powercuts.py --seed 7        other moments
Afterwards: a checkpoint verifies, and it is no older than the last but one that was there; the next start is refused by
nothing left behind; weights and metrics end as if nothing had happened, or the resume says which lines are missing."""

import fcntl
import os
import struct
import subprocess
import sys
import threading
import time

from trials import Lab, Training, parser, positive, saved, skip, wait_until

# linux/ext4.h: EXT4_IOC_SHUTDOWN, EXT4_GOING_FLAGS_NOLOGFLUSH: stop here and now, the journal unwritten too.
EXT4_IOC_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = 2


class Disk:
    """A file with an ext4 in it. Its loop device ends with the mount, and the mount with this script's namespace."""

    def __init__(self, lab):
        self._lab = lab
        self.image = lab.folder / "disk.img"
        self.place = lab.folder / "disk"
        self.place.mkdir()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._lab.end_all()
        if os.path.ismount(self.place):
            self.unmount()

    def format(self):
        with open(self.image, "wb") as image:
            image.truncate(64 << 20)
        self._do("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", self.image)

    def mount(self):
        self._do("mount", "-t", "ext4", "-o", "loop", self.image, self.place)

    def unmount(self):
        # A killed process closes its files a moment after it is gone from sight.
        if not wait_until(lambda: subprocess.run(["umount", self.place], capture_output=True).returncode == 0, 30):
            self._do("umount", self.place)

    def cut(self):
        folder = os.open(self.place, os.O_RDONLY)
        try:
            fcntl.ioctl(folder, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(folder)

    @staticmethod
    def _do(*command):
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode != 0:
            raise OSError(f"{command[0]}: {result.stderr.strip()}")


def try_machine(disk):
    """Skips where the machine has no loop device or no such ioctl."""
    try:
        disk.format()
        disk.mount()
        try:
            disk.cut()
        finally:
            disk.unmount()
    except OSError as error:
        skip(f"this machine cannot cut the power of an ext4 on a loop device: {error}")


def steps_there(out):
    return sorted(int(path.stem.split(".step-")[1]) for path in saved(out) if ".step-" in path.stem)


def choose_moment(lab, training):
    """A step; 0 is the start, one beyond the last is the end."""
    return max(0, lab.random.randint(-training.steps // 10, training.steps + training.steps // 10))


class Watch(threading.Thread):
    """Looks again and again until told to end."""

    def __init__(self, look):
        super().__init__(daemon=True)
        self._look = look
        self._is_over = threading.Event()
        self.start()

    def run(self):
        while not self._is_over.wait(0.003):
            self._look()

    def end(self):
        self._is_over.set()
        self.join()


def cut(lab, disk, training, ranks):
    disk.format()
    disk.mount()
    out = disk.place / "out"
    log = lab.folder / "log"
    job = lab.start(training.command(out, ranks=ranks), log)
    moment = choose_moment(lab, training)
    # The state before the newest that was ever seen has been forced to the disk.
    seen = set()
    watch = Watch(lambda: seen.update(steps_there(out)))
    if moment > 0:
        lab.reaches(moment, job, log)
    time.sleep(lab.random.uniform(0, 0.05 if moment > 0 else 0.5))
    watch.end()
    disk.cut()
    lab.end_all()
    said = lab.end(job, log)
    disk.unmount()
    disk.mount()
    steps = [step for step in (lab.step(path) for path in saved(out)) if step is not None]
    losses = []
    durable = sorted(seen)[-2] if len(seen) > 1 else 0
    if max(steps, default=0) < durable:
        losses.append(f"step {durable} was saved; there is {max(steps, default='nothing')}")
    found = sorted(path.name for path in out.iterdir()) if out.is_dir() else []
    losses += training.finish(out, ranks=lab.random.choice([1, 2]))
    if losses:
        losses[0] += f" (cut at step {moment}; on the disk: {', '.join(found)}; log: {said.last_lines})"
    lab.count(f"power cut, {ranks} {'rank' if ranks == 1 else 'ranks'}", losses)
    disk.unmount()


def main():
    syntax = parser("Cuts the power of a disk under a training.")
    syntax.add_argument("--cuts", type=positive, default=40, help="how many (default %(default)s)")
    options = syntax.parse_args()
    if os.geteuid() != 0:
        sys.exit("error: needs root for mounts: sudo scripts/powercuts.py")
    if os.environ.get("MICROGPT_PRIVATE_MOUNTS") != "1":
        os.environ["MICROGPT_PRIVATE_MOUNTS"] = "1"
        os.execvp("unshare", ["unshare", "--mount", sys.executable, *sys.argv])
    with Lab(options) as lab, Disk(lab) as disk:
        try_machine(disk)
        training = Training(lab, checkpoint_interval=5)
        for number in range(options.cuts):
            cut(lab, disk, training, ranks=1 + number % 2)
        return lab.conclude()


if __name__ == "__main__":
    sys.exit(main())
