"""Clip folders that are right, and all the ways in which they can be wrong."""

import json
import math
import pathlib
import random
import tempfile
import unittest

import numpy as np

try:
    import cv2
except ImportError as e:
    raise unittest.SkipTest("requirements-own-data.txt is not installed") from e

from train import clipread
from train.clipformat import COLORS, LABELS
from train.tests import scenes


class Case(unittest.TestCase):
    """Each test has a clip folder of two frames."""

    def setUp(self):
        temp = tempfile.TemporaryDirectory()
        self.addCleanup(temp.cleanup)
        self.folder = pathlib.Path(temp.name) / "clip"
        for name in ("frames", "depth"):
            (self.folder / name).mkdir(parents=True)
        for i in range(2):
            cv2.imwrite(str(self.folder / f"frames/{i}.png"), np.zeros((4, 4, 3), np.uint8))
            cv2.imwrite(str(self.folder / f"depth/{i}.png"), np.zeros((4, 4), np.uint16))
        self.camera = {"width": 4, "height": 4, "fx": 4, "fy": 4, "cx": 1.5, "cy": 1.5}
        self.frames = [self.frame(0), self.frame(1)]
        self.boxes = [dict(b) for b in scenes.BOXES]

    def frame(self, i):
        return {"timeSeconds": i * 0.1, "image": f"frames/{i}.png", "depth": f"depth/{i}.png",
                "xM": 1.0 + i, "yM": 2.0, "yawRad": 0.5, "heightM": 0.7, "pitchRad": 0.1, "rollRad": -0.2}

    def read(self):
        scenes.write_json(self.folder / "camera.json", self.camera)
        scenes.write_lines(self.folder / "frames.jsonl", self.frames)
        scenes.write_lines(self.folder / "boxes.jsonl", self.boxes)
        return clipread.read(self.folder, LABELS, COLORS)

    def wrong(self, *texts):
        """What reading complains of must match the regular expressions."""
        with self.assertRaises(clipread.ClipError) as caught:
            self.read()
        for text in texts:
            self.assertRegex(str(caught.exception), text)
        return str(caught.exception)


class ReadTest(Case):
    def test_a_clip_is_read(self):
        clip = self.read()
        self.assertEqual([f.time for f in clip.frames], [0, 0.1])
        self.assertEqual(clip.frames[1].pose, (2, 2, 0.5, 0.7, 0.1, -0.2))
        self.assertEqual(clip.frames[1].image, self.folder / "frames/1.png")
        self.assertTrue(clip.has_depth)
        np.testing.assert_allclose(clip.boxes[1], [1, LABELS.index("chair"), COLORS.index("red"), 2.6, 2.2, 0.45,
                                                   0.4, 0.4, 0.9, -0.4, 0, 0], rtol=1e-6)
        self.assertIsNone(clip.room)

    def test_both_forms_of_a_pose_mean_the_same(self):
        for yaw, pitch, roll in ((0.5, 0.1, -0.2), (-3, -0.4, 1.2), (2, 1.4, 0.3)):
            self.frames[0] = {"timeSeconds": 0, "image": "frames/0.png", "positionM": [1, 2, 0.7],
                              "orientationXyzw": scenes.quaternion(yaw, pitch, roll)}
            np.testing.assert_allclose(self.read().frames[0].pose, (1, 2, yaw, 0.7, pitch, roll), atol=1e-9)

    def test_a_mount_turns_base_link_into_the_camera(self):
        self.camera["mount"] = {"xM": 0.2, "yM": 0.1, "heightM": 0.9, "yawRad": 0.3, "pitchRad": 0.05}
        self.frames = [{k: v for k, v in f.items() if k not in ("heightM", "pitchRad", "rollRad")} for f in self.frames]
        self.frames[0]["yawRad"] = math.pi / 2
        x, y, yaw, height, pitch, roll = self.read().frames[0].pose
        np.testing.assert_allclose((x, y, yaw), (1 - 0.1, 2 + 0.2, math.pi / 2 + 0.3))
        self.assertEqual((height, pitch, roll), (0.9, 0.05, 0))

    def test_a_frame_may_have_intrinsics_of_its_own(self):
        bent = {"model": "fisheye", "coefficients": [0] * 4}
        self.frames[1]["intrinsics"] = self.camera | {"fx": 5, "distortion": bent}
        lenses = [f.lens for f in self.read().frames]
        self.assertEqual([lens.fx for lens in lenses], [4, 5])
        self.assertEqual(lenses[1].model, "fisheye")

    def test_room_and_missing_parts(self):
        scenes.write_json(self.folder / "room.json", {"lengthM": 5, "widthM": 4, "heightM": 2.5})
        self.assertEqual(self.read().room, (5, 4, 2.5, 20))
        (self.folder / "boxes.jsonl").unlink()
        self.assertIsNone(clipread.read(self.folder, LABELS, COLORS).boxes)


