"""Figures with what they should reach, and the machine: a table and JSON files.

A benchmark yields what it finds, figures, lines of plots and notes; so what was found before it
failed, or ran out of time, is kept.
"""

import dataclasses
import datetime
import json
import os
import platform
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"


@dataclasses.dataclass(frozen=True)
class Figure:
    """One measured number, and what it should reach; without either bound it only informs."""

    name: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None

    @property
    def reach(self) -> str | None:
        if self.at_most is not None:
            return f"<= {self.at_most:g}"
        if self.at_least is not None:
            return f">= {self.at_least:g}"
        return None

    @property
    def holds(self) -> bool | None:
        if self.at_most is not None:
            return bool(self.value <= self.at_most)
        if self.at_least is not None:
            return bool(self.value >= self.at_least)
        return None

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "value": round(float(self.value), 5),
            "unit": self.unit,
            "reach": self.reach,
            "holds": self.holds,
        }


@dataclasses.dataclass(frozen=True)
class Series:
    """One line of a plot."""

    plot: str
    line: str
    unit: str
    points: list[tuple[float, float]]

    def as_json(self) -> dict[str, Any]:
        points = [[float(x), round(float(y), 5)] for x, y in self.points]
        return {"plot": self.plot, "line": self.line, "unit": self.unit, "points": points}


Found = Figure | Series | str
"""A str is a note: what was left out, or how a figure is to be read."""


@dataclasses.dataclass
class Measured:
    """What one benchmark found, and how long it took."""

    figures: list[Figure] = dataclasses.field(default_factory=list)
    series: list[Series] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)
    seconds: float = 0.0

    def take(self, found: Iterable[Found]) -> "Measured":
        """Add what a benchmark yields, one by one; returns itself."""
        for each in found:
            if isinstance(each, Figure):
                self.figures.append(each)
            elif isinstance(each, Series):
                self.series.append(each)
            else:
                self.notes.append(each)
        return self


def machine() -> dict[str, Any]:
    """Describe where the figures come from."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(memory_bytes / 1e9, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "measured": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "load_before": round(os.getloadavg()[0], 2),
    }


def check_writable() -> None:
    """Make the directory of results.

    Raises:
        SystemExit: nothing could be written there after all was measured.
    """
    try:
        RESULTS.mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=RESULTS):
            pass
    except OSError as error:
        raise SystemExit(f"no results can be written to {RESULTS}: {error.strerror}") from error


def write(
    described: dict[str, Any], parts: Mapping[str, Measured], name: str | None = None
) -> Path:
    """Write a file named by the time, and `results/NAME.json` beside it; returns the first.

    Args:
        parts: what each benchmark found, by its name.
    """
    report = {
        "machine": described,
        "parts": [
            {"part": part, "seconds": round(measured.seconds, 1), "notes": measured.notes}
            for part, measured in parts.items()
        ],
        "figures": [
            {"part": part, **figure.as_json()}
            for part, measured in parts.items()
            for figure in measured.figures
        ],
        "series": [
            {"part": part, **series.as_json()}
            for part, measured in parts.items()
            for series in measured.series
        ],
    }
    text = json.dumps(report, indent=1) + "\n"
    RESULTS.mkdir(exist_ok=True)
    stamp = described["measured"].replace(":", "").replace("+0000", "Z")
    dated = RESULTS / f"{stamp}.json"
    dated.write_text(text)
    if name is not None:
        (RESULTS / f"{name}.json").write_text(text)
    return dated


def show_found(found: Iterable[Found]) -> None:
    """Print what a benchmark yields; until it failed, too."""
    measured = Measured()
    try:
        measured.take(found)
    finally:
        show(measured)


def show(measured: Measured) -> None:
    """Print the table, if there is anything in it, and the notes."""
    table = Table("figure", "measured", "reach", "")
    for figure in measured.figures:
        holds = {None: "", True: "holds", False: "[red]missed[/red]"}[figure.holds]
        table.add_row(figure.name, f"{figure.value:.4g} {figure.unit}", figure.reach or "", holds)
    if measured.figures:
        Console().print(table)
    for note in measured.notes:
        print(f"note: {note}")
