"""Draws the boxes of a clip into its canonical pictures: the eye sees at once when poses, floor or boxes are off."""

import cv2
import numpy as np

SCALE = 4  # of the drawn pictures
NEAR = 0.05  # m: edges are cut at this depth
BRIGHT = [(66, 135, 245), (245, 96, 66), (66, 245, 120), (245, 233, 66), (200, 66, 245), (66, 245, 239)]
EDGES = [(a, a | bit) for a in range(8) for bit in (1, 2, 4) if not a & bit]


def corners(box, pose):
    """The corners [8,3] of a box as right, down, forward of the level camera."""
    side = np.array([[(i >> k & 1) - 0.5 for k in range(3)] for i in range(8)]) * box[6:9]
    c, s = np.cos(box[9]), np.sin(box[9])
    x, y = c * side[:, 0] - s * side[:, 1] + box[3] - pose[0], s * side[:, 0] + c * side[:, 1] + box[4] - pose[1]
    z = side[:, 2] + box[5] - pose[3]
    cy, sy, cp, sp = np.cos(pose[2]), np.sin(pose[2]), np.cos(pose[4]), np.sin(pose[4])
    ahead = cy * x + sy * y
    return np.stack([sy * x - cy * y, -sp * ahead - cp * z, cp * ahead - sp * z], 1)


def clipped(a, b):
    """The part of an edge before the camera, None when there is none."""
    if max(a[2], b[2]) < NEAR:
        return None
    if a[2] < NEAR:
        a, b = b, a
    if b[2] < NEAR:
        b = a + (b - a) * (a[2] - NEAR) / (a[2] - b[2])
    return a, b


def outlines(view, rgb, boxes, pose):
    """The picture [H*4,W*4,3] in BGR with the edges of all boxes, each in the colour of its row."""
    image = cv2.resize(rgb[..., ::-1], None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_NEAREST)
    for n, box in enumerate(boxes):
        points = corners(box.astype(float), pose)
        for edge in (clipped(points[a], points[b]) for a, b in EDGES):
            if edge is not None:
                ends = [pixel(view, p) for p in edge]
                cv2.line(image, *ends, BRIGHT[n % len(BRIGHT)], 1, cv2.LINE_AA)
    return image


def pixel(view, p):
    """Where a point shows in the drawn picture; bounded, because an edge may begin close to the camera."""
    uv = np.array([view.width / 2, view.height / 2]) + view.focal * p[:2] / p[2]
    return tuple(int(v) for v in np.clip(np.rint(uv * SCALE - 0.5), -20000, 20000))
