"""Makes docs/performance.md and its plots: `python -m benchmarks.page [RESULTS.json]`.

Without an argument it reads results/latest.json. Needs matplotlib (`make bench-deps`).
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.report import RESULTS

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "performance.md"
WIDTH_IN, HEIGHT_IN = 7.0, 3.6
ABOUT = {
    "decode": "Recorded streams through a socket, in processor time; the peer is libvncclient.",
    "handover": "A step of n environments whose screens change, to the trainer's batch.",
    "fleet": "Desktops that play recordings of real programs, and a trainer at 60 frames a second.",
    "live": "Xvnc with programs that draw 60 times a second, and a trainer at 60 frames a second.",
    "latency": "From a key to the trainer's array, where a program under Xvnc inverts the screen.",
    "start and memory": "Until workers show their first picture, and what they take.",
    "observations": "What a worker spends a frame, decoding and publishing, by what is observed.",
    "desktops of ours": "Eight gym-core desktops, their servers and workers.",
    "containers": "Desktops in containers.",
    "soak": "Private memory over a long run.",
}
OURS = "ours"


class Results:
    """What a run of the benchmarks found."""

    def __init__(self, path: Path) -> None:
        found = json.loads(path.read_text())
        self.machine: dict[str, Any] = found["machine"]
        self.figures: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for figure in found["figures"]:
            self.figures[figure["part"]].append(figure)
        self.lines: dict[str, dict[str, list[tuple[float, float]]]] = defaultdict(dict)
        for series in found["series"]:
            self.lines[series["plot"]][series["line"]] = series["points"]


def number(value: float) -> str:
    """Four digits, no exponent."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def table(figures: Sequence[dict[str, Any]]) -> list[str]:
    """Rows of Markdown; what belongs to the row above is set back."""
    rows = ["| figure | measured | to reach | |", "|---|---|---|---|"]
    for figure in figures:
        name = figure["name"]
        shown = f"&emsp;{name.strip()}" if name.startswith(" ") else name
        reach = (figure["reach"] or "").replace("<=", "≤").replace(">=", "≥")
        holds = {None: "", True: "holds", False: "missed"}[figure["holds"]]
        rows.append(f"| {shown} | {number(figure['value'])} {figure['unit']} | {reach} | {holds} |")
    return rows


class Plotter:
    """Draws into docs/; each plot returns the line of Markdown that shows it."""

    def __init__(self) -> None:
        import matplotlib

        matplotlib.use("svg")
        from matplotlib import pyplot

        pyplot.rcParams.update({"svg.hashsalt": "envserver", "font.size": 9, "lines.markersize": 4})
        self._pyplot = pyplot

    def lines(
        self,
        file: str,
        title: str,
        x: str,
        y: str,
        lines: dict[str, list[tuple[float, float]]],
        scale: str = "linear",
    ) -> str:
        figure, axes = self._pyplot.subplots(figsize=(WIDTH_IN, HEIGHT_IN))
        for name, points in lines.items():
            own = name.startswith(OURS)
            axes.plot(*zip(*points, strict=True), marker="o", label=name, lw=2.5 if own else 1.2)
        axes.set(title=title, xlabel=x, ylabel=y, xscale=scale, yscale=scale)
        if scale == "log":
            ticks = sorted({at for points in lines.values() for at, _ in points})
            axes.set_xticks(
                ticks,
                [f"{tick:.2g}" if tick < 10 else f"{tick:.0f}" for tick in ticks],
                minor=False,
            )
            axes.minorticks_off()
        else:
            axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
        if len(lines) > 1:
            axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.01, 0.5))
        return self._save(figure, file, title)

    def bars(self, file: str, title: str, y: str, groups: dict[str, dict[str, float]]) -> str:
        figure, axes = self._pyplot.subplots(figsize=(WIDTH_IN, HEIGHT_IN))
        kinds = list(next(iter(groups.values())))
        width = 0.8 / len(kinds)
        for place, kind in enumerate(kinds):
            at = [group + place * width for group in range(len(groups))]
            axes.bar(at, [values[kind] for values in groups.values()], width, label=kind)
        centre = 0.4 - width / 2
        axes.set_xticks([group + centre for group in range(len(groups))], list(groups))
        axes.set(title=title, ylabel=y)
        axes.grid(axis="y", alpha=0.3)
        axes.legend(fontsize=7)
        return self._save(figure, file, title)

    def _save(self, figure: Any, file: str, title: str) -> str:
        figure.savefig(
            DOCS / f"performance-{file}.svg", bbox_inches="tight", metadata={"Date": None}
        )
        self._pyplot.close(figure)
        return f"![{title}](performance-{file}.svg)"


