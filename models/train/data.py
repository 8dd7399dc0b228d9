"""Shards of roomgen as batches of windows with targets on the token grid."""

import concurrent.futures
import dataclasses
import itertools
import json
import os
import pathlib

import numpy as np
import torch

CELLS = 5  # cells of one thing that learn its box
VISIBLE = 12  # pixels below which a thing is not asked for
SHARE = 0.15  # and the part of it that must not be hidden
UNKNOWN = -9.0  # ln depth of cells whose depth nobody measured


def rays(cfg, height, pitch):
    """[n,4,h,w]: unit ray in the levelled camera frame (forward, left, up) and 1/m to the floor, for each cell."""
    h, w = cfg.grid
    v, u = torch.meshgrid((torch.arange(h) + 0.5) * cfg.stride, (torch.arange(w) + 0.5) * cfg.stride, indexing="ij")
    a, b = ((u - cfg.image[1] / 2) / cfg.focal).to(pitch), ((v - cfg.image[0] / 2) / cfg.focal).to(pitch)
    c, s = torch.cos(pitch)[:, None, None], torch.sin(pitch)[:, None, None]
    ray = torch.stack([c - b * s, (-a).expand(len(height), h, w), -s - b * c], 1)
    ray = ray / ray.norm(dim=1, keepdim=True)
    return torch.cat([ray, (-ray[:, 2:]).clamp(min=0) / height[:, None, None, None]], 1)


@dataclasses.dataclass
class Shard:
    """The targets of one shard."""

    cells: np.ndarray  # [N,T,M,CELLS] grid cells that a thing covers, best first, -1 for none
    geo: np.ndarray  # [N,T,M,5] u, v of the centre (pixels), ln distance, yaw from the camera's heading, the peak's sigma
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


def cell_depth(mm):
    """ln metres [N,T,h,w] from millimetres [N,T,h,k,w,k]; a cell of which less than half is known is UNKNOWN."""
    known = mm > 0
    share = known.mean((3, 5))
    total = np.where(known, np.log(np.maximum(mm.astype(np.float32) / 1000, 0.05)), 0).mean((3, 5))
    return np.where(share >= 0.5, total / np.maximum(share, 0.5), UNKNOWN)


