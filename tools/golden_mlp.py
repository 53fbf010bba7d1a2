#!/usr/bin/env python3
"""Trains a small MLP with PyTorch and prints what tests/golden_test.cpp must reproduce.

    /usr/bin/python3 tools/golden_mlp.py > tests/golden_mlp.inc

Data and initial weights come from a formula that both sides share (`fill`), so that the numbers
printed, losses of every 10th step, norms and samples of the final weights, depend on the optimisers
alone. PyTorch runs in double precision: the comparison then measures our rounding and
not that of another kernel library.
"""
import math
import textwrap

import torch

WIDTHS = [20, 32, 32, 5]
BATCH = 16
BATCHES = 4
STEPS = 100


def fill(count, salt, scale):
    """The shared formula: element i is scale * sin(0.7 i + 1.3 salt + 0.01 i (i mod 13))."""
    values = [scale * math.sin(0.7 * i + 1.3 * salt + 0.01 * i * (i % 13)) for i in range(count)]
    return torch.tensor(values, dtype=torch.float32).double()


def make_model():
    layers = torch.nn.ModuleList(
        torch.nn.Linear(i, o).double() for i, o in zip(WIDTHS, WIDTHS[1:]))
    with torch.no_grad():
        for n, layer in enumerate(layers):
            scale = 1.5 / math.sqrt(layer.in_features)
            layer.weight.copy_(fill(layer.weight.numel(), 10 + n, scale).view_as(layer.weight))
            layer.bias.copy_(fill(layer.bias.numel(), 20 + n, 0.1))
    return layers


def forward(layers, x):
    for layer in layers[:-1]:
        x = torch.relu(layer(x))
    return layers[-1](x)


def train(make_optimizer, clip_norm=None):
    layers = make_model()
    optimizer = make_optimizer(layers.parameters())
    images = fill(BATCHES * BATCH * WIDTHS[0], 1, 1.0).view(BATCHES, BATCH, WIDTHS[0])
    labels = torch.tensor([(7 * i + i // 3) % WIDTHS[-1] for i in range(BATCHES * BATCH)])
    labels = labels.view(BATCHES, BATCH)
    losses = []
    for step in range(STEPS):
        loss = torch.nn.functional.cross_entropy(
            forward(layers, images[step % BATCHES]), labels[step % BATCHES])
        optimizer.zero_grad()
        loss.backward()
        if clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(layers.parameters(), clip_norm)
        optimizer.step()
        if (step + 1) % 10 == 0:
            losses.append(loss.item())
    return losses, [p.detach() for layer in layers for p in (layer.weight, layer.bias)]


def row(values):
    text = "{" + ", ".join(f"{v:.8g}" for v in values) + "}"
    return "\n   ".join(textwrap.wrap(text, 95))


def sample(parameter):
    """The norm and eight elements: those at (2 k + 1) / 16 of the way, k = 0..7."""
    flat = parameter.flatten()
    places = [(2 * k + 1) * flat.numel() // 16 for k in range(8)]
    return [flat.norm().item()] + [flat[p].item() for p in places]


def main():
    cases = {
        "sgd": (lambda p: torch.optim.SGD(p, lr=0.1), None),
        "momentum": (lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9, dampening=0.1,
                                               weight_decay=1e-3), None),
        "nesterov": (lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9, nesterov=True), None),
        "adam": (lambda p: torch.optim.Adam(p, lr=1e-3), None),
        "adam_decay": (lambda p: torch.optim.Adam(p, lr=1e-3, weight_decay=1e-2), None),
        "adamw": (lambda p: torch.optim.AdamW(p, lr=1e-3, weight_decay=0.1), None),
        "clipped": (lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.5), 0.3),
    }
    print(f"// Written by tools/golden_mlp.py with PyTorch {torch.__version__}.")
    print("// {name, losses of steps 10, 20, ..., of each parameter at the end: norm, 8 elements}")
    for name, (make_optimizer, clip_norm) in cases.items():
        losses, parameters = train(make_optimizer, clip_norm)
        print(f'{{"{name}",')
        print(f" {row(losses)},")
        print(" {" + ",\n  ".join(row(sample(p)) for p in parameters) + "}},")


if __name__ == "__main__":
    main()
