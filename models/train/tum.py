"""Turns a sequence in the folder layout of the TUM RGB-D benchmark into a clip folder (docs/own-data.md).

The layout: rgb.txt and depth.txt (time, file), groundtruth.txt (time tx ty tz qx qy qz qw of the colour camera's
optical frame in a world with z up), depth as 16-bit PNG with 5000 units a metre, registered to the colour pictures.
Each picture gets the nearest depth and pose in time; one without a pose is left out. The world becomes vegad's map by
moving its floor to z = 0: give its height with --floor, or let it be estimated from the depth.

    python -m train.tum SEQUENCE CLIP [--camera fr1|fr2|fr3|ros|FILE.json] [--floor Z]
"""

import argparse
import json
import math
import os
import pathlib
import shutil
import sys

import cv2
import numpy as np

from . import clipread
from .clippack import nearest

UNITS = 5  # of depth a millimetre
NEAR, FAR = 0.3, 5.0  # m: depth that the floor is looked for in
BIN = 0.02  # m: of the histogram of heights
FLOOR_SHARE = 0.03  # of all points that the floor must have
BELOW_SHARE = 0.01  # of all points that may lie below it: noise
CAMERAS = {  # published calibrations of the benchmark's cameras, 640 x 480; the pictures of fr3 are undistorted already
    "fr1": (517.306408, 516.469215, 318.643040, 255.313989, (0.262383, -0.953104, -0.005358, 0.002628, 1.163314)),
    "fr2": (520.908620, 521.007327, 325.141442, 249.701764, (0.231222, -0.784899, -0.003257, -0.000105, 0.917205)),
    "fr3": (535.4, 539.2, 320.1, 247.6, ()),
    "ros": (525.0, 525.0, 319.5, 239.5, ()),
}


class TumError(Exception):
    """A sequence that cannot be imported."""


