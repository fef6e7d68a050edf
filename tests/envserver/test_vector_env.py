"""The vector environment over scripted workers: Gymnasium's contract, memory, order."""

import copy
import gc
import os
import pickle
import signal
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
from fakes.scripted_env import Make, scripted_envs, session_of, taken, workers
from fakes.scripted_worker import HEIGHT, WIDTH, ScriptedSession, picture
from gymnasium.error import (
    AlreadyPendingCallError,
    ClosedEnvironmentError,
    NoAsyncCallError,
    ResetNeeded,
)
from gymnasium.vector import AutoresetMode

from envserver.actions import KeyTableCodec
from envserver.errors import ForkedSession
from envserver.vector_env import VectorEnv
from shm.errors import SlotOverwritten
from workers.entries import EntryKind


@pytest.fixture
def make() -> Iterator[Make]:
    with scripted_envs() as make:
        yield make


class TestGymnasium:
    def test_attributes(self, make: Make) -> None:
        envs = make(3, render_mode="rgb_array", fps=30)
        assert envs.num_envs == 3
        assert envs.single_observation_space == gymnasium.spaces.Box(
            0, 255, (HEIGHT, WIDTH, 3), np.uint8
        )
        assert envs.observation_space.shape == (3, HEIGHT, WIDTH, 3)
        assert envs.single_action_space == gymnasium.spaces.Discrete(3)
        assert envs.action_space.shape == (3,)
        assert envs.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
        assert envs.autoreset_mode is AutoresetMode.NEXT_STEP
        assert envs.metadata is not gymnasium.vector.VectorEnv.metadata
        assert envs.metadata["render_modes"] == ["rgb_array"]
        assert envs.metadata["render_fps"] == 30
        assert not envs.closed
        assert envs.unwrapped is envs

    def test_reset_and_step(self, make: Make) -> None:
        envs = make(reset=False)
        observations, infos = envs.reset(seed=7)
        assert observations in envs.observation_space
        assert infos["valid"].all()
        assert infos["_valid"].all()
        observations, rewards, terminated, truncated, _ = envs.step([0, 1])
        assert observations in envs.observation_space
        assert (observations == picture(1, 1)).all()
        assert rewards.dtype == np.float64
        assert rewards.tolist() == [1, 1]
        assert terminated.dtype == truncated.dtype == np.bool_
        assert not (terminated | truncated).any()

    def test_seed_and_options_reach_each_environment(self, make: Make) -> None:
        envs = make(reset=False)
        envs.reset(seed=7, options={"level": 3, "per_env": [{"hard": True}, None]})
        envs.reset(seed=[None, 5])
        assert session_of(envs).sent_resets == [
            (
                1,
                {
                    0: {"seed": 7, "options": {"level": 3, "hard": True}},
                    1: {"seed": 8, "options": {"level": 3}},
                },
            ),
            (2, {0: {}, 1: {"seed": 5}}),
        ]
        assert workers(envs)[0].resets == [1, 2]
        assert envs.np_random_seed == 7

    def test_a_reset_mask_leaves_the_others_alone(self, make: Make) -> None:
        envs = make()
        envs.step([1, 1])
        options = {"reset_mask": np.array([False, True])}
        observations, infos = envs.reset(options=options)
        assert (observations[0] == picture(1, 1)).all()
        assert (observations[1] == picture(2, 0)).all()
        assert infos["episode_id"].tolist() == [1, 2]
        assert list(options) == ["reset_mask"]
        assert len(taken(envs, 0, EntryKind.RESET)) == 1
        assert len(taken(envs, 0, EntryKind.HOLD)) == 1
        observations, *_ = envs.step([1, 1])
        assert (observations[0] == picture(1, 2)).all()
        assert (observations[1] == picture(2, 1)).all()

    def test_info_of_the_remotes(self, make: Make) -> None:
        envs = make()
        session = session_of(envs)
        session.infos[1, 1, 1] = {"lives": 3, "name": "x"}
        *_, infos = envs.step([0, 0])
        assert infos["lives"].tolist() == [0, 3]
        assert infos["_lives"].tolist() == [False, True]
        assert infos["name"].tolist() == [None, "x"]
        *_, infos = envs.step([0, 0])
        assert "lives" not in infos

    def test_render(self, make: Make) -> None:
        envs = make(render_mode="rgb_array")
        observations, *_ = envs.step([0, 0])
        pictures = envs.render()
        assert pictures is not None
        assert len(pictures) == 2
        assert (pictures[1] == observations[1]).all()
        assert not np.shares_memory(pictures[1], observations)
        assert make().render() is None
        with pytest.raises(ResetNeeded, match="render before the first reset"):
            make(reset=False, render_mode="rgb_array").render()
        with pytest.raises(
            ValueError, match="render_mode is 'human', expected None or 'rgb_array'"
        ):
            make(render_mode="human")

    def test_wrappers_of_gymnasium_work(self, make: Make) -> None:
        inner = make()
        envs = gymnasium.wrappers.vector.RecordEpisodeStatistics(inner)
        envs.reset()
        workers(inner)[1].plan("step", "done")
        envs.step(np.array([0, 0]))
        *_, infos = envs.step(np.array([0, 0]))
        assert infos["_episode"].tolist() == [False, True]
        assert infos["episode"]["r"][1] == 11.0

    def test_call_and_attributes(self, make: Make) -> None:
        envs = make(render_mode="rgb_array")
        assert envs.get_attr("render_mode") == ("rgb_array", "rgb_array")
        assert envs.call("num_envs") == (2, 2)
        assert len(envs.call("render")) == 2
        with pytest.raises(AttributeError, match="cannot set 'fps'"):
            envs.set_attr("fps", 3)
        with pytest.raises(AttributeError, match="'step' is a method"):
            envs.get_attr("step")
        with pytest.raises(AttributeError, match="ale"):
            envs.get_attr("ale")


