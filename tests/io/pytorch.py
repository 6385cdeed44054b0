#!/usr/bin/env python3
"""Writes pytorch.safetensors: a small convolutional network of PyTorch with its parameters as PyTorch
names and shapes them, three images and the logits that it gives for them. Run where PyTorch is
installed:

    python3 tests/io/pytorch.py tests/io/pytorch.safetensors
"""
import json
import struct
import sys

import torch
from torch import nn

torch.manual_seed(7)
net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2),
                    nn.Conv2d(4, 6, 3), nn.ReLU(), nn.BatchNorm2d(6), nn.MaxPool2d(2),
                    nn.Flatten(), nn.Linear(6 * 5 * 5, 10))
images = torch.rand(3, 1, 28, 28)
net(torch.rand(16, 1, 28, 28))  # moves the running statistics
net.eval()
with torch.no_grad():
    arrays = {**net.state_dict(), "images": images, "logits": net(images)}

header, data = {"__metadata__": {"format": "pt"}}, b""
for name, a in sorted(arrays.items(), key=lambda x: -x[1].element_size()):
    raw = bytes(a.contiguous().numpy().tobytes())
    header[name] = {"dtype": {torch.float32: "F32", torch.int64: "I64"}[a.dtype],
                    "shape": list(a.shape), "data_offsets": [len(data), len(data) + len(raw)]}
    data += raw
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
with open(sys.argv[1], "wb") as f:
    f.write(struct.pack("<Q", len(text)) + text + data)
