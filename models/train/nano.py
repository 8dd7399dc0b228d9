"""Trains a bundle from roomgen shards on a CPU: python -m train.nano [--data DIR] [--out DIR] [--smoke]."""

import argparse
import copy
import dataclasses
import itertools
import json
import math
import pathlib
import subprocess
import time

import numpy as np
import torch

from . import decode, export, loss, muon
from .config import NANO, SMOKE
from .data import Clips
from .net import Model

HELD_OUT = 256  # clips at the end of the shards that only measure


def arguments():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--data", default="../build/data/train", help="folder of shards; rendered when missing")
    p.add_argument("--work", default="../build/train-nano", help="folder for checkpoints and the log")
    p.add_argument("--out", default="bundles/nano", help="folder of the bundle")
    p.add_argument("--roomgen", default="../bin/roomgen")
    p.add_argument("--smoke", action="store_true", help="a tiny run that shows that every stage works")
    p.add_argument("--steps", type=int, help="instead of the recipe's")
    p.add_argument("--minutes", type=float, help="stop the schedule after this time; the rate still falls to zero")
    return p.parse_args()


def render(cfg, a):
    """Calls roomgen; finished shards are kept."""
    subprocess.run([a.roomgen, "-out", a.data, "-first", "0", "-rooms", str(cfg.rooms)], check=True)


def rate(cfg, share):
    """One cycle: a short warm-up, then a cosine to zero."""
    return cfg.rate * min(share / 0.03, 0.5 * (1 + math.cos(math.pi * share)))


class Batches(torch.utils.data.Dataset):
    """The batch and the question family of each step; they depend on the step alone, so a run can be continued."""

    def __init__(self, cfg, clips, count):
        self.cfg, self.clips, self.count = cfg, clips, count

    def __getitem__(self, step):
        cfg, rng = self.cfg, np.random.default_rng((self.cfg.seed, step))
        torch.manual_seed(step)
        picks = rng.choice(self.count, cfg.clips, replace=False)
        ends = np.stack([rng.permutation(self.clips.meta["frames"])[:2] for _ in picks], 1)
        batch = self.clips.gather(np.concatenate([picks, picks]), np.concatenate([ends[0], ends[1]]), rng)
        others = len(cfg.families) - 1
        return batch, int(rng.choice(others + 1, p=[0.4] + [0.6 / others] * others))


