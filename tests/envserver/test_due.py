"""Due times and the tick clock."""

from typing import Any

import numpy as np
import pytest

from envserver.due import AT, CHANGED, NOW, QUIET, DueFields, Ticks, check_region, due_fields
from workers.entries import Due

SCREEN = (100, 50)


def test_fields() -> None:
    assert due_fields(NOW, 7, SCREEN) == DueFields(int(Due.NOW), 7, 0, 0, 0, 100, 50)
    assert due_fields(AT(9), 7, SCREEN) == DueFields(int(Due.AT), 9, 0, 0, 0, 100, 50)
    assert due_fields(CHANGED(2, (1, 2, 3, 4)), 7, SCREEN) == DueFields(
        int(Due.CHANGED), 2_000_007, 0, 1, 2, 3, 4
    )
    assert due_fields(QUIET(1, 2), 7, SCREEN) == DueFields(
        int(Due.QUIET), 2_000_007, 1_000_000, 0, 0, 100, 50
    )


def test_without_a_region_what_is_shown_is_looked_at() -> None:
    shown = (1, 2, 3, 4)
    assert due_fields(CHANGED(2), 7, SCREEN, shown) == DueFields(
        int(Due.CHANGED), 2_000_007, 0, *shown
    )
    assert due_fields(CHANGED(2, (5, 6, 7, 8)), 7, SCREEN, shown).x == 5


@pytest.mark.parametrize(
    ("when", "message"),
    [
        (5, "due is 5, expected NOW"),
        (CHANGED(1, (99, 0, 2, 1)), "leaves the 100x50 screen"),
        (CHANGED(1, (0, 0, 0, 1)), "leaves the 100x50 screen"),
        (CHANGED(1, (-1, 0, 1, 1)), "leaves the 100x50 screen"),
        (QUIET(1, 1, (1, 2, 3)), "expected .x, y, width, height."),  # type: ignore[arg-type]
    ],
)
def test_wrong_due_times(when: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        due_fields(when, 0, SCREEN)  # type: ignore[arg-type]


@pytest.mark.parametrize("ms", [-1, float("nan"), float("inf"), "x", True, None])
def test_wrong_milliseconds(ms: float) -> None:
    with pytest.raises(ValueError, match="max_ms"):
        CHANGED(ms)
    with pytest.raises(ValueError, match="quiet_ms"):
        QUIET(ms, 1)


def test_numpys_numbers_are_milliseconds() -> None:
    assert due_fields(QUIET(np.int64(1), np.float32(2)), 7, SCREEN) == DueFields(  # type: ignore[arg-type]
        int(Due.QUIET), 2_000_007, 1_000_000, 0, 0, 100, 50
    )


@pytest.mark.parametrize(
    "region",
    [
        "1234",
        b"1234",
        {1, 2, 3, 4},
        (0.5, 0, 9, 9),
        (True, 0, 9, 9),
        (0, 0, float("inf"), 5),
        ("0", "0", "1", "1"),
        5,
    ],
)
def test_what_is_no_region(region: Any) -> None:
    with pytest.raises(ValueError, match=r"region is .*, expected .x, y, width, height., whole"):
        check_region(region, 100, 50)


def test_regions_of_numpys_numbers() -> None:
    assert check_region(np.array([1, 2, 3, 4]), 100, 50) == (1, 2, 3, 4)  # type: ignore[arg-type]
    assert check_region([np.int32(1), 2, 3, 4], 100, 50) == (1, 2, 3, 4)  # type: ignore[list-item]


class TestTicks:
    def test_ticks_are_absolute(self) -> None:
        ticks = Ticks(100)
        assert [ticks.due_ns(now) for now in (0, 10_000_100, 20_000_300)] == [
            10_000_000,
            20_000_000,
            30_000_000,
        ]
        assert ticks.missed == 0

    def test_missed_ticks_are_skipped_and_counted(self) -> None:
        ticks = Ticks(100)
        ticks.due_ns(0)
        assert ticks.due_ns(45_000_000) == 50_000_000
        assert ticks.missed == 3

    def test_a_trainer_that_is_early_gets_the_next_tick(self) -> None:
        ticks = Ticks(100)
        ticks.due_ns(0)
        assert ticks.due_ns(1) == 20_000_000

    def test_no_drift(self) -> None:
        ticks, now = Ticks(60), 1_000
        first = now
        for _ in range(60 * 60):
            now = ticks.due_ns(now)
        assert now == first + 60_000_000_000

    def test_a_restart_and_due_times_of_ones_own_miss_nothing(self) -> None:
        ticks = Ticks(100)
        ticks.due_ns(0)
        ticks.pause()
        assert ticks.due_ns(55_000_001) == 60_000_000
        assert ticks.missed == 0
        assert ticks.due_ns(75_000_000) == 80_000_000
        assert ticks.missed == 1
        ticks.restart()
        assert ticks.due_ns(999_000_005) == 1_009_000_005
        assert ticks.missed == 1

    @pytest.mark.parametrize("fps", [0, -1, float("nan"), 2000])
    def test_wrong_fps(self, fps: float) -> None:
        with pytest.raises(ValueError, match="fps is"):
            Ticks(fps)


@pytest.mark.parametrize("when", [1.5, "9", None, True])
def test_at_takes_whole_nanoseconds(when: Any) -> None:
    with pytest.raises(ValueError, match=r"AT\(.*\), expected a whole number of nanoseconds"):
        AT(when)
