"""Makes docs/performance.md and its plots: `python -m benchmarks.page [RESULTS.json ...]`.

Without an argument it reads results/latest.json and, where it is, results/soak.json. The plots are
drawn by plots.py.
"""

import argparse
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.plots import PLOTS, Plotter
from benchmarks.report import RESULTS

DOCS = Path(__file__).parents[1] / "docs"
RUNS = RESULTS / "latest.json", RESULTS / "soak.json"
ABOUT = {
    "decode": """
        Recorded streams go through a local socket into our client, into libvncclient and, where
        some were named, into lean clients: decoders without checks. One connection is one
        process; counted is its processor time less that of the same client on a stream without a
        message. Ours asks for each update, as libvncclient does; lean clients do not. The clients
        take turns, and a ratio is of one turn; 95 % of such samples have their median within the
        interval. All decoders must come to the same last picture.
    """,
    "handover": """
        n environments whose screens of 1024x768 change are stepped without a clock, until the
        trainer has its batch. Ours has its real workers, over a source that paints patches; the
        peers' environments paint the same patches into arrays of their own, a copy of a line a
        line. Each engine is in a process of its own, ours, a plain copy of the batch and one peer
        take turns; every step's patches are checked, and the last row as a whole at the end of
        each turn.
    """,
    "depth": """
        Eight environments whose screens change, stepped as above. A row lacks what changed since
        its slot was last used, as many steps ago as there are slots: what a batch that lives
        longer costs. The ratios are by two slots.
    """,
    "fleet": """
        One compiled server plays recordings of real programs as n desktops, each at 60 updates a
        second; its processor time is told apart. A tick is on time if `recv` returned within 4 ms
        of it, no row was late, and each row had all that its server had sent 20 ms before. A
        process a core that only sleeps, before all others in rank, tells where the machine itself
        stood still for 2 ms and more: the share is told without the ticks near that, too.
        Desktops are carried if 99 % of the ticks are on time, 99 % of the updates came, and at
        the end every row equals the recording's last picture.
    """,
    "live": """
        Xvnc with programs that draw 60 times a second, and a trainer at 60 frames a second, all
        on the same cores. Xvnc does not say when it sent what, so on time says that `recv`
        returned within 4 ms; desktops are carried only if each brought 55 new frames a second,
        too. The bound is for one of these scenes, whichever way it is asked for.
    """,
    "latency": """
        A program under Xvnc turns the whole screen black or white at each key. Counted is the
        time from the key to the trainer's array, which a step due at the change brings, without a
        clock; a bare client is our decoder alone in a loop, on a server of its own, a turn each.
        Round trips are added by a proxy.
    """,
    "start and memory": """
        Until all workers have shown their first picture, from desktops that play a recording; 256
        workers start against one update a second, so that what pictures cost is no part of a
        start. Private memory is what a process shares with nobody, read after seconds of ticks,
        when the trainer has touched every page of the rows: before, those count as the worker's
        own.
    """,
    "observations": """
        What a worker's hot thread spends on a frame of a recording, decoding and publishing, by
        what is observed of 1024x768. The sizes take turns, an update each; the ratios are by the
        whole screen in RGB.
    """,
    "desktops of ours": """
        Eight games of gym-core, their servers and workers, stepped at 60 frames a second with
        random actions.
    """,
    "containers": """
        Desktops in containers of an engine on the same machine: from a start to what is drawn
        first, and resets of one that runs.
    """,
    "soak": """
        Desktops play recordings for minutes, half of them for an RGB session and half for one of
        small grey observations, with resets. Growth is by the median slope between any two of the
        notes after the first fifth of the time.
    """,
}
"""What each part measures, and how."""
NESTED = {"observations"}
"""Parts with a figure for each size, and ratios to the first size set back."""


