"""Trains and writes a bundle, stage by stage: python -m train.bundle NAME [--stages LIST] [--device cuda].

teacher   a simulator of clips, from pictures alone
probe     what it knows of space, by layer and noise level; fixes where the student learns
distil    video_stem and video_mixer learn its inner tokens
contrast  semantic_encoder learns words of regions
fuse      gate and heads on labelled rooms, encoders at a lower rate; with a teacher but without distil, its tokens as well
controls  heads of the other ways to fuse, on the same encoders
export    the graphs, the manifest, the card

A stage that was left out is skipped: `--stages fuse,export` trains everything on labels from the start. Every stage
continues from its checkpoint in --work.
"""

import argparse
import dataclasses
import json
import pathlib
import subprocess
import time

import torch

from . import card, config, contrast, controls, distil, export, fuse, loop, probe, teacher
from .data import Clips
from .net import Model

STAGES = ["teacher", "probe", "distil", "contrast", "fuse", "controls", "export"]
SHARES = {"teacher": 0.3, "distil": 0.2, "contrast": 0.1, "fuse": 0.4}  # of --minutes
TUNED = 0.3  # share of the rate at which encoders that were trained before learn on
AGAIN = 0.5  # share of the rate at which a whole model that was trained before learns on


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("name", choices=sorted(config.BUNDLES))
    p.add_argument("--stages", default=",".join(STAGES))
    p.add_argument("--data", help="folder of shards (../build/data/NAME); rooms are drawn there unless it holds your clips")
    p.add_argument("--work", help="folder for checkpoints and logs (../build/train-NAME)")
    p.add_argument("--out", help="folder of the bundle (bundles/NAME)")
    p.add_argument("--roomgen", default="../bin/roomgen")
    p.add_argument("--rooms", type=int, help="instead of the recipe's")
    p.add_argument("--teacher", choices=["sim", "wan"], default="sim", help="own simulator, or weights of Wan2.1")
    p.add_argument("--weights", help="folder of Wan's weights")
    p.add_argument("--place", default="21,0.3", help="Wan's layer and noise level, unless the probe looks for them")
    p.add_argument("--begin", help="checkpoint of an earlier fuse (../build/train-nano/fuse.pt) that fuse goes on from")
    p.add_argument("--steps", type=int, help="of fuse, instead of the recipe's")
    p.add_argument("--device", default="cpu")
    p.add_argument("--compile", action="store_true")
    p.add_argument("--minutes", type=float, help="for all stages together, instead of the recipe's steps")
    a = p.parse_args()
    a.stages = a.stages.split(",")
    if unknown := set(a.stages) - set(STAGES):
        p.error(f"unknown stages: {', '.join(sorted(unknown))}; there are {', '.join(STAGES)}")
    a.data = a.data or f"../build/data/{a.name}"
    a.work = pathlib.Path(a.work or f"../build/train-{a.name}")
    a.out = pathlib.Path(a.out or f"bundles/{a.name}")
    return a


def own(folder):
    """Whether the shards are somebody's own clips, which train.clipformat packed, and no rendered rooms."""
    meta = pathlib.Path(folder) / "meta.json"
    return meta.exists() and "rooms" not in json.loads(meta.read_text())


def begun(file):
    """The averaged weights of an earlier fuse."""
    state = loop.load(pathlib.Path(file))
    if state is None:
        raise SystemExit(f"there is no checkpoint {file}.0 to go on from: train that bundle first")
    mean = state["mean"]
    inside = {k.removeprefix("model."): v for k, v in mean.items() if k.startswith("model.")}
    return inside or mean  # what learned from a teacher too holds the model inside


