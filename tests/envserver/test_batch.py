"""Batches: views that know how long they live."""

from collections.abc import Iterator

import numpy as np
import pytest
from fakes.scripted_env import Make, scripted_envs

from envserver.batch import Batch
from envserver.vector_env import VectorEnv
from shm.errors import RingClosed, SlotOverwritten


@pytest.fixture
def make() -> Iterator[Make]:
    with scripted_envs() as build:
        yield build


def stepped(envs: VectorEnv) -> Batch:
    envs.send([1, 1])
    return envs.recv()


def test_a_copy_has_memory_of_its_own_and_stays_valid(make: Make) -> None:
    envs = make(2, slots=2)
    batch = stepped(envs)
    twin = batch.copy()
    assert not np.shares_memory(twin.observations, batch.observations)
    assert not np.shares_memory(twin.records, batch.records)
    for _ in range(3):
        stepped(envs)
    envs.close()
    assert twin.is_valid()
    twin.check()


def test_one_that_was_overwritten_says_so(make: Make) -> None:
    envs = make(2, slots=2)
    batch = stepped(envs)
    stepped(envs)
    assert batch.is_valid()
    stepped(envs)
    assert not batch.is_valid()
    for call in (batch.check, batch.copy):
        with pytest.raises(SlotOverwritten, match=r"step 2 were overwritten.*more slots"):
            call()


def test_one_of_a_closed_environment_says_so(make: Make) -> None:
    envs = make(2, slots=4)
    batch, rollout = stepped(envs), envs.rollout(1)
    envs.close()
    for kept in (batch, rollout):
        assert not kept.is_valid()
        with pytest.raises(RingClosed, match=r"the environment is closed: copy a \w+"):
            kept.check()
