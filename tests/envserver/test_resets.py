"""The arguments of reset."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from fakes.scripted_env import Make, scripted_envs, session_of, workers


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