class TestMemory:
    def test_observations_are_the_segment(self, make: Make) -> None:
        """No byte is copied: each slot's address comes back every `slots` steps."""
        envs = make(slots=3)
        addresses = []
        for _ in range(6):
            observations, *_ = envs.step([0, 0])
            assert not observations.flags.owndata
            assert not observations.flags.writeable
            addresses.append(observations.__array_interface__["data"][0])
        assert addresses[:3] == addresses[3:]
        assert len(set(addresses)) == 3
        with open("/proc/self/maps") as maps:
            found = [line for line in maps if _holds(line, addresses[0])]
        assert len(found) == 1
        assert "/dev/shm" in found[0] or "memfd" in found[0]

    def test_a_batch_lives_slots_minus_one_further_steps(self, make: Make) -> None:
        envs = make(slots=3)
        envs.send([0, 0])
        batch = envs.recv()
        kept = batch.copy()
        for _ in range(2):
            assert batch.is_valid()
            envs.step([0, 0])
        assert batch.is_valid()
        assert (batch.observations == kept.observations).all()
        envs.step([0, 0])
        assert not batch.is_valid()
        with pytest.raises(SlotOverwritten, match="frames of step 2 were overwritten"):
            batch.check()
        with pytest.raises(SlotOverwritten):
            batch.copy()
        assert kept.is_valid()
        assert (kept.observations == picture(1, 1)).all()

    def test_rewards_and_flags_are_fresh(self, make: Make) -> None:
        envs = make()
        first = envs.step([0, 0])
        second = envs.step([0, 0])
        for one, other in zip(first[1:4], second[1:4], strict=True):
            assert not np.shares_memory(one, other)
            assert one.flags.writeable

    def test_records_are_views(self, make: Make) -> None:
        envs = make()
        envs.send([1, 2])
        batch = envs.recv()
        assert batch.records["episode"].tolist() == [1, 1]
        assert not batch.records.flags.owndata
        assert batch.envs.tolist() == [0, 1]


