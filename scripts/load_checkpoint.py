#!/usr/bin/env python3
"""Loads a checkpoint of gpt-ddp into numpy and into PyTorch, and writes weights that gpt-ddp can begin with.

    python3 scripts/load_checkpoint.py FILE                             what it holds
    python3 scripts/load_checkpoint.py FILE --logits TEXT               logits after each character, as JSON
    python3 scripts/load_checkpoint.py FILE --logits TEXT --with torch  the same from a PyTorch module
    python3 scripts/load_checkpoint.py FILE --copy-weights OUT          weights and alphabet alone, by h5py

Needs h5py and numpy; `--with torch` needs PyTorch. Tensors keep the file's layout: linear weights are [in][out],
so a linear layer is `x @ weight`. From Python:

    from load_checkpoint import load, torch_model
    checkpoint = load("checkpoints/shakespeare.jld2")
    model = torch_model(checkpoint)          # an nn.Module: ids [batch, time] -> logits [batch, time, vocabulary]
    ...                                      # train it
    save_weights("mine.h5", config(checkpoint), characters(checkpoint), torch_weights(model))
    # gpt-ddp --init-from mine.h5, gpt-sample --checkpoint mine.h5
"""
import signal

if __name__ == "__main__":  # Ctrl-C and a reader that has gone end it without a word.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)

import argparse
import json
import os
import stat
import sys


def fail(message):
    print(f"load_checkpoint.py: error: {message}", file=sys.stderr)
    sys.exit(2)


try:
    import h5py
    import numpy as np
except ImportError as missing:
    if __name__ != "__main__":
        raise
    fail(f"{missing.name or 'h5py'} is missing: python3 -m pip install h5py numpy")

FORMAT, VERSION = "microgpt-swift-checkpoint", 2
# What a file may need of its reader beyond the first format; only what is under config/ changes the model.
KNOWN_FEATURES = {"config/init_std", "config/init_scheme"}
LINEARS = ("attn_wq", "attn_wk", "attn_wv", "attn_wo", "mlp_fc1", "mlp_fc2")
RMS_EPSILON = 1e-5


class CheckpointError(Exception):
    """A file that is no checkpoint of ours, or a damaged one."""


