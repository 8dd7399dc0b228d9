"""Rooms of cmd/roomgen written as clips and packed again. Needs bin/roomgen (make build)."""

import json
import pathlib
import subprocess
import tempfile
import unittest

import numpy as np

try:
    import cv2
except ImportError as e:
    raise unittest.SkipTest("requirements-own-data.txt is not installed") from e

from train import clipformat
from train.clipview import View
from train.tests import scenes
from train.tests.test_clippack import arrays, call

ROOMGEN = pathlib.Path(__file__).resolve().parents[3] / "bin" / "roomgen"


@unittest.skipUnless(ROOMGEN.is_file(), "bin/roomgen is not built")
class RoomgenTest(unittest.TestCase):
    """Rendered rooms, written as clips and packed again, are the shards of the renderer."""

    @classmethod
    def setUpClass(cls):
        cls.temp = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.temp.cleanup)
        cls.rooms = pathlib.Path(cls.temp.name)
        command = [ROOMGEN, "-out", cls.rooms, "-first", "5", "-rooms", "2", "-stride", "1", "-workers", "1"]
        subprocess.run(command, check=True, capture_output=True)
        cls.meta = json.loads((cls.rooms / "meta.json").read_text())
        cls.want = arrays(cls.rooms)

    def setUp(self):
        temp = tempfile.TemporaryDirectory()
        self.addCleanup(temp.cleanup)
        self.folder = pathlib.Path(temp.name)

    def clip(self, number, depth):
        """One room as a clip folder: its pictures, distances turned into depth, poses, things."""
        a, view = self.want, View()
        folder = self.folder / f"clip{number}"
        for name in ("frames", "depth") if depth else ("frames",):
            (folder / name).mkdir(parents=True)
        right, down = view.grid(1)
        lines = []
        for t in range(8):
            keys = ("xM", "yM", "yawRad", "heightM", "pitchRad", "rollRad")
            lines.append({"timeSeconds": t / 4, "image": f"frames/{t}.png"})
            lines[-1].update(zip(keys, a["pose"][number, t].tolist()))
            cv2.imwrite(str(folder / f"frames/{t}.png"), a["rgb"][number, t][..., ::-1])
            if depth:
                axial = np.rint(a["depth"][number, t] / np.sqrt(1 + right**2 + down**2)).astype(np.uint16)
                cv2.imwrite(str(folder / f"depth/{t}.png"), axial)
                lines[-1]["depth"] = f"depth/{t}.png"
        scenes.write_lines(folder / "frames.jsonl", lines)
        scenes.write_json(folder / "camera.json", {"width": 160, "height": 120, "fx": view.focal, "fy": view.focal,
                                                   "cx": 79.5, "cy": 59.5})
        scenes.write_lines(folder / "boxes.jsonl", [self.box(row) for row in a["objects"][number] if row[0]])
        return folder

    def box(self, row):
        row = row.tolist()
        return {"label": self.meta["labels"][int(row[1])], "color": self.meta["colors"][int(row[2])],
                "centerM": row[3:6], "sizeM": row[6:9], "yawRad": row[9], "onTop": row[10] > 0, "inWall": row[11] > 0}

    def packed(self, depth):
        clips = [self.clip(n, depth) for n in range(2)]
        code, _, err = call("pack", *clips, self.folder / "out")
        self.assertEqual((code, err), (0, ""))
        return arrays(self.folder / "out")

    def test_words_are_those_of_roomgen(self):
        self.assertEqual((clipformat.LABELS, clipformat.COLORS), (self.meta["labels"], self.meta["colors"]))

    def test_with_depth_everything_returns(self):
        got, want = self.packed(True), self.want
        np.testing.assert_array_equal(got["objects"], want["objects"])
        np.testing.assert_allclose(got["pose"][..., :5], want["pose"][..., :5], atol=1e-6)
        self.assertLess(np.abs(got["rgb"].astype(int) - want["rgb"]).mean(), 3)
        sampled = lambda name: want[name][:, :, 2::4, 2::4].astype(float)
        near = np.abs(got["depth"] - sampled("depth")) < 0.02 * sampled("depth")
        self.assertGreater(near.mean(), 0.98)
        same, thing = got["instance"] == sampled("instance"), sampled("instance") > 0
        self.assertGreater(same[thing].mean(), 0.95)
        self.assertGreater(same[~thing].mean(), 0.97)
        big = want["visible"][..., 0] > 60
        share = got["visible"][..., 0][big] / want["visible"][..., 0][big]
        self.assertGreater(np.median(share), 0.9)
        self.assertLess(np.median(share), 1.1)

    def test_boxes_alone_are_a_rough_guess(self):
        got, want = self.packed(False), self.want["instance"][:, :, 2::4, 2::4]
        self.assertEqual(int(got["depth"].max()), 0)
        self.assertGreater((got["instance"] == want)[want > 0].mean(), 0.7)


if __name__ == "__main__":
    unittest.main()