class Results:
    """What runs of the benchmarks found.

    Raises:
        SystemExit: there is none, or one is missing, broken or of an older release.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self.machines: list[dict[str, Any]] = []
        self.figures: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.parts: dict[str, dict[str, Any]] = {}
        self.lines: dict[str, dict[str, list[tuple[float, float]]]] = defaultdict(dict)
        for path in paths:
            try:
                found = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                raise SystemExit(f"{path} holds no results: {error}") from error
            if "parts" not in found:
                raise SystemExit(f"{path} is of an older release: make bench")
            self.machines.append(found["machine"])
            for part in found["parts"]:
                self.parts[part["part"]] = part
            for figure in found["figures"]:
                self.figures[figure["part"]].append(figure)
            for series in found["series"]:
                self.lines[series["plot"]][series["line"]] = series["points"]
        if not self.machines:
            raise SystemExit("there are no results: make bench")


@dataclass(frozen=True)
class Bound:
    """Figures of one part that have the same aspect and the same bound."""

    aspect: str
    reach: str
    unit: str
    found: list[tuple[str, float, bool]]
    """What each is of, its value, and whether it holds."""

    @property
    def worst(self) -> tuple[str, float, bool]:
        pick = max if self.reach.startswith("<") else min
        return pick(self.found, key=lambda each: each[1])


def bounds(figures: Iterable[dict[str, Any]], *, nested: bool = False) -> list[Bound]:
    """What is to be reached in one part; what is asked of several subjects alike is one.

    Args:
        figures: named "subject: aspect", and set back what else there is of the subject.
        nested: what is set back is of the subject and the aspect.
    """
    made: dict[tuple[str, str], Bound] = {}
    subject = ""
    for figure in figures:
        name = figure["name"]
        if name.startswith(" "):
            aspect = name.strip()
        else:
            subject, _, aspect = name.partition(": ")
            subject = name if nested else subject
        if figure["holds"] is None:
            continue
        bound = Bound(aspect, figure["reach"], figure["unit"], [])
        one = made.setdefault((aspect or subject, figure["reach"]), bound)
        one.found.append((subject, figure["value"], figure["holds"]))
    return list(made.values())


def number(value: float) -> str:
    """Four digits that count, no exponent."""
    whole = math.floor(math.log10(abs(value))) + 1 if value else 1
    text = f"{value:.{max(4 - whole, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def sign(reach: str | None) -> str:
    return (reach or "").replace("<=", "≤").replace(">=", "≥")


def goals(results: Results) -> list[str]:
    """The table of all that is to be reached."""
    rows = ["| figure | to reach | measured | |", "|---|---|---|---|"]
    for part in ABOUT:
        for bound in bounds(results.figures.get(part, ()), nested=part in NESTED):
            subject, value, holds = bound.worst
            name = f"{subject}: {bound.aspect}" if bound.aspect else subject
            if len(bound.found) > 1:
                name = f"{part}: {bound.aspect}, the worst of {len(bound.found)} ({subject})"
            said = "holds" if holds else "**missed**"
            if not holds and len(bound.found) > 1:
                missed = sum(not each for _, _, each in bound.found)
                said = f"**{missed} of {len(bound.found)} missed**"
            measured = f"{number(value)} {bound.unit}".strip()
            rows.append(f"| {name} | {sign(bound.reach)} | {measured} | {said} |")
    return rows


def table(figures: Sequence[dict[str, Any]]) -> list[str]:
    """Rows of Markdown; what belongs to the row above is set back."""
    rows = ["| figure | measured | to reach | |", "|---|---|---|---|"]
    for figure in figures:
        name = figure["name"]
        shown = f"&emsp;{name.strip()}" if name.startswith(" ") else name
        holds = {None: "", True: "holds", False: "**missed**"}[figure["holds"]]
        measured = f"{number(figure['value'])} {figure['unit']}".strip()
        rows.append(f"| {shown} | {measured} | {sign(figure['reach'])} | {holds} |")
    return rows


def left_out(results: Results) -> list[str]:
    """What was not measured, and why."""
    said = [f"- {part}: {note}" for part, found in results.parts.items() for note in found["notes"]]
    missing = [part for part in ABOUT if part not in results.parts]
    return said + ([f"- not run: {', '.join(missing)}"] if missing else [])


def of_machine(machine: dict[str, Any]) -> str:
    return (
        f"{machine['cores']} cores ({machine['cpu']}, {machine['memory_gb']} GB, Linux "
        f"{machine['kernel']}, Python {machine['python']}), {machine['measured'][:10]}, load "
        f"{machine['load_before']} before it"
    )


def made_from(results: Results, plotter: Plotter) -> str:
    """The page, with its plots drawn."""
    bound = [f for part in results.figures.values() for f in part if f["holds"] is not None]
    held = sum(figure["holds"] for figure in bound)
    machine, *soaked = map(of_machine, results.machines)
    lines = [
        "# Performance",
        "",
        "<!-- Made by `python -m benchmarks.page` from benchmarks/results. -->",
        "",
        f"One run of `make bench` on {machine}. What is compared ran in turns in the same run. "
        "Times are medians where nothing else is said; what was predicted and tried is in "
        "[NOTES](../benchmarks/NOTES.md).",
        *(each for run in soaked for each in ("", f"The soak is a run of its own: {run}.")),
        "",
        "## What is to be reached",
        "",
        f"{held} of {len(bound)} bounds hold.",
        "",
        *goals(results),
        "",
        "## What was left out",
        "",
        *(left_out(results) or ["Nothing."]),
    ]
    for part, about in ABOUT.items():
        if part not in results.parts:
            continue
        took = f"It took {number(round(results.parts[part]['seconds']))} s."
        lines += ["", f"## {part.capitalize()}", "", f"{' '.join(about.split())} {took}", ""]
        figures = results.figures[part]
        if part in PLOTS:
            lines += [line for plot in PLOTS[part](figures, results.lines, plotter)
                      for line in (plot, "")]  # fmt: skip
        lines += ["<details><summary>All figures</summary>", "", *table(figures), "", "</details>"]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    runs = [path for path in RUNS if path.exists()]
    parser.add_argument("results", type=Path, nargs="*", default=runs)
    asked = parser.parse_args()
    page = DOCS / "performance.md"
    page.write_text(made_from(Results(asked.results), Plotter(DOCS)), encoding="utf-8")
    print(f"written to {page}")


if __name__ == "__main__":
    main()
