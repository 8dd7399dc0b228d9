"""The Python peer: peer.py JOB.json watches a film, publishes every observation and counts what it is asked for.

It is vegad's job as a careful engineer writes it with OpenCV, onnxruntime, NumPy and paho-mqtt: tensors are allocated
once and bound, networks that hand each other a tensor share its memory, the film is decoded ahead, and ONNX Runtime and
OpenCV do not fight over the cores.
"""

import datetime
import json
import pathlib
import queue
import socket
import sys
import threading
import time

import cv2
import numpy as np
import onnxruntime as ort
import paho.mqtt.client as mqtt

KEPT = 26  # frames: more than a clip's at 30 a second


class Network:
    """One graph with its tensors. memory lends tensors that other networks own."""

    def __init__(self, job, name, memory=None):
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = job["threads"], 1
        options.add_session_config_entry("session.intra_op.allow_spinning", str(job["spin"]))
        path = str(pathlib.Path(job["models"]) / f"{name}.onnx")
        self.session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.binding, self.tensors = self.session.io_binding(), dict(memory or {})
        for bind, side in (
            (self.binding.bind_input, self.session.get_inputs()),
            (self.binding.bind_output, self.session.get_outputs()),
        ):
            for t in side:
                a = self.tensors.setdefault(t.name, np.zeros(t.shape, np.float32))
                bind(t.name, "cpu", 0, np.float32, t.shape, a.ctypes.data)

    def __getitem__(self, name):
        return self.tensors[name]

    def run(self):
        self.session.run_with_iobinding(self.binding)


