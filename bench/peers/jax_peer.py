"""JAX's side: training steps of one model or of several under `vmap`.

Variants: "scan" takes many steps in one `lax.scan`, "step" one a call. Weights and Adam's moments are
f32; in bf16, products take and give bf16.
"""

import functools
import math

import jax
import jax.numpy as jnp
import numpy
import worker
import workloads
from jax import lax

STEPS = {"mlp": 40, "mnist1d": 40, "conv": 4, "language": 2}  # of one call


def dot(asked, a, b):
    if asked.precision == "bf16":
        # As autocast: a result in bf16, so that backward products have bf16 operands, too.
        return jnp.matmul(a.astype(jnp.bfloat16), b.astype(jnp.bfloat16)).astype(jnp.float32)
    return jnp.matmul(a, b)


def cross_entropy(logits, y):
    picked = jnp.take_along_axis(jax.nn.log_softmax(logits), y[..., None], axis=-1)
    return -picked.mean()


def uniform(key, shape, fan_in):
    bound = fan_in**-0.5
    return jax.random.uniform(key, shape, minval=-bound, maxval=bound)


def mlp(asked):
    widths, samples = workloads.MLPS[asked.workload]

    def init(key):
        keys = jax.random.split(key, len(widths))
        return [(uniform(k, (i, o), i), jnp.zeros(o)) for k, i, o in zip(keys, widths, widths[1:])]

    def loss(layers, x, y):
        for n, (w, b) in enumerate(layers):
            x = dot(asked, x, w) + b
            if n + 1 < len(layers):
                x = jax.nn.relu(x)
        return cross_entropy(x, y)

    return init, loss, images(widths[0], samples)


def images(width, samples):
    random = numpy.random.default_rng(0)
    pixels = random.integers(0, 256, (samples, width), dtype=numpy.uint8)
    if width < 784:  # MNIST-1D's signals are f32; images stay bytes until they are picked
        pixels = pixels.astype(numpy.float32) / 255
    labels = random.integers(0, workloads.CLASSES, samples, dtype=numpy.int32)
    return jnp.asarray(pixels), jnp.asarray(labels)


