"""Steps in which nothing happened but a reward, and everything that can."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from shm.control import ControlPlane
from shm.errors import RingClosed
from shm.layout import RECORD_DTYPE
from shm.plain import PlainSteps
from shm.ring import Ring
from shm.segment import Segment
from shm.writer import Writer

ENVS, UNUSUAL = 3, 4


class Rig:
    """Three environments that answered step 1, of generation 5 and episodes 7, 8 and 9."""

    def __init__(self, segment: Segment, ring: Ring) -> None:
        self.ring = ring
        self.control = ControlPlane(segment.fd)
        self.generations = np.full(ENVS, 5, np.uint32)
        self.reported = np.full(ENVS, -1, np.int64)
        self.rewards, self.episodes = np.zeros(ENVS), np.zeros(ENVS, np.int64)
        self.plain = PlainSteps(
            ring, self.generations, self.reported, self.rewards, self.episodes, UNUSUAL
        )
        self.writers = [Writer(segment.fd, env) for env in range(ENVS)]
        ring.open_step(1)
        for env in range(ENVS):
            self.answer(env)

    def answer(self, env: int, **fields: Any) -> None:
        writer = self.writers[env]
        if writer.claim(1):
            record = np.frombuffer(writer.record(1), RECORD_DTYPE)[0]
            record["generation"], record["episode"], record["reward"] = 5, 7 + env, env / 2
            writer.finish(1)
        record = np.frombuffer(writer.record(1), RECORD_DTYPE)[0]
        for name, value in fields.items():
            record[name] = value


@pytest.fixture
def rig() -> Iterator[Rig]:
    with Segment.create(ENVS, 4, 4, 3, 2) as segment, Ring(segment.fd, [segment.fd] * ENVS) as ring:
        yield Rig(segment, ring)


def test_a_plain_step_is_taken(rig: Rig) -> None:
    assert rig.plain.read(1)
    assert rig.rewards.tolist() == [0, 0.5, 1]
    assert rig.episodes.tolist() == [7, 8, 9]
    rig.answer(2, flags=3, final_info_bytes=9, action=8)
    assert rig.plain.read(1)


@pytest.mark.parametrize(
    "unusual",
    [
        {"terminated": 1}, {"truncated": 1}, {"late": 1}, {"resetting": 1}, {"fault": 1},
        {"flags": 4}, {"flags": 7}, {"info_bytes": 1}, {"generation": 6}, {"episode": -1},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_unusual_is_not_taken(rig: Rig, unusual: dict[str, int]) -> None:
    rig.answer(2, **unusual)
    assert not rig.plain.read(1)
    assert not rig.rewards.any()
    assert not rig.episodes.any()


def test_a_row_that_is_not_there_is_not_plain(rig: Rig) -> None:
    rig.ring.open_step(2)
    assert not rig.plain.read(2)
    assert not rig.plain.read(3)
    rig.ring.open_step(3)  # in the slot of step 1
    assert not rig.plain.read(1)


def test_workers_stay_until_one_is_replaced_or_gone(rig: Rig) -> None:
    assert not rig.plain.workers_stayed()
    for env in range(ENVS):
        for generation in range(5):
            if generation:
                rig.control.ended(env, 1)
            rig.control.begin(env)
    assert rig.plain.workers_stayed()
    rig.generations[1] = 4
    assert not rig.plain.workers_stayed()
    rig.generations[1] = 5
    rig.control.ended(2, 1)
    assert not rig.plain.workers_stayed()


def test_arrays_are_of_all_environments(rig: Rig) -> None:
    right = [rig.generations, rig.reported, rig.rewards, rig.episodes]
    for place in range(4):
        arrays: list[Any] = right.copy()
        arrays[place] = arrays[place][:2]
        with pytest.raises(ValueError, match="array of 2, expected one of 3"):
            PlainSteps(rig.ring, arrays[0], arrays[1], arrays[2], arrays[3], UNUSUAL)


def test_a_closed_ring_is_not_read(rig: Rig) -> None:
    rig.ring.close()
    with pytest.raises(RingClosed):
        rig.plain.read(1)
    with pytest.raises(RingClosed):
        rig.plain.workers_stayed()
