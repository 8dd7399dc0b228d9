"""The canonical view against OpenCV's own undistortion."""

import math
import unittest

import numpy as np

try:
    import cv2
except ImportError as e:
    raise unittest.SkipTest("requirements-own-data.txt is not installed") from e

from train.clipview import Lens, View

VIEW = View()
LENSES = {
    "none": Lens(640, 480, 420, 425, 322, 236),
    "plumb_bob": Lens(640, 480, 420, 425, 322, 236, "plumb_bob", (-0.3, 0.1, 0.002, -0.001, -0.01)),
    "rational": Lens(640, 480, 420, 425, 322, 236, "rational_polynomial",
                     (0.3, -0.1, 0.001, 0.002, 0.01, 0.5, 0.05, 0.01)),
    "fisheye": Lens(640, 480, 330, 330, 318, 241, "fisheye", (-0.02, 0.01, -0.003, 0.001)),
}


def seen_from(lens, roll):
    """Canonical columns and rows [h,w] that each pixel of the camera looks at, by OpenCV's inverse of the lens."""
    u, v = np.meshgrid(np.arange(lens.width, dtype=float), np.arange(lens.height, dtype=float))
    points = np.stack([u.ravel(), v.ravel()], 1)[:, None]
    k = np.array([[lens.fx, 0, lens.cx], [0, lens.fy, lens.cy], [0, 0, 1]], float)
    d = np.array(lens.coefficients or (0, 0, 0, 0), float)
    undo = cv2.fisheye.undistortPoints if lens.model == "fisheye" else cv2.undistortPoints
    x, y = undo(points, k, d)[:, 0].T.reshape(2, lens.height, lens.width)
    right, down = math.cos(roll) * x - math.sin(roll) * y, math.sin(roll) * x + math.cos(roll) * y
    return VIEW.width / 2 + VIEW.focal * right, VIEW.height / 2 + VIEW.focal * down


def inner(lens, roll):
    """Pixels that the camera sees entirely: an edge of the picture is partly grey."""
    return cv2.erode(VIEW.shown(lens, roll).astype(np.uint8), np.ones((3, 3)), borderValue=0) > 0


class PictureTest(unittest.TestCase):
    def test_every_pixel_shows_what_it_looks_at(self):
        """Pictures whose colours are canonical coordinates come out as their own coordinates."""
        for name, lens in LENSES.items():
            for roll in (0.0, 0.2, -0.5):
                with self.subTest(lens=name, roll=roll):
                    u, v = seen_from(lens, roll)
                    painted = np.stack([u + 20, v + 20, np.zeros_like(u)], 2)
                    view, share = VIEW.picture(lens, roll, np.clip(np.rint(painted), 0, 255).astype(np.uint8))
                    want = np.stack(np.meshgrid(np.arange(160) + 20.5, np.arange(120) + 20.5), 2)
                    shown = inner(lens, roll)
                    self.assertGreater(share, 0.75)
                    self.assertGreater(shown.sum(), 10000)
                    self.assertLess(np.abs(view[..., :2] - want)[shown].max(), 1.2)

    def test_roll_lowers_the_right_side(self):
        """The horizon of a camera that leans right rises to the right in its picture, and is level in the view."""
        lens, roll = LENSES["none"], 0.2
        _, v = seen_from(lens, roll)
        sky = np.where(v < 60, 255, 0).astype(np.uint8)
        at = lambda column: int((sky[:, column] > 0).sum())
        self.assertLess(at(500), at(140))
        view, _ = VIEW.picture(lens, roll, np.repeat(sky[..., None], 3, 2))
        shown = inner(lens, roll)
        self.assertGreater(view[:59][shown[:59]].min(), 250)
        self.assertLess(view[61:][shown[61:]].max(), 5)

    def test_what_the_camera_does_not_see_is_grey(self):
        narrow = Lens(320, 240, 320, 320, 159.5, 119.5)
        view, share = VIEW.picture(narrow, 0, np.full((240, 320, 3), 200, np.uint8))
        self.assertEqual(view[60, 80].tolist(), [200] * 3)
        self.assertEqual(view[2, 2].tolist(), [128] * 3)
        tan = math.tan(math.radians(35))
        self.assertAlmostEqual(share, 0.5 / tan * 0.375 / (tan * 0.75), delta=0.02)

    def test_the_same_camera_changes_nothing(self):
        image = np.random.default_rng(1).integers(0, 255, (120, 160, 3), np.uint8)
        view, share = VIEW.picture(Lens(160, 120, VIEW.focal, VIEW.focal, 79.5, 59.5), 0, image)
        self.assertEqual(share, 1)
        self.assertLessEqual(np.abs(view.astype(int) - image).max(), 1)

    def test_shrinking_averages(self):
        """A checkerboard of single pixels becomes grey, not a pattern of its own."""
        board = (np.indices((960, 1280)).sum(0) % 2 * 255).astype(np.uint8)
        lens = Lens(1280, 960, VIEW.focal * 8, VIEW.focal * 8, 639.5, 479.5)
        view, _ = VIEW.picture(lens, 0, np.repeat(board[..., None], 3, 2))
        self.assertLess(np.abs(view.astype(int) - 127).max(), 12)

    def test_a_lens_that_folds_back_paints_no_ghosts(self):
        folding = Lens(640, 480, 250, 250, 319.5, 239.5, "plumb_bob", (-0.35, 0, 0, 0, 0))
        self.assertAlmostEqual(folding.reach, math.sqrt(1 / (3 * 0.35)), delta=0.01)
        _, _, ok = folding.project(np.array([0.5, 1.5]), np.array([0.0, 0.0]))
        self.assertEqual(ok.tolist(), [True, False])


class DepthTest(unittest.TestCase):
    def test_a_wall_is_a_wall(self):
        """A plane two metres ahead: the distance along each ray follows from its angle alone."""
        for name, lens in LENSES.items():
            with self.subTest(lens=name):
                depth = VIEW.depth(lens, 0.3, np.full((480, 640), 2000, np.uint16))
                right, down = VIEW.grid(1)
                want = np.where(VIEW.shown(lens, 0.3), 2 * np.sqrt(1 + right**2 + down**2), 0)
                np.testing.assert_allclose(depth, want, atol=1e-4)

    def test_unknown_stays_unknown_and_sizes_may_differ(self):
        millimetres = np.full((240, 320), 1500, np.uint16)
        millimetres[:, :160] = 0
        depth = VIEW.depth(LENSES["none"], 0, millimetres)
        self.assertEqual(depth[60, 20], 0)
        self.assertAlmostEqual(float(depth[60, 85]), 1.5, delta=0.01)
        with self.assertRaisesRegex(ValueError, "shape"):
            VIEW.depth(LENSES["none"], 0, np.zeros((240, 240), np.uint16))

    def test_rays_look_where_the_camera_looks(self):
        rays = VIEW.rays((0, 0, math.pi / 2, 1, 0.3, 0)).reshape(120, 160, 3)
        middle = rays[59:61, 79:81].mean((0, 1))
        np.testing.assert_allclose(middle, [0, math.cos(0.3), -math.sin(0.3)], atol=1e-4)
        self.assertGreater(rays[60, 159, 0], 0.5)  # east is to the right of north
        self.assertLess(rays[119, 80, 2], rays[0, 80, 2])
        np.testing.assert_allclose(np.linalg.norm(rays, axis=2), 1)


if __name__ == "__main__":
    unittest.main()
