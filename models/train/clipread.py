"""Reads and checks clip folders, the format of docs/own-data.md. Every problem names its file and line."""

import dataclasses
import json
import math
import pathlib

import numpy as np

from .clipview import COEFFICIENTS, Lens

MOST = 20  # problems that are listed
MAX_SIDE = 16384  # pixels
STEEP = math.radians(85)  # a camera that looks further up or down has no heading
LIMIT = 1e4  # m: no clip is larger
BROKEN = object()  # stands for what was no JSON; null is JSON


class ClipError(Exception):
    """A clip that cannot be used; its text lists what is wrong, a line each."""


class Problems:
    """Collects what is wrong with one clip, so that all of it can be told at once."""

    def __init__(self):
        self.lines, self.more = [], 0

    def add(self, where, text):
        if len(self.lines) < MOST:
            self.lines.append(f"{where}: {text}")
        else:
            self.more += 1

    def end(self):
        """Raises when there were problems."""
        if self.lines:
            raise ClipError("\n".join(self.lines + ([f"and {self.more} more"] if self.more else [])))


class Fields:
    """One JSON object whose keys are taken one by one; what is missing, wrong or left over becomes a problem."""

    def __init__(self, problems, where, value):
        self.problems, self.where = problems, where
        self.left = dict(value) if isinstance(value, dict) else {}
        if not isinstance(value, dict):
            self.wrong("must be a JSON object")

    def wrong(self, text):
        self.problems.add(self.where, text)

    def has(self, key):
        return key in self.left

    def take(self, key, default):
        """The value, or the default; without a default (None) the key is required."""
        if key not in self.left and default is None:
            self.wrong(f"{key} is missing")
        return self.left.pop(key, default)

    def number(self, key, low, high, default=None):
        value = self.take(key, default)
        if value is not None and not within(value, low, high):
            self.wrong(f"{key} {short(value)}: must be a number from {low:g} to {high:g}")
            return low
        return low if value is None else value

    def whole(self, key, low, high):
        value = self.number(key, low, high)
        if value != int(value):
            self.wrong(f"{key} {short(value)}: must be a whole number")
        return int(value)

    def numbers(self, key, count, low, high):
        """A list of `count` numbers (any of those counts)."""
        counts = [count] if isinstance(count, int) else count
        value = self.take(key, None)
        if isinstance(value, list) and len(value) in counts and all(within(v, low, high) for v in value):
            return [float(v) for v in value]
        if value is not None:
            some = " or ".join(str(c) for c in counts)
            self.wrong(f"{key} {short(value)}: must be a list of {some} numbers from {low:g} to {high:g}")
        return [low] * counts[0]

    def word(self, key, allowed, default=None):
        value = self.take(key, default)
        if value is not None and (not isinstance(value, str) or value not in allowed):
            self.wrong(f"{key} {short(value)}: must be one of {', '.join(allowed)}")
        return value if isinstance(value, str) and value in allowed else allowed[0]

    def flag(self, key, default):
        value = self.take(key, default)
        if not isinstance(value, bool):
            self.wrong(f"{key} {short(value)}: must be true or false")
        return bool(value)

    def end(self):
        for key in self.left:
            self.wrong(f"unknown key {short(key)}")


def exists(path):
    """Whether there is such a file; a name that no file can have is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def within(value, low, high):
    """Whether value is a finite number in the range; true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high


def short(value):
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."


@dataclasses.dataclass
class Frame:
    """One picture of a clip; line is that of frames.jsonl."""

    line: int
    time: float  # s
    image: pathlib.Path | None  # of a folder of pictures
    number: int  # of the picture in the video, from 0
    depth: pathlib.Path | None
    lens: Lens
    pose: tuple  # x, y, yaw of the camera's heading; camera height, pitch, roll (map frame, m and rad)


@dataclasses.dataclass
class Clip:
    """A checked clip; its pictures have not been decoded."""

    folder: pathlib.Path
    video: pathlib.Path | None
    frames: list
    boxes: np.ndarray | None  # [M,12] as objects.npy of roomgen, None when nobody labelled them
    room: tuple | None  # length, width, height, floor area

    @property
    def has_depth(self):
        return any(f.depth for f in self.frames)


