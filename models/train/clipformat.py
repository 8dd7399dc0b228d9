"""Brings clips of one's own to training: checks clip folders and packs them into shards. Format: docs/own-data.md.

    python -m train.clipformat check CLIP...         decodes everything and says what is wrong, with file and line
    python -m train.clipformat pack CLIP... SHARDS   the same, and writes shards as cmd/roomgen does
"""

import argparse
import math
import pathlib
import sys

import cv2

from . import clipdraw, clippack, clipread
from .clipview import View

LABELS = [  # of cmd/roomgen, in its order
    "ball", "bed", "bin", "box", "cabinet", "chair", "door", "fridge", "lamp", "monitor", "plant", "shelf", "sofa",
    "stool", "table", "window",
]
DRAWN = 12  # frames of a clip, about
COLORS = ["red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "grey"]


def words(text):
    """A list of different words."""
    out = [w.strip() for w in text.split(",")]
    if "" in out or len(set(out)) != len(out):
        raise argparse.ArgumentTypeError(f"{text!r}: give different words with commas between")
    return out


def ranged(kind, low, high):
    """An argument type that bounds its values."""
    def read(text):
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text!r}: must be a number from {low:g} to {high:g}")
        return value
    return read


def arguments(args):
    p = argparse.ArgumentParser(prog="python -m train.clipformat", description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = p.add_subparsers(dest="command", required=True)
    both = argparse.ArgumentParser(add_help=False)
    both.add_argument("clips", nargs="+", type=pathlib.Path, metavar="CLIP", help="clip folders")
    both.add_argument("--labels", type=words, default=LABELS, help="words of boxes.jsonl, in their order")
    both.add_argument("--colors", type=words, default=COLORS, help="the same for colours")
    both.add_argument("--frames", type=ranged(int, 1, 64), default=8, help="frames a window")
    both.add_argument("--dt", type=ranged(float, 0.01, 10), default=0.25, help="seconds between them")
    both.add_argument("--step", type=ranged(float, 0.01, 1e4), help="seconds between windows; else they touch")
    both.add_argument("--width", type=ranged(int, 8, 4096), default=160, help="of the canonical view, pixels")
    both.add_argument("--height", type=ranged(int, 8, 4096), default=120, help="of the canonical view, pixels")
    both.add_argument("--hfov", type=ranged(float, 10, 150), default=70, help="of the canonical view, degrees")
    both.add_argument("--stride", type=ranged(int, 1, 64), default=4, help="pixels between depth samples")
    both.add_argument("--shard", type=ranged(int, 1, 4096), default=64, help="windows a shard")
    look = commands.add_parser("check", parents=[both], help="say what is wrong with clips")
    look.add_argument("--draw", type=pathlib.Path, metavar="DIR", help="write some frames with their boxes drawn in")
    pack = commands.add_parser("pack", parents=[both], help="write shards")
    pack.add_argument("out", type=pathlib.Path, metavar="SHARDS", help="a new folder")
    return p.parse_args(args)


def recipe(a):
    view = View(a.width, a.height, math.radians(a.hfov))
    return clippack.Recipe(a.labels, a.colors, view, a.frames, a.dt, a.step or a.frames * a.dt, a.stride, a.shard)


def gather(a):
    """All clips, checked; the problems of all of them at once."""
    clips, wrong = [], []
    for folder in a.clips:
        try:
            clips.append(clipread.read(folder, a.labels, a.colors))
        except clipread.ClipError as e:
            wrong.append(str(e))
    if wrong:
        raise clipread.ClipError("\n".join(wrong))
    return clips


def draw(r, clip, looks, folder):
    """Writes a few frames of a clip, with the edges of its boxes."""
    folder.mkdir(parents=True, exist_ok=True)
    boxes = clip.boxes if clip.boxes is not None else ()
    for i in range(0, len(looks), max(1, len(looks) // DRAWN)):
        image = clipdraw.outlines(r.view, looks[i].rgb, boxes, clip.frames[i].pose)
        cv2.imwrite(str(folder / f"{clip.folder.resolve().name}-line{clip.frames[i].line:06d}.png"), image)


def check(r, clips, folder):
    """Decodes every frame of every clip."""
    for clip in clips:
        pictures = clippack.Pictures(clip)
        try:
            looks = [clippack.look(r, clip, frame, pictures) for frame in clip.frames]
        finally:
            pictures.close()
        if folder:
            draw(r, clip, looks, folder)
        sets, spoiled = clippack.windows(clippack.times(clip), r)
        yield clippack.report(clip, looks, len(sets), spoiled)


def main(args=None):
    # A file that cannot be decoded is told by this program, with its line.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    a = arguments(args)
    try:
        clips, r = gather(a), recipe(a)
        for line in check(r, clips, a.draw) if a.command == "check" else clippack.pack(r, clips, a.out):
            print(line, flush=True)
    except (clipread.ClipError, OSError) as e:
        print(e, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
