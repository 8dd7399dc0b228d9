"""Measures the controls of a bundle with the shipped program, and compares the ways to fuse.

    python -m train.variants --work ../build/train-nano --rooms 500

Every control is a bundle of its own, in float32; `vegad eval` reads and decodes it as the daemon would. A figure is the mean
over the seeds, with the least and the largest of them. What was measured stays beside each bundle and is not measured again.
"""

import argparse
import json
import pathlib
import subprocess

FIGURES = {
    "locate Acc@0.25": ("locate", "acc25"), "locate Acc@0.5": ("locate", "acc50"),
    "without abstaining": ("locate_forced", "acc25"), "within 0.5 m": ("locate", "near50cm"),
    "depth error": ("depth", "abs_rel"),
}


def measured(program, bundle, split, rooms):
    """What vegad eval says of one bundle."""
    kept = bundle / f"eval-{split}-{rooms}.json"
    if not kept.exists():
        said = subprocess.run(
            [program, "eval", "--bundle", str(bundle.resolve()), "--precision", "fp32", "--split", split, "--rooms",
             str(rooms), "--variants", "gated", "--json"], check=True, stdout=subprocess.PIPE,
        ).stdout
        kept.write_bytes(said)
        print(f"measured {bundle.name} on {split}", flush=True)
    return json.loads(kept.read_text())["variants"]["gated"]


def spread(values):
    """Mean, least and largest as a cell of the table."""
    return f"{sum(values) / len(values):.1f} ({min(values):.1f}–{max(values):.1f})"


def table(rows, split):
    """The ways to fuse, best first by the first figure."""
    names = list(FIGURES)
    lines = [f"| {split} | " + " | ".join(names) + " |", "|---|" + "---:|" * len(names)]
    first = FIGURES[names[0]]
    mean = lambda row: sum(r[first[0]][first[1]] for r in row)
    for fusion, row in sorted(rows.items(), key=lambda item: -mean(item[1])):
        cells = [spread([r[group][figure] for r in row]) for group, figure in FIGURES.values()]
        lines.append(f"| {fusion} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--work", type=pathlib.Path, default="../build/train-nano")
    p.add_argument("--rooms", type=int, default=500)
    p.add_argument("--program", default="../bin/vegad")
    a = p.parse_args()
    for split in ("test", "shift"):
        rows = {}
        for bundle in sorted((a.work / "controls").iterdir()):
            fusion = bundle.name.rsplit("-", 1)[0]
            rows.setdefault(fusion, []).append(measured(a.program, bundle, split, a.rooms))
        print("\n" + table(rows, split), flush=True)


if __name__ == "__main__":
    main()
