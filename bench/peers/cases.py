"""The rows that PyTorch and JAX run too: the names and sizes of the C++ benchmarks.

A case is (family, size, shapes of the operands, function). The function takes a namespace of array
functions (`xp`, the few below that PyTorch and JAX spell differently) and the operands.
"""


def map_sin(xp, a, b, c):
    return a * b + xp.sin(c)


def map_five_arrays(xp, a, b, c, d, e):
    return (a * b + c) * d - e


def map_exp(xp, a):
    return xp.exp(a)


def map_repeated(xp, a, b, c):
    t = a * b + c
    u = t * t - a * 0.5
    m = xp.relu(u * b + t)
    return (m - c) * (u + 2) + m * t


def broadcast_row(xp, x, row):
    return x + row


def broadcast_column(xp, x, column):
    return x + column


def broadcast_computed(xp, x, row, column):
    return x * xp.exp(row) + xp.sin(column)


def transpose_add(xp, x):
    return x + x.T


def sum_all(xp, x):
    return xp.sum(x)


def sum_rows(xp, x):
    return xp.sum(x, 1)


def sum_columns(xp, x):
    return xp.sum(x, 0)


def mean_square(xp, x):
    return xp.mean((x - 1) * (x - 1))


def softmax(xp, x):
    return xp.softmax(x)


def log_softmax(xp, x):
    return xp.log_softmax(x)


def layer_norm(xp, x, scale, shift):
    return xp.layer_norm(x, scale, shift)


def rms_norm(xp, x, scale):
    return x / xp.sqrt(xp.row_mean(x * x) + 1e-5) * scale


def centred_columns(xp, x):
    return x - xp.column_mean(x)


def matmul(xp, a, b):
    return a @ b


def matmul_bias_relu(xp, a, b, bias):
    return xp.relu(a @ b + bias)


# Examples, extent, channels, filters, window, stride, zeros: the list of bench/conv.cpp.
CONVOLUTIONS = {
    "lenet_1": (32, 28, 1, 6, 5, 1, 2),
    "lenet_2": (32, 14, 6, 16, 5, 1, 0),
    "resnet_stem": (1, 224, 3, 64, 7, 2, 3),
    "resnet_1": (1, 56, 64, 64, 3, 1, 1),
    "resnet_2_first": (1, 56, 64, 128, 3, 2, 1),
    "resnet_2_short": (1, 56, 64, 128, 1, 2, 0),
    "resnet_2": (1, 28, 128, 128, 3, 1, 1),
    "resnet_3_first": (1, 28, 128, 256, 3, 2, 1),
    "resnet_3_short": (1, 28, 128, 256, 1, 2, 0),
    "resnet_3": (1, 14, 256, 256, 3, 1, 1),
    "resnet_4_first": (1, 14, 256, 512, 3, 2, 1),
    "resnet_4_short": (1, 14, 256, 512, 1, 2, 0),
    "resnet_4": (1, 7, 512, 512, 3, 1, 1),
    "image": (1, 224, 3, 64, 3, 1, 1),
}
# The same in groups: the last number is the channels of each.
GROUPED = {
    "resnext_1": (1, 56, 128, 128, 3, 1, 1, 4),
    "resnext_2": (1, 28, 256, 256, 3, 1, 1, 8),
    "resnext_3": (1, 14, 512, 512, 3, 1, 1, 16),
}


def conv2d(stride, zeros, name="conv2d"):
    """Images (n, h, w, c) and filters (f, h, w, c), as Sinter has them."""
    def conv2d(xp, x, w, bias):
        return xp.relu(xp.conv2d(x, w, stride, zeros) + bias)

    conv2d.__name__ = name
    return conv2d


def small_assign(xp, a, b, c):
    return a * b + c


def cases(on_cuda):
    """[(family, size, shapes, function)] for one kind of device."""
    found = []

    def add(function, size, *shapes):
        found.append((function.__name__, size, shapes, function))

    def by(rows, n):
        return f"{rows}x{n}"

    for n in (1 << 14, 1 << 26 if on_cuda else 10_000_000):
        add(map_sin, str(n), *[(n,)] * 3)
        add(map_five_arrays, str(n), *[(n,)] * 5)
        add(map_exp, str(n), (n,))
        add(map_repeated, str(n), *[(n,)] * 3)
    for rows, n in ((256, 64), (2048, 2048), (200_000, 10)):
        add(broadcast_row, by(rows, n), (rows, n), (n,))
        add(broadcast_column, by(rows, n), (rows, n), (rows, 1))
        add(broadcast_computed, by(rows, n), (rows, n), (n,), (rows, 1))
    for n in (128, 1000, 4096):
        add(transpose_add, by(n, n), (n, n))
    for rows, n in ((256, 256), (10_000, 10_000)):
        add(sum_all, str(rows * n), (rows, n))
    for rows, n in ((256, 256), (2048, 2048), (200_000, 10), (10, 200_000)):
        add(sum_rows, by(rows, n), (rows, n))
        add(sum_columns, by(rows, n), (rows, n))
    for n in (256, 2048):
        add(mean_square, by(n, n), (n, n))
    wide = [(4096, n) for n in (256, 1024, 4096, 16384, 65536)]
    for rows, n in wide if on_cuda else [(256, 64), (4096, 1000)]:
        add(softmax, by(rows, n), (rows, n))
    add(softmax, by(200_000, 10), (200_000, 10))
    for rows, n in wide if on_cuda else [(256, 64), (4096, 1024), (200_000, 10)]:
        add(layer_norm, by(rows, n), (rows, n), (n,), (n,))
    for rows, n in [(4096, 1024), (4096, 16384)] if on_cuda else [(4096, 1024), (200_000, 10)]:
        add(rms_norm, by(rows, n), (rows, n), (n,))
    if not on_cuda:
        add(log_softmax, by(4096, 1000), (4096, 1000))
    add(centred_columns, by(4096, 1024), (4096, 1024))
    for n in (512, 4096 if on_cuda else 1024):
        add(matmul, str(n), (n, n), (n, n))
        add(matmul_bias_relu, str(n), (n, n), (n, n), (n,))
    for name, (n, extent, c, f, window, stride, zeros) in CONVOLUTIONS.items():
        add(conv2d(stride, zeros), name, (n, extent, extent, c), (f, window, window, c), (f,))
    for name, (n, extent, c, f, window, stride, zeros, each) in GROUPED.items():
        add(conv2d(stride, zeros, "grouped_conv2d"), name, (n, extent, extent, c),
            (f, window, window, each), (f,))
    add(small_assign, "64", (64,), (64,), (64,))
    return found
