"""The latent world simulator: a flow-matching transformer over clips, trained on pictures alone.

A clip is cut into patches. Noise level t mixes them, z = (1 - t) x + t e, and the network predicts x; its loss is that
of the velocity e - x, which is the same but for a weight (Lipman et al. 2023; Li and He 2025 for predicting x). To fill
in what noise hid it has to know what rooms look like from where: its inner tokens are what the student learns.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from . import loop


def waves(x, width):
    """Sine and cosine features [..., width] of numbers of order one."""
    rates = torch.exp(torch.linspace(0, math.log(1000), width // 2, device=x.device))
    angle = x[..., None] * rates
    return torch.cat([torch.sin(angle), torch.cos(angle)], -1)


def attend(q, k, v):
    """Scaled dot-product attention. Written out on a CPU: on so few tokens the fused one takes several times as long."""
    if q.device.type != "cpu":
        return F.scaled_dot_product_attention(q, k, v)
    return torch.softmax(q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5, -1) @ v


class Attention(nn.Module):
    """Self-attention over the last but one dimension, with normalised queries and keys."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.query, self.key = nn.LayerNorm(width // heads), nn.LayerNorm(width // heads)

    def forward(self, x):
        n, s, c = x.shape
        q, k, v = self.qkv(x).reshape(n, s, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = attend(self.query(q), self.key(k), v)
        return self.out(mixed.transpose(1, 2).reshape(n, s, c))


class Block(nn.Module):
    """Attention within each frame, then along time at each place, then a perceptron; all steered by the noise level."""

    def __init__(self, width, heads):
        super().__init__()
        self.space, self.time = Attention(width, heads), Attention(width, heads)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.norms = nn.ModuleList(nn.LayerNorm(width, elementwise_affine=False) for _ in range(3))
        self.steer = nn.Linear(width, 9 * width)
        nn.init.zeros_(self.steer.weight)
        nn.init.zeros_(self.steer.bias)

    def forward(self, x, level):
        b, t, s, c = x.shape
        steer = self.steer(level).reshape(b, 1, 1, 9, c).unbind(3)
        for i, mix in enumerate((self.in_space, self.in_time, self.mlp)):
            shift, scale, open_ = steer[3 * i : 3 * i + 3]
            x = x + open_ * mix(self.norms[i](x) * (1 + scale) + shift)
        return x

    def in_space(self, x):
        b, t, s, c = x.shape
        return self.space(x.reshape(b * t, s, c)).reshape(b, t, s, c)

    def in_time(self, x):
        b, t, s, c = x.shape
        return self.time(x.transpose(1, 2).reshape(b * s, t, c)).reshape(b, s, t, c).transpose(1, 2)


class Flow(nn.Module):
    """What all simulators share: clips [B,T,3,H,W] with values 0..1 as patches, the noise in them, and what becomes of it.

    One has `tokens(z, t, depth)`, whatever `map` turns into [B,T,C,h,w], and `forward(z, t)`: the clean latents that z at
    noise level t [B] came from.
    """

    def __init__(self, sight):
        super().__init__()
        self.sight, self.channels, self.layers, self.name = sight, sight.width, sight.depth, f"sim-{sight.name}"

    def latents(self, frames):
        """Patches [B,T,S,3pp], about of unit variance."""
        b, t = frames.shape[:2]
        h, w, p = *self.sight.grid, self.sight.patch
        x = frames.flatten(0, 1)
        if x.shape[-2:] != self.sight.image:
            x = F.interpolate(x, self.sight.image, mode="area")
        x = ((x - 0.4) * 4).reshape(b, t, 3, h, p, w, p)
        return x.permute(0, 1, 3, 5, 2, 4, 6).reshape(b, t, h * w, 3 * p * p)

    def pictures(self, latents):
        """The inverse of latents: [B,T,3,H,W] in 0..1."""
        b, t = latents.shape[:2]
        h, w, p = *self.sight.grid, self.sight.patch
        x = latents.reshape(b, t, h, w, 3, p, p).permute(0, 1, 4, 2, 5, 3, 6).reshape(b, t, 3, h * p, w * p)
        return (x / 4 + 0.4).clamp(0, 1)

    def noisy(self, x, t, generator=None):
        """z at level t [B] and the noise in it."""
        e = torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)
        t = t[:, None, None, None]
        return (1 - t) * x + t * e, e

    @torch.no_grad()
    def features(self, frames, layer, noise, generator=None):
        """Tokens [B,T,C,h,w] after block `layer` (1 is the first) of the clip at one noise level; one pass."""
        x = self.latents(frames)
        level = torch.full((len(x),), noise, device=x.device)
        return self.map(self.tokens(self.noisy(x, level, generator)[0], level, layer))

    @torch.no_grad()
    def sample(self, count, frames, generator, steps=40):
        """Clips [count,frames,3,H,W] from noise alone, by Euler's method from level 1 to 0."""
        h, w = self.sight.grid
        shape = (count, frames, h * w, 3 * self.sight.patch**2)
        z = torch.randn(shape, generator=generator, device=self.place.device)
        levels = torch.linspace(1, 0, steps + 1)
        for now, then in zip(levels[:-1].tolist(), levels[1:].tolist()):
            x = self(z, torch.full((count,), now, device=z.device)).float()
            z = z + (then - now) * (z - x) / max(now, 0.02)
        return self.pictures(z)


