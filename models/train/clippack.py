"""Turns checked clips into shards with the arrays of cmd/roomgen: canonical view, windows, and what the boxes cover."""

import dataclasses
import json
import shutil

import cv2
import numpy as np

from .clipread import ClipError
from .clipview import View

MAX_OBJECTS = 28  # rows of objects.npy
OWN = 1 << 63  # added to seeds, so that no clip of one's own looks like a generated room
SLACK, SLACK_RATIO = 0.03, 0.015  # m, and share of the distance: how far from a box measured depth still shows it
FLOOR, FLOOR_RATIO = 0.03, 0.005  # the same: how high above the floor measured depth still shows the floor


@dataclasses.dataclass
class Recipe:
    """How shards are made. The defaults are what the bundles are trained on."""

    labels: list
    colors: list
    view: View = dataclasses.field(default_factory=View)
    frames: int = 8
    dt: float = 0.25  # s
    step: float = 2.0  # s from one window's beginning to the next one's
    stride: int = 4  # pixels between samples of depth and instance
    shard: int = 64  # windows


@dataclasses.dataclass
class Look:
    """One frame in the canonical view."""

    rgb: np.ndarray  # [H,W,3]
    depth: np.ndarray  # [h,w] mm along the ray, 0 unknown
    instance: np.ndarray  # [h,w] box + 1, 0 for none
    visible: np.ndarray  # [M,2] pixels that show each box, and that would if nothing stood before it
    seen: float  # share of the view that the camera covers
    measured: float  # share of the samples with depth


def nearest(times, want):
    """The numbers of the rising times that are nearest to the wanted ones."""
    right = np.minimum(np.searchsorted(times, want), len(times) - 1)
    left = np.maximum(right - 1, 0)
    return np.where(np.abs(times[right] - want) < np.abs(want - times[left]), right, left)


def windows(times, recipe):
    """Frame numbers [n,frames] of windows whose frames lie dt apart, and how many windows a gap spoiled."""
    out, spoiled = [], 0
    slack, offsets = recipe.dt / 4, np.arange(recipe.frames) * recipe.dt
    start, end = times[0], times[-1] + recipe.dt / 4
    while start + offsets[-1] <= end:
        want = start + offsets
        near = nearest(times, want)
        late = np.flatnonzero(np.abs(times[near] - want) > slack)
        if len(late) == 0:
            out.append(near)
            start += recipe.step
            continue
        spoiled += 1
        after = np.searchsorted(times, want[late[0]], "right")
        start = times[after] if after < len(times) else np.inf
    return np.array(out, int).reshape(-1, recipe.frames), spoiled


class Pictures:
    """The pictures of a clip, asked for in rising order."""

    def __init__(self, clip):
        self.clip, self.next = clip, 0
        self.video = cv2.VideoCapture(str(clip.video)) if clip.video else None
        if self.video is not None and not self.video.isOpened():
            raise ClipError(f"{clip.video}: cannot be opened as a video")

    def read(self, frame):
        """RGB of a frame as [h,w,3], in the size of its lens."""
        where = f"{self.clip.folder / 'frames.jsonl'}:{frame.line}"
        image = self.film(frame, where) if self.video is not None else load(frame.image, cv2.IMREAD_COLOR, where)
        if image.shape[:2] != (frame.lens.height, frame.lens.width):
            raise ClipError(f"{where}: the picture has {image.shape[1]}x{image.shape[0]} pixels, its intrinsics are "
                            f"for {frame.lens.width}x{frame.lens.height}")
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)

    def film(self, frame, where):
        while self.next <= frame.number:
            if not self.video.grab():
                raise ClipError(f"{where}: wants picture {frame.number} of {self.clip.video.name}, which ends after "
                                f"{self.next}")
            self.next += 1
        return self.video.retrieve()[1]

    def depth(self, frame):
        """Millimetres along the optical axis, [h,w]."""
        where = f"{self.clip.folder / 'frames.jsonl'}:{frame.line}"
        image = load(frame.depth, cv2.IMREAD_UNCHANGED, where)
        if image.dtype != np.uint16 or image.ndim != 2:
            raise ClipError(f"{where}: {frame.depth.name} must be a 16-bit grey PNG of millimetres")
        return image

    def close(self):
        if self.video is not None:
            self.video.release()


def load(path, how, where):
    flags = how if how == cv2.IMREAD_UNCHANGED else how | cv2.IMREAD_IGNORE_ORIENTATION
    image = cv2.imread(str(path), flags)
    if image is None:
        raise ClipError(f"{where}: {path} cannot be read as a picture")
    return image


