"""The workloads as numbers, equal for every peer and for bench/workload.cpp."""

LEARNING_RATE = 1e-3
CLASSES = 10
# Widths of an MLP, and how many samples make an epoch.
MLPS = {
    "mlp": ((784, 256, 256, 10), 60_000),
    "mnist1d": ((40, 100, 100, 10), 4_000),
}
SAMPLES = {"mlp": 60_000, "mnist1d": 4_000, "conv": 60_000, "language": 4_096}
# The language model: preset M, rows of 128 tokens out of 1,024.
LAYERS, WIDTH, HEADS, TOKENS, VOCABULARY = 4, 128, 4, 128, 1024


def orders(permutation, samples, batch, models):
    """Endless index batches [models, batch]: a fresh permutation per model and epoch."""
    while True:
        shuffled = [permutation(samples) for _ in range(models)]
        for i in range(0, samples - batch + 1, batch):
            yield [order[i : i + batch] for order in shuffled]