class ProblemTest(Case):
    def test_each_problem_has_its_line(self):
        for key, value, text in (
            ("timeSeconds", "1", r'frames.jsonl:2: timeSeconds "1": must be a number'),
            ("timeSeconds", 0.0, r"frames.jsonl:2: timeSeconds 0.0 is not after that of line 1"),
            ("image", "frames/9.png", r"frames.jsonl:2: image \"frames/9.png\": there is no such file"),
            ("image", 3, r"image 3: must be a file's name"),
            ("image", "a\0b", r"there is no such file"),
            ("depth", "no.png", r"depth \"no.png\": there is no such file"),
            ("heightM", -1, r"heightM -1: must be a number from 0.01 to 20"),
            ("pitchRad", 90, r"pitchRad 90: must be a number"),
            ("xM", True, r"xM true: must be a number"),
            ("xM", float("nan"), r"xM NaN: must be a number"),
            ("xM", 10**400, r"xM 1000.*must be a number"),
            ("speed", 3, r'frames.jsonl:2: unknown key "speed"'),
            ("intrinsics", [], r"frames.jsonl:2: intrinsics: must be a JSON object"),
        ):
            with self.subTest(key=key, value=value):
                self.frames[1] = self.frame(1) | {key: value}
                self.wrong(text)

    def test_missing_keys_are_named(self):
        for key in ("timeSeconds", "image", "xM", "yM", "yawRad", "heightM", "pitchRad", "rollRad"):
            with self.subTest(key=key):
                self.frames[0] = {k: v for k, v in self.frame(0).items() if k != key}
                self.wrong(rf"frames.jsonl:1: {key} is missing")

    def test_optical_poses(self):
        base = {"timeSeconds": 0, "image": "frames/0.png"}
        for position, q, text in (
            ([1, 2, 0.5], [0, 0, 0, 0.5], "has length 0.500"),
            ([1, 2, 0.5], [0, 0, 0, 1], "looks -90 degrees down"),
            ([1, 2, -0.5], scenes.quaternion(0, 0, 0), "-0.50 m above the floor: the map's floor must lie at z = 0"),
            ([1, 2], scenes.quaternion(0, 0, 0), r"positionM \[1, 2\]: must be a list of 3 numbers"),
        ):
            with self.subTest(text=text):
                self.frames[0] = base | {"positionM": position, "orientationXyzw": q}
                self.wrong("frames.jsonl:1: .*" + text)
        self.frames[0] = base | {"positionM": [1, 2, 0.5]}
        self.wrong("orientationXyzw is missing")

    def test_boxes_and_cameras(self):
        self.boxes[2]["label"], self.boxes[0]["sizeM"] = "unicorn", [1, 0, 1]
        self.boxes[1]["onTop"] = 1
        self.camera["distortion"] = {"model": "plumb_bob", "coefficients": [1, 2, 3]}
        self.camera["fx"] = 0
        self.wrong(r'boxes.jsonl:3: label "unicorn": must be one of ball, bed', r"boxes.jsonl:1: sizeM \[1, 0, 1\]",
                   r"boxes.jsonl:2: onTop 1: must be true or false", r"coefficients .*list of 4 or 5 numbers",
                   r"camera.json: fx 0: must be a number from 1")

    def test_everything_at_once_but_not_endlessly(self):
        self.frames = [self.frame(0) | {"timeSeconds": -i, "speed": 1} for i in range(30)]
        text = self.wrong("frames.jsonl:1: unknown key")
        self.assertEqual(len(text.split("\n")), clipread.MOST + 1)
        self.assertRegex(text, r"and 39 more$")

    def test_folders_that_are_no_clips(self):
        with self.assertRaisesRegex(clipread.ClipError, "holds no frames.jsonl"):
            clipread.read(self.folder / "frames", LABELS, COLORS)
        self.frames = []
        self.wrong("frames.jsonl: names no frame")
        self.frames = [{k: v for k, v in self.frame(0).items() if k != "depth"}]
        self.wrong("holds a folder depth, but no line")
        self.frames = [self.frame(0)]
        self.read()
        (self.folder / "camera.json").unlink()
        with self.assertRaisesRegex(clipread.ClipError, "frames.jsonl:1: intrinsics are missing"):
            clipread.read(self.folder, LABELS, COLORS)


class FuzzTest(Case):
    def test_damaged_files_give_problems_and_nothing_else(self):
        """Bytes changed, cut and repeated at random: a clip or a ClipError, never another exception."""
        self.read()
        rng, refused = random.Random(1), 0
        whole = {p: p.read_bytes() for p in self.folder.glob("*.json*")}
        for _ in range(600):
            path = rng.choice(sorted(whole))
            path.write_bytes(damage(rng, whole[path]))
            try:
                clipread.read(self.folder, LABELS, COLORS)
            except clipread.ClipError as e:
                self.assertIn(str(self.folder), str(e))
                refused += 1
            path.write_bytes(whole[path])
        self.assertGreater(refused, 300)

    def test_known_traps(self):
        self.read()
        for text in (b"[" * 100000, b"null", b"1e999", b'{"a":', b"\xff\xfe", b'"text"', b"[1]", b"{}"):
            for path in sorted(self.folder.glob("*.json*")):
                kept = path.read_bytes()
                path.write_bytes(text)
                with self.subTest(path=path.name, text=text[:9]), self.assertRaises(clipread.ClipError):
                    clipread.read(self.folder, LABELS, COLORS)
                path.write_bytes(kept)


TRAPS = [b"-", b"9" * 400, b"null", b"[]", b"{}", b"\n", b'"', b"e99", b"true", b"\\u0000"]


def damage(rng, data):
    data = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data))
        kind = rng.randrange(4)
        if kind == 0:
            data[at] = rng.randrange(256)
        elif kind == 1:
            del data[at:at + rng.randint(1, 20)]
        elif kind == 2:
            data[at:at] = rng.choice(TRAPS)
        else:
            data[at:at] = data[at:at + 40]
        if not data:
            data = bytearray(b"{")
    return bytes(data)


if __name__ == "__main__":
    unittest.main()