def look(recipe, clip, frame, pictures):
    """Decodes one frame and rectifies all that is known of it."""
    view, roll = recipe.view, frame.pose[5]
    rgb, seen = view.picture(frame.lens, roll, pictures.read(frame))
    depth = np.zeros((view.height, view.width), np.float32)
    if frame.depth:
        try:
            depth = view.depth(frame.lens, roll, pictures.depth(frame))
        except ValueError as e:
            raise ClipError(f"{clip.folder / 'frames.jsonl'}:{frame.line}: {frame.depth.name}: {e}") from e
    boxes = clip.boxes if clip.boxes is not None else np.zeros((0, 12), np.float32)
    instance, visible = cover(view, boxes, frame.pose, depth, view.shown(frame.lens, roll))
    pick = slice(recipe.stride // 2, None, recipe.stride)
    small = depth[pick, pick]
    mm = np.minimum(np.rint(small * 1000), 65535).astype(np.uint16)
    return Look(rgb, mm, instance[pick, pick], visible, seen, float((mm > 0).mean()))


def pierce(box, eye, rays):
    """Where rays [P,3] from a point enter and leave a box, [P] metres; a ray that misses leaves before it enters."""
    c, s = np.cos(box[9]), np.sin(box[9])
    turn = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])
    near, far = np.full(len(rays), np.inf), np.full(len(rays), -np.inf)
    toward, radius = box[3:6] - eye, np.linalg.norm(box[6:9]) / 2
    distance = np.linalg.norm(toward)
    aside = 1 - (radius / distance) ** 2 if distance > radius else 0
    might = rays @ (toward / max(distance, 1e-9)) >= (np.sqrt(aside) - 1e-6 if aside else -1)
    along = rays[might] @ turn.T
    along = np.where(np.abs(along) < 1e-9, 1e-9, along)
    one, two = ((side * box[6:9] / 2 + turn @ toward) / along for side in (-1, 1))
    near[might], far[might] = np.minimum(one, two).max(1), np.maximum(one, two).min(1)
    return near, far


def cover(view, boxes, pose, depth, shown):
    """Which box each pixel [H,W] shows (box + 1, 0 for none), and the pixels [M,2] that show each and that might.

    Where depth is known, a pixel shows the smallest box that its point lies in; a ray that goes through a box and meets
    the floor, or something behind the box, met nothing of it. Elsewhere the nearest box shows, or the smallest of those
    that reach into it along the ray: what stands in a shelf or under a table is not hidden by the box around it.
    """
    who, counts = np.zeros(shown.size, np.uint16), np.zeros((len(boxes), 2), np.int32)
    rays, eye = view.rays(pose), np.array([pose[0], pose[1], pose[3]])
    spans = [pierce(b, eye, rays) for b in boxes.astype(float)]
    ahead = [i for i, (near, far) in enumerate(spans) if (far > np.maximum(near, 0)).any()]
    if not ahead:
        return who.reshape(shown.shape), counts
    near, far = (np.stack([spans[i][k] for i in ahead]) for k in (0, 1))
    d = depth.ravel()
    slack, known = SLACK + SLACK_RATIO * d, d > 0
    floor = known & (eye[2] + d * rays[:, 2] < FLOOR + FLOOR_RATIO * d)
    meets = (far > np.maximum(near, 0)) & shown.ravel()
    through = known & ((d > far + slack) | (floor & (d >= near - slack)))
    on = np.where(known, meets & (d >= near - slack) & ~through, foremost(near, far, meets & (near > 0)))
    volume = boxes[ahead, 6:9].prod(1)[:, None]
    first = np.where(on, volume, np.inf).argmin(0)
    shows = on.any(0)
    who[shows] = np.array(ahead)[first[shows]] + 1
    whole = (meets & np.where(known, ~through, near > 0)).sum(1)
    counts[:, 0] = np.bincount(who, minlength=len(boxes) + 1)[1:]
    counts[ahead, 1] = np.maximum(whole, counts[ahead, 0])
    return who.reshape(shown.shape), counts


def foremost(near, far, meets):
    """The boxes [M,P] that begin before the nearest one ends."""
    first = np.where(meets, near, np.inf)
    end = np.take_along_axis(far, first.argmin(0)[None], 0)
    return meets & (near <= end)


@dataclasses.dataclass
class Report:
    """What became of one clip."""

    folder: str
    frames: int
    windows: int
    spoiled: int  # windows that a gap between frames prevented
    seen: float  # mean share of the view that the camera covers
    measured: float  # mean share of the samples with depth

    def __str__(self):
        text = f"{self.folder}: {self.frames} frames, {self.windows} windows, depth for {self.measured:.0%}"
        if self.spoiled:
            text += f"; gaps between frames prevented {self.spoiled} windows"
        if self.seen < 0.95:
            text += f"; the camera covers {self.seen:.0%} of the canonical view, the rest is grey"
        return text


