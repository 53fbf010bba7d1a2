"""What the PyTorch peers share: a BLAS that is not held back, random MNIST-sized data, the clock.

Import this module before torch: OpenBLAS chooses its kernels when it is loaded.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import sys
import time

SAMPLES = 60_000  # an epoch of MNIST
PIXELS = 28 * 28
CLASSES = 10
LEARNING_RATE = 1e-3
WINDOWS = 5  # a rate is the median over this many windows of the time box


def cpu_flags():
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as f:
            line = next((l for l in f if l.startswith("flags")), "")
    except OSError:
        return set()
    return set(line.partition(":")[2].split())


def unleash():
    """Name the fastest kernels this processor can run, unless the user has named others.

    OpenBLAS 0.3.21 does not know cores younger than itself and falls back to AVX2 at half speed;
    its SkylakeX kernels serve every AVX-512 core (Cooperlake and Sapphirerapids run the same fp32
    ones, where they are built at all).
    """
    if {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= cpu_flags():
        os.environ.setdefault("OPENBLAS_CORETYPE", "SkylakeX")


unleash()
import torch  # noqa: E402  (only now: see above)


def cores():
    return len(os.sched_getaffinity(0))


def random_data(seed=0):
    """MNIST-sized pixels and labels: float32 [60000, 784] in [0, 1], int64 [60000]."""
    g = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 256, (SAMPLES, PIXELS), dtype=torch.uint8, generator=g)
    labels = torch.randint(0, CLASSES, (SAMPLES,), generator=g)
    return pixels.float() / 255, labels


def batches(batch, seed=0):
    """Endless index batches: a fresh permutation per epoch, the short last batch left out."""
    g = torch.Generator().manual_seed(seed)
    while True:
        order = torch.randperm(SAMPLES, generator=g)
        for i in range(0, SAMPLES - batch + 1, batch):
            yield order[i : i + batch]


def prepare(threads):
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)


def steps_per_second(step, seconds):
    """Rates of `step` over WINDOWS windows that fill `seconds`, after a warm-up of a fifth of it."""

    def window(length):
        start, count = time.perf_counter(), 0
        while True:
            step()
            count += 1
            spent = time.perf_counter() - start
            if spent >= length:
                return count / spent

    window(seconds / 5)
    return [window(seconds / WINDOWS) for _ in range(WINDOWS)]


def _worker(make_step, arguments, seconds, barrier, queue):
    prepare(threads=1)
    step = make_step(*arguments)
    step()  # primitives are made here, not while a neighbour is being timed
    barrier.wait()
    queue.put(steps_per_second(step, seconds))


def one_process(make_step, arguments, seconds):
    """All cores on one model. Returns steps per second, one rate per window."""
    prepare(threads=cores())
    return steps_per_second(make_step(*arguments), seconds)


def process_per_core(make_step, arguments, seconds):
    """One single-threaded process and model per core, timed together. Returns summed rates."""
    context = multiprocessing.get_context("spawn")
    barrier, queue = context.Barrier(cores()), context.Queue()
    # Children read these when they import torch.
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    workers = [
        context.Process(target=_worker, args=(make_step, arguments, seconds, barrier, queue))
        for _ in range(cores())
    ]
    for w in workers:
        w.start()
    del os.environ["OMP_NUM_THREADS"], os.environ["OPENBLAS_NUM_THREADS"]
    rates = [queue.get() for _ in workers]
    for w in workers:
        w.join()
    return [sum(together) for together in zip(*rates)]


def result(arrangement, batch, models_per_step, rates, **more):
    """One line of the answer; rates are steps per second, a step trains `models_per_step`."""
    scale = models_per_step * batch / SAMPLES
    epochs = sorted(r * scale for r in rates)
    return {
        "arrangement": arrangement,
        "batch": batch,
        **more,
        "model_epochs_per_s": round(statistics.median(epochs), 4),
        "windows": [round(e, 4) for e in epochs],
    }


def options(description, seconds):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--seconds", type=float, default=seconds, help="time box of each arrangement"
    )
    parser.add_argument(
        "--batch", type=int, nargs="+", default=[128, 1024], help="batch sizes to time"
    )
    return parser.parse_args()


def progress(text):
    print(text, file=sys.stderr, flush=True)


def report(model, results):
    """Print the answer as JSON, alone on stdout."""
    print(
        json.dumps(
            {
                "peer": "pytorch",
                "version": torch.__version__,
                "model": model,
                "cores": cores(),
                "openblas_coretype": os.environ.get("OPENBLAS_CORETYPE", "detected"),
                "onednn": torch.backends.mkldnn.is_available(),
                "unit": "model-epochs/s",
                "results": results,
            },
            indent=1,
        )
    )


def over_arrangements(title, make_step, seconds, variants=("",)):
    """The whole of a peer that trains one model a step: every batch, arrangement and variant.

    `make_step(batch, variant)` gives a step; `seconds` are those of an arrangement with all variants.
    """
    asked = options(title, seconds=seconds)
    results = []
    for batch in asked.batch:
        for name, run in (("one-process", one_process), ("process-per-core", process_per_core)):
            for variant in variants:
                rates = run(make_step, (batch, variant), asked.seconds / len(variants))
                line = result(name, batch, 1, rates, **({"variant": variant} if variant else {}))
                shown = f"{name} ({variant})" if variant else name
                progress(f"  torch {shown}: batch {batch}, "
                         f"{line['model_epochs_per_s']:.3f} model-epochs/s")
                results.append(line)
    report(title, results)
