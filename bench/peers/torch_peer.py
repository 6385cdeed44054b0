#!/usr/bin/env python3
"""The benchmarks' shapes in PyTorch, eager and torch.compile.

    bench/peers/torch_peer.py --out torch.json [--device cuda] [--threads 2]

On CUDA each batch is timed by events: hot, and cold after a memset of twice the L2 cache. Where
PyTorch is missing the file says so and the exit code is 0.
"""

import argparse
import re

import cases
import measure


class Functions:
    """What the cases use, in PyTorch's spelling."""

    def __init__(self, torch):
        self.torch = torch
        for name in ("sin", "exp", "sqrt", "relu", "mean"):
            setattr(self, name, getattr(torch, name))

    def sum(self, x, axis=None):
        return self.torch.sum(x) if axis is None else self.torch.sum(x, dim=axis)

    def row_mean(self, x):
        return self.torch.mean(x, dim=-1, keepdim=True)

    def column_mean(self, x):
        return self.torch.mean(x, dim=0, keepdim=True)

    def softmax(self, x):
        return self.torch.softmax(x, dim=-1)

    def log_softmax(self, x):
        return self.torch.log_softmax(x, dim=-1)

    def conv2d(self, x, w, stride, zeros):
        # Permuted arrays are what PyTorch calls channels_last: nothing is copied.
        y = self.torch.nn.functional.conv2d(x.permute(0, 3, 1, 2), w.permute(0, 3, 1, 2),
                                            stride=stride, padding=zeros,
                                            groups=x.shape[3] // w.shape[3])
        return y.permute(0, 2, 3, 1)

    def layer_norm(self, x, scale, shift):
        return self.torch.nn.functional.layer_norm(x, (x.shape[-1],), scale, shift)


def cuda_seconds(torch, call, cold, flush, batch=20):
    """Seconds a call on the device, the host's launches hidden behind queued work."""
    def event():
        return torch.cuda.Event(enable_timing=True)

    if cold:
        pairs = [(event(), event()) for _ in range(batch)]
        for start, stop in pairs:
            flush.zero_()
            start.record()
            call()
            stop.record()
        torch.cuda.synchronize()
        return sum(start.elapsed_time(stop) for start, stop in pairs) / batch * 1e-3
    for _ in range(8):
        flush.zero_()
    for _ in range(3):
        call()
    start, stop = event(), event()
    start.record()
    for _ in range(batch):
        call()
    stop.record()
    torch.cuda.synchronize()
    return start.elapsed_time(stop) / batch * 1e-3


def run(torch, options):
    on_cuda = options.device == "cuda"
    torch.set_num_threads(options.threads)
    torch.backends.cuda.matmul.allow_tf32 = False
    flush = None
    if on_cuda:
        properties = torch.cuda.get_device_properties(0)
        cache = getattr(properties, "L2_cache_size", 128 << 20)
        flush = torch.empty(2 * cache, dtype=torch.uint8, device="cuda")
    functions = Functions(torch)
    benchmarks = []
    for family, size, shapes, function in cases.cases(on_cuda):
        if not re.search(options.filter, f"{family}/{size}"):
            continue
        where = "cuda" if on_cuda else "cpu"
        operands = [torch.rand(s, device=where) + 0.5 for s in shapes]

        def eager():
            return function(functions, *operands)

        # One graph for each shape: what a user gets who fixes them.
        compiled = None
        if hasattr(torch, "compile") and not options.no_compile:
            compiled = torch.compile(lambda *x, f=function: f(functions, *x), dynamic=False)
        for peer, call in (("torch", eager), ("torch_compile", lambda: compiled(*operands))):
            if peer == "torch_compile" and compiled is None:
                continue
            with torch.no_grad():
                call()
                if on_cuda:
                    for state in ("hot", "cold"):
                        times = [cuda_seconds(torch, call, state == "cold", flush)
                                 for _ in range(options.repetitions)]
                        benchmarks.append(measure.entry(family, peer, f"{size}:{state}", times))
                else:
                    times = [measure.host_seconds(call, options.min_time)
                             for _ in range(options.repetitions)]
                    benchmarks.append(measure.entry(family, peer, size, times))
        print(f"{family} {size}", flush=True)
    context = {"peer_of": "PyTorch " + torch.__version__, "device": options.device,
               "threads": str(options.threads)}
    if on_cuda:
        context["gpu"] = torch.cuda.get_device_name(0)
    measure.write(options.out, context, benchmarks)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", required=True)
    parser.add_argument("--device", choices=("host", "cuda"), default=None)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--min-time", type=float, default=0.05)
    parser.add_argument("--filter", default="", help="cases whose family/size this finds")
    parser.add_argument("--no-compile", action="store_true")
    options = parser.parse_args()
    try:
        import torch
    except ImportError:
        measure.write_missing(options.out, "PyTorch is not installed here: no figures of it.")
        return
    if options.device is None:
        options.device = "cuda" if torch.cuda.is_available() else "host"
    run(torch, options)


if __name__ == "__main__":
    main()
