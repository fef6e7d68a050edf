"""Queues: order, room, all or nothing, and the wrap-around, against a list."""

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shm.doorbell import doorbell
from shm.layout import ENTRY_DTYPE
from shm.ring import Ring
from shm.segment import Segment
from shm.writer import Writer

CAPACITY = 8


def entries(*values: int) -> np.ndarray[Any, Any]:
    made = np.zeros(len(values), ENTRY_DTYPE)
    made["value"] = values
    return made


def taken(writer: Writer) -> list[int]:
    """Take everything that is queued."""
    values: list[int] = []
    while (raw := writer.peek()) is not None:
        values.append(int(np.frombuffer(raw, ENTRY_DTYPE)["value"][0]))
        writer.take()
    return values


def envs(*numbers: int) -> np.ndarray[Any, Any]:
    return np.array(numbers, np.int32)


def test_events_come_before_the_step_in_their_order(make_rig: Any) -> None:
    rig = make_rig(num_envs=3)
    dropped = rig.ring.send(1, entries(100, 101), envs(2, 0), entries(1, 2, 3, 4), envs(0, 2, 0, 2))
    assert dropped.tolist() == [False, False]
    assert [taken(writer) for writer in rig.writers] == [[1, 3, 101], [], [2, 4, 100]]
    assert [os.eventfd_read(rig.bells[env]) for env in (0, 2)] == [1, 1]
    with pytest.raises(BlockingIOError):
        os.eventfd_read(rig.bells[1])


def test_who_lacks_room_gets_nothing_at_all(make_rig: Any) -> None:
    rig = make_rig(num_envs=2, queue_entries=CAPACITY)
    assert rig.ring.put(0, entries(*range(6))) == 6
    events = entries(10, 11, 12, 13)
    dropped = rig.ring.send(1, entries(100, 101), envs(0, 1), events, envs(0, 1, 0, 1))
    assert dropped.tolist() == [True, False]
    assert taken(rig.writers[0]) == list(range(6))
    assert taken(rig.writers[1]) == [11, 13, 101]


def test_put_says_how_many_fitted(make_rig: Any) -> None:
    rig = make_rig(queue_entries=CAPACITY)
    assert rig.ring.put(1, entries(*range(20))) == CAPACITY
    assert rig.ring.put(1, entries(1)) == 0
    assert taken(rig.writers[1]) == list(range(CAPACITY))
    with pytest.raises(IndexError, match="empty"):
        rig.writers[1].take()


@pytest.mark.parametrize(
    ("steps", "to", "events", "event_to", "message"),
    [
        (entries(1), envs(2), entries(), envs(), "environment 2, expected 0 to 1"),
        (entries(1), envs(-1), entries(), envs(), "environment -1"),
        (entries(1, 2), envs(0, 0), entries(), envs(), "environment 0 is stepped twice"),
        (entries(1), envs(0), entries(1), envs(1), "environment 1, which is not stepped"),
        (entries(1), envs(0), entries(1), envs(9), "environment 9"),
        (entries(1), envs(0, 1), entries(), envs(), "1 steps for 2 environments"),
        (np.zeros(1), envs(0), entries(), envs(), "expected shm.layout.ENTRY_DTYPE"),
        (entries(1), envs(0).astype(np.int64), entries(), envs(), "dtype"),
    ],
)
def test_wrong_arguments_reach_no_queue(
    rig: Any, steps: Any, to: Any, events: Any, event_to: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        rig.ring.send(1, steps, to, events, event_to)
    assert [taken(writer) for writer in rig.writers] == [[], []]


def test_a_hostile_tail_is_a_full_queue(rig: Any) -> None:
    control = np.frombuffer(rig.writers[0].control(), rig.ring.controls().dtype)
    control["tail"] = 1000
    assert rig.ring.put(0, entries(1)) == 0


@pytest.fixture(scope="module")
def queue() -> Iterator[tuple[Ring, Writer]]:
    """One for all examples: so they begin at every place of the queue."""
    with Segment.create(1, 1, 1, 1, 2, CAPACITY) as segment:
        bell = doorbell()
        with Ring(segment.fd, [bell]) as ring:
            yield ring, Writer(segment.fd, 0)
        os.close(bell)


@settings(deadline=None, max_examples=100, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, CAPACITY + 2)), max_size=30))
def test_a_queue_is_a_bounded_list(
    queue: tuple[Ring, Writer], moves: list[tuple[int, int]]
) -> None:
    ring, writer = queue
    model: list[int] = []
    number = 0
    for move, count in moves:
        values = list(range(number, number + count))
        number += count
        if move == 0:
            fitted = ring.put(0, entries(*values))
            assert fitted == min(count, CAPACITY - len(model))
            model += values[:fitted]
        elif move == 1:
            step = entries(-number - 1)
            dropped = ring.send(1, step, envs(0), entries(*values), envs(*[0] * count))
            assert dropped[0] == (count + 1 > CAPACITY - len(model))
            if not dropped[0]:
                model += [*values, -number - 1]
        else:
            for _ in range(min(count, len(model))):
                raw = writer.peek()
                assert raw is not None
                assert np.frombuffer(raw, ENTRY_DTYPE)["value"][0] == model.pop(0)
                writer.take()
    assert taken(writer) == model
