"""The semantic encoder: regions of pictures against phrases, "big red chair" and parts of it.

Words are the labels, the colours and three sizes; each has an embedding, a phrase is their sum. A region and a phrase
match when every word is true of the region (a pairwise sigmoid loss after Zhai et al. 2023). The table of words ships
with the bundle.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from . import loop, muon
from .net import Encoder

SIZES = ["small", "medium", "big"]


def vocabulary(meta):
    """All words in the order of the table."""
    return [*meta["labels"], *meta["colors"], *SIZES]


class Contrast(nn.Module):
    """The encoder, the table of words, and the map of its tokens [B,Cs,h,w] into the words' space."""

    def __init__(self, cfg, words):
        super().__init__()
        self.encoder = Encoder(cfg.widths, cfg.meaning)
        self.words = nn.Parameter(torch.randn(words, cfg.words))
        self.look = nn.Conv2d(cfg.meaning, cfg.words, 1)
        self.scale, self.bias = nn.Parameter(torch.tensor(math.log(10.0))), nn.Parameter(torch.tensor(-6.0))

    def forward(self, image):
        return self.look(self.encoder(image))

    def regions(self, image, cells):
        """Unit vectors [B,M,C] of things, from the cells [B,M,K] that they cover (-1 for none)."""
        tokens = self(image).float().flatten(2).transpose(1, 2)
        mask = (cells >= 0).float()
        b, m, k = cells.shape
        found = tokens.gather(1, cells.clamp(min=0).reshape(b, m * k, 1).expand(-1, -1, tokens.shape[2]))
        found = (found.reshape(b, m, k, -1) * mask[..., None]).sum(2) / mask.sum(2, keepdim=True).clamp(min=1)
        return F.normalize(found, dim=-1)

    def phrases(self, chosen):
        """Unit vectors [P,C] of phrases given as sets of words [P,V], ones and zeros."""
        return F.normalize(chosen @ self.words, dim=-1)


def sizes(clips):
    """The volumes that part each label's things into thirds: [L,2]."""
    rows = clips.things.reshape(-1, 12)
    rows = rows[rows[:, 0] > 0]
    out = torch.full((len(clips.meta["labels"]), 2), math.inf, device=rows.device)
    for i in range(len(out)):
        volume = rows[rows[:, 1] == i, 6:9].prod(1)
        if len(volume) > 2:
            out[i] = torch.quantile(volume[:100000], torch.tensor([1 / 3, 2 / 3], device=rows.device))
    return out


def truth(meta, things, thirds):
    """Which words are true of each thing: [B,M,V]."""
    label, color = things[..., 1].long(), things[..., 2].long()
    size = (things[..., 6:9].prod(-1)[..., None] > thirds[label]).sum(-1)
    parts = [(label, len(meta["labels"])), (color, len(meta["colors"])), (size, len(SIZES))]
    return torch.cat([F.one_hot(x.clamp(0, n - 1), n) for x, n in parts], -1).float()


class Pairs:
    """Pictures and their things for each step."""

    def __init__(self, cfg, clips, count):
        self.cfg, self.clips, self.count = cfg, clips, count

    def __call__(self, step):
        cfg = self.cfg
        rng = np.random.default_rng((cfg.seed, 3, step))
        n = 2 * cfg.clips
        picks = rng.choice(self.count, n, replace=self.count < n)
        batch = self.clips.gather(picks, rng.integers(0, self.clips.meta["frames"], n), rng)
        return batch["frames"][:, -1], batch["cells"], batch["things"], step


class Match:
    """The loss: does a phrase fit a region?"""

    def __init__(self, meta, thirds):
        self.meta, self.thirds = meta, thirds

    def __call__(self, module, pair):
        image, cells, things, step = pair
        seen = (cells[..., 0] >= 0) & (things[..., 0] > 0)
        words = truth(self.meta, things, self.thirds)[seen]
        with loop.mixed(image.device):
            regions = module.regions(image, cells)[seen]
        # Each region gives one phrase of a random part of its words; it then fits every region of which they are true.
        generator = torch.Generator().manual_seed(step)
        kinds = torch.tensor([len(self.meta["labels"]), len(self.meta["colors"]), len(SIZES)])
        said = torch.rand(len(words), 3, generator=generator) < torch.tensor([0.8, 0.5, 0.3])
        said = said.repeat_interleave(kinds, 1)
        chosen = torch.unique(words * said.to(words), dim=0)
        chosen = chosen[chosen.sum(1) > 0]
        fits = (words @ chosen.T == chosen.sum(1)).float() * 2 - 1
        logits = regions @ module.phrases(chosen).T * module.scale.exp() + module.bias
        value = -F.logsigmoid(fits * logits).sum() / max(len(words), 1)
        right = (regions @ module.phrases(torch.eye(words.shape[1], device=words.device)[: kinds[0]]).T).argmax(1)
        hit = (right == words[:, : kinds[0]].argmax(1)).float().mean() if len(words) else torch.zeros(())
        return value, {"match": value.detach(), "label": hit}


def train(cfg, clips, count, plan):
    """The trained module: encoder and table of words."""
    torch.manual_seed(cfg.seed)
    net = Contrast(cfg, len(vocabulary(clips.meta))).to(plan.device, memory_format=torch.channels_last)
    match = Match(clips.meta, sizes(clips))
    return loop.Loop("contrast", net, muon.both(net, cfg.rate), plan).run(Pairs(cfg, clips, count), match)
