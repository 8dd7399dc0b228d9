"""Pictures for a bundle's card: curves of the probe, samples of the teacher, the training log."""

import json

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import torch


def curves(rows, path):
    """Depth error and agreement of views over layers, a line for each noise level."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), constrained_layout=True)
    for noise in sorted({r["noise"] for r in rows}):
        mine = [r for r in rows if r["noise"] == noise]
        layers = [r["layer"] for r in mine]
        axes[0].plot(layers, [100 * r["depth_abs_rel"] for r in mine], marker="o", label=f"{noise:g}")
        axes[1].plot(layers, [r["matched"] - r["floor"] for r in mine], marker="o", label=f"{noise:g}")
    axes[0].axhline(100 * rows[0]["depth_floor"], color="grey", linestyle=":", label="one depth for all")
    axes[0].set(xlabel="layer", ylabel="relative error of depth, %", title="depth, read linearly")
    axes[1].set(xlabel="layer", ylabel="cosine above the floor", title="agreement of two views")
    axes[0].legend(title="noise level", fontsize="small")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def sheet(teacher, frames, path, device, clips=6):
    """Clips that the teacher draws from noise, one a row."""
    generator = torch.Generator(device).manual_seed(3)
    drawn = teacher.eval().sample(clips, frames, generator).float().cpu()
    rows = [torch.cat(list(clip), 2) for clip in drawn]
    picture = torch.cat(rows, 1).permute(1, 2, 0).numpy()
    plt.imsave(path, picture)


def progress(logs, path):
    """The parts of the loss over steps, from the log files of the stages that ran."""
    logs = [p for p in logs if p.exists() and p.stat().st_size]
    count = max(1, len(logs))
    figure, axes = plt.subplots(1, count, figsize=(3.6 * count, 3.2), constrained_layout=True, squeeze=False)
    for axis, log in zip(axes[0], logs):
        rows = [json.loads(line) for line in log.read_text().splitlines()]
        for key in rows[0]:
            if key not in ("step", "minutes"):
                axis.plot([r["step"] for r in rows], [r[key] for r in rows], label=key, linewidth=1)
        axis.set(title=log.stem, xlabel="step")
        axis.legend(fontsize="x-small")
    figure.savefig(path, dpi=110)
    plt.close(figure)