def pack(recipe, clips, out):
    """Writes the shards of checked clips to a new folder, in one piece or not at all. Yields a Report for each clip."""
    if out.exists() and any(out.iterdir()):
        raise ClipError(f"{out} is not empty: give a new folder, or remove what is there")
    labelled = {
        "boxes": agree(clips, "boxes.jsonl", lambda c: c.boxes is not None),
        "depth": agree(clips, "depth", lambda c: c.has_depth),
        "room": agree(clips, "room.json", lambda c: c.room is not None),
    }
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield from fill(recipe, clips, part)
        describe(recipe, part, clips, labelled)
        if out.exists():
            out.rmdir()
        part.rename(out)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def fill(recipe, clips, out):
    """Writes the shards of all clips; one window at the least."""
    writer = Writer(recipe, out)
    for number, clip in enumerate(clips):
        yield add(recipe, clip, number, writer)
    writer.flush()
    if writer.count == 0:
        raise ClipError(f"no window of {recipe.frames} frames, {recipe.dt:g} s apart, fits into any clip: one must "
                        f"last {(recipe.frames - 1) * recipe.dt:g} s without gaps")


def agree(clips, name, has):
    """Whether the clips have something. All must or none: training would take what is missing for what is not there."""
    yes, no = [c for c in clips if has(c)], [c for c in clips if not has(c)]
    if yes and no:
        raise ClipError(f"{yes[0].folder} has {name} and {no[0].folder} has not: pack them into separate folders")
    return bool(yes)


def add(recipe, clip, number, writer):
    """Renders the frames that windows need, each once, and hands the windows on."""
    sets, spoiled = windows(times(clip), recipe)
    pictures = Pictures(clip)
    try:
        looks = {int(i): look(recipe, clip, clip.frames[i], pictures) for i in np.unique(sets)}
    finally:
        pictures.close()
    for k, frames in enumerate(sets):
        writer.add(window(clip, [clip.frames[i] for i in frames], [looks[int(i)] for i in frames]), (OWN + number, k))
    return report(clip, looks.values(), len(sets), spoiled)


def times(clip):
    return np.array([f.time for f in clip.frames])


def report(clip, looks, count, spoiled):
    mean = lambda key: float(np.mean([getattr(v, key) for v in looks])) if looks else 0.0
    return Report(str(clip.folder), len(clip.frames), count, spoiled, mean("seen"), mean("measured"))


def window(clip, frames, looks):
    """The arrays of one window. Of too many boxes those stay that show most."""
    boxes = clip.boxes if clip.boxes is not None else np.zeros((0, 12), np.float32)
    visible = np.stack([v.visible for v in looks])
    keep = np.sort(np.argsort(-visible[:, :, 0].sum(0), kind="stable")[:MAX_OBJECTS])
    row = np.zeros(len(boxes) + 1, np.uint8)
    row[keep + 1] = np.arange(1, len(keep) + 1)
    objects, counts = np.zeros((MAX_OBJECTS, 12), np.float32), np.zeros((len(looks), MAX_OBJECTS, 2), np.int32)
    objects[: len(keep)], counts[:, : len(keep)] = boxes[keep], visible[:, keep]
    return {
        "rgb": np.stack([v.rgb for v in looks]), "depth": np.stack([v.depth for v in looks]),
        "instance": row[np.stack([v.instance for v in looks])], "objects": objects, "visible": counts,
        "pose": np.array([[*f.pose[:5], 0] for f in frames], np.float32),  # the view has no roll
        "room": np.array(clip.room or (0, 0, 0, 0), np.float32),
    }


class Writer:
    """Collects windows and writes a shard whenever there are enough."""

    def __init__(self, recipe, out):
        self.recipe, self.out, self.rows, self.count, self.shards = recipe, out, [], 0, 0

    def add(self, arrays, seed):
        self.rows.append(arrays | {"seed": np.array(seed, np.uint64)})
        self.count += 1
        if len(self.rows) == self.recipe.shard:
            self.flush()

    def flush(self):
        if not self.rows:
            return
        folder = self.out / f"shard-{self.shards:05d}"
        folder.mkdir()
        for name in self.rows[0]:
            np.save(folder / f"{name}.npy", np.stack([r[name] for r in self.rows]))
        self.rows, self.shards = [], self.shards + 1


def describe(recipe, out, clips, labelled):
    view = recipe.view
    meta = {
        "frames": recipe.frames, "dtSeconds": recipe.dt,
        "width": view.width, "height": view.height, "hfovRad": view.hfov, "stride": recipe.stride,
        "labels": recipe.labels, "colors": recipe.colors, "labelled": labelled,
        "folders": [str(c.folder) for c in clips],
    }
    (out / "meta.json").write_text(json.dumps(meta, indent=2) + "\n")
