"""The plots of docs/performance.md, of what the benchmarks found.

They need matplotlib. Each engine has one colour in all plots; ours is the
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
WIDTH_IN, HEIGHT_IN = 8.0, 3.6
OURS = "ours"
COLOURS = {OURS: "C0", "memcpy of the batch": "0.2", "bare client": "0.45"}
FURTHER = [f"C{number}" for number in (1, 2, 3, 4, 5, 6, 8, 9)]
MANY_POINTS = 20
HANDOVER = (
    ("", "by n, 64x64", "A step, 64x64 of each screen changed", "environments", "ms, p50"),
    ("-whole", "by n, 100 %", "A step, all of each screen changed", "environments", "ms, p50"),
    ("-change", "by change, n=20", "A step of 20 environments", "percent changed", "ms, p50"),
    ("-cpu", "CPU by n, 64x64", "Processor time, 64x64 changed", "environments", "us an env-step"),
)
"""File, series, title and axes."""
SHADES = {"p50": 1.0, "p95": 0.6, "p99": 0.3}
"""Of a quantile's bar."""
ON_TIME = 0.99


def tick(value: float, _: object = None) -> str:
    return f"{value:g}" if value < 10_000 else f"{value:.0f}"


class Plotter:
    """Draws into a directory; each plot returns the line of Markdown that shows it."""

    def __init__(self, directory: Path) -> None:
        try:
            import matplotlib
        except ImportError as error:
            raise SystemExit("matplotlib is not installed: make build") from error

        matplotlib.use("svg")
        from matplotlib import pyplot

        pyplot.rcParams.update({"svg.hashsalt": "envserver", "font.size": 9, "lines.markersize": 4})
        self._pyplot = pyplot
        self._directory = directory
        self._colours = dict(COLOURS)

    def colour(self, name: str) -> str:
        """The same for the same name."""
        place = (len(self._colours) - len(COLOURS)) % len(FURTHER)
        return self._colours.setdefault(name, FURTHER[place])

    def lines(
        self,
        file: str,
        title: str,
        x: str,
        y: str,
        lines: Lines,
        scale: str = "linear",
        level: float | None = None,
    ) -> str:
        """Lines from 0 on; or, where a level of all is marked, from a little below."""
        figure, axes = self._subplots(title)
        for name in sorted(lines, key=lambda name: name != OURS):
            points = lines[name]
            axes.plot(
                *zip(*points, strict=True),
                marker="o" if len(points) <= MANY_POINTS else "",
                label=name,
                color=self.colour(name if len(lines) > 1 else OURS),
                lw=2.5 if name == OURS or len(lines) == 1 else 1.3,
            )
        axes.set(xlabel=x, ylabel=y, xscale=scale, yscale=scale)
        if scale == "log":
            at = sorted({place for points in lines.values() for place, _ in points})
            axes.minorticks_off()
            axes.set_xticks(at, [f"{each:.2g}" if each < 10 else tick(round(each)) for each in at])
            axes.yaxis.set_major_formatter(tick)
        elif level is None:
            axes.set_ylim(bottom=0)
        else:
            axes.axhline(level, color="0.3", lw=1, ls="--")
            least = min(value for points in lines.values() for _, value in points)
            axes.set_ylim(min(least, level) - 0.02, 1.005)
        axes.grid(alpha=0.3)
        return self._save(figure, len(lines), file, title)

    def bars(
        self,
        file: str,
        title: str,
        y: str,
        groups: Mapping[str, Mapping[str, float]],
        level: float | None = None,
    ) -> str:
        """A group of bars for each name; `level` is marked. Quantiles are shades of one colour."""
        figure, axes = self._subplots(title)
        kinds = list(dict.fromkeys(kind for values in groups.values() for kind in values))
        width = 0.8 / len(kinds)
        for place, kind in enumerate(kinds):
            with_it = [number for number, each in enumerate(groups.values()) if kind in each]
            at = [number + place * width for number in with_it]
            values = [each[kind] for each in groups.values() if kind in each]
            who, _, quantile = kind.rpartition(", ")
            shade = SHADES.get(quantile)
            colour = self.colour(who) if shade else f"C{place}"
            axes.bar(at, values, width, label=kind, color=colour, alpha=shade)
        many = len(groups) > 5
        axes.set_xticks(
            [number + 0.4 - width / 2 for number in range(len(groups))],
            list(groups),
            rotation=35 if many else 0,
            ha="right" if many else "center",
        )
        if level is not None:
            axes.axhline(level, color="0.3", lw=1, ls="--")
        axes.set(ylabel=y)
        axes.set_axisbelow(True)
        axes.grid(axis="y", alpha=0.3)
        return self._save(figure, len(kinds), file, title)

    def _subplots(self, title: str) -> tuple[Any, Any]:
        size = (WIDTH_IN, HEIGHT_IN)
        figure, axes = self._pyplot.subplots(figsize=size, layout="constrained")
        axes.set_title(title)
        return figure, axes

    def _save(self, figure: Any, labels: int, file: str, title: str) -> str:
        if labels > 1:
            figure.legend(fontsize=8, loc="outside right center")
        name = f"performance-{file}.svg"
        figure.savefig(self._directory / name, metadata={"Date": None})
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


def depth(figures: Figures, lines: Mapping[str, Lines], plotter: Plotter) -> list[str]:
    if found := lines.get("depth"):
        title = "What more slots cost, by how much of each screen changes"
        return [plotter.lines("depth", title, "slots", "CPU us an env-step", found)]
    return []


def fleet(figures: Figures, lines: Mapping[str, Lines], plotter: Plotter) -> list[str]:
    shown = []
    for plot, found in lines.items():
        if plot.startswith("fleet game, "):
            what = plot.removeprefix("fleet game, ")
            on_time = what == "ticks on time"
            file, y = ("fleet", "share of ticks") if on_time else ("fleet-cores", "cores")
            title = f"A game at 60 frames a second: {what}"
            level = ON_TIME if on_time else None
            shown.append(plotter.lines(file, title, "desktops", y, found, level=level))
    return shown


def latency(figures: Figures, lines: Mapping[str, Lines], plotter: Plotter) -> list[str]:
    shown = []
    for plot, found in lines.items():
        if not plot.startswith("latency at"):
            continue
        groups: dict[str, dict[str, float]] = defaultdict(dict)
        for name, points in found.items():
            for round_trip_ms, taken_ms in points:
                groups[f"round trip {round_trip_ms:g} ms"][name] = taken_ms
        rate = plot.split()[-1]
        title = f"From a key to the trainer's array, Xvnc at {rate} frames a second"
        shown.append(plotter.bars(f"latency-{rate}", title, "ms", groups))
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
    "depth": depth,
    "fleet": fleet,
    "latency": latency,
    "observations": observations,
    "soak": soak,
}