def load(path):
    """Every dataset of the file: {"config/n_embd": 128, "model_state/wte/weight": array, ...}.

    Raises CheckpointError. Checks structure and shapes; `gpt-sample --verify FILE` checks the digest, too.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise CheckpointError(f"{path} is not a regular file")
        with open(path, "rb"):
            pass
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror}") from None
    try:
        values = read_datasets(path)
    except Exception as error:  # h5py raises what it likes at damaged bytes
        raise CheckpointError(
            f"{path} is not a checkpoint, or a damaged one ({str(error).splitlines()[0] if str(error) else error!r})"
        ) from None
    if not isinstance(values.get("format"), str) or values["format"] != FORMAT:
        raise CheckpointError(f"{path} is not a checkpoint of gpt-ddp: /format is not {FORMAT}")
    features = values.get("features", [])
    needed = {feature for feature in features if feature.startswith("config/")} - KNOWN_FEATURES
    if needed:
        raise CheckpointError(f"{path} needs {', '.join(sorted(needed))}, which this script does not know")
    check_shapes(path, values)
    return values


def read_datasets(path):
    values = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset):
            value = item.asstr()[()] if h5py.check_string_dtype(item.dtype) else item[()]
            values[name] = value.item() if isinstance(value, np.generic) else value

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    return values


def expected_shapes(sizes):
    """Name and shape of each weight; linear weights are [in][out]."""
    V, C = sizes["vocab_size"], sizes["n_embd"]
    yield from (("wte", (V, C)), ("wpe", (sizes["block_size"], C)), ("lm_head", (C, V)))
    linears = ((C, C), (C, C), (C, C), (C, C), (C, 4 * C), (4 * C, C))
    for block in range(1, sizes["n_layer"] + 1):
        yield from ((f"blocks/{block}/{name}", shape) for name, shape in zip(LINEARS, linears))


def check_shapes(path, values):
    try:
        sizes = config(values)
        sound = all(isinstance(size, int) and 0 < size < 1 << 31 for size in sizes.values())
        if not sound or sizes["n_embd"] % sizes["n_head"]:
            raise CheckpointError(f"{path} is damaged: the sizes {sizes} make no model")
        for name, shape in expected_shapes(sizes):
            found = np.shape(values[f"model_state/{name}/weight"])
            if found != shape:
                raise CheckpointError(f"{path} is damaged: {name} is {found} instead of {shape}")
        if len(characters(values)) != sizes["vocab_size"] - 1:
            raise CheckpointError(f"{path} is damaged: its alphabet does not fit its vocab_size")
    except KeyError as error:
        raise CheckpointError(f"{path} lacks /{error.args[0]}") from None
    except (TypeError, ValueError, OverflowError) as error:
        raise CheckpointError(f"{path} is damaged: {error}") from None


def config(checkpoint):
    return {name: checkpoint[f"config/{name}"] for name in ("vocab_size", "n_embd", "n_layer", "block_size", "n_head")}


def characters(checkpoint):
    """The alphabet in the order of its ids, without BOS."""
    return [chr(point) for point in checkpoint["tokenizer/codepoints"] if point >= 0]


def save_weights(path, sizes, alphabet, weights):
    """The part of the schema that sampling and --init-from need.

    sizes: the five of config(); alphabet: characters in ascending order, BOS omitted;
    weights: {"wte": array, ..., "blocks/1/attn_wq": array, ...}, linear weights [in][out].
    """
    # Whole or not at all.
    scratch = f"{path}.{os.getpid()}.tmp"
    try:
        write_weights(scratch, sizes, alphabet, weights)
        os.replace(scratch, path)
    except BaseException:
        if os.path.exists(scratch):
            os.remove(scratch)
        raise


def write_weights(path, sizes, alphabet, weights):
    with h5py.File(path, "w") as file:
        file["format"], file["format_version"] = FORMAT, VERSION
        for name, value in sizes.items():
            file[f"config/{name}"] = value
        file["tokenizer/codepoints"] = np.array([ord(character) for character in alphabet] + [-1])
        for name, value in weights.items():
            file[f"model_state/{name}/weight"] = np.asarray(value, dtype=np.float32)


def torch_weights(model):
    """A module of torch_model as {"blocks/1/attn_wq": array, ...}."""
    def name(parameter):
        parts = parameter.split(".")
        return f"blocks/{int(parts[1]) + 1}/{parts[2]}" if parts[0] == "blocks" else parameter

    return {name(key): value.detach().cpu().numpy() for key, value in model.named_parameters()}


def encode(checkpoint, text):
    """Ids from 0, one for each character; the last id of the vocabulary is BOS, which no character has."""
    ids = {character: index for index, character in enumerate(characters(checkpoint))}
    unknown = sorted(set(text) - set(ids))
    if unknown:
        raise CheckpointError(f"the checkpoint does not know these characters: {unknown}")
    return [ids[character] for character in text]


def numpy_logits(checkpoint, ids):
    """Logits [time][vocabulary] of one sequence, computed in float64."""
    sizes = config(checkpoint)
    heads, head_size = sizes["n_head"], sizes["n_embd"] // sizes["n_head"]
    weight = lambda name: checkpoint[f"model_state/{name}/weight"].astype(np.float64)
    norm = lambda x: x / np.sqrt((x * x).mean(-1, keepdims=True) + RMS_EPSILON)
    split = lambda x: x.reshape(len(ids), heads, head_size).transpose(1, 0, 2)  # [head][time][head_size]

    x = norm(weight("wte")[ids] + weight("wpe")[: len(ids)])
    mask = np.triu(np.full((len(ids), len(ids)), -np.inf), 1)
    for block in range(1, sizes["n_layer"] + 1):
        wq, wk, wv, wo, fc1, fc2 = (weight(f"blocks/{block}/{name}") for name in LINEARS)
        normed = norm(x)
        q, k, v = split(normed @ wq), split(normed @ wk), split(normed @ wv)
        scores = q @ k.transpose(0, 2, 1) / np.sqrt(head_size) + mask
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        attended = (scores / scores.sum(-1, keepdims=True)) @ v
        x = x + attended.transpose(1, 0, 2).reshape(len(ids), -1) @ wo
        x = x + np.maximum(norm(x) @ fc1, 0) @ fc2
    return x @ weight("lm_head")


def torch_model(checkpoint):
    """The model as a PyTorch module whose parameters are the checkpoint's, ready to train on."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    sizes = config(checkpoint)

    def parameter(name):
        return nn.Parameter(torch.from_numpy(checkpoint[f"model_state/{name}/weight"].copy()))

    def norm(x):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + RMS_EPSILON)

    class Block(nn.Module):
        def __init__(self, number):
            super().__init__()
            for name in LINEARS:
                setattr(self, name, parameter(f"blocks/{number}/{name}"))

        def forward(self, x):  # [B][T][C]
            def heads(y):
                return y.unflatten(-1, (sizes["n_head"], -1)).transpose(1, 2)

            normed = norm(x)
            attended = F.scaled_dot_product_attention(
                heads(normed @ self.attn_wq), heads(normed @ self.attn_wk), heads(normed @ self.attn_wv),
                is_causal=True)
            x = x + attended.transpose(1, 2).flatten(-2) @ self.attn_wo
            return x + F.relu(norm(x) @ self.mlp_fc1) @ self.mlp_fc2

    class GPT(nn.Module):
        def __init__(self):
            super().__init__()
            self.wte, self.wpe, self.lm_head = parameter("wte"), parameter("wpe"), parameter("lm_head")
            self.blocks = nn.ModuleList(Block(number) for number in range(1, sizes["n_layer"] + 1))

        def forward(self, ids):
            x = norm(self.wte[ids] + self.wpe[: ids.shape[-1]])
            for block in self.blocks:
                x = block(x)
            return x @ self.lm_head

    return GPT()


