"""What every stage shares: the schedule, averaged weights, checkpoints and the log."""

import copy
import dataclasses
import io
import itertools
import json
import math
import pathlib
import time

import torch

PIECE = 15 << 20  # bytes of one file of a checkpoint


@dataclasses.dataclass
class Plan:
    """Where a stage works and how long."""

    work: pathlib.Path
    steps: int
    minutes: float | None = None  # instead of steps: the rate still falls to zero
    device: str = "cpu"
    keep: bool = True  # whether to continue from a checkpoint and to write them
    compiled: bool = False


def save(path, state):
    """Writes a state as pieces PATH.0, PATH.1, … that are small enough to be carried about; the old ones go last."""
    data = io.BytesIO()
    torch.save(state, data)
    view = data.getbuffer()
    count = max(1, math.ceil(len(view) / PIECE))
    for i in range(count):
        part = path.with_name(f"{path.name}.{i}.part")
        part.write_bytes(view[i * PIECE : (i + 1) * PIECE])
    for i in range(count):
        path.with_name(f"{path.name}.{i}.part").rename(path.with_name(f"{path.name}.{i}"))
    for i in itertools.count(count):
        old = path.with_name(f"{path.name}.{i}")
        if not old.exists():
            break
        old.unlink()


def load(path):
    """The state that save wrote, or None when there is none."""
    pieces = []
    for i in itertools.count():
        piece = path.with_name(f"{path.name}.{i}")
        if not piece.exists():
            break
        pieces.append(piece.read_bytes())
    return torch.load(io.BytesIO(b"".join(pieces)), map_location="cpu", weights_only=False) if pieces else None


def rate(share):
    """One cycle: a short warm-up, then a cosine to zero."""
    return min(share / 0.03, 0.5 * (1 + math.cos(math.pi * share)))


def mixed(device):
    """Products in bfloat16. Versions of PyTorch before 2 cannot mix on a CPU and stay at full width."""
    return torch.autocast(torch.device(device).type, dtype=torch.bfloat16, enabled=not torch.__version__.startswith("1."))


class Loop:
    """Trains a module with its optimisers; `mean` is the average of its weights over the last few hundred steps.

    `loss(module, item)` returns the value and a dict of its parts.
    """

    def __init__(self, name, module, opts, plan):
        self.name, self.opts, self.plan = name, opts, plan
        self.module, self.mean = module, copy.deepcopy(module).eval()
        self.called = torch.compile(module) if plan.compiled else module
        self.top = [group["lr"] for opt in opts for group in opt.param_groups]
        self.step, self.spent = 0, 0.0
        plan.work.mkdir(parents=True, exist_ok=True)
        state = load(self.file) if plan.keep else None
        if state:
            self.restore(state)

    @property
    def file(self):
        return self.plan.work / f"{self.name}.pt"

    def restore(self, state):
        self.module.load_state_dict(state["module"])
        self.mean.load_state_dict(state["mean"])
        for opt, saved in zip(self.opts, state["opts"]):
            opt.load_state_dict(saved)
        self.step, self.spent = state["step"], state["spent"]
        print(f"{self.name}: continuing at step {self.step}")

    def save(self):
        if self.plan.keep:
            save(self.file, {
                "module": self.module.state_dict(), "mean": self.mean.state_dict(),
                "opts": [opt.state_dict() for opt in self.opts], "step": self.step, "spent": self.spent,
            })

    def share(self):
        """How much of the schedule is behind us, 0..1."""
        return self.spent / 60 / self.plan.minutes if self.plan.minutes else self.step / self.plan.steps

    def run(self, batches, loss, check=None):
        """Goes on to the end of the plan; batches(step) gives what loss takes. check(mean) is printed now and then."""
        log = (self.plan.work / f"{self.name}.jsonl").open("a")
        coming = stream(batches, self.step, self.plan.device)
        saved = time.monotonic()
        while self.share() < 1:
            start = time.monotonic()
            parts = self.one(next(coming), loss)
            self.spent += time.monotonic() - start
            self.step += 1
            if self.step % 50 == 0 or not self.plan.keep:
                parts = {k: round(float(v), 4) for k, v in parts.items()}
                print(f"{self.name} {self.step} {self.spent / 60:.1f} min", parts, flush=True)
                log.write(json.dumps({"step": self.step, "minutes": round(self.spent / 60, 3)} | parts) + "\n")
                log.flush()
            if time.monotonic() - saved > 120:
                self.save()
                saved = time.monotonic()
                if check:
                    print(self.name, self.step, check(self.mean), flush=True)
        self.save()
        log.close()
        return self.mean

    def one(self, item, loss):
        scale = rate(self.share())
        groups = [group for opt in self.opts for group in opt.param_groups]
        for group, top in zip(groups, self.top):
            group["lr"] = top * scale
        self.module.train()
        value, parts = loss(self.called, item)
        for opt in self.opts:
            opt.zero_grad(set_to_none=True)
        value.backward()
        torch.nn.utils.clip_grad_norm_(self.module.parameters(), 5.0)
        for opt in self.opts:
            opt.step()
        self.average()
        return parts

    @torch.no_grad()
    def average(self):
        keep = min(0.998, (1 + self.step) / (10 + self.step))
        pairs = list(zip(self.mean.state_dict().values(), self.module.state_dict().values()))
        floats = [(m, p) for m, p in pairs if m.dtype.is_floating_point]
        means, news = [m for m, _ in floats], [p for _, p in floats]
        torch._foreach_mul_(means, keep)
        torch._foreach_add_(means, news, alpha=1 - keep)
        for m, p in pairs:
            if not m.dtype.is_floating_point:
                m.copy_(p)


class Steps(torch.utils.data.Dataset):
    """batches(step) as a data set, so that a process beside the training can prepare them."""

    def __init__(self, batches):
        self.batches = batches

    def __getitem__(self, step):
        return self.batches(step)


def stream(batches, first, device):
    """Batches from step `first` on. A CPU's are made in a second process, a GPU's where the data are."""
    if device != "cpu":
        return map(batches, itertools.count(first))
    return iter(torch.utils.data.DataLoader(
        Steps(batches), sampler=itertools.count(first), batch_size=None, num_workers=1, prefetch_factor=2,
    ))
