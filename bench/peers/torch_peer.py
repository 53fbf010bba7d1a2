"""PyTorch's side: one training step of one model, or of several with stacked parameters.

Variants: "eager" or "compiled" (torch.compile), "autotuned" (its templates tried out); for the ConvNet
also ", channels last" and ", native" (PyTorch's own convolutions). bf16 is autocast over f32 weights.
"""

import contextlib
import math

import torch
import worker
import workloads
from torch import nn
from torch.nn import functional as F


class StackedMlp(nn.Module):
    """Models' weights in one tensor per layer: [models, in, out], multiplied by torch.baddbmm."""

    def __init__(self, widths, models):
        super().__init__()
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for fan_in, fan_out in zip(widths, widths[1:]):
            bound = fan_in**-0.5
            self.weights.append(torch.empty(models, fan_in, fan_out).uniform_(-bound, bound))
            self.biases.append(torch.empty(models, 1, fan_out).uniform_(-bound, bound))

    def forward(self, x):
        for layer, (w, b) in enumerate(zip(self.weights, self.biases)):
            x = torch.baddbmm(b, x, w)
            if layer + 1 < len(self.weights):
                x = F.relu(x)
        return x


def single_mlp(widths):
    layers = []
    for fan_in, fan_out in zip(widths, widths[1:]):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def convnet():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(1568, workloads.CLASSES),
    )


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        width = workloads.WIDTH
        self.before_attention = nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.mixed = nn.Linear(width, width)
        self.before_mlp = nn.LayerNorm(width)
        self.neurons = nn.Linear(width, 4 * width)
        self.thought = nn.Linear(4 * width, width)
        future = torch.ones(workloads.TOKENS, workloads.TOKENS, dtype=torch.bool).triu(1)
        self.register_buffer("future", future, persistent=False)

    def attention(self, x):
        batch, tokens, width = x.shape
        heads = workloads.HEADS
        q, k, v = self.queries_keys_values(x).view(batch, tokens, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
        if hasattr(F, "scaled_dot_product_attention"):
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            scores = q @ k.transpose(-2, -1) * (1 / math.sqrt(width // heads))
            mixed = scores.masked_fill(self.future, float("-inf")).softmax(-1) @ v
        return self.mixed(mixed.transpose(1, 2).reshape(batch, tokens, width))

    def forward(self, x):
        x = x + self.attention(self.before_attention(x))
        return x + self.thought(F.gelu(self.neurons(self.before_mlp(x)), approximate="tanh"))


class LanguageModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(workloads.VOCABULARY, workloads.WIDTH)
        self.positions = nn.Parameter(0.02 * torch.randn(workloads.TOKENS, workloads.WIDTH))
        self.blocks = nn.Sequential(*[Block() for _ in range(workloads.LAYERS)])
        self.norm = nn.LayerNorm(workloads.WIDTH)
        nn.init.normal_(self.embedding.weight, std=0.02)

    def forward(self, tokens):
        x = self.blocks(self.embedding(tokens) + self.positions)
        return self.norm(x) @ self.embedding.weight.T


def image_data(width, samples):
    g = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (samples, width), dtype=torch.uint8, generator=g)
    if width < 784:  # MNIST-1D's signals are f32; images stay bytes until they are picked
        pixels = pixels.float() / 255
    return pixels, torch.randint(0, workloads.CLASSES, (samples,), generator=g)


def picked(pixels, rows):
    x = pixels.index_select(0, rows)
    return x.float().mul_(1 / 255) if x.dtype == torch.uint8 else x


def task(asked):
    """A model, its loss over a batch of rows, and how many rows there are."""
    layout = torch.channels_last if "channels last" in asked.variant else torch.contiguous_format
    if asked.workload == "language":
        g = torch.Generator().manual_seed(0)
        rows = workloads.SAMPLES["language"]
        text = torch.randint(0, workloads.VOCABULARY, (rows, workloads.TOKENS + 1), generator=g)
        model = LanguageModel()

        def gather(rows):
            picked = text.index_select(0, rows)
            return picked[:, :-1], picked[:, 1:].reshape(-1)

        return model, gather, lambda x, y: F.cross_entropy(model(x).view(-1, workloads.VOCABULARY), y)
    if asked.workload == "conv":
        torch.backends.mkldnn.enabled = "native" not in asked.variant
        pixels, labels = image_data(784, workloads.SAMPLES["conv"])
        model = convnet().to(memory_format=layout)

        def gather(rows):
            x = picked(pixels, rows).view(-1, 1, 28, 28).contiguous(memory_format=layout)
            return x, labels.index_select(0, rows)

        return model, gather, lambda x, y: F.cross_entropy(model(x), y)
    widths, samples = workloads.MLPS[asked.workload]
    pixels, labels = image_data(widths[0], samples)
    model = single_mlp(widths) if asked.models == 1 else StackedMlp(widths, asked.models)
    shape = (-1, widths[0]) if asked.models == 1 else (asked.models, asked.batch, widths[0])

    def gather(rows):
        return picked(pixels, rows).view(shape), labels.index_select(0, rows)

    def loss(x, y):
        # Summed over models: each gets the gradient that it would have alone.
        return F.cross_entropy(model(x).flatten(0, -2).float(), y, reduction="sum") / asked.batch

    return model, gather, loss


def adam(asked, parameters):
    kind = torch.optim.AdamW if asked.workload == "language" else torch.optim.Adam
    try:
        return kind(parameters, lr=workloads.LEARNING_RATE, fused=True)
    except (TypeError, RuntimeError):  # PyTorch 1.13 has no fused one on CPUs
        return kind(parameters, lr=workloads.LEARNING_RATE)


def make_step(asked):
    torch.set_num_threads(asked.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    model, gather, loss = task(asked)
    optimizer = adam(asked, list(model.parameters()))
    if "compiled" in asked.variant:
        loss = torch.compile(loss, dynamic=False)
    elif "autotuned" in asked.variant:
        loss = torch.compile(loss, dynamic=False, mode="max-autotune-no-cudagraphs")
    orders = workloads.orders(
        torch.randperm, workloads.SAMPLES[asked.workload], asked.batch, asked.models)
    narrow = contextlib.nullcontext
    if asked.precision == "bf16":
        narrow = lambda: torch.autocast("cpu", dtype=torch.bfloat16)  # noqa: E731

    def step():
        rows = next(orders)
        x, y = gather(rows[0] if asked.models == 1 else torch.cat(rows))
        optimizer.zero_grad(set_to_none=True)
        with narrow():
            value = loss(x, y)
        value.backward()
        optimizer.step()
        return 1

    return step


if __name__ == "__main__":
    worker.serve(make_step, "PyTorch " + torch.__version__)
