"""Shards of roomgen as batches of windows with targets on the token grid."""

import dataclasses
import json
import pathlib

import numpy as np
import torch

CELLS = 5  # cells of one thing that learn its box
VISIBLE = 12  # pixels below which a thing is not asked for
SHARE = 0.15  # and the part of it that must not be hidden


def rays(cfg, height, pitch):
    """[n,4,h,w]: unit ray in the levelled camera frame (forward, left, up) and 1/m to the floor, for each cell."""
    h, w = cfg.grid
    v, u = np.meshgrid((np.arange(h) + 0.5) * cfg.stride, (np.arange(w) + 0.5) * cfg.stride, indexing="ij")
    a, b = (u - cfg.image[1] / 2) / cfg.focal, (v - cfg.image[0] / 2) / cfg.focal
    c, s = np.cos(pitch)[:, None, None], np.sin(pitch)[:, None, None]
    x, y, z = c - b * s, np.broadcast_to(-a, (len(height), h, w)), -s - b * c
    n = np.sqrt(x * x + y * y + z * z)
    x, y, z = x / n, y / n, z / n
    floor = np.maximum(-z, 0) / height[:, None, None]
    return np.stack([x, y, z, floor], 1).astype(np.float32)


@dataclasses.dataclass
class Shard:
    """The arrays of one shard; rgb stays on disk."""

    rgb: np.ndarray
    cells: np.ndarray  # [N,T,M,CELLS] grid cells that a thing covers, best first, -1 for none
    geo: np.ndarray  # [N,T,M,5] u, v of the centre (pixels), ln distance, yaw from the camera's heading, sigma of the peak
    things: np.ndarray  # [N,M,12] as roomgen writes them
    depth: np.ndarray  # [N,T,h,w] ln metres
    kind: np.ndarray  # [N,T,h,w] label + 1 at the cell's middle, 0 for the room
    pose: np.ndarray
    room: np.ndarray


def peaks(cfg, inst, shown):
    """The cells near the middle of what is visible of each shown thing, and the width of its peak."""
    h, w = cfg.grid
    k = inst.shape[2] // h
    n, t, m = np.nonzero(shown)
    blocks = inst.reshape(*inst.shape[:2], h, k, w, k).transpose(0, 1, 2, 4, 3, 5).reshape(*inst.shape[:2], h * w, k * k)
    share = (blocks[n, t] == (m + 1)[:, None, None]).sum(-1, dtype=np.uint8)  # samples of each cell that show the thing
    yy, xx = np.divmod(np.arange(h * w, dtype=np.float32), w)
    total = share.sum(-1, dtype=np.float32)
    safe = np.maximum(total, 1)
    dist = np.hypot(yy - (share @ yy / safe)[:, None], xx - (share @ xx / safe)[:, None])
    score = np.where(share > 0, 0.5 * share - dist, -1e9).astype(np.float32)
    order = np.argsort(-score, -1)[:, :CELLS]
    far = np.take_along_axis(dist, order, -1)
    keep = (np.take_along_axis(share, order, -1) >= 0.75 * k * k) & (np.abs(far - far[:, :1]) <= 1.6)
    keep[:, 0] = total > 0
    cells = np.full((*shown.shape, CELLS), -1, np.int16)
    cells[n, t, m] = np.where(keep, order, -1)
    sigma = np.full(shown.shape, 1, np.float32)
    sigma[n, t, m] = np.clip(0.3 * np.sqrt(total / (k * k)), 0.55, 1.8)
    return cells, sigma


def geometry(cfg, things, pose):
    """Where the centre of each thing shows and how far it is: u, v, ln distance, yaw."""
    d = things[:, None, :, 3:6] - np.concatenate([pose[:, :, :2], pose[:, :, 3:4]], -1)[:, :, None]
    yaw, pitch, roll = pose[:, :, None, 2], pose[:, :, None, 4], pose[:, :, None, 5]
    x, y = np.cos(yaw) * d[..., 0] + np.sin(yaw) * d[..., 1], np.cos(yaw) * d[..., 1] - np.sin(yaw) * d[..., 0]
    z = d[..., 2]
    fwd, down = np.cos(pitch) * x - np.sin(pitch) * z, -np.sin(pitch) * x - np.cos(pitch) * z
    right = -y
    right, down = np.cos(roll) * right + np.sin(roll) * down, np.cos(roll) * down - np.sin(roll) * right
    fwd = np.maximum(fwd, 0.15)
    u, v = cfg.image[1] / 2 + cfg.focal * right / fwd, cfg.image[0] / 2 + cfg.focal * down / fwd
    dist = np.log(np.maximum(np.sqrt((d * d).sum(-1)), 0.1))
    turn = things[:, None, :, 9] - yaw
    return np.stack([np.clip(u, -160, 320), np.clip(v, -160, 320), dist, turn], -1)


