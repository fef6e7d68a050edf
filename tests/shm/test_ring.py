"""The trainer's ring: views without copies, rows given up, what a closed or forked ring says."""

import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from shm.errors import RingClosed, RowHeld, SlotOverwritten
from shm.layout import ENTRY_DTYPE, RowState
from shm.ring import Ring

NOTHING = np.zeros(0, ENTRY_DTYPE)


def step(rig: Any, number: int) -> None:
    rig.send(number)
    for env in range(rig.ring.num_envs):
        assert rig.answer(number, env)
    assert rig.wait(number, rig.ring.num_envs, 0) == rig.ring.num_envs


def test_a_step_is_seen_without_a_copy(rig: Any) -> None:
    step(rig, 1)
    pixels = rig.ring.pixels(1)
    assert pixels.shape == (2, 4, 8, 3)
    assert (pixels == 1).all()
    assert not pixels.flags.writeable
    with pytest.raises(ValueError, match="WRITEABLE"):
        pixels.flags.writeable = True
    assert np.shares_memory(pixels, rig.ring.pixels(1))
    assert np.shares_memory(pixels[1], rig.ring.window(1, 2)[1, 1])
    # The same memory, seen through another mapping.
    rig.writers[1].pixels(1)[:1] = b"\xaa"
    assert pixels[1, 0, 0, 0] == 0xAA


def test_records_are_columns(rig: Any) -> None:
    step(rig, 1)
    records = rig.ring.records(1)
    assert records["frame"].tolist() == [2, 2]
    assert (records["state"] == 1 << 2 | RowState.DONE).all()
    assert not records.flags.writeable
    assert rig.ring.record_window(1, 2)["frame"].tolist() == [[0, 0], [2, 2]]


@pytest.mark.parametrize("slots", [2, 3, 5])
def test_windows_equal_the_single_slots_wherever_they_wrap(make_rig: Any, slots: int) -> None:
    rig = make_rig(slots=slots)
    for number in range(1, 3 * slots):
        step(rig, number)
        for k in range(1, min(slots, number) + 1):
            window = rig.ring.window(number, k)
            single = [rig.ring.pixels(each) for each in range(number - k + 1, number + 1)]
            assert (window == np.stack(single)).all()
            assert window[:, 0, 0, 0, 0].tolist() == list(range(number - k + 1, number + 1))
            frames = rig.ring.record_window(number, k)["frame"]
            assert frames[:, 0].tolist() == list(range(number - k + 2, number + 2))


def test_a_slot_of_whole_pages_makes_contiguous_windows(make_rig: Any) -> None:
    rig = make_rig(num_envs=2, height=32, width=64)
    assert rig.ring.window(5, 4).flags.c_contiguous
    assert not make_rig().ring.window(5, 4).flags.c_contiguous


@pytest.mark.parametrize(("last", "k"), [(5, 0), (5, 5), (1, 3)])
def test_windows_that_cannot_be_are_refused(rig: Any, last: int, k: int) -> None:
    with pytest.raises(ValueError, match="steps"):
        rig.ring.window(last, k)


def test_views_say_when_they_were_overwritten(rig: Any) -> None:
    step(rig, 1)
    rig.ring.open_step(2, np.array([0], np.int32))
    for number in (3, 4):
        rig.ring.open_step(number)
    rig.ring.check(1)
    rig.ring.open_step(5, np.array([0], np.int32))
    rig.ring.check(1, env=1)
    for env in (None, 0):
        with pytest.raises(SlotOverwritten, match="step 1 was overwritten: step 5"):
            rig.ring.check(1, env)


def test_row_states_are_of_exactly_this_step(rig: Any) -> None:
    rig.ring.open_step(1)
    assert rig.writers[0].claim(1)
    assert rig.ring.abandon(1, 1)
    assert rig.ring.row_states(1).tolist() == [RowState.CLAIMED, RowState.ABANDONED]
    assert rig.ring.row_states(5).tolist() == [255, 255]
    rig.writers[0].finish(1)
    rig.ring.open_step(5)
    assert rig.ring.row_states(5).tolist() == [RowState.EMPTY, RowState.EMPTY]
    assert rig.ring.row_states(1).tolist() == [255, 255]


def test_an_abandoned_row_cannot_be_claimed(rig: Any) -> None:
    rig.ring.open_step(1)
    assert rig.ring.abandon(1, 0)
    assert not rig.ring.abandon(1, 0)
    assert not rig.writers[0].claim(1)
    assert rig.writers[1].claim(1)
    assert not rig.ring.abandon(1, 1)


def test_a_filled_row_shows_the_newest_and_says_late(rig: Any) -> None:
    step(rig, 1)
    step(rig, 2)
    rig.ring.open_step(3)
    assert rig.ring.abandon(3, 0)
    rig.ring.fill_abandoned(3, 0, due_ns=7, action=4, fault=2, truncated=True, resetting=True)
    record = rig.ring.records(3)[0]
    assert (rig.ring.pixels(3)[0] == 2).all()
    # The copy shows frame 3 of generation 1, so the worker need not convert all of it again.
    names = ("late", "frame", "generation", "due_ns", "action", "fault", "truncated", "resetting")
    assert [int(record[name]) for name in names] == [1, 3, 1, 7, 4, 2, 1, 1]
    assert rig.ring.row_states(3)[0] == RowState.DONE


def test_a_dead_environment_keeps_its_picture_for_many_laps(rig: Any) -> None:
    step(rig, 1)
    for number in range(2, 12):
        rig.ring.open_step(number)
        assert rig.ring.abandon(number, 1)
        rig.ring.fill_abandoned(number, 1)
        assert (rig.ring.pixels(number)[1] == 1).all()
        assert rig.answer(number, 0)


