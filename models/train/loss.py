"""What the networks are asked for."""

import math

import torch
import torch.nn.functional as F

from .data import UNKNOWN
from .net import BOX


def heat_target(cfg, batch, labels):
    """Gaussian peaks [B,L,h,w], 1 at the best cell of each visible thing."""
    h, w = cfg.grid
    cells = batch["cells"][..., 0]
    b, m = cells.shape
    yy, xx = torch.meshgrid(torch.arange(h, device=cells.device), torch.arange(w, device=cells.device), indexing="ij")
    cy, cx = (cells // w)[..., None, None], (cells % w)[..., None, None]
    sigma = batch["geo"][..., 4][..., None, None]
    bump = torch.exp(-((yy - cy) ** 2 + (xx - cx) ** 2) / (2 * sigma**2)) * (cells >= 0)[..., None, None]
    label = batch["things"][..., 1].long()
    target = torch.zeros(b, labels, h * w, device=cells.device)
    target.scatter_reduce_(1, label[..., None].expand(b, m, h * w), bump.flatten(2), "amax")
    return target.reshape(b, labels, h, w)


def focal(logits, target):
    """Penalty-reduced focal loss for peaks (CornerNet, Law and Deng 2018), per thing."""
    p = torch.sigmoid(logits).clamp(1e-5, 1 - 1e-5)
    hit = (target > 0.999).float()
    pos = -torch.log(p) * (1 - p) ** 2 * hit
    neg = -torch.log(1 - p) * p**2 * (1 - target) ** 4 * (1 - hit)
    return (pos.sum() + neg.sum()) / hit.sum().clamp(min=1)


def laplace(error, logvar):
    """Negative log likelihood of a Laplace distribution with that ln variance; error is absolute."""
    s = 0.5 * (logvar - math.log(2))
    return error * torch.exp(-s) + s


def at(field, index):
    """Values of field [B,C,h,w] at cells index [B,K]: [B,K,C]."""
    flat = field.flatten(2).transpose(1, 2)
    return flat.gather(1, index.clamp(min=0)[..., None].expand(-1, -1, flat.shape[2]))


def box_target(cfg, batch):
    """Targets [B,M,CELLS,BOX] of the box channels at each learning cell of each thing."""
    h, w = cfg.grid
    cells, geo, things = batch["cells"], batch["geo"], batch["things"]
    cu, cv = (cells % w + 0.5) * cfg.stride, (torch.div(cells, w, rounding_mode="floor") + 0.5) * cfg.stride
    u, v, dist, yaw = (geo[..., i : i + 1].expand_as(cu) for i in range(4))
    ray = at(batch["rays"], cells.flatten(1)).reshape(*cells.shape, 4)
    turn = yaw - torch.atan2(ray[..., 1], ray[..., 0])
    size = torch.log(things[:, :, None, 6:9].clamp(min=0.01)).expand(*cells.shape, 3)
    parts = [(u - cu) / cfg.stride, (v - cv) / cfg.stride, dist]
    parts += [size[..., i] for i in range(3)]
    parts += [torch.sin(2 * turn), torch.cos(2 * turn), torch.sin(turn), torch.cos(turn)]
    return torch.stack(parts, -1)


def things_loss(cfg, out, batch):
    """Box, colour and spread at the cells that show a thing."""
    cells = batch["cells"]
    b, m, k = cells.shape
    flat = cells.flatten(1)
    mask = (flat >= 0).float()
    weight = mask * torch.tensor([1.0] + [0.4] * (k - 1), device=mask.device).repeat(m)
    total = weight.sum().clamp(min=1)
    pred, logvar = at(out["box"], flat), at(out["box_logvar"], flat)
    want = box_target(cfg, batch).reshape(b, m * k, BOX)
    err = (pred - want).abs()
    groups = [err[..., :2].mean(-1), err[..., 2] * 4, err[..., 3:6].mean(-1) * 2, err[..., 6:10].mean(-1)]
    scale = [1, 4, 2, 1]
    box = sum(
        ((laplace(g, logvar[..., i] + 2 * math.log(scale[i])) + 0.5 * g) * weight).sum() for i, g in enumerate(groups)
    )
    color = batch["things"][..., 2].long()[:, :, None].expand(b, m, k).flatten(1)
    attr = at(out["attributes"], flat)
    attrs = (F.cross_entropy(attr.transpose(1, 2), color, reduction="none") * weight).sum()
    return box / total, attrs / total


def embed_loss(out, batch, temperature=0.1):
    """The same thing in the two windows of a clip is alike, the others of the batch are not (InfoNCE)."""
    first = batch["cells"][..., 0]
    e = at(out["embedding"], first)
    half = len(e) // 2
    both = (first[:half] >= 0) & (first[half:] >= 0)
    if both.sum() < 2:
        return e.sum() * 0
    a, b = e[:half][both], e[half:][both]
    sim = a @ b.T / temperature
    label = torch.arange(len(a), device=a.device)
    return 0.5 * (F.cross_entropy(sim, label) + F.cross_entropy(sim.T, label))


def depth_loss(pred, target):
    known = (target > UNKNOWN + 1).float()
    value = laplace((pred[:, 0] - target).abs(), pred[:, 1].clamp(-8, 6))
    return (value * known).sum() / known.sum().clamp(min=1)


EMPHASIS = {  # what each question family leans on: peaks, boxes, colours, depth
    "observe": (1, 1, 1, 1), "locate": (1.2, 1.5, 1, 1), "count": (1.6, 0.6, 0.6, 0.6),
    "measure": (0.7, 1.6, 0.5, 1.6), "relate": (1, 1.3, 0.7, 1), "describe": (1, 0.8, 1.8, 0.6),
}


LABELS = {  # what a part of the loss needs to be known of the clips; motion is always known
    "heat": "boxes", "box": "boxes", "color": "boxes", "embed": "boxes", "probe_class": "boxes", "depth": "depth",
    "probe_depth": "depth", "room": "room",
}


def total(cfg, out, batch, family, meta):
    """The sum and its parts, for one family of questions; what the clips' meta.json says is not labelled is left out."""
    labels, labelled = len(meta["labels"]), meta.get("labelled", {})
    e = EMPHASIS[family]
    heat = focal(out["heat"], heat_target(cfg, batch, labels))
    box, attrs = things_loss(cfg, out, batch)
    depth = depth_loss(out["depth"], batch["depth"])
    ego = laplace((out["ego"][:, :3] - batch["ego"]).abs(), out["ego"][:, 3:].clamp(-14, 4)).mean()
    size = torch.log(batch["room"].clamp(min=0.1))
    long, short = torch.maximum(size[:, 0], size[:, 1]), torch.minimum(size[:, 0], size[:, 1])
    room_t = torch.stack([long, short, size[:, 2], size[:, 3]], 1)
    room = laplace((out["room"][:, :4] - room_t).abs(), out["room"][:, 4:].clamp(-8, 4)).mean()
    parts = {
        "heat": e[0] * heat, "box": 0.5 * e[1] * box, "color": 0.3 * e[2] * attrs, "depth": 0.5 * e[3] * depth,
        "ego": 0.3 * ego, "room": 0.1 * room, "embed": 0.15 * embed_loss(out, batch),
    }
    if "probe_depth" in out:  # a head alone has none
        parts["probe_depth"] = 0.3 * depth_loss(out["probe_depth"], batch["depth"])
        parts["probe_class"] = 0.5 * F.cross_entropy(out["probe_class"], batch["kind"])
    parts = {k: v for k, v in parts.items() if labelled.get(LABELS.get(k), True)}
    return sum(parts.values()), {k: v.detach() for k, v in parts.items()}
