#!/usr/bin/env python3
"""Finds the best arrangement of every peer for one workload, and times it.

    search.py choose WORKLOAD --batch B --precision f32|bf16 [--interpreter PYTHON]... [--memory FILE]
    search.py time < what `choose` printed

`choose` gives every arrangement a short window, then the best two of each peer every allocator, and
prints the winner and its runner-up per peer; `time` runs those again, each in a long window, so that
Omniscale can be timed right before and after. Both print JSON on stdout, and progress on stderr. With
--memory, what was chosen before by the same versions on the same processor is not searched again.

An arrangement is how many processes, how many models are stacked in each, and a variant (compiled or
not, memory layout). Peers are what can be imported by the interpreters: PyTorch and JAX.
"""

import argparse
import dataclasses
import glob
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading

import workloads

HERE = os.path.dirname(os.path.abspath(__file__))
HIGH = str(1 << 40)
# glibc gives large blocks back to the system at each step and faults them in again, unless told.
ALLOCATORS = {
    "glibc, kept": {
        "MALLOC_TRIM_THRESHOLD_": HIGH, "MALLOC_MMAP_THRESHOLD_": HIGH, "MALLOC_TOP_PAD_": str(1 << 28)},
    "glibc as it is": {},
    "tcmalloc": {"LD_PRELOAD": "libtcmalloc_minimal.so.4"},
    "jemalloc": {"LD_PRELOAD": "libjemalloc.so.2"},
}
LIBRARIES = "/usr/lib/*/"  # where Debian has the two
BLAS = {"": {}, "OpenBLAS SkylakeX": {"OPENBLAS_CORETYPE": "SkylakeX"}}
FINALISTS = 2  # of each peer, that try all allocators
SHORT_S, LONG_S = 0.6, 5.0
LONGEST_START_S = 600  # compilation included


def cores():
    """As many as Omniscale takes, which heeds a container's quota."""
    own = sorted(os.sched_getaffinity(0))
    return own[: int(os.environ.get("OMNISCALE_CORES", len(own)))]