class Teacher(Flow):
    """The transformer; T may differ from call to call up to `longest`."""

    def __init__(self, sight, longest=8):
        super().__init__(sight)
        h, w = sight.grid
        size = 3 * sight.patch**2
        self.enter, self.leave = nn.Linear(size, sight.width), nn.Linear(sight.width, size)
        self.place = nn.Parameter(0.02 * torch.randn(1, 1, h * w, sight.width))
        self.moment = nn.Parameter(0.02 * torch.randn(1, longest, 1, sight.width))
        level = [nn.Linear(sight.width, sight.width), nn.SiLU(), nn.Linear(sight.width, sight.width), nn.SiLU()]
        self.level = nn.Sequential(*level)
        self.blocks = nn.ModuleList(Block(sight.width, sight.heads) for _ in range(sight.depth))
        self.norm = nn.LayerNorm(sight.width)

    def tokens(self, z, t, depth=None):
        """The tokens [B,T,S,C] after `depth` blocks, all when None."""
        x = self.enter(z) + self.place + self.moment[:, : z.shape[1]]
        level = self.level(waves(t, self.sight.width).to(x.dtype))
        for block in self.blocks[:depth]:
            x = block(x, level)
        return x

    def forward(self, z, t):
        return self.leave(self.norm(self.tokens(z, t)))

    def map(self, tokens):
        return tokens.transpose(2, 3).unflatten(3, self.sight.grid)


FLOOR = 0.05  # noise level below which the weight of the velocity's loss stops to grow


def loss(module, clips):
    """The velocity's squared error at noise levels around the middle, with some near pure noise: samples begin there."""
    x = module.latents(clips)
    t = torch.sigmoid(1.2 * torch.randn(len(x), device=x.device) + 0.2)
    z, _ = module.noisy(x, t)
    with loop.mixed(x.device):
        out = module(z, t)
    error = (out.float() - x).square().mean((1, 2, 3))
    value = (error / t.clamp(min=FLOOR).square()).mean()
    return value, {"velocity": value.item(), "picture": error.mean().item()}


class Batches:
    """Whole windows of each step, without labels; they depend on the step alone."""

    def __init__(self, cfg, clips, count):
        self.cfg, self.clips, self.count = cfg, clips, count

    def __call__(self, step):
        cfg, total = self.cfg, self.clips.meta["frames"]
        rng = np.random.default_rng((cfg.seed, 1, step))
        torch.manual_seed(step)
        picks = rng.choice(self.count, cfg.teacher.batch, replace=self.count < cfg.teacher.batch)
        first = rng.integers(0, total - cfg.frames + 1, len(picks))
        frames = self.clips.pictures(picks, first[:, None] + np.arange(cfg.frames))
        frames = frames.permute(0, 1, 4, 2, 3).float().div_(255)
        flip = torch.as_tensor(rng.random(len(picks)) < 0.5, device=frames.device)
        frames[flip] = frames[flip].flip(-1)
        return frames


def make(sight):
    """An untrained simulator of the kind that is wanted."""
    from .pyramid import Pyramid  # which rests on this module

    return {"transformer": Teacher, "pyramid": Pyramid}[sight.kind](sight)


def train(cfg, clips, count, plan):
    """A teacher trained on the first `count` clips."""
    torch.manual_seed(cfg.seed)
    net = make(cfg.teacher).to(plan.device)
    decay = [p for p in net.parameters() if p.ndim == 2]
    rest = [p for p in net.parameters() if p.ndim != 2]
    opt = torch.optim.AdamW(
        [{"params": decay, "weight_decay": 0.02}, {"params": rest, "weight_decay": 0}], lr=cfg.teacher.rate,
        betas=(0.9, 0.98),
    )
    return loop.Loop(f"teacher-{cfg.teacher.name}", net, [opt], plan).run(Batches(cfg, clips, count), loss)