class Eye:
    """Turns pictures into observations. frame belongs to one thread, look to any."""

    def __init__(self, job):
        self.job, self.cell = job, job["width"] / job["cols"]
        self.stem = Network(job, "video_stem")
        self.semantic = Network(job, "semantic_encoder", {"image": self.stem["image"]})
        self.mixer = Network(job, "video_mixer")
        self.head = Network(job, "spatial_head", {"generative": self.mixer["generative"]})
        self.lock = threading.Lock()  # of the ring, the mixer and the head
        self.ring = np.zeros((KEPT, *self.stem["geometry"].shape[1:]), np.float32)
        self.times, self.count = np.full(KEPT, -np.inf), 0
        self.padded = np.full((len(job["labels"]), job["rows"] + 2, job["cols"] + 2), -np.inf, np.float32)
        self.least = np.float32(np.log(job["threshold"] / (1 - job["threshold"])))
        self.behind = job["stride"] * np.arange(job["length"] - 1, -1, -1)
        v, u = np.mgrid[0 : job["rows"], 0 : job["cols"]] + 0.5
        rays, grid = self.rays(u * self.cell, v * self.cell), self.head["rays"][0]
        grid[:3], grid[3] = rays, np.maximum(-rays[2], 0) / job["mountHeight"]

    def rays(self, u, v):
        """Unit vectors through pixels of the canonical view: x forward, y left, z up."""
        job, sin, cos = self.job, np.sin(self.job["pitch"]), np.cos(self.job["pitch"])
        right, down = (u - job["width"] / 2) / job["focal"], (v - job["height"] / 2) / job["focal"]
        r = np.stack([cos - down * sin, -right, -sin - down * cos])
        return r / np.sqrt((r * r).sum(0))

    def frame(self, picture, seconds):
        """Encodes one picture. The film's lens is that of the canonical view: the view is the picture, smaller."""
        small = cv2.resize(picture, (self.job["width"], self.job["height"]), interpolation=cv2.INTER_AREA)
        for k in range(3):
            np.multiply(small[:, :, 2 - k], np.float32(1 / 255), out=self.stem["image"][0, k])
        self.stem.run()
        self.semantic.run()
        with self.lock:
            self.count += 1
            at = self.count % KEPT
            self.ring[at], self.times[at] = self.stem["geometry"][0], seconds
            np.copyto(self.head["semantic"], self.semantic["semantic"])

    def look(self, family):
        """Runs the mixer and the head on the newest features; None before the first frame."""
        with self.lock:
            if self.count == 0:
                return None
            now = self.times[self.count % KEPT]
            chosen = np.abs(self.times - (now - self.behind)[:, None]).argmin(1)
            np.take(self.ring, chosen, axis=0, out=self.mixer["ring"][0])
            self.mixer["times"][0] = self.times[chosen] - now
            self.mixer.run()
            self.head["context"][0] = [f == family for f in self.job["families"]]
            self.head.run()
            return {"seq": self.count, "seconds": now, **self.decode()}

    def decode(self):
        """What the head says, as the message tells it."""
        things = []
        for thing, (label, floor, bottom, top, volume) in self.candidates():
            if len(things) == self.job["maxDetections"]:
                break
            limits = ((k, 0.25 if k[0] == label else 0.5) for _, k in things)
            if not any(overlap(k, (label, floor, bottom, top, volume)) > limit for k, limit in limits):
                things.append((thing, (label, floor, bottom, top, volume)))
        extents = np.exp(self.head["room"][0, :4]).tolist()
        return {
            "objects": [t for t, _ in things],
            "room": dict(zip(("length", "width", "height", "area"), extents)),
            "gate": float(self.head["gate"].mean()),
        }

    def peaks(self):
        """Label, row and column of the cells that exceed the threshold and their neighbours, strongest first."""
        heat, p = self.head["heat"][0], self.padded
        p[:, 1:-1, 1:-1] = heat
        rows = np.maximum(np.maximum(p[:, :-2], p[:, 1:-1]), p[:, 2:])
        highest = np.maximum(np.maximum(rows[:, :, :-2], rows[:, :, 1:-1]), rows[:, :, 2:])
        label, y, x = np.nonzero((heat >= self.least) & (heat == highest))
        order = np.argsort(-heat[label, y, x], kind="stable")
        return label[order], y[order], x[order]

    def candidates(self):
        """The boxes at the peaks, all at once, each with what overlap wants to know."""
        job, scale, (label, y, x) = self.job, self.job["varianceScale"], self.peaks()
        head = {name: self.head[name][0][:, y, x].astype(np.float64) for name in ("box", "box_logvar", "attributes")}
        box, spread = head["box"], np.exp(head["box_logvar"])
        toward = self.rays((x + 0.5 + box[0]) * self.cell, (y + 0.5 + box[1]) * self.cell)
        middle = self.rays((x + 0.5) * self.cell, (y + 0.5) * self.cell)
        far, axis = np.exp(box[2]), 0.5 * np.arctan2(box[6], box[7])
        axis += np.where(np.cos(axis) * box[9] + np.sin(axis) * box[8] < 0, np.pi, 0) + np.arctan2(middle[1], middle[0])
        yaw = np.remainder(axis + np.pi, 2 * np.pi) - np.pi
        center, size = toward * far, np.exp(box[3:6])
        center[2] += job["mountHeight"]
        lateral = spread[0] * scale["center"] * (far * self.cell / job["focal"]) ** 2
        radial = spread[1] * scale["distance"] * far**2
        sigma = np.sqrt(radial * toward**2 + lateral * (1 - toward**2))
        score = 1 / (1 + np.exp(-self.head["heat"][0][label, y, x].astype(np.float64)))
        color = head["attributes"].argmax(0)
        for l, k, s, c, z, a, d in zip(
            *(a.round(4).T.tolist() for a in (label, color, score, center, size, yaw, sigma)), strict=True
        ):
            box = {"center": vector(c), "size": vector(z), "yaw": a}
            thing = {"label": job["labels"][l], "color": job["colors"][k], "score": s, "box": box, "sigma": vector(d)}
            floor = ((c[0], c[1]), (z[0], z[1]), a * 180 / np.pi)
            yield thing, (l, floor, c[2] - z[2] / 2, c[2] + z[2] / 2, z[0] * z[1] * z[2])


def vector(v):
    return {"x": v[0], "y": v[1], "z": v[2]}


