#!/usr/bin/env python3
"""Writes the seed inputs of every fuzz target to corpus/NAME beside this file.

good-* must be accepted and bad-* refused (corpus.cpp). Files that fuzzing found are kept under
other names and stay as they are.
"""
import gzip
import hashlib
import json
import struct
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"


def put(target, name, content):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def put_all(target, kind, contents):
    for name, content in contents.items():
        put(target, f"{kind}-{name}", content)


put_all("seeds", "good", {
    "one": "3", "range": "0..31", "list": "0,4,9", "mixture": "9, 0..2,1", "exponent": "1e3",
    "calibration": "1000000..1000015", "largest": "9223372036854775807", "most": "0..999999"})
put_all("seeds", "bad", {
    "empty": "", "backwards": "3..1", "negative": "-1", "open": "1..", "fraction": "1.5",
    "too-many": "0..1000000", "many-again": "0..999998,1000000..1999998",
    "repeated": ",".join(["0..999998"] * 300) + ",x"})

put_all("configuration", "good", {
    "whole": 'experiment = "subliminal-learning"\npreset = "smoke"\nseeds = [0, 1]\n'
             'precision = "f32"\n',
    "routing": 'experiment = "gradient-routing"\npreset = "smoke"\nseeds = "0..3"\n',
    "vae": 'experiment = "gradient-routing-vae"\npreset = "smoke"\n',
    "undo": 'experiment = "undo"\npreset = "smoke"\nmodels = 2\n',
    "relearning": 'experiment = "unlearning-relearning"\npreset = "smoke"\n',
    "path": 'experiment = "path-dependence"\npreset = "smoke"\nprecision = "bf16"\n',
    "sweep": 'experiment = "subliminal-learning"\npreset = "smoke"\nlr = [1e-3, 0.01] # two\n',
    "windows": '\ufeffexperiment = "undo"\r\npreset = "smoke"\r\nmodels = 2\r\n',
    "old": 'experiment = "undo"\rpreset = "smoke"\r',
    "utf-16": '\ufeffexperiment = "undo"\r\npreset = "smoke"\r\n'.encode("utf-16-le")})
put_all("configuration", "bad", {
    "empty": "", "no-experiment": "lr = 1\n", "unknown": 'experiment = "subliminal-lerning"\n',
    "key": 'experiment = "undo"\nlearning = 1\n', "twice": 'experiment = "undo"\nlr = 1\nlr = 2\n',
    "date": 'experiment = "undo"\nlr = 1979-05-27\n', "table": 'experiment = "undo"\n[lr]\na = 1\n',
    "no-array": 'experiment = "undo"\nlr = []\n', "nested": 'experiment = "undo"\nlr = [[1]]\n',
    "deep": "lr = " + "[" * 400, "infinite": 'experiment = "undo"\nlr = inf\n',
    "dotted": "a." * 8000 + "a = 1\n", "tables": "[a" + ".a" * 8000 + "]\n",
    "not-utf-8": b'experiment = "undo"\ndata = "\xff"\n',
    "control": 'experiment = "era-unlearning"\ntext = "a\\u001b[2J"\n',
    "zero": 'experiment = "undo"\0\n'})

put_all("arguments", "good", {
    "plain": "subliminal-learning\npreset=smoke", "seeds": "undo\npreset=smoke\nseeds=0..3",
    "sweep": "subliminal-learning\npreset=smoke\nlr=0.001,1e-2", "models": "undo\nmodels=3",
    "data": "undo\npreset=smoke\ndata=digits", "spaces": "undo\n preset = smoke "})
put_all("arguments", "bad", {
    "empty": "", "no-equals": "undo\nlr", "no-name": "undo\n=1", "no-value": "undo\nlr=",
    "gap": "undo\nlr=1,,2", "word": "undo\nlr=fast", "nan": "undo\nlr=nan",
    "flag": "undo\nthreads=2", "long": "undo\n" + "x" * 2000 + "=1"})


def idx(shape, elements, kind=8):
    return bytes([0, 0, kind, len(shape)]) + b"".join(struct.pack(">I", n) for n in shape) + elements


def packed(content):
    return gzip.compress(content, 9, mtime=0)


# The first byte chooses the number of dimensions wanted, less one.
ONE, THREE = b"\0", b"\2"
IMAGES, LABELS = idx([2, 1, 3], b"abcdef"), idx([4], b"\0\1\2\3")
put_all("idx", "good", {
    "labels": ONE + LABELS, "images": THREE + IMAGES, "none": ONE + idx([0], b""),
    "labels-gz": ONE + packed(LABELS), "images-gz": THREE + packed(IMAGES),
    "two-gz": THREE + packed(IMAGES[:9]) + packed(IMAGES[9:]),
    "padded-gz": ONE + packed(LABELS) + bytes(100)})
