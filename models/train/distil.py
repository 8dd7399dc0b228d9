"""The student: video_stem and video_mixer learn the teacher's inner tokens from clean pictures.

The teacher sees the clip with noise, as it was trained; its tokens are averaged over several draws of the noise, because
one draw is no function of the scene. The student sees the clean clip once. Loss: cosine after centring and scaling each
channel, through a projector that is thrown away (CleanDIFT, Stracke et al. 2024; 3DRS, Huang et al. 2025).
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from . import loop, muon
from .net import Model
from .probe import resized


class Student(nn.Module):
    """A model whose generative tokens [B,Cv,h,w] are read as the teacher's [B,C,h,w] of the newest frame."""

    def __init__(self, model, channels):
        super().__init__()
        self.model = model
        width = max(channels, 128)
        self.project = nn.Sequential(nn.Conv2d(model.cfg.generative, width, 1), nn.GELU(), nn.Conv2d(width, channels, 1))
        self.register_buffer("mean", torch.zeros(1, channels, 1, 1))
        self.register_buffer("scale", torch.ones(1, channels, 1, 1))

    def forward(self, frames, times):
        return self.project(self.model.generative(frames, times))

    def gap(self, said, told):
        """1 - cosine between what the projector says and the teacher's tokens, both [n,C,h,w], and the cosine itself."""
        cosine = F.cosine_similarity(said.float(), (told - self.mean) * self.scale, dim=1).mean()
        return 1 - cosine, {"cosine": cosine.detach()}

    def fit(self, targets):
        """Takes the teacher's channel means and spreads from targets [n,C,h,w]."""
        self.mean.copy_(targets.mean((0, 2, 3), keepdim=True))
        self.scale.copy_(1 / (targets.std((0, 2, 3), keepdim=True) + 1e-4))


class Pupil(Student):
    """A student that learns its labels in the same step: forward gives what the model says, and `told`, the tokens as read."""

    def forward(self, frames, times, rays, context):
        out = self.model(frames, times, rays, context)
        return out | {"told": self.project(out["generative"])}


class Windows:
    """Clean windows of each step."""

    def __init__(self, cfg, clips, count):
        self.cfg, self.clips, self.count = cfg, clips, count

    def __call__(self, step):
        cfg = self.cfg
        rng = np.random.default_rng((cfg.seed, 2, step))
        picks = rng.choice(self.count, 2 * cfg.clips, replace=self.count < 2 * cfg.clips)
        ends = rng.integers(cfg.frames - 1, self.clips.meta["frames"], len(picks))
        batch = self.clips.gather(picks, ends, rng)
        return batch["frames"], batch["times"], step


class Lesson:
    """What the teacher says of the newest frame of a window, and how far the student is from it."""

    def __init__(self, cfg, teacher, place, draws=4):
        self.cfg, self.teacher, self.draws = cfg, teacher, draws
        self.layer, self.noise = place

    @torch.no_grad()
    def told(self, frames, step):
        """The tokens [B,C,h,w], averaged over draws of the noise."""
        generator = torch.Generator(frames.device).manual_seed(step)
        if getattr(self.teacher, "per_frame", False):
            frames = frames[:, -1:]
        with loop.mixed(frames.device):
            draws = [self.teacher.features(frames, self.layer, self.noise, generator)[:, -1:] for _ in range(self.draws)]
        return resized(self.cfg, sum(d.float() for d in draws) / self.draws)[:, 0]

    def __call__(self, student, window):
        frames, times, step = window
        told = self.told(frames, step)
        with loop.mixed(frames.device):
            said = student(frames, times)
        return student.gap(said, told)


FITTING = 10**6  # windows beyond every schedule: they give the teacher's channel means


def fit(student, windows, lesson):
    """Measures the teacher's channels on windows that no step uses."""
    samples = (windows(FITTING + i) for i in range(4))
    student.fit(torch.cat([lesson.told(frames, step) for frames, _, step in samples]))


def train(cfg, clips, count, teacher, place, plan):
    """A model whose stem and mixer hold the student; place is the teacher's (layer, noise level)."""
    torch.manual_seed(cfg.seed)
    model = Model(cfg, len(clips.meta["labels"]), len(clips.meta["colors"]))
    student = Student(model, teacher.channels).to(plan.device, memory_format=torch.channels_last)
    windows, lesson = Windows(cfg, clips, count), Lesson(cfg, teacher, place)
    fit(student, windows, lesson)
    return loop.Loop("student", student, muon.both(student, cfg.rate), plan).run(windows, lesson).model
