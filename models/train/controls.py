"""Other ways to fuse, as controls: heads that read the tokens of one model's encoders.

The encoders are frozen and their tokens are computed once, so that a head takes minutes. Every head begins at random, sees
the same windows, and differs from the others in its fusion and its seed alone.
"""

import copy
import dataclasses

import numpy as np
import torch
from torch import nn

from . import fuse, loop, muon
from .net import Head, noise

FRESH = 2 * 10**6  # steps beyond those of every other stage, whose windows the tokens are of


class Tokens:
    """What a model's encoders make of windows of the clips: fields [2,N,...], two windows of each clip."""

    def __init__(self, cfg, clips, model, count, pairs):
        windows, kept = fuse.Batches(cfg, clips, count), []
        model = model.to(clips.device).eval()
        for step in range(max(1, pairs // cfg.clips)):
            batch = windows(FRESH + step)[0]
            frames, times = batch.pop("frames"), batch.pop("times")
            with torch.no_grad(), loop.mixed(frames.device):
                batch["generative"] = model.generative(frames, times).half()
                batch["semantic"] = model.semantic(frames[:, -1]).half()
            kept.append({k: v.unflatten(0, (2, -1)) for k, v in batch.items()})
        self.fields = {k: torch.cat([b[k] for b in kept], 1) for k in kept[0]}

    def __len__(self):
        return self.fields["rays"].shape[1]


class Batches:
    """The tokens and the question family of each step; they depend on the seed and the step alone."""

    def __init__(self, cfg, tokens):
        self.cfg, self.tokens = cfg, tokens

    def __call__(self, step):
        cfg, rng = self.cfg, np.random.default_rng((self.cfg.seed, 4, step))
        torch.manual_seed(step)
        picks = torch.as_tensor(rng.choice(len(self.tokens), min(cfg.clips, len(self.tokens)), replace=False))
        batch = {k: v[:, picks.to(v.device)].flatten(0, 1) for k, v in self.tokens.fields.items()}
        return batch, fuse.family(cfg, rng), step


class Reader(nn.Module):
    """A head that reads tokens."""

    def __init__(self, cfg, labels, colors):
        super().__init__()
        self.cfg, self.head = cfg, Head(cfg, labels, colors)

    def forward(self, generative, semantic, rays, context):
        if self.cfg.fusion == "noise":
            generative = noise(generative)
        return self.head(generative, semantic, rays, context)


def train(cfg, meta, tokens, plan, name):
    """A trained head."""
    torch.manual_seed(cfg.seed)
    reader = Reader(cfg, len(meta["labels"]), len(meta["colors"])).to(plan.device, memory_format=torch.channels_last)
    run = loop.Loop(name, reader, muon.both(reader, cfg.rate), plan)

    def answers(model, item):
        batch, family, _ = item
        context = torch.eye(len(cfg.families), device=batch["rays"].device)[family].expand(len(batch["rays"]), -1)
        with loop.mixed(batch["rays"].device):
            out = model(batch["generative"].float(), batch["semantic"].float(), batch["rays"], context)
        return fuse.judge(cfg, out, batch, family, meta)

    return run.run(Batches(cfg, tokens), answers).head


def all_ways(cfg, clips, model, count, plan, fusions, seeds):
    """Every way to fuse with every seed: yields (fusion, seed, its recipe, the model with that head)."""
    tokens = Tokens(cfg, clips, model, count, cfg.control_pairs)
    for fusion in fusions:
        for seed in range(seeds):
            mine = dataclasses.replace(cfg, fusion=fusion, seed=cfg.seed + seed)
            whole = copy.deepcopy(model)
            whole.cfg, whole.head = mine, train(mine, clips.meta, tokens, plan, f"control-{fusion}-{seed}")
            yield fusion, seed, mine, whole
