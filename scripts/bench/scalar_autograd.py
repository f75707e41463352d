#!/usr/bin/env python3
"""The names workflow with automatic differentiation of single numbers, in Python's standard library alone:
the mathematics of gpt-ddp --preset names as a graph of scalars. It is what a first program of this kind looks
like, slow and plain, and driven by scripts/bench.py (see worker.py).

    scalar_autograd.py --data names.txt      a step is one document: forward, backward, Adam
    scalar_autograd.py --check oracle.json   loss and gradients against the numpy oracle
"""

import argparse
import math
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import worker  # noqa: E402

NORM_EPSILON = 1e-5


class Scalar:
    """A number that remembers what it was made of: `parents`, and its derivative by each."""

    __slots__ = ("value", "gradient", "parents", "slopes")

    def __init__(self, value, parents=(), slopes=()):
        self.value, self.gradient, self.parents, self.slopes = value, 0.0, parents, slopes

    def __add__(self, other):
        if isinstance(other, Scalar):
            return Scalar(self.value + other.value, (self, other), (1.0, 1.0))
        return Scalar(self.value + other, (self,), (1.0,))

    def __mul__(self, other):
        if isinstance(other, Scalar):
            return Scalar(self.value * other.value, (self, other), (other.value, self.value))
        return Scalar(self.value * other, (self,), (other,))

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self):
        return self * -1.0

    def __sub__(self, other):
        return self + -other

    def __pow__(self, exponent):
        return Scalar(self.value**exponent, (self,), (exponent * self.value ** (exponent - 1),))

    def __truediv__(self, other):
        return self * other**-1

    def exp(self):
        value = math.exp(self.value)
        return Scalar(value, (self,), (value,))

    def log(self):
        return Scalar(math.log(self.value), (self,), (1 / self.value,))

    def relu(self):
        return Scalar(max(self.value, 0.0), (self,), (1.0 if self.value > 0 else 0.0,))

    def backward(self):
        """Adds the derivative of this number by every number it was made of to their `gradient`."""
        order, seen, stack = [], set(), [(self, False)]
        while stack:
            node, parents_done = stack.pop()
            if parents_done:
                order.append(node)
            elif node not in seen:
                seen.add(node)
                stack.append((node, True))
                stack.extend((parent, False) for parent in node.parents)
        self.gradient = 1.0
        for node in reversed(order):
            for parent, slope in zip(node.parents, node.slopes):
                parent.gradient += slope * node.gradient


def linear(x, weight):
    """weight is kept [out][in] here, one row an output."""
    return [sum(a * b for a, b in zip(row, x)) for row in weight]


def norm(x):
    r = (sum(a * a for a in x) * (1 / len(x)) + NORM_EPSILON) ** -0.5
    return [a * r for a in x]


def softmax(x):
    top = max(a.value for a in x)
    exponentials = [(a + -top).exp() for a in x]
    scale = sum(exponentials) ** -1
    return [e * scale for e in exponentials]


class Model:
    """`weights`: name -> rows of Scalars; linear weights [out][in], embeddings [id][C]."""

    def __init__(self, config, draw):
        self.config = config
        V, C, L, T, _ = config
        matrix = lambda rows, columns: [[Scalar(draw()) for _ in range(columns)] for _ in range(rows)]
        self.weights = {"wte": matrix(V, C), "wpe": matrix(T, C), "lm_head": matrix(V, C)}
        for layer in range(1, L + 1):
            for name in ("attn_wq", "attn_wk", "attn_wv", "attn_wo"):
                self.weights[f"blocks/{layer}/{name}"] = matrix(C, C)
            self.weights[f"blocks/{layer}/mlp_fc1"] = matrix(4 * C, C)
            self.weights[f"blocks/{layer}/mlp_fc2"] = matrix(C, 4 * C)
        self.parameters = [scalar for rows in self.weights.values() for row in rows for scalar in row]

    def logits(self, token, position, caches):
        """caches[layer]: (keys, values) of the positions before."""
        _, C, L, _, H = self.config
        D = C // H
        w = self.weights
        x = norm([a + b for a, b in zip(w["wte"][token], w["wpe"][position])])
        for layer in range(1, L + 1):
            p = f"blocks/{layer}/"
            a = norm(x)
            q = linear(a, w[p + "attn_wq"])
            keys, values = caches[layer - 1]
            keys.append(linear(a, w[p + "attn_wk"]))
            values.append(linear(a, w[p + "attn_wv"]))
            o = []
            for start in range(0, C, D):
                part = range(start, start + D)
                attention = softmax([sum(q[i] * k[i] for i in part) * D**-0.5 for k in keys])
                o += [sum(s * v[i] for s, v in zip(attention, values)) for i in part]
            x = [a + b for a, b in zip(x, linear(o, w[p + "attn_wo"]))]
            h = [a.relu() for a in linear(norm(x), w[p + "mlp_fc1"])]
            x = [a + b for a, b in zip(x, linear(h, w[p + "mlp_fc2"]))]
        return linear(x, w["lm_head"])

    def loss(self, inputs, targets):
        """Mean of the targets' −log p."""
        caches = [([], []) for _ in range(self.config[2])]
        terms = []
        for position, (token, target) in enumerate(zip(inputs, targets)):
            probabilities = softmax(self.logits(token, position, caches))
            terms.append(-probabilities[target].log())
        return sum(terms) * (1 / len(terms))