class Run:
    """One bundle on its way: recipe, clips, and what the stages have found so far."""

    def __init__(self, a):
        self.a, self.cfg = a, config.BUNDLES[a.name]
        if a.rooms:
            self.cfg = dataclasses.replace(self.cfg, rooms=a.rooms)
        began = time.monotonic()
        if not own(a.data):  # rooms that are there already are kept
            subprocess.run([a.roomgen, "-out", a.data, "-first", "0", "-rooms", str(self.cfg.rooms)], check=True)
        self.clips = Clips(self.cfg, a.data, device=a.device)
        self.count = fuse.count(self.clips)
        print(f"{len(self.clips)} clips after {time.monotonic() - began:.0f} s")
        self.found = {"teacher": {"id": "none", "layer": 0, "noiseLevel": 0, "noisePolicy": "none"}}
        self.teacher = self.student = self.semantic = self.words = None
        self.begun = begun(a.begin) if a.begin else None

    def plan(self, stage, steps):
        a, minutes = self.a, None
        if a.minutes:
            minutes = a.minutes * SHARES[stage] / sum(SHARES[s] for s in a.stages if s in SHARES)
        return loop.Plan(a.work, steps, minutes, a.device, keep=a.name != "smoke", compiled=a.compile)

    def do_teacher(self):
        if self.a.teacher == "wan":
            from .wan import Wan  # needs packages of its own

            self.teacher = Wan.open(self.a.weights).to(self.a.device)
            layer, noise = self.a.place.split(",")
            self.place(int(layer), float(noise))
            return
        self.teacher = teacher.train(self.cfg, self.clips, self.count, self.plan("teacher", self.cfg.teacher.steps))

    def place(self, layer, noise):
        """Where in the teacher the student learns."""
        self.found["teacher"] = {
            "id": self.teacher.name, "layer": layer, "noiseLevel": noise, "noisePolicy": "mean of 4 draws",
        }

    def where(self):
        return self.found["teacher"]["layer"], self.found["teacher"]["noiseLevel"]

    def do_probe(self):
        """Fixes the layer and the noise level of the teacher; remembered in a file, since it takes a while."""
        file = self.a.work / "probe.json"
        if not file.exists():
            picks = list(range(self.count, len(self.clips)))[:128]
            layers = sorted({max(1, round(self.teacher.layers * s)) for s in (0.25, 0.4, 0.5, 0.65, 0.8, 1)})
            levels = (0.3, 0.7) if self.a.name == "smoke" else (0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9)
            rows = probe.sweep(self.cfg, self.clips, self.teacher, picks, layers, levels)
            file.write_text(json.dumps(rows, indent=1))
        rows = json.loads(file.read_text())
        top = probe.best(rows)
        self.place(top["layer"], top["noise"])
        card.curves(rows, self.a.work / "probe.png")
        if self.a.teacher == "sim":
            card.sheet(self.teacher, self.cfg.frames, self.a.work / "samples.png", self.a.device)

    def do_distil(self):
        plan = self.plan("distil", self.cfg.distil_steps)
        self.student = distil.train(self.cfg, self.clips, self.count, self.teacher, self.where(), plan)

    def do_contrast(self):
        done = contrast.train(self.cfg, self.clips, self.count, self.plan("contrast", self.cfg.contrast_steps))
        self.semantic = done.encoder
        self.words = dict(zip(contrast.vocabulary(self.clips.meta), done.words.detach().cpu()))

    def model(self, cfg):
        """A model with the encoders of the stages that ran."""
        torch.manual_seed(cfg.seed)
        m = Model(cfg, len(self.clips.meta["labels"]), len(self.clips.meta["colors"]))
        if self.begun:
            m.load_state_dict(self.begun)
        if self.student:
            m.stem.load_state_dict(self.student.stem.state_dict())
            m.mixer.load_state_dict(self.student.mixer.state_dict())
        if self.semantic:
            m.semantic.load_state_dict(self.semantic.state_dict())
        return m

    def do_fuse(self):
        cfg, lesson = self.cfg, None
        if self.begun:
            cfg = dataclasses.replace(cfg, rate=AGAIN * cfg.rate)
        if self.teacher and not self.student:
            lesson = distil.Lesson(cfg, self.teacher, self.where(), draws=1)
            self.found["teacher"]["noisePolicy"] = "one draw a step"
        encoders = TUNED if self.student or self.semantic else 1.0
        plan = self.plan("fuse", self.a.steps or cfg.steps)
        self.final, self.loop = fuse.train(cfg, self.clips, self.model(cfg), plan, encoders=encoders, lesson=lesson)
        self.found["heldOut"] = fuse.Exam(self.cfg, self.clips, self.count)(self.final)
        print(self.found["heldOut"])

    def do_controls(self):
        """Heads of every way to fuse, on the final encoders, with three seeds each; a bundle of each for vegad eval."""
        plan = dataclasses.replace(self.plan("fuse", self.cfg.control_steps), minutes=None)
        exam, table = fuse.Exam(self.cfg, self.clips, self.count), {}
        seeds = 3 if self.a.name != "smoke" else 1
        for fusion, seed, cfg, model in controls.all_ways(
            self.cfg, self.clips, self.final, self.count, plan, config.FUSIONS, seeds
        ):
            name = f"{fusion}-{seed}"
            table[name] = exam(model)
            print("control", name, table[name], flush=True)
            export.bundle(self, self.a.work / "controls" / name, cfg, model, table[name])
        self.found["controls"] = table

    def do_export(self):
        export.bundle(self, self.a.out, self.cfg, self.final, self.found["heldOut"])


def main():
    torch.set_flush_denormal(True)  # gradients far from any peak fade into denormals, which are a hundred times slower
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    a = arguments()
    run = Run(a)
    for stage in STAGES:
        if stage in a.stages:
            getattr(run, f"do_{stage}")()


if __name__ == "__main__":
    main()
