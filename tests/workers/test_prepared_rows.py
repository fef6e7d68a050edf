"""Rows that are written to before they are due."""

import os
import time

import numpy as np
from fakes.hot_rig import HotRig, Screen

from shm.layout import RowState
from workers.entries import Due
from workers.mail import Letter

WIDTH, HEIGHT = 100, 70
# Rows that are due within a second are prepared; the tests are long done then.
SOON_NS = 900_000_000


def started(rigs: list[HotRig]) -> tuple[HotRig, Screen]:
    rig = HotRig(WIDTH, HEIGHT)
    rigs.append(rig)
    screen = Screen(WIDTH, HEIGHT)
    screen.paint_all(1)
    rig.connect(screen)
    rig.reset(1, screen)
    return rig, screen


def until_returned(rig: HotRig, step: int) -> None:
    rig.until(lambda: bool(rig.ring.row_states(step)[0] != RowState.CLAIMED))


def prepared(rig: HotRig, screen: Screen, due_ns: int, seed: int) -> int:
    """Ask for a row that is due later, paint, and wait until the row shows it."""
    step = rig.ask(due=Due.AT, due_ns=due_ns)
    rig.until_taken()
    screen.paint_all(seed)
    rig.until(lambda: np.array_equal(rig.picture(step), screen.pixels))
    return step


def test_a_row_shows_what_came_before_it_is_due(rigs: list[HotRig]) -> None:
    rig, screen = started(rigs)
    due_ns = time.monotonic_ns() + SOON_NS
    step = prepared(rig, screen, due_ns, 7)
    until_returned(rig, step)
    assert rig.ring.row_states(step)[0] == RowState.EMPTY or time.monotonic_ns() >= due_ns
    screen.paint(5, 9, np.full((20, 30, 3), 99, np.uint8))
    assert rig.answer(step)["published_ns"] >= due_ns
    assert np.array_equal(rig.picture(step), screen.pixels)


def test_a_prepared_row_can_be_given_up(rigs: list[HotRig]) -> None:
    rig, screen = started(rigs)
    for seed in range(6):
        rig.step()
        before = rig.picture().copy()
        step = prepared(rig, screen, time.monotonic_ns() + SOON_NS, 20 + seed)
        until_returned(rig, step)
        assert rig.ring.abandon(step, 0)
        rig.ring.fill_abandoned(step, 0)
        screen.paint(seed, seed, np.full((9, 9, 3), seed, np.uint8))
        rig.step()
        assert np.array_equal(rig.picture(step), before)
        assert np.array_equal(rig.picture(), screen.pixels)


def test_a_prepared_row_of_a_lost_episode_shows_the_last_one(rigs: list[HotRig]) -> None:
    rig, screen = started(rigs)
    rig.step()
    before = rig.picture().copy()
    step = prepared(rig, screen, time.monotonic_ns() + SOON_NS, 5)
    assert rig.hot.post(Letter.LOST, 1)
    record = rig.answer(step)
    assert (record["truncated"], record["fault"]) == (1, 1)
    assert np.array_equal(rig.picture(step), before)


def test_rows_given_up_at_any_time_are_whole(rigs: list[HotRig]) -> None:
    """The trainer takes rows back while the worker prepares them."""
    rig, screen = started(rigs)
    rng = np.random.default_rng(1)
    taken = 0
    for turn in range(150):
        rig.step()
        before = rig.picture().copy()
        step = rig.ask(due=Due.AT, due_ns=time.monotonic_ns() + SOON_NS)
        screen.paint_all(turn)
        for _ in range(int(rng.integers(0, 40))):
            os.sched_yield()
        if rig.ring.abandon(step, 0):
            taken += 1
            rig.ring.fill_abandoned(step, 0)
            assert np.array_equal(rig.picture(step), before)
        else:
            # It was being written to.
            until_returned(rig, step)
            assert rig.ring.abandon(step, 0)
            rig.ring.fill_abandoned(step, 0)
        kept = rig.picture(step).copy()
        rig.step()
        assert np.array_equal(rig.picture(step), kept)
        assert np.array_equal(rig.picture(), screen.pixels)
    assert taken