class Adam:
    """β = (0.85, 0.99), ε = 1e-8, bias-corrected; the rate falls from `peak` to 0 over `total` steps."""

    def __init__(self, parameters, peak=0.01, total=1000):
        self.parameters, self.peak, self.total, self.steps = parameters, peak, total, 0
        self.m, self.v = [0.0] * len(parameters), [0.0] * len(parameters)

    def step(self):
        self.steps += 1
        rate = self.peak * max(0.0, 1 - (self.steps - 1) / self.total)
        for i, parameter in enumerate(self.parameters):
            g = parameter.gradient
            self.m[i] = 0.85 * self.m[i] + 0.15 * g
            self.v[i] = 0.99 * self.v[i] + 0.01 * g * g
            m, v = self.m[i] / (1 - 0.85**self.steps), self.v[i] / (1 - 0.99**self.steps)
            parameter.value -= rate * m / (v**0.5 + 1e-8)
            parameter.gradient = 0.0


def transposed(rows):
    return [list(column) for column in zip(*rows)]


def check_oracle(cases, tolerance=1e-8):
    for number, case in enumerate(cases, 1):
        c = case["config"]
        config = (c["vocab_size"], c["n_embd"], c["n_layer"], c["block_size"], c["n_head"])
        model = Model(config, lambda: 0.0)
        # The oracle's linear weights are [in][out]; here they are [out][in].
        stored = {name: rows if name in ("wte", "wpe") else transposed(rows) for name, rows in model.weights.items()}
        flat = {name: [scalar for row in rows for scalar in row] for name, rows in stored.items()}
        for name, scalars in flat.items():
            for scalar, value in zip(scalars, case["weights"][name], strict=True):
                scalar.value = value
        loss = 0.0
        batch = list(zip(case["inputs"], case["targets"]))
        for inputs, targets in batch:
            # The sequences are equally long, so the mean of their means is the batch's.
            share = model.loss(inputs, targets) * (1 / len(batch))
            share.backward()
            loss += share.value
        errors = {"loss": abs(loss / case["loss"] - 1)}
        for name, scalars in flat.items():
            expected = case["gradients"][name]
            largest = max(abs(g) for g in expected)
            errors[f"gradient of {name}"] = max(abs(s.gradient - g) for s, g in zip(scalars, expected)) / largest
        for name, error in errors.items():
            if not error <= tolerance:
                sys.exit(f"scalar_autograd.py: error: case {number}: {name} differs by {error:.1e}")
        print(f"case {number}: scalar autograd agrees with the oracle; largest difference {max(errors.values()):.1e}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    worker.add_model_options(parser, "names")
    parser.add_argument("--data", metavar="FILE", help="documents, one a line")
    parser.add_argument("--check", metavar="FILE", help="compare with the oracle and end")
    options = parser.parse_args()
    if options.check:
        check_oracle(worker.load_oracle(options.check))
        return
    if not options.data:
        parser.error("--data FILE is needed")
    documents, vocabulary = worker.read_documents(options.data, options.block_size)
    generator = random.Random(42)
    generator.shuffle(documents)
    config = (vocabulary, options.n_embd, options.n_layer, options.block_size, options.n_head)
    model = Model(config, lambda: generator.gauss(0, 0.08))
    optimizer = Adam(model.parameters)
    losses = []

    def step():
        tokens = documents[optimizer.steps % len(documents)]
        loss = model.loss(tokens[:-1], tokens[1:])
        loss.backward()
        optimizer.step()
        losses.append(loss.value)

    worker.serve(
        lambda count: {"seconds": worker.timed(step, count), "loss": sum(losses[-count:]) / count},
        {"parameters": len(model.parameters)})


if __name__ == "__main__":
    main()
