"""A made sequence in the layout of TUM RGB-D goes in; the same poses, depth and pictures come out."""

import contextlib
import io
import json
import pathlib
import random
import tempfile
import unittest

import numpy as np

try:
    import cv2
except ImportError as e:
    raise unittest.SkipTest("requirements-own-data.txt is not installed") from e

from train import clipformat, clipread, tum
from train.clippack import Recipe
from train.clipview import View
from train.tests import scenes

FLOOR = -0.35  # of the made room in its world


def sequence(folder, count=9, floor=FLOOR):
    """Nine pictures 0.25 s apart; depth 8 ms later, poses at 100 Hz; the floor is not at zero."""
    for name in ("rgb", "depth"):
        (folder / name).mkdir(parents=True)
    colour, depth, truth = ["# time file"], ["# time file"], ["# timestamp tx ty tz qx qy qz qw"]
    for i, (time, pose) in enumerate(scenes.drive(count)):
        time += 1305031000
        metres, who = scenes.ray_trace(scenes.KINECT, pose, scenes.BOXES)
        cv2.imwrite(str(folder / f"rgb/{time:.6f}.png"), scenes.SHADES[who + 1])
        cv2.imwrite(str(folder / f"depth/{time:.6f}.png"), np.minimum(np.rint(metres * 5000), 65535).astype(np.uint16))
        colour.append(f"{time:.6f} rgb/{time:.6f}.png")
        depth.append(f"{time + 0.008:.6f} depth/{time:.6f}.png")
        for shift in (-0.013, -0.003, 0.007):  # the middle one is the nearest; the others are half a metre off
            place = np.array([pose[0], pose[1], pose[3] + floor]) + (0 if shift == -0.003 else 0.5)
            numbers = [*place, *scenes.quaternion(pose[2], pose[4], pose[5])]
            truth.append(f"{time + shift:.4f} " + " ".join(f"{v:.6f}" for v in numbers))
    for name, lines in (("rgb", colour), ("depth", depth), ("groundtruth", truth)):
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")
    scenes.write_json(folder / "camera.json", scenes.KINECT)
    return folder


def call(main, *args):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(a) for a in args])
    return code, out.getvalue(), err.getvalue()


class Case(unittest.TestCase):
    def setUp(self):
        temp = tempfile.TemporaryDirectory()
        self.addCleanup(temp.cleanup)
        self.folder = pathlib.Path(temp.name)
        self.seq, self.clip = self.folder / "seq", self.folder / "clip"

    def convert(self, *more):
        return call(tum.main, self.seq, self.clip, "--camera", self.seq / "camera.json", *more)


class ImportTest(Case):
    def test_poses_and_depth_come_through(self):
        sequence(self.seq)
        code, out, err = self.convert("--floor", FLOOR)
        self.assertEqual((code, err), (0, ""))
        self.assertIn("have a pose, 0 of them no depth; floor at z = -0.350 m of the world (given)", out)
        clip = clipread.read(self.clip, clipformat.LABELS, clipformat.COLORS)
        drive = scenes.drive(9)
        np.testing.assert_allclose([f.pose for f in clip.frames], [pose for _, pose in drive], atol=1e-5)
        np.testing.assert_allclose([f.time for f in clip.frames], [t - 10 for t, _ in drive], atol=1e-5)
        for i in (0, 8):
            metres, who = scenes.ray_trace(scenes.KINECT, drive[i][1], scenes.BOXES)
            depth = cv2.imread(str(clip.frames[i].depth), cv2.IMREAD_UNCHANGED)
            np.testing.assert_allclose(depth / 1000, metres, atol=0.00061)
            np.testing.assert_array_equal(cv2.imread(str(clip.frames[i].image)), scenes.SHADES[who + 1])

    def test_it_packs(self):
        sequence(self.seq)
        self.convert()
        scenes.write_lines(self.clip / "boxes.jsonl", scenes.BOXES)
        self.assertEqual(call(clipformat.main, "pack", self.clip, self.folder / "out")[0], 0)
        load = lambda name: np.load(self.folder / f"out/shard-00000/{name}.npy")[0]
        poses = np.array([pose for _, pose in scenes.drive(8)])
        np.testing.assert_allclose(load("pose")[:, [0, 1, 2, 4]], poses[:, [0, 1, 2, 4]], atol=1e-5)
        np.testing.assert_allclose(load("pose")[:, 3], poses[:, 3], atol=0.02)  # its floor was estimated
        view = Recipe(clipformat.LABELS, clipformat.COLORS).view
        lens = {"width": 160, "height": 120, "fx": view.focal, "fy": view.focal, "cx": 79.5, "cy": 59.5}
        right, down = View().grid(1)
        for t, pose in enumerate(poses):
            metres, _ = scenes.ray_trace(lens, (*pose[:5], 0), scenes.BOXES)
            want, got = (metres * np.sqrt(1 + right**2 + down**2))[2::4, 2::4], load("depth")[t] / 1000
            off = np.abs(got - want)[got > 0] / want[got > 0]
            self.assertLess(np.median(off), 0.005)
            self.assertGreater((off < 0.03).mean(), 0.97)
        table = np.flatnonzero(load("objects")[:, 1] == clipformat.LABELS.index("table"))[0]
        self.assertGreater(load("visible")[:, table, 0].min(), 100)

    def test_the_floor_is_found(self):
        for floor in (FLOOR, 0.0, 0.8):
            with self.subTest(floor=floor):
                seq = sequence(self.folder / f"seq{floor}", count=3, floor=floor)
                found = tum.floor(tum.Sequence(seq, scenes.KINECT, 0.02))
                self.assertAlmostEqual(found, floor, delta=0.015)
        sequence(self.seq, count=3)
        self.assertIn("(estimated: check it", self.convert()[1])

    def test_no_floor_is_no_guess(self):
        sequence(self.seq, count=2)
        for path in (self.seq / "depth").iterdir():
            cv2.imwrite(str(path), np.zeros((240, 320), np.uint16))
        code, _, err = self.convert()
        self.assertEqual(code, 1)
        self.assertIn("shows no floor: give its height in the world with --floor", err)
        self.assertFalse(self.clip.exists())

    def test_pictures_without_pose_or_depth(self):
        sequence(self.seq)
        for name, rows in (("groundtruth", slice(4, 7)), ("depth", slice(8, 9))):
            lines = (self.seq / f"{name}.txt").read_text().splitlines()
            del lines[rows]
            (self.seq / f"{name}.txt").write_text("\n".join(lines))
        self.assertIn("8 of 9 pictures have a pose, 1 of them no depth", self.convert()[1])
        frames = clipread.read(self.clip, clipformat.LABELS, clipformat.COLORS).frames
        self.assertEqual([round(f.time, 2) for f in frames], [0, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2])
        self.assertEqual([f.depth is None for f in frames], [False] * 6 + [True, False])

    def test_published_cameras(self):
        for name in tum.CAMERAS:
            scenes.write_json(self.folder / "camera.json", tum.camera(name))
            problems = clipread.Problems()
            lens, _ = clipread.read_camera(clipread.one(self.folder / "camera.json", problems))
            problems.end()
            self.assertEqual((lens.width, lens.model), (640, "plumb_bob" if name in ("fr1", "fr2") else "none"))