def load(cfg, folder):
    """Reads one shard and builds its targets."""
    read = lambda name, **kw: np.load(folder / f"{name}.npy", **kw)
    inst, things, pose, seen = read("instance"), read("objects"), read("pose"), read("visible")
    shown = (seen[..., 0] >= VISIBLE) & (seen[..., 0] >= SHARE * seen[..., 1]) & (things[:, None, :, 0] > 0)
    cells, sigma = peaks(cfg, inst, shown)
    geo = np.concatenate([geometry(cfg, things, pose), sigma[..., None]], -1).astype(np.float32)
    h, w = cfg.grid
    k = inst.shape[2] // h
    mm = np.log(np.maximum(read("depth").astype(np.float32) / 1000, 0.05))
    depth = mm.reshape(*mm.shape[:2], h, k, w, k).mean((3, 5))
    label = np.concatenate([np.zeros((len(things), 1)), things[:, :, 1] + 1], 1).astype(np.uint8)
    middle = inst[:, :, k // 2 :: k, k // 2 :: k]
    kind = label[np.arange(len(things))[:, None, None, None], middle]
    return Shard(read("rgb", mmap_mode="r"), cells, geo, things, depth.astype(np.float16), kind, pose, read("room"))


class Clips:
    """All shards of a folder as one indexable set of clips."""

    def __init__(self, cfg, folder, limit=None):
        folder = pathlib.Path(folder)
        self.cfg, self.meta = cfg, json.loads((folder / "meta.json").read_text())
        self.shards = [load(cfg, f) for f in sorted(folder.glob("shard-?????"))[:limit]]
        self.at = [(s, i) for s, shard in enumerate(self.shards) for i in range(len(shard.room))]

    def __len__(self):
        return len(self.at)

    def gather(self, picks, ends, rng, augment=True):
        """Windows ending at frame ends[i] of clip picks[i], as a dict of tensors with a leading batch dimension."""
        cfg, t = self.cfg, self.cfg.frames
        out = {k: [] for k in ("rgb", "cells", "geo", "things", "depth", "kind", "pose", "before", "room", "times")}
        for pick, end in zip(picks, ends):
            s, i = self.at[pick]
            shard = self.shards[s]
            order = window(rng, end, t, augment)
            out["rgb"].append(shard.rgb[i][order])
            for k in ("cells", "geo", "depth", "kind", "pose"):
                out[k].append(getattr(shard, k)[i, end])
            out["before"].append(shard.pose[i, order[-2]])
            out["things"].append(shard.things[i])
            out["room"].append(shard.room[i])
            out["times"].append([(f - end) * cfg.dt for f in order])
        batch = {k: np.stack(v) for k, v in out.items()}
        return finish(cfg, batch, rng, augment)


def window(rng, end, t, augment):
    """Frame numbers, oldest first. Sometimes a camera has only just started, or frames were dropped."""
    if augment and (end == 0 or rng.random() < 0.1):
        return [end] * t
    if augment and end >= t and rng.random() < 0.2:
        return sorted(rng.choice(end, t - 1, replace=False).tolist()) + [end]
    return [max(end - t + 1 + k, 0) for k in range(t)]


def motion(before, pose):
    """Displacement of base_link in the earlier base_link: x, y, yaw."""
    d, c, s = pose[:, :2] - before[:, :2], np.cos(before[:, 2]), np.sin(before[:, 2])
    turn = (pose[:, 2] - before[:, 2] + np.pi) % (2 * np.pi) - np.pi
    return np.stack([c * d[:, 0] + s * d[:, 1], c * d[:, 1] - s * d[:, 0], turn], 1)


def finish(cfg, b, rng, augment):
    """Targets that depend on the whole batch; mirrors and disturbs when augmenting."""
    n = len(b["rgb"])
    height, pitch = b["pose"][:, 3].copy(), b["pose"][:, 4].copy()
    flip = np.zeros(n, bool)
    if augment:
        height *= 1 + 0.01 * rng.standard_normal(n)
        pitch += 0.006 * rng.standard_normal(n)
        flip = rng.random(n) < 0.5
    b["rays"], b["ego"] = rays(cfg, height, pitch), motion(b["before"], b["pose"]).astype(np.float32)
    if augment:  # a camera whose mount nobody measured
        b["rays"][rng.random(n) < 0.05, 3] = 0
    h, w = cfg.grid
    for k in ("depth", "kind", "rays", "rgb"):
        b[k][flip] = np.flip(b[k][flip], {"rgb": 3}.get(k, b[k].ndim - 1))
    b["rays"][flip, 1] *= -1
    b["ego"][flip, 1:] *= -1
    c = b["cells"]
    mirrored = (c // w) * w + (w - 1 - c % w)
    b["cells"] = np.where(flip[:, None, None] & (c >= 0), mirrored, c)
    b["geo"][flip, :, 0] = cfg.image[1] - b["geo"][flip, :, 0]
    b["geo"][flip, :, 3] *= -1
    frames = torch.from_numpy(b.pop("rgb")).permute(0, 1, 4, 2, 3).float().div_(255)
    if augment:
        frames = disturb(frames, rng)
    out = {k: torch.from_numpy(np.ascontiguousarray(v)).float() for k, v in b.items() if k not in ("cells", "kind")}
    out.update(frames=frames, cells=torch.from_numpy(b["cells"]).long(), kind=torch.from_numpy(b["kind"]).long())
    return out


def disturb(frames, rng):
    """White balance and exposure that differ from clip to clip; the noise is already in the pictures."""
    n = len(frames)
    gain = torch.from_numpy(np.exp(rng.normal(0, 0.12, (n, 1, 3, 1, 1)) + rng.normal(0, 0.2, (n, 1, 1, 1, 1)))).float()
    return frames.mul_(gain).clamp_(0, 1)