class Trainer:
    """The state of one training run: model, averaged model, optimiser, step and time so far."""

    def __init__(self, cfg, a, clips):
        torch.manual_seed(cfg.seed)
        self.cfg, self.a, self.clips = cfg, a, clips
        self.labels, self.colors = clips.meta["labels"], clips.meta["colors"]
        self.model = Model(cfg, len(self.labels), len(self.colors)).to(memory_format=torch.channels_last)
        self.mean = copy.deepcopy(self.model).eval()
        self.opts = muon.both(self.model, cfg.rate)
        self.step, self.spent = 0, 0.0
        self.count = max(len(clips) - HELD_OUT, len(clips) // 2)
        self.work = pathlib.Path(a.work)
        self.work.mkdir(parents=True, exist_ok=True)
        if (self.work / "last.pt").exists() and not a.smoke:
            self.resume()

    def resume(self):
        s = torch.load(self.work / "last.pt", weights_only=False)
        self.model.load_state_dict(s["model"])
        self.mean.load_state_dict(s["mean"])
        for opt, state in zip(self.opts, s["opts"]):
            opt.load_state_dict(state)
        self.step, self.spent = s["step"], s["spent"]
        print(f"continuing at step {self.step}")

    def save(self):
        opts = [opt.state_dict() for opt in self.opts]
        state = {"model": self.model.state_dict(), "mean": self.mean.state_dict(), "opts": opts}
        torch.save(state | {"step": self.step, "spent": self.spent}, self.work / "part.pt")
        (self.work / "part.pt").rename(self.work / "last.pt")

    def share(self):
        """How much of the schedule is behind us, 0..1."""
        if self.a.minutes:
            return self.spent / 60 / self.a.minutes
        return self.step / (self.a.steps or self.cfg.steps)

    def run(self):
        log = (self.work / "log.jsonl").open("a")
        coming = iter(torch.utils.data.DataLoader(
            Batches(self.cfg, self.clips, self.count), sampler=itertools.count(self.step), batch_size=None, num_workers=1,
            prefetch_factor=2,
        ))
        while self.share() < 1:
            start = time.monotonic()
            parts = self.one(*next(coming))
            self.spent += time.monotonic() - start
            self.step += 1
            if self.step % 50 == 0 or self.a.smoke:
                print(f"{self.step} {self.spent / 60:.1f} min", {k: round(v, 3) for k, v in parts.items()}, flush=True)
                log.write(json.dumps({"step": self.step, "minutes": self.spent / 60} | parts) + "\n")
                log.flush()
            if self.step % 500 == 0:
                self.save()
                print(self.step, self.validate(), flush=True)
        self.save()

    def one(self, batch, family):
        cfg = self.cfg
        context = torch.nn.functional.one_hot(torch.full((2 * cfg.clips,), family), len(cfg.families)).float()
        for opt in self.opts:
            opt.zero_grad(set_to_none=True)
            opt.param_groups[0]["lr"] = rate(cfg, self.share())
        self.model.train()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            out = self.model(batch["frames"], batch["times"], batch["rays"], context)
        out = {k: v.float() for k, v in out.items()}
        value, parts = loss.total(cfg, out, batch, cfg.families[family], len(self.labels))
        value.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        for opt in self.opts:
            opt.step()
        self.average()
        return parts

    @torch.no_grad()
    def average(self):
        keep = min(0.998, (1 + self.step) / (10 + self.step))
        for m, p in zip(self.mean.state_dict().values(), self.model.state_dict().values()):
            if m.dtype.is_floating_point:
                m.lerp_(p, 1 - keep)
            else:
                m.copy_(p)

    @torch.no_grad()
    def validate(self):
        """The averaged model on held-out clips: locate accuracy, distance error, calibration of the spreads."""
        rows, ratio = [], [[], [], [], []]
        for out, batch in self.held_out():
            rows += decode.score(self.cfg, out, batch)
            for r, v in zip(ratio, decode.spread(self.cfg, out, batch)):
                r.append(v)
        o = np.array(rows).reshape(-1, 2)
        scale = [float(torch.quantile(torch.cat(r), 0.95) / 3.84) for r in ratio]
        return {
            "acc25": round(100 * float((o[:, 0] >= 0.25).mean()), 1), "acc50": round(100 * float((o[:, 0] >= 0.5).mean()), 1),
            "distance": round(float(np.median(o[:, 1])), 4), "questions": len(o), "spread": [round(s, 3) for s in scale],
        }

    def held_out(self):
        rng = np.random.default_rng(0)
        for first in range(self.count, len(self.clips), 32):
            picks = np.arange(first, min(first + 32, len(self.clips)))
            batch = self.clips.gather(picks, np.full(len(picks), 5), rng, augment=False)
            context = torch.eye(len(self.cfg.families))[:1].expand(len(picks), -1)
            yield self.mean(batch["frames"], batch["times"], batch["rays"], context), batch


def main():
    torch.set_flush_denormal(True)  # gradients far from any peak fade into denormals, which are a hundred times slower
    a = arguments()
    cfg = SMOKE if a.smoke else NANO
    began = time.monotonic()
    render(cfg, a)
    clips = Clips(cfg, a.data)
    print(f"{len(clips)} clips after {time.monotonic() - began:.0f} s")
    t = Trainer(cfg, a, clips)
    t.run()
    metrics = t.validate()
    print(metrics)
    export.bundle(t, dataclasses.replace(cfg), a.out, metrics)


if __name__ == "__main__":
    main()
