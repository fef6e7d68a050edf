"""The search for the most desktops, against machines that are made up; a small fleet."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fakes.performance import RUN

from benchmarks.fleet import STEP_OF_MOST, Most, Run, measure, play
from benchmarks.recording import Recording
from benchmarks.report import Figure, Measured
from envserver.errors import StartError

GOLDENS = Path(__file__).parents[1] / "goldens"


def carries(limit: int) -> Callable[[int], Run]:
    """A machine that carries so many."""

    def run(num_envs: int) -> Run:
        share = 1.0 if num_envs <= limit else 0.98
        return dataclasses.replace(RUN, num_envs=num_envs, ticks_on_time=share)

    return run


@pytest.mark.parametrize(
    ("limit", "expected"),
    [(0, 0), (15, 0), (16, 16), (100, 96), (127, 112), (128, 128), (200, 192), (255, 240)],
)
def test_the_most_is_found_in_steps(limit: int, expected: int) -> None:
    most = Most()
    most.search(carries(limit))
    assert most.carried == expected
    assert len(most.runs) <= 9


def test_no_more_are_tried_than_the_highest() -> None:
    most = Most()
    most.search(carries(10_000), highest=256)
    assert most.carried == max(run.num_envs for run in most.runs) == 256


@pytest.mark.parametrize(
    "worse",
    [{"updates_per_env_s": 0.0}, {"updates_per_env_s": 59.0}, {"equal": False}],
    ids=["nothing came", "few came", "another picture"],
)
def test_desktops_that_bring_too_little_are_not_carried(worse: dict[str, Any]) -> None:
    run = dataclasses.replace(RUN, **worse)
    assert RUN.carried
    assert not run.carried
    most = Most()
    most.search(lambda num_envs: dataclasses.replace(run, num_envs=num_envs))
    assert most.carried == 0


def test_a_run_that_fails_was_not_carried_and_says_why() -> None:
    def run(num_envs: int) -> Run:
        if num_envs > 40:
            raise StartError(f"{num_envs} are too many")
        return carries(40)(num_envs)

    most = Most()
    most.search(run)
    assert most.carried == 32
    assert "128 desktops were not carried: 128 are too many" in most.notes


def test_the_search_ends_at_its_time_with_what_it_has() -> None:
    most = Most()

    def run(num_envs: int) -> Run:
        return carries(200)(num_envs)

    most.search(run, until_s=time.monotonic() - 1)
    assert (most.carried, most.runs) == (0, [])
    assert "ended at its time" in most.notes[0]


def test_what_a_search_found_is_told() -> None:
    most = Most()
    most.search(carries(150))
    found = Measured().take(most.found())
    assert found.figures[0] == Figure("fleet game, most desktops at 60 fps", 144, "", at_least=128)
    on_time, cores = found.series
    assert on_time.points == [(128, 1.0), (144, 1.0), (160, 0.98)]
    assert {y for _, y in cores.points} == {1.0}
    assert STEP_OF_MOST == 16


@pytest.mark.integration
def test_a_small_fleet_brings_every_update_and_the_last_picture() -> None:
    run = play([Recording.load(GOLDENS / "zrle")], 2, 30, 1)
    assert run.equal
    assert run.updates_per_env_s > 20
    assert run.worker_cores > 0
    assert run.daemon_cores > 0


def test_the_figures_of_the_fleets_survive_a_search_that_breaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = Recording.load(GOLDENS / "zrle")
    dataclasses.replace(recording, label="game-zrle").save(tmp_path)
    played = []

    def break_later(streams: list[Recording], num_envs: int, *_: object) -> Run:
        played.append(num_envs)
        if len(played) > 2:
            raise KeyboardInterrupt
        return dataclasses.replace(RUN, num_envs=num_envs)

    monkeypatch.setattr("benchmarks.fleet.play", break_later)
    found = Measured()
    with pytest.raises(KeyboardInterrupt):
        found.take(measure([tmp_path / "game-zrle.rfb"]))
    names = {figure.name: figure.value for figure in found.figures}
    assert names["fleet game-zrle, 20 at 60 fps: on time"] == 1.0
    assert names["fleet game, most desktops at 60 fps"] == 128
