"""Rings of two depths, stepped for real."""

import pytest

from benchmarks import depth
from benchmarks.engines import CHANGES
from benchmarks.report import Measured


def test_each_depth_has_its_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(depth, "STEPS", 3)
    found = Measured().take(depth.measure(num_envs=2, rounds=1, depths=(2, 3)))
    assert [series.line for series in found.series] == list(CHANGES)
    for series in found.series:
        assert [slots for slots, _ in series.points] == [2, 3]
        assert all(cost_us > 0 for _, cost_us in series.points)
    names = [figure.name for figure in found.figures]
    assert names[:2] == ["depth n=2, 64x64: 2 slots", "  3 slots"]
