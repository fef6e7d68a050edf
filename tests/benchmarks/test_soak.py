"""Growth by the median slope, and a soak of seconds."""

from pathlib import Path

import pytest

from benchmarks import soak
from benchmarks.report import Measured
from benchmarks.soak import SESSIONS, growth

GOLDENS = Path(__file__).parents[1] / "goldens"


def test_growth_is_that_of_a_line_after_the_warm_up() -> None:
    warm_up = [(0.0, 1.0), (1.0, 100.0)]
    steady = [(2.0 + minute, 50.0 + 0.5 * minute) for minute in range(8)]
    assert growth([*warm_up, *steady]) == pytest.approx(0.5 * 7)
    flat = [(minute, 50.0) for _, minute in zip(range(8), range(2, 10), strict=True)]
    assert growth([*warm_up, *flat]) == pytest.approx(0)


def test_what_is_there_for_a_moment_is_no_growth() -> None:
    """Nor does it hide any."""
    peaks = {60, 61, 64, 65, 66, 71, 72, 75, 77, 78, 79}
    for added in (0.0, 2.0):
        noted = [(i / 8, 125 + added * i / 80 + 5 * (i in peaks)) for i in range(80)]
        assert growth(noted) == pytest.approx(added * 63 / 80, abs=0.3)


def test_too_little_for_a_line_is_no_growth() -> None:
    assert growth([(0.0, 5.0)]) == 0


@pytest.mark.integration
def test_a_soak_of_both_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak, "ROUND_S", 0.2)
    names = ("tight", "tight-jpeg")
    found = Measured().take(soak.measure([GOLDENS / name for name in names], 4, 0.01))
    assert {series.line for series in found.series} == {*SESSIONS, "the trainer", "the daemon"}
    assert all(size_mb > 1 for series in found.series for _, size_mb in series.points)
    assert len(found.figures) == 4
