#!/usr/bin/env python3
"""Tiny GPT-2, GPT-Neo and Qwen2 models in plain PyTorch, to hold ours against.

    /usr/bin/python3 tools/reference_transformers.py make tests/transformers
    /usr/bin/python3 tools/reference_transformers.py compare FOLDER tests/transformers/gpt2

`make` writes a folder per family: config.json and model.safetensors as on the hub (random weights,
biases and norms too), and expected.safetensors with token ids and the logits they give. `compare`
computes the logits of another folder's model, for instance one that Omniscale saved, and prints how
far they are from those expected.

Written from the publications: Radford et al. 2019 (GPT-2), Black et al. 2021 (GPT-Neo: unscaled
attention, every second layer local), Yang et al. 2024, arXiv:2407.10671 (Qwen2: rotary positions,
grouped queries, RMSNorm, gated SiLU).
"""
import json
import os
import struct
import sys

import torch
import torch.nn.functional as F

from read_safetensors import load

TYPES = {torch.float32: "F32", torch.bfloat16: "BF16", torch.int32: "I32"}
BATCH, LENGTH, WORDS = 2, 14, 61


def save(path, arrays):
    header, blobs, offset = {}, [], 0
    for name, array in sorted(arrays.items()):
        words = array.contiguous()
        words = words.view(torch.int16) if array.dtype == torch.bfloat16 else words
        blob = words.numpy().tobytes()
        header[name] = {"dtype": TYPES[array.dtype], "shape": list(array.shape),
                        "data_offsets": [offset, offset + len(blob)]}
        blobs.append(blob)
        offset += len(blob)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def attend(q, k, v, heads, scale, window=None):
    """q [B, T, heads * D], k and v of as many heads or fewer; position i sees i and before."""
    def by_head(x):
        return x.unflatten(-1, (-1, q.shape[-1] // heads)).transpose(1, 2)

    q, k, v = by_head(q), by_head(k), by_head(v)
    k, v = (x.repeat_interleave(heads // x.shape[1], dim=1) for x in (k, v))
    ago = torch.arange(q.shape[2])[:, None] - torch.arange(k.shape[2])[None, :]
    seen = (ago >= 0) & (ago < (window or q.shape[2]))
    scores = (q @ k.transpose(-1, -2) * scale).masked_fill(~seen, float("-inf"))
    return (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)


def layer_norm(w, name, x, eps):
    return F.layer_norm(x, x.shape[-1:], w[name + ".weight"], w[name + ".bias"], eps)


def rms_norm(w, name, x, eps):
    return x * (x.square().mean(-1, keepdim=True) + eps).rsqrt() * w[name + ".weight"]


def linear(w, name, x):
    return F.linear(x, w[name + ".weight"], w.get(name + ".bias"))


def flipped(w, name, x):
    """GPT-2 keeps its matrices as [in, out]."""
    return x @ w[name + ".weight"] + w[name + ".bias"]


def gpt2(c, w, ids):
    w = {name.removeprefix("transformer."): array for name, array in w.items()}
    eps, width = c["layer_norm_epsilon"], c["n_embd"]
    x = w["wte.weight"][ids] + w["wpe.weight"][: ids.shape[1]]
    for i in range(c["n_layer"]):
        b = f"h.{i}."
        q, k, v = flipped(w, b + "attn.c_attn", layer_norm(w, b + "ln_1", x, eps)).split(width, -1)
        mixed = attend(q, k, v, c["n_head"], (width // c["n_head"]) ** -0.5)
        x = x + flipped(w, b + "attn.c_proj", mixed)
        inner = flipped(w, b + "mlp.c_fc", layer_norm(w, b + "ln_2", x, eps))
        x = x + flipped(w, b + "mlp.c_proj", F.gelu(inner, approximate="tanh"))
    return layer_norm(w, "ln_f", x, eps) @ w["wte.weight"].T


def gpt_neo(c, w, ids):
    w = {name.removeprefix("transformer."): array for name, array in w.items()}
    eps = c["layer_norm_epsilon"]
    x = w["wte.weight"][ids] + w["wpe.weight"][: ids.shape[1]]
    for i in range(c["num_layers"]):
        b = f"h.{i}."
        y = layer_norm(w, b + "ln_1", x, eps)
        q, k, v = (linear(w, b + f"attn.attention.{part}_proj", y) for part in "qkv")
        mixed = attend(q, k, v, c["num_heads"], 1, c["window_size"] if i % 2 == 1 else None)
        x = x + linear(w, b + "attn.attention.out_proj", mixed)
        inner = linear(w, b + "mlp.c_fc", layer_norm(w, b + "ln_2", x, eps))
        x = x + linear(w, b + "mlp.c_proj", F.gelu(inner, approximate="tanh"))
    return layer_norm(w, "ln_f", x, eps) @ w["wte.weight"].T


def turned(x, heads, base):
    """Number i of a head's first half and number i of its second are turned as a pair."""
    x = x.unflatten(-1, (heads, -1))
    half = x.shape[-1] // 2
    angle = torch.outer(torch.arange(x.shape[1], dtype=torch.float64),
                        base ** (-torch.arange(half, dtype=torch.float64) / half))
    cos, sin = angle.cos().float()[:, None], angle.sin().float()[:, None]
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1).flatten(2)


def qwen2(c, w, ids):
    eps, heads, base = c["rms_norm_eps"], c["num_attention_heads"], c["rope_theta"]
    x = w["model.embed_tokens.weight"][ids]
    for i in range(c["num_hidden_layers"]):
        b = f"model.layers.{i}."
        y = rms_norm(w, b + "input_layernorm", x, eps)
        q, k, v = (linear(w, b + f"self_attn.{part}_proj", y) for part in "qkv")
        q, k = turned(q, heads, base), turned(k, c["num_key_value_heads"], base)
        mixed = attend(q, k, v, heads, (c["hidden_size"] // heads) ** -0.5)
        x = x + linear(w, b + "self_attn.o_proj", mixed)
        y = rms_norm(w, b + "post_attention_layernorm", x, eps)
        inner = F.silu(linear(w, b + "mlp.gate_proj", y)) * linear(w, b + "mlp.up_proj", y)
        x = x + linear(w, b + "mlp.down_proj", inner)
    head = "model.embed_tokens.weight" if c["tie_word_embeddings"] else "lm_head.weight"
    return rms_norm(w, "model.norm", x, eps) @ w[head].T


FAMILIES = {"gpt2": gpt2, "gpt_neo": gpt_neo, "qwen2": qwen2}

CONFIGS = {
    "gpt2": {"model_type": "gpt2", "vocab_size": WORDS, "n_positions": 16, "n_embd": 16,
             "n_layer": 2, "n_head": 4, "activation_function": "gelu_new",
             "layer_norm_epsilon": 1e-5},
    "gpt_neo": {"model_type": "gpt_neo", "vocab_size": WORDS, "max_position_embeddings": 16,
                "hidden_size": 16, "num_layers": 2, "num_heads": 2, "intermediate_size": None,
                "window_size": 5, "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5,
                "attention_types": [[["global", "local"], 1]]},
    "qwen2": {"model_type": "qwen2", "vocab_size": WORDS, "hidden_size": 16,
              "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 4,
              "num_key_value_heads": 2, "max_position_embeddings": 32, "hidden_act": "silu",
              "rms_norm_eps": 1e-6, "rope_theta": 1e6, "tie_word_embeddings": False},
}


def shapes(c):
    """Every array of the family by its name on the hub."""
    family = c["model_type"]
    if family == "qwen2":
        width, inner = c["hidden_size"], c["intermediate_size"]
        narrow = width // c["num_attention_heads"] * c["num_key_value_heads"]
        yield "model.embed_tokens.weight", (WORDS, width)
        yield "lm_head.weight", (WORDS, width)
        yield "model.norm.weight", (width,)
        for i in range(c["num_hidden_layers"]):
            b = f"model.layers.{i}."
            for norm in ("input_layernorm", "post_attention_layernorm"):
                yield b + norm + ".weight", (width,)
            for part, out in (("q", width), ("k", narrow), ("v", narrow)):
                yield b + f"self_attn.{part}_proj.weight", (out, width)
                yield b + f"self_attn.{part}_proj.bias", (out,)
            yield b + "self_attn.o_proj.weight", (width, width)
            yield b + "mlp.gate_proj.weight", (inner, width)
            yield b + "mlp.up_proj.weight", (inner, width)
            yield b + "mlp.down_proj.weight", (width, inner)
        return
    # GPT-2's first files lack the prefix that GPT-Neo's have.
    start, width, layers = ("", c["n_embd"], c["n_layer"]) if family == "gpt2" else (
        "transformer.", c["hidden_size"], c["num_layers"])
    yield start + "wte.weight", (WORDS, width)
    yield start + "wpe.weight", (16, width)
    norms = [start + "ln_f"]
    for i in range(layers):
        b = f"{start}h.{i}."
        norms += [b + "ln_1", b + "ln_2"]
        maps = {"mlp.c_fc": (4 * width, width), "mlp.c_proj": (width, 4 * width)}
        if family == "gpt2":
            maps |= {"attn.c_attn": (3 * width, width), "attn.c_proj": (width, width)}
        else:
            maps |= {f"attn.attention.{part}_proj": (width, width)
                     for part in ("q", "k", "v", "out")}
        for name, (out, into) in maps.items():
            yield b + name + ".weight", (into, out) if family == "gpt2" else (out, into)
            if not name.endswith(("q_proj", "k_proj", "v_proj")):
                yield b + name + ".bias", (out,)
        if family == "gpt2":  # a buffer of old files
            yield b + "attn.bias", (1, 1, 16, 16)
    for norm in norms:
        yield norm + ".weight", (width,)
        yield norm + ".bias", (width,)


def drawn(c, generator):
    """Large enough that attention is not uniform and a swapped bias shows."""
    weights = {}
    for name, shape in shapes(c):
        array = torch.randn(shape, generator=generator) * 0.3
        if len(shape) == 1 and not name.endswith("bias"):
            array += 1
        if name.endswith("h.0.attn.bias") or name.endswith("h.1.attn.bias"):
            array = torch.ones(shape).tril()
        weights[name] = array.bfloat16() if c["model_type"] == "qwen2" else array
    return weights


def logits_of(c, weights, ids):
    return FAMILIES[c["model_type"]](c, {n: a.float() for n, a in weights.items()}, ids)


def make(folder):
    for seed, (family, c) in enumerate(CONFIGS.items()):
        generator = torch.Generator().manual_seed(seed)
        weights = drawn(c, generator)
        ids = torch.randint(WORDS, (BATCH, LENGTH), generator=generator)
        logits = logits_of(c, weights, ids)
        home = os.path.join(folder, family)
        os.makedirs(home, exist_ok=True)
        with open(os.path.join(home, "config.json"), "w") as file:
            file.write(json.dumps(c, indent=2) + "\n")
        save(os.path.join(home, "model.safetensors"), weights)
        save(os.path.join(home, "expected.safetensors"),
             {"ids": ids.to(torch.int32), "logits": logits})
        print(f"{family}: largest logit {logits.abs().max():.6f}, "
              f"first {', '.join(f'{x:.6f}' for x in logits[0, 0, :4])}")


def compare(folder, reference):
    with open(os.path.join(folder, "config.json")) as file:
        c = json.load(file)
    weights, _ = load(os.path.join(folder, "model.safetensors"))
    expected, _ = load(os.path.join(reference, "expected.safetensors"))
    wanted = expected["logits"]
    logits = logits_of(c, weights, expected["ids"].long())
    print(f"{c['model_type']}: off by {(logits - wanted).abs().max() / wanted.abs().max():.2e} "
          "of the largest logit")


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "make":
        make(sys.argv[2])
    elif len(sys.argv) == 4 and sys.argv[1] == "compare":
        compare(sys.argv[2], sys.argv[3])
    else:
        sys.exit(__doc__)
