"""The plots of docs/performance.md, of what the benchmarks found.

They need matplotlib (`make bench-deps`). Each engine has one colour in all plots; ours is the
thick line.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

Points = Sequence[tuple[float, float]]
Lines = Mapping[str, Points]
"""By the line's name."""
Figures = Sequence[Mapping[str, Any]]
WIDTH_IN, HEIGHT_IN = 7.0, 3.6
OURS = "ours"
HANDOVER = (
    ("", "by n, 64x64", "A step, 64x64 of each screen changed", "environments", "ms, p50"),
    ("-whole", "by n, 100 %", "A step, all of each screen changed", "environments", "ms, p50"),
    ("-change", "by change, n=20", "A step of 20 environments", "percent changed", "ms, p50"),
    ("-cpu", "CPU by n, 64x64", "Processor time, 64x64 changed", "environments", "us an env-step"),
)
"""File, series, title and axes."""
STYLES = {"p50": "-", "p95": "--", "p99": ":"}


def tick(value: float, _: object = None) -> str:
    return f"{value:g}" if value < 10_000 else f"{value:.0f}"


class Plotter:
    """Draws into a directory; each plot returns the line of Markdown that shows it."""

    def __init__(self, directory: Path) -> None:
        import matplotlib

        matplotlib.use("svg")
        from matplotlib import pyplot

        pyplot.rcParams.update({"svg.hashsalt": "envserver", "font.size": 9, "lines.markersize": 4})
        self._pyplot = pyplot
        self._directory = directory
        self._colours = {OURS: "C0"}

    def colour(self, name: str) -> str:
        """The same for the same name."""
        return self._colours.setdefault(name, f"C{len(self._colours) % 10}")

    def lines(
        self, file: str, title: str, x: str, y: str, lines: Lines, scale: str = "linear"
    ) -> str:
        """Lines; where they are quantiles ("ours, p50"), of one colour and several styles."""
        figure, axes = self._pyplot.subplots(figsize=(WIDTH_IN, HEIGHT_IN))
        for name, points in lines.items():
            who, _, quantile = name.rpartition(", ")
            who = who if quantile in STYLES else name
            axes.plot(
                *zip(*points, strict=True),
                marker="o",
                label=name,
                color=self.colour(who),
                linestyle=STYLES.get(quantile, "-"),
                lw=2.5 if who == OURS or len(lines) == 1 else 1.2,
            )
        axes.set(title=title, xlabel=x, ylabel=y, xscale=scale, yscale=scale)
        if scale == "log":
            at = sorted({place for points in lines.values() for place, _ in points})
            axes.minorticks_off()
            axes.set_xticks(
                at, [f"{place:.2g}" if place < 10 else tick(round(place)) for place in at]
            )
            axes.yaxis.set_major_formatter(tick)
        else:
            axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
        if len(lines) > 1:
            axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.01, 0.5))
        return self._save(figure, file, title)

    def bars(
        self,
        file: str,
        title: str,
        y: str,
        groups: Mapping[str, Mapping[str, float]],
        level: float | None = None,
    ) -> str:
        """A group of bars for each name; `level` is marked by a line."""
        figure, axes = self._pyplot.subplots(figsize=(WIDTH_IN, HEIGHT_IN))
        kinds = list(dict.fromkeys(kind for values in groups.values() for kind in values))
        width = 0.8 / len(kinds)
        for place, kind in enumerate(kinds):
            at = [
                group + place * width for group, each in enumerate(groups.values()) if kind in each
            ]
            values = [each[kind] for each in groups.values() if kind in each]
            axes.bar(at, values, width, label=kind)
        centre = 0.4 - width / 2
        many = len(groups) > 5
        axes.set_xticks(
            [group + centre for group in range(len(groups))],
            list(groups),
            rotation=35 if many else 0,
            ha="right" if many else "center",
        )
        if level is not None:
            axes.axhline(level, color="0.3", lw=1)
        axes.set(title=title, ylabel=y)
        axes.set_axisbelow(True)
        axes.grid(axis="y", alpha=0.3)
        if len(kinds) > 1:
            axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.01, 0.5))
        return self._save(figure, file, title)

    def _save(self, figure: Any, file: str, title: str) -> str:
        name = f"performance-{file}.svg"
        figure.savefig(self._directory / name, bbox_inches="tight", metadata={"Date": None})
        self._pyplot.close(figure)
        return f"![{title}]({name})"


def decode(figures: Figures, lines: Mapping[str, Lines], plotter: Plotter) -> list[str]:
    groups: dict[str, dict[str, float]] = defaultdict(dict)
    stream = ""
    for figure in figures:
        name = figure["name"].strip()
        stream = stream if figure["name"].startswith(" ") else name.removeprefix("decode ")
        if figure["unit"] == "times" and name.startswith("against "):
            groups[stream][name.removeprefix("against ")] = figure["value"]
    title = "Decoding: our speed by that of others"
    return [plotter.bars("decode", title, "times", groups, level=1)] if groups else []


def handover(figures: Figures, lines: Mapping[str, Lines], plotter: Plotter) -> list[str]:
    shown = []
    for file, plot, title, x, y in HANDOVER:
        if found := lines.get(f"handover {plot}"):
            shown.append(plotter.lines(f"handover{file}", title, x, y, found, "log"))
    return shown


def fleet(figures: Figures, lines: Mapping[str, Lines], plotter: Plotter) -> list[str]:
    shown = []
    for plot, found in lines.items():
        if plot.startswith("fleet game, "):
            what = plot.removeprefix("fleet game, ")
            on_time = what == "ticks on time"
            file, y = ("fleet", "share of ticks") if on_time else ("fleet-cores", "cores")
            title = f"Desktops that play a game at 60 frames a second: {what}"
            shown.append(plotter.lines(file, title, "desktops", y, found))
    return shown


def latency(figures: Figures, lines: Mapping[str, Lines], plotter: Plotter) -> list[str]:
    shown = []
    for plot, found in lines.items():
        if plot.startswith("latency at") and all(len(points) > 1 for points in found.values()):
            rate = plot.split()[-1]
            title = f"From a key to the trainer's array, Xvnc at {rate} frames a second"
            x, y = "round trip, ms", "ms"
            shown.append(plotter.lines(f"latency-{rate}", title, x, y, found))
    return shown


def observations(figures: Figures, lines: Mapping[str, Lines], plotter: Plotter) -> list[str]:
    groups: dict[str, dict[str, float]] = defaultdict(dict)
    for figure in figures:
        stream, found, size = figure["name"].partition(": ")
        if found and not figure["name"].startswith(" "):
            groups[stream][size] = figure["value"]
    title = "What a worker spends, by size and colour of the observation"
    return [plotter.bars("observations", title, "CPU us a frame", groups)] if groups else []


def soak(figures: Figures, lines: Mapping[str, Lines], plotter: Plotter) -> list[str]:
    found = lines.get("soak: private memory")
    return [plotter.lines("soak", "Private memory", "minutes", "MB", found)] if found else []


PLOTS: dict[str, Callable[[Figures, Mapping[str, Lines], Plotter], list[str]]] = {
    "decode": decode,
    "handover": handover,
    "fleet": fleet,
    "latency": latency,
    "observations": observations,
    "soak": soak,
}
