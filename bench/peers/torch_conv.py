#!/usr/bin/python3
"""How fast PyTorch trains a small ConvNet with Adam over MNIST-sized data.

1-16 3x3 pad 1, ReLU, max-pool 2, 16-32 3x3 pad 1, ReLU, max-pool 2, 1568-10; float32.

one-process       one model, one process, all cores
process-per-core  one single-threaded process and model per core, timed together

Each is tried with oneDNN in both memory layouts and with PyTorch's own convolutions.
"""

import common
import torch
from torch import nn
from torch.nn import functional as F

VARIANTS = {
    "onednn": (True, torch.contiguous_format),
    "onednn, channels last": (True, torch.channels_last),
    "native": (False, torch.contiguous_format),
}


def conv_step(batch, variant):
    """One training step of one model."""
    onednn, layout = VARIANTS[variant]
    torch.backends.mkldnn.enabled = onednn
    pixels, labels = common.random_data()
    order = common.batches(batch)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(1568, common.CLASSES),
    ).to(memory_format=layout)
    adam = torch.optim.Adam(model.parameters(), lr=common.LEARNING_RATE)

    def step():
        rows = next(order)
        x = pixels.index_select(0, rows).view(batch, 1, 28, 28).contiguous(memory_format=layout)
        adam.zero_grad(set_to_none=True)
        F.cross_entropy(model(x), labels.index_select(0, rows)).backward()
        adam.step()

    return step


if __name__ == "__main__":
    common.over_arrangements("convnet 1-16-32 3x3, 1568-10, adam, fp32", conv_step, seconds=7, variants=VARIANTS)
