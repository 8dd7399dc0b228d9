"""Checks of the parts that the stages share; `python -m unittest discover -s train/tests -t .` from the folder models."""

import dataclasses
import json
import pathlib
import tempfile
import unittest

import numpy as np
import torch

from train import bundle, config, contrast, controls, data, distil, fuse, loop, loss, muon, net, probe, teacher

CFG = config.SMOKE


def poses(n, generator):
    """Cameras in a room: x, y, yaw, height, pitch, roll."""
    x = torch.rand(n, 6, generator=generator)
    return torch.stack([4 * x[:, 0], 4 * x[:, 1], 6 * x[:, 2] - 3, 0.3 + x[:, 3], 0.3 * x[:, 4], 0 * x[:, 5]], 1)


class Checkpoint(unittest.TestCase):
    def test_pieces(self):
        """A state larger than a piece comes back whole, and a smaller one leaves no piece of it behind."""
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "x.pt"
            big = {"a": torch.rand(loop.PIECE // 4 + 1000)}
            loop.save(path, big)
            self.assertEqual(len(list(path.parent.iterdir())), 2)
            self.assertTrue(torch.equal(loop.load(path)["a"], big["a"]))
            loop.save(path, {"a": torch.ones(3)})
            self.assertEqual([p.name for p in path.parent.iterdir()], ["x.pt.0"])
            self.assertIsNone(loop.load(path.with_name("y.pt")))


class Optimiser(unittest.TestCase):
    def test_orthogonal(self):
        """All singular values come near one, whatever the shape."""
        for shape in ((16, 40), (40, 16)):
            s = torch.linalg.svdvals(muon.orthogonal(torch.randn(shape, generator=torch.Generator().manual_seed(1))))
            self.assertGreater(s.min(), 0.6)
            self.assertLess(s.max(), 1.3)

    def test_every_weight_once(self):
        model = net.Model(CFG, 4, 3)
        taken = [id(p) for o in muon.both(model, 1e-3) for g in o.param_groups for p in g["params"]]
        self.assertEqual(sorted(taken), sorted(id(p) for p in model.parameters()))


class Geometry(unittest.TestCase):
    def test_floor(self):
        """A ray that is followed to the floor's distance ends at height zero."""
        pose = poses(5, torch.Generator().manual_seed(2))
        field = data.rays(CFG, pose[:, 3], pose[:, 4])
        down = field[:, 3] > 0.2
        depth = torch.where(down, -torch.log(field[:, 3].clamp(min=0.2)), torch.zeros(()))
        height = probe.places(CFG, pose, depth)[..., 2]
        self.assertLess(height[down].abs().max(), 1e-5)
        reach = net.reach(field)[:, 0]
        near = field[:, 3] > 0.25
        self.assertTrue(torch.allclose(reach[near], depth[near], atol=1e-5))
        self.assertLessEqual(reach.max(), np.log(4) + 1e-6)

    def test_mirror_twice(self):
        """Swapping left and right twice changes nothing, and once changes something."""
        h, w = CFG.grid
        g = torch.Generator().manual_seed(3)
        b = {
            "depth": torch.rand(2, h, w, generator=g), "kind": torch.randint(0, 4, (2, h, w), generator=g),
            "rays": torch.rand(2, 4, h, w, generator=g), "frames": torch.rand(2, 4, 3, 8, 8, generator=g),
            "ego": torch.rand(2, 3, generator=g), "cells": torch.randint(-1, h * w, (2, 3, 5), generator=g),
            "geo": torch.rand(2, 3, 5, generator=g),
        }
        before = {k: v.clone() for k, v in b.items()}
        flip = torch.tensor([True, False])
        data.mirror(CFG, b, flip)
        self.assertFalse(torch.equal(b["frames"][0], before["frames"][0]))
        self.assertTrue(torch.equal(b["frames"][1], before["frames"][1]))
        data.mirror(CFG, b, flip)
        for k, v in before.items():
            self.assertTrue(torch.allclose(b[k], v, atol=1e-4), k)


class Probe(unittest.TestCase):
    def test_correspondence(self):
        """Features that are a function of the place agree; the same features shuffled do not."""
        g = torch.Generator().manual_seed(4)
        where = 3 * torch.rand(2, 1, 6, 8, 3, generator=g).repeat(1, 2, 1, 1, 1)
        basis = torch.randn(3, 64, generator=g)
        features = torch.sin(2 * where @ basis).permute(0, 1, 4, 2, 3)
        knows = probe.correspondence(features, where)
        self.assertGreater(knows["matched"] - knows["floor"], 0.9)
        self.assertLess(knows["match_m"], 1e-3)
        shuffled = features.flatten(3)[..., torch.randperm(48, generator=g)].reshape(features.shape)
        features[:, 1] = shuffled[:, 1]
        blind = probe.correspondence(features, where)
        self.assertLess(blind["matched"] - blind["floor"], 0.3)

    def test_linear_depth(self):
        g = torch.Generator().manual_seed(5)
        x, w = torch.randn(400, 6, generator=g), torch.randn(6, generator=g) * 0.2
        self.assertLess(probe.depth(x[:200], x[:200] @ w + 1, x[200:], x[200:] @ w + 1), 0.01)
        self.assertGreater(probe.depth(x[:200], torch.randn(200, generator=g), x[200:], x[200:] @ w + 1), 0.1)


def shard(folder, n=3, m=4):
    """Writes a shard of random rooms in roomgen's layout."""
    rng, (h, w) = np.random.default_rng(1), CFG.image
    things = rng.random((n, m, 12), np.float32)
    things[..., 0], things[..., 1], things[..., 2] = 1, rng.integers(0, 4, (n, m)), rng.integers(0, 3, (n, m))
    things[..., 3:5] = 3
    arrays = {
        "rgb": rng.integers(0, 255, (n, 8, h, w, 3), np.uint8), "objects": things,
        "instance": rng.integers(0, m + 1, (n, 8, h // 4, w // 4), np.uint8),
        "depth": rng.integers(500, 4000, (n, 8, h // 4, w // 4), np.uint16),
        "visible": np.full((n, 8, m, 2), 400, np.int32),
        "pose": poses(8 * n, torch.Generator().manual_seed(1)).reshape(n, 8, 6).numpy(),
        "room": np.full((n, 4), 3, np.float32),
    }
    folder.mkdir()
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)


class Data(unittest.TestCase):
    def test_pictures_on_disk_and_device(self):
        """A window is the same whether its pictures come from the disk or from the device."""
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            shard(folder / "shard-00000")
            shard(folder / "shard-00001")
            (folder / "meta.json").write_text(json.dumps({"labels": list("abcd"), "colors": list("xyz"), "frames": 8}))
            clips = data.Clips(CFG, folder)
            self.assertEqual(len(clips), 6)
            gather = lambda: clips.gather(np.array([1, 4]), np.array([7, 3]), np.random.default_rng(2))
            disk = gather()
            clips.take()
            device = gather()
            for k, v in disk.items():
                self.assertTrue(torch.equal(v, device[k]), k)
            self.assertTrue(((disk["frames"] >= 0) & (disk["frames"] <= 1)).all())
            self.assertEqual(disk["frames"].shape, (2, CFG.frames, 3, *CFG.image))


    def test_tokens_of_pairs(self):
        """Controls read what the encoders make of the windows, two of each clip; a step's batch is always the same."""
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            shard(folder / "shard-00000", n=6)
            (folder / "meta.json").write_text(json.dumps({"labels": list("abcd"), "colors": list("xyz"), "frames": 8}))
            clips, model = data.Clips(CFG, folder), net.Model(CFG, 4, 3)
            tokens = controls.Tokens(CFG, clips, model, 6, 8)
            self.assertEqual(len(tokens), 8)
            self.assertEqual(tokens.fields["generative"].shape, (2, 8, CFG.generative, *CFG.grid))
            self.assertTrue(torch.equal(tokens.fields["things"][0], tokens.fields["things"][1]))
            batches = controls.Batches(CFG, tokens)
            (a, asked, _), (b, again, _) = batches(3), batches(3)
            self.assertEqual(asked, again)
            self.assertEqual(len(a["rays"]), 2 * CFG.clips)
            self.assertTrue(all(torch.equal(a[k], b[k]) for k in a))


class Begun(unittest.TestCase):
    def test_pupil(self):
        """A model that learned from a teacher begins another run without what was thrown away."""
        with tempfile.TemporaryDirectory() as name:
            model = net.Model(CFG, 4, 3)
            path = pathlib.Path(name) / "fuse.pt"
            loop.save(path, {"mean": distil.Pupil(model, 8).state_dict()})
            net.Model(CFG, 4, 3).load_state_dict(bundle.begun(path))
            loop.save(path, {"mean": model.state_dict()})
            net.Model(CFG, 4, 3).load_state_dict(bundle.begun(path))


class Labels(unittest.TestCase):
    def test_unknown_depth(self):
        """Unknown pixels count for nothing, and a cell that is mostly unknown is unknown."""
        mm = np.full((1, 1, 1, 2, 2, 2), 1000, np.uint16)
        mm[0, 0, 0, 0, 0, 0] = 0
        mm[0, 0, 0, :, 1, :] = [[0, 0], [0, 2000]]
        depth = torch.from_numpy(data.cell_depth(mm))[0]
        self.assertAlmostEqual(depth[0, 0, 0].item(), 0, places=5)
        self.assertEqual(depth[0, 0, 1].item(), data.UNKNOWN)
        said = torch.zeros(1, 2, 1, 2)
        self.assertAlmostEqual(loss.depth_loss(said, depth).item(), loss.laplace(torch.zeros(()), torch.zeros(())).item())

    def test_unlabelled_parts(self):
        """Clips without boxes teach depth and motion alone."""
        kept = {k for k in loss.LABELS if {"boxes": False, "room": False}.get(loss.LABELS[k], True)}
        self.assertEqual(kept, {"depth", "probe_depth"})


def opened(net_):
    """The simulator with its gates, which start closed, open."""
    torch.manual_seed(1)
    for p in net_.eval().parameters():
        torch.nn.init.normal_(p, std=0.1)


class Simulator(unittest.TestCase):
    kinds = [teacher.make(dataclasses.replace(CFG.teacher, kind=kind)) for kind in ("transformer", "pyramid")]

    def test_patches_are_reversible(self):
        net_ = self.kinds[0]
        frames = torch.rand(2, 3, 3, *CFG.teacher.image) * 0.6 + 0.2
        self.assertTrue(torch.allclose(net_.pictures(net_.latents(frames)), frames, atol=1e-5))

    def test_features_follow_the_generator(self):
        frames = torch.rand(1, 4, 3, *CFG.image)
        for net_ in self.kinds:
            opened(net_)
            a, b, c = (net_.features(frames, 1, 0.5, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
            self.assertEqual(a.shape, (1, 4, CFG.teacher.width, *CFG.teacher.grid))
            self.assertTrue(torch.equal(a, b))
            self.assertFalse(torch.allclose(a, c))

    def test_frames_know_of_each_other(self):
        """What one frame shows moves the tokens of another, near in time after one block and any after all."""
        frames = torch.rand(1, 4, 3, *CFG.image)
        other = frames.clone()
        other[:, 3] = 0.5
        for net_ in self.kinds:
            opened(net_)
            level = torch.full((1,), 0.5)
            a, b = (net_.map(net_.tokens(net_.latents(f), level)) for f in (frames, other))
            self.assertFalse(torch.allclose(a[:, 0], b[:, 0]))
            self.assertEqual(net_(net_.latents(frames), level).shape, net_.latents(frames).shape)


class Fusion(unittest.TestCase):
    def test_polarity(self):
        """A gate of one is all semantic, a gate of zero all generative; the question's family moves it."""
        g = torch.Generator().manual_seed(6)
        sem, gen = torch.randn(1, 16, 3, 4, generator=g), torch.randn(1, 16, 3, 4, generator=g)
        gate, context = net.Gate(16, 6), torch.eye(6)
        torch.nn.init.zeros_(gate.weigh.weight)
        norm = lambda x: torch.nn.functional.layer_norm(x.flatten(2).transpose(1, 2), (16,)).transpose(1, 2).reshape(x.shape)
        for bias, stream in ((50.0, sem), (-50.0, gen)):
            torch.nn.init.constant_(gate.weigh.bias, bias)
            self.assertTrue(torch.allclose(gate(sem, gen, context[:1])[1], norm(stream), atol=1e-5))
        torch.nn.init.constant_(gate.weigh.bias, 0.0)
        torch.nn.init.constant_(gate.context.weight[:, 3], -1.0)
        self.assertLess(gate(sem, gen, context[3:4])[0].mean(), gate(sem, gen, context[:1])[0].mean())

    def test_variants_differ(self):
        g = torch.Generator().manual_seed(7)
        sem, gen = torch.randn(1, 16, 3, 4, generator=g), torch.randn(1, 16, 3, 4, generator=g)
        outs = []
        for fusion in config.FUSIONS[:-1]:
            torch.manual_seed(8)
            outs.append(net.Gate(16, 6, fusion)(sem, gen, torch.eye(6)[:1])[1])
        for i, a in enumerate(outs):
            for b in outs[:i]:
                self.assertFalse(torch.allclose(a, b))


class Words(unittest.TestCase):
    def test_truth(self):
        """A thing has one label, one colour and one size."""
        meta = {"labels": ["bed", "chair"], "colors": ["red", "blue"]}
        things = torch.zeros(1, 2, 12)
        things[0, 0] = torch.tensor([1, 1, 0, 0, 0, 0, 2, 2, 2, 0, 0, 0])
        things[0, 1] = torch.tensor([1, 0, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0])
        words = contrast.truth(meta, things, torch.tensor([[2.0, 4.0], [2.0, 4.0]]))
        named = [[w for w, on in zip(contrast.vocabulary(meta), row) if on] for row in words[0]]
        self.assertEqual(named, [["chair", "red", "big"], ["bed", "blue", "small"]])


class SameSeed(unittest.TestCase):
    def test_same_numbers(self):
        """Two runs of the last stage from one seed end in the same weights."""
        ends = []
        for _ in range(2):
            torch.manual_seed(CFG.seed)
            model, answers, g = net.Model(CFG, 4, 3), fuse.Answers(CFG, {"labels": list("abcd")}), torch.Generator().manual_seed(9)
            h, w = CFG.grid
            batch = {
                "frames": torch.rand(4, 4, 3, *CFG.image, generator=g), "times": torch.zeros(4, 4),
                "rays": torch.rand(4, 4, h, w, generator=g), "cells": torch.randint(0, h * w, (4, 3, 5), generator=g),
                "geo": torch.rand(4, 3, 5, generator=g), "things": torch.rand(4, 3, 12, generator=g),
                "depth": torch.rand(4, h, w, generator=g), "kind": torch.randint(0, 5, (4, h, w), generator=g),
                "pose": torch.rand(4, 6, generator=g), "room": torch.rand(4, 4, generator=g),
                "ego": torch.rand(4, 3, generator=g),
            }
            plan = loop.Plan(pathlib.Path(tempfile.mkdtemp()), 3, keep=False)
            run = loop.Loop("x", model, muon.both(model, 1e-3), plan)
            for _ in range(2):
                run.one((batch, 1, 0), answers)
                run.step += 1
            ends.append(torch.cat([p.detach().flatten() for p in run.mean.parameters()]))
        self.assertTrue(torch.equal(*ends))
        self.assertTrue(torch.isfinite(ends[0]).all())


if __name__ == "__main__":
    unittest.main()
