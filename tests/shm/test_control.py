"""The broker's announcements, and what they do to the queue."""

from typing import Any

import numpy as np
import pytest

from shm.control import ControlPlane
from shm.errors import RingClosed
from shm.layout import CONTROL_DTYPE, ENTRY_DTYPE


def test_generations_count_the_workers(rig: Any) -> None:
    assert rig.control.begin(1) == 1
    rig.control.set_pid(1, 4711)
    state = rig.control.state(1)
    assert (state.generation, state.pid, state.broker_alive) == (1, 4711, True)
    assert state.heartbeat_ns > 0
    rig.control.ended(1, 2)
    state = rig.control.state(1)
    assert (state.broker_alive, state.broker_fault) == (False, 2)
    assert rig.control.begin(1) == 2
    assert rig.control.state(1).broker_fault == 0
    assert rig.control.state(0).generation == 0


def test_two_workers_at_once_are_our_bug(rig: Any) -> None:
    rig.control.begin(0)
    with pytest.raises(AssertionError, match="has not ended"):
        rig.control.begin(0)


def test_a_new_worker_begins_with_an_empty_queue_and_clear_numbers(rig: Any) -> None:
    block = np.frombuffer(rig.writers[0].control(), CONTROL_DTYPE)
    block["phase"] = 3
    block["updates"] = 9
    assert rig.ring.put(0, np.zeros(3, ENTRY_DTYPE)) == 3
    rig.writers[0].take()
    assert rig.control.state(0).queued == 2
    rig.control.begin(0)
    state = rig.control.state(0)
    assert (state.queued, state.phase, state.updates) == (0, 0, 0)
    assert rig.writers[0].peek() is None


def test_wrong_environments_and_a_closed_plane_are_refused(rig: Any) -> None:
    with pytest.raises(ValueError, match="environment 2, expected 0 to 1"):
        rig.control.begin(2)
    plane = ControlPlane(rig.segment.fd)
    plane.close()
    with pytest.raises(RingClosed):
        plane.wake()
