"""The vector environment over scripted workers: Gymnasium's contract, order, bad input, memory."""

import gc
import itertools
import os
import signal
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
from fakes.scripted_worker import HEIGHT, WIDTH, ScriptedSession, picture
from gymnasium.error import (
    AlreadyPendingCallError,
    ClosedEnvironmentError,
    NoAsyncCallError,
    ResetNeeded,
)
from gymnasium.vector import AutoresetMode

from envserver.actions import KeyTableCodec
from envserver.due import AT, CHANGED, NOW, QUIET
from envserver.errors import BrokerUnavailable, ForkedSession, ResetFailed, WouldBlock
from envserver.make import parse_autoreset_mode
from envserver.vector_env import VectorEnv
from shm.errors import SlotOverwritten
from workers.entries import Due, EntryKind

Make = Callable[..., VectorEnv]


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[VectorEnv] = []

    def build(
        num_envs: int = 2, *, reset: bool = True, slots: int = 4, **options: Any
    ) -> VectorEnv:
        mode = options.pop("autoreset", "next_step")
        session = ScriptedSession(num_envs, autoreset=mode, slots=slots)
        codec = KeyTableCodec(session.describe["keysyms"], num_envs)
        options = {"reset_timeout_s": 5, **options}
        envs = VectorEnv(session, codec, autoreset_mode=parse_autoreset_mode(mode), **options)
        made.append(envs)
        if reset:
            envs.reset()
        return envs

    yield build
    for envs in made:
        envs.close()


def workers(envs: VectorEnv) -> Any:
    return envs.session.workers  # type: ignore[attr-defined]


