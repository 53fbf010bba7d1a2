"""One process of a peer: it makes a step, says that it is ready, waits for the word, and is timed.

A peer script calls `serve(make_step, version)`. Its standard output goes to search.py alone: a line
of JSON when the step is compiled and warm, and after the line "go" on standard input one with rates.
"""

import argparse
import json
import resource
import sys
import time

WINDOWS = 5  # a rate is one per window of the time box


def windows(step, seconds):
    """Calls of `step` per second, by window; `step` returns how many training steps it took."""

    def window(length):
        start, count = time.perf_counter(), 0
        while True:
            count += step()
            spent = time.perf_counter() - start
            if spent >= length:
                return count / spent

    window(seconds / 5)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    rates = [window(seconds / WINDOWS) for _ in range(WINDOWS)]
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    return rates, faults / max(1.0, sum(rates) * seconds / WINDOWS)


def serve(make_step, version):
    """`make_step(asked)` gives a step; `asked` has workload, batch, models, threads, precision, variant."""
    parser = argparse.ArgumentParser()
    parser.add_argument("asked", type=json.loads)
    asked = argparse.Namespace(**parser.parse_args().asked)
    began = time.perf_counter()
    step = make_step(asked)
    step()
    first = time.perf_counter() - began
    step()
    print(json.dumps({"version": version, "first_step_s": round(first, 3)}), flush=True)
    for line in sys.stdin:
        if line.strip() != "go":
            break
        rates, faults = windows(step, asked.seconds)
        print(json.dumps({"steps_per_s": rates, "page_faults_per_step": round(faults, 1)}), flush=True)
        break
