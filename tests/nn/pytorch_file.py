#!/usr/bin/env python3
"""Writes pytorch_file.safetensors: the network of examples/mnist_cnn.cpp as PyTorch has it, with few channels,
and its logits of two images. Run it where PyTorch is installed:

    python3 tests/nn/pytorch_file.py [--channels 4 6] [--out tests/nn/pytorch_file.safetensors]

Element k of the images, (2, 1, 28, 28), is sin(k / 10) as a float. The file is written by hand: its format
is the length of a JSON header in 8 bytes, the header, and the arrays.
"""

import argparse
import json
import pathlib
import struct

import torch
from torch import nn


def save(path, arrays):
    header, data = {}, b""
    for name, array in arrays.items():
        if array.dtype != torch.float32:
            raise TypeError(f"{name} is {array.dtype}, but only floats are written")
        content = array.contiguous().numpy().astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(array.shape),
                        "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # so that the arrays are aligned
    pathlib.Path(path).write_bytes(struct.pack("<Q", len(text)) + text + data)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--channels", type=int, nargs=2, default=[4, 6])
    parser.add_argument("--out", default=pathlib.Path(__file__).with_suffix(".safetensors"))
    options = parser.parse_args()
    first, second = options.channels
    torch.manual_seed(1)
    net = nn.Sequential(nn.Conv2d(1, first, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(first, second, 3),
                        nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(second * 5 * 5, 10))
    images = torch.sin(torch.arange(2 * 28 * 28, dtype=torch.float64) / 10).float().reshape(2, 1, 28, 28)
    with torch.no_grad():
        save(options.out, {**net.state_dict(), "logits": net(images)})


if __name__ == "__main__":
    main()
