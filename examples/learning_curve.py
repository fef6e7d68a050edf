"""Draws the curves that train_ppo.py wrote, one a seed, and prints what came of them as a table.

    python -m examples.learning_curve [CURVE.json ...] [--out docs/learning.svg]

Without files, those of docs/learning are drawn.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot

DOCS = Path(__file__).resolve().parents[1] / "docs"
BEST = 0.9
HEAD = """\
| seed | steps | minutes | caught at random | caught once learned | episodes each |
|---|---|---|---|---|---|"""
ROW = "| {seed} | {steps} | {minutes:.1f} | {random:.1%} | {learned:.1%} | {episodes} |"


def draw(runs: list[dict[str, Any]], out: Path) -> None:
    """One line a run: the share of balls caught over minutes, from the first look to the last."""
    pyplot.rcParams.update({"svg.hashsalt": "envserver", "font.size": 9})
    figure, axes = pyplot.subplots(figsize=(6.4, 3.4), layout="constrained")
    for run in runs:
        minutes, scores = zip(*((at["minutes"], at["score"]) for at in run["curve"]), strict=True)
        axes.plot(minutes, scores, marker="o", markersize=3, label=f"seed {run['seed']}")
        axes.axhline(run["random"], color="0.6", lw=0.8, ls=":")
    axes.axhline(BEST, color="0.6", lw=0.8, ls="--")
    axes.set(
        xlabel="minutes of learning, in real time", ylabel="balls caught, of all", ylim=(0, 1.03)
    )
    axes.set_title("Catch by PPO (dashed: 90 %; dotted: at random)", fontsize=9)
    axes.legend(loc="center right", frameon=False)
    figure.savefig(out, metadata={"Date": None})
    pyplot.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("curves", nargs="*", type=Path)
    parser.add_argument("--out", type=Path, default=DOCS / "learning.svg")
    options = parser.parse_args()
    paths = options.curves or sorted((DOCS / "learning").glob("*.json"))
    if not paths:
        parser.error("there is no curve: examples/train_ppo.py --out CURVE.json writes one")
    for path in paths:
        if not path.is_file():
            parser.error(f"there is no file {path}")
    runs = [json.loads(path.read_text()) for path in paths]
    draw(runs, options.out)
    print(HEAD, *(ROW.format(**run) for run in runs), sep="\n")


if __name__ == "__main__":
    main()
