#!/usr/bin/env python3
"""Writes golden.txt: what PyTorch's optimisers and schedules do. Run it where PyTorch is installed:

    python3 tests/optim/golden.py > tests/optim/golden.txt

Two parameters in double, ten steps; the gradient of element i is curve[i] * (p[i] - goal[i]), so that
a wrong step shows in all that follow. The values after each step are a line. PyTorch has no Lion:
its lines come from the formula of its paper, below.
"""
import math
import torch

torch.set_default_dtype(torch.float64)
START = [0.5, -1.25, 2.0, 0.125, -0.75, 1.5, -2.5, 0.25, 1.0]  # six of w (3, 2), three of b
CURVE = [1.0, 0.5, 2.0, 4.0, 0.25, 1.5, 0.75, 3.0, 0.125]
GOAL = [0.0, 1.0, -1.0, 0.5, 2.0, -0.5, 0.25, -2.0, 4.0]


class Lion(torch.optim.Optimizer):
    """Chen and others, Symbolic Discovery of Optimization Algorithms, 2023, algorithm 2."""

    def __init__(self, params, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0):
        super().__init__(params, dict(lr=lr, betas=betas, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            b1, b2 = group["betas"]
            for p in group["params"]:
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                c = b1 * m + (1 - b1) * p.grad
                p -= group["lr"] * (c.sign() + group["weight_decay"] * p)
                m.copy_(b2 * m + (1 - b2) * p.grad)


def run(name, make, clip_norm=None, clip_value=None):
    w = torch.tensor(START[:6]).reshape(3, 2).requires_grad_()
    b = torch.tensor(START[6:]).requires_grad_()
    c, g = torch.tensor(CURVE), torch.tensor(GOAL)
    opt = make(w, b)
    print(name)
    for _ in range(10):
        flat = torch.cat([w.detach().reshape(-1), b.detach()])
        grad = c * (flat - g)
        w.grad, b.grad = grad[:6].reshape(3, 2).clone(), grad[6:].clone()
        if clip_norm:
            torch.nn.utils.clip_grad_norm_([w, b], clip_norm)
        if clip_value:
            torch.nn.utils.clip_grad_value_([w, b], clip_value)
        opt.step()
        print(*(repr(x) for x in torch.cat([w.detach().reshape(-1), b.detach()]).tolist()))


def both(kind, **options):
    return lambda w, b: kind([w, b], **options)


def groups(kind, first, second):
    return lambda w, b: kind([dict(params=[w], **first), dict(params=[b], **second)], lr=0.1)


def rates(name, epochs, make, momentum=None, losses=None, lr=0.5):
    p = torch.zeros(1, requires_grad=True)
    opt = torch.optim.SGD([p], lr=lr, momentum=0.9)
    schedule = make(opt)
    print(name)
    seen, second = [], []
    for t in range(epochs):
        seen.append(opt.param_groups[0]["lr"])
        second.append(opt.param_groups[0]["momentum"])
        opt.step()
        schedule.step(losses[t]) if losses else schedule.step()
    print(*(repr(float(x)) for x in seen))
    if momentum:
        print(*(repr(float(x)) for x in second))


o, s = torch.optim, torch.optim.lr_scheduler
run("sgd", both(o.SGD, lr=0.1))
run("sgd_decay", both(o.SGD, lr=0.1, weight_decay=0.01))
run("sgd_momentum", both(o.SGD, lr=0.1, momentum=0.9, dampening=0.5, weight_decay=0.01))
run("sgd_nesterov", both(o.SGD, lr=0.1, momentum=0.9, nesterov=True))
run("sgd_norm", both(o.SGD, lr=0.1, momentum=0.9), clip_norm=1.5)
run("sgd_value", both(o.SGD, lr=0.1), clip_value=0.75)
run("sgd_groups", groups(o.SGD, dict(momentum=0.9, dampening=0.25),
                         dict(lr=0.02, momentum=0.5, weight_decay=0.1)))
run("adam", both(o.Adam, lr=0.1))
run("adam_decay", both(o.Adam, lr=0.05, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1))
run("adam_norm", both(o.Adam, lr=0.1), clip_norm=1.5)
run("adam_groups", groups(o.Adam, {}, dict(lr=0.02, betas=(0.7, 0.9), weight_decay=0.1)))
run("adam_groups_norm", groups(o.Adam, {}, dict(lr=0.02, eps=0.01)), clip_norm=0.5)
run("adamw", both(o.AdamW, lr=0.1))
run("adamw_decay", both(o.AdamW, lr=0.05, betas=(0.8, 0.95), weight_decay=0.5))
run("rmsprop", both(o.RMSprop, lr=0.05))
run("rmsprop_momentum", both(o.RMSprop, lr=0.05, alpha=0.9, momentum=0.8, weight_decay=0.1))
run("rmsprop_centered", both(o.RMSprop, lr=0.05, alpha=0.9, eps=1e-4, centered=True))
run("rmsprop_both", both(o.RMSprop, lr=0.05, momentum=0.5, centered=True))
run("adagrad", both(o.Adagrad, lr=0.3))
run("adagrad_decay", both(o.Adagrad, lr=0.3, lr_decay=0.1, weight_decay=0.1,
                          initial_accumulator_value=0.5, eps=1e-5))
run("lion", both(Lion, lr=0.1))
run("lion_decay", both(Lion, lr=0.05, betas=(0.8, 0.95), weight_decay=0.5))

rates("constant", 8, lambda x: s.ConstantLR(x, factor=0.25, total_iters=3))
rates("step", 12, lambda x: s.StepLR(x, step_size=3, gamma=0.5))
rates("multi_step", 12, lambda x: s.MultiStepLR(x, milestones=[2, 5, 5, 9], gamma=0.5))
rates("exponential", 10, lambda x: s.ExponentialLR(x, gamma=0.9))
rates("cosine", 14, lambda x: s.CosineAnnealingLR(x, T_max=10, eta_min=0.01))
rates("linear", 8, lambda x: s.LinearLR(x, start_factor=0.2, end_factor=0.9, total_iters=5))
rates("one_cycle", 20, lambda x: s.OneCycleLR(x, max_lr=1.0, total_steps=20), momentum=True)
rates("one_cycle_linear", 20, lambda x: s.OneCycleLR(
    x, max_lr=1.0, total_steps=20, pct_start=0.4, anneal_strategy="linear", div_factor=10,
    final_div_factor=100, three_phase=True, base_momentum=0.8, max_momentum=0.9), momentum=True)
rates("sequence", 14, lambda x: s.SequentialLR(
    x, [s.LinearLR(x, start_factor=0.1, total_iters=4), s.CosineAnnealingLR(x, T_max=10)], [4]))
rates("plateau", 16, lambda x: s.ReduceLROnPlateau(x, factor=0.5, patience=2, cooldown=1),
      losses=[5, 4, 3, 3, 3, 3, 3, 3, 2, 2, 2, 2, 2, 2, 2, 2])
rates("plateau_max", 14, lambda x: s.ReduceLROnPlateau(
    x, mode="max", factor=0.1, patience=1, threshold=0.5, threshold_mode="abs", min_lr=1e-3),
    losses=[1, 1.25, 1.75, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3])
