"""From one episode to the next, with connections lost at every moment in between."""

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from fakes.hot_rig import HotRig, Screen

from workers.entries import EntryFlag, EntryKind, Fault, Flag, Phase
from workers.mail import Letter

RED = np.full((8, 8, 3), (255, 0, 0), np.uint8)


def lose(rig: HotRig, screen: Screen) -> None:
    screen.server.close()
    rig.letter(Letter.BROKEN)
    assert rig.hot.post(Letter.LOST, Fault.CONNECTION_LOST)


def connect_anew(rig: HotRig, seed: int) -> Screen:
    screen = Screen(64, 48)
    screen.paint_all(seed)
    rig.connect(screen)
    return screen


def ask_reset(rig: HotRig) -> int:
    rig.resets += 1
    rig.put(EntryKind.RESET, step=rig.resets)
    step = rig.ask(flags=EntryFlag.AWAIT_EPISODE)
    assert rig.letter(Letter.RESET_WANTED)[0] == rig.resets
    return step


def end(rig: HotRig, episode: int) -> None:
    assert rig.hot.post_reward(Letter.REWARD, 0, episode, 1.0, True, False, 0, b"", 0)


def test_lost_before_the_first_picture_asks_for_the_reset_again(make_rig: Any) -> None:
    rig, screen = make_rig()
    step = ask_reset(rig)
    assert rig.hot.post(Letter.RUNNING, rig.resets, 2)
    assert screen.hear() == ("request", None)
    lose(rig, screen)
    assert rig.letter(Letter.RESET_WANTED)[0] == rig.resets
    screen = connect_anew(rig, 5)
    assert rig.hot.post(Letter.RUNNING, rig.resets, 3)
    rig.first_picture(screen, 6)
    record = rig.answer(step)
    assert (record["episode"], record["resetting"]) == (3, 0)
    assert np.array_equal(rig.picture(step), screen.pixels)


def test_an_episode_may_end_before_its_first_picture(make_rig: Any) -> None:
    """And the next may run: nobody says so again."""
    rig, screen = make_rig(autoreset="next_step")
    step = ask_reset(rig)
    assert rig.hot.post(Letter.RUNNING, rig.resets, 2)
    end(rig, 2)
    assert rig.hot.post(Letter.RUNNING, 0, 3)
    rig.first_picture(screen, 5)
    record = rig.answer(step)
    assert (record["episode"], record["terminated"]) == (2, 0)
    record = rig.step()
    assert (record["episode"], record["terminated"], record["reward"]) == (2, 1, 1.0)
    step = rig.ask()
    rig.first_picture(screen, 6)
    assert rig.answer(step)["episode"] == 3


def test_running_while_disconnected_waits_for_the_next_connections_picture(make_rig: Any) -> None:
    rig, screen = make_rig()
    step = ask_reset(rig)
    lose(rig, screen)
    assert rig.hot.post(Letter.RUNNING, rig.resets, 2)
    screen = connect_anew(rig, 5)
    rig.first_picture(screen, 6)
    assert rig.answer(step)["episode"] == 2
    assert np.array_equal(rig.picture(step), screen.pixels)


def test_first_picture_is_later_than_a_fence(make_rig: Any) -> None:
    rig, _ = make_rig()
    screen = Screen(64, 48, fences=True)
    screen.paint_all(4)
    rig.connect(screen)
    step = ask_reset(rig)
    assert rig.hot.post(Letter.RUNNING, rig.resets, 2)
    kind, payload = screen.hear()
    assert kind == "fence"
    screen.paint_all(5)  # still of the old episode: it was on its way
    screen.answer_fence(payload)
    assert screen.hear() == ("request", None)
    assert rig.ring.row_states(step)[0] == 0
    screen.paint_all(6)
    assert rig.answer(step)["episode"] == 2
    assert np.array_equal(rig.picture(step), screen.pixels)


def test_final_observation_stays_until_the_next_row(make_rig: Any) -> None:
    rig, screen = make_rig(autoreset="same_step")
    screen.paint(0, 0, RED)
    terminal = screen.pixels.copy()
    end(rig, 1)
    step = rig.ask()
    rig.until(lambda: rig.ring.control(0)["phase"] == Phase.RESETTING)
    assert rig.hot.post(Letter.RUNNING, 0, 2)
    rig.first_picture(screen, 2)
    assert rig.answer(step)["flags"] & Flag.HAS_FINAL
    end(rig, 2)  # before the trainer has looked
    assert rig.hot.post(Letter.RUNNING, 0, 3)
    rig.put(EntryKind.KEY, argument=0x61, value=1)
    rig.until_taken()
    assert np.array_equal(rig.ring.spare(0), terminal)


