"""Packing: windows, what boxes cover, whole clips against an independent renderer, and the command."""

import contextlib
import importlib.util
import io
import json
import math
import pathlib
import tempfile
import unittest

import numpy as np

try:
    import cv2
except ImportError as e:
    raise unittest.SkipTest("requirements-own-data.txt is not installed") from e

from train import clipdraw, clipformat, clippack
from train.clipview import View
from train.tests import scenes

SHAPES = {"rgb": (8, 120, 160, 3), "depth": (8, 30, 40), "instance": (8, 30, 40), "objects": (28, 12),
          "visible": (8, 28, 2), "pose": (8, 6), "room": (4,), "seed": (2,)}
TYPES = {"rgb": "u1", "depth": "u2", "instance": "u1", "objects": "f4", "visible": "i4", "pose": "f4", "room": "f4",
         "seed": "u8"}


def recipe(**changes):
    return clippack.Recipe(clipformat.LABELS, clipformat.COLORS, **changes)


def call(*args):
    """The command's exit code and what it printed and complained."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = clipformat.main([str(a) for a in args])
    return code, out.getvalue(), err.getvalue()


def arrays(folder, shard=0):
    return {name: np.load(folder / f"shard-{shard:05d}" / f"{name}.npy") for name in SHAPES}


class Case(unittest.TestCase):
    def setUp(self):
        temp = tempfile.TemporaryDirectory()
        self.addCleanup(temp.cleanup)
        self.folder = pathlib.Path(temp.name)


class WindowsTest(unittest.TestCase):
    def test_frames_are_the_nearest_in_time(self):
        sets, spoiled = clippack.windows(np.arange(0, 4.01, 1 / 30) + 100, recipe())
        self.assertEqual(spoiled, 0)
        self.assertEqual(len(sets), 2)
        times = np.arange(0, 4.01, 1 / 30)[sets]
        np.testing.assert_allclose(times[0], np.arange(8) * 0.25, atol=1 / 60 + 1e-9)
        np.testing.assert_allclose(times[1] - 2, np.arange(8) * 0.25, atol=1 / 60 + 1e-9)

    def test_no_window_reaches_across_a_gap(self):
        times = np.concatenate([np.arange(0, 3, 0.05), np.arange(5, 9, 0.05)])
        sets, spoiled = clippack.windows(times, recipe())
        self.assertEqual((len(sets), spoiled), (3, 1))
        self.assertTrue((np.abs(np.diff(times[sets], axis=1) - 0.25) < 0.13).all())
        self.assertEqual(times[sets[1, 0]], 5)

    def test_windows_may_overlap_or_not_exist(self):
        times = np.arange(0, 4, 0.25)
        self.assertEqual(len(clippack.windows(times, recipe(step=0.25))[0]), 9)
        self.assertEqual(clippack.windows(times[:7], recipe())[0].shape, (0, 8))
        self.assertEqual(clippack.windows(times[:1], recipe(frames=1))[0].tolist(), [[0]])
        self.assertEqual(clippack.windows(times[::4], recipe())[0].shape, (0, 8))


class CoverTest(unittest.TestCase):
    """A camera at height 1 m that looks along x, and boxes before it."""

    pose, view = (0, 0, 0, 1.0, 0, 0), View()

    def cover(self, boxes, depth=None):
        rows = np.array([[1, 0, 0, *b, 0, 0, 0] for b in boxes], np.float32)
        depth = np.zeros((120, 160), np.float32) if depth is None else depth
        return clippack.cover(self.view, rows, self.pose, depth, np.ones((120, 160), bool))

    def along(self, x):
        """Depth of a wall at x, along the rays."""
        right, down = self.view.grid(1)
        return (x * np.sqrt(1 + right**2 + down**2)).astype(np.float32)

    def test_size_of_a_box_in_pixels(self):
        who, counts = self.cover([(2.5, 0, 1, 1, 1, 0.5)])
        width, height = np.ptp(np.nonzero(who)[1]) + 1, np.ptp(np.nonzero(who)[0]) + 1
        self.assertAlmostEqual(width, self.view.focal / 2, delta=1.01)
        self.assertAlmostEqual(height, self.view.focal / 4, delta=1.01)
        self.assertEqual(counts.tolist(), [[int((who == 1).sum())] * 2])

    def test_the_nearer_box_hides_the_other(self):
        who, counts = self.cover([(5, 0, 1, 1, 1, 1), (2, 0, 1, 0.2, 0.3, 2)])
        self.assertEqual(who[60, 80], 2)
        self.assertEqual(counts[1, 0], counts[1, 1])
        self.assertLess(counts[0, 0], 0.6 * counts[0, 1])
        self.assertGreater(counts[0, 0], 0)

    def test_a_thing_in_a_shelf_is_not_hidden_by_the_shelf(self):
        who, _ = self.cover([(3, 0, 1, 0.6, 1, 1.5), (3, 0, 1, 0.2, 0.2, 0.2)])
        self.assertEqual((who[60, 80], who[60, 90]), (2, 1))

    def test_boxes_behind_and_around_the_camera_show_nothing(self):
        who, counts = self.cover([(-3, 0, 1, 1, 1, 1), (0, 0, 1, 1, 1, 1)])
        self.assertEqual((int(who.max()), counts.sum()), (0, 0))

    def test_depth_decides(self):
        box = (2.5, 0, 1, 1, 1, 0.5)
        whole = self.cover([box])[1][0, 1]
        for at, visible, might in ((2.0, whole, whole), (1.5, 0, whole), (3.5, 0, 0)):
            with self.subTest(wall=at):
                _, counts = self.cover([box], self.along(at))
                np.testing.assert_allclose(counts[0], (visible, might), atol=0.12 * whole)
        half = self.along(2.0)
        half[:, :80] = 0
        self.assertEqual(self.cover([box], half)[1][0, 0], whole)

    def test_floor_below_a_table_is_floor(self):
        right, down = self.view.grid(1)
        to_floor = np.sqrt(1 + right**2 + down**2) / np.maximum(down, 1e-9)
        floor = np.where(down > 0, to_floor, 0).astype(np.float32)
        who, counts = self.cover([(3, 0, 0.35, 1, 1, 0.7)], floor)
        self.assertEqual((int(who.max()), counts[0, 0]), (0, 0))

    def test_pixels_that_the_camera_does_not_see_show_nothing(self):
        shown = np.zeros((120, 160), bool)
        row = np.array([[1, 0, 0, 2.5, 0, 1, 1, 1, 0.5, 0, 0, 0]], np.float32)
        who, counts = clippack.cover(self.view, row, self.pose, np.zeros((120, 160), np.float32), shown)
        self.assertEqual((int(who.max()), counts.sum()), (0, 0))


class PackTest(Case):
    def truth(self, count=8):
        """Depth along the ray in metres and the box shown, at the samples, from the test's own renderer."""
        view = View()
        lens = {"width": 160, "height": 120, "fx": view.focal, "fy": view.focal, "cx": 79.5, "cy": 59.5}
        right, down = view.grid(1)
        out = []
        for _, pose in scenes.drive(count):
            axial, who = scenes.ray_trace(lens, (*pose[:5], 0), scenes.BOXES)
            out.append(((axial * np.sqrt(1 + right**2 + down**2))[2::4, 2::4], (who + 1)[2::4, 2::4]))
        return np.stack([d for d, _ in out]), np.stack([w for _, w in out])

    def test_a_clip_becomes_what_was_put_in(self):
        scenes.clip(self.folder / "a")
        scenes.write_json(self.folder / "a/room.json", {"lengthM": 6, "widthM": 5, "heightM": 2.5})
        code, out, err = call("pack", self.folder / "a", self.folder / "out")
        self.assertEqual((code, err), (0, ""))
        self.assertIn("8 frames, 1 windows", out)
        got = arrays(self.folder / "out")
        for name, shape in SHAPES.items():
            self.assertEqual((got[name].shape, got[name].dtype), ((1, *shape), np.dtype(TYPES[name])), name)
        want = np.array([pose for _, pose in scenes.drive(8)])
        np.testing.assert_allclose(got["pose"][0, :, :5], want[:, :5], atol=1e-5)
        self.assertEqual(np.abs(got["pose"][0, :, 5]).max(), 0)
        self.assertEqual(got["room"][0].tolist(), [6, 5, 2.5, 30])
        self.assertEqual(got["seed"][0].tolist(), [1 << 63, 0])
        self.check_pictures(got)

    def check_pictures(self, got):
        depth, who = self.truth()
        known = got["depth"][0] > 0
        self.assertGreater(known.mean(), 0.7)
        off = np.abs(got["depth"][0] / 1000 - depth)[known] / depth[known]
        self.assertLess(np.median(off), 0.005)
        self.assertGreater((off < 0.03).mean(), 0.97)
        agree = (got["instance"][0] == who)[known]
        self.assertGreater(agree.mean(), 0.97)
        self.assertGreater(agree[who[known] > 0].mean(), 0.9)
        shade = got["rgb"][0][:, 2::4, 2::4][..., ::-1].astype(int)  # the colour of each pixel says what it shows
        same = np.abs(shade - scenes.SHADES[got["instance"][0]]).max(-1) < 40
        self.assertGreater(same[known].mean(), 0.93)

    def test_meta_says_what_is_labelled(self):
        scenes.clip(self.folder / "a", boxes=None, depth=False)
        self.assertEqual(call("pack", self.folder / "a", self.folder / "out")[0], 0)
        meta = json.loads((self.folder / "out/meta.json").read_text())
        self.assertEqual(meta["labelled"], {"boxes": False, "depth": False, "room": False})
        self.assertEqual((meta["frames"], meta["dtSeconds"], meta["width"], meta["height"], meta["stride"]),
                         (8, 0.25, 160, 120, 4))
        self.assertAlmostEqual(meta["hfovRad"], math.radians(70))
        got = arrays(self.folder / "out")
        for name in ("depth", "instance", "objects", "visible", "room"):
            self.assertEqual(int(np.abs(got[name]).max()), 0, name)

    def test_windows_fill_shards(self):
        scenes.clip(self.folder / "a", count=12, depth=False)
        scenes.clip(self.folder / "b", count=8, depth=False)
        code, out, _ = call("pack", self.folder / "a", self.folder / "b", self.folder / "out", "--frames", "3",
                            "--shard", "4")
        self.assertEqual((code, out.count("windows")), (0, 2))
        shards = [arrays(self.folder / "out", i) for i in range(2)]
        self.assertEqual([len(s["seed"]) for s in shards], [4, 2])
        seeds = np.concatenate([s["seed"] for s in shards]) - np.array([1 << 63, 0], np.uint64)
        self.assertEqual(seeds.tolist(), [[0, 0], [0, 1], [0, 2], [0, 3], [1, 0], [1, 1]])

    def test_the_most_visible_things_stay(self):
        many = [{"label": "ball", "color": "red", "centerM": [-5, 0, 0.1], "sizeM": [0.1] * 3}] * 40 + scenes.BOXES
        scenes.clip(self.folder / "a", boxes=many)
        call("pack", self.folder / "a", self.folder / "out")
        got = arrays(self.folder / "out")
        self.assertEqual(got["objects"][0, :, 0].sum(), 28)
        labels = got["objects"][0, :, 1]
        row = int(np.flatnonzero(labels == clipformat.LABELS.index("table"))[0])
        self.assertGreater(got["visible"][0, :, row, 0].min(), 50)
        self.assertGreater((got["instance"][0] == row + 1).sum(), 20)
        self.assertEqual(set(np.unique(got["instance"])) - {0}, set(np.flatnonzero(labels) + 1))

    def test_the_trainer_reads_the_shards(self):
        if importlib.util.find_spec("torch") is None:
            self.skipTest("PyTorch is not installed")
        from train import config, data

        scenes.clip(self.folder / "a")
        call("pack", self.folder / "a", self.folder / "out")
        clips = data.Clips(config.SMOKE, self.folder / "out")
        self.assertEqual(len(clips), 1)


