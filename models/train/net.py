"""The four graphs of a bundle.

Everything is a plain convolution with ReLU and residual adds: that is what INT8 engines run fast and exactly. Shapes:
B batch, T frames of the ring, h x w the token grid at stride 8, L labels, A colours, K question families.
"""

import torch
import torch.nn.functional as F
from torch import nn

BOX = 10  # dx, dy (cells), ln distance, ln size x/y/z, sin 2a, cos 2a, sin a, cos a
SPREAD = 4  # ln variance of offset, distance, size, yaw


def conv(cin, cout, stride=1, dilation=1, kernel=3):
    pad = dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(cin, cout, kernel, stride, pad, dilation, bias=False), nn.BatchNorm2d(cout), nn.ReLU(inplace=True)
    )


class Residual(nn.Module):
    """Two 3x3 convolutions and an add; the dilation widens what one token sees."""

    def __init__(self, c, dilation=1):
        super().__init__()
        self.first = conv(c, c, 1, dilation)
        self.second = nn.Sequential(nn.Conv2d(c, c, 3, 1, dilation, dilation, bias=False), nn.BatchNorm2d(c))

    def forward(self, x):
        return F.relu(x + self.second(self.first(x)))


class Encoder(nn.Module):
    """RGB [B,3,H,W] in 0..1 to tokens [B,out,H/8,W/8]. video_stem and semantic_encoder have this form."""

    def __init__(self, widths, out):
        super().__init__()
        a, b, c = widths
        self.body = nn.Sequential(
            conv(3, a, 2), conv(a, b, 2), Residual(b), conv(b, c, 2),
            Residual(c), Residual(c, 2), Residual(c, 4), nn.Conv2d(c, out, 1),
        )

    def forward(self, image):
        return self.body((image - 0.45) * 4.0)


class Mixer(nn.Module):
    """Geometry ring [B,T,Cg,h,w] (oldest first) and times [B,T] (seconds before the newest, <= 0) to generative tokens.

    Time is mixed by convolutions over the stacked frames, so that it stays a Conv2D.
    """

    def __init__(self, frames, cin, cout):
        super().__init__()
        self.join = conv(frames * (cin + 1), cout, kernel=1)
        self.body = nn.Sequential(Residual(cout), Residual(cout, 2))

    def forward(self, ring, times):
        b, t, c, h, w = ring.shape
        clock = times.reshape(b, t, 1, 1).expand(b, t, h, w)
        return self.body(self.join(torch.cat([ring.reshape(b, t * c, h, w), clock], 1)))


class Gate(nn.Module):
    """g = sigmoid(W [LN(semantic); LN(generative)] + b + w ctx), one scalar a token; s and v are the normalised streams.

    gated     g s + (1 - g) v
    residual  s + a (1 - g) (v - s), with one a that is learnt
    semantic, generative   one stream alone
    add, concat            s + v; a linear map of both
    noise     as gated, on noise in place of the generative tokens: what the added weights give by themselves
    """

    def __init__(self, width, families, fusion="gated"):
        super().__init__()
        self.fusion = fusion
        self.semantic, self.generative = nn.LayerNorm(width), nn.LayerNorm(width)
        self.weigh = nn.Linear(2 * width, 1)
        self.context = nn.Linear(families, 1, bias=False)
        nn.init.zeros_(self.context.weight)
        if fusion == "residual":
            self.share = nn.Parameter(torch.tensor(0.2))
        if fusion == "concat":
            self.both = nn.Linear(2 * width, width)

    def forward(self, sem, gen, context):
        b, c, h, w = sem.shape
        s = self.semantic(sem.flatten(2).transpose(1, 2))
        v = self.generative(gen.flatten(2).transpose(1, 2))
        gate = torch.sigmoid(self.weigh(torch.cat([s, v], 2)) + self.context(context).unsqueeze(1))
        fused = self.blend(s, v, gate)
        return gate.transpose(1, 2).reshape(b, 1, h, w), fused.transpose(1, 2).reshape(b, c, h, w)

    def blend(self, s, v, gate):
        match self.fusion:
            case "semantic":
                return s
            case "generative":
                return v
            case "add":
                return s + v
            case "concat":
                return self.both(torch.cat([s, v], 2))
            case "residual":
                return s + self.share * (1 - gate) * (v - s)
        return gate * s + (1 - gate) * v


def reach(rays):
    """[B,1,h,w]: ln of the distance to the floor along each ray, at most 4 m; 4 m where the ray meets no floor.

    Distances are learnt as what differs from it: an empty room has almost nothing left to learn.
    """
    return -torch.log(rays[:, 3:4].clamp(0.25, 4.0))