@dataclasses.dataclass(frozen=True)
class Arrangement:
    interpreter: str
    script: str
    processes: int
    models: int  # in each process
    variant: str
    allocator: str = "glibc, kept"
    blas: str = ""

    def name(self):
        words = ["a process per core" if self.processes > 1 else "one process"]
        words += [f"{self.models} models stacked"] if self.models > 1 else ["one model"]
        words += [w for w in (self.variant, self.allocator, self.blas) if w]
        return ", ".join(words)

    def peer(self):
        framework = "pytorch" if self.script == "torch_peer.py" else "jax"
        return framework + ("_debian" if self.interpreter.startswith("/usr/bin/") else "")

    def environment(self):
        held_back = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "LD_PRELOAD", "MALLOC_TRIM_THRESHOLD_",
                     "MALLOC_MMAP_THRESHOLD_", "MALLOC_TOP_PAD_")
        env = {k: v for k, v in os.environ.items() if k not in held_back}
        env |= ALLOCATORS[self.allocator] | BLAS[self.blas]
        env["XLA_FLAGS"] = ""
        env["JAX_PLATFORMS"] = "cpu"
        if self.processes > 1:
            env |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
            env["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
        return env


class Failed(Exception):
    pass


def time_it(a, job, seconds):
    """Rates in model-epochs/s by window, and what the workers said. Failed if one of them ended."""
    own = cores()
    workers = []
    try:
        for n in range(a.processes):
            pinned = {own[n % len(own)]} if a.processes > 1 else set(own)
            asked = {"workload": job["workload"], "batch": job["batch"], "precision": job["precision"],
                     "models": a.models, "variant": a.variant, "seconds": seconds,
                     "threads": len(pinned)}
            # Of files, since a pipe that nobody reads would stop whoever fills it.
            said = tempfile.TemporaryFile("w+")
            workers.append(subprocess.Popen(
                [a.interpreter, os.path.join(HERE, a.script), json.dumps(asked)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, text=True,
                env=a.environment(), preexec_fn=lambda p=pinned: os.sched_setaffinity(0, p)))
            workers[-1].said = said
        ready = [answer(w) for w in workers]
        for w in workers:
            w.stdin.write("go\n")
            w.stdin.flush()
        timed = [answer(w) for w in workers]
    except OSError as e:
        raise Failed(str(e)) from e
    finally:
        for w in workers:
            w.kill()
            w.wait()
            w.stdout.close()
            w.said.close()
    scale = a.models * job["batch"] / workloads.SAMPLES[job["workload"]]
    rates = [scale * sum(together) for together in zip(*(t["steps_per_s"] for t in timed))]
    return {
        "peer": a.peer(), "arrangement": a.name(), **dataclasses.asdict(a), "version": ready[0]["version"],
        "rate": statistics.median(rates), "windows": [round(r, 5) for r in rates],
        "first_step_s": max(r["first_step_s"] for r in ready),
        "page_faults_per_step": max(t["page_faults_per_step"] for t in timed),
    }


def answer(w):
    limit = threading.Timer(LONGEST_START_S, w.kill)
    limit.start()
    line = w.stdout.readline()
    limit.cancel()
    if not line:
        code = w.wait()
        w.said.seek(0)
        last = [text for text in w.said.read().splitlines() if text.strip()][-1:]
        raise Failed(last[0] if last else f"ended with exit code {code}")
    return json.loads(line)


def imports(interpreter, module):
    try:
        found = subprocess.run(
            [interpreter, "-c", f"import {module}; print({module}.__version__)"],
            capture_output=True, text=True, env=Arrangement(interpreter, "", 1, 1, "").environment())
    except OSError:
        return None
    return found.stdout.split()[-1] if found.returncode == 0 else None


def arrangements(interpreters, job):
    """All that are worth a window, with every peer that can be had."""
    n = len(cores())
    stacks = {"mlp": (8, 32), "mnist1d": (8, 32, 256)}.get(job["workload"], ())
    single = [(p, 1) for p in dict.fromkeys((1, n))]
    stacked = [(p, m) for m in stacks for p in dict.fromkeys((1, n)) if p == 1 or m == stacks[0]]
    for interpreter in interpreters:
        torch = imports(interpreter, "torch")
        if torch:
            modern = int(torch.split(".")[0]) >= 2
            variants = ["eager", "compiled"] if modern else ["eager"]
            if job["workload"] == "conv":
                layouts = ["eager", "eager, channels last", "eager, native"]
                variants = layouts + (["compiled", "compiled, channels last"] if modern else [])
            for variant in variants:
                for processes, models in single + stacked:
                    yield Arrangement(interpreter, "torch_peer.py", processes, models, variant)
        if imports(interpreter, "jax"):
            for processes, models in single + stacked:
                for variant in ("scan", "step"):
                    yield Arrangement(interpreter, "jax_peer.py", processes, models, variant)


def more_of(a):
    """The same arrangement with every other allocator and BLAS, and compiled harder."""
    usable = [name for name, env in ALLOCATORS.items()
              if "LD_PRELOAD" not in env or glob.glob(LIBRARIES + env["LD_PRELOAD"])]
    others = [dataclasses.replace(a, allocator=name) for name in usable if name != a.allocator]
    if a.peer() == "pytorch_debian":
        others.append(dataclasses.replace(a, blas="OpenBLAS SkylakeX"))
    if "compiled" in a.variant:
        others.append(dataclasses.replace(a, variant=a.variant.replace("compiled", "autotuned")))
    return others


def choose(job, interpreters):
    timed, failed = {}, []

    def attempt(a):
        if a in timed:
            return
        try:
            timed[a] = time_it(a, job, SHORT_S)
            print(f"  {timed[a]['version']}: {a.name()}: {timed[a]['rate']:.3f} model-epochs/s",
                  file=sys.stderr, flush=True)
        except Failed as e:
            failed.append({"arrangement": a.name(), "interpreter": a.interpreter, "why": str(e)})
            print(f"  {a.script}: {a.name()}: failed: {e}", file=sys.stderr, flush=True)

    def ranked(of=lambda a: True):
        return sorted((a for a in timed if of(a)), key=lambda a: -timed[a]["rate"])

    for a in arrangements(interpreters, job):
        attempt(a)
    peers = list(dict.fromkeys((a.interpreter, a.script) for a in timed))
    for peer in peers:
        mine = lambda a, peer=peer: (a.interpreter, a.script) == peer  # noqa: E731
        if timed[ranked(mine)[0]]["rate"] < 0.5 * timed[ranked()[0]]["rate"]:
            continue  # no allocator makes up for that
        for a in ranked(mine)[:FINALISTS]:
            for other in more_of(a):
                attempt(other)
    finalists = []
    for peer in peers:
        finalists += ranked(lambda a, peer=peer: (a.interpreter, a.script) == peer)[:2]
    return {"job": job, "finalists": [dataclasses.asdict(a) for a in finalists],
            "tried": [timed[a] for a in ranked()], "failed": failed}


def processor():
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as f:
        lines = f.read().split("\n\n")[0].splitlines()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    return " ".join(v.strip() for k, v in fields.items() if k.strip() in ("model name", "model", "flags"))


def remembered(job, interpreters, memory):
    """`choose`, unless the same versions have chosen for this job on this processor before."""
    if not memory:
        return choose(job, interpreters)
    versions = [[i, m, imports(i, m)] for i in interpreters for m in ("torch", "jax")]
    scripts = hashlib.sha256()
    for path in sorted(glob.glob(os.path.join(HERE, "*.py"))):
        with open(path, "rb") as f:
            scripts.update(f.read())
    allocators = sorted(glob.glob(LIBRARIES + "lib[tj]*malloc*.so.*"))
    key = json.dumps([job, versions, processor(), len(cores()), scripts.hexdigest(), allocators])
    try:
        with open(memory, encoding="utf-8") as f:
            known = json.load(f)
    except (OSError, ValueError):
        known = {}
    if key not in known:
        known[key] = choose(job, interpreters)
        with open(memory + ".new", "w", encoding="utf-8") as f:
            json.dump(known, f)
        os.replace(memory + ".new", memory)
    return known[key]


def time_finalists(chosen):
    results, failed = [], []
    for f in chosen["finalists"]:
        a = Arrangement(**f)
        try:
            results.append(time_it(a, chosen["job"], LONG_S))
            print(f"  {results[-1]['version']}: {a.name()}: {results[-1]['rate']:.3f} model-epochs/s",
                  file=sys.stderr, flush=True)
        except Failed as e:
            failed.append({"arrangement": a.name(), "why": str(e)})
    return {"job": chosen["job"], "results": sorted(results, key=lambda r: -r["rate"]), "failed": failed}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["choose", "time"])
    parser.add_argument("workload", nargs="?", choices=sorted(workloads.SAMPLES))
    parser.add_argument("--batch", type=int)
    parser.add_argument("--precision", choices=["f32", "bf16"], default="f32")
    parser.add_argument("--interpreter", action="append", default=[])
    parser.add_argument("--memory", help="a file of earlier choices")
    o = parser.parse_args()
    if o.what == "time":
        print(json.dumps(time_finalists(json.load(sys.stdin))))
        return
    job = {"workload": o.workload, "batch": o.batch, "precision": o.precision}
    print(json.dumps(remembered(job, o.interpreter or ["/usr/bin/python3"], o.memory)))


if __name__ == "__main__":
    main()
