"""Writes a bundle: ONNX graphs, golden values, size priors, manifest with digests."""

import copy
import datetime
import hashlib
import json
import pathlib
import platform
import warnings

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from . import card
from .net import noise

OPSET = 18  # LayerNormalization is one node from 17 on; TensorRT 10.3 reads up to 20

MEANING = {
    "image": ("canonical view, red green blue planes", "0..1"),
    "geometry": ("features of one frame for the ring", ""),
    "semantic": ("what things are, newest frame", ""),
    "ring": ("features of the clip's frames, oldest first", ""),
    "times": ("capture times before the newest frame", "s"),
    "generative": ("geometry in time context", ""),
    "rays": ("unit ray of each cell in the levelled camera frame, and inverse distance along it to the floor", "1, 1/m"),
    "context": ("question family, one of K", ""),
    "gate": ("weight of the semantic stream", "0..1"),
    "fused": ("tokens after the gate", ""),
    "heat": ("centre heat map of each label before the sigmoid", "logit"),
    "box": ("offset x and y in cells, ln distance, ln size x y z, sin and cos of 2a, sin and cos of a; a is the yaw "
            "against the direction of the cell", "cells, ln m, 1"),
    "box_logvar": ("ln variance of offset, ln distance, ln size, and the yaw channels", "ln"),
    "attributes": ("colours before the softmax", "logit"),
    "embedding": ("identity, unit vector", ""),
    "depth": ("ln distance along the ray and its ln variance", "ln m"),
    "ego": ("displacement of the camera's foot over the last stride: x, y, yaw, and their ln variances", "m, rad, ln"),
    "room": ("ln length, width, height, area, and their ln variances", "ln m, ln m2"),
}

# How a memory of nano's observations errs, so that 95 % intervals of counts hold (walks 900 100 to 900 139 of vegad eval).
COUNTING = {"missed": 0.3, "wrong": 0.15}

HEAD = ["gate", "fused", "heat", "box", "box_logvar", "attributes", "embedding", "depth", "ego", "room"]


class Named(nn.Module):
    """The head with its outputs in the manifest's order. The control named noise reads what was drawn."""

    def __init__(self, head, drawn=None):
        super().__init__()
        self.head = head
        self.register_buffer("drawn", drawn)

    def forward(self, generative, semantic, rays, context):
        if self.drawn is not None:
            generative = self.drawn + 0 * generative  # it stays an input of the graph
        out = self.head(generative, semantic, rays, context)
        return tuple(out[k] for k in HEAD)


def fold(module):
    """Replaces every convolution followed by a batch norm by one convolution, so that no engine has to."""
    for name, child in module.named_children():
        if isinstance(child, nn.Sequential):
            parts = list(child)
            for i in range(len(parts) - 1):
                if isinstance(parts[i], nn.Conv2d) and isinstance(parts[i + 1], nn.BatchNorm2d):
                    parts[i], parts[i + 1] = fuse_conv_bn_eval(parts[i], parts[i + 1]), nn.Identity()
            parts = [p for p in parts if not isinstance(p, nn.Identity)]
            setattr(module, name, nn.Sequential(*parts))
            fold(getattr(module, name))
        else:
            fold(child)
    return module


def graphs(cfg, model, sample):
    """name -> (module, inputs, input names, output names), with a window of clips that runs through all of them.

    The golden values come from a picture like those that the networks will see: on noise, an int8 engine may be wrong
    where it never has to be right.
    """
    model = fold(copy.deepcopy(model).float().eval().to(memory_format=torch.contiguous_format))
    frames, times, rays = (sample[k].float().cpu().contiguous() for k in ("frames", "times", "rays"))
    with torch.no_grad():
        ring = model.stem(frames[0]).unsqueeze(0)
        image = frames[0, -1:].contiguous()
        context = torch.eye(len(cfg.families))[:1]
        generative, semantic = model.mixer(ring, times), model.semantic(image)
        drawn = noise(generative) if cfg.fusion == "noise" else None
    return {
        "video_stem": (model.stem, (image,), ["image"], ["geometry"]),
        "semantic_encoder": (model.semantic, (image,), ["image"], ["semantic"]),
        "video_mixer": (model.mixer, (ring, times), ["ring", "times"], ["generative"]),
        "spatial_head": (Named(model.head, drawn), (generative, semantic, rays, context),
                         ["generative", "semantic", "rays", "context"], HEAD),
    }


