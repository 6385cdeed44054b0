#!/usr/bin/env python3
"""Writes golden.txt: what PyTorch's layers and losses do. Run it where PyTorch is installed:

    python3 tests/nn/golden.py > tests/nn/golden.txt

Everything is double. The input and parameters number p are sin(0.7 k + 1 + p) over their elements k
in the order in which Sinter has them: images (n, h, w, c), filters (out, h, w, in). A name is followed
by one line of numbers each for the result, the gradient of the input and those of the parameters, where
the derivative by the result is cos(0.3 k) over its elements k.
"""
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)


def wave(shape, p):
    n = 1
    for e in shape:
        n *= e
    return torch.sin(0.7 * torch.arange(n) + 1 + p).reshape(shape)


def line(t):
    print(" ".join(repr(float(v)) for v in t.detach().reshape(-1)))


def judge(name, call, shape, parameters=()):
    x = wave(shape, 0).requires_grad_()
    p = [wave(s, i + 1).requires_grad_() for i, s in enumerate(parameters)]
    y = call(x, *p)
    y.backward(torch.cos(0.3 * torch.arange(y.numel())).reshape(y.shape))
    print(name)
    for t in [y, x.grad] + [q.grad for q in p]:
        line(t)


def images(call):
    """`call` of arrays with channels first, as one of arrays with channels last."""
    return lambda x, *p: call(x.permute(0, 3, 1, 2), *p).permute(0, 2, 3, 1)


def filters(w):
    return w.permute(0, 3, 1, 2)


judge("linear", lambda x, w, b: F.linear(x, w, b), (4, 3), [(5, 3), (5,)])
judge("linear_no_bias", lambda x, w: F.linear(x, w), (2, 4, 3), [(5, 3)])
judge("conv2d", images(lambda x, w, b: F.conv2d(x, filters(w), b)), (2, 6, 5, 3), [(4, 3, 2, 3), (4,)])
judge("conv2d_padded",
      images(lambda x, w, b: F.conv2d(x, filters(w), b, stride=(2, 1), padding=1, dilation=(1, 2))),
      (2, 6, 5, 3), [(4, 3, 3, 3), (4,)])
judge("conv_transpose2d",
      images(lambda x, w, b: F.conv_transpose2d(x, filters(w), b, stride=2, padding=1, output_padding=1)),
      (2, 3, 4, 3), [(3, 3, 3, 2), (2,)])
judge("max_pool2d", images(lambda x: F.max_pool2d(x, 3, 2)), (2, 7, 6, 3))
judge("avg_pool2d", images(lambda x: F.avg_pool2d(x, 2)), (2, 6, 6, 3))
judge("adaptive_avg_pool2d", images(lambda x: F.adaptive_avg_pool2d(x, (2, 3))), (2, 4, 6, 3))
judge("layer_norm", lambda x, w, b: F.layer_norm(x, (7,), w, b), (3, 7), [(7,), (7,)])
judge("rms_norm",
      lambda x, w: x / torch.sqrt((x * x).mean(-1, keepdim=True) + 1e-5) * w, (3, 7), [(7,)])
judge("group_norm", images(lambda x, w, b: F.group_norm(x, 2, w, b)), (2, 3, 4, 6), [(6,), (6,)])

norm = torch.nn.BatchNorm2d(3)


def batch_norm(x, w, b):
    norm.weight, norm.bias = torch.nn.Parameter(w), torch.nn.Parameter(b)
    y = F.batch_norm(x.permute(0, 3, 1, 2), norm.running_mean, norm.running_var, w, b, norm.training,
                     norm.momentum, norm.eps)
    return y.permute(0, 2, 3, 1)


judge("batch_norm", batch_norm, (2, 3, 4, 3), [(3,), (3,)])
print("batch_norm_statistics")
line(norm.running_mean)
line(norm.running_var)
norm.eval()
judge("batch_norm_evaluation", batch_norm, (2, 3, 4, 3), [(3,), (3,)])

activations = [
    F.relu, torch.sigmoid, torch.tanh, F.gelu, F.silu, F.mish, F.selu, F.softplus, F.hardswish,
    F.hardsigmoid, lambda x: F.leaky_relu(x, 0.2), lambda x: F.elu(x, 1.5)
]
judge("activations", lambda x: sum((k + 1) * f(4 * x) for k, f in enumerate(activations)), (3, 7))
judge("softmax", lambda x: F.softmax(4 * x, -1) + 2 * F.log_softmax(x, -1), (3, 7))

labels = torch.tensor([2, 0, 4, 1])
judge("cross_entropy", lambda x: F.cross_entropy(x, labels), (4, 5))
judge("cross_entropy_smoothed", lambda x: F.cross_entropy(x, labels, label_smoothing=0.1), (4, 5))
judge("cross_entropy_ignoring", lambda x: F.cross_entropy(x, labels, ignore_index=0), (4, 5))
judge("nll_loss", lambda x: F.nll_loss(F.log_softmax(x, -1), labels), (4, 5))
shares = torch.arange(20).reshape(4, 5) % 3 / 2
judge("cross_entropy_probabilities", lambda x: F.cross_entropy(x, shares), (4, 5))
judge("cross_entropy_rows",
      lambda x: F.cross_entropy(x, labels, ignore_index=1, label_smoothing=0.2, reduction="none"), (4, 5))
judge("cross_entropy_sum", lambda x: F.cross_entropy(x, shares, label_smoothing=0.1, reduction="sum"), (4, 5))
words = torch.tensor([[0, 4, 2], [2, 1, 2]])
judge("embedding", lambda w: F.embedding(words, w), (5, 3))
judge("embedding_padded", lambda w: F.embedding(words, w, padding_idx=2), (5, 3))
judge("mse_loss", F.mse_loss, (3, 7), [(3, 7)])
judge("l1_loss", F.l1_loss, (3, 7), [(3, 7)])
judge("huber_loss", lambda x, y: F.huber_loss(4 * x, y, delta=1.5), (3, 7), [(3, 7)])
judge("binary_cross_entropy_with_logits",
      lambda x: F.binary_cross_entropy_with_logits(20 * x, torch.arange(21).reshape(3, 7) % 3 / 2), (3, 7))
judge("kl_div_loss",
      lambda x: F.kl_div(F.log_softmax(x, -1), (torch.arange(21).reshape(3, 7) % 3) / 7,
                         reduction="batchmean"), (3, 7))
judge("lenet", lambda x, w1, b1, w2, b2: F.linear(
    F.max_pool2d(F.relu(F.conv2d(x.permute(0, 3, 1, 2), filters(w1), b1)), 2).permute(0, 2, 3, 1).flatten(1),
    w2, b2), (2, 6, 6, 1), [(3, 3, 3, 1), (3,), (5, 12), (5,)])
