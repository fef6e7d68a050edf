"""Writers in processes of their own: killed, stopped, and under load."""

import time
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from shm.layout import RowState

pytestmark = pytest.mark.integration
DIED = 1

# What a worker had done of its row when it was killed, and whether the row was complete.
POINTS = {
    "before the claim": ((), False),
    "after the claim": (("claim 5",), False),
    "in the copy": (("claim 5", "paint 5 99 0.5"), False),
    "after the copy": (("claim 5", "paint 5 5"), False),
    "before arriving": (("claim 5", "paint 5 5", "finish 5"), True),
    "after arriving": (("claim 5", "paint 5 5", "finish 5", "arrive"), True),
}


def begin(rig: Any) -> Any:
    """Environment 1 gets a worker of its own process, which answers step 4."""
    rig.control.begin(1)
    puppet = rig.puppet(1)
    rig.send(4)
    assert puppet.do("ring", "claim 4", "paint 4 4", "finish 4", "arrive")[1] == "True"
    assert rig.answer(4, 0)
    assert rig.wait(4, 2) == 2
    return puppet


def give_up(rig: Any, step: int, env: int = 1) -> bool:
    """What a trainer does with a row at its deadline; False: it is being written."""
    if not rig.ring.abandon(step, env) and not rig.ring.seize(step, env):
        return False
    rig.ring.fill_abandoned(step, env)
    return True


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_writer_costs_one_step_at_most(rig: Any, point: str) -> None:
    orders, complete = POINTS[point]
    puppet = begin(rig)
    rig.send(5)
    puppet.do(*orders)
    puppet.kill()
    assert rig.answer(5, 0)
    until = time.monotonic_ns() + 50_000_000
    assert rig.ring.wait(5, 2, until) == (2 if complete else 1)
    assert complete or time.monotonic_ns() >= until
    if not complete:
        # Nothing is taken from a worker that may live, but for the broker's word.
        claimed = rig.ring.row_states(5)[1] == RowState.CLAIMED
        assert claimed == bool(orders)
        assert give_up(rig, 5) != claimed
        rig.control.ended(1, DIED)
        assert give_up(rig, 5) == claimed
        assert (rig.ring.pixels(5)[1] == 4).all()
        assert rig.ring.records(5)["late"].tolist() == [0, 1]
    else:
        rig.control.ended(1, DIED)
        assert (rig.ring.pixels(5)[1] == 5).all()
    assert rig.ring.row_states(5).tolist() == [RowState.DONE] * 2

    # The next worker finds a clean step.
    rig.control.begin(1)
    again = rig.puppet(1)
    rig.send(6)
    assert again.do("claim 5", "claim 6", "paint 6 6", "finish 6", "arrive")[:2] == [
        "False",
        "True",
    ]
    assert rig.answer(6, 0)
    assert rig.wait(6, 2) == 2
    assert (rig.ring.pixels(6) == 6).all()
    assert (rig.ring.pixels(5)[0] == 5).all()


class Returned:
    """Everything that `receive` handed out and that may still be looked at."""

    def __init__(self, rig: Any) -> None:
        self.rig = rig
        self.copies: dict[int, NDArray[np.uint8]] = {}

    def receive(self, step: int) -> None:
        assert (self.rig.ring.row_states(step) == RowState.DONE).all()
        self.copies[step] = self.rig.ring.pixels(step).copy()
        self.copies.pop(step - self.rig.ring.slots, None)

    def check(self) -> None:
        for step, copy in self.copies.items():
            assert (self.rig.ring.pixels(step) == copy).all(), f"step {step} changed"


def step_without_it(rig: Any, returned: Returned, step: int) -> None:
    rig.send(step)
    assert rig.answer(step, 0)
    assert give_up(rig, step)
    assert rig.wait(step, 2) == 2
    returned.receive(step)
    returned.check()