def digest(path, root):
    data = path.read_bytes()
    return {"path": str(path.relative_to(root)), "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def spec(name, tensor):
    meaning, unit = MEANING[name]
    out = {"name": name, "shape": list(tensor.shape), "dtype": "float32", "meaning": meaning}
    return out | ({"unit": unit} if unit else {})


def write(cfg, model, sample, out):
    """The graphs as ONNX, and the values that they give in PyTorch."""
    (out / "fp32").mkdir(parents=True, exist_ok=True)
    specs, files, golden = {}, {}, {}
    for name, (module, inputs, ins, outs) in graphs(cfg, model, sample).items():
        path = out / "fp32" / f"{name}.onnx"
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(module, inputs, str(path), input_names=ins, output_names=outs, **exporter())
            values = module(*inputs)
        values = values if isinstance(values, tuple) else (values,)
        strip(path)
        specs[name] = {
            "inputs": [spec(n, t) for n, t in zip(ins, inputs)], "outputs": [spec(n, t) for n, t in zip(outs, values)],
        }
        files[name] = digest(path, out)
        for n, t in [*zip(ins, inputs), *zip(outs, values)]:
            golden[f"{name}.{n}"] = np.ascontiguousarray(t.detach().numpy(), np.float32)
    np.savez_compressed(out / "golden.npz", **golden)
    return specs, files


def exporter():
    """Options of the exporter; versions of PyTorch before 2.6 have only the one that traces."""
    if int(torch.__version__.split(".")[0]) < 2:
        return {"opset_version": 17}
    return {"opset_version": OPSET, "dynamo": True, "external_data": False, "verbose": False}


def strip(path):
    """Drops the exporter's notes (source lines, paths): they tell about a machine, not about the network."""
    import onnx

    m = onnx.load(path)
    m.producer_name, m.producer_version, m.doc_string = "vegad", "", ""
    del m.metadata_props[:]
    del m.graph.value_info[:]
    for thing in [*m.graph.node, *m.graph.input, *m.graph.output, *m.graph.initializer]:
        thing.doc_string = ""
        if hasattr(thing, "metadata_props"):
            del thing.metadata_props[:]
    onnx.checker.check_model(m, full_check=True)
    onnx.save(m, path)


def priors(clips):
    """Mean extents of each label and the spread of their logarithms over the training rooms."""
    rows = clips.things.reshape(-1, 12).cpu().numpy()
    rows = rows[rows[:, 0] > 0]
    out = {}
    for i, label in enumerate(clips.meta["labels"]):
        logs = np.log(rows[rows[:, 1] == i, 6:9])
        if len(logs) > 1:
            out[label] = {"meanM": np.exp(logs.mean(0)).round(4).tolist(), "logSigma": logs.std(0).round(4).tolist()}
    return out


def hardware():
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    cores = f"{torch.get_num_threads()} cores of {model}"
    return f"{torch.cuda.get_device_name()}, {cores}" if torch.cuda.is_available() else cores


def describe(run):
    """What the bundle learned from, in one sentence."""
    if run.student:
        return "Backbone distilled from a generator of clips, semantic encoder from words of regions, tuned on labelled rooms."
    if run.teacher:
        return "Both streams trained on labels of rendered rooms; the backbone learned the tokens of a generator of clips as well."
    return "Both streams trained on labels of rendered rooms, no teacher."


def extras(run, out):
    """Files beside the graphs: the table of words, the curves and samples of the card."""
    found = {}
    if run.words:
        table = {word: [round(float(x), 5) for x in vector] for word, vector in run.words.items()}
        (out / "words.json").write_text(json.dumps(table) + "\n")
        found["words.json"] = out / "words.json"
    card.progress(sorted(run.a.work.glob("*.jsonl")), out / "training.png")
    for name in ("training.png",):
        found[name] = out / name
    for name in ("probe.png", "samples.png"):
        if (run.a.work / name).exists():
            (out / name).write_bytes((run.a.work / name).read_bytes())
            found[name] = out / name
    return {name: digest(path, out) for name, path in found.items()}


def fusion(cfg):
    return {
        "gatePolarity": "semantic", "concatOrder": ["semantic", "generative"], "blend": "layernormed",
        "layerNorm": "per stream, before gate and blend", "residual": cfg.fusion == "residual",
    }


def training(run):
    """Data, steps and time of the last stage and those before it."""
    logs = [json.loads(p.read_text().splitlines()[-1]) for p in run.a.work.glob("*.jsonl") if p.stat().st_size]
    return {
        "data": "rooms drawn by roomgen, one clip of eight frames each", "seeds": [run.cfg.seed], "rooms": run.count,
        "clips": run.count, "steps": run.loop.step, "hardware": hardware(),
        "wallSeconds": round(60 * sum(row["minutes"] for row in logs)),
    }


def bundle(run, out, cfg, model, exam):
    """The whole bundle of a model of a run; exam is what it did on held-out clips."""
    model = model.cpu()
    sample = run.clips.gather(np.array([run.count]), np.array([7]), np.random.default_rng(0), augment=False)
    specs, files = write(cfg, model, sample, out)
    offset, distance, size, yaw = (max(s, 0.05) for s in exam["spread"])
    manifest = {
        "formatVersion": 1, "name": out.name, "version": "0.4.0",
        "createdAt": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), "licence": "Apache-2.0",
        "description": describe(run), "view": {"width": cfg.image[1], "height": cfg.image[0], "hfovRad": cfg.hfov},
        "clip": {"length": cfg.frames, "strideSeconds": cfg.dt}, "grid": {"cols": cfg.grid[1], "rows": cfg.grid[0]},
        "labels": run.clips.meta["labels"], "colors": run.clips.meta["colors"], "families": list(cfg.families),
        "fusion": fusion(cfg), "teacher": run.found["teacher"], "training": training(run),
        "metrics": {k: v for k, v in run.found.items() if k != "teacher"} | {"heldOut": exam}, "sizePriors": priors(run.clips),
        "decode": {
            "scoreThreshold": 0.4, "maxDetections": 32,
            "varianceScale": {
                "center": offset, "distance": distance, "size": size, "yaw": yaw, "depth": 1.0, "ego": 1.0, "room": 1.0,
            },
            "counting": COUNTING,
        },
        "graphs": specs, "precisions": {"fp32": {"files": files}},
        "golden": {"file": digest(out / "golden.npz", out), "tolerance": {"fp32": 1e-4}}, "files": extras(run, out),
    }
    (out / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    print(f"wrote {out}")