def conv(asked):
    def init(key):
        k = jax.random.split(key, 3)
        return [(uniform(k[0], (3, 3, 1, 16), 9), jnp.zeros(16)),
                (uniform(k[1], (3, 3, 16, 32), 144), jnp.zeros(32)),
                (uniform(k[2], (1568, 10), 1568), jnp.zeros(10))]

    def loss(layers, x, y):
        x = x.reshape(-1, 28, 28, 1)
        for w, b in layers[:2]:
            if asked.precision == "bf16":
                x, w = x.astype(jnp.bfloat16), w.astype(jnp.bfloat16)
            x = lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
            x = jax.nn.relu(x.astype(jnp.float32) + b)
            n, height, width, channels = x.shape
            # Not reduce_window, whose gradient is slow here.
            x = x.reshape(n, height // 2, 2, width // 2, 2, channels).max((2, 4))
        w, b = layers[2]
        return cross_entropy(dot(asked, x.reshape(x.shape[0], -1), w) + b, y)

    return init, loss, images(784, workloads.SAMPLES["conv"])


def norm(x, scale, shift):
    mean = x.mean(-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) * lax.rsqrt(variance + 1e-5) * scale + shift


def language(asked):
    width, heads, tokens = workloads.WIDTH, workloads.HEADS, workloads.TOKENS

    def init(key):
        keys = iter(jax.random.split(key, 4 * workloads.LAYERS + 2))
        linear = lambda i, o: (uniform(next(keys), (i, o), i), jnp.zeros(o))  # noqa: E731
        normal = lambda rows: 0.02 * jax.random.normal(next(keys), (rows, width))  # noqa: E731
        ones = lambda: (jnp.ones(width), jnp.zeros(width))  # noqa: E731
        blocks = [{"norm1": ones(), "qkv": linear(width, 3 * width), "mixed": linear(width, width),
                   "norm2": ones(), "in": linear(width, 4 * width), "out": linear(4 * width, width)}
                  for _ in range(workloads.LAYERS)]
        return {"blocks": blocks, "embedding": normal(workloads.VOCABULARY), "positions": normal(tokens),
                "norm": ones()}

    future = jnp.triu(jnp.ones((tokens, tokens), bool), 1)

    def attention(p, x):
        q, k, v = jnp.moveaxis((dot(asked, x, p["qkv"][0]) + p["qkv"][1]).reshape(
            -1, tokens, 3, heads, width // heads), (2, 3), (0, 2))
        scores = dot(asked, q, jnp.swapaxes(k, -1, -2)) / math.sqrt(width // heads)
        mixed = dot(asked, jax.nn.softmax(jnp.where(future, -jnp.inf, scores)), v)
        return dot(asked, jnp.swapaxes(mixed, 1, 2).reshape(-1, tokens, width), p["mixed"][0]) + p["mixed"][1]

    def loss(p, text, _):
        x = p["embedding"][text[:, :-1]] + p["positions"]
        for block in p["blocks"]:
            x = x + attention(block, norm(x, *block["norm1"]))
            h = dot(asked, norm(x, *block["norm2"]), block["in"][0]) + block["in"][1]
            x = x + dot(asked, jax.nn.gelu(h), block["out"][0]) + block["out"][1]
        return cross_entropy(dot(asked, norm(x, *p["norm"]), p["embedding"].T), text[:, 1:])

    rows = workloads.SAMPLES["language"]
    text = numpy.random.default_rng(0).integers(
        0, workloads.VOCABULARY, (rows, tokens + 1), dtype=numpy.int32)
    return init, loss, (jnp.asarray(text), jnp.zeros(rows))


def adam(state, gradient, decay):
    parameters, first, second, t = state
    t = t + 1
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradient)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradient)
    rate = workloads.LEARNING_RATE * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    parameters = jax.tree.map(
        lambda p, m, v: p * (1 - workloads.LEARNING_RATE * decay) - rate * m / (jnp.sqrt(v) + 1e-8),
        parameters, first, second)
    return parameters, first, second, t


def make_step(asked):
    make = {"mlp": mlp, "mnist1d": mlp, "conv": conv, "language": language}[asked.workload]
    init, loss, (x, y) = make(asked)
    decay = 0.01 if asked.workload == "language" else 0.0

    def one(state, rows):
        picked = x[rows] * jnp.float32(1 / 255) if x.dtype == jnp.uint8 else x[rows]
        return adam(state, jax.grad(loss)(state[0], picked, y[rows]), decay)

    each = one if asked.models == 1 else jax.vmap(one)

    @functools.partial(jax.jit, donate_argnums=0)
    def many(state, rows):
        if asked.variant == "step":
            return each(state, rows[0])
        return lax.scan(lambda s, r: (each(s, r), None), state, rows)[0]

    def fresh(key):
        p = init(key)
        zeros = lambda: jax.tree.map(jnp.zeros_like, p)  # noqa: E731
        return p, zeros(), zeros(), jnp.zeros(())

    keys = jax.random.split(jax.random.key(0), asked.models)
    state = fresh(keys[0]) if asked.models == 1 else jax.vmap(fresh)(keys)
    steps = 1 if asked.variant == "step" else STEPS[asked.workload]
    random = numpy.random.default_rng(0)
    orders = workloads.orders(
        lambda n: random.permutation(n).astype(numpy.int32), x.shape[0], asked.batch, asked.models)

    def step():
        nonlocal state
        rows = numpy.stack([numpy.stack(next(orders)) for _ in range(steps)])
        state = many(state, rows[:, 0] if asked.models == 1 else rows)
        jax.block_until_ready(state)
        return steps

    return step


if __name__ == "__main__":
    worker.serve(make_step, "JAX " + jax.__version__)
