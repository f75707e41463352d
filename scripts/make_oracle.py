#!/usr/bin/env python3
"""The independent implementation: the model in numpy float64, forward and hand-written backward.

Writes Tests/Fixtures/oracle.json: for each small model its weights, a batch, and the logits, loss and
gradients of every tensor. Before it writes, every gradient element is compared with a finite difference.
It shares no code with the Swift program, so that a mistake would have to be made twice.

    python3 scripts/make_oracle.py            regenerate the fixture
    python3 scripts/make_oracle.py --check    compare the committed fixture with a fresh computation

Legend: B sequences, T positions, C channels, V vocabulary, H heads, D = C / H. Linear weights are [in][out].
"""

import argparse
import json
import os
import sys

try:
    import numpy as np
except ImportError:
    sys.exit("make_oracle.py: error: numpy is missing: python3 -m pip install numpy")

FIXTURE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Tests", "Fixtures", "oracle.json")
CONFIGURATIONS = [
    # (V, C, L, T, H), B, seed
    ((11, 12, 2, 8, 3), 2, 1),
    ((11, 16, 1, 5, 4), 3, 2),
]
NORM_EPSILON = 1e-5


class Random:
    """Knuth's MMIX linear congruential generator; enough for test weights, documented, in any language."""

    def __init__(self, seed):
        self.state = seed

    def uniform(self):
        """In [0, 1): the top 53 bits of the next state."""
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 11) / 2**53

    def normal(self):
        """Nearly normal: twelve uniforms less six."""
        return sum(self.uniform() for _ in range(12)) - 6


def shapes(config):
    """Names and shapes in the order of the Swift ParameterTable."""
    V, C, L, T, _ = config
    table = [("wte", (V, C)), ("wpe", (T, C))]
    for layer in range(1, L + 1):
        table += [(f"blocks/{layer}/{name}", (C, C)) for name in ("attn_wq", "attn_wk", "attn_wv", "attn_wo")]
        table += [(f"blocks/{layer}/mlp_fc1", (C, 4 * C)), (f"blocks/{layer}/mlp_fc2", (4 * C, C))]
    return table + [("lm_head", (C, V))]


def make_weights(config, random):
    """Normal(0, 0.3), rounded to 1/256 so that Float holds them exactly. Larger than in training (0.08): then
    attention is far from uniform and every gradient is far from zero."""
    return {
        name: np.array([round(random.normal() * 0.3 * 256) / 256 for _ in range(shape[0] * shape[1])]).reshape(shape)
        for name, shape in shapes(config)
    }


def norm(x):
    """y = x r, r = (mean(x²) + ε)^(-1/2). Returns y and r [..., 1]."""
    r = (np.mean(x * x, axis=-1, keepdims=True) + NORM_EPSILON) ** -0.5
    return x * r, r


def norm_backward(dy, y, r):
    """y = x r  ⇒  dx = r (dy − y mean(dy y)), since dr/dx = −r³ x / C."""
    return r * (dy - y * np.mean(dy * y, axis=-1, keepdims=True))


