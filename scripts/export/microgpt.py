"""The model of this folder in PyTorch. model = MicroGPT.from_pretrained("."); needs torch and safetensors."""
import json
import os

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        for name in ("attn_wq", "attn_wk", "attn_wv", "attn_wo"):
            setattr(self, name, nn.Linear(width, width, bias=False))
        self.mlp_fc1 = nn.Linear(width, 4 * width, bias=False)
        self.mlp_fc2 = nn.Linear(4 * width, width, bias=False)

    def forward(self, x, norm):  # x is [batch][time][width]
        y = norm(x)
        q, k, v = (linear(y).unflatten(-1, (self.heads, -1)).transpose(1, 2)
                   for linear in (self.attn_wq, self.attn_wk, self.attn_wv))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.attn_wo(y.transpose(1, 2).flatten(-2))
        return x + self.mlp_fc2(F.relu(self.mlp_fc1(norm(x))))


class MicroGPT(nn.Module):
    def __init__(self, config, characters):
        super().__init__()
        self.config, self.characters, self.bos_token_id = config, characters, config["bos_token_id"]
        width = config["n_embd"]
        self.wte = nn.Embedding(config["vocab_size"], width)
        self.wpe = nn.Embedding(config["block_size"], width)
        self.blocks = nn.ModuleList(Block(width, config["n_head"]) for _ in range(config["n_layer"]))
        self.lm_head = nn.Linear(width, config["vocab_size"], bias=False)

    @classmethod
    def from_pretrained(cls, folder):
        def read(name):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                return json.load(file)

        vocabulary = read("tokenizer.json")["model"]["vocab"]
        model = cls(read("config.json"), sorted(vocabulary, key=vocabulary.get))
        model.load_state_dict(load_file(os.path.join(folder, "model.safetensors")))
        return model.eval()

    def norm(self, x):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.config["rms_norm_eps"])

    def forward(self, ids):  # [batch][time] -> logits [batch][time][vocabulary]
        x = self.norm(self.wte(ids) + self.wpe.weight[: ids.shape[-1]])
        for block in self.blocks:
            x = block(x, self.norm)
        return self.lm_head(x)

    def encode(self, text):
        return [self.characters.index(character) for character in text]

    def decode(self, ids):
        return "".join(self.characters[id] for id in ids if id != self.bos_token_id)

    @torch.no_grad()
    def generate(self, ids, count, temperature=0.8):
        """`ids` and up to `count` more; a document ends where BOS is drawn."""
        for _ in range(count):
            logits = self(torch.tensor([ids[-self.config["block_size"]:]]))[0, -1]
            if not self.config["begins_with_bos"]:
                logits[self.bos_token_id] = -torch.inf  # never seen in continuous text
            ids = ids + [torch.multinomial(F.softmax(logits / temperature, -1), 1).item()]
            if ids[-1] == self.bos_token_id:
                break
        return ids
