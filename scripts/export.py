#!/usr/bin/env python3
"""Exports a checkpoint of gpt-ddp as a folder that Python tools read without this project.

    python3 scripts/export.py checkpoints/shakespeare.best.jld2            into export/shakespeare.best
    python3 scripts/export.py m.jld2 --out DIR --replace

The folder holds
    model.safetensors   the weights in PyTorch's layout: linear weights are [out][in]
    config.json         the sizes, and what the architecture needs besides
    tokenizer.json      the alphabet, as the `tokenizers` package reads it
    microgpt.py         the model in sixty lines of PyTorch: MicroGPT.from_pretrained("DIR")
    README.md           a model card: what it was trained on, how far, and how to use it
Needs h5py and numpy; microgpt.py needs torch and safetensors.
"""
import signal

if __name__ == "__main__":  # Ctrl-C and a reader that has gone end it without a word.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)

import argparse
import json
import math
import os
import shutil
import sys
import textwrap


def fail(message):
    print(f"export.py: error: {message}", file=sys.stderr)
    sys.exit(2)


try:
    import numpy as np
    from load_checkpoint import LINEARS, RMS_EPSILON, CheckpointError, characters, config, load
except ImportError as missing:
    if __name__ != "__main__":
        raise
    fail(f"{missing.name or 'h5py'} is missing: python3 -m pip install h5py numpy")

LOADER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "export", "microgpt.py")
FILES = ("model.safetensors", "config.json", "tokenizer.json", "microgpt.py", "README.md")


def tensors(checkpoint):
    """Name and array of each weight in PyTorch's layout."""
    def weight(name):
        return np.asarray(checkpoint[f"model_state/{name}/weight"], dtype="<f4")

    yield "wte.weight", weight("wte")
    yield "wpe.weight", weight("wpe")
    for block in range(1, checkpoint["config/n_layer"] + 1):
        for name in LINEARS:
            yield f"blocks.{block - 1}.{name}.weight", weight(f"blocks/{block}/{name}").T
    yield "lm_head.weight", weight("lm_head").T


def write_safetensors(path, arrays, metadata):
    """https://huggingface.co/docs/safetensors: the header's length, the header, the values in its order."""
    header, offset = {"__metadata__": metadata}, 0
    for name, array in arrays.items():
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header, ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # values begin at a multiple of eight
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for array in arrays.values():
            file.write(np.ascontiguousarray(array).tobytes())


def model_config(checkpoint):
    sizes = config(checkpoint)
    return {
        "model_type": "microgpt", "architectures": ["MicroGPT"], **sizes, "rms_norm_eps": RMS_EPSILON,
        "hidden_act": "relu", "bos_token_id": sizes["vocab_size"] - 1, "torch_dtype": "float32",
        "tie_word_embeddings": False,
        "begins_with_bos": begins_with_bos(checkpoint),
    }


def begins_with_bos(checkpoint):
    """Whether texts begin and end with BOS (documents), or BOS was never seen (continuous text)."""
    workflow = checkpoint.get("data/workflow")
    return workflow == "documents" if workflow else "\n" not in characters(checkpoint)


def tokenizer(checkpoint):
    """One token a character. A character that is not in the alphabet is an error, as in gpt-sample."""
    alphabet = characters(checkpoint)
    bos = "<|bos|>"
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{
            "id": len(alphabet), "content": bos, "single_word": False, "lstrip": False, "rstrip": False,
            "normalized": False, "special": True}],
        "normalizer": None,
        "pre_tokenizer": {"type": "Split", "pattern": {"Regex": r"[\s\S]"}, "behavior": "Isolated", "invert": False},
        "post_processor": None,
        "decoder": {"type": "Fuse"},
        "model": {
            "type": "WordLevel", "vocab": {character: index for index, character in enumerate([*alphabet, bos])},
            "unk_token": "<|unknown|>"},
    }


def code(text):
    """A text of the file as Markdown code, whatever it holds."""
    shown = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in str(text))
    return "`" + shown.replace("`", "\N{RIGHT SINGLE QUOTATION MARK}") + "`"


def facts(checkpoint):
    """What the card says of the training; only what the checkpoint knows."""
    def number(path, form):
        value = checkpoint.get(path)
        return format(value, form) if isinstance(value, (int, float)) and math.isfinite(value) else None

    step, steps = number("progress/step", ",d"), number("schedule/total_steps", ",d")
    rows = [
        ("corpus", checkpoint.get("data/dataset") and code(checkpoint["data/dataset"])),
        ("its SHA-256", checkpoint.get("data/sha256") and code(checkpoint["data/sha256"])),
        ("steps", step and f"{step} of {steps or '?'}"),
        ("batch", number("data/global_batch", ",d") and f"{number('data/global_batch', ',d')} sequences"),
        ("loss of the last step", number("progress/last_loss", ".4f")),
        ("best validation loss", number("progress/best_validation_loss", ".4f")),
        ("seed", number("rng/seed", "d")),
        ("weights hash", checkpoint.get("progress/weights_hash") and code(checkpoint["progress/weights_hash"])),
    ]
    return [(name, value) for name, value in rows if value]


