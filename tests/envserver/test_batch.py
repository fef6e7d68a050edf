"""Batches: views that know how long they live."""

import numpy as np
import pytest

from envserver.batch import Batch
from shm.errors import SlotOverwritten
from shm.layout import RECORD_DTYPE


def make(alive: bool = True) -> Batch:
    return Batch(
        observations=np.zeros((2, 1, 1, 3), np.uint8),
        rewards=np.zeros(2),
        terminated=np.zeros(2, np.bool_),
        truncated=np.zeros(2, np.bool_),
        infos={},
        step=3,
        records=np.zeros(2, RECORD_DTYPE),
        envs=np.arange(2),
        _alive=lambda step: alive and step == 3,
    )


def test_a_copy_has_memory_of_its_own_and_stays_valid() -> None:
    batch = make()
    twin = batch.copy()
    assert not np.shares_memory(twin.observations, batch.observations)
    assert not np.shares_memory(twin.records, batch.records)
    assert twin.is_valid()
    twin.check()


def test_one_that_was_overwritten_says_so() -> None:
    batch = make(alive=False)
    assert not batch.is_valid()
    for call in (batch.check, batch.copy):
        with pytest.raises(SlotOverwritten, match=r"step 3 were overwritten.*more slots"):
            call()