def load(cfg, folder):
    """Reads one shard and builds its targets."""
    read = lambda name, **kw: np.load(folder / f"{name}.npy", **kw)
    inst, things, pose, seen = read("instance"), read("objects"), read("pose"), read("visible")
    shown = (seen[..., 0] >= VISIBLE) & (seen[..., 0] >= SHARE * seen[..., 1]) & (things[:, None, :, 0] > 0)
    cells, sigma = peaks(cfg, inst, shown)
    geo = np.concatenate([geometry(cfg, things, pose), sigma[..., None]], -1).astype(np.float32)
    h, w = cfg.grid
    k = inst.shape[2] // h
    depth = cell_depth(read("depth").reshape(*inst.shape[:2], h, k, w, k))
    label = np.concatenate([np.zeros((len(things), 1)), things[:, :, 1] + 1], 1).astype(np.uint8)
    middle = inst[:, :, k // 2 :: k, k // 2 :: k]
    kind = label[np.arange(len(things))[:, None, None, None], middle]
    return Shard(cells, geo, things, depth.astype(np.float16), kind, pose, read("room"))


FIELDS = ("cells", "geo", "things", "depth", "kind", "pose", "room")


class Clips:
    """All shards of a folder as one indexable set of clips, whose targets lie on a device.

    Pictures stay on disk for a CPU, which has little memory and reads them in a process beside the training. A GPU takes
    them all: the copying between would cost more than the networks.
    """

    def __init__(self, cfg, folder, limit=None, device="cpu"):
        folder = pathlib.Path(folder)
        self.cfg, self.device, self.meta = cfg, torch.device(device), json.loads((folder / "meta.json").read_text())
        folders = sorted(folder.glob("shard-?????"))[:limit]
        with concurrent.futures.ProcessPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
            shards = list(pool.map(load, itertools.repeat(cfg), folders, chunksize=4))
        for name in FIELDS:
            joined = np.concatenate([getattr(s, name) for s in shards])
            setattr(self, name, torch.from_numpy(joined).to(self.device))
        self.at = [(s, i) for s, shard in enumerate(shards) for i in range(len(shard.room))]
        self.rgb = [np.load(f / "rgb.npy", mmap_mode="r") for f in folders]
        if self.device.type != "cpu":
            self.take()

    def take(self):
        """Copies all pictures to the device."""
        self.rgb = torch.cat([torch.from_numpy(np.array(r)).to(self.device) for r in self.rgb])

    def __len__(self):
        return len(self.at)

    def pictures(self, picks, order):
        """Frames order [B,T] of the clips picks [B]: uint8 [B,T,H,W,3]."""
        if isinstance(self.rgb, torch.Tensor):
            p, o = (torch.as_tensor(x, device=self.device) for x in (picks, order))
            return self.rgb[p[:, None], o]
        return torch.from_numpy(np.stack([self.rgb[self.at[p][0]][self.at[p][1]][o] for p, o in zip(picks, order)]))

    def gather(self, picks, ends, rng, augment=True):
        """Windows ending at frame ends[i] of clip picks[i], as a dict of tensors with a leading batch dimension."""
        cfg = self.cfg
        order = np.array([window(rng, end, cfg.frames, augment) for end in ends])
        p, e = torch.as_tensor(picks, device=self.device), torch.as_tensor(ends, device=self.device)
        b = {k: getattr(self, k)[p, e] for k in ("cells", "geo", "depth", "kind", "pose")}
        b.update(things=self.things[p], room=self.room[p], before=self.pose[p, torch.as_tensor(order[:, -2]).to(e)])
        times = (order - np.asarray(ends)[:, None]) * cfg.dt
        b["times"] = torch.as_tensor(times, dtype=torch.float32, device=self.device)
        b["frames"] = self.pictures(picks, order).permute(0, 1, 4, 2, 3)
        b["depth"], b["cells"], b["kind"] = b["depth"].float(), b["cells"].long(), b["kind"].long()
        return finish(cfg, b, rng, augment)


def window(rng, end, t, augment):
    """Frame numbers, oldest first. Sometimes a camera has only just started, or frames were dropped."""
    if augment and (end == 0 or rng.random() < 0.1):
        return [end] * t
    if augment and end >= t and rng.random() < 0.2:
        return sorted(rng.choice(end, t - 1, replace=False).tolist()) + [end]
    return [max(end - t + 1 + k, 0) for k in range(t)]


def motion(before, pose):
    """Displacement of base_link in the earlier base_link: x, y, yaw."""
    d, c, s = pose[:, :2] - before[:, :2], torch.cos(before[:, 2]), torch.sin(before[:, 2])
    turn = (pose[:, 2] - before[:, 2] + torch.pi) % (2 * torch.pi) - torch.pi
    return torch.stack([c * d[:, 0] + s * d[:, 1], c * d[:, 1] - s * d[:, 0], turn], 1)


def finish(cfg, b, rng, augment):
    """Targets that depend on the whole batch; mirrors and disturbs when augmenting."""
    height, pitch = b["pose"][:, 3], b["pose"][:, 4]
    b["ego"] = motion(b.pop("before"), b["pose"])
    if not augment:
        b["rays"], b["frames"] = rays(cfg, height, pitch), b["frames"].float().div_(255)
        return b
    n, put = len(height), lambda x: torch.as_tensor(x, dtype=torch.float32, device=height.device)
    height, pitch = height * (1 + put(0.01 * rng.standard_normal(n))), pitch + put(0.006 * rng.standard_normal(n))
    b["rays"] = rays(cfg, height, pitch)
    b["rays"][put(rng.random(n)) < 0.05, 3] = 0  # a camera whose mount nobody measured
    mirror(cfg, b, put(rng.random(n)) < 0.5)  # while pictures are bytes: it takes a quarter of the time
    # White balance and exposure that differ from clip to clip; the noise is already in the pictures.
    gain = np.exp(rng.normal(0, 0.12, (n, 1, 3, 1, 1)) + rng.normal(0, 0.2, (n, 1, 1, 1, 1)))
    b["frames"] = b["frames"].float().mul_(put(gain / 255)).clamp_(max=1)
    return b


def mirror(cfg, b, flip):
    """Swaps left and right in the windows that flip [B] marks."""
    w = cfg.grid[1]
    for k in ("depth", "kind", "rays", "frames"):
        b[k][flip] = b[k][flip].flip(-1)
    b["rays"][flip, 1] *= -1
    b["ego"][flip, 1:] *= -1
    c = b["cells"]
    b["cells"] = torch.where(flip[:, None, None] & (c >= 0), (c // w) * w + (w - 1 - c % w), c)
    b["geo"][flip, :, 0] = cfg.image[1] - b["geo"][flip, :, 0]
    b["geo"][flip, :, 3] *= -1
