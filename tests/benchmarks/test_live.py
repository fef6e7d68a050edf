"""Which live desktops count as carried."""

import dataclasses
from typing import Any

import pytest
from fakes.performance import LIVE

from benchmarks import live
from benchmarks.live import ASKED, Asked, Run
from benchmarks.report import Measured
from envserver.vnc_settings import check_vnc_kwargs


def test_what_is_asked_for_is_allowed() -> None:
    for asked in ASKED.values():
        assert check_vnc_kwargs(asked.vnc_kwargs) == asked.vnc_kwargs
    assert set(live.QUICK) <= set(ASKED)


@pytest.mark.parametrize(
    ("worse", "carried"),
    [({}, True), ({"ticks_on_time": 0.98}, False), ({"new_frames_a_second": 0.0}, False)],
)
def test_ticks_on_time_without_pictures_are_not_enough(
    worse: dict[str, Any], carried: bool
) -> None:
    assert dataclasses.replace(LIVE, **worse).carried is carried


def test_one_scene_must_hold_both(monkeypatch: pytest.MonkeyPatch) -> None:
    def play(asked: Asked, num_envs: int, seconds: float) -> Run:
        if asked.scene == "game":
            return dataclasses.replace(LIVE, num_envs=num_envs, ticks_on_time=0.9)
        return dataclasses.replace(LIVE, num_envs=num_envs, new_frames_a_second=20.0)

    monkeypatch.setattr(live, "play", play)
    last = Measured().take(live.measure()).figures[-1]
    assert (last.value, last.holds) == (0, False)
    monkeypatch.setattr(live, "play", lambda asked, num_envs, seconds: LIVE)
    last = Measured().take(live.measure()).figures[-1]
    assert (last.value, last.holds) == (len(ASKED), True)