class TestOrder:
    def test_errors(self, make: Make) -> None:
        envs = make(reset=False)
        with pytest.raises(ResetNeeded, match="step before the first reset"):
            envs.step([0, 0])
        envs.reset()
        with pytest.raises(NoAsyncCallError, match="recv without a send"):
            envs.recv()
        envs.send([0, 0])
        with pytest.raises(AlreadyPendingCallError, match="environments 0, 1"):
            envs.send([0, 0])
        with pytest.raises(AlreadyPendingCallError, match="environment 1"):
            envs.send([0], envs=[1])
        with pytest.raises(AlreadyPendingCallError, match="reset while a step is under way"):
            envs.reset()
        envs.recv()
        envs.close()
        for call in (envs.reset, envs.recv, envs.render, lambda: envs.step([0, 0])):
            with pytest.raises(ClosedEnvironmentError, match="make another"):
                call()

    def test_what_it_says_of_itself(self, make: Make) -> None:
        envs = make(slots=3)
        assert envs.slots == 3
        assert envs.while_resetting == "wait"
        assert make(while_resetting="mask").while_resetting == "mask"
        assert envs.pending == 0
        envs.send([0], envs=[1])
        assert envs.pending == 1
        observations = envs.recv().observations
        assert envs.pending == 0
        assert not np.shares_memory(observations, envs.memory)  # of some: a copy
        for _ in range(4):
            observations, *_ = envs.step([0, 0])
            assert np.shares_memory(observations, envs.memory)
        with pytest.raises(ValueError, match="read-only"):
            envs.memory[0] = 1

    def test_close_twice(self, make: Make) -> None:
        envs = make()
        observations, *_ = envs.step([0, 0])
        envs.close()
        envs.close()
        assert envs.closed
        assert session_of(envs).closed == 1
        assert (observations == picture(1, 1)).all()

    def test_a_fork_is_refused_and_closes_nothing(self, make: Make) -> None:
        envs = make()
        with warnings.catch_warnings():
            # CPython 3.12 and later warn of forks where threads run: the fake's do.
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            status = 1
            try:
                with pytest.raises(ForkedSession, match="make one in this process"):
                    envs.step([0, 0])
                envs.close()
                status = 0
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0
        assert envs.step([0, 0])[1].tolist() == [1, 1]

    @pytest.mark.parametrize("duplicate", [pickle.dumps, copy.copy, copy.deepcopy])
    def test_there_is_one_of_it(self, make: Make, duplicate: Callable[[VectorEnv], Any]) -> None:
        with pytest.raises(TypeError, match="make another where it is wanted"):
            duplicate(make())

    def test_ctrl_c_leaves_the_step_pending(self, make: Make) -> None:
        envs = make()
        workers(envs)[0].plan("skip")
        envs.send([0, 0])
        timer = threading.Timer(0.05, signal.raise_signal, [signal.SIGINT])
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            envs.recv()
        timer.join()
        workers(envs)[0].release()
        assert envs.recv().rewards.tolist() == [1, 1]

    def test_a_reset_drops_an_interrupted_step(self, make: Make) -> None:
        envs = make()
        workers(envs)[0].plan("skip")
        timer = threading.Timer(0.05, signal.raise_signal, [signal.SIGINT])
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            envs.step([0, 0])
        timer.join()
        with pytest.raises(AlreadyPendingCallError, match=r"call recv\(\) or reset\(\)"):
            envs.step([0, 0])
        with pytest.raises(AlreadyPendingCallError, match="reset while"):
            envs.reset(options={"reset_mask": np.array([True, False])})
        timer = threading.Timer(0.05, workers(envs)[0].release)
        timer.start()
        assert envs.reset()[1]["valid"].all()
        timer.join()
        assert envs.step([0, 0])[1].tolist() == [1, 1]

    def test_closed_by_another_thread(self, make: Make) -> None:
        envs = make(step_timeout_s=0.2)
        workers(envs)[0].plan("skip")
        envs.send([0, 0])
        timer = threading.Timer(0.05, envs.close)
        timer.start()
        with pytest.raises(ClosedEnvironmentError, match="closed meanwhile"):
            envs.recv()
        timer.join()

    def test_the_environment_is_a_context(self, make: Make) -> None:
        with make() as envs:
            assert not envs.closed
        assert envs.closed

    @pytest.mark.parametrize("chosen", [[0.0], [True], ["0"], [2], [0, 0], []])
    def test_environments_that_are_none(self, make: Make, chosen: list[int]) -> None:
        envs = make()
        with pytest.raises(ValueError, match=r"envs (is|has)"):
            envs.send([0] * len(chosen), envs=chosen)
        envs.send([0], envs=[np.int64(1)])  # type: ignore[list-item]
        assert envs.recv().envs.tolist() == [1]

    def test_ctrl_c_in_a_reset_asks_for_another(self, make: Make) -> None:
        envs = make()
        workers(envs)[0].slow_resets = True
        timer = threading.Timer(0.05, signal.raise_signal, [signal.SIGINT])
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            envs.reset()
        timer.join()
        with pytest.raises(ResetNeeded, match=r"the last reset did not finish: call reset\(\)"):
            envs.step([0, 0])
        workers(envs)[0].slow_resets = False
        assert envs.reset()[1]["valid"].all()
        assert envs.step([0, 0])[1].tolist() == [1, 1]

    def test_a_forgotten_environment_closes_its_session(self) -> None:
        session = ScriptedSession(1)
        envs = VectorEnv(session, KeyTableCodec(session.describe["keysyms"], 1))
        envs.reset()
        batch = envs.step([0])
        gone = weakref.ref(envs)
        del envs
        gc.collect()
        assert gone() is None
        assert (batch[0] == picture(1, 1)).all()
        session.close()


def _holds(line: str, address: int) -> bool:
    low, high = (int(part, 16) for part in line.split()[0].split("-"))
    return low <= address < high
