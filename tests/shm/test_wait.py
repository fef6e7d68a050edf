"""Waiting: enough rows, the deadline, signals, and announcements."""

import os
import signal
import threading
import time
from types import FrameType
from typing import Any

import numpy as np
import pytest

FAR_S = 20.0
NOBODY_WAITS = 2**32 - 1


def deadline(seconds: float) -> int:
    return time.monotonic_ns() + int(seconds * 1e9)


def test_the_past_only_looks(rig: Any) -> None:
    rig.send(1)
    assert rig.answer(1, 0)
    assert rig.ring.wait(1, 2, 0) == 1
    assert rig.ring.wait(1, 0, 0) == 1


def test_the_deadline_is_kept(rig: Any) -> None:
    rig.send(1)
    until = deadline(0.02)
    assert rig.ring.wait(1, 1, until) == 0
    assert time.monotonic_ns() >= until


@pytest.mark.parametrize("num_envs", [1, 2, 64, 65, 130])
def test_the_last_to_arrive_wakes_the_trainer(make_rig: Any, num_envs: int) -> None:
    rig = make_rig(num_envs=num_envs)
    for step in range(1, 6):
        rig.send(step)
        answering = threading.Thread(
            target=lambda step=step: [rig.answer(step, env) for env in range(num_envs)]
        )
        answering.start()
        assert rig.wait(step, num_envs) == num_envs
        answering.join()


def test_each_environment_can_be_at_its_own_step(make_rig: Any) -> None:
    rig = make_rig(num_envs=4)
    rig.send(1)
    for env in range(4):
        assert rig.answer(1, env)
    rig.ring.open_step(2, np.array([1, 3], np.int32))
    steps = np.array([-1, 2, 1, 2], np.int64)
    assert rig.ring.wait(steps, 3, 0) == 1
    answering = threading.Thread(target=rig.answer, args=(2, 3))
    answering.start()
    # The bit of environment 0 is still set; it must neither hide nor stand for an arrival.
    assert rig.ring.wait(steps, 2, deadline(FAR_S)) == 2
    answering.join()


class Header:
    """The words that trainer and workers wake each other by, as layout.pxd places them."""

    def __init__(self, rig: Any) -> None:
        self.words = np.frombuffer(memoryview(rig.segment.map().memory), np.uint32, 2, 192)

    @property
    def wake_seq(self) -> int:
        return int(self.words[0])

    @property
    def wanted(self) -> int:
        return int(self.words[1])


class Waiting:
    """A wait in a thread of its own, from when its wish is there to be seen."""

    def __init__(self, rig: Any, header: Header, steps: Any, wanted: int) -> None:
        assert header.wanted == NOBODY_WAITS
        self.done = 0
        self.thread = threading.Thread(target=self.run, args=(rig, steps, wanted))
        self.thread.start()
        while header.wanted == NOBODY_WAITS:
            os.sched_yield()

    def run(self, rig: Any, steps: Any, wanted: int) -> None:
        self.done = rig.ring.wait(steps, wanted, deadline(FAR_S))

    def result(self) -> int:
        self.thread.join()
        return self.done


def test_only_the_last_that_is_wanted_makes_a_wake_up(make_rig: Any) -> None:
    rig = make_rig(num_envs=70)
    header = Header(rig)
    rig.send(1)
    waiting = Waiting(rig, header, 1, 69)
    for env in range(2, 70):
        assert rig.answer(1, env)
        assert header.wake_seq == 0
    assert rig.answer(1, 0)
    assert header.wake_seq == 1
    assert waiting.result() == 69
    assert rig.answer(1, 1)
    assert header.wake_seq == 1


def test_bits_of_others_are_not_waited_for(make_rig: Any) -> None:
    rig = make_rig(num_envs=4)
    header = Header(rig)
    rig.send(1)
    for env in (0, 2, 3):
        assert rig.answer(1, env)
    rig.ring.open_step(2, np.array([1, 3], np.int32))
    waiting = Waiting(rig, header, np.array([-1, 2, -1, 2], np.int64), 2)
    assert header.wanted == 4
    assert rig.answer(2, 3)
    assert header.wake_seq == 0
    assert rig.answer(2, 1)
    assert header.wake_seq == 1
    assert waiting.result() == 2


def test_a_row_whose_worker_could_not_say_so_counts(rig: Any) -> None:
    header = Header(rig)
    rig.send(1)
    assert rig.writers[0].claim(1)
    rig.writers[0].finish(1)
    # Environment 0 never sets its bit; the trainer sees its row when it begins to wait.
    assert rig.wait(1, 2, 0) == 1
    waiting = Waiting(rig, header, 1, 2)
    assert rig.answer(1, 1)
    assert header.wake_seq == 1
    assert waiting.result() == 2


def test_arrivals_that_nobody_waits_for_are_counted_later(rig: Any) -> None:
    rig.send(1)
    assert rig.answer(1, 0)
    assert rig.answer(1, 1)
    assert rig.wait(1, 2) == 2


@pytest.mark.parametrize("steps", [np.zeros(3, np.int64), np.zeros(2, np.int32)])
def test_steps_of_another_shape_or_type_are_refused(rig: Any, steps: np.ndarray[Any, Any]) -> None:
    with pytest.raises(ValueError, match=r"steps|dtype"):
        rig.ring.wait(steps, 1, 0)


class Interrupted(Exception):
    pass


@pytest.mark.integration
def test_a_signal_handler_runs_and_may_raise(rig: Any) -> None:
    def handler(number: int, frame: FrameType | None) -> None:
        raise Interrupted

    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        began = time.monotonic()
        with pytest.raises(Interrupted):
            rig.wait(1, 1)
        assert time.monotonic() - began < FAR_S / 2
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.integration
def test_a_signal_without_a_handler_that_raises_changes_nothing(rig: Any) -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, frame: heard.append(number))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
        until = deadline(0.1)
        assert rig.ring.wait(1, 1, until) == 0
        assert time.monotonic_ns() >= until
        assert heard
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_an_announcement_ends_only_waits_that_asked(rig: Any) -> None:
    rig.send(1)
    rig.control.wake()
    # It came before the wait, and is not lost.
    began = time.monotonic()
    assert rig.ring.wait(1, 2, deadline(FAR_S), on_wake=True) == 0
    assert time.monotonic() - began < FAR_S / 2
    until = deadline(0.02)
    assert rig.ring.wait(1, 2, until, on_wake=True) == 0
    assert time.monotonic_ns() >= until
    rig.writers[0].attention()
    until = deadline(0.02)
    assert rig.ring.wait(1, 2, until) == 0
    assert time.monotonic_ns() >= until


def test_an_announcement_wakes_a_sleeping_trainer(rig: Any) -> None:
    rig.send(1)
    ending = threading.Thread(target=rig.control.ended, args=(0, 1))
    ending.start()
    began = time.monotonic()
    rig.ring.wait(1, 2, deadline(FAR_S), on_wake=True)
    ending.join()
    assert time.monotonic() - began < FAR_S / 2
    assert rig.control.state(0).broker_fault == 1