class RefusalTest(Case):
    def test_what_is_wrong_is_told_with_its_line(self):
        sequence(self.seq, count=2)
        for file, old, new, text in (
            ("rgb.txt", "rgb/", "no/", r"rgb.txt:2: there is no file .*no/"),
            ("depth.txt", "depth/", "no/", r"depth.txt:2: no/.* is no 16-bit grey PNG"),
            ("groundtruth.txt", " 0.6", " x", r"groundtruth.txt:\d: 'x.*' is no number"),
            ("groundtruth.txt", " 0.6", "", r"groundtruth.txt:\d: has [67] columns, not 8"),
            ("groundtruth.txt", "13050310", "23050310", r"no picture has a pose within 0.02 s"),
            ("rgb.txt", "10.25", "10.00", r"rgb.txt:3: time .* is not after"),
        ):
            with self.subTest(file=file, new=new):
                kept = (self.seq / file).read_text()
                (self.seq / file).write_text(kept.replace(old, new))
                code, _, err = self.convert("--floor", "0")
                self.assertEqual(code, 1)
                self.assertRegex(err, text)
                self.assertFalse(self.clip.exists() or self.clip.with_name("clip.part").exists())
                (self.seq / file).write_text(kept)

    def test_other_refusals(self):
        self.assertRegex(call(tum.main, self.folder, self.clip)[2], "rgb.txt: cannot be read.*A sequence holds")
        self.assertRegex(call(tum.main, self.folder, self.clip, "--camera", "kinect")[2], "is neither fr1, fr2")
        scenes.write_json(self.folder / "bad.json", scenes.KINECT | {"fx": 0})
        err = call(tum.main, self.folder, self.clip, "--camera", self.folder / "bad.json")[2]
        self.assertRegex(err, "bad.json: fx 0: must be")
        self.clip.mkdir()
        self.assertRegex(call(tum.main, self.folder, self.clip)[2], "clip exists")

    def test_damaged_tables_give_errors_and_nothing_else(self):
        path, rng, refused = self.folder / "groundtruth.txt", random.Random(2), 0
        rows = [f"{i} 1 2 1 {' '.join(map(str, scenes.quaternion(0.1 * i, 0, 0)))}" for i in range(4)]
        good = ("# comment\n" + "\n".join(rows) + "\n").encode()
        for _ in range(500):
            data = bytearray(good)
            for _ in range(rng.randint(1, 3)):
                at = rng.randrange(len(data))
                data[at:at + rng.randint(0, 5)] = rng.choice([b"", b" ", b"\n", b"nan", b"1e999", b"\xff", b"-", b"#"])
            path.write_bytes(data)
            try:
                times, places, turns = tum.poses(path)
                self.assertTrue(np.isfinite(places).all() and np.isfinite(turns).all() and (np.diff(times) > 0).all())
            except tum.TumError as e:
                self.assertIn("groundtruth.txt", str(e))
                refused += 1
        self.assertGreater(refused, 200)


class AssociateTest(unittest.TestCase):
    def test_nearest_within_the_slack(self):
        got = tum.associate(np.array([0, 1.0, 2.0, 9.0]), np.array([0.015, 0.99, 1.013, 2.03]), 0.02)
        self.assertEqual(got.tolist(), [0, 1, -1, -1])


if __name__ == "__main__":
    unittest.main()
