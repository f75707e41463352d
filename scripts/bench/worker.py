"""The protocol between scripts/bench.py and a worker: one command a line in, one line of JSON out.

    run K      do K steps                -> {"seconds": [K floats], ...}
    memory     peak resident memory      -> {"peak_bytes": n}
    quit       (or end of input)         -> ends

A worker says {"ready": ...} once it can be timed. Between commands it sleeps, so that the driver can
alternate several workers on the same cores.
"""

import json
import sys
import time


def say(message):
    print(json.dumps(message), flush=True)


def peak_bytes():
    """Peak resident memory of this process alone (VmHWM; getrusage would count the parent before exec)."""
    with open("/proc/self/status", encoding="ascii") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    raise RuntimeError("/proc/self/status has no VmHWM")


def timed(step, count):
    """Seconds of each of `count` calls."""
    seconds = []
    for _ in range(count):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    return seconds


def serve(run, ready, memory=peak_bytes):
    """`run(K)` returns a dictionary with the seconds of each of K steps; `memory()` bytes."""
    say({"ready": ready})
    for line in sys.stdin:
        words = line.split()
        if not words:
            continue
        if words == ["quit"]:
            return
        if words == ["memory"]:
            say({"peak_bytes": memory()})
        elif len(words) == 2 and words[0] == "run" and words[1].isdigit() and int(words[1]) > 0:
            say(run(int(words[1])))
        else:
            sys.exit(f"worker: error: unknown command {line.strip()!r}: run K, memory or quit")


def add_model_options(parser, preset="shakespeare"):
    """The sizes of the model; the defaults are those of a preset of gpt-ddp."""
    sizes = {
        "shakespeare": {"n_embd": 128, "n_layer": 4, "block_size": 256, "n_head": 4, "vocab_size": 66, "batch_size": 32},
        "names": {"n_embd": 16, "n_layer": 1, "block_size": 16, "n_head": 4, "vocab_size": 27, "batch_size": 1},
    }[preset]
    for name, value in sizes.items():
        parser.add_argument(f"--{name}", f"--{name.replace('_', '-')}", type=int, default=value, metavar="N",
                            help=f"default {value}")


def load_oracle(path):
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)["cases"]
    except (OSError, ValueError, KeyError) as error:
        sys.exit(f"worker: error: cannot read the oracle {path}: {error}")


def read_documents(path, block_size):
    """The documents of a file, one a line, as ids: BOS, characters, BOS, cropped to block_size + 1. And the size
    of the vocabulary: sorted characters, BOS last."""
    try:
        with open(path, encoding="utf-8") as file:
            texts = [line.strip() for line in file if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        sys.exit(f"worker: error: cannot read {path}: {error}")
    if not texts:
        sys.exit(f"worker: error: {path} holds no document")
    ids = {character: number for number, character in enumerate(sorted(set("".join(texts))))}
    bos = len(ids)
    documents = [([bos] + [ids[c] for c in text] + [bos])[: block_size + 1] for text in texts]
    return documents, bos + 1
