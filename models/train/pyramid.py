"""The latent world simulator for a CPU: flow matching over clips by a pyramid of convolutions, trained on pictures alone.

What it learns is what teacher.Teacher learns, from the same loss. A transformer has to find out that neighbours belong
together, which takes more clips than a CPU shows it in an hour; convolutions are told. Two resolutions, with attention
over the whole clip at the coarser one, and along time everywhere: each block also sees the frames before and after.

The rows of layers are the blocks: `fine` ones, `coarse` ones, and the fine ones of the way back, which also get what the
first left. All have the same width, so that a student's projector fits any.
"""

import torch
import torch.nn.functional as F
from torch import nn

from .teacher import Flow, attend, waves


class Block(nn.Module):
    """[B,T,C,h,w] plus two 3x3 convolutions and a mix of three frames, all steered by the noise level [B,C]."""

    def __init__(self, width, heads=0):
        super().__init__()
        self.norms = nn.ModuleList(nn.GroupNorm(8, width) for _ in range(2))
        self.first, self.second = nn.Conv2d(width, width, 3, 1, 1), nn.Conv2d(width, width, 3, 1, 1)
        self.steer = nn.Linear(width, 2 * width)
        self.frames = nn.Conv2d(3 * width, width, 1)
        self.attention = Attention(width, heads) if heads else None
        for closed in (self.second, self.frames):  # a block begins as nothing
            nn.init.zeros_(closed.weight)
            nn.init.zeros_(closed.bias)

    def forward(self, x, level):
        b, t = x.shape[:2]
        shift, scale = self.steer(level)[:, None, :, None, None].expand(-1, t, -1, 1, 1).flatten(0, 1).chunk(2, 1)
        y = self.first(F.silu(self.norms[0](x.flatten(0, 1))))
        y = self.second(F.silu(self.norms[1](y) * (1 + scale) + shift))
        x = x + y.unflatten(0, (b, t))
        x = x + self.frames(beside(x).flatten(0, 1)).unflatten(0, (b, t))
        return self.attention(x) if self.attention else x


def beside(x):
    """[B,T,3C,h,w]: each frame between the one before and the one after; the ends stand beside themselves."""
    before, after = torch.cat([x[:, :1], x[:, :-1]], 1), torch.cat([x[:, 1:], x[:, -1:]], 1)
    return torch.cat([before, x, after], 2)


class Attention(nn.Module):
    """Every place of every frame looks at all others."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.norm = heads, nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x):
        b, t, c, h, w = x.shape
        tokens = x.permute(0, 1, 3, 4, 2).reshape(b, t * h * w, c)
        q, k, v = self.qkv(self.norm(tokens)).reshape(b, t * h * w, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = self.out(attend(q, k, v).transpose(1, 2).reshape(b, t * h * w, c))
        return x + mixed.reshape(b, t, h, w, c).permute(0, 1, 4, 2, 3)


class Pyramid(Flow):
    """Clips [B,T,3,H,W] with values 0..1; T may differ from call to call up to `longest`."""

    def __init__(self, sight, longest=8):
        super().__init__(sight)
        h, w = sight.grid
        size, c = 3 * sight.patch**2, sight.width
        ends = max(1, sight.depth // 4)
        self.enter, self.leave = nn.Conv2d(size, c, 3, 1, 1), nn.Conv2d(c, size, 3, 1, 1)
        self.place = nn.Parameter(0.02 * torch.randn(1, 1, c, h, w))
        self.moment = nn.Parameter(0.02 * torch.randn(1, longest, c, 1, 1))
        self.level = nn.Sequential(nn.Linear(c, c), nn.SiLU(), nn.Linear(c, c), nn.SiLU())
        self.fine = nn.ModuleList(Block(c) for _ in range(ends))
        self.down, self.up = nn.Conv2d(c, c, 2, 2), nn.Conv2d(c, c, 1)
        self.coarse = nn.ModuleList(Block(c, sight.heads if i % 2 else 0) for i in range(sight.depth - 2 * ends))
        self.join = nn.Conv2d(2 * c, c, 1)
        self.back = nn.ModuleList(Block(c) for _ in range(ends))
        self.norm = nn.GroupNorm(8, c)

    def each(self, layer, x):
        """A plain layer on every frame."""
        return layer(x.flatten(0, 1)).unflatten(0, x.shape[:2])

    def tokens(self, z, t, depth=None):
        """The tokens [B,T,C,h,w] after `depth` blocks, all when None; those of the coarse blocks have half of h and w."""
        depth = self.layers if depth is None else depth
        grid = z.transpose(2, 3).unflatten(3, self.sight.grid)
        level = self.level(waves(t, self.sight.width).to(z.dtype))
        x = self.each(self.enter, grid) + self.place + self.moment[:, : z.shape[1]]
        for block in self.fine[:depth]:
            x = block(x, level)
        left, depth = x, depth - len(self.fine)
        if depth <= 0:
            return x
        x = self.each(self.down, x)
        for block in self.coarse[:depth]:
            x = block(x, level)
        depth -= len(self.coarse)
        if depth <= 0:
            return x
        x = self.each(self.up, x).flatten(0, 1)
        x = F.interpolate(x, self.sight.grid, mode="nearest").unflatten(0, left.shape[:2])
        x = self.each(self.join, torch.cat([x, left], 2))
        for block in self.back[:depth]:
            x = block(x, level)
        return x

    def forward(self, z, t):
        """The clean latents that z at noise level t [B] came from."""
        x = self.each(self.norm, self.tokens(z, t))
        return self.each(self.leave, F.silu(x)).flatten(3).transpose(2, 3)

    def map(self, tokens):
        return tokens
