"""Sizes and recipes of the bundles that this folder trains."""

import dataclasses
import math

FAMILIES = ["observe", "locate", "count", "measure", "relate", "describe"]
FUSIONS = ["gated", "residual", "semantic", "generative", "add", "concat", "noise"]


@dataclasses.dataclass(frozen=True)
class Sight:
    """A teacher: the clip that it sees and the size of its transformer."""

    name: str
    width: int
    depth: int
    heads: int
    image: tuple  # height, width; frames are shrunk to it
    patch: int = 8
    batch: int = 16
    steps: int = 3000
    rate: float = 5e-4
    kind: str = "transformer"  # or pyramid: convolutions, for a CPU

    @property
    def grid(self):
        return self.image[0] // self.patch, self.image[1] // self.patch


@dataclasses.dataclass(frozen=True)
class Config:
    name: str
    rooms: int  # training rooms, one clip of eight frames each
    steps: int  # of the last stage
    clips: int  # clips a step; each gives two windows of `frames` frames
    widths: tuple
    geometry: int  # channels of video_stem
    meaning: int  # channels of semantic_encoder
    generative: int  # channels of video_mixer
    width: int  # channels of spatial_head
    teacher: Sight
    distil_steps: int
    contrast_steps: int
    control_steps: int  # of each control
    control_pairs: int  # clips whose tokens the controls learn from
    embed: int = 16
    words: int = 64  # channels of word embeddings
    frames: int = 4
    image: tuple = (120, 160)
    stride: int = 8
    hfov: float = math.radians(70)
    dt: float = 0.25
    rate: float = 2e-3
    seed: int = 1
    fusion: str = "gated"
    families: tuple = tuple(FAMILIES)

    @property
    def grid(self):
        return self.image[0] // self.stride, self.image[1] // self.stride

    @property
    def focal(self):
        return self.image[1] / 2 / math.tan(self.hfov / 2)


TEACHERS = {
    "smoke": Sight("smoke", width=32, depth=4, heads=2, image=(72, 96), batch=2, steps=2, kind="pyramid"),
    "small": Sight("small", width=96, depth=8, heads=3, image=(72, 96), patch=4, batch=8, steps=5000, rate=1e-3,
                   kind="pyramid"),
    "medium": Sight("medium", width=160, depth=10, heads=5, image=(72, 96), patch=4, batch=8, steps=5000, rate=1e-3,
                    kind="pyramid"),
    "large": Sight("large", width=512, depth=10, heads=8, image=(120, 160), batch=64, steps=40000, rate=3e-4),
}

NANO = Config(
    name="nano", rooms=16000, steps=5000, clips=16, widths=(24, 48, 96), geometry=64, meaning=64, generative=96,
    width=96, teacher=TEACHERS["small"], distil_steps=1500, contrast_steps=800,
    control_steps=1200, control_pairs=6000,
)
EDGE = Config(
    name="edge", rooms=48000, steps=40000, clips=64, widths=(32, 64, 128), geometry=96, meaning=96, generative=128,
    width=128, teacher=TEACHERS["large"], distil_steps=8000, contrast_steps=4000, control_steps=4000,
    control_pairs=24000, frames=8,
)
SMOKE = Config(
    name="smoke", rooms=64, steps=4, clips=4, widths=(16, 16, 16), geometry=16, meaning=16, generative=16, width=16,
    teacher=TEACHERS["smoke"], distil_steps=2, contrast_steps=2,
    control_steps=2, control_pairs=8,
)
BUNDLES = {c.name: c for c in (NANO, EDGE, SMOKE)}
