"""The arguments of reset."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from fakes.scripted_env import Make, scripted_envs, session_of, workers
from gymnasium.error import ResetNeeded
from gymnasium.spaces import Discrete

from envserver.errors import ResetFailed
from envserver.vector_env import VectorEnv


@pytest.fixture
def make() -> Iterator[Make]:
    with scripted_envs() as make:
        yield make


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
            ({"x": b"y"}, ValueError, "environment 0: options cannot be sent: .* bytes"),
            ({"x": [np.float32("nan")]}, ValueError, "options cannot be sent: Out of range"),
            (
                {"x": "y" * 1_000_000},
                ValueError,
                "too large: 1000009 bytes of JSON, at most 1000000",
            ),
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
        told = session_of(envs).sent_resets[-1][1]
        assert told[0] == {"options": {"a": 0.5, "b": [0, 1], "c": [1, {"d": None}]}}


class TestSwitches:
    """Which environment each reset names."""

    @staticmethod
    def told(envs: VectorEnv) -> list[str | None]:
        _, per_env = session_of(envs).sent_resets[-1]
        return [per_env[env].get("env_id") for env in sorted(per_env)]

    def test_names_stay(self, make: Make) -> None:
        envs = make()
        envs.reset()
        assert self.told(envs) == [None, None]
        envs.reset(options={"per_env": [{"env_id": "second"}, None]})
        assert self.told(envs) == ["second", None]
        envs.reset()
        assert self.told(envs) == ["second", None]

    def test_one_that_failed_everywhere_is_undone(self, make: Make) -> None:
        envs = make(reset_timeout_s=0.1)
        session_of(envs).others["second"] = {"keysyms": [[], [0x20]]}
        for worker in workers(envs):
            worker.slow_resets = True
        with pytest.raises(ResetFailed):
            envs.reset(options={"env_id": "second"})
        assert self.told(envs) == ["second", "second"]
        assert envs.single_action_space == Discrete(3)
        # What the remotes may begin yet is not what these actions are for.
        with pytest.raises(ResetNeeded):
            envs.step([2, 2])
        for worker in workers(envs):
            worker.slow_resets = False
            worker.finish_reset()
        envs.reset()
        assert self.told(envs) == ["first", "first"]
        envs.step([2, 2])
        envs.reset(options={"env_id": "second"})
        assert envs.single_action_space == Discrete(2)
        envs.reset()
        assert self.told(envs) == ["second", "second"]

    @pytest.mark.parametrize("keys", [[[], [0x20], [0xFF51]], [[], [0x20]]])
    def test_one_that_failed_somewhere(self, make: Make, keys: list[list[int]]) -> None:
        envs = make(reset_timeout_s=0.1)
        session_of(envs).others["second"] = {"keysyms": keys}
        workers(envs)[1].slow_resets = True
        _, infos = envs.reset(options={"env_id": "second"})
        assert infos["_fault"].tolist() == [False, True]
        assert envs.single_action_space == Discrete(len(keys))
        workers(envs)[1].slow_resets = False
        workers(envs)[1].finish_reset()
        envs.reset()
        # All share one action space: where it changed, it did so for all.
        assert self.told(envs) == ["second", "first" if len(keys) == 3 else "second"]
