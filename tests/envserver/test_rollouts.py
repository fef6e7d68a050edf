"""Rollouts and stacks: what the ring shows equals what the steps returned, without a copy."""

import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from fakes.scripted_env import Make, scripted_envs, workers
from fakes.scripted_worker import picture
from gymnasium.error import ClosedEnvironmentError, ResetNeeded
from hypothesis import given, settings
from hypothesis import strategies as st

import envserver
from envserver.rollouts import Rollout
from envserver.vector_env import VectorEnv
from shm.errors import SlotOverwritten

MODES = ("next_step", "same_step", "disabled")


@pytest.fixture
def make() -> Iterator[Make]:
    with scripted_envs() as build:
        yield build


def shown(observations: Any) -> Any:
    """The one byte that every pixel of a picture has."""
    assert (observations == observations[..., :1, :1, :1]).all()
    return observations[..., 0, 0, 0]


class Recorder:
    """Steps an environment and keeps copies of all that it returned."""

    def __init__(self, envs: VectorEnv) -> None:
        self.envs = envs
        self.observations = [envs.reset(seed=1)[0].copy()]
        self.actions: list[Any] = []
        self.returned: list[Any] = []

    def step(self, actions: Any = None) -> None:
        envs = self.envs
        chosen = np.ones(envs.num_envs, np.int64) if actions is None else actions
        observations, rewards, terminated, truncated, _ = envs.step(chosen)
        self._keep(chosen, observations, rewards, terminated, truncated)
        ended = terminated | truncated
        if envs.metadata["autoreset_mode"].name == "DISABLED" and ended.any():
            observations, _ = envs.reset(options={"reset_mask": ended})
            nothing = np.zeros(envs.num_envs)
            self._keep(nothing, observations, nothing, nothing, nothing)

    def _keep(self, actions: Any, observations: Any, *numbers: Any) -> None:
        self.observations.append(observations.copy())
        self.actions.append(np.array(actions))
        self.returned.append([np.array(column) for column in numbers])

    def equals(self, rollout: Rollout) -> None:
        steps = len(rollout.rewards)
        assert np.array_equal(rollout.observations, self.observations[-steps - 1 : -1])
        assert np.array_equal(rollout.next_observations, self.observations[-steps:])
        for name, column in zip(
            ("rewards", "terminated", "truncated"),
            zip(*self.returned[-steps:], strict=True),
            strict=True,
        ):
            assert np.array_equal(getattr(rollout, name), column), name
        told = np.array(self.actions[-steps:])
        assert np.array_equal(rollout.actions[rollout.valid], told[rollout.valid])


def test_a_rollout_is_what_the_steps_returned(make: Make) -> None:
    envs = make(3, reset=False, slots=6)
    record = Recorder(envs)
    random = np.random.default_rng(0)
    for _ in range(11):  # the window goes round the ring's end at every place
        record.step(random.integers(0, 3, 3))
        if len(record.returned) >= 5:
            rollout = envs.rollout(5)
            record.equals(rollout)
            assert rollout.valid.all()
            assert rollout.observations.shape == (5, 3, 4, 8, 3)
            assert rollout.observations.dtype == np.uint8
            assert rollout.rewards.dtype == np.float64
            assert rollout.truncated.dtype == rollout.terminated.dtype == np.bool_
            assert rollout.actions.dtype == np.int64


def mapping(array: Any) -> tuple[int, int]:
    """Where the outermost memory that an array shows begins, and how long it is."""
    while isinstance(array, np.ndarray) and array.base is not None:
        array = array.base
    memory = np.frombuffer(array, np.uint8)
    return memory.ctypes.data, memory.nbytes