def model_card(checkpoint, source, count):
    sizes = config(checkpoint)
    start = "[model.bos_token_id]" if begins_with_bos(checkpoint) else 'model.encode("\\n")'
    table = "\n".join(f"| {name} | {value} |" for name, value in facts(checkpoint))
    blocks = f"{sizes['n_layer']} block" + ("s" if sizes["n_layer"] > 1 else "")
    what = textwrap.fill(
        f"A GPT on characters with {count:,} parameters ({blocks}, {sizes['n_embd']} channels, "
        f"{sizes['n_head']} heads, {sizes['block_size']} characters of context, {sizes['vocab_size'] - 1} characters "
        "and BOS), trained with MicroGPT for Swift. The architecture is that of Karpathy's", width=100)
    return f"""---
library_name: pytorch
pipeline_tag: text-generation
tags:
- microgpt
- character-level
---

# {code(os.path.basename(source))}

{what}
[microgpt.py](https://gist.github.com/karpathy/8627fe009c40f57531cb18360106ce95):
RMSNorm without weights, also after the embeddings and not before the head, ReLU, no biases, learned positions.

```python
from microgpt import MicroGPT   # beside this card; needs torch and safetensors

model = MicroGPT.from_pretrained(".")
print(model.decode(model.generate({start}, 200)))
```

| training | |
|---|---|
{table}

Losses are in nats a character. The model knows the spelling and the rhythm of its corpus and nothing else: what it
writes has no facts in it. It repeats passages of the corpus where it has learnt them by heart; whose words those are
decides how its texts may be used.
"""


def export(source, target, replace=False):
    checkpoint = load(source)
    if os.path.lexists(target):
        if not os.path.isdir(target) or not is_export(target):
            raise CheckpointError(f"{target} is there already and no export; choose another --out")
        if not replace:
            raise CheckpointError(f"{target} is there already; give --replace, or another --out")
    target = os.path.abspath(target)
    scratch = f"{target}.{os.getpid()}.tmp"
    try:
        os.makedirs(scratch)
        write(scratch, checkpoint, source)
        # Whole or not at all.
        if os.path.isdir(target):
            old = f"{target}.{os.getpid()}.old"
            os.rename(target, old)
            os.rename(scratch, target)
            shutil.rmtree(old)
        else:
            os.rename(scratch, target)
    except OSError as error:
        raise CheckpointError(f"cannot write {target}: {error.strerror or error}") from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def is_export(folder):
    """Whether there is nothing in it but what an earlier call has written."""
    try:
        with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
            ours = json.load(file).get("model_type") == "microgpt"
        return ours and set(os.listdir(folder)) <= set(FILES)
    except (OSError, ValueError, AttributeError):
        return False


def write(folder, checkpoint, source):
    arrays = dict(tensors(checkpoint))
    metadata = {"format": "pt"}  # what PyTorch's loaders look for
    if checkpoint.get("progress/weights_hash"):
        metadata["weights_hash"] = checkpoint["progress/weights_hash"]
    write_safetensors(os.path.join(folder, "model.safetensors"), arrays, metadata)
    for name, value in (("config.json", model_config(checkpoint)), ("tokenizer.json", tokenizer(checkpoint))):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            json.dump(value, file, ensure_ascii=False, indent=2)
            file.write("\n")
    shutil.copyfile(LOADER, os.path.join(folder, "microgpt.py"))
    with open(os.path.join(folder, "README.md"), "w", encoding="utf-8") as file:
        file.write(model_card(checkpoint, source, sum(array.size for array in arrays.values())))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", help="a checkpoint")
    parser.add_argument("--out", metavar="DIR", help="the folder; export/ and the checkpoint's name by default")
    parser.add_argument("--replace", action="store_true", help="replace an earlier export")
    options = parser.parse_args()
    stem = os.path.splitext(os.path.basename(options.file))[0]
    target = options.out if options.out is not None else os.path.join("export", stem)
    if not target:
        fail("--out is empty; give the name of a folder")
    try:
        export(options.file, target, options.replace)
    except CheckpointError as error:
        fail(str(error))
    print(f"wrote {target}: {', '.join(FILES)}")


if __name__ == "__main__":
    main()
