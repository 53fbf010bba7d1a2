#!/usr/bin/python3
"""How fast PyTorch trains MLPs 784-256-256-10 with Adam over MNIST-sized data, in three arrangements.

stacked           M models' weights in one tensor per layer, torch.baddbmm, one Adam over them all
one-process       one model, one process, all cores
process-per-core  one single-threaded process and model per core, timed together

Every step gathers its batch with index_select from resident float32 pixels.
"""

import common
import torch
from torch import nn
from torch.nn import functional as F

WIDTHS = (784, 256, 256, 10)


def single_step(batch):
    """One training step of one model."""
    pixels, labels = common.random_data()
    order = common.batches(batch)
    model = nn.Sequential(
        nn.Linear(WIDTHS[0], WIDTHS[1]),
        nn.ReLU(),
        nn.Linear(WIDTHS[1], WIDTHS[2]),
        nn.ReLU(),
        nn.Linear(WIDTHS[2], WIDTHS[3]),
    )
    adam = torch.optim.Adam(model.parameters(), lr=common.LEARNING_RATE)

    def step():
        rows = next(order)
        x, y = pixels.index_select(0, rows), labels.index_select(0, rows)
        adam.zero_grad(set_to_none=True)
        F.cross_entropy(model(x), y).backward()
        adam.step()

    return step


def stacked_step(batch, models):
    """One training step of `models` models at once, each with its own order of the data."""
    pixels, labels = common.random_data()
    orders = [common.batches(batch, seed=m) for m in range(models)]
    weights, biases = [], []
    for fan_in, fan_out in zip(WIDTHS, WIDTHS[1:]):
        bound = fan_in**-0.5
        weights.append(nn.Parameter(torch.empty(models, fan_in, fan_out).uniform_(-bound, bound)))
        biases.append(nn.Parameter(torch.empty(models, 1, fan_out).uniform_(-bound, bound)))
    adam = torch.optim.Adam([*weights, *biases], lr=common.LEARNING_RATE)

    def step():
        rows = torch.cat([next(o) for o in orders])
        x = pixels.index_select(0, rows).view(models, batch, WIDTHS[0])
        y = labels.index_select(0, rows)
        for layer, (w, b) in enumerate(zip(weights, biases)):
            x = torch.baddbmm(b, x, w)
            if layer + 1 < len(weights):
                x = F.relu(x)
        # Summed over models: each gets the gradient that it would have alone.
        loss = F.cross_entropy(x.flatten(0, 1), y, reduction="sum") / batch
        adam.zero_grad(set_to_none=True)
        loss.backward()
        adam.step()

    return step


def main():
    options = common.options(__doc__.splitlines()[0], seconds=7)
    results = []

    def add(*arguments, **more):
        results.append(common.result(*arguments, **more))
        common.progress(f"  torch {results[-1]['arrangement']}: batch {results[-1]['batch']}, "
                        f"{results[-1]['model_epochs_per_s']:.2f} model-epochs/s")

    for batch in options.batch:
        for models in (8, 32):
            rates = common.one_process(stacked_step, (batch, models), options.seconds / 2)
            add("stacked", batch, models, rates, models=models)
        add("one-process", batch, 1, common.one_process(single_step, (batch,), options.seconds))
        rates = common.process_per_core(single_step, (batch,), options.seconds)
        add("process-per-core", batch, 1, rates)
    common.report("mlp 784-256-256-10, adam, fp32", results)


if __name__ == "__main__":
    main()