def test_nothing_is_copied_and_nothing_can_be_written(make: Make) -> None:
    envs = make(2, slots=4)
    for _ in range(5):
        newest = envs.step([1, 1])[0]
    rollout = envs.rollout(3)
    start, nbytes = mapping(newest)
    for array in (rollout.observations, rollout.next_observations, envs.stack(4)):
        assert mapping(array) == (start, nbytes)
        assert start <= array.ctypes.data < start + nbytes
    shift = rollout.next_observations[-1].ctypes.data - newest.ctypes.data
    assert shift in (0, nbytes // 2)  # the same memory, in the first mapping or in the second
    assert np.shares_memory(rollout.observations[1:], rollout.next_observations[:-1])
    assert mapping(rollout.rewards) == mapping(rollout.actions) == mapping(rollout.truncated)
    for name in ("observations", "rewards", "actions", "terminated", "valid", "episode_id"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(rollout, name)[0] = 0


@pytest.mark.parametrize("mode", MODES)
def test_ends_and_resets(make: Make, mode: str) -> None:
    envs = make(2, reset=False, slots=12, autoreset=mode)
    record = Recorder(envs)
    workers(envs)[0].plan("step", "done", "step", "truncate")
    workers(envs)[1].plan("step", "step", "step", "done")
    for _ in range(6):
        record.step()
    rollout = envs.rollout(len(record.returned))
    record.equals(rollout)
    assert rollout.terminated.sum(axis=0).tolist() == [1, 1]
    assert rollout.truncated.sum(axis=0).tolist() == [1, 0]
    ended = rollout.terminated | rollout.truncated
    same = rollout.episode_id[1:] == rollout.episode_id[:-1]
    if mode == "same_step":
        assert rollout.valid.all()
        assert (same == ~ended[:-1]).all()
    elif mode == "next_step":  # the step after an end is not the agent's
        assert (rollout.valid[1:] == ~ended[:-1]).all()
    else:  # nor are resets, of whomever
        assert (rollout.valid[1:] == ~ended[:-1].any(axis=1, keepdims=True)).all()


def test_a_lost_worker_is_the_truncation_that_the_step_said(make: Make) -> None:
    envs = make(2, reset=False, slots=8)
    record = Recorder(envs)
    record.step()
    workers(envs)[1].plan("die")
    for _ in range(4):
        record.step()
    rollout = envs.rollout(5)
    record.equals(rollout)
    assert rollout.truncated.sum(axis=0).tolist() == [0, 1]
    assert rollout.valid[:, 0].all()
    assert rollout.valid[rollout.truncated].all()
    assert not rollout.valid[:, 1].all()


@pytest.mark.parametrize("mode", ["next_step", "same_step"])
def test_steps_between_episodes_are_not_valid(make: Make, mode: str) -> None:
    envs = make(2, slots=16, autoreset=mode, while_resetting="mask")
    workers(envs)[0].slow_resets = True
    workers(envs)[0].plan("step", "done")
    rewards = [envs.step([1, 1])[1] for _ in range(4)]
    workers(envs)[0].finish_reset()
    rewards += [envs.step([1, 1])[1] for _ in range(2)]
    rollout = envs.rollout(6)
    assert np.array_equal(rollout.rewards, rewards)
    assert rollout.valid[:, 0].tolist() == [True, True, False, False, False, True]
    assert rollout.valid[:, 1].all()


def test_life_and_copies(make: Make) -> None:
    envs = make(2, slots=4)
    for _ in range(3):
        envs.step([1, 1])
    rollout = envs.rollout(2)
    kept = rollout.copy()
    envs.step([1, 1])
    assert rollout.is_valid()
    assert np.array_equal(rollout.observations, kept.observations)
    envs.step([1, 1])
    assert not rollout.is_valid()
    for use in (rollout.check, rollout.copy, lambda: rollout.stacks([0])):
        with pytest.raises(SlotOverwritten, match="more slots"):
            use()
    assert kept.is_valid()
    assert not np.array_equal(rollout.observations, kept.observations)
    assert np.array_equal(kept.observations[1:], kept.next_observations[:-1])
    for name in ("observations", "actions", "rewards", "terminated", "valid", "episode_id"):
        getattr(kept, name)[0] = 1


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda envs: envs.rollout(4), r"rollout\(4\) needs 5 slots, .* has 4: .* slots=5"),
        (lambda envs: envs.rollout(3, stack=2), r"rollout\(3, stack=2\) needs 5 slots, .* has 4"),
        (lambda envs: envs.stack(5), r"stack\(5\) needs 5 slots, .* has 4: .* slots=5"),
        (lambda envs: envs.rollout(0), "steps is 0"),
        (lambda envs: envs.rollout(2.5), "steps is 2.5"),
        (lambda envs: envs.rollout(2, stack=True), "stack is True"),
        (lambda envs: envs.stack("2"), "depth is '2'"),
        (lambda envs: envs.rollout(3), "3 steps, but 2 were made"),
    ],
)
def test_one_clear_error(make: Make, call: Callable[[VectorEnv], Any], complaint: str) -> None:
    envs = make(2, slots=4)
    for _ in range(2):
        envs.step([1, 1])
    with pytest.raises(ValueError, match=complaint):
        call(envs)


def test_while_a_step_is_under_way_one_slot_more_is_needed(make: Make) -> None:
    envs = make(2, slots=4)
    for _ in range(4):
        envs.step([1, 1])
    workers(envs)[0].plan("skip")
    envs.send([1, 1])
    with pytest.raises(ValueError, match="needs 5 slots, with a step under way"):
        envs.rollout(3)
    before = envs.rollout(2).copy()
    workers(envs)[0].release()
    envs.recv()
    assert np.array_equal(envs.rollout(3).observations[:2], before.observations)


