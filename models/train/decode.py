"""Boxes from the head's outputs, as vegad's own decoder reads them, and the quick score used while training."""

import numpy as np
import torch

from .loss import at, box_target


def boxes(cfg, box, rays_field, cells):
    """Centre, size and yaw in the levelled camera frame, for cells [B,K] of box [B,BOX,h,w]."""
    h, w = cfg.grid
    p, ray = at(box, cells), at(rays_field, cells)
    return place(cfg, p, ray, cells), torch.exp(p[..., 3:6]), heading(p, ray)


def heading(p, ray):
    """Yaw: the doubled angle gives the axis, the single one which end is the front."""
    axis = 0.5 * torch.atan2(p[..., 6], p[..., 7])
    front = torch.cos(axis) * p[..., 9] + torch.sin(axis) * p[..., 8]
    yaw = torch.where(front < 0, axis + np.pi, axis)
    return yaw + torch.atan2(ray[..., 1], ray[..., 0])


def place(cfg, p, ray, cells):
    """The centre: the ray through the cell, moved by the predicted offset, times the predicted distance."""
    h, w = cfg.grid
    u = (cells % w + 0.5 + p[..., 0]) * cfg.stride
    v = (torch.div(cells, w, rounding_mode="floor") + 0.5 + p[..., 1]) * cfg.stride
    b0 = ((torch.div(cells, w, rounding_mode="floor") + 0.5) * cfg.stride - cfg.image[0] / 2) / cfg.focal
    a, b = (u - cfg.image[1] / 2) / cfg.focal, (v - cfg.image[0] / 2) / cfg.focal
    pitch = torch.atan2(-ray[..., 2], ray[..., 0]) - torch.atan(b0)  # of the camera, from the cell's own ray
    d = torch.stack([torch.cos(pitch) - b * torch.sin(pitch), -a, -torch.sin(pitch) - b * torch.cos(pitch)], -1)
    return d / d.norm(dim=-1, keepdim=True) * torch.exp(p[..., 2:3])


def iou(ca, sa, ya, cb, sb, yb):
    """Axis-aligned IoU of upright boxes, each replaced by its bounds in the levelled frame."""
    def bounds(c, s, y):
        co, si = torch.cos(y).abs(), torch.sin(y).abs()
        e = torch.stack([co * s[..., 0] + si * s[..., 1], si * s[..., 0] + co * s[..., 1], s[..., 2]], -1) / 2
        return c - e, c + e

    (al, ah), (bl, bh) = bounds(ca, sa, ya), bounds(cb, sb, yb)
    inter = (torch.minimum(ah, bh) - torch.maximum(al, bl)).clamp(min=0).prod(-1)
    return inter / ((ah - al).prod(-1) + (bh - bl).prod(-1) - inter)


def truth(cfg, batch):
    """Centre, size and yaw of each thing in the levelled camera frame of the newest frame."""
    t, pose = batch["things"], batch["pose"]
    d = t[..., 3:6] - torch.cat([pose[:, None, :2], pose[:, None, 3:4]], -1)
    c, s = torch.cos(pose[:, 2:3]), torch.sin(pose[:, 2:3])
    centre = torch.stack([c * d[..., 0] + s * d[..., 1], c * d[..., 1] - s * d[..., 0], d[..., 2]], -1)
    return centre, t[..., 6:9], t[..., 9] - pose[:, 2:3]


@torch.no_grad()
def score(cfg, out, batch):
    """Per question "where is the LABEL" about a label seen once: IoU and relative distance error of the best peak."""
    centre, size, yaw = truth(cfg, batch)
    label, seen = batch["things"][..., 1].long(), batch["cells"][..., 0] >= 0
    rows = []
    for i in range(len(label)):
        for m in torch.nonzero(seen[i]).flatten().tolist():
            if ((label[i] == label[i, m]) & (batch["things"][i, :, 0] > 0) & seen[i]).sum() != 1:
                continue
            cell = out["heat"][i, label[i, m]].flatten().argmax().reshape(1, 1)
            c, s, y = boxes(cfg, out["box"][i : i + 1], batch["rays"][i : i + 1], cell)
            o = iou(c[0, 0], s[0, 0], y[0, 0], centre[i, m], size[i, m], yaw[i, m])
            far = centre[i, m].norm()
            rows.append((o.item(), ((c[0, 0].norm() - far).abs() / far).item()))
    return rows


@torch.no_grad()
def spread(cfg, out, batch):
    """Squared errors over predicted variances at the true peaks: offset, distance, size, yaw. One is calibrated."""
    cells = batch["cells"][..., 0]
    keep = cells >= 0
    want = box_target(cfg, batch)[..., 0, :]
    err = (at(out["box"], cells) - want)[keep]
    var = torch.exp(at(out["box_logvar"], cells)[keep])
    return [
        err[:, :2].square().mean(1) / var[:, 0], err[:, 2].square() / var[:, 1],
        err[:, 3:6].square().mean(1) / var[:, 2], err[:, 6:10].square().mean(1) / var[:, 3],
    ]
