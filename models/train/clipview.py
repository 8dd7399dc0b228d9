"""The canonical view of a picture, as vegad's camera package makes it: a level pinhole camera at the same place.

Lens models, pixel conventions and the removal of roll are those of camera/view.go; both encoders see exactly this view
on the robot, so training must see it too.
"""

import dataclasses
import functools
import math

import cv2
import numpy as np

COEFFICIENTS = {"none": [0], "plumb_bob": [4, 5], "rational_polynomial": [8], "fisheye": [4]}
FOLD_STEP, FOLD_REACH = 0.005, 20.0  # of the search for the radius at which a lens model folds back
MOST_SAMPLES = 8  # a pixel and axis
GREY = 127.5  # what the camera does not see


@dataclasses.dataclass(frozen=True)
class Lens:
    """A calibration in the conventions of ROS and OpenCV: the centre of the top left pixel is (0, 0)."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    model: str = "none"
    coefficients: tuple = ()

    def scaled(self, width, height):
        """The lens for pictures of another size and the same shape; ValueError for another shape."""
        sx, sy = width / self.width, height / self.height
        if abs(sx / sy - 1) > 0.01:
            raise ValueError(f"{width}x{height} pixels do not have the shape of {self.width}x{self.height}")
        return dataclasses.replace(
            self, width=width, height=height, fx=self.fx * sx, fy=self.fy * sy,
            cx=(self.cx + 0.5) * sx - 0.5, cy=(self.cy + 0.5) * sy - 0.5,
        )

    def radial(self, r):
        """The factor by which a point at radius r moves away from the centre."""
        k = np.zeros(8)
        k[: len(self.coefficients)] = self.coefficients
        if self.model == "fisheye":
            a = np.arctan(r)
            bent = a * (1 + a**2 * (k[0] + a**2 * (k[1] + a**2 * (k[2] + a**2 * k[3]))))
            return np.where(r < 1e-9, 1, bent / np.maximum(r, 1e-9))
        r2 = r * r
        over, under = 1 + r2 * (k[0] + r2 * (k[1] + r2 * k[4])), 1 + r2 * (k[5] + r2 * (k[6] + r2 * k[7]))
        return over / under

    @functools.cached_property
    def reach(self):
        """The largest radius that the model maps one to one."""
        r = np.arange(FOLD_STEP, FOLD_REACH, FOLD_STEP)
        with np.errstate(all="ignore"):
            bent = r * self.radial(r)
            falls = np.flatnonzero(~(np.diff(bent, prepend=0) > 0))
        return r[falls[0]] - FOLD_STEP if len(falls) else FOLD_REACH

    def project(self, x, y):
        """Pixels of the rays (x, y, 1), x right and y down, and whether the picture shows them."""
        r = np.hypot(x, y)
        with np.errstate(all="ignore"):
            f = self.radial(r)
            bx, by = x * f, y * f
            if self.model in ("plumb_bob", "rational_polynomial"):
                p1, p2 = self.coefficients[2:4]
                bx, by = bx + 2 * p1 * x * y + p2 * (r * r + 2 * x * x), by + p1 * (r * r + 2 * y * y) + 2 * p2 * x * y
        u, v = self.fx * bx + self.cx, self.fy * by + self.cy
        inside = (u >= -0.5) & (v >= -0.5) & (u <= self.width - 0.5) & (v <= self.height - 0.5)
        return u, v, inside & (r <= self.reach)


@dataclasses.dataclass(frozen=True)
class View:
    """The canonical camera: square pixels, middle principal point; the centre of the top left pixel is (0.5, 0.5)."""

    width: int = 160
    height: int = 120
    hfov: float = math.radians(70)

    @property
    def focal(self):
        return self.width / 2 / math.tan(self.hfov / 2)

    def grid(self, n):
        """Right and down of the rays through n x n samples a pixel, [H*n, W*n] each."""
        u, v = (np.arange(self.width * n) + 0.5) / n, (np.arange(self.height * n) + 0.5) / n
        return np.meshgrid((u - self.width / 2) / self.focal, (v - self.height / 2) / self.focal)

    def source(self, lens, roll, n=1):
        """Where those samples lie in the pictures of a camera with that roll: columns, rows, whether they are there."""
        right, down = self.grid(n)
        c, s = math.cos(roll), math.sin(roll)
        return lens.project(c * right + s * down, c * down - s * right)

    def samples(self, lens, roll):
        """Samples a pixel and axis, so that no pixel of the source is left out."""
        u, v, ok = self.source(lens, roll)
        across = np.hypot(np.diff(u, axis=1), np.diff(v, axis=1))[ok[:, 1:] & ok[:, :-1]]
        along = np.hypot(np.diff(u, axis=0), np.diff(v, axis=0))[ok[1:] & ok[:-1]]
        widest = max(across.max(initial=1), along.max(initial=1))
        return min(math.ceil(widest - 0.01), MOST_SAMPLES)

    def picture(self, lens, roll, image):
        """The view [H,W,3] of a picture [h,w,3] of uint8, and the share of it that the camera sees."""
        n = self.samples(lens, roll)
        u, v, ok = self.source(lens, roll, n)
        clean = lambda x: np.where(ok, x, 0).astype(np.float32)
        out = cv2.remap(image, clean(u), clean(v), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
        out[~ok] = GREY
        mean = out.reshape(self.height, n, self.width, n, 3).mean((1, 3))
        return np.rint(mean).astype(np.uint8), float(ok.mean())

    def shown(self, lens, roll):
        """Which pixels [H,W] the camera sees at their middle."""
        return self.source(lens, roll)[2]

    def depth(self, lens, roll, millimetres):
        """Metres along the ray of each pixel's middle [H,W], 0 where unknown; from depth along the optical axis.

        The two cameras share their optical axis, so depth along it is the same for both. The nearest sample is taken:
        a mean of two surfaces would lie on neither.
        """
        h, w = millimetres.shape
        u, v, ok = self.source(lens.scaled(w, h), roll)
        right, down = self.grid(1)
        row, column = (np.clip(np.where(ok, np.rint(x), 0), 0, n - 1).astype(int) for x, n in ((v, h), (u, w)))
        axial = np.where(ok, millimetres[row, column], 0) / 1000
        return (axial * np.sqrt(1 + right**2 + down**2)).astype(np.float32)

    def rays(self, pose):
        """Unit rays [H*W,3] of the pixels' middles in the map, for a pose whose roll has been removed."""
        right, down = (x.ravel() for x in self.grid(1))
        cy, sy, cp, sp = math.cos(pose[2]), math.sin(pose[2]), math.cos(pose[4]), math.sin(pose[4])
        ahead = cp - down * sp
        out = np.stack([cy * ahead + sy * right, sy * ahead - cy * right, -sp - down * cp], 1)
        return out / np.linalg.norm(out, axis=1, keepdims=True)