class VideoTest(Case):
    def film(self):
        """The same clip as a video, with grey pictures before each of its own."""
        clip = scenes.clip(self.folder / "a", depth=False)
        out = cv2.VideoWriter(str(clip / "video.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 8, (320, 240))
        if not out.isOpened():
            self.skipTest("this OpenCV writes no MPEG-4")
        lines = [json.loads(line) for line in (clip / "frames.jsonl").read_text().splitlines()]
        for i, line in enumerate(lines):
            out.write(np.full((240, 320, 3), 128, np.uint8))
            out.write(cv2.imread(str(clip / line.pop("image"))))
            line["videoFrame"] = 2 * i + 1
        out.release()
        scenes.write_lines(clip / "frames.jsonl", lines)
        return clip, lines

    def test_a_video_gives_the_same_pictures(self):
        scenes.clip(self.folder / "b", depth=False)
        clip, _ = self.film()
        self.assertEqual(call("pack", clip, self.folder / "one")[0], 0)
        self.assertEqual(call("pack", self.folder / "b", self.folder / "two")[0], 0)
        one, two = arrays(self.folder / "one"), arrays(self.folder / "two")
        self.assertLess(np.abs(one["rgb"].astype(int) - two["rgb"]).mean(), 4)
        np.testing.assert_array_equal(one["instance"], two["instance"])

    def test_a_video_that_ends_too_early_says_where(self):
        clip, lines = self.film()
        lines[-1]["videoFrame"] = 40
        scenes.write_lines(clip / "frames.jsonl", lines)
        code, _, err = call("pack", clip, self.folder / "out")
        self.assertEqual(code, 1)
        self.assertRegex(err, r"frames.jsonl:8: wants picture 40 of video.mp4, which ends after 16")
        (clip / "video.mp4").write_bytes(b"no video")
        self.assertRegex(call("pack", clip, self.folder / "out2")[2], "video.mp4: cannot be opened")


class CommandTest(Case):
    def test_problems_of_all_clips_are_told_and_nothing_is_written(self):
        for name in "ab":
            scenes.clip(self.folder / name, count=1)
            (self.folder / name / "frames/000.png").unlink()
        code, out, err = call("pack", self.folder / "a", self.folder / "b", self.folder / "out")
        self.assertEqual((code, out, err.count("there is no such file")), (1, "", 2))
        self.assertFalse((self.folder / "out").exists())

    def test_check_decodes_every_picture(self):
        clip = scenes.clip(self.folder / "a", count=3)
        self.assertEqual(call("check", clip)[0], 0)
        for file, content, text in (
            ("frames/001.png", b"no picture", "frames.jsonl:2: .*001.png cannot be read as a picture"),
            ("frames/001.png", png(np.zeros((10, 10, 3), np.uint8)), "the picture has 10x10 pixels, its intrinsics"),
            ("depth/001.png", png(np.zeros((240, 320), np.uint8)), "001.png must be a 16-bit grey PNG"),
            ("depth/001.png", png(np.zeros((240, 240), np.uint16)), "001.png: 240x240 pixels do not have the shape"),
        ):
            with self.subTest(text=text):
                kept = (clip / file).read_bytes()
                (clip / file).write_bytes(content)
                code, _, err = call("check", clip)
                self.assertEqual(code, 1)
                self.assertRegex(err, "frames.jsonl:2: " if "frames" not in text else text)
                self.assertRegex(err, text)
                (clip / file).write_bytes(kept)

    def test_drawn_boxes_lie_on_the_things(self):
        """The edges of the chair frame the pixels that show it: the room's colours tell where those are."""
        clip = scenes.clip(self.folder / "a", count=1, boxes=scenes.BOXES[1:2])
        self.assertEqual(call("check", clip, "--draw", self.folder / "drawn")[0], 0)
        image = cv2.imread(str(self.folder / "drawn/a-line000001.png")).astype(int)
        self.assertEqual(image.shape, (480, 640, 3))
        edges = np.abs(image - clipdraw.BRIGHT[0]).max(2) < 90
        thing = np.abs(image - scenes.SHADES[2]).max(2) < 10
        for axis in (0, 1):
            spans = [np.flatnonzero(mask.any(axis)) for mask in (edges, thing)]
            self.assertAlmostEqual(spans[0][0], spans[1][0], delta=6)
            self.assertAlmostEqual(spans[0][-1], spans[1][-1], delta=6)

    def test_edges_are_cut_before_the_camera(self):
        ahead, behind = np.array([0, 0, 2.0]), np.array([0, 1, -2.0])
        np.testing.assert_allclose(clipdraw.clipped(behind, ahead)[1][2], clipdraw.NEAR)
        self.assertIsNone(clipdraw.clipped(behind, behind))
        view, box = View(), np.array([1, 0, 0, 0, 0, 1, 4, 2, 1, 0, 0, 0], np.float32)
        image = clipdraw.outlines(view, np.zeros((120, 160, 3), np.uint8), [box], (0, 0, 0, 1, 0.2, 0))
        self.assertGreater(image.max(), 0)

    def test_refusals_say_what_to_do(self):
        short, bare = scenes.clip(self.folder / "a", count=3), scenes.clip(self.folder / "b", boxes=None)
        out = self.folder / "out"
        self.assertRegex(call("pack", short, out)[2], r"must last 1.75 s without gaps")
        self.assertRegex(call("pack", short, bare, out)[2], r"a has boxes.jsonl and .*b has not: pack them")
        self.assertEqual(sorted(p.name for p in self.folder.iterdir()), ["a", "b"])
        out.mkdir()
        (out / "mine").write_text("kept")
        self.assertRegex(call("pack", bare, out)[2], "is not empty")
        self.assertEqual((out / "mine").read_text(), "kept")
        for bad in (["--dt", "0"], ["--labels", "a,,b"], ["--labels", "a,a"], ["--frames", "x"]):
            with self.assertRaises(SystemExit), contextlib.redirect_stderr(io.StringIO()):
                clipformat.main(["pack", str(bare), str(out), *bad])


def png(image):
    return cv2.imencode(".png", image)[1].tobytes()


if __name__ == "__main__":
    unittest.main()