def overlap(a, b):
    """Intersection over union of two boxes: label, footprint, bottom, top, volume."""
    height = min(a[3], b[3]) - max(a[2], b[2])
    if height <= 0:
        return 0
    kind, corners = cv2.rotatedRectangleIntersection(a[1], b[1])
    if kind == cv2.INTERSECT_NONE:
        return 0
    shared = cv2.contourArea(cv2.convexHull(corners)) * height
    return shared / (a[4] + b[4] - shared)


class Link:
    """The connection to the broker; questions are answered in its thread."""

    def __init__(self, job, eye):
        self.prefix, self.eye, self.opened = job["topic"], eye, time.time()
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="peer")
        self.client.on_socket_open = lambda _c, _u, s: s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.client.on_connect = lambda c, *_: c.subscribe(self.prefix + "ask", qos=1)
        self.client.on_message = self.answer
        self.client.connect(job["host"], job["port"], keepalive=15)
        self.client.loop_start()
        self.newest = None

    def stamp(self, seconds):
        at = datetime.datetime.fromtimestamp(self.opened + seconds, datetime.timezone.utc)
        return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"

    def tell(self, observation):
        observation["captureTime"] = self.stamp(observation.pop("seconds"))
        self.newest = self.publish("scene", observation)

    def publish(self, topic, message):
        return self.client.publish(self.prefix + topic, json.dumps(message, separators=(",", ":")), qos=1)

    def answer(self, _client, _data, message):
        try:
            ask = json.loads(message.payload)
            name, label = ask["requestId"], ask["query"]["target"]["label"]
        except (ValueError, KeyError, TypeError) as e:
            print("a question was not answered:", e, file=sys.stderr)
            return
        seen = self.eye.look("count")
        answer = {"requestId": name, "status": "abstained", "reason": "nothing has been seen yet"}
        if seen:
            value = sum(o["label"] == label for o in seen["objects"])
            time_of = self.stamp(seen["seconds"])
            answer = {"requestId": name, "status": "answered", "answer": {"value": value}, "captureTime": time_of}
        self.publish("answer/" + name, answer)

    def close(self):
        if self.newest:
            self.newest.wait_for_publish(5)
        self.client.disconnect()
        self.client.loop_stop()


def read(film, paced, pictures):
    """Decodes ahead of the networks; None ends it."""
    begun, last, gap = time.monotonic(), -1, 1 / film.get(cv2.CAP_PROP_FPS)
    while True:
        ok, picture = film.read()
        if not ok:
            break
        seconds = film.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if seconds <= last:
            seconds = last + gap  # FFmpeg gives the last pictures no time
        last = seconds
        if paced:
            time.sleep(max(begun + seconds - time.monotonic(), 0))
        pictures.put((picture, seconds))
    pictures.put(None)


def watch(job):
    cv2.setNumThreads(1)  # the networks have the cores
    eye, pictures, film = Eye(job), queue.Queue(2), cv2.VideoCapture(job["film"], cv2.CAP_FFMPEG)
    if not film.isOpened():
        sys.exit(f"{job['film']} is no film that can be opened")
    link = None if job["dump"] else Link(job, eye)
    dump = open(job["dump"], "w") if job["dump"] else None
    threading.Thread(target=read, args=(film, job["paced"], pictures), daemon=True).start()
    while (item := pictures.get()) is not None:
        eye.frame(*item)
        observation = eye.look("observe")
        if link:
            link.tell(observation)
        else:
            print(json.dumps(observation), file=dump)
    if link:
        link.close()
    else:
        dump.close()


if __name__ == "__main__":
    if sys.argv[1:] == ["--version"]:
        from importlib.metadata import version

        names = ("opencv-python-headless", "onnxruntime", "numpy", "paho-mqtt")
        print(f"Python {sys.version.split()[0]}, " + ", ".join(f"{name} {version(name)}" for name in names))
    elif len(sys.argv) == 2:
        watch(json.loads(pathlib.Path(sys.argv[1]).read_text()))
    else:
        sys.exit("usage: peer.py JOB.json")
