"""The last stage: gate, head and, at a lower rate, the encoders, on labelled rooms."""

import numpy as np
import torch

from . import decode, distil, loop, loss, muon

LESSON = 0.5  # weight of the teacher's tokens beside the labels
HELD_OUT = 256  # clips at the end of the shards that only measure


def family(cfg, rng):
    """A question family: the neutral one in four of ten steps."""
    others = len(cfg.families) - 1
    return int(rng.choice(others + 1, p=[0.4] + [0.6 / others] * others))


def judge(cfg, out, batch, family, meta):
    """The loss of what a head said, at full width."""
    return loss.total(cfg, {k: v.float() for k, v in out.items()}, batch, cfg.families[family], meta)


class Batches:
    """The batch and the question family of each step; they depend on the step alone, so a run can be continued.

    Each clip gives two windows, so that a thing can be compared with itself.
    """

    def __init__(self, cfg, clips, count):
        self.cfg, self.clips, self.count = cfg, clips, count

    def __call__(self, step):
        cfg, rng = self.cfg, np.random.default_rng((self.cfg.seed, step))
        torch.manual_seed(step)
        picks = rng.choice(self.count, cfg.clips, replace=False)
        ends = np.stack([rng.permutation(self.clips.meta["frames"])[:2] for _ in picks], 1)
        batch = self.clips.gather(np.concatenate([picks, picks]), np.concatenate([ends[0], ends[1]]), rng)
        return batch, family(cfg, rng), step


class Answers:
    """The loss of one batch for one family of questions; with a lesson, the model is a distil.Pupil and learns that too."""

    def __init__(self, cfg, meta, lesson=None):
        self.cfg, self.meta, self.lesson = cfg, meta, lesson

    def __call__(self, model, item):
        (batch, asked, step), cfg = item, self.cfg
        n, device = len(batch["frames"]), batch["frames"].device
        context = torch.eye(len(cfg.families), device=device)[asked].expand(n, -1)
        with loop.mixed(device):
            out = model(batch["frames"], batch["times"], batch["rays"], context)
        value, parts = judge(cfg, out, batch, asked, self.meta)
        if not self.lesson:
            return value, parts
        some = max(1, n // 4)  # the teacher is the slowest of all networks
        gap, seen = model.gap(out["told"][:some], self.lesson.told(batch["frames"][:some], step))
        return value + LESSON * gap, parts | seen


class Exam:
    """The averaged model on held-out clips: locate accuracy, distance error, calibration of the spreads."""

    def __init__(self, cfg, clips, count):
        self.cfg, self.clips, self.count = cfg, clips, count

    @torch.no_grad()
    def __call__(self, model):
        rows, ratio = [], [[], [], [], []]
        for out, batch in self.held_out(model):
            out, batch = ({k: v.cpu() for k, v in d.items()} for d in (out, batch))  # read one by one
            rows += decode.score(self.cfg, out, batch)
            for r, v in zip(ratio, decode.spread(self.cfg, out, batch)):
                r.append(v)
        o = np.array(rows).reshape(-1, 2)
        scale = [float(torch.quantile(torch.cat(r), 0.95) / 3.84) for r in ratio]
        share = lambda least: round(100 * float((o[:, 0] >= least).mean()), 1) if len(o) else 0.0
        return {
            "acc25": share(0.25), "acc50": share(0.5), "distance": round(float(np.median(o[:, 1])), 4) if len(o) else 1.0,
            "questions": len(o), "spread": [round(s, 3) for s in scale],
        }

    def held_out(self, model):
        rng = np.random.default_rng(0)
        for first in range(self.count, len(self.clips), 32):
            picks = np.arange(first, min(first + 32, len(self.clips)))
            batch = self.clips.gather(picks, np.full(len(picks), 5), rng, augment=False)
            context = torch.eye(len(self.cfg.families), device=batch["rays"].device)[:1].expand(len(picks), -1)
            yield model(batch["frames"], batch["times"], batch["rays"], context), batch


def count(clips):
    """The clips to learn from; the others only measure."""
    return max(len(clips) - HELD_OUT, len(clips) // 2)


def train(cfg, clips, model, plan, name="fuse", encoders=1.0, lesson=None):
    """The averaged model after the plan. Encoders learn at their share of the rate; 0 freezes them.

    A lesson adds the teacher's tokens to what the generative stream learns.
    """
    n = count(clips)
    whole = distil.Pupil(model, lesson.teacher.channels) if lesson else model
    whole = whole.to(plan.device, memory_format=torch.channels_last)
    if lesson:
        distil.fit(whole, distil.Windows(cfg, clips, n), lesson)
    model.frozen = encoders == 0
    parts = [model.stem, model.semantic, model.mixer]
    inner = {id(p) for part in parts for p in part.parameters()}
    opts = muon.both(whole, cfg.rate, skip=inner)
    if encoders > 0:
        for part in parts:
            opts += muon.both(part, cfg.rate * encoders)
    run = loop.Loop(name, whole, opts, plan)
    mean = run.run(Batches(cfg, clips, n), Answers(cfg, clips.meta, lesson), Exam(cfg, clips, n))
    return mean.model if lesson else mean, run
