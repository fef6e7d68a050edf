"""What benchmarks find, and the files in which it is kept."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.report import Figure, Found, Measured, Series

MACHINE = {"measured": "2026-01-02T03:04:05+00:00"}


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results")
    return tmp_path / "results"


def test_what_was_found_before_a_failure_stays() -> None:
    def measure() -> Iterator[Found]:
        yield Figure("a", 1, "x")
        yield Series("plot", "line", "ms", [(1, 2)])
        yield "b was left out"
        raise RuntimeError("c")

    found = Measured()
    with pytest.raises(RuntimeError, match="c"):
        found.take(measure())
    assert [figure.name for figure in found.figures] == ["a"]
    assert [series.line for series in found.series] == ["line"]
    assert found.notes == ["b was left out"]


def test_bounds_hold_at_their_ends() -> None:
    assert Figure("a", 0.4, "ms", at_most=0.4).holds is True
    assert Figure("a", 0.41, "ms", at_most=0.4).holds is False
    assert Figure("a", 0.99, "", at_least=0.99).holds is True
    assert Figure("a", 0.98, "", at_least=0.99).as_json()["holds"] is False
    assert Figure("a", 1, "").holds is None


def test_a_run_keeps_only_its_own_file(results: Path) -> None:
    whole = {"decode": Measured([Figure("a", 1, "x")], notes=["no lean client"], seconds=1.234)}
    soak = {"soak": Measured([Figure("b", 2, "MB", at_most=1)])}
    dated = report.write(MACHINE, whole, "latest")
    report.write(MACHINE, soak, "soak")
    report.write(MACHINE, {"quick": Measured()})
    assert dated.name == "2026-01-02T030405Z.json"
    latest = json.loads((results / "latest.json").read_text())
    assert latest["machine"] == MACHINE
    assert latest["parts"] == [{"part": "decode", "seconds": 1.2, "notes": ["no lean client"]}]
    assert [figure["part"] for figure in latest["figures"]] == ["decode"]
    kept = json.loads((results / "soak.json").read_text())
    assert kept["figures"][0]["holds"] is False
    assert {path.name for path in results.iterdir()} == {"latest.json", "soak.json", dated.name}


def test_where_nothing_can_be_written_is_said_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results")
    report.check_writable()
    assert list((tmp_path / "results").iterdir()) == []
    (tmp_path / "file").touch()
    monkeypatch.setattr(report, "RESULTS", tmp_path / "file")
    with pytest.raises(SystemExit, match="no results can be written"):
        report.check_writable()
