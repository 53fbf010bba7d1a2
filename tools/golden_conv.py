#!/usr/bin/env python3
"""Prints what tests/golden_conv_test.cpp must reproduce: a ConvNet's training and single layers.

    /usr/bin/python3 tools/golden_conv.py > tests/golden_conv.inc

The ConvNet is the twin of small_convnet(), trained with Adam. Each layer is run once: the sum of
its outputs with fixed weights, then samples of the outputs and of that sum's gradient with respect
to every input. All in double precision, from the formula `fill` that both sides share. Images are
filled as [B, H, W, C] and handed to PyTorch as [B, C, H, W].
"""
import math

import torch
import torch.nn.functional as F

from golden_mlp import fill, row, sample

CHANNELS = [1, 4, 8]
SIDE, CLASSES, BATCH, BATCHES, STEPS = 12, 5, 16, 4, 40


def train_convnet():
    shapes = [(o, i, 3, 3) for i, o in zip(CHANNELS, CHANNELS[1:])]
    shapes.append((CLASSES, CHANNELS[-1] * (SIDE // 4) ** 2))
    parameters = []
    for n, shape in enumerate(shapes):
        scale = 1.5 / math.sqrt(math.prod(shape[1:]))
        parameters.append(fill(math.prod(shape), 10 + n, scale).view(shape))
        parameters.append(fill(shape[0], 20 + n, 0.1))
    for p in parameters:
        p.requires_grad_()
    optimizer = torch.optim.Adam(parameters, lr=3e-3)
    images = fill(BATCHES * BATCH * SIDE * SIDE, 1, 1.0).view(BATCHES, BATCH, 1, SIDE, SIDE)
    labels = torch.tensor([(7 * i + i // 3) % CLASSES for i in range(BATCHES * BATCH)])
    labels = labels.view(BATCHES, BATCH)
    losses = []
    for step in range(STEPS):
        x = images[step % BATCHES]
        for weight, bias in zip(parameters[0:-2:2], parameters[1:-2:2]):
            x = F.max_pool2d(torch.relu(F.conv2d(x, weight, bias, padding=1)), 2)
        loss = F.cross_entropy(F.linear(x.flatten(1), *parameters[-2:]), labels[step % BATCHES])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if (step + 1) % 10 == 0:
            losses.append(loss.item())
    return losses, [p.detach() for p in parameters]


def first(x):
    """[B, H, W, C] -> [B, C, H, W]."""
    return x.permute(0, 3, 1, 2)


def last(x):
    return x.permute(0, 2, 3, 1)


def kl(teacher, student, temperature):
    return F.kl_div(F.log_softmax(student / temperature, -1), F.softmax(teacher / temperature, -1),
                    reduction="batchmean")


def conv(**options):
    return lambda x, w: last(F.conv2d(first(x), w, **options))


def pool(function, *options):
    return lambda x: last(function(first(x), *options))


INDEX = torch.tensor([(5 * i + i // 4) % 11 for i in range(24)])

# Name: (shapes of the inputs, their scale, the layer).
LAYERS = {
    "layer_norm": ([(6, 20), (20,), (20,)], 2.0, lambda x, w, b: F.layer_norm(x, (20,), w, b)),
    "gelu": ([(8, 25)], 3.0, F.gelu),
    "gelu_tanh": ([(8, 25)], 3.0, lambda x: F.gelu(x, approximate="tanh")),
    "embedding": ([(11, 7)], 1.0, lambda table: F.embedding(INDEX, table)),
    "kl": ([(6, 5), (6, 5)], 4.0, lambda t, s: kl(t, s, 1.0)),
    "kl_temperature": ([(6, 5), (6, 5)], 4.0, lambda t, s: kl(t, s, 3.0)),
    "mse": ([(6, 5), (6, 5)], 1.0, F.mse_loss),
    "l1": ([(6, 5), (6, 5)], 1.0, F.l1_loss),
    "conv_stride": ([(2, 9, 8, 3), (4, 3, 3, 3)], 1.0, conv(stride=(2, 3), padding=(1, 0))),
    "conv_padding": ([(2, 8, 7, 2), (3, 2, 5, 3)], 1.0, conv(padding=(2, 1))),
    "conv_dilation": ([(2, 9, 9, 3), (4, 3, 3, 3)], 1.0, conv(padding=(2, 1), dilation=(2, 3))),
    "avg_pool": ([(2, 7, 6, 3)], 1.0, pool(F.avg_pool2d, (3, 2), (2, 2), (1, 1))),
    "max_pool": ([(2, 7, 6, 3)], 1.0, pool(F.max_pool2d, (3, 2), (2, 1), (1, 1))),
}


def run_layer(shapes, scale, layer):
    inputs = [fill(math.prod(s), 30 + i, scale).view(s).requires_grad_()
              for i, s in enumerate(shapes)]
    y = layer(*inputs)
    total = (y * fill(y.numel(), 40, 1.0).view(y.shape)).sum()
    total.backward()
    return [total.item()], [y.detach()] + [x.grad for x in inputs]


def main():
    print(f"// Written by tools/golden_conv.py with PyTorch {torch.__version__}.")
    print("// {name, losses of steps 10, 20, ..., of each parameter at the end: norm, 8 elements}")
    print("// {layer, weighted sum of outputs, of outputs and inputs' gradients: norm, 8 elements}")
    cases = {"convnet": train_convnet()}
    cases.update({name: run_layer(*layer) for name, layer in LAYERS.items()})
    for name, (losses, arrays) in cases.items():
        print(f'{{"{name}",')
        print(f" {row(losses)},")
        print(" {" + ",\n  ".join(row(sample(a)) for a in arrays) + "}},")


if __name__ == "__main__":
    main()