def test_the_first_row_is_black_and_an_explicit_source_is_copied(rig: Any) -> None:
    rig.ring.open_step(1)
    for env in range(2):
        rig.ring.abandon(1, env)
        rig.ring.fill_abandoned(1, env)
    assert not rig.ring.pixels(1).any()
    assert rig.ring.records(1)["frame"].tolist() == [0, 0]
    step(rig, 2)
    rig.ring.open_step(3)
    rig.ring.abandon(3, 0)
    with pytest.raises(ValueError, match="no complete row of step 0"):
        rig.ring.fill_abandoned(3, 0, 0)
    rig.ring.fill_abandoned(3, 0, 1)
    assert not rig.ring.pixels(3)[0].any()
    with pytest.raises(ValueError, match="did not have its row of step 3 abandoned"):
        rig.ring.fill_abandoned(3, 0)


def test_flags_of_the_picture_can_be_kept(rig: Any) -> None:
    step(rig, 1)
    np.frombuffer(rig.writers[0].record(1), rig.ring.records(1).dtype)["flags"] = 0b101
    rig.ring.open_step(2)
    rig.ring.abandon(2, 0)
    rig.ring.fill_abandoned(2, 0, keep_flags=0b001)
    assert rig.ring.records(2)["flags"][0] == 0b001


def test_a_row_that_is_being_written_is_never_reopened(rig: Any) -> None:
    rig.ring.open_step(1)
    assert rig.writers[0].claim(1)
    with pytest.raises(RowHeld, match="environment 0 still writes its row of step 1"):
        rig.ring.open_step(5)
    rig.writers[0].finish(1)
    rig.ring.open_step(5)
    assert rig.ring.row_states(5).tolist() == [RowState.EMPTY] * 2


def test_a_living_writer_is_not_robbed(rig: Any) -> None:
    rig.control.begin(0)
    rig.send(1)
    assert rig.writers[0].claim(1)
    assert not rig.ring.seize(1, 0)
    rig.control.ended(0, 2)
    assert rig.ring.seize(1, 0)
    assert not rig.ring.seize(1, 0)
    rig.ring.fill_abandoned(1, 0)
    assert rig.ring.row_states(1)[0] == RowState.DONE


def test_a_replaced_writer_is_known_to_be_dead(rig: Any) -> None:
    rig.control.begin(0)
    rig.send(1)
    assert rig.writers[0].claim(1)
    rig.control.ended(0, 1)
    rig.control.begin(0)
    assert rig.ring.seize(1, 0)
    # What the new one claims was sent to it: that is not seized.
    rig.send(2)
    assert rig.writers[0].claim(2)
    assert not rig.ring.seize(2, 0)


def test_controls_and_spare_are_live_views(rig: Any) -> None:
    controls = rig.ring.controls()
    rig.control.begin(1)
    rig.control.set_pid(1, 99)
    assert controls["generation"].tolist() == [0, 1]
    assert rig.ring.control(1)["pid"] == 99
    rig.writers[1].spare()[:] = b"\x05" * 96
    assert (rig.ring.spare(1) == 5).all()
    assert not rig.ring.spare(0).any()
    assert not controls.flags.writeable
    assert not rig.ring.spare(0).flags.writeable


def test_arrays_outlive_the_ring(rig: Any) -> None:
    step(rig, 1)
    pixels, records = rig.ring.pixels(1), rig.ring.records(1)
    rig.ring.close()
    rig.ring.close()
    assert (pixels == 1).all()
    assert records["frame"].tolist() == [2, 2]
    calls: list[Callable[[], object]] = [
        lambda: rig.ring.pixels(1),
        lambda: rig.ring.window(1, 1),
        lambda: rig.ring.open_step(2),
        lambda: rig.ring.put(0, NOTHING),
        lambda: rig.send(2),
        lambda: rig.ring.wait(1, 1, 0),
        lambda: rig.ring.controls(),
        lambda: rig.ring.check(1),
        lambda: rig.ring.seize(1, 0),
    ]
    for call in calls:
        with pytest.raises(RingClosed):
            call()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_fork_cannot_step(rig: Any) -> None:
    child = os.fork()
    if child == 0:
        try:
            rig.ring.open_step(1)
        except RingClosed as error:
            os._exit(0 if f"process {os.getppid()}" in str(error) else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    step(rig, 1)


@pytest.mark.parametrize(("number", "env"), [(1, 2), (1, -1), (-1, 0)])
def test_rows_that_cannot_be_are_refused(rig: Any, number: int, env: int) -> None:
    for call in (rig.ring.abandon, rig.ring.seize, rig.ring.fill_abandoned):
        with pytest.raises(ValueError, match="expected 0"):
            call(number, env)
    with pytest.raises(ValueError, match="expected 0"):
        rig.ring.open_step(number, np.array([env], np.int32))


def test_doorbells_must_be_one_an_environment(rig: Any) -> None:
    with pytest.raises(ValueError, match="1 doorbells, the segment has 2"):
        Ring(rig.segment.fd, rig.bells[:1])
    with pytest.raises(OSError, match="Bad file descriptor"):
        Ring(rig.segment.fd, [rig.bells[0], 10_000_000])


def test_opening_clears_what_arrived(rig: Any) -> None:
    step(rig, 1)
    rig.send(2)
    assert rig.wait(2, 1, 0) == 0
    assert rig.answer(2, 1)
    began = time.monotonic()
    assert rig.wait(2, 1) == 1
    assert time.monotonic() - began < 5