def test_a_writer_stopped_before_its_claim_writes_nothing_100_steps_later(rig: Any) -> None:
    puppet = begin(rig)
    returned = Returned(rig)
    returned.receive(4)
    puppet.stop()
    # It will come back to a row that was abandoned, reopened and abandoned again.
    late = [f"claim {step}" for step in (5, 6, 101, 103, 104)]
    for order in late:
        puppet.tell(order)
    for step in range(5, 105):
        step_without_it(rig, returned, step)
    assert (rig.ring.pixels(104)[1] == 4).all()
    puppet.resume()
    assert [puppet.hear().split()[1] for _ in late] == ["False"] * len(late)
    returned.check()

    rig.send(105)
    puppet.do("claim 105", "paint 105 105", "finish 105", "arrive")
    assert rig.answer(105, 0)
    assert rig.wait(105, 2) == 2
    assert (rig.ring.pixels(105) == 105).all()


def test_a_writer_stopped_in_its_copy_is_killed_and_100_steps_stay(rig: Any) -> None:
    puppet = begin(rig)
    returned = Returned(rig)
    returned.receive(4)
    rig.send(5)
    puppet.do("claim 5", "paint 5 99 0.5")
    puppet.stop()
    puppet.tell("paint 5 77")
    puppet.tell("finish 5")
    assert rig.answer(5, 0)
    assert rig.wait(5, 2, within_s=0.02) == 1
    assert not give_up(rig, 5)
    puppet.kill()
    rig.control.ended(1, DIED)
    # A signal to a process that was waited for finds nobody.
    puppet.resume()
    assert give_up(rig, 5)
    returned.receive(5)
    for step in range(6, 106):
        step_without_it(rig, returned, step)
    assert (rig.ring.pixels(105)[1] == 4).all()


def test_the_end_of_a_worker_wakes_a_waiting_trainer(rig: Any) -> None:
    puppet = begin(rig)
    rig.send(5)
    puppet.do("claim 5")
    puppet.kill()
    rig.control.ended(1, DIED)
    began = time.monotonic()
    rig.ring.wait(5, 2, time.monotonic_ns() + 20_000_000_000, on_wake=True)
    assert time.monotonic() - began < 10
    assert rig.ring.control(1)["broker_fault"] == DIED
    assert give_up(rig, 5)


def test_no_frame_is_torn_under_load(make_rig: Any) -> None:
    """Six processes paint whole rows; deadlines are so short that many rows are given up."""
    envs, steps, slots = 6, 600, 4
    rig = make_rig(num_envs=envs, height=192, width=256, slots=slots, queue_entries=1024)
    puppets = [rig.puppet(env) for env in range(envs)]
    for puppet in puppets:
        puppet.tell(f"serve 3 {steps} {1 << 30}")
    random = np.random.default_rng(1)
    shown: dict[int, NDArray[np.uint8]] = {}
    late = 0
    for step in range(1, steps + 1):
        rig.ring.open_step(step)
        lost = {int(random.integers(envs))} if step % 8 == 0 else set()
        for env in lost:
            assert rig.ring.abandon(step, env)
        rig.send(step, opened=True)
        done = rig.wait(step, envs, within_s=random.choice([0, 1e-5, 5e-5, 20 if not lost else 0]))
        lost |= {env for env in range(envs) if done < envs and rig.ring.abandon(step, env)}
        for env in lost:
            rig.ring.fill_abandoned(step, env)
        late += len(lost)
        # What was claimed will be done: these writers are alive.
        assert rig.wait(step, envs) == envs
        assert set(np.flatnonzero(rig.ring.records(step)["late"])) == lost
        shown[step] = rig.ring.pixels(step)[:, 0, 0, 0].copy()
        assert {env for env in range(envs) if shown[step][env] != step & 255} <= lost
        shown.pop(step - slots, None)
        for older, values in shown.items():
            rows = rig.ring.pixels(older).reshape(envs, -1)
            assert (rows == values[:, None]).all(), f"step {older} is torn"
    answered = [int(puppet.hear().split()[1]) for puppet in puppets]
    assert sum(answered) == envs * steps - late
    assert steps // 8 <= late < envs * steps
