#!/usr/bin/env python3
"""The digit examples' networks in PyTorch, on the same images: their accuracy on those they have not seen.

    bench/peers/torch_digits.py --data DIR [--network mlp] [--seeds 1 2 3] [--threads 1]

DIR holds MNIST's t10k files (IDX with .gz): the first 8,000 train, the last 2,000 test. Batch 32; rates
and epochs are those of the examples.
"""

import argparse
import gzip
import pathlib
import time

import numpy
import torch
from torch import nn


def digits(folder):
    def read(name, header):
        with gzip.open(pathlib.Path(folder) / name) as file:
            return numpy.frombuffer(file.read(), dtype=numpy.uint8, offset=header)

    images = read("t10k-images-idx3-ubyte.gz", 16).reshape(-1, 1, 28, 28) / numpy.float32(255)
    labels = read("t10k-labels-idx1-ubyte.gz", 8).astype(numpy.int64)
    return torch.from_numpy(images), torch.from_numpy(labels)


def sgd(parameters):
    return torch.optim.SGD(parameters, lr=0.1)


def adam(parameters):
    return torch.optim.Adam(parameters, lr=1e-3)


# Layers, optimiser, epochs.
NETWORKS = {
    "softmax_regression": (lambda: [nn.Flatten(), nn.Linear(784, 10)], sgd, 5),
    "mlp": (lambda: [nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(),
                     nn.Linear(64, 10)], adam, 10),
    "mnist_cnn_small": (lambda: [nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Flatten(),
                                 nn.Linear(32 * 26 * 26, 10)], adam, 10),
    "mnist_cnn": (lambda: [nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3),
                           nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(1600, 10)], adam, 5),
}


def accuracy_of(name, seed, images, labels):
    layers, optimizer_of, epochs = NETWORKS[name]
    torch.manual_seed(seed)
    net = nn.Sequential(*layers())
    optimizer = optimizer_of(net.parameters())
    rows = len(images) * 4 // 5
    for _ in range(epochs):
        order = torch.randperm(rows)
        for first in range(0, rows, 32):
            chosen = order[first:first + 32]
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(images[chosen]), labels[chosen]).backward()
            optimizer.step()
    with torch.no_grad():
        right = net(images[rows:]).argmax(1) == labels[rows:]
    return right.float().mean().item()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--network", choices=NETWORKS, action="append")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    images, labels = digits(options.data)
    for name in options.network or NETWORKS:
        start = time.perf_counter()
        seen = [accuracy_of(name, seed, images, labels) for seed in options.seeds]
        print(f"{name}: {' '.join(f'{a:.4f}' for a in seen)} mean {sum(seen) / len(seen):.4f} "
              f"({time.perf_counter() - start:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
