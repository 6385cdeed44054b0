#!/usr/bin/env python3
"""Training on the host beside PyTorch, eager, on the same machine in the same run.

    bench/peers/training.py --program build/bench/bin/training [--threads 2] [--pairs 7] [--clock cpu]

Both take whole steps (forward, backward, optimiser) of the same network on random images, in turns;
the table has the median samples a second of each and the median of the pairs' ratios. `--clock cpu`
counts the processor's seconds of one thread: what else the machine does then matters less.
"""

import argparse
import os
import statistics
import subprocess
import time

ROWS = 2048
NETWORKS = {"softmax_regression": 3.0, "mlp": 2.0, "mnist_cnn": 1.0}  # and the ratio to reach


def torch_network(torch, name):
    nn = torch.nn
    if name == "softmax_regression":
        return nn.Linear(784, 10), (784,)
    if name == "mlp":
        return nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(),
                             nn.Linear(64, 10)), (784,)
    return nn.Sequential(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(),
                         nn.MaxPool2d(2), nn.Flatten(), nn.Linear(1600, 10)), (1, 28, 28)


class TorchCase:
    def __init__(self, torch, name, batch):
        self.loss = torch.nn.functional.cross_entropy
        self.net, shape = torch_network(torch, name)
        self.x = torch.randn(ROWS, *shape)
        self.y = self.x.reshape(ROWS, 784)[:, :10].argmax(1)
        self.batch, self.done = batch, 0
        parameters = self.net.parameters()
        self.optimizer = (torch.optim.SGD(parameters, lr=0.1) if name == "softmax_regression" else
                          torch.optim.Adam(parameters, lr=1e-3))

    def step(self):
        first = self.done % (ROWS // self.batch) * self.batch
        self.done += 1
        self.optimizer.zero_grad()
        self.loss(self.net(self.x[first:first + self.batch]), self.y[first:first + self.batch]).backward()
        self.optimizer.step()

    def rate(self, seconds, now):
        """Samples a second of the clock `now`."""
        start = now()
        while now() - start < seconds / 4:
            self.step()
        steps, start = 0, now()
        while now() - start < seconds or not steps:
            self.step()
            steps += 1
        return steps * self.batch / (now() - start)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each of them in a pair")
    parser.add_argument("--only", default="", help="a network's name")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    options = parser.parse_args()
    if options.clock == "cpu":
        options.threads = 1
    now = time.process_time if options.clock == "cpu" else time.perf_counter
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    import torch
    torch.set_num_threads(options.threads)

    print(f"PyTorch {torch.__version__}, threads: {options.threads}, clock: {options.clock}, "
          f"medians of {options.pairs} pairs\n")
    print("| network | batch | Sinter | PyTorch | ratio | to reach |\n|---|---:|---:|---:|---:|---:|")
    for name, wanted in NETWORKS.items():
        if options.only and options.only != name:
            continue
        for batch in (32, 256):
            case, ours, theirs = TorchCase(torch, name, batch), [], []
            for _ in range(options.pairs):
                done = subprocess.run([options.program, name, str(batch), str(options.seconds), options.clock],
                                      capture_output=True, text=True, check=True)
                ours.append(float(done.stdout))
                theirs.append(case.rate(options.seconds, now))
            ratio = statistics.median(a / b for a, b in zip(ours, theirs))
            print(f"| {name} | {batch} | {statistics.median(ours):,.0f} | {statistics.median(theirs):,.0f} | "
                  f"{ratio:.2f} | {wanted:.1f} |", flush=True)


if __name__ == "__main__":
    main()
