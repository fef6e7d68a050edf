"""The contract of vector environments, over scripted workers and over real ones."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from contracts.vector_env_contract import Make, VectorEnvContract
from fakes.scripted_worker import ScriptedSession

import envserver
from envserver.actions import KeyTableCodec
from envserver.make import parse_autoreset_mode
from envserver.vector_env import VectorEnv


class TestScriptedWorkers(VectorEnvContract):
    @pytest.fixture
    def make(self) -> Iterator[Make]:
        made: list[VectorEnv] = []

        def build(num_envs: int, *, slots: int = 4, autoreset_mode: str = "next_step") -> VectorEnv:
            session = ScriptedSession(num_envs, autoreset=autoreset_mode, slots=slots)
            session.episode_steps = self.EPISODE_STEPS
            codec = KeyTableCodec(session.describe["keysyms"], num_envs)
            mode = parse_autoreset_mode(autoreset_mode)
            made.append(VectorEnv(session, codec, autoreset_mode=mode))
            return made[-1]

        yield build
        for envs in made:
            envs.close()


@pytest.fixture
def make_real(home: Path) -> Iterator[Make]:
    """`envserver.make_vec` on a daemon of its own, in step clock where nothing else is said."""
    made: list[VectorEnv] = []

    def build(num_envs: int, name: str = "gym-core.CartPole-v1", **options: Any) -> VectorEnv:
        options = {"clock": "step", "screen": (640, 480), **options}
        made.append(envserver.make_vec(name, num_envs, **options))
        return made[-1]

    yield build
    for envs in made:
        envs.close()


@pytest.mark.integration
class TestRealWorkers(VectorEnvContract):
    @pytest.fixture
    def make(self, make_real: Make) -> Make:
        def build(num_envs: int, **options: Any) -> VectorEnv:
            return make_real(num_envs, max_episode_steps=self.EPISODE_STEPS, **options)

        return build


@pytest.mark.integration
@pytest.mark.parametrize("mode", ["NextStep", "SameStep", "Disabled"])
def test_step_clock_equals_gymnasium_number_by_number(make_real: Make, mode: str) -> None:
    envs = make_real(2, screen="native", autoreset_mode=mode)
    reference = gymnasium.vector.SyncVectorEnv(
        [lambda: gymnasium.make("CartPole-v1", render_mode="rgb_array")] * 2, autoreset_mode=mode
    )
    try:
        observations, _ = envs.reset(seed=[5, 9])
        reference.reset(seed=[5, 9])
        random, ends = np.random.default_rng(0), 0
        for step in range(80):
            assert (observations == np.stack(reference.render())).all()
            actions = random.integers(0, 2, 2)
            observations, rewards, terminated, truncated, _ = envs.step(actions)
            _, expected, will_end, will_stop, _ = reference.step(actions)
            assert rewards.tolist() == expected.tolist()
            assert terminated.tolist() == will_end.tolist()
            assert truncated.tolist() == will_stop.tolist()
            ended = terminated | truncated
            ends += int(ended.sum())
            if mode == "Disabled" and ended.any():
                options = {"reset_mask": ended}
                observations, _ = envs.reset(seed=step, options=options)
                reference.reset(seed=step, options=options)
        assert ends >= 2
    finally:
        reference.close()


@pytest.mark.integration
@pytest.mark.parametrize(
    ("number", "fault"),
    [(signal.SIGKILL, "WORKER_DIED"), (signal.SIGSTOP, "WORKER_SILENT")],
)
def test_a_lost_worker_is_one_truncation(
    make_real: Make, number: signal.Signals, fault: str
) -> None:
    envs = make_real(2, name="gym-core.Pong-v0", clock="real", fps=30, step_timeout_s=1)
    envs.reset(seed=1)
    for _ in range(3):
        _, _, terminated, truncated, infos = envs.step(np.zeros(2, dtype=np.int64))
    before = infos["episode_id"].copy()
    _signal_worker(envs, 1, number)
    lost = 0
    for _ in range(200):
        _, rewards, terminated, truncated, infos = envs.step(np.zeros(2, dtype=np.int64))
        assert not terminated.any()
        assert not truncated[0]
        lost += int(truncated[1])
        if truncated[1]:
            assert rewards[1] == 0
            assert infos["fault"][1]["fault"] == fault
            assert infos["fault"][1]["signal"] == signal.SIGKILL
        elif lost and infos["valid"][1]:
            break
    assert lost == 1
    assert infos["valid"].all()
    assert infos["episode_id"][0] == before[0]
    for _ in range(3):
        *_, truncated, infos = envs.step(np.zeros(2, dtype=np.int64))
        assert not truncated.any()


def _signal_worker(envs: VectorEnv, env: int, number: signal.Signals) -> None:
    status = envs.session.status()  # type: ignore[attr-defined]
    pid = next(worker["pid"] for worker in status["workers"] if worker["env"] == env)
    os.kill(pid, number)
