#!/usr/bin/python3
"""How fast PyTorch trains a small language model with AdamW.

4 blocks of width 128 with 4 heads, tanh-GELU of 512, learned positions, tied embeddings, rows of 128
tokens out of 1,024; float32.

one-process       one model, one process, all cores
process-per-core  one single-threaded process and model per core, timed together
"""

import math

import common
import torch
from torch import nn
from torch.nn import functional as F

LAYERS, WIDTH, HEADS, TOKENS, VOCABULARY, ROWS = 4, 128, 4, 128, 1024, 4096


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.before_attention = nn.LayerNorm(WIDTH)
        self.queries_keys_values = nn.Linear(WIDTH, 3 * WIDTH)
        self.mixed = nn.Linear(WIDTH, WIDTH)
        self.before_mlp = nn.LayerNorm(WIDTH)
        self.neurons = nn.Linear(WIDTH, 4 * WIDTH)
        self.thought = nn.Linear(4 * WIDTH, WIDTH)
        future = torch.ones(TOKENS, TOKENS, dtype=torch.bool).triu(1)
        self.register_buffer("future", future, persistent=False)

    def attention(self, x):
        batch = x.shape[0]
        heads = self.queries_keys_values(x).view(batch, TOKENS, 3, HEADS, WIDTH // HEADS)
        q, k, v = heads.permute(2, 0, 3, 1, 4)
        if hasattr(F, "scaled_dot_product_attention"):
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            scores = q @ k.transpose(-2, -1) * (1 / math.sqrt(WIDTH // HEADS))
            mixed = scores.masked_fill(self.future, float("-inf")).softmax(-1) @ v
        return self.mixed(mixed.transpose(1, 2).reshape(batch, TOKENS, WIDTH))

    def forward(self, x):
        x = x + self.attention(self.before_attention(x))
        h = F.gelu(self.neurons(self.before_mlp(x)), approximate="tanh")
        return x + self.thought(h)


class LanguageModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, WIDTH)
        self.positions = nn.Parameter(0.02 * torch.randn(TOKENS, WIDTH))
        self.blocks = nn.Sequential(*[Block() for _ in range(LAYERS)])
        self.norm = nn.LayerNorm(WIDTH)
        nn.init.normal_(self.embedding.weight, std=0.02)

    def forward(self, tokens):
        x = self.blocks(self.embedding(tokens) + self.positions)
        return self.norm(x) @ self.embedding.weight.T


def language_step(batch, _):
    """One training step of one model; there are no variants."""
    g = torch.Generator().manual_seed(0)
    text = torch.randint(0, VOCABULARY, (ROWS, TOKENS + 1), generator=g)
    model = LanguageModel()
    adam = torch.optim.AdamW(model.parameters(), lr=common.LEARNING_RATE)

    def step():
        rows = torch.randint(0, ROWS, (batch,), generator=g)
        tokens = text.index_select(0, rows)
        adam.zero_grad(set_to_none=True)
        logits = model(tokens[:, :-1])
        F.cross_entropy(logits.view(-1, VOCABULARY), tokens[:, 1:].reshape(-1)).backward()
        adam.step()

    return step


if __name__ == "__main__":
    common.over_arrangements("language model 4x128, adamw, fp32", language_step, seconds=20)
