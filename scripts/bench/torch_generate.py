#!/usr/bin/env python3
"""Generation with cached keys and values in PyTorch, driven by scripts/bench.py (see worker.py).

A step is one token of every stream: decode, softmax at temperature 0.8, draw. When the context is full the
streams begin anew with an empty cache, the cheapest thing to do. The weights are random unless --checkpoint.
"""

import argparse
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import worker  # noqa: E402
from torch_model import GPT, load_checkpoint, torch  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    worker.add_model_options(parser)
    parser.add_argument("--checkpoint", metavar="FILE", help="weights of a checkpoint of gpt-ddp (needs h5py)")
    parser.add_argument("--streams", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--temperature", type=float, default=0.8)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(42)
    if options.checkpoint:
        model = load_checkpoint(options.checkpoint)
    else:
        model = GPT(options.vocab_size, options.n_embd, options.n_layer, options.block_size, options.n_head)
    model.eval()

    with torch.inference_mode():
        caches = model.new_caches(options.streams)
        tokens = torch.zeros(options.streams, dtype=torch.long)
        position = 0

        def step():
            nonlocal tokens, position
            logits = model.decode(tokens, caches, position)
            probabilities = torch.softmax(logits / options.temperature, dim=-1)
            tokens = torch.multinomial(probabilities, 1).squeeze(1)
            position = (position + 1) % model.block_size

        worker.timed(step, 64)
        worker.serve(
            lambda count: {"seconds": worker.timed(step, count)},
            {"torch": torch.__version__, "streams": options.streams, "threads": options.threads})


if __name__ == "__main__":
    main()
