"""Clip folders for tests: written frame by frame, with pictures that say where each pixel looks."""

import json
import math
import pathlib

import cv2
import numpy as np

KINECT = {"width": 320, "height": 240, "fx": 262.5, "fy": 262.5, "cx": 159.5, "cy": 119.5}


def write_json(path, value):
    path.write_text(json.dumps(value))


def write_lines(path, values):
    path.write_text("".join(json.dumps(v) + "\n" for v in values))


def quaternion(yaw, pitch, roll):
    """x, y, z, w of camera_optical in the map, for angles in vegad's sense; by multiplying three rotations."""
    def mul(a, b):
        x1, y1, z1, w1 = a
        x2, y2, z2, w2 = b
        return (w1 * x2 + x1 * w2 + y1 * z2 - z1 * y2, w1 * y2 - x1 * z2 + y1 * w2 + z1 * x2,
                w1 * z2 + x1 * y2 - y1 * x2 + z1 * w2, w1 * w2 - x1 * x2 - y1 * y2 - z1 * z2)
    about = lambda axis, a: tuple(math.sin(a / 2) if i == axis else 0 for i in range(3)) + (math.cos(a / 2),)
    body = mul(mul(about(2, yaw), about(1, pitch)), about(0, roll))
    return mul(body, (-0.5, 0.5, -0.5, 0.5))  # from x forward, z up to z forward, y down


def ray_trace(lens, pose, boxes):
    """Depth along the optical axis [h,w] and the box met (-1 for floor and walls) in a room of 6 x 5 x 2.5 m.

    An independent check of the packer: each surface is one plane, met and clipped on its own. Undistorted lenses only.
    """
    u, v = np.meshgrid(np.arange(lens["width"]), np.arange(lens["height"]))
    yaw, pitch, roll = pose[2], pose[4], pose[5]
    r, d = (u - lens["cx"]) / lens["fx"], (v - lens["cy"]) / lens["fy"]
    r, d = np.cos(roll) * r - np.sin(roll) * d, np.sin(roll) * r + np.cos(roll) * d  # back to level
    forward = np.array([math.cos(yaw) * math.cos(pitch), math.sin(yaw) * math.cos(pitch), -math.sin(pitch)])
    right = np.array([math.sin(yaw), -math.cos(yaw), 0])
    rays = forward + r[..., None] * right + d[..., None] * np.cross(forward, right)
    eye = np.array([pose[0], pose[1], pose[3]])
    best, who = np.full(u.shape, np.inf), np.full(u.shape, -1)
    for axis, at in ((0, 0), (0, 6), (1, 0), (1, 5), (2, 0), (2, 2.5)):
        normal = np.eye(3)[axis]
        t = (at - eye[axis]) / np.where(np.abs(rays[..., axis]) < 1e-9, 1e-9, rays @ normal)
        best = np.where((t > 1e-6) & (t < best), t, best)
    for n, b in enumerate(boxes):
        t = face_distance(b, eye, rays)
        who, best = np.where(t < best, n, who), np.minimum(t, best)
    return best, who


def face_distance(box, eye, rays):
    """Distance factors to the nearest of a box's six faces."""
    c, s = math.cos(box["yawRad"]), math.sin(box["yawRad"])
    axes = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1.0]])
    o, d = axes @ (eye - np.array(box["centerM"])), rays @ axes.T
    half, best = np.array(box["sizeM"]) / 2, np.full(rays.shape[:2], np.inf)
    for axis in range(3):
        for side in (-1, 1):
            speed = np.where(np.abs(d[..., axis]) < 1e-9, 1e-9, d[..., axis])
            t = (side * half[axis] - o[axis]) / speed
            at = o + t[..., None] * d
            others = [k for k in range(3) if k != axis]
            on = (t > 1e-6) & np.all(np.abs(at[..., others]) <= half[others], axis=-1)
            best = np.where(on & (t < best), t, best)
    return best


BOXES = [
    {"label": "table", "color": "brown", "centerM": [3.5, 2.5, 0.35], "sizeM": [0.8, 1.2, 0.7], "yawRad": 0.3},
    {"label": "chair", "color": "red", "centerM": [2.6, 2.2, 0.45], "sizeM": [0.4, 0.4, 0.9], "yawRad": -0.4},
    {"label": "box", "color": "blue", "centerM": [4.8, 4.0, 0.3], "sizeM": [0.6, 0.5, 0.6], "yawRad": 1.0},
]
SHADES = np.array([[90, 90, 90], [60, 90, 150], [40, 40, 220], [210, 60, 40]], np.uint8)  # BGR: room, then the boxes


def drive(count, dt=0.25):
    """(time, pose) of a camera that goes forward, turns left and rocks."""
    pose = lambda i: (0.6 + 0.05 * i, 1.6 + 0.02 * i, 0.15 + 0.02 * i, 0.8, 0.2 + 0.01 * (i % 2), 0.05 * (i % 3 - 1))
    return [(10 + i * dt, pose(i)) for i in range(count)]


def clip(folder, count=8, dt=0.25, depth=True, boxes=BOXES, lens=KINECT):
    """A clip of the room with pictures in a folder, poses as quaternions."""
    folder = pathlib.Path(folder)
    for name in ("frames", "depth") if depth else ("frames",):
        (folder / name).mkdir(parents=True)
    lines = []
    for i, (time, pose) in enumerate(drive(count, dt)):
        metres, who = ray_trace(lens, pose, BOXES)
        cv2.imwrite(str(folder / f"frames/{i:03d}.png"), SHADES[who + 1])
        lines.append({"timeSeconds": time, "image": f"frames/{i:03d}.png", "positionM": [pose[0], pose[1], pose[3]],
                      "orientationXyzw": quaternion(pose[2], pose[4], pose[5])})
        if depth:
            cv2.imwrite(str(folder / f"depth/{i:03d}.png"), np.rint(metres * 1000).astype(np.uint16))
            lines[-1]["depth"] = f"depth/{i:03d}.png"
    write_lines(folder / "frames.jsonl", lines)
    write_json(folder / "camera.json", lens)
    if boxes is not None:
        write_lines(folder / "boxes.jsonl", boxes)
    return folder
