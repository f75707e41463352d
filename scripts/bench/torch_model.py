"""The model of gpt-ddp in PyTorch, in the form that is fastest on a CPU: one product for q, k and v, fused
causal attention, fused Adam, eager mode (torch.compile was slower). The peer of the benchmark."""

import sys

try:
    import torch
    import torch.nn.functional as F
except ImportError:
    sys.exit("torch_model.py: error: PyTorch is missing: scripts/bench.sh installs it into a virtual environment")

NORM_EPSILON = 1e-5


class Block(torch.nn.Module):
    def __init__(self, C, H):
        super().__init__()
        self.head_count = H
        self.qkv = torch.nn.Linear(C, 3 * C, bias=False)
        self.wo = torch.nn.Linear(C, C, bias=False)
        self.fc1 = torch.nn.Linear(C, 4 * C, bias=False)
        self.fc2 = torch.nn.Linear(4 * C, C, bias=False)

    def forward(self, x):
        """x [B][T][C]."""
        B, T, C = x.shape
        a = F.rms_norm(x, (C,), eps=NORM_EPSILON)
        q, k, v = self.qkv(a).view(B, T, 3, self.head_count, C // self.head_count).permute(2, 0, 3, 1, 4)
        o = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.wo(o.transpose(1, 2).reshape(B, T, C))
        return x + self.fc2(F.relu(self.fc1(F.rms_norm(x, (C,), eps=NORM_EPSILON))))

    def decode(self, x, keys, values, position):
        """One token of every stream. x [S][C], keys and values [S][H][T][D], filled below `position`."""
        S, C = x.shape
        a = F.rms_norm(x, (C,), eps=NORM_EPSILON)
        q, k, v = self.qkv(a).view(S, 3, self.head_count, 1, C // self.head_count).unbind(1)
        keys[:, :, position : position + 1] = k
        values[:, :, position : position + 1] = v
        o = F.scaled_dot_product_attention(q, keys[:, :, : position + 1], values[:, :, : position + 1])
        x = x + self.wo(o.reshape(S, C))
        return x + self.fc2(F.relu(self.fc1(F.rms_norm(x, (C,), eps=NORM_EPSILON))))


class GPT(torch.nn.Module):
    def __init__(self, vocab_size, n_embd, n_layer, block_size, n_head):
        super().__init__()
        if n_embd % n_head:
            sys.exit(f"torch_model.py: error: n_head {n_head} does not divide n_embd {n_embd}")
        self.vocab_size, self.n_embd, self.block_size, self.n_head = vocab_size, n_embd, block_size, n_head
        self.wte = torch.nn.Embedding(vocab_size, n_embd)
        self.wpe = torch.nn.Embedding(block_size, n_embd)
        self.blocks = torch.nn.ModuleList(Block(n_embd, n_head) for _ in range(n_layer))
        self.lm_head = torch.nn.Linear(n_embd, vocab_size, bias=False)
        for parameter in self.parameters():
            torch.nn.init.normal_(parameter, std=0.08)

    def forward(self, inputs, targets):
        """inputs, targets [B][T]; the mean loss in nats, and logits [B·T][V]."""
        x = F.rms_norm(
            self.wte(inputs) + self.wpe.weight[: inputs.shape[1]], (self.n_embd,), eps=NORM_EPSILON)
        for block in self.blocks:
            x = block(x)
        logits = self.lm_head(x).view(-1, self.vocab_size)
        return F.cross_entropy(logits, targets.reshape(-1)), logits

    def new_caches(self, streams):
        shape = (streams, self.n_head, self.block_size, self.n_embd // self.n_head)
        return [(torch.zeros(shape), torch.zeros(shape)) for _ in self.blocks]

    def decode(self, tokens, caches, position):
        """tokens [S] at `position`; logits [S][V]."""
        x = F.rms_norm(
            self.wte.weight[tokens] + self.wpe.weight[position], (self.n_embd,), eps=NORM_EPSILON)
        for block, (keys, values) in zip(self.blocks, caches):
            x = block.decode(x, keys, values, position)
        return self.lm_head(x)

    def tensors(self):
        """Name in a checkpoint -> view [in][out] (embeddings as they are) of the parameter; and of its gradient."""
        def views(weight):
            """weight: Parameter -> tensor."""
            table = {"wte": weight(self.wte.weight), "wpe": weight(self.wpe.weight)}
            for number, block in enumerate(self.blocks, 1):
                parts = weight(block.qkv.weight).split(self.n_embd)
                for name, part in zip(("attn_wq", "attn_wk", "attn_wv"), parts):
                    table[f"blocks/{number}/{name}"] = part.T
                for name, linear in (("attn_wo", block.wo), ("mlp_fc1", block.fc1), ("mlp_fc2", block.fc2)):
                    table[f"blocks/{number}/{name}"] = weight(linear.weight).T
            table["lm_head"] = weight(self.lm_head.weight).T
            return table

        gradients = {} if self.wte.weight.grad is None else views(lambda parameter: parameter.grad)
        return views(lambda parameter: parameter.data), gradients

    def load(self, arrays):
        """arrays: name -> nested or flat values, [in][out]. Every tensor must be there."""
        weights, _ = self.tensors()
        for name, tensor in weights.items():
            if name not in arrays:
                sys.exit(f"torch_model.py: error: the weights lack {name}")
            tensor.copy_(torch.as_tensor(arrays[name], dtype=torch.float32).reshape(tensor.shape))


def load_checkpoint(path):
    """A GPT with the weights of a checkpoint of gpt-ddp (HDF5; needs h5py)."""
    try:
        import h5py
    except ImportError:
        sys.exit("torch_model.py: error: h5py is missing: pip install h5py, or leave --checkpoint out")
    try:
        with h5py.File(path, "r") as file:
            config = {key: int(file["config"][key][()]) for key in
                      ("vocab_size", "n_embd", "n_layer", "block_size", "n_head")}
            model = GPT(**config)
            names, _ = model.tensors()
            state = file["model_state"]
            # HDF5 writes Julia's column-major (out, in) as [in][out]: no transpose.
            model.load({name: state[name]["weight"][()] for name in names})
    except (OSError, KeyError) as error:
        sys.exit(f"torch_model.py: error: {path} is not a checkpoint of gpt-ddp: {error}")
    return model


def check_oracle(cases, tolerance=2e-5):
    """Loss, logits, gradients and cached decode against the numpy oracle; ends the process if they differ."""
    for number, case in enumerate(cases, 1):
        model = GPT(**case["config"])
        model.load(case["weights"])
        inputs, targets = torch.tensor(case["inputs"]), torch.tensor(case["targets"])
        loss, logits = model(inputs, targets)
        loss.backward()
        results = {"loss": (loss.detach(), case["loss"]), "logits": (logits.detach(), case["logits"])}
        _, gradients = model.tensors()
        for name, gradient in gradients.items():
            results[f"gradient of {name}"] = (gradient, case["gradients"][name])
        with torch.inference_mode():
            caches = model.new_caches(len(inputs))
            steps = [model.decode(inputs[:, t], caches, t) for t in range(inputs.shape[1])]
            results["logits of cached decode"] = (torch.stack(steps, 1), case["logits"])
        worst = 0.0
        for name, (ours, expected) in results.items():
            expected = torch.as_tensor(expected, dtype=torch.float64).reshape(ours.shape)
            error = float((ours.double() - expected).abs().max() / expected.abs().max())
            worst = max(worst, error)
            if not error <= tolerance:
                sys.exit(f"torch_model.py: error: case {number}: {name} differs by {error:.1e} of its largest value")
        print(f"case {number}: PyTorch agrees with the oracle; largest difference {worst:.1e} of the largest value")