def read(folder, labels, colors):
    """Reads a clip folder. Raises ClipError with everything that is wrong."""
    folder, problems = pathlib.Path(folder), Problems()
    if not (folder / "frames.jsonl").is_file():
        raise ClipError(f"{folder}: holds no frames.jsonl, so it is no clip folder (docs/own-data.md)")
    camera = one(folder / "camera.json", problems)
    lens, mount = read_camera(camera)
    reader = FrameReader(folder, lens, mount, problems)
    frames = [reader.read(line, value) for line, value in lines(folder / "frames.jsonl", problems)]
    reader.finish(frames)
    boxes = read_boxes(folder / "boxes.jsonl", labels, colors, problems)
    room = read_room(folder / "room.json", problems)
    problems.end()
    return Clip(folder, reader.video, frames, boxes, room)


def parse(text, where, problems):
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as e:
        problems.add(where, f"is no JSON: {e}")
        return BROKEN


def text_of(path, problems):
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as e:
        problems.add(path, f"cannot be read as text: {e}")
        return ""


def lines(path, problems):
    """(line number, value) of each line that is not empty."""
    for number, text in enumerate(text_of(path, problems).split("\n"), 1):
        value = parse(text, f"{path}:{number}", problems) if text.strip() else BROKEN
        if value is not BROKEN:
            yield number, value


def one(path, problems):
    """The fields of a file that is one object; None when there is no such file."""
    if not path.is_file():
        return None
    value = parse(text_of(path, problems), path, problems)
    return Fields(problems, path, {} if value is BROKEN else value)


def read_camera(fields):
    """The shared lens and mount of camera.json; None for what it does not say."""
    if fields is None:
        return None, None
    mount = Fields(fields.problems, f"{fields.where}: mount", fields.take("mount", {})) if fields.has("mount") else None
    lens = read_lens(fields)
    return lens, mount and read_mount(mount)


def read_lens(f):
    """A lens in the words of vegad's configuration."""
    size = f.whole("width", 1, MAX_SIDE), f.whole("height", 1, MAX_SIDE)
    focal = f.number("fx", 1, 1e5), f.number("fy", 1, 1e5)
    middle = f.number("cx", -MAX_SIDE, 2 * MAX_SIDE), f.number("cy", -MAX_SIDE, 2 * MAX_SIDE)
    model, coefficients = "none", ()
    if f.has("distortion"):
        d = Fields(f.problems, f"{f.where}: distortion", f.take("distortion", {}))
        model = d.word("model", list(COEFFICIENTS))
        coefficients = tuple(d.numbers("coefficients", COEFFICIENTS[model], -1e3, 1e3)) if model != "none" else ()
        d.end()
    f.end()
    return Lens(*size, *focal, *middle, model, coefficients)


def read_mount(f):
    """x, y, height, yaw, pitch, roll of the camera on the robot."""
    place = f.number("xM", -10, 10, 0), f.number("yM", -10, 10, 0), f.number("heightM", 0.01, 20)
    turn = f.number("yawRad", -7, 7, 0), f.number("pitchRad", -STEEP, STEEP, 0), f.number("rollRad", -4, 4, 0)
    f.end()
    return place + turn