def split_heads(x, H):
    B, T, C = x.shape
    return x.reshape(B, T, H, C // H).transpose(0, 2, 1, 3)  # [B][H][T][D]


def join_heads(x):
    B, H, T, D = x.shape
    return x.transpose(0, 2, 1, 3).reshape(B, T, H * D)


def forward(w, config, inputs, targets):
    """Loss (mean nats a target), logits [B][T][V], and what backward needs."""
    _, C, L, _, H = config
    T = inputs.shape[1]
    scale = 1 / np.sqrt(C / H)
    future = np.triu(np.ones((T, T), bool), 1)
    e = w["wte"][inputs] + w["wpe"][:T]
    x, r = norm(e)
    saved = {"embedding": (x, r), "layers": []}
    for layer in range(1, L + 1):
        p = lambda name: w[f"blocks/{layer}/{name}"]
        a, ra = norm(x)
        q, k, v = (split_heads(a @ p(name), H) for name in ("attn_wq", "attn_wk", "attn_wv"))
        scores = np.where(future, -np.inf, q @ k.swapaxes(-1, -2) * scale)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        o = join_heads(weights @ v)
        x = x + o @ p("attn_wo")
        m, rm = norm(x)
        h = m @ p("mlp_fc1")
        x = x + np.maximum(h, 0) @ p("mlp_fc2")
        saved["layers"].append((a, ra, q, k, v, weights, o, m, rm, h))
    logits = x @ w["lm_head"]
    top = logits.max(-1, keepdims=True)
    log_probabilities = logits - top - np.log(np.exp(logits - top).sum(-1, keepdims=True))
    saved["final"] = (x, log_probabilities)
    loss = -np.take_along_axis(log_probabilities, targets[..., None], -1).mean()
    return loss, logits, saved


def backward(w, config, inputs, targets, saved):
    """Gradient of the loss for every tensor."""
    _, C, L, _, H = config
    T = inputs.shape[1]
    scale = 1 / np.sqrt(C / H)
    g = {name: np.zeros_like(value) for name, value in w.items()}

    def linear(name, x, dy):
        """y = x W  ⇒  dW = xᵀ dy, dx = dy Wᵀ."""
        g[name] += np.einsum("bti,bto->io", x, dy)
        return dy @ w[name].T

    x, log_probabilities = saved["final"]
    dlogits = np.exp(log_probabilities)
    np.put_along_axis(
        dlogits, targets[..., None], np.take_along_axis(dlogits, targets[..., None], -1) - 1, -1)
    dx = linear("lm_head", x, dlogits / targets.size)
    for layer in range(L, 0, -1):
        a, ra, q, k, v, weights, o, m, rm, h = saved["layers"][layer - 1]
        p = f"blocks/{layer}/"
        # x + fc2 relu(fc1 norm(x))
        dh = linear(p + "mlp_fc2", np.maximum(h, 0), dx) * (h > 0)
        dx = dx + norm_backward(linear(p + "mlp_fc1", m, dh), m, rm)
        # x + wo softmax(q kᵀ scale) v
        do = split_heads(linear(p + "attn_wo", o, dx), H)
        dv = weights.swapaxes(-1, -2) @ do
        dweights = do @ v.swapaxes(-1, -2)
        # s = softmax(z)  ⇒  dz = s (ds − Σ ds s); masked places have s = 0
        dscores = weights * (dweights - (dweights * weights).sum(-1, keepdims=True)) * scale
        dq, dk = dscores @ k, dscores.swapaxes(-1, -2) @ q
        da = sum(
            linear(p + name, a, join_heads(d)) for name, d in (("attn_wq", dq), ("attn_wk", dk), ("attn_wv", dv)))
        dx = dx + norm_backward(da, a, ra)
    # x = norm(wte[token] + wpe[position])
    de = norm_backward(dx, *saved["embedding"])
    np.add.at(g["wte"], inputs, de)
    g["wpe"][:T] += de.sum(0)
    return g


def check_by_differences(w, config, inputs, targets, gradients):
    """Every element against a central difference; returns the largest error relative to its tensor's largest
    gradient, and stops if one is above 1e-7."""
    step = 1e-5
    worst = 0.0
    for name, tensor in w.items():
        largest = np.abs(gradients[name]).max()
        for index in np.ndindex(tensor.shape):
            kept = tensor[index]
            tensor[index] = kept + step
            above = forward(w, config, inputs, targets)[0]
            tensor[index] = kept - step
            below = forward(w, config, inputs, targets)[0]
            tensor[index] = kept
            error = abs((above - below) / (2 * step) - gradients[name][index]) / largest
            worst = max(worst, error)
            if not error < 1e-7:
                sys.exit(f"make_oracle.py: error: {name}{list(index)}: gradient {gradients[name][index]} "
                         f"but finite difference {(above - below) / (2 * step)}")
    return worst


def rounded(array):
    """Nine significant digits: finer than Float, short enough to commit."""
    return [float(f"{x:.9g}") for x in np.asarray(array).ravel()]


def make_case(config, B, seed):
    V, C, L, T, H = config
    random = Random(seed)
    w = make_weights(config, random)
    tokens = np.array([[int(random.uniform() * V) for _ in range(T + 1)] for _ in range(B)])
    inputs, targets = tokens[:, :-1], tokens[:, 1:]
    loss, logits, saved = forward(w, config, inputs, targets)
    gradients = backward(w, config, inputs, targets, saved)
    worst = check_by_differences(w, config, inputs, targets, gradients)
    print(f"V={V} C={C} L={L} T={T} H={H} B={B}: loss {loss:.12f}, gradients and finite differences "
          f"differ by at most {worst:.1e} of the largest in the tensor")
    return {
        "config": {"vocab_size": V, "n_embd": C, "n_layer": L, "block_size": T, "n_head": H},
        "inputs": inputs.tolist(),
        "targets": targets.tolist(),
        "loss": float(loss),
        "logits": rounded(logits),
        "weights": {name: rounded(value) for name, value in w.items()},
        "gradients": {name: rounded(value) for name, value in gradients.items()},
    }


def differences(old, new, path=""):
    """Places where two fixtures differ by more than another numpy's rounding."""
    if isinstance(new, dict):
        if not isinstance(old, dict) or old.keys() != new.keys():
            return [path or "top level"]
        return [place for key in new for place in differences(old[key], new[key], f"{path}/{key}")]
    if isinstance(new, list):
        if not isinstance(old, list) or len(old) != len(new):
            return [path]
        if new and isinstance(new[0], (dict, list)):
            return [p for i, (a, b) in enumerate(zip(old, new)) for p in differences(a, b, f"{path}[{i}]")]
        return [] if np.allclose(old, new, rtol=1e-8, atol=1e-12) else [path]
    if isinstance(new, float):
        return [] if np.isclose(old, new, rtol=1e-12, atol=0) else [path]
    return [] if old == new else [path]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare the committed fixture, write nothing")
    parser.add_argument("--out", default=os.path.normpath(FIXTURE), help="where to write (default: the fixture)")
    options = parser.parse_args()
    fixture = {
        "about": "Regenerate with scripts/make_oracle.py. Tensors are flat, row-major; linear weights [in][out]; "
                 "logits [B][T][V]; loss is the mean in nats; weights are exact in Float.",
        "cases": [make_case(*case) for case in CONFIGURATIONS],
    }
    if options.check:
        try:
            with open(options.out, encoding="utf-8") as file:
                places = differences(json.load(file), fixture)
        except (OSError, ValueError) as error:
            sys.exit(f"make_oracle.py: error: cannot read the fixture: {error}")
        if places:
            sys.exit(f"make_oracle.py: error: {options.out} differs at {', '.join(places[:5])}")
        print(f"{options.out} agrees")
        return
    # One tensor a line: a change shows in a diff, and the file stays small.
    text = json.dumps(fixture, separators=(",", ":")).replace('],"', '],\n"').replace('{"', '{\n"')
    try:
        with open(options.out, "w", encoding="utf-8") as file:
            file.write(text + "\n")
    except OSError as error:
        sys.exit(f"make_oracle.py: error: cannot write {options.out}: {error.strerror}")
    print(f"wrote {options.out} ({len(text)} bytes)")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
