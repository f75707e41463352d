#!/usr/bin/env python3
"""Writes the fixture of a genuine checkpoint of the Julia program, as JLD2 lays out its objects.

    python3 scripts/make_julia_fixture.py [Tests/Fixtures/julia.jld2]

Julia is not needed: the object graph is built with h5py. Weights count up in steps of 1/1024 in the order of
the parameter table, so that a test knows every one of them. What is not imitated: JLD2's committed types and
their attributes, which the importer never looks at.
"""
import sys
from pathlib import Path

try:
    import h5py
    import numpy as np
except ImportError as missing:
    sys.exit(f"make_julia_fixture.py: error: {missing.name} is missing: python3 -m pip install h5py numpy")

CHARACTERS = ["\n", "a", "b"]
VOCABULARY = CHARACTERS + ["<BOS>"]
N_EMBD, N_LAYER, BLOCK_SIZE, N_HEAD = 4, 2, 3, 2
TEXT = h5py.string_dtype("utf-8")
ENVELOPE = b"HDF5-based Julia Data Format, version 0.1.1\0 (Julia 1.11.2 64-bit LE)\0"


class Writer:
    def __init__(self, path):
        self.file = h5py.File(path, "w", userblock_size=512, libver=("v108", "v108"))
        self.objects = 0
        self.next_weight = 0

    def store(self, value, dtype=None, shape=()):
        """An anonymous dataset, reachable by its reference only, as JLD2 stores what is not a root."""
        self.objects += 1
        dataset = self.file.create_dataset(None, shape, dtype=dtype)
        dataset[()] = value
        # h5py keeps anonymous objects only while something links to them.
        self.file[f"_types/{self.objects:08}"] = dataset
        return dataset.ref

    def record(self, fields):
        """A compound value: fields is a list of (name, dtype, value)."""
        dtype = np.dtype([(name, kind) for name, kind, _ in fields])
        record = np.empty((), dtype=dtype)
        for name, _, value in fields:
            record[name] = value
        return record

    def dictionary(self, pairs, inline=False):
        """AssociationWrapper{kvvec}: pairs is a list of ((key, dtype), (value, dtype))."""
        records = [self.record([("first", k[1], k[0]), ("second", v[1], v[0])]) for k, v in pairs]
        if inline:
            vector = np.array(records, dtype=records[0].dtype)
            kvvec = self.store(vector, vector.dtype, (len(records),))
        else:
            references = [self.store(record, record.dtype) for record in records]
            kvvec = self.store(np.array(references, dtype=h5py.ref_dtype), h5py.ref_dtype, (len(references),))
        return self.record([("kvvec", h5py.ref_dtype, kvvec)])

    def weight(self, rows, columns):
        """The next rows*columns multiples of 1/1024, HDF5 dims {rows, columns} = Julia's (columns, rows)."""
        count = rows * columns
        values = (np.arange(self.next_weight, self.next_weight + count, dtype=np.float32) / 1024)
        self.next_weight += count
        return self.store(values.reshape(rows, columns), np.float32, (rows, columns))

    def layer(self, rows, columns, bias=True):
        fields = [("weight", h5py.ref_dtype, self.weight(rows, columns))]
        # Dense(...; bias = false): a Bool, which JLD2 stores in a byte.
        return self.record(fields + ([("bias", np.uint8, 0)] if bias else []))


def write(path):
    writer = Writer(path)
    text = lambda value: (value, TEXT)
    integer = lambda value: (value, np.int64)
    reference = lambda value: (value, h5py.ref_dtype)
    boxed = lambda record: reference(writer.store(record, record.dtype))

    wte = writer.layer(len(VOCABULARY), N_EMBD, bias=False)
    wpe = writer.layer(BLOCK_SIZE, N_EMBD, bias=False)
    blocks = []
    for _ in range(N_LAYER):
        shapes = [("attn_wq", 1, 1), ("attn_wk", 1, 1), ("attn_wv", 1, 1), ("attn_wo", 1, 1),
                  ("mlp_fc1", 1, 4), ("mlp_fc2", 4, 1)]
        layers = [(name, writer.layer(rows * N_EMBD, columns * N_EMBD)) for name, rows, columns in shapes]
        fields = [(name, layer.dtype, layer) for name, layer in layers]
        fields += [("n_head", np.int64, N_HEAD), ("head_dim", np.int64, N_EMBD // N_HEAD)]
        record = writer.record(fields)
        blocks.append(writer.store(record, record.dtype))
    lm_head = writer.layer(N_EMBD, len(VOCABULARY))
    block_list = writer.store(np.array(blocks, dtype=h5py.ref_dtype), h5py.ref_dtype, (N_LAYER,))

    state = writer.record([("wte", wte.dtype, wte), ("wpe", wpe.dtype, wpe),
                           ("blocks", h5py.ref_dtype, block_list), ("lm_head", lm_head.dtype, lm_head)])
    config = writer.dictionary([
        (text("vocab_size"), integer(len(VOCABULARY))), (text("n_embd"), integer(N_EMBD)),
        (text("n_layer"), integer(N_LAYER)), (text("block_size"), integer(BLOCK_SIZE)),
        (text("n_head"), integer(N_HEAD))])
    # Dictionaries have no order: the file's is not that of the ids.
    order = [2, 0, 3, 1]
    stoi = writer.dictionary([(text(VOCABULARY[i]), integer(i + 1)) for i in order], inline=True)
    itos = writer.dictionary([(integer(i + 1), text(VOCABULARY[i])) for i in order])
    size = writer.store(len(VOCABULARY), np.int64)
    tokenizer = writer.dictionary([(text("stoi"), boxed(stoi)), (text("itos"), boxed(itos)),
                                   (text("vocab_size"), reference(size))])
    for name, record in [("config", config), ("model_state", state), ("tokenizer", tokenizer)]:
        writer.file.create_dataset(name, (), dtype=record.dtype)[()] = record
    writer.file.close()
    with open(path, "r+b") as file:
        file.write(ENVELOPE)


if __name__ == "__main__":
    default = Path(__file__).parent.parent / "Tests/Fixtures/julia.jld2"
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    try:
        write(target)
    except OSError as failure:
        sys.exit(f"make_julia_fixture.py: error: cannot write {target}: {failure.strerror or failure}")
    except KeyboardInterrupt:
        sys.exit(130)