@pytest.mark.parametrize("answered", [True, False])
def test_a_step_that_a_reset_dropped_is_not_valid(make: Make, answered: bool) -> None:
    envs = make(2, slots=8)
    envs.step([1, 1])
    workers(envs)[0].plan("skip")
    timer = threading.Timer(0.05, signal.raise_signal, [signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        envs.step([1, 1])  # environment 1 answers
    timer.join()
    if answered:
        workers(envs)[0].release()
    else:
        timer = threading.Timer(0.05, workers(envs)[0].release)
        timer.start()
    envs.reset()
    timer.join()
    envs.step([1, 1])
    rollout = envs.rollout(4)
    assert rollout.valid.tolist() == [[True, True], [False, False], [False, False], [True, True]]
    assert rollout.rewards.tolist() == [[1, 1], [0, 0], [0, 0], [1, 1]]


def test_environments_that_step_alone_have_no_rollout(make: Make) -> None:
    envs = make(2, slots=8)
    envs.step([1, 1])
    for env in (0, 1):
        envs.send([1], envs=[env])
        envs.recv()
        with pytest.raises(ValueError, match="together"):
            envs.rollout(1)
        with pytest.raises(ValueError, match="together"):
            envs.stack(2)
    for _ in range(2):
        envs.step([1, 1])
    assert envs.rollout(1).valid.all()


def test_a_step_received_in_parts_is_as_it_was_returned(make: Make) -> None:
    envs = make(2, slots=8)
    workers(envs)[0].plan("done")
    workers(envs)[1].plan("skip")
    envs.send([1, 1])
    first = envs.recv(min_envs=1)
    workers(envs)[1].release()
    envs.recv()
    rollout = envs.rollout(1)
    assert first.envs.tolist() == [0]
    assert rollout.rewards[0].tolist() == [10, 1]
    assert rollout.terminated[0].tolist() == [True, False]


def test_order(make: Make) -> None:
    envs = make(1, reset=False)
    with pytest.raises(ResetNeeded):
        envs.rollout(1)
    with pytest.raises(ResetNeeded):
        envs.stack(1)
    envs.reset()
    envs.close()
    with pytest.raises(ClosedEnvironmentError):
        envs.rollout(1)


def test_a_stack_begins_with_its_episode(make: Make) -> None:
    envs = make(2, slots=4)
    workers(envs)[0].plan("step", "done")
    one, two = picture(1, 0), picture(2, 0)
    assert shown(envs.stack(3)).tolist() == [[one, one, one]] * 2
    envs.step([1, 1])
    assert shown(envs.stack(3)).tolist() == [[one, one, one + 1]] * 2
    envs.step([1, 1])
    assert shown(envs.stack(3)).tolist() == [[one, one + 1, one + 2]] * 2
    envs.step([1, 1])
    stacked = envs.stack(3)
    assert shown(stacked).tolist() == [[two, two, two], [one + 1, one + 2, one + 3]]
    with pytest.raises(ValueError, match="read-only"):
        stacked[0] = 0
    envs.step([1, 1])
    envs.step([1, 1])
    assert shown(envs.stack(3))[0].tolist() == [two, two + 1, two + 2]
    assert mapping(envs.stack(3)) == mapping(envs.rollout(1).observations)


@settings(max_examples=25, deadline=None)
@given(
    mode=st.sampled_from(MODES),
    depth=st.integers(1, 4),
    plans=st.lists(
        st.lists(st.sampled_from(["step", "step", "done"]), max_size=8), min_size=2, max_size=2
    ),
)
def test_stacks_never_show_another_episode(mode: str, depth: int, plans: list[list[str]]) -> None:
    """Stacks are what a frame stack that begins anew with each episode would have kept."""
    with scripted_envs() as make:
        envs = make(2, reset=False, slots=24, autoreset=mode)
        record = Recorder(envs)
        for worker, plan in zip(workers(envs), plans, strict=True):
            worker.plan(*plan)
        for _ in range(8):
            record.step()
        rollout = envs.rollout(len(record.returned), stack=depth)
        record.equals(rollout)
        steps = len(rollout.rewards)
        stacks = shown(rollout.stacks(np.arange(steps * 2)))
        pictures = shown(rollout.observations)
        for place in range(steps * 2):
            time, env = divmod(place, 2)
            expected: list[int] = []
            for back in range(time, -1, -1):
                if rollout.episode_id[back, env] != rollout.episode_id[time, env]:
                    break
                expected.insert(0, int(pictures[back, env]))
            expected = ([expected[0]] * depth + expected)[-depth:]
            assert stacks[place].tolist() == expected


def test_places_are_checked(make: Make) -> None:
    envs = make(2, slots=4)
    envs.step([1, 1])
    rollout = envs.rollout(1, stack=2)
    assert shown(rollout.stacks([1, 0])).shape == (2, 2)
    assert rollout.stacks([]).shape == (0, 2, 4, 8, 3)
    for wrong in ([2], [-1], 0, [[0]]):
        with pytest.raises(IndexError, match="numbers from 0 to 1"):
            rollout.stacks(wrong)


@pytest.mark.integration
@pytest.mark.usefixtures("home")
def test_real_workers_in_grey() -> None:
    with envserver.make_vec(
        "gym-core.CartPole-v1",
        2,
        clock="step",
        screen="native",
        size=(64, 64),
        color="gray",
        max_episode_steps=5,
        slots=14,
    ) as envs:
        record = Recorder(envs)
        for _ in range(13):
            record.step()
        rollout = envs.rollout(13)
        record.equals(rollout)
        assert rollout.observations.shape == (13, 2, 64, 64)
        assert rollout.observations.flags.c_contiguous  # a slot is two pages
        assert (~rollout.valid).sum() == 4  # two ends each, and the step after
        assert envs.stack(2).shape == (2, 2, 64, 64)
