"""Muon, the optimiser of the convolutions.

The momentum of each weight matrix is replaced by the nearest matrix with orthogonal rows or columns before it is
applied, so that every direction of a layer learns at the same speed (Jordan 2024). The step is scaled to the size that
AdamW's would have (Liu et al. 2025, arXiv 2502.16982), so that both optimisers share one learning rate.
"""

import torch

QUINTIC = (3.4445, -4.7750, 2.0315)  # coefficients that pull singular values from (0, 1] to about one, fast


def orthogonal(g, rounds=5):
    """About the nearest orthogonal matrix to g [rows, columns], by Newton-Schulz rounds of matrix products."""
    a, b, c = QUINTIC
    wide = g.shape[0] <= g.shape[1]
    x = g if wide else g.T
    x = x / (x.norm() + 1e-7)
    for _ in range(rounds):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x if wide else x.T


class Muon(torch.optim.Optimizer):
    """Takes weights of two or more dimensions; the first is a layer's outputs."""

    def __init__(self, weights, lr, momentum=0.95, decay=0.05):
        super().__init__(weights, {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for w in group["params"]:
                if w.grad is not None:
                    self.update(w, group)

    def update(self, w, group):
        mean = self.state[w].setdefault("mean", torch.zeros_like(w))
        mean.mul_(group["momentum"]).add_(w.grad)
        ahead = w.grad.add(mean, alpha=group["momentum"]).contiguous().flatten(1)
        size = 0.2 * max(ahead.shape) ** 0.5
        w.mul_(1 - group["lr"] * group["decay"])
        w.add_(orthogonal(ahead).reshape(w.shape), alpha=-group["lr"] * size)


def both(model, rate, decay=0.02, skip=()):
    """Muon for the hidden convolutions, AdamW for everything else: first and last layers, norms and biases.

    Parameters whose id is in skip are left out.
    """
    wanted = [p for p in model.parameters() if id(p) not in skip]
    hidden = [p for p in wanted if p.ndim == 4 and min(p.shape[:2]) >= 16]
    taken = {id(p) for p in hidden}
    rest = [p for p in wanted if id(p) not in taken]
    return [Muon(hidden, rate)] + ([torch.optim.AdamW(rest, lr=rate, weight_decay=decay)] if rest else [])