class FrameReader:
    """Reads the lines of frames.jsonl."""

    def __init__(self, folder, lens, mount, problems):
        self.folder, self.lens, self.mount, self.problems = folder, lens, mount, problems
        self.video = folder / "video.mp4" if (folder / "video.mp4").is_file() else None
        self.count, self.last = 0, None

    def read(self, line, value):
        f = Fields(self.problems, f"{self.folder / 'frames.jsonl'}:{line}", value)
        time = f.number("timeSeconds", -1e12, 1e12)
        if self.last is not None and time <= self.last.time:
            f.wrong(f"timeSeconds {time} is not after that of line {self.last.line}, {self.last.time}")
        image, number = self.picture(f)
        depth = self.file(f, "depth") if f.has("depth") else None
        lens = self.own_lens(f)
        pose = self.pose(f)
        f.end()
        self.count += 1
        self.last = Frame(line, time, image, number, depth, lens, pose)
        return self.last

    def picture(self, f):
        """The file of the picture, or its number in the video."""
        if self.video is None:
            return self.file(f, "image"), 0
        number = f.whole("videoFrame", 0, 1e9) if f.has("videoFrame") else self.count
        if self.last is not None and number <= self.last.number:
            f.wrong(f"videoFrame {number} is not after that of line {self.last.line}, {self.last.number}")
        return None, number

    def file(self, f, key):
        """A file that the line names, relative to the clip."""
        name = f.take(key, None)
        if not isinstance(name, str):
            if name is not None:
                f.wrong(f"{key} {short(name)}: must be a file's name")
            return None
        path = self.folder / name
        if not exists(path):
            f.wrong(f"{key} {short(name)}: there is no such file in {self.folder}")
        return path

    def own_lens(self, f):
        """The line's own intrinsics, else the shared ones."""
        if f.has("intrinsics"):
            return read_lens(Fields(self.problems, f"{f.where}: intrinsics", f.take("intrinsics", {})))
        if self.lens is None:
            f.wrong("intrinsics are missing, and there is no camera.json that gives them for all frames")
        return self.lens

    def pose(self, f):
        """x, y, yaw, height, pitch, roll of the camera."""
        if f.has("positionM") or f.has("orientationXyzw"):
            position = f.numbers("positionM", 3, -LIMIT, LIMIT)
            return self.optical(f, position, f.numbers("orientationXyzw", 4, -1.01, 1.01))
        x, y, yaw = f.number("xM", -LIMIT, LIMIT), f.number("yM", -LIMIT, LIMIT), f.number("yawRad", -1e3, 1e3)
        dx, dy, height, turn, pitch, roll = self.mount or (0, 0, None, 0, None, None)
        c, s = math.cos(yaw), math.sin(yaw)
        height = f.number("heightM", 0.01, 20, height)
        pitch, roll = f.number("pitchRad", -STEEP, STEEP, pitch), f.number("rollRad", -4, 4, roll)
        return x + c * dx - s * dy, y + s * dx + c * dy, yaw + turn, height, pitch, roll

    def optical(self, f, position, q):
        norm = math.sqrt(sum(v * v for v in q))
        if abs(norm - 1) > 0.01:
            f.wrong(f"orientationXyzw has length {norm:.3f}: a rotation has length 1, in the order x, y, z, w")
            return 0, 0, 0, 1, 0, 0
        yaw, pitch, roll = angles(rotation(q))
        if abs(pitch) > STEEP:
            f.wrong(f"the camera looks {math.degrees(pitch):.0f} degrees down: beyond {math.degrees(STEEP):.0f} it has "
                    "no heading. orientationXyzw must turn camera_optical (z forward, y down) into a map with z up")
        if not 0.01 <= position[2] <= 20:
            f.wrong(f"the camera is {position[2]:.2f} m above the floor: the map's floor must lie at z = 0")
        return position[0], position[1], yaw, position[2], pitch, roll

    def finish(self, frames):
        """What only the whole list shows."""
        if not frames:
            self.problems.add(self.folder / "frames.jsonl", "names no frame")
        if (self.folder / "depth").is_dir() and not any(f.depth for f in frames):
            self.problems.add(self.folder, "holds a folder depth, but no line of frames.jsonl names a file in it")


def rotation(q):
    """The rotation matrix [3,3] of a unit quaternion x, y, z, w."""
    x, y, z, w = np.asarray(q, float) / np.linalg.norm(q)
    return np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ])


def angles(turn):
    """yaw, pitch (positive looks down), roll (positive lowers the right side) of camera_optical turned by a matrix."""
    right, forward = turn[:, 0], turn[:, 2]
    yaw, pitch = math.atan2(forward[1], forward[0]), -math.asin(min(max(forward[2], -1), 1))
    level = np.array([math.sin(yaw), -math.cos(yaw), 0])
    return yaw, pitch, math.atan2(right @ np.cross(forward, level), right @ level)


def read_boxes(path, labels, colors, problems):
    """Rows as in objects.npy; None when the file does not exist."""
    if not path.is_file():
        return None
    fields = (Fields(problems, f"{path}:{line}", value) for line, value in lines(path, problems))
    rows = [read_box(f, labels, colors) for f in fields]
    return np.array(rows, np.float32).reshape(-1, 12)


def read_box(f, labels, colors):
    label, color = f.word("label", labels), f.word("color", colors)
    center, size = f.numbers("centerM", 3, -LIMIT, LIMIT), f.numbers("sizeM", 3, 0.005, 100)
    yaw = f.number("yawRad", -1e3, 1e3, 0)
    top, wall = f.flag("onTop", False), f.flag("inWall", label in ("door", "window"))
    f.end()
    return [1, labels.index(label), colors.index(color), *center, *size, yaw, top, wall]


def read_room(path, problems):
    """length, width, height, floor area; None when nobody measured them."""
    f = one(path, problems)
    if f is None:
        return None
    size = tuple(f.number(key, 0.1, 1e3) for key in ("lengthM", "widthM", "heightM"))
    area = f.number("areaM2", 0.1, 1e6, size[0] * size[1])
    f.end()
    return *size, area
