#!/usr/bin/env python3
"""The benchmarks' shapes in JAX, each as one jitted function.

    bench/peers/jax_peer.py --out jax.json [--threads 2]

On CUDA batches are timed on the host's clock, which JAX's asynchronous dispatch makes right for hot
runs alone. Where JAX is missing the file says so and the exit code is 0.
"""

import argparse
import os
import time

import cases
import measure


class Functions:
    """What the cases use, in JAX's spelling."""

    def __init__(self, jax):
        self.jax = jax
        for name in ("sin", "exp", "sqrt", "mean"):
            setattr(self, name, getattr(jax.numpy, name))
        self.relu = jax.nn.relu

    def sum(self, x, axis=None):
        return self.jax.numpy.sum(x, axis=axis)

    def row_mean(self, x):
        return self.jax.numpy.mean(x, axis=-1, keepdims=True)

    def column_mean(self, x):
        return self.jax.numpy.mean(x, axis=0, keepdims=True)

    def softmax(self, x):
        return self.jax.nn.softmax(x, axis=-1)

    def log_softmax(self, x):
        return self.jax.nn.log_softmax(x, axis=-1)

    def conv2d(self, x, w, stride, zeros):
        return self.jax.lax.conv_general_dilated(
            x, w, (stride, stride), [(zeros, zeros)] * 2,
            dimension_numbers=("NHWC", "OHWI", "NHWC"),
            feature_group_count=x.shape[3] // w.shape[3])

    def layer_norm(self, x, scale, shift):
        centred = x - self.row_mean(x)
        return centred / self.sqrt(self.row_mean(centred * centred) + 1e-5) * scale + shift


def batch_seconds(call, batch=20):
    """Seconds a call of a batch that is queued at once."""
    call().block_until_ready()
    start = time.perf_counter()
    for _ in range(batch):
        last = call()
    last.block_until_ready()
    return (time.perf_counter() - start) / batch


def run(jax, options):
    on_cuda = jax.default_backend() == "gpu"
    jax.config.update("jax_default_matmul_precision", "highest")
    functions = Functions(jax)
    benchmarks = []
    key = jax.random.PRNGKey(1)
    for family, size, shapes, function in cases.cases(on_cuda):
        operands = [jax.random.uniform(key, s) + 0.5 for s in shapes]
        jitted = jax.jit(lambda *x, f=function: f(functions, *x))

        def call():
            return jitted(*operands)

        call().block_until_ready()
        if on_cuda:
            times = [batch_seconds(call) for _ in range(options.repetitions)]
            size = f"{size}:hot"
        else:
            times = [measure.host_seconds(lambda: call().block_until_ready(), options.min_time)
                     for _ in range(options.repetitions)]
        benchmarks.append(measure.entry(family, "jax", size, times))
        print(f"{family} {size}", flush=True)
    context = {"peer_of": "JAX " + jax.__version__, "device": "cuda" if on_cuda else "host",
               "threads": str(options.threads)}
    if on_cuda:
        context["gpu"] = jax.devices()[0].device_kind
    measure.write(options.out, context, benchmarks)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--min-time", type=float, default=0.05)
    options = parser.parse_args()
    # XLA has no other way to be told; it reads this when it is loaded.
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=true intra_op_parallelism_threads="
                          + str(options.threads))
    try:
        import jax
    except ImportError:
        measure.write_missing(options.out, "JAX is not installed here: no figures of it.")
        return
    run(jax, options)


if __name__ == "__main__":
    main()