def raised(field, channel, ground):
    """The field with one channel counted from the ground's distance."""
    before, it, after = field[:, :channel], field[:, channel : channel + 1], field[:, channel + 1 :]
    return torch.cat(([before] if channel else []) + [it + ground, after], 1)


def noise(tokens):
    """What the control named noise reads in place of generative tokens [B,C,h,w]: drawn anew in training, and always the
    same draw afterwards, so that a bundle's outputs can be told again."""
    if torch.is_grad_enabled():
        return torch.randn_like(tokens)
    generator = torch.Generator().manual_seed(11)
    drawn = torch.randn(tokens.shape[1:], generator=generator).to(tokens)
    return drawn.expand_as(tokens)


class Head(nn.Module):
    """Generative and semantic tokens, the rays of the camera and the question's context to everything that is said."""

    def __init__(self, cfg, labels, colors):
        super().__init__()
        cg, width, embed = cfg.generative, cfg.width, cfg.embed
        self.gen, self.sem = nn.Conv2d(cg, width, 1), nn.Conv2d(cfg.meaning, width, 1)
        self.gate = Gate(width, len(cfg.families), cfg.fusion)
        self.join = conv(width + 5, width)
        self.body = nn.Sequential(Residual(width), Residual(width, 2))
        self.branch = conv(width, width)
        self.heat = nn.Conv2d(width, labels, 1)
        self.box = nn.Conv2d(width, BOX, 1)
        self.spread = nn.Conv2d(width, SPREAD, 1)
        self.attributes = nn.Conv2d(width, colors, 1)
        self.embed = nn.Conv2d(width, embed, 1)
        self.depth = nn.Conv2d(width, 2, 1)
        h, w = cfg.grid
        self.pool = nn.AvgPool2d(5)
        cells = (h // 5) * (w // 5)
        self.squeeze = conv(cg, 32)
        self.ego = nn.Sequential(nn.Linear(32 * cells, 64), nn.ReLU(), nn.Linear(64, 6))
        self.narrow = nn.Conv2d(width, 32, 1)
        self.room = nn.Sequential(nn.Linear(32 * cells, 64), nn.ReLU(), nn.Linear(64, 8))
        nn.init.constant_(self.heat.bias, -4.0)

    def forward(self, generative, semantic, rays, context):
        gate, fused = self.gate(self.sem(semantic), self.gen(generative), context)
        ground = reach(rays)
        x = self.body(self.join(torch.cat([fused, rays, ground], 1)))
        y = self.branch(x)
        ego = self.ego(self.pool(self.squeeze(generative)).flatten(1))
        room = self.room(self.pool(F.relu(self.narrow(x))).flatten(1))
        return {
            "gate": gate, "fused": fused, "heat": self.heat(y), "box": raised(self.box(y), 2, ground),
            "box_logvar": self.spread(y).clamp(-8, 6), "attributes": self.attributes(y),
            "embedding": F.normalize(self.embed(y), dim=1), "depth": raised(self.depth(x), 0, ground), "ego": ego, "room": room,
        }


class Model(nn.Module):
    """All four graphs, and the small readers that are thrown away after training."""

    def __init__(self, cfg, labels, colors):
        super().__init__()
        self.cfg, self.frozen = cfg, False
        self.stem = Encoder(cfg.widths, cfg.geometry)
        self.semantic = Encoder(cfg.widths, cfg.meaning)
        self.mixer = Mixer(cfg.frames, cfg.geometry, cfg.generative)
        self.head = Head(cfg, labels, colors)
        self.probe_depth = nn.Conv2d(cfg.generative, 2, 1)
        self.probe_class = nn.Conv2d(cfg.meaning, labels + 1, 1)

    def train(self, mode=True):
        """Frozen encoders keep the statistics that they were trained with."""
        super().train(mode)
        if self.frozen:
            for part in (self.stem, self.semantic, self.mixer):
                part.eval()
        return self

    def generative(self, frames, times):
        """frames [B,T,3,H,W]; the history gives features but takes no gradient, which saves half of the work."""
        b, t = frames.shape[:2]
        with torch.no_grad():
            past = self.stem(frames[:, :-1].flatten(0, 1))
        newest = self.stem(frames[:, -1])
        ring = torch.cat([past.reshape(b, t - 1, *past.shape[1:]), newest.unsqueeze(1)], 1)
        return self.mixer(ring, times)

    def forward(self, frames, times, rays, context):
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            generative = self.generative(frames, times)
            meaning = self.semantic(frames[:, -1])
        if self.cfg.fusion == "noise":
            generative = noise(generative)
        out = self.head(generative, meaning, rays, context)
        out["generative"] = generative
        out["probe_depth"] = self.probe_depth(generative)
        out["probe_class"] = self.probe_class(meaning)
        return out
