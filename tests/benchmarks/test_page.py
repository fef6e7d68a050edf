"""The page of the results: its numbers, its tables, and a page of a run with every part."""

from pathlib import Path
from typing import Any

import pytest
from fakes.performance import MACHINE, parts

from benchmarks import report
from benchmarks.__main__ import Streams, all_parts, soak_parts
from benchmarks.page import ABOUT, Results, bounds, goals, left_out, made_from, number
from benchmarks.plots import Plotter
from benchmarks.report import Figure, Measured

FILES = (
    *("decode", "handover", "handover-whole", "handover-change", "handover-cpu", "depth"),
    *("fleet", "fleet-cores", "latency-60", "latency-240", "observations", "soak"),
)


def written(found: dict[str, Measured], directory: Path) -> Results:
    """Read again what `make bench` would have written."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(report, "RESULTS", directory)
        return Results([report.write(MACHINE, found)])


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """A small run in which each part has its figures and lines."""
    return written(parts(), tmp_path_factory.mktemp("results"))


def json_of(*figures: Figure) -> list[dict[str, Any]]:
    return [figure.as_json() for figure in figures]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1e-05, "0.00001"),
        (0.012345, "0.01235"),
        (-0.5, "-0.5"),
        (1.0, "1"),
        (59.97, "59.97"),
        (123.45, "123.5"),
        (1e7, "10000000"),
        (100, "100"),
    ],
)
def test_numbers_have_no_exponent(value: float, text: str) -> None:
    assert number(value) == text


def test_what_is_asked_of_several_alike_is_one_row_with_the_worst() -> None:
    found = bounds(
        json_of(
            Figure("fleet game, 20 at 60 fps: on time", 1, "", at_least=0.999),
            Figure("  frame age p99", 17, "ms", at_most=20),
            Figure("  cores", 1, ""),
            Figure("fleet desk, 20 at 60 fps: on time", 0.9, "", at_least=0.999),
            Figure("  frame age p99", 30, "ms", at_most=20),
            Figure("fleet game, most desktops", 160, "", at_least=128),
        )
    )
    assert [(each.aspect, len(each.found)) for each in found] == [
        ("on time", 2),
        ("frame age p99", 2),
        ("", 1),
    ]
    assert found[0].worst == ("fleet desk, 20 at 60 fps", 0.9, False)
    assert found[1].worst == ("fleet desk, 20 at 60 fps", 30, False)


def test_every_part_of_a_run_is_told_of(results: Results) -> None:
    streams = Streams(None)
    assert {*all_parts(streams, []), *soak_parts(streams, [])} == set(ABOUT)
    assert set(results.parts) == set(ABOUT)


class Undrawn(Plotter):
    """Keeps the names of the plots."""

    def __init__(self) -> None:
        self.files: list[str] = []

    def lines(self, file: str, *_: Any, **options: Any) -> str:
        self.files.append(file)
        return f"plot {file}"

    bars = lines


def test_the_page_of_a_run_with_every_part(results: Results) -> None:
    plotter = Undrawn()
    page = made_from(results, plotter)
    for part in ABOUT:
        assert f"\n## {part.capitalize()}\n" in page
    for found in parts().values():
        assert all(figure.name.strip() in page for figure in found.figures)
        assert all(note in page for note in found.notes)
    assert sorted(plotter.files) == sorted(FILES)
    assert all(f"\nplot {file}\n" in page for file in FILES)


@pytest.mark.integration
def test_the_plots_of_a_run_with_every_part(results: Results, tmp_path: Path) -> None:
    page = made_from(results, Plotter(tmp_path))
    drawn = {path.name for path in tmp_path.iterdir()}
    assert drawn == {f"performance-{file}.svg" for file in FILES}
    assert all(f"]({name})" in page for name in drawn)
    assert all("<svg" in (tmp_path / name).read_text() for name in drawn)


def test_the_table_of_what_is_to_be_reached(results: Results) -> None:
    rows = "\n".join(goals(results))
    assert "| handover n=20, 64x64: step p50 | ≤ 0.4 | 0.36 ms | holds |" in rows
    assert "| fleet game, most desktops at 60 fps | ≥ 128 | 112 | **missed** |" in rows
    assert "| fleet: frame age p99, the worst of 2 (fleet desk-tight, 20 at 60 fps)" in rows
    assert "**1 of 2 missed**" in rows
    assert "| video-tightjpeg: grey 84x84: worker, by RGB | ≤ 0.6 | 0.62 x | **missed** |" in rows


def test_what_was_left_out_is_said(tmp_path: Path, results: Results) -> None:
    said = "- handover: n=256: TorchRL ParallelEnv is left out: no time is left"
    assert said in left_out(results)
    few = parts()
    del few["soak"], few["live"]
    assert left_out(written(few, tmp_path))[-1] == "- not run: live, soak"


def test_results_of_an_older_release_are_refused(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text('{"machine": {}, "figures": [{"name": "a"}]}')
    with pytest.raises(SystemExit, match="older release"):
        Results([tmp_path / "old.json"])


def test_what_holds_no_results_is_refused(tmp_path: Path) -> None:
    (tmp_path / "half.json").write_text("{")
    for path in (tmp_path / "half.json", tmp_path / "missing.json"):
        with pytest.raises(SystemExit, match="holds no results"):
            Results([path])
    with pytest.raises(SystemExit, match="make bench"):
        Results([])