def taken(envs: VectorEnv, env: int, kind: EntryKind) -> list[Any]:
    return [entry for entry in workers(envs)[env].taken if entry["kind"] == kind]


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
        assert envs.session.sent_resets == [  # type: ignore[attr-defined]
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
        session: Any = envs.session
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


class TestEvents:
    def test_only_key_differences_are_sent(self, make: Make) -> None:
        envs = make(1)
        for action in (1, 1, 2, 0):
            envs.step([action])
        keys = [(entry["argument"], entry["value"]) for entry in taken(envs, 0, EntryKind.KEY)]
        assert keys == [(0x20, 1), (0x20, 0), (0xFF51, 1), (0xFF51, 0)]
        assert [entry["value"] for entry in taken(envs, 0, EntryKind.STEP)] == [0, 1, 1, 2, 0]

    def test_the_action_after_a_done_is_not_sent(self, make: Make) -> None:
        envs = make(1)
        workers(envs)[0].plan("done")
        envs.step([1])
        envs.step([2])
        assert len(taken(envs, 0, EntryKind.KEY)) == 1
        envs.step([1])
        keys = [(entry["argument"], entry["value"]) for entry in taken(envs, 0, EntryKind.KEY)]
        assert keys == [(0x20, 1), (0x20, 1)]

    def test_a_reset_forgets_what_is_held(self, make: Make) -> None:
        envs = make(1)
        envs.step([1])
        envs.reset()
        envs.step([1])
        assert [entry["value"] for entry in taken(envs, 0, EntryKind.KEY)] == [1, 1]

    @pytest.mark.parametrize("actions", [[0], [0, 3], [0, -1], [[0], [0]], None, "xy", [0.0, 0.0]])
    def test_a_wrong_action_sends_nothing(self, make: Make, actions: Any) -> None:
        envs = make()
        before = [len(worker.taken) for worker in workers(envs)]
        with pytest.raises(ValueError, match="action"):
            envs.step(actions)
        assert [len(worker.taken) for worker in workers(envs)] == before
        envs.step([1, 1])


class TestDue:
    def test_ticks_are_absolute(self, make: Make) -> None:
        envs = make(1, fps=200, late_after_ms=200)
        for _ in range(3):
            envs.step([0])
        due_ns = [int(entry["due_ns"]) for entry in taken(envs, 0, EntryKind.STEP)[1:]]
        assert {int(e["due"]) for e in taken(envs, 0, EntryKind.STEP)[1:]} == {int(Due.AT)}
        assert {(b - a) % 5_000_000 for a, b in itertools.pairwise(due_ns)} == {0}
        missed = envs.missed_ticks
        envs.send([0], due=AT(due_ns[-1] + 25_000_000))
        envs.recv()
        envs.step([0])
        assert envs.missed_ticks == missed
        last_ns = int(taken(envs, 0, EntryKind.STEP)[-1]["due_ns"])
        assert last_ns > due_ns[-1] + 25_000_000
        assert (last_ns - due_ns[0]) % 5_000_000 == 0

    @pytest.mark.parametrize(
        ("due", "kind"),
        [
            (NOW, Due.NOW),
            (AT(5), Due.AT),
            (CHANGED(10), Due.CHANGED),
            (QUIET(5, 10, (1, 1, 2, 2)), Due.QUIET),
        ],
    )
    def test_due_times_reach_the_worker(self, make: Make, due: Any, kind: Due) -> None:
        envs = make(1)
        envs.send([0], due=due)
        envs.recv()
        entry = taken(envs, 0, EntryKind.STEP)[-1]
        assert entry["due"] == kind
        if kind == Due.QUIET:
            assert [entry[name] for name in ("x", "y", "width", "height")] == [1, 1, 2, 2]
            assert entry["quiet_ns"] == 5_000_000
            envs.step([0])
            assert taken(envs, 0, EntryKind.STEP)[-1]["quiet_ns"] == 0

    def test_a_wrong_due_time_sends_nothing(self, make: Make) -> None:
        envs = make(1)
        with pytest.raises(ValueError, match="leaves the 8x4 screen"):
            envs.send([1], due=CHANGED(1, (0, 0, 9, 1)))
        envs.step([1])
        assert len(taken(envs, 0, EntryKind.STEP)) == 2


class TestAsynchronous:
    def test_the_first_to_answer(self, make: Make) -> None:
        envs = make(3)
        workers(envs)[1].plan("skip")
        envs.send([0, 0, 0])
        batch = envs.recv(min_envs=2)
        assert batch.envs.tolist() == [0, 2]
        assert batch.observations.shape == (2, HEIGHT, WIDTH, 3)
        assert batch.observations.flags.owndata
        assert batch.rewards.tolist() == [1, 1]
        assert batch.infos["_valid"].tolist() == [True, False, True]
        envs.send([1, 1], envs=[2, 0])
        batch = envs.recv(min_envs=2)
        assert batch.envs.tolist() == [0, 2]
        assert (batch.observations == picture(1, 2)).all()
        workers(envs)[1].release()
        batch = envs.recv()
        assert batch.envs.tolist() == [1]
        assert (batch.observations == picture(1, 1)).all()
        observations, *_ = envs.step([0, 0, 0])
        assert observations[:, 0, 0, 0].tolist() == [picture(1, n) for n in (3, 2, 3)]

    def test_only_the_addressed_worker_is_asked(self, make: Make) -> None:
        envs = make(2)
        for _ in range(6):
            envs.send([1], envs=[1])
            assert envs.recv().envs.tolist() == [1]
        assert len(taken(envs, 0, EntryKind.STEP)) == 1
        assert len(taken(envs, 1, EntryKind.STEP)) == 7

    def test_without_waiting(self, make: Make) -> None:
        envs = make(2)
        workers(envs)[0].plan("skip")
        envs.send([0, 0])
        with pytest.raises(WouldBlock, match="the step is still pending"):
            envs.recv_nowait()
        workers(envs)[0].release()
        assert envs.recv().rewards.tolist() == [1, 1]
        envs.send([0, 0])
        envs.recv(min_envs=2)
        with pytest.raises(NoAsyncCallError):
            envs.recv_nowait()

    @pytest.mark.parametrize("chosen", [[], [0, 0], [2], [-1]])
    def test_wrong_environments(self, make: Make, chosen: list[int]) -> None:
        with pytest.raises(ValueError, match="envs "):
            make().send([0] * len(chosen), envs=chosen)

    @pytest.mark.parametrize("count", [0, 3])
    def test_wrong_counts(self, make: Make, count: int) -> None:
        envs = make()
        envs.send([0, 0])
        with pytest.raises(ValueError, match=f"min_envs is {count}, expected 1 to 2"):
            envs.recv(min_envs=count)


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

    def test_close_twice(self, make: Make) -> None:
        envs = make()
        observations, *_ = envs.step([0, 0])
        envs.close()
        envs.close()
        assert envs.closed
        assert envs.session.closed == 1  # type: ignore[attr-defined]
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

    def test_ctrl_c_in_a_reset_asks_for_another(self, make: Make) -> None:
        envs = make()
        workers(envs)[0].slow_resets = True
        timer = threading.Timer(0.05, signal.raise_signal, [signal.SIGINT])
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            envs.reset()
        timer.join()
        with pytest.raises(ResetNeeded):
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


class TestTrouble:
    def test_the_daemon_ends(self, make: Make) -> None:
        envs = make(late_after_ms=20)
        session: Any = envs.session
        workers(envs)[0].plan("skip")
        session.alive = False
        with pytest.raises(BrokerUnavailable, match="1 environments were stepping: make the env"):
            envs.step([0, 0])

    def test_a_reset_that_fails_everywhere(self, make: Make) -> None:
        envs = make(reset_timeout_s=0.1)
        for worker in workers(envs):
            worker.slow_resets = True
        with pytest.raises(ResetFailed, match=r"within 0.1 s; environment 0 \(scripted remote 0\)"):
            envs.reset()

    def test_a_reset_that_fails_for_some(self, make: Make) -> None:
        envs = make(reset_timeout_s=0.1)
        workers(envs)[0].slow_resets = True
        _, infos = envs.reset()
        assert infos["valid"].tolist() == [False, True]
        assert infos["fault"][0]["fault"] == "RESET_FAILED"
        assert infos["fault"][1] is None

    def test_a_worker_that_dies_in_a_reset_is_asked_again(self, make: Make) -> None:
        envs = make()
        session: Any = envs.session
        dying = workers(envs)[0]
        dying.slow_resets = True
        done = threading.Event()

        def die() -> None:
            while not dying.resets[1:]:
                time.sleep(0.001)
            session.worker_ended(dying)
            done.set()

        thread = threading.Thread(target=die)
        thread.start()
        _, infos = envs.reset(seed=3)
        thread.join()
        assert done.is_set()
        assert infos["valid"].all()
        assert workers(envs)[0].resets == [2]
        assert session.sent_resets[-1] == (2, {0: {"seed": 3}})

    def test_a_worker_that_died_between_steps(self, make: Make) -> None:
        envs = make()
        session: Any = envs.session
        envs.step([0, 0])
        session.worker_ended(workers(envs)[0])
        observations, rewards, _, truncated, infos = envs.step([0, 0])
        assert truncated.tolist() == [True, False]
        assert rewards.tolist() == [0, 1]
        assert (observations[0] == picture(1, 1)).all()
        assert infos["fault"][0]["log"] == ["last line"]
        observations, _, _, truncated, infos = envs.step([0, 0])
        assert not truncated.any()
        assert infos["valid"].all()
        assert (observations[0] == picture(2, 0)).all()

    def test_a_worker_that_stays_dead_is_not_waited_for_beyond_the_limit(self, make: Make) -> None:
        envs = make(reset_timeout_s=0.1)
        session: Any = envs.session
        session.restarts = False
        session.worker_ended(workers(envs)[0])
        assert envs.step([0, 0])[3].tolist() == [True, False]
        for _ in range(2):
            _, rewards, _, truncated, infos = envs.step([0, 0])
            assert infos["valid"].tolist() == [False, True]
            assert rewards.tolist() == [0, 1]
            assert not truncated.any()
        session.restart(0)
        assert envs.step([0, 0])[4]["valid"].all()

    def test_a_stopped_worker_fills_its_queue_and_comes_back(self, make: Make) -> None:
        envs = make(1, late_after_ms=1)
        workers(envs)[0].plan("skip")
        for action in [1, 2] * 40:
            *_, infos = envs.step([action])
            assert infos["late"].tolist() == [True]
        workers(envs)[0].release()
        found = envs.step([0])
        while found[4]["late"].any():
            found = envs.step([0])
        assert not found[3].any()


class TestPickyArguments:
    @pytest.mark.parametrize(
        ("seed", "message"),
        [
            ([1], "list of 1, expected 2"),
            ([1, 2, 3], "list of 3, expected 2"),
            (-1, "environment 0: seed is -1"),
            ("x", "seed is 'x'"),
            (True, "seed is True"),
            ([1, "x"], "seed holds 'x'"),
        ],
    )
    def test_seeds(self, make: Make, seed: Any, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            make().reset(seed=seed)

    @pytest.mark.parametrize(
        ("options", "kind", "message"),
        [
            (5, TypeError, "options is int"),
            ({"reset_mask": [True, True]}, TypeError, "is a list, expected a NumPy array"),
            ({"reset_mask": np.array([1, 0])}, TypeError, "has type int64, expected bool"),
            ({"reset_mask": np.array([True])}, ValueError, r"has shape \(1,\), expected \(2,\)"),
            ({"reset_mask": np.zeros(2, np.bool_)}, ValueError, "False everywhere"),
            ({"per_env": [{}]}, ValueError, "per_env.* is 1 items, expected a list of 2"),
            ({"per_env": [{}, 3]}, ValueError, "environment 1: .*has 3"),
            ({"x": object()}, ValueError, "option 'x' holds a object"),
            ({"x": 2**70}, ValueError, "option 'x' holds"),
            ({"x": {1: 2}}, ValueError, "option 'x' holds a dict"),
        ],
    )
    def test_options(self, make: Make, options: Any, kind: Any, message: str) -> None:
        envs = make()
        with pytest.raises(kind, match=message):
            envs.reset(options=options)
        assert workers(envs)[0].resets == [1]

    def test_numpy_options_become_plain(self, make: Make) -> None:
        envs = make()
        envs.reset(options={"a": np.float32(0.5), "b": np.arange(2), "c": (1, {"d": None})})
        told = envs.session.sent_resets[-1][1]  # type: ignore[attr-defined]
        assert told[0] == {"options": {"a": 0.5, "b": [0, 1], "c": [1, {"d": None}]}}


def _holds(line: str, address: int) -> bool:
    low, high = (int(part, 16) for part in line.split()[0].split("-"))
    return low <= address < high