def test_lost_before_the_final_row_is_reported_by_the_next(make_rig: Any) -> None:
    rig, screen = make_rig(autoreset="same_step", while_resetting="wait")
    end(rig, 1)
    step = rig.ask()
    rig.until(lambda: rig.ring.control(0)["phase"] == Phase.RESETTING)
    assert rig.hot.post(Letter.RUNNING, 0, 2)
    rig.first_picture(screen, 2)
    assert rig.answer(step)["final_episode"] == 1
    lose(rig, screen)
    step = rig.ask()
    rig.until(lambda: rig.ring.control(0)["phase"] != Phase.RUNNING)
    screen = connect_anew(rig, 5)
    assert rig.hot.post(Letter.RUNNING, 0, 3)
    rig.first_picture(screen, 6)
    record = rig.answer(step)
    assert (record["truncated"], record["fault"]) == (1, Fault.CONNECTION_LOST)
    assert (record["final_episode"], record["episode"]) == (2, 3)


def test_failed_reset_says_so_at_once(make_rig: Any) -> None:
    rig, _ = make_rig()
    step = ask_reset(rig)
    assert rig.hot.post(Letter.LOST, Fault.RESET_FAILED)
    record = rig.answer(step)
    assert (record["resetting"], record["fault"]) == (1, Fault.RESET_FAILED)


def test_reset_that_comes_twice_is_made_once(make_rig: Any) -> None:
    rig, screen = make_rig()
    rig.reset(2, screen)
    rig.put(EntryKind.RESET, step=rig.resets)
    record = rig.step()
    assert (record["resetting"], record["episode"]) == (0, 2)


def test_events_after_the_end_go_nowhere(make_rig: Any) -> None:
    rig, screen = make_rig(autoreset="next_step")
    end(rig, 1)
    rig.put(EntryKind.KEY, argument=0x61, value=1)
    assert rig.step()["terminated"]
    step = rig.ask()
    assert rig.hot.post(Letter.RUNNING, 0, 2)
    rig.first_picture(screen, 2)
    rig.answer(step)
    rig.put(EntryKind.KEY, argument=0x62, value=1)
    rig.step()
    assert screen.hear() == ("key", (0x62, True))


@pytest.mark.parametrize(
    ("size", "where"), [((64, 48), (37, 30)), ((32, 24), (21, 18)), ((128, 96), (69, 54))]
)
def test_pointer_goes_where_the_observation_shows_it(
    make_rig: Any, size: tuple[int, int], where: tuple[int, int]
) -> None:
    rig, _ = make_rig()
    screen = Screen(*size)
    screen.paint_all(3)
    rig.connect(screen)
    rig.reset(2, screen)
    rig.put(EntryKind.POINTER, x=37, y=30, argument=1)
    rig.step()
    assert screen.hear() == ("pointer", (*where, 1))


def test_rewarder_alone_has_episodes_on_a_black_screen() -> None:
    rig = HotRig(64, 48, vnc_port=0)
    try:
        assert rig.hot.post(Letter.READY)
        step = ask_reset(rig)
        assert rig.hot.post(Letter.RUNNING, rig.resets, 1)
        assert rig.answer(step)["episode"] == 1
        assert rig.hot.post_reward(Letter.REWARD, 0, 1, 2.5, False, False, 0, b"", 0)
        assert rig.step()["reward"] == 2.5
        assert not rig.picture().any()
    finally:
        rig.close()


@pytest.fixture
def one_processor() -> Iterator[None]:
    """Who is woken by an idle thread runs at once, and that thread stands still there."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    yield
    os.sched_setaffinity(0, before)


def test_who_is_told_of_a_first_row_finds_that_the_episode_runs(
    one_processor: None, make_rig: Any
) -> None:
    """A trainer judges a worker that it misses a row of by the phase, wherever it was stopped."""
    rig, screen = make_rig()
    os.sched_setscheduler(rig.thread.native_id, os.SCHED_IDLE, os.sched_param(0))
    phase = rig.ring.controls()["phase"]
    phases = []
    for episode in range(2, 52):
        rig.reset(episode, screen)
        phases.append(Phase(phase[0]))
    assert phases == [Phase.RUNNING] * 50
