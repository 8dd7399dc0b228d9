"""Sizes and recipes of the bundles that this folder trains."""

import dataclasses
import math

FAMILIES = ["observe", "locate", "count", "measure", "relate", "describe"]


@dataclasses.dataclass(frozen=True)
class Config:
    name: str
    rooms: int  # training rooms, one clip of eight frames each
    steps: int
    clips: int  # clips a step; each gives two windows of `frames` frames
    widths: tuple
    geometry: int  # channels of video_stem
    meaning: int  # channels of semantic_encoder
    generative: int  # channels of video_mixer
    width: int  # channels of spatial_head
    embed: int = 16
    frames: int = 4
    image: tuple = (120, 160)
    stride: int = 8
    hfov: float = math.radians(70)
    dt: float = 0.25
    rate: float = 2e-3
    seed: int = 1
    families: tuple = tuple(FAMILIES)

    @property
    def grid(self):
        return self.image[0] // self.stride, self.image[1] // self.stride

    @property
    def focal(self):
        return self.image[1] / 2 / math.tan(self.hfov / 2)


NANO = Config(
    name="nano", rooms=16000, steps=5000, clips=16, widths=(24, 48, 96), geometry=64, meaning=64, generative=96, width=96
)
SMOKE = Config(
    name="smoke", rooms=64, steps=4, clips=4, widths=(8, 16, 16), geometry=16, meaning=16, generative=16, width=16
)