def table(path, columns):
    """Times, and the other columns as text, of the rows of a file; # begins a comment."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as e:
        raise TumError(f"{path}: cannot be read: {e}. A sequence holds rgb.txt, depth.txt, groundtruth.txt") from e
    times, rows = [], []
    for number, line in enumerate(text.split("\n"), 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        if len(words) != columns:
            raise TumError(f"{path}:{number}: has {len(words)} columns, not {columns}")
        times.append(number_of(words[0], f"{path}:{number}"))
        rows.append((number, words[1:]))
        if len(times) > 1 and times[-1] <= times[-2]:
            raise TumError(f"{path}:{number}: time {words[0]} is not after that of the row before")
    if not rows:
        raise TumError(f"{path}: holds no row")
    return np.array(times), rows


def number_of(word, where):
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise TumError(f"{where}: {word!r} is no number")
    return value


def poses(path):
    """Times, positions [n,3] and unit quaternions [n,4] of groundtruth.txt."""
    times, rows = table(path, 8)
    values = np.array([[number_of(w, f"{path}:{number}") for w in words] for number, words in rows])
    norms = np.linalg.norm(values[:, 3:], axis=1)
    bad = np.flatnonzero(np.abs(norms - 1) > 0.01)
    if len(bad):
        raise TumError(f"{path}:{rows[bad[0]][0]}: the quaternion has length {norms[bad[0]]:.3f}, not 1")
    return times, values[:, :3], values[:, 3:] / norms[:, None]


def associate(times, others, slack):
    """For each time the number of the nearest other one, -1 when it is further than slack seconds."""
    near = nearest(others, times)
    return np.where(np.abs(others[near] - times) <= slack, near, -1)


class Sequence:
    """The rows of a sequence that belong together; read decides nothing about the floor."""

    def __init__(self, folder, lens, slack):
        self.folder, self.lens = folder, lens
        self.times, self.pictures = table(folder / "rgb.txt", 2)
        depth_times, self.depths = table(folder / "depth.txt", 2)
        when, self.positions, self.quaternions = poses(folder / "groundtruth.txt")
        self.turns = np.stack([clipread.rotation(q) for q in self.quaternions])
        self.depth_of, self.pose_of = associate(self.times, depth_times, slack), associate(self.times, when, slack)
        steep = np.abs(self.turns[:, 2, 2]) > math.sin(clipread.STEEP)  # no heading: left out
        self.kept = [i for i in range(len(self.times)) if self.pose_of[i] >= 0 and not steep[self.pose_of[i]]]
        if not self.kept:
            raise TumError(f"{folder}: no picture has a pose within {slack:g} s: do the times of rgb.txt and "
                           "groundtruth.txt come from one clock?")

    def depth(self, i):
        """Depth of picture i in millimetres [h,w], None when there is none near enough."""
        if self.depth_of[i] < 0:
            return None
        number, (name,) = self.depths[self.depth_of[i]]
        image = cv2.imread(str(self.folder / name), cv2.IMREAD_UNCHANGED)
        if image is None or image.dtype != np.uint16 or image.ndim != 2:
            raise TumError(f"{self.folder / 'depth.txt'}:{number}: {name} is no 16-bit grey PNG")
        if image.shape != (self.lens["height"], self.lens["width"]):
            raise TumError(f"{self.folder / 'depth.txt'}:{number}: {name} has {image.shape[1]}x{image.shape[0]} "
                           f"pixels, the camera {self.lens['width']}x{self.lens['height']}")
        return np.rint(image / UNITS).astype(np.uint16)

    def heights(self, i):
        """World z of a part of picture i's points, the lens's distortion left aside."""
        millimetres, lens = self.depth(i), self.lens
        if millimetres is None:
            return np.zeros(0)
        v, u = np.mgrid[4 : lens["height"] : 8, 4 : lens["width"] : 8]
        z = millimetres[v, u] / 1000
        turn = self.turns[self.pose_of[i]][2]
        up = turn[0] * (u - lens["cx"]) / lens["fx"] + turn[1] * (v - lens["cy"]) / lens["fy"] + turn[2]
        return (self.positions[self.pose_of[i], 2] + z * up)[(z > NEAR) & (z < FAR)]


def floor(sequence, most=60):
    """World z of the floor: the lowest height at which many points lie and hardly any below.

    A table that hides the floor would pass for it, so that its figure is always printed.
    """
    some = sequence.kept[:: max(1, len(sequence.kept) // most)]
    z = np.concatenate([sequence.heights(i) for i in some])
    z = z[z < max(sequence.positions[sequence.pose_of[i], 2] for i in some) - 0.1]
    if len(z) >= 100:
        base = np.quantile(z, BELOW_SHARE)
        counts, edges = np.histogram(z, np.arange(base - 2 * BIN, z.max() + 2 * BIN, BIN))
        wide = np.convolve(counts, [1, 1, 1], "same")
        dense = np.flatnonzero((wide >= FLOOR_SHARE * len(z)) & (edges[:-1] < base + 0.15))
        if len(dense):
            middle = edges[dense[np.argmax(wide[dense])]] + BIN / 2
            return float(np.median(z[np.abs(z - middle) <= 1.5 * BIN]))
    raise TumError(f"{sequence.folder}: the depth shows no floor: give its height in the world with --floor Z")


def camera(name):
    """The lens as camera.json has it, of a name or a file."""
    if name in CAMERAS:
        fx, fy, cx, cy, bent = CAMERAS[name]
        lens = {"width": 640, "height": 480, "fx": fx, "fy": fy, "cx": cx, "cy": cy}
        return lens | ({"distortion": {"model": "plumb_bob", "coefficients": list(bent)}} if bent else {})
    problems, path = clipread.Problems(), pathlib.Path(name)
    fields = clipread.one(path, problems)
    if fields is None:
        raise TumError(f"--camera {name}: is neither {', '.join(CAMERAS)} nor a file like camera.json")
    clipread.read_camera(fields)
    problems.end()
    return json.loads(path.read_text())


def write(sequence, out, ground):
    """Writes the clip folder: pictures linked or copied, depth in millimetres, poses above the floor."""
    for name in ("frames", "depth"):
        (out / name).mkdir(parents=True)
    lines, start = [], sequence.times[sequence.kept[0]]
    for i in sequence.kept:
        number, (name,) = sequence.pictures[i]
        stem, place = f"{len(lines):06d}", sequence.positions[sequence.pose_of[i]] - [0, 0, ground]
        target = out / "frames" / (stem + pathlib.Path(name).suffix)
        share(sequence.folder / name, target, f"{sequence.folder / 'rgb.txt'}:{number}")
        turn = sequence.quaternions[sequence.pose_of[i]].tolist()
        line = {"timeSeconds": round(float(sequence.times[i] - start), 6), "image": f"frames/{target.name}",
                "positionM": place.round(6).tolist(), "orientationXyzw": turn}
        millimetres = sequence.depth(i)
        if millimetres is not None:
            line["depth"] = f"depth/{stem}.png"
            cv2.imwrite(str(out / line["depth"]), millimetres)
        lines.append(json.dumps(line) + "\n")
    (out / "frames.jsonl").write_text("".join(lines))
    (out / "camera.json").write_text(json.dumps(sequence.lens, indent=2) + "\n")


def share(source, target, where):
    """A hard link where the file system has them, else a copy."""
    if not source.is_file():
        raise TumError(f"{where}: there is no file {source}")
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def convert(folder, out, lens, ground, slack):
    """Writes the clip in one piece and returns what to tell."""
    if out.exists():
        raise TumError(f"{out} exists: give a new folder, or remove it")
    sequence = Sequence(folder, lens, slack)
    text = "given"
    if ground is None:
        ground, text = floor(sequence), "estimated: check it, or give --floor"
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        write(sequence, part, ground)
        part.rename(out)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    without = sum(sequence.depth_of[i] < 0 for i in sequence.kept)
    return (f"{out}: {len(sequence.kept)} of {len(sequence.times)} pictures have a pose, {without} of them no depth; "
            f"floor at z = {ground:.3f} m of the world ({text})")


def arguments(args):
    p = argparse.ArgumentParser(prog="python -m train.tum", description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("sequence", type=pathlib.Path, help="folder with rgb.txt, depth.txt, groundtruth.txt")
    p.add_argument("clip", type=pathlib.Path, help="new clip folder")
    p.add_argument("--camera", default="ros", help="fr1, fr2, fr3, ros (525 pixels) or a file like camera.json")
    p.add_argument("--floor", type=float, help="z of the floor in the world, m; else it is estimated")
    p.add_argument("--slack", type=float, default=0.02, help="seconds that a depth or pose may be off")
    return p.parse_args(args)


def main(args=None):
    a = arguments(args)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        print(convert(a.sequence, a.clip, camera(a.camera), a.floor, a.slack))
    except (TumError, clipread.ClipError, OSError) as e:
        print(f"tum: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