def torch_logits(checkpoint, ids):
    import torch

    with torch.no_grad():
        return torch_model(checkpoint)(torch.tensor([ids]))[0].numpy()


def copy_weights(source, target, checkpoint, weights):
    if os.path.exists(target) and not os.path.isfile(target):
        raise CheckpointError(f"cannot write {target}: it is not a regular file")
    if os.path.exists(target) and os.path.samefile(source, target):
        raise CheckpointError(f"{target} is the checkpoint itself, whose training would be lost; choose another name")
    try:
        save_weights(target, config(checkpoint), characters(checkpoint), weights)
    except OSError as error:
        cause = error.strerror or str(error).splitlines()[0]
        raise CheckpointError(f"cannot write {target}: {cause}") from None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--logits", metavar="TEXT", help="print the logits after each character of TEXT")
    parser.add_argument("--copy-weights", metavar="OUT", help="write weights and alphabet to another file")
    parser.add_argument("--with", dest="framework", choices=("numpy", "torch"), default="numpy")
    arguments = parser.parse_args()
    try:
        run(arguments)
    except CheckpointError as error:
        fail(error)


def run(arguments):
    checkpoint = load(arguments.file)
    if arguments.copy_weights:
        weights = {name[len("model_state/"):-len("/weight")]: value for name, value in checkpoint.items()
                   if name.startswith("model_state/")}
        copy_weights(arguments.file, arguments.copy_weights, checkpoint, weights)
        return
    if arguments.logits is None:
        for name, value in checkpoint.items():
            print(f"{name}  {value.dtype} {value.shape}" if isinstance(value, np.ndarray) else f"{name}  {value}")
        return
    ids = encode(checkpoint, arguments.logits)
    block_size = checkpoint["config/block_size"]
    if not 1 <= len(ids) <= block_size:
        raise CheckpointError(f"the text has {len(ids)} characters; allowed are 1 to {block_size}")
    try:
        logits = {"numpy": numpy_logits, "torch": torch_logits}[arguments.framework](checkpoint, ids)
    except ImportError as missing:
        fail(f"{missing.name} is missing: python3 -m pip install torch")
    print(json.dumps({"ids": ids, "logits": logits.tolist()}))


if __name__ == "__main__":
    main()
