"""How much a teacher knows about space: a linear reading of depth, and agreement of features across views.

Both are measured over layers and noise levels; the best place is where the student learns from.

    python -m train.probe nano --begin ../build/train-nano/fuse.pt    the same of a trained model's own tokens
"""

import argparse

import numpy as np
import torch
import torch.nn.functional as F

from .data import rays

NEAR, FAR = 0.15, 1.0  # m: tokens of two views that show one place, and tokens that show different ones


def places(cfg, pose, depth):
    """Where each token's surface is in the room: [N,h,w,3], from pose [N,6] and ln depth [N,h,w]."""
    ray = rays(cfg, pose[:, 3], pose[:, 4])[:, :3].permute(0, 2, 3, 1) * torch.exp(depth)[..., None]
    c, s = torch.cos(pose[:, 2])[:, None, None], torch.sin(pose[:, 2])[:, None, None]
    x = pose[:, 0, None, None] + c * ray[..., 0] - s * ray[..., 1]
    y = pose[:, 1, None, None] + s * ray[..., 0] + c * ray[..., 1]
    return torch.stack([x, y, pose[:, 3, None, None] + ray[..., 2]], -1)


def correspondence(features, where):
    """Agreement of two views of each clip: features [N,2,C,h,w] and places [N,2,h,w,3].

    Returns the mean cosine of tokens that show one place, the same of tokens that show different places (the floor:
    features may be alike everywhere), and the median distance in metres between a token and its best match in the other
    view. Features are centred channel by channel first.
    """
    f = features.flatten(3).transpose(2, 3)
    f = F.normalize(f - f.mean((0, 1, 2)), dim=-1)
    like = f[:, 0] @ f[:, 1].transpose(1, 2)
    apart = torch.cdist(where[:, 0].flatten(1, 2), where[:, 1].flatten(1, 2))
    nearest, match = apart.min(2).values, like.argmax(2)
    off = apart.gather(2, match[..., None])[..., 0][nearest < NEAR]
    return {
        "matched": like[apart < NEAR].mean().item(), "floor": like[apart > FAR].mean().item(),
        "match_m": off.median().item() if len(off) else float("nan"),
    }


def ridge(x, y, strength=1.0):
    """Weights of the linear reading of y [n] from x [n,C], with an offset."""
    x = torch.cat([x, torch.ones(len(x), 1, device=x.device)], 1).double()
    gram = x.T @ x + strength * torch.eye(x.shape[1], device=x.device, dtype=torch.double)
    return torch.linalg.solve(gram, x.T @ y.double())


def depth(seen, known, unseen, asked):
    """Mean relative error of depth read linearly from tokens: fitted on the first pair, measured on the second."""
    mean, std = seen.mean(0), seen.std(0) + 1e-6
    w = ridge((seen - mean) / std, known)
    told = torch.cat([(unseen - mean) / std, torch.ones(len(unseen), 1, device=unseen.device)], 1).double() @ w
    return ((told - asked).exp() - 1).abs().mean().item()


def resized(cfg, features):
    """Features [B,T,C,h',w'] on the token grid."""
    if features.shape[-2:] == cfg.grid:
        return features
    flat = F.interpolate(features.flatten(0, 1).float(), cfg.grid, mode="bilinear", align_corners=False)
    return flat.reshape(*features.shape[:2], *flat.shape[1:])


def views(cfg, clips, picks):
    """The last frames [B,T,3,H,W] of clips, and the places and ln depths of their first and last."""
    total = clips.meta["frames"]
    order = [list(range(total - cfg.frames, total))] * len(picks)
    frames = clips.pictures(picks, order).permute(0, 1, 4, 2, 3).float().div_(255)
    p = torch.as_tensor(picks, device=clips.device)
    ends = torch.tensor([total - cfg.frames, total - 1], device=clips.device)
    deep, pose = clips.depth[p][:, ends].float(), clips.pose[p][:, ends]
    where = places(cfg, pose.flatten(0, 1), deep.flatten(0, 1)).reshape(*deep.shape, 3)
    return frames, where, deep


@torch.no_grad()
def measure(cfg, clips, read, picks):
    """All figures of one feature reader, read(frames) -> [B,T,C,h,w]. The second half of the clips is only measured."""
    found, tokens, deeps, wheres = [], [], [], []
    for first in range(0, len(picks), 16):
        frames, where, deep = views(cfg, clips, picks[first : first + 16])
        f = resized(cfg, read(frames))[:, [0, -1]].float()
        found.append(f)
        tokens.append(f.permute(0, 1, 3, 4, 2).flatten(1, 3))
        deeps.append(deep.flatten(1))
        wheres.append(where)
    tokens, deeps = torch.cat(tokens), torch.cat(deeps)
    half = len(tokens) // 2
    flat = lambda x: x.flatten(0, 1)
    out = correspondence(torch.cat(found), torch.cat(wheres))
    out["depth_abs_rel"] = depth(flat(tokens[:half]), deeps[:half].flatten(), flat(tokens[half:]), deeps[half:].flatten())
    out["depth_floor"] = ((deeps[:half].mean() - deeps[half:]).exp() - 1).abs().mean().item()  # one depth for all
    return {k: round(v, 4) for k, v in out.items()}


def sweep(cfg, clips, teacher, picks, layers, levels, draws=1):
    """One row of figures for each layer and noise level."""
    rows = []
    for layer in layers:
        for level in levels:
            generator = torch.Generator(clips.device).manual_seed(7)
            read = lambda x: sum(teacher.features(x, layer, level, generator) for _ in range(draws)) / draws
            rows.append({"layer": layer, "noise": level} | measure(cfg, clips, read, picks))
            print("probe", rows[-1], flush=True)
    return rows


def best(rows):
    """The layer and noise level with the least depth error plus the most agreement above the floor."""
    return max(rows, key=lambda r: r["matched"] - r["floor"] - r["depth_abs_rel"])


def own(cfg, model):
    """Readers of a model's tokens: of each frame alone, and in the time context of those before it."""
    times = torch.arange(1 - cfg.frames, 1) * cfg.dt

    def seen(frames, t):
        order = np.clip(np.arange(t - cfg.frames + 1, t + 1), 0, None)
        return model.generative(frames[:, order], times.expand(len(frames), -1))

    each = lambda read: lambda frames: torch.stack([read(frames, t) for t in range(frames.shape[1])], 1)
    return {
        "video_stem": each(lambda frames, t: model.stem(frames[:, t])), "video_mixer": each(seen),
        "semantic_encoder": each(lambda frames, t: model.semantic(frames[:, t])),
    }


def main():
    from . import bundle, config, fuse  # which rest on this module
    from .data import Clips
    from .net import Model

    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("name", choices=sorted(config.BUNDLES))
    p.add_argument("--begin", required=True, help="checkpoint of a fuse")
    p.add_argument("--data", help="folder of shards (../build/data/NAME)")
    a = p.parse_args()
    cfg = config.BUNDLES[a.name]
    clips = Clips(cfg, a.data or f"../build/data/{a.name}")
    model = Model(cfg, len(clips.meta["labels"]), len(clips.meta["colors"])).eval()
    model.load_state_dict(bundle.begun(a.begin))
    first = fuse.count(clips)
    for name, read in own(cfg, model).items():
        print(name, measure(cfg, clips, read, list(range(first, len(clips)))[:128]), flush=True)


if __name__ == "__main__":
    main()