def handover_plots(results: Results, plotter: Plotter) -> list[str]:
    shown = []
    for file, change in (("handover", "64x64"), ("handover-whole", "100 %")):
        if lines := results.lines.get(f"handover by n, {change}"):
            title = f"A step, {change} of each 1024x768 screen changed"
            shown.append(plotter.lines(file, title, "environments", "ms, p50", lines, "log"))
    if lines := results.lines.get("handover by change, n=20"):
        title = "A step of 20 environments, by what changed"
        x = "percent of the screen that changed"
        shown.append(plotter.lines("handover-change", title, x, "ms, p50", lines, "log"))
    return shown


def fleet_plots(results: Results, plotter: Plotter) -> list[str]:
    shown = []
    for file, line, y in (
        ("fleet", "ticks on time", "share of ticks"),
        ("fleet-cores", "cores of workers and trainer", "processor seconds a second"),
    ):
        if lines := results.lines.get(f"fleet game, {line}"):
            title = f"Game desktops at 60 frames a second: {line}"
            shown.append(plotter.lines(file, title, "desktops", y, lines))
    return shown


def latency_plots(results: Results, plotter: Plotter) -> list[str]:
    lines = {
        f"{line}, -FrameRate {plot.split()[3]}": points
        for plot, found in results.lines.items()
        if plot.startswith("latency at")
        for line, points in found.items()
    }
    if not lines or len(next(iter(lines.values()))) < 2:
        return []
    return [plotter.lines("latency", "From a key to the array", "round trip, ms", "ms, p50", lines)]


def observation_plots(results: Results, plotter: Plotter) -> list[str]:
    groups: dict[str, dict[str, float]] = defaultdict(dict)
    for figure in results.figures["observations"]:
        stream, found, size = figure["name"].partition(": ")
        if found:
            groups[stream][size] = figure["value"]
    if not groups:
        return []
    title = "What a worker spends, by size and colour of the observation"
    return [plotter.bars("observations", title, "CPU us a frame", groups)]


def soak_plots(results: Results, plotter: Plotter) -> list[str]:
    if lines := results.lines.get("soak: private memory"):
        return [plotter.lines("soak", "Private memory", "minutes", "MB", lines)]
    return []


PLOTS = {
    "handover": handover_plots,
    "fleet": fleet_plots,
    "latency": latency_plots,
    "observations": observation_plots,
    "soak": soak_plots,
}


def made_from(results: Results) -> str:
    """The page, with its plots drawn."""
    machine = results.machine
    bound = [f for part in results.figures.values() for f in part if f["holds"] is not None]
    held = sum(figure["holds"] for figure in bound)
    lines = [
        "# Performance",
        "",
        "<!-- Made by `python -m benchmarks.page` from benchmarks/results. -->",
        "",
        f"One run of `make bench` on {machine['cores']} cores ({machine['cpu']}, "
        f"{machine['memory_gb']} GB, Linux {machine['kernel']}, Python {machine['python']}), "
        f"{machine['measured'][:10]}, load {machine['load_before']} before it. What is compared "
        "ran in turns in the same run. Times are medians; what was predicted and tried is in "
        "[NOTES](../benchmarks/NOTES.md).",
        "",
        f"{held} of {len(bound)} figures that are to be reached hold.",
    ]
    plotter = Plotter()
    for part, about in ABOUT.items():
        if part not in results.figures:
            continue
        lines += ["", f"## {part.capitalize()}", "", about, ""]
        if part in PLOTS:
            lines += [line for plot in PLOTS[part](results, plotter) for line in (plot, "")]
        lines += table(results.figures[part])
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, nargs="?", default=RESULTS / "latest.json")
    asked = parser.parse_args()
    PAGE.write_text(made_from(Results(asked.results)))
    print(f"written to {PAGE}")


if __name__ == "__main__":
    main()