put_all("idx", "bad", {
    "empty": b"", "cut": THREE + IMAGES[:9], "longer": THREE + IMAGES + b"g",
    "dimensions": THREE + LABELS, "type": ONE + idx([1], b"abcd", kind=0x0d),
    "wraps": THREE + idx([1 << 31, 1 << 31, 4], b""), "huge": ONE + idx([0xffffffff], b"x"),
    "bomb-gz": ONE + packed(idx([100_000_000], bytes(3_000_000))),
    "cut-gz": ONE + packed(LABELS)[:-5], "tail-gz": ONE + packed(LABELS) + b"x",
    "twice-gz": ONE + packed(LABELS) * 2, "nested-gz": ONE + packed(packed(LABELS)),
    "flags-gz": ONE + b"\x1f\x8b\x08\xff" + bytes(20), "magic-gz": ONE + b"\x1f\x8b"})


def safetensors(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def array(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


EIGHT = struct.pack("<2f", 1.5, -2.0)
FLOATS = array("F32", [2], 0, 8)
MODELS = {"__metadata__": {"models": "2", "order": "w\nb"}, "b": array("F32", [2, 0], 8, 8),
          "w": array("F32", [2, 1], 0, 8)}
for target in ("safetensors", "ensemble"):
    put_all(target, "good", {
        "none": safetensors({}), "one": safetensors({"w": FLOATS}, EIGHT),
        "scalar": safetensors({"w": array("F32", [], 0, 4)}, EIGHT[:4]),
        "empty-array": safetensors({"w": array("F32", [0, 1 << 40], 0, 0)}),
        "models": safetensors(MODELS, EIGHT),
        "metadata": safetensors({"__metadata__": {"format": "pt", "\u00e9": "\n"}, "w": FLOATS}, EIGHT),
        "escapes": safetensors(b'{"\\u00e9\\ud83d\\ude00":{"dtype":"F32","shape":[2],'
                               b'"data_offsets":[0,8]}}  ', EIGHT)})
    put_all(target, "bad", {
        "empty": b"", "short": b"abc", "huge-header": b"\xff" * 8 + b"{}", "list": safetensors(b"[]"),
        "past-the-end": struct.pack("<Q", 100) + b"{}", "no-json": safetensors(b'{"w":', EIGHT),
        "type": safetensors({"w": array("F13", [2], 0, 8)}, EIGHT),
        "overflow": safetensors({"w": array("F32", [(1 << 62) + 1, 4], 0, 8)}, EIGHT),
        "negative": safetensors({"w": array("F32", [-2], 0, 8)}, EIGHT),
        "fraction": safetensors({"w": array("F32", [2.0], 0, 8)}, EIGHT),
        "promise": safetensors({"w": array("F32", [1 << 40], 0, 1 << 42)}, EIGHT),
        "backwards": safetensors({"w": array("F32", [2], 8, 0)}, EIGHT),
        "hole": safetensors({"w": array("F32", [1], 4, 8)}, EIGHT),
        "overlap": safetensors({"a": FLOATS, "b": array("F32", [1], 4, 8)}, EIGHT),
        "left-over": safetensors({"w": array("F32", [1], 0, 4)}, EIGHT),
        "numbers": safetensors({"__metadata__": {"a": 3}}),
        "twice": safetensors(b'{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},'
                             b'"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'),
        "deep": safetensors(b'{"a":' + b"[" * 3000 + b"]" * 3000 + b"}"),
        "not-utf-8": safetensors(b'{"\xff":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}')})
put_all("safetensors", "good", {
    "types": safetensors({"a": array("U8", [3], 0, 3), "b": array("BF16", [], 3, 5),
                          "c": array("I64", [0], 5, 5), "d": array("I32", [1], 5, 9),
                          "e": array("U32", [1], 9, 13)}, bytes(range(13)))})
put_all("ensemble", "good", {
    "many-of-nothing": safetensors({"__metadata__": {"models": "9223372036854775807"}}),
    "order-of-others": safetensors({"__metadata__": {"order": "x\ny"}, "w": FLOATS}, EIGHT)})
put_all("ensemble", "bad", {
    "integers": safetensors({"w": array("I32", [2], 0, 8)}, EIGHT),
    "models-0": safetensors({"__metadata__": {"models": "0"}, "w": FLOATS}, EIGHT),
    "models-minus": safetensors({"__metadata__": {"models": "-3"}, "w": FLOATS}, EIGHT),
    "models-3": safetensors({"__metadata__": {"models": "3"}, "w": FLOATS}, EIGHT),
    "models-word": safetensors({"__metadata__": {"models": "2x"}, "w": FLOATS}, EIGHT),
    "order-twice": safetensors({"__metadata__": {"order": "a\na"}, "a": array("F32", [1], 0, 4),
                                "b": array("F32", [1], 4, 8)}, EIGHT)})


def checkpoint(state, arrays):
    """As src/lab/checkpoint.cpp writes it: the checksum is of the state and every array."""
    text = json.dumps(state)
    header, data, sha = {}, b"", hashlib.sha256(text.encode())
    for name, values in sorted(arrays.items()):
        of_bytes = isinstance(values, bytes)
        content = values if of_bytes else struct.pack(f"<{len(values)}f", *values)
        header[name] = array("U8" if of_bytes else "F32", [len(values)], len(data),
                             len(data) + len(content))
        data += content
        sha.update(f"\n{name} {len(content)}\n".encode() + content)
    return safetensors({"__metadata__": {"state": text, "check": sha.hexdigest()}} | header, data)


def bits(x):
    return struct.unpack("<Q", struct.pack("<d", x))[0]


STATE = {"format": 3, "rounds": 3,
         "programs": {"step": [3, bits(2.5)], "act": [9, bits(float("nan"))]},
         "probed": [[1, {"loss": bits(0.5), "norm": bits(float("-inf"))}]], "kept": [], "copies": [], "named": {}, "logs": {},
         "sets": {"now": {"model": ["w", "b"]}}}
WEIGHTS = {"now/set/model/w": [1.0, -2.0], "now/set/model/b": [0.5]}
KEPT = STATE | {
    "kept": [[2, {"step": [2, bits(0.5)]}, {"best": 0}]], "copies": [[1, {}, {}]],
    "named": {"best": 0}, "logs": {"step": ["loss"]},
    "diverged_at": 3, "sets": {
        "now": {"model": ["w", "b"], "model.opt": ["m/w"]}, "kept/0": {"model": ["w", "b"]},
        "copy/0": {"model.opt": ["m/w"]}}}
KEPT_ARRAYS = WEIGHTS | {
    "now/set/model.opt/m/w": [0.0, 0.0], "now/host": b"worlds", "kept/0/set/model/w": [0.0, 1.0],
    "kept/0/set/model/b": [1.0], "copy/0/set/model.opt/m/w": [3.0, 4.0],
    "copy/0/host": b"then", "log/0": [2.5, 2.0, 1.5]}
put_all("checkpoint", "good", {"whole": checkpoint(STATE, WEIGHTS),
                               "kept": checkpoint(KEPT, KEPT_ARRAYS)})
put_all("checkpoint", "bad", {
    "empty": b"", "cut": checkpoint(STATE, WEIGHTS)[:-1], "no-state": safetensors({"w": FLOATS}, EIGHT),
    "altered": checkpoint(STATE, WEIGHTS)[:-1] + b"\x7f",
    "missing": checkpoint(STATE, {"now/set/model/w": [1.0, -2.0]}),
    "shape": checkpoint(STATE, WEIGHTS | {"now/set/model/w": [1.0]}),
    "no-sets": checkpoint(STATE | {"sets": {}}, WEIGHTS),
    "set": checkpoint(STATE | {"sets": {"now": {"critic": ["w", "b"]}}}, WEIGHTS),
    "log": checkpoint(STATE | {"logs": {"step": ["loss"]}}, WEIGHTS),
    "format": checkpoint(STATE | {"format": 2}, WEIGHTS),
    "steps": checkpoint(STATE | {"rounds": "three"}, WEIGHTS),
    "probed": checkpoint(STATE | {"probed": [[1, "x"]]}, WEIGHTS),
    "copy": checkpoint(STATE | {"named": {"best": 0}}, WEIGHTS),
    "number": checkpoint(STATE | {"probed": [[1, {"loss": 0.5}]]}, WEIGHTS),
    "list": checkpoint([], WEIGHTS),
    # As it was written of one set.
    "older": checkpoint({"steps": 3, "first_loss": 2.5, "probed": [], "kept": [],
                         "parameters": {"model": ["w", "b"]}},
                        {"model/w": [1.0, -2.0], "model/b": [0.5]})})


def counted(items):
    return struct.pack("<Q", len(items)) + b"".join(items)


# As fuzz/host_state.cpp has it: worlds, replay, solved, rows, key.
WORLD = struct.pack("<ihhQd", 1, 2, -3, 1, 0.5)
NO_BEST = struct.pack("<ihhQ", 0, 2, 3, 0)
SOLVED = struct.pack("<Q", 1) + b"a" + struct.pack("<qB", 7, 1)
HOST = [counted([WORLD, NO_BEST]), counted([struct.pack("<f", x) for x in (1.0, -2.0)]),
        counted([SOLVED]), counted([counted([b"\1", b"\2"]), counted([])]), struct.pack("<Q", 5)]
NOTHING = b"\0" * 40
put_all("host_state", "good", {"whole": b"".join(HOST), "nothing": NOTHING})
put_all("host_state", "bad", {
    "empty": b"", "cut": b"".join(HOST)[:-1], "longer": b"".join(HOST) + b"\0",
    "many": struct.pack("<Q", 1 << 60) + NOTHING, "optional": counted([struct.pack(
        "<ihhQd", 1, 2, -3, 2, 0.5)]) + NOTHING[8:],
    "truth": b"".join(HOST[:2] + [counted([SOLVED[:-1] + b"\2"])] + HOST[3:]),
    "twice": b"".join(HOST[:2] + [counted([SOLVED, SOLVED])] + HOST[3:])})

MANIFEST = {"format": 1, "experiment": "undo", "program_version": "0.1.0", "commit": "abc",
            "machine": "a processor", "config_hash": "0123456789abcdef",
            "data_hashes": {"mnist": "feed"}, "status": "finished",
            "created": "2001-02-03T04:05:06Z", "updated": "2001-02-03T04:05:07Z", "busy_s": 1.5,
            "threads": 2, "starts": ["2001-02-03T04:05:06Z commit abc on a processor"]}


def manifest(**changes):
    return json.dumps(MANIFEST | changes)


put_all("manifest", "good", {
    "whole": manifest(), "running": manifest(status="running", starts=[], data_hashes={}),
    "inputs": manifest(inputs=[{"path": "a.txt", "sha256": "feed"},
                               {"path": "b", "ending": ".txt", "sha256": "absent"}]),
    "older": manifest().replace("starts", "sittings"), "more": manifest(later="ignored"), "long": manifest(busy_s=1e300, commit="\n\"\u00e9")})
put_all("manifest", "bad", {
    "empty": "", "list": "[]", "cut": manifest()[:100], "format": manifest(format=2),
    "format-wraps": manifest(format=(1 << 32) + 1), "format-float": manifest(format=1e300),
    "threads": manifest(threads=1 << 40), "status": manifest(status="done"),
    "busy": manifest(busy_s="long"), "starts": manifest(starts=[1]),
    "inputs": manifest(inputs=[{"path": "a.txt"}]),
    "deep": '{"format":' + "[" * 5000 + "]" * 5000 + "}",
    "not-utf-8": manifest(commit="?").encode().replace(b"?", b"\xff")})

PRESET = {"experiment": "e", "preset": "p", "model_epochs": 2.5, "graphs": 3, "jobs": [[1e12, 1e9]]}


def counts(*presets, **changes):
    return json.dumps({"format": 1, "program": "0123456789ab", "presets": presets} | changes)


put_all("counts", "good", {
    "one": counts(PRESET), "none": counts(), "twice": counts(PRESET, PRESET),
    "not-counted": counts({"experiment": "e", "preset": "p", "not_counted": "no \u00e9"})})
put_all("counts", "bad", {
    "empty": "", "list": "[]", "format": counts(format=2), "presets": counts(presets=1),
    "negative": counts(PRESET | {"graphs": -1}), "cut": counts(PRESET)[:90],
    "job": counts(PRESET | {"jobs": [[1]]}), "jobs": counts(PRESET | {"jobs": "many"}),
    "huge": counts(PRESET).replace("1000000000000.0", "1e999")})

SEEN = {"machine": "m", "experiment": "e", "preset": "p", "slowness": 1.25}


def seen_runs(*runs, **changes):
    return json.dumps({"format": 1, "runs": runs} | changes)


put_all("seen_runs", "good", {
    "one": seen_runs(SEEN), "none": seen_runs(), "many": seen_runs(*[SEEN] * 12)})
put_all("seen_runs", "bad", {
    "empty": "", "list": "[]", "format": seen_runs(format=0), "runs": seen_runs(runs={"a": 1}),
    "slowness": seen_runs(SEEN | {"slowness": 0}), "text": seen_runs(SEEN | {"slowness": "1"}),
    "cut": seen_runs(SEEN)[:60], "no-machine": seen_runs({"slowness": 1})})

put_all("figure_spec", "good", {
    "least": '{"kind": "bars"}',
    "lines": json.dumps({"kind": "lines", "metric": "loss", "series": [
        {"label": "a", "points": [{"x": 1.5, "arm": "b"}, {"x": None, "arm": "c", "metric": "m"}]},
        {"label": "b", "points": [], "arm": "c"}], "log_x": True, "y_low": 0, "y_high": None}),
    "sweep": '{"kind": "lines", "sweep": [{"label": "l", "points": [{"x": 64, "arm": "w64"}]}]}',
    "groups": json.dumps({"kind": "groups", "groups": [{"label": "\u00e9", "metric": "loss/0"}],
                          "arms": ["a"], "reference": {"a": 0.25, "b": None}, "level_line": 0.1}),
    "images": json.dumps({"kind": "images", "columns": 3, "row_labels": ["r"],
                          "column_labels": ["0", "1"]})})
put_all("figure_spec", "bad", {
    "empty": "", "list": "[]", "no-kind": "{}", "series": '{"kind": "bars", "series": 7}',
    "columns-0": '{"kind": "images", "columns": 0}',
    "columns-minus": '{"kind": "images", "columns": -3}',
    "columns-wrap": '{"kind": "images", "columns": 4294967297}',
    "columns-float": '{"kind": "images", "columns": 1e300}',
    "number": '{"kind": "bars", "level_line": 1e999}', "reference": '{"kind": "bars", "reference": [1]}',
    "deep-series": '{"kind": "bars", "series": ' + "[" * 9000 + "]" * 9000 + "}",
    "deep-reference": '{"kind": "bars", "reference": {"a": ' + "[" * 9000 + "]" * 9000 + "}}"})

put_all("metric_ranges", "good", {
    "none": "[]", "empty": "",
    "share": '[{"metric": "accuracy", "low": 0, "high": 1, "cases": 500}]',
    "several": json.dumps([{"metric": "forget*", "low": -1, "high": 1.5, "cases": 0},
                           {"metric": "*", "low": 1e-300, "high": 1e300, "cases": 0}]),
    "one-end": '[{"metric": "a", "low": null, "high": 1, "cases": 0}]'})
put_all("metric_ranges", "bad", {
    "text": "accuracy", "object": "{}", "number": "7", "no-low": '[{"metric": "a"}]',
    "low-text": '[{"metric": "a", "low": "0", "high": 1, "cases": 0}]',
    "infinite": '[{"metric": "a", "low": 0, "high": 1e999, "cases": 0}]',
    "deep": "[" * 9000 + "]" * 9000})

PAGE = """# Sums

```
./omni run sums
```

## Question

Do sums tell what **parts** are, as in [this](https://example.org)?

### In formulas

$a + b$

## Conditions

| arm | name | what is done | published |
|---|---|---|---|
| `base` | Base | nothing | 0.25 |
| `fork-*` | Fork at * | from * on, at {lr} | |

## Figures

| figure | title | caption | x axis |
|:--|---|---|--:|
| `all` | All \\| some | At a rate of {lr}. |

## Results

| free |
"""
put_all("pages", "good", {
    "whole": PAGE, "windows": PAGE.replace("\n", "\r\n"), "title": "# T",
    "for-docs": "# T\n## Notes\n- a\n$x$\n## Costs\nx\n### More\n| a |\n",
    "claims": "# T\n## Claims\n| a | b |\n|-|-|\n| 1a | It is so |\n| 1* | So is * |\n",
    "code": "# T\n````\n```\n## Costs\n````\n~~~ a\n```\n~~~\n## Costs ##\nOne.\n",
    "marks": "# T\n## Costs\nSee **the [long\nname](https://a.org/b_(c))\nhere** and 2**3 `*\n",
    "brackets": "# T\n## Costs\n" + "[" * 9000 + "](" * 9000 + "(" * 9000 + "**a" * 9000 + "\n",
    "backticks": "# T\n## Costs\na" + "".join("`" * (i % 99) + "a" for i in range(900)) + "\n"})
put_all("pages", "bad", {
    "empty": "", "no-title": "## Question\nWhy?\n", "titles": "# T\n# U\n",
    "heading": PAGE.replace("## Question", "## Questions"), "twice": PAGE + PAGE[7:],
    "row-twice": PAGE.replace("fork-*", "base"), "hidden": PAGE.replace("`base`", "`f*`"),
    "cells": PAGE.replace("| 0.25 |", "| 0.25 | b |"), "number": PAGE.replace("0.25", "half"),
    "value": PAGE.replace("{lr}", "{rate}"), "formula": PAGE.replace("**parts**", "$p$"),
    "table": PAGE.replace("### In formulas", "| a |"), "list": "# T\n## Costs\n- a\n",
    "title": "# ", "no-blank": "# T\n##Limits\n", "no-end": "# T\n```\n## Costs\nx\n",
    "row-alone": PAGE.replace("| `fork", "\n| `fork"), "underlined": "# T\n## Costs\nLimits\n---\n",
    "control": PAGE.replace("Do sums", "Do\x1b[2J"), "not-utf-8": b"# T\n## Costs\n\xff\n",
    "brackets": "# T\n## Costs\n" + "[" * 20000 + "](" * 20000 + ")\n## Cost\n"})

GPT2 = {"model_type": "gpt2", "vocab_size": 61, "n_positions": 16, "n_embd": 16, "n_layer": 2,
        "n_head": 4}
NEO = {"model_type": "gpt_neo", "vocab_size": 61, "max_position_embeddings": 16, "hidden_size": 16,
       "num_layers": 3, "num_heads": 2}
QWEN2 = {"model_type": "qwen2", "vocab_size": 61, "hidden_size": 16, "intermediate_size": 40,
         "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}
put_all("hub_config", "good", {
    "gpt2": json.dumps(GPT2 | {"n_inner": None, "activation_function": "gelu", "extra": [1]}),
    "gpt2-unscaled": json.dumps(GPT2 | {"scale_attn_weights": False, "tie_word_embeddings": False}),
    "neo": json.dumps(NEO | {"attention_types": [[["global", "local"], 1], [["global"], 1]]}),
    "neo-global": json.dumps(NEO | {"attention_layers": ["global"] * 3, "window_size": 5}),
    "qwen2": json.dumps(QWEN2 | {"rope_theta": 1e6, "rms_norm_eps": 1e-6}),
    "qwen2-rope": json.dumps(QWEN2 | {"rope_parameters": {"rope_theta": 5e5}}),
    "qwen2-saved": json.dumps(QWEN2 | {"rope_scaling": {"rope_type": "default"},
                                       "layer_types": ["full_attention"] * 2})})
put_all("hub_config", "bad", {
    "empty": "", "list": "[]", "no-type": "{}", "type": json.dumps(GPT2 | {"model_type": "gpt-2"}),
    "size-0": json.dumps(GPT2 | {"n_embd": 0}), "size-huge": json.dumps(GPT2 | {"n_embd": 1 << 62}),
    "layers": json.dumps(GPT2 | {"n_layer": 1 << 24}), "heads": json.dumps(GPT2 | {"n_head": 3}),
    "float": json.dumps(GPT2 | {"n_layer": 2.5}), "text": json.dumps(GPT2 | {"n_layer": "2"}),
    "number": json.dumps(GPT2)[:-1] + ', "layer_norm_epsilon": 1e999}',
    "times": json.dumps(NEO | {"attention_types": [[["global", "local"], 1 << 62]]}),
    "kinds": json.dumps(NEO | {"attention_types": [[1, 2], 3]}),
    "none": json.dumps(NEO | {"attention_types": []}),
    "rope": json.dumps(QWEN2 | {"rope_parameters": [1]}),
    "rope-type": json.dumps(QWEN2 | {"rope_scaling": {"type": "yarn", "factor": 4}}),
    "rope-twice": json.dumps(QWEN2 | {"rope_parameters": {"rope_theta": 5e5},
                                      "rope_scaling": {"rope_theta": 1e4}}),
    "layer-types": json.dumps(QWEN2 | {"layer_types": ["full_attention", {}]}),
    "quantised": json.dumps(GPT2 | {"quantization_config": {"bits": 4}}),
    "deep": '{"model_type":' + "[" * 5000 + "]" * 5000 + "}"})

# The bytes as letters, as GPT-2's vocabularies write them.
PLAIN = [*range(33, 127), *range(161, 173), *range(174, 256)]
OTHER = [b for b in range(256) if b not in PLAIN]
LETTERS = {b: chr(b) for b in PLAIN} | {b: chr(256 + i) for i, b in enumerate(OTHER)}
TOKENS = [*LETTERS.values(), "th", "the", "\u0120the", "<|endoftext|>"]
MERGES = "#version: 0.2\nt h\nth e\n\u0120 the\n"


def bpe(tokens=None, merges=MERGES, text="the other the", vocab=None):
    if vocab is None:
        vocab = json.dumps({t: i for i, t in enumerate(tokens or TOKENS)}, ensure_ascii=False)
    return f"{vocab}\0{merges}\0{text}"


put_all("bpe", "good", {
    "whole": bpe(), "no-merges": bpe(merges=""), "windows": bpe(merges=MERGES.replace("\n", "\r\n")),
    "text": bpe(text="\u00e9\U0001f600 <|endoftext|>\n\n  the")})
put_all("bpe", "bad", {
    "empty": "", "list": bpe(vocab="[]"), "cut": bpe()[:500], "byte": bpe(tokens=TOKENS[1:]),
    "no-end": bpe(tokens=TOKENS[:-1]), "letter": bpe(tokens=[*TOKENS, "\u4e00"]),
    "id": bpe(vocab='{"a": 7}'), "id-minus": bpe(vocab='{"a": -1}'),
    "id-wraps": bpe(vocab='{"a": 18446744073709551615}'), "id-half": bpe(vocab='{"a": 0.5}'),
    "deep": bpe(vocab='{"a": ' + "[" * 9000 + "]" * 9000 + "}"),
    "merge": bpe(merges="t h h\n"), "unknown": bpe(merges="x y\n"),
    "not-utf-8": bpe().encode() + b"\xff"})

VOCAB = {token: i for i, token in enumerate(TOKENS)}
REGEX = (r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"""
         r"""|\s*[\r\n]+|\s+(?!\S)|\s+""")
LETTERS_STEP = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}
PAIRS = [["t", "h"], ["th", "e"], ["\u0120", "the"]]


def tokenizer_json(added=(), pre=None, **changes):
    model = {"type": "BPE", "vocab": VOCAB, "merges": PAIRS}
    end = {"id": VOCAB["<|endoftext|>"], "content": "<|endoftext|>", "special": True}
    split = {"type": "Split", "pattern": {"Regex": REGEX}, "behavior": "Isolated", "invert": False}
    return json.dumps({"added_tokens": [end, *added], "normalizer": {"type": "NFC"}, "model": model,
                       "pre_tokenizer": {"type": "Sequence",
                                         "pretokenizers": [pre or split, LETTERS_STEP]}} | changes)


def hub_tokenizer(whole="", config="", model="", older="", vocab="", merges="", text="the 12 the"):
    return "\0".join([whole, config, model, older, vocab, merges, text])


TWO = {"vocab": json.dumps(VOCAB), "merges": MERGES}
NEXT = len(VOCAB)
ADDED = json.dumps({"tokenizer_class": "Qwen2Tokenizer", "added_tokens_decoder": {
    str(NEXT): {"content": "<x>", "special": True}, str(NEXT + 1): {"content": "<y>"}}})
put_all("tokenizer_folder", "good", {
    "whole": hub_tokenizer(tokenizer_json()), "two": hub_tokenizer(model='{"model_type": "gpt2"}', **TWO),
    "class": hub_tokenizer(config=ADDED, older=json.dumps({"<x>": NEXT}), text="<y><x>e\u0301", **TWO),
    "spaces": hub_tokenizer(tokenizer_json([{"id": NEXT, "content": "  ", "lstrip": True},
                                            {"id": NEXT + 1, "content": " \u00e9", "rstrip": True}]),
                            text="the   the e\u0301  \u00e9"),
    "digits": hub_tokenizer(tokenizer_json(pre={"type": "Digits", "individual_digits": True}),
                            text="a12b\u00bd"),
    "texts": hub_tokenizer(tokenizer_json(normalizer=None, model={
        "vocab": VOCAB, "merges": ["t h"], "ignore_merges": True}))})
put_all("tokenizer_folder", "bad", {
    "empty": "", "none": hub_tokenizer(), "guess": hub_tokenizer(**TWO), "cut": tokenizer_json()[:700],
    "regex": hub_tokenizer(tokenizer_json(pre={"type": "Split", "pattern": {"Regex": "\\w+"}})),
    "type": hub_tokenizer(tokenizer_json(pre_tokenizer=7)),
    "normalizer": hub_tokenizer(tokenizer_json(normalizer={"type": "Lowercase"})),
    "model": hub_tokenizer(tokenizer_json(model={"type": "WordPiece", "vocab": {}})),
    "merges": hub_tokenizer(tokenizer_json(model={"vocab": VOCAB, "merges": [["t", 7]]})),
    "added-id": hub_tokenizer(tokenizer_json([{"id": 1 << 31, "content": "x"}])),
    "added-twice": hub_tokenizer(tokenizer_json([{"id": NEXT, "content": "x"}] * 2)),
    "added-empty": hub_tokenizer(tokenizer_json([{"id": NEXT, "content": ""}])),
    "config": hub_tokenizer(tokenizer_json(), config='{"add_prefix_space": true}'),
    "older": hub_tokenizer(model='{"model_type": "gpt2"}', older='{"<z>": 3}', **TWO),
    "deep": hub_tokenizer('{"normalizer": ' + '{"type": "Sequence", "normalizers": [' * 40 + "]}" * 40
                          + "}"),
    "text": hub_tokenizer(tokenizer_json(), text="").encode() + b"a\xff"})

put_all("hub_index", "good", {
    "two": json.dumps({"metadata": {"total_size": 8}, "weight_map": {
        "a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}})})
put_all("hub_index", "bad", {
    "empty": "", "list": "[]", "none": "{}", "nothing": '{"weight_map": {}}', "cut": '{"weight_map": {',
    "number": '{"weight_map": {"a": 1}}', "outside": '{"weight_map": {"a": "../x.safetensors"}}',
    "other": '{"weight_map": {"a": "pytorch_model.bin"}}',
    "deep": '{"weight_map": ' + "[" * 9000 + "]" * 9000 + "}"})

WORDS = '"<|endoftext|>"\n"<|unknown|>"\n" tree"\n"a"\n" \\u00fcber"\n'
put_all("words", "good", {
    "whole": WORDS + "\0a tree \u00fcber", "windows": WORDS.replace("\n", "\r\n") + "\0a",
    "no-text": WORDS, "no-words": '"<|endoftext|>"\n"<|unknown|>"'})
put_all("words", "bad", {
    "empty": "", "one": '"<|endoftext|>"\n', "front": '"a"\n"b"\n', "bare": WORDS + "tree\n",
    "number": WORDS + "1e999\n", "list": WORDS + "[]\n", "twice": WORDS + '"a"\n',
    "half": WORDS + '"\\ud800"\n', "byte": WORDS.encode() + b'"\xff"\n'})

ITEM = {"question": "Where?", "choices": ["here", "there", "nowhere"], "answer": 2}
put_all("choices", "good", {
    "one": json.dumps(ITEM), "empty-texts": json.dumps(ITEM | {"choices": [""] * 26}),
    "more": json.dumps(ITEM | {"subject": [1, {"x": None}]}) + "\n\n \t\n" +
            json.dumps(ITEM | {"answer": 0}) + "\n"})
put_all("choices", "bad", {
    "empty": "", "blank": "\n \n", "list": "[]", "cut": json.dumps(ITEM)[:-4],
    "answer": json.dumps(ITEM | {"answer": 3}), "minus": json.dumps(ITEM | {"answer": -1}),
    "wraps": json.dumps(ITEM | {"answer": (1 << 64) - 1}),
    "word": json.dumps(ITEM | {"answer": "C"}),
    "half": json.dumps(ITEM | {"answer": 1.5}), "overflow": json.dumps(ITEM)[:-2] + "1e999}",
    "one-choice": json.dumps(ITEM | {"choices": ["a"]}),
    "many": json.dumps(ITEM | {"choices": [""] * 27}),
    "number": json.dumps(ITEM | {"choices": [1, 2]}), "deep": '{"question":' + "[" * 9000,
    "not-utf-8": json.dumps(ITEM).encode().replace(b"here", b"h\xffre", 1)})

put_all("text", "good", {
    "words": "A tree, a house.\r\nA hat's 12 leaves!\n", "gz": packed(b"one two\nthree"),
    "many": "\u00dcnder \u0130 \U0001f600 \u4e00\u4e8c \u00a0 1\u00b2",
    "mark": "\ufeffOne \u00e9.\r\nTwo.\r\n", "old": "One.\r\rTwo.\r",
    "utf-16": "\ufeffOne \U0001f600.\r\nTwo.\r\n".encode("utf-16-le"),
    "utf-16-big": "\ufeffOne.\nTwo.\n".encode("utf-16-be"),
    "controls": "One\x1b[2J\x7f \u009b \u202e \u2066"})
put_all("text", "bad", {
    "utf-32": "\ufeffOne".encode("utf-32-le"), "no-mark": "One".encode("utf-16-le"),
    "odd": "\ufeffOne".encode("utf-16-le")[:-1], "zero": b"One\0two",
    "half": "\ufeffOne \U0001f600".encode("utf-16-le")[:-2],
    "no-lead": b"\xfe\xff\xdc\x00\xdc\x00",
    "empty": "", "byte": b"a\xffb", "cut": b"a\xe2\x82", "long-form": b"\xc0\x80",
    "surrogate": b"\xed\xa0\x80", "beyond": b"\xf4\x90\x80\x80", "cut-gz": packed(b"one two")[:-3],
    "repeated": "aa b"})
