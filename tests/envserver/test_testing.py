"""The checker catches what is broken, one environment a rule, and passes what is not."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import gymnasium
import numpy as np
import pytest
from fakes.scripted_env import Make, scripted_envs, session_of
from gymnasium.spaces import Box, Dict, Discrete, MultiDiscrete
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv

import envserver
from envserver.testing import RULES, ContractBroken, check_vector_env

MODES = list(AutoresetMode)
LENGTH = 6


class Countdown(gymnasium.vector.VectorEnv[Any, Any, Any]):
    """Counts down from LENGTH + seed % 3, a reward a step; keeps every rule.

    What a broken one does otherwise is in a method of its own.
    """

    render_mode = "rgb_array"

    def __init__(self, mode: AutoresetMode = AutoresetMode.NEXT_STEP, num_envs: int = 3) -> None:
        self.num_envs = num_envs
        self.metadata = {"autoreset_mode": mode}
        self.mode = mode
        self.single_observation_space: Any = Box(0, 255, (2,), np.float32)
        self.observation_space: Any = Box(0, 255, (num_envs, 2), np.float32)
        self.single_action_space: Any = Discrete(3)
        self.action_space: Any = MultiDiscrete([3] * num_envs)
        self.left = np.zeros(num_envs, np.int64)
        self.over = np.zeros(num_envs, np.bool_)
        self.masked: Any = None

    def lengths(self, seed: Any) -> Any:
        if seed is None:
            seed = 0
        if isinstance(seed, int):
            seed = [seed + env for env in range(self.num_envs)]
        if len(seed) != self.num_envs:
            raise ValueError("seeds")
        return np.array([LENGTH + each % 3 for each in seed])

    def checked(self, mask: Any) -> Any:
        if mask.shape != (self.num_envs,) or mask.dtype != np.bool_ or not mask.any():
            raise ValueError("mask")
        return mask

    def observed(self) -> Any:
        return np.repeat(self.left.astype(np.float32)[:, None], 2, axis=1)

    def told(self) -> dict[str, Any]:
        return {"left": self.left.copy(), "_left": np.ones(self.num_envs, np.bool_)}

    def finals(self, ended: Any) -> dict[str, Any]:
        pictures = np.full(self.num_envs, None, dtype=object)
        for env in np.flatnonzero(ended):
            pictures[env] = np.zeros(2, np.float32)
        return {"final_obs": pictures, "_final_obs": ended, "final_info": {}, "_final_info": ended}

    def reset(self, *, seed: Any = None, options: Any = None) -> Any:
        mask = (options or {}).get("reset_mask")
        chosen = np.ones(self.num_envs, np.bool_) if mask is None else self.checked(mask)
        self.left[chosen] = self.lengths(seed)[chosen]
        self.over[chosen] = False
        return self.observed(), self.told()

    def step(self, actions: Any) -> Any:
        if self.mode is AutoresetMode.DISABLED and self.over.any():
            raise RuntimeError("over")
        begun = self.over & (self.mode is AutoresetMode.NEXT_STEP)
        self.left = np.where(begun, LENGTH, self.left - 1)
        ended = self.left == 0
        self.over = ended.copy()
        infos = self.told()
        if self.mode is AutoresetMode.SAME_STEP:
            self.left[ended] = LENGTH
            if ended.any():
                infos |= self.finals(ended)
        rewards = np.where(begun, 0.0, 1.0)
        return self.observed(), rewards, ended, np.zeros(self.num_envs, np.bool_), infos

    def render(self) -> Any:
        return (np.zeros((2, 2, 3), np.uint8),) * self.num_envs


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("num_envs", [1, 3])
def test_what_keeps_every_rule_passes(mode: AutoresetMode, num_envs: int) -> None:
    report = check_vector_env(Countdown(mode, num_envs))
    assert report.ends >= 2
    assert report.lives is None
    assert not report.read_only
    assert set(report.unchecked) == ({"reset_mask"} if num_envs == 1 else set())
    assert f"{num_envs} environments, {mode.name}" in str(report)
    assert "observations are copies" in str(report)


def changed(mode: AutoresetMode = AutoresetMode.NEXT_STEP, **methods: Any) -> Any:
    """A Countdown with other methods, or other attributes where no function is given."""
    kinds = {name: value for name, value in methods.items() if callable(value)}
    envs = type("Broken", (Countdown,), kinds)(mode)
    for name, value in methods.items():
        if name not in kinds:
            setattr(envs, name, value)
    return envs


def stepping(change: Callable[[Any, list[Any]], Any], mode: Any = AutoresetMode.NEXT_STEP) -> Any:
    """A Countdown whose step returns something else: `change` gets what it would return."""

    def step(self: Any, actions: Any) -> Any:
        returned = list(Countdown.step(self, actions))
        found = change(self, returned)
        return tuple(returned) if found is None else found

    return changed(mode, step=step)


def put(place: int, value: Callable[[Any, Any], Any]) -> Callable[[Any, list[Any]], None]:
    def change(envs: Any, returned: list[Any]) -> None:
        returned[place] = value(envs, returned[place])

    return change


def same_rewards(envs: Any, rewards: Any) -> Any:
    if not hasattr(envs, "kept"):
        envs.kept = np.zeros(3)
    envs.kept[:] = rewards * (1 + envs.left)
    return envs.kept


def writing(self: Any, actions: Any) -> Any:
    actions += 1
    return Countdown.step(self, actions)


def forgiving(self: Any, actions: Any) -> Any:
    self.over[:] = False
    return Countdown.step(self, np.array(actions))


def still_over(self: Any, *, seed: Any = None, options: Any = None) -> Any:
    over = self.over.copy() & (options is not None)
    returned = Countdown.reset(self, seed=seed, options=options)
    self.over |= over
    return returned


def one_view(self: Any) -> Any:
    if not hasattr(self, "view"):
        self.view = np.zeros((3, 2), np.float32)
    self.view[:] = self.left[:, None]
    return self.view


def reset_all(self: Any, *, seed: Any = None, options: Any = None) -> Any:
    if options is not None:
        self.checked(options["reset_mask"])
    return Countdown.reset(self, seed=seed)


def reset_none(self: Any, *, seed: Any = None, options: Any = None) -> Any:
    if options is None:
        return Countdown.reset(self, seed=seed)
    self.checked(options["reset_mask"])
    return self.observed(), self.told()


def failing_once(self: Any) -> None:
    if getattr(self, "tried", False):
        raise OSError("gone")
    self.tried = True


NEXT, SAME, DISABLED = (
    AutoresetMode.NEXT_STEP,
    AutoresetMode.SAME_STEP,
    AutoresetMode.DISABLED,
)
BROKEN: dict[str, list[Callable[[], Any]]] = {
    "type": [lambda: gymnasium.make("CartPole-v1"), lambda: None],
    "num_envs": [partial(changed, num_envs=0), partial(changed, num_envs=2.0)],
    "spaces": [
        partial(changed, observation_space=Box(0, 255, (2, 2), np.float32)),
        partial(changed, observation_space=Box(0, 255, (3, 2), np.float64)),
        partial(changed, action_space=MultiDiscrete([4] * 3)),
        partial(changed, action_space=MultiDiscrete([3] * 2)),
        partial(changed, action_space=Discrete(3)),
        partial(changed, single_observation_space=Dict({})),
        partial(changed, single_action_space=None),
    ],
    "metadata": [
        partial(changed, metadata={}),
        partial(changed, metadata=None),
        partial(changed, metadata={"autoreset_mode": "?"}),
    ],
    "reset returns": [
        partial(changed, reset=lambda self, **told: Countdown.reset(self, **told)[0]),
    ],
    "step returns": [
        lambda: stepping(lambda envs, returned: tuple(returned[:4])),
        partial(changed, step=lambda self, actions: 1 / 0),
    ],
    "observations": [
        lambda: stepping(put(0, lambda envs, value: value.astype(np.float64))),
        lambda: stepping(put(0, lambda envs, value: value[:2])),
        lambda: stepping(put(0, lambda envs, value: value.repeat(99, 1).tolist())),
        lambda: stepping(put(0, lambda envs, value: value - 1000)),
    ],
    "rewards": [
        lambda: stepping(put(1, lambda envs, value: value.astype(np.int64))),
        lambda: stepping(put(1, lambda envs, value: value.tolist())),
        lambda: stepping(put(1, lambda envs, value: value[:, None])),
        lambda: stepping(put(1, lambda envs, value: value * np.nan)),
    ],
    "flags": [
        lambda: stepping(put(2, lambda envs, value: value.astype(np.int64))),
        lambda: stepping(put(3, lambda envs, value: False)),
    ],
    "numbers are kept": [lambda: stepping(put(1, same_rewards))],
    "actions are untouched": [partial(changed, step=writing)],
    "infos": [
        lambda: stepping(put(4, lambda envs, value: {"left": value["left"]})),
        lambda: stepping(put(4, lambda envs, value: {**value, "_left": [True] * 3})),
        lambda: stepping(put(4, lambda envs, value: {**value, "left": value["left"][:2]})),
        lambda: stepping(put(4, lambda envs, value: {**value, "left": np.array(3)})),
        lambda: stepping(put(4, lambda envs, value: {"_left": value["_left"]})),
        lambda: stepping(put(4, lambda envs, value: [value] * 3)),
        lambda: stepping(
            put(4, lambda envs, value: {"a": {"b": 1}, "_a": np.ones(3, np.bool_)}),
        ),
    ],
    "seeds": [
        partial(changed, lengths=lambda self, seed: np.full(3, LENGTH)),
        partial(changed, lengths=lambda self, seed: np.full(3, LENGTH + (seed or 0))),
    ],
    "seeds repeat": [
        partial(
            changed,
            lengths=lambda self, seed: (
                LENGTH
                + Countdown.lengths(self, seed) * 0
                + np.full(3, sum(seed) if isinstance(seed, list) else 0)
            ),
        ),
    ],
    "reset_mask": [partial(changed, reset=reset_all), partial(changed, reset=reset_none)],
    "bad masks": [
        partial(changed, checked=lambda self, mask: mask.astype(np.bool_)[:3]),
        partial(changed, checked=lambda self, mask: mask if mask.any() else mask | (len(mask) > 0)),
    ],
    "next step": [
        lambda: stepping(put(1, lambda envs, value: np.ones(3))),
        lambda: stepping(
            lambda envs, returned: (
                returned[4].update(envs.finals(returned[2])) if returned[2].any() else None
            )
        ),
    ],
    "same step": [
        partial(changed, SAME, finals=lambda self, ended: {}),
        partial(changed, SAME, finals=lambda self, ended: Countdown.finals(self, ~ended)),
        partial(
            changed,
            SAME,
            finals=lambda self, ended: {
                **Countdown.finals(self, ended),
                "final_obs": np.full(3, None, dtype=object),
            },
        ),
    ],
    "disabled": [
        partial(changed, DISABLED, reset=still_over),
        lambda: stepping(
            lambda envs, returned: returned[4].update(envs.finals(returned[2])), DISABLED
        ),
    ],
    "render": [partial(changed, render=lambda self: np.zeros((3, 2, 2, 3)))],
    "views live": [],
    "close": [
        partial(changed, close=failing_once),
        partial(changed, close=lambda self: None),
    ],
}


def test_each_rule_is_broken_by_something() -> None:
    assert list(BROKEN) == list(RULES)


@pytest.mark.parametrize(
    ("rule", "number"), [(rule, i) for rule, made in BROKEN.items() for i in range(len(made))]
)
def test_what_breaks_a_rule_is_caught(rule: str, number: int) -> None:
    with pytest.raises(ContractBroken) as caught:
        check_vector_env(BROKEN[rule][number]())
    assert caught.value.rule == rule, caught.value
    assert RULES[rule] in str(caught.value)


def test_views_that_live_too_shortly_are_caught_where_they_matter() -> None:
    assert check_vector_env(changed(observed=one_view)).lives == 0
    with pytest.raises(ContractBroken, match="after 0 further steps, expected 1"):
        check_vector_env(changed(observed=one_view), lives=1)


MESSAGES = {
    r"\.\.\.\]\], expected float32 \(3, 2\)": BROKEN["observations"][2],
    "'_left' has no column 'left'": BROKEN["infos"][4],
    r"environment 0 was in the mask, .* reset\(seed=0\) did": BROKEN["reset_mask"][1],
}


@pytest.mark.parametrize("said", MESSAGES)
def test_messages_say_what_was_found(said: str) -> None:
    with pytest.raises(ContractBroken, match=said):
        check_vector_env(MESSAGES[said]())


def test_who_refuses_to_step_what_ended_is_said() -> None:
    assert check_vector_env(Countdown(DISABLED)).refuses is True
    assert check_vector_env(changed(DISABLED, step=forgiving)).refuses is False
    assert check_vector_env(Countdown()).refuses is None


def test_what_cannot_be_looked_at_is_said() -> None:
    report = check_vector_env(Countdown(), max_steps=3, deterministic=False)
    assert set(report.unchecked) == {"next step", "seeds repeat"}
    assert "not checked: next step: no episode ended in 3 steps" in str(report)
    assert check_vector_env(Countdown(DISABLED), masks=False).ends >= 2


def cartpole() -> gymnasium.Env[Any, Any]:
    return gymnasium.make("CartPole-v1", render_mode="rgb_array")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("copy", [True, False])
def test_gymnasiums_own_pass(mode: AutoresetMode, copy: bool) -> None:
    report = check_vector_env(SyncVectorEnv([cartpole] * 2, copy=copy, autoreset_mode=mode))
    assert report.ends >= 2
    assert report.lives == (None if copy else 0)
    assert report.unchecked == {}


@pytest.mark.integration
@pytest.mark.filterwarnings("ignore::UserWarning")  # of CartPole, which is stepped after its end
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # it forks while threads run
@pytest.mark.parametrize("mode", MODES)
def test_gymnasiums_processes_pass(mode: AutoresetMode) -> None:
    report = check_vector_env(AsyncVectorEnv([cartpole] * 2, copy=False, autoreset_mode=mode))
    assert report.lives == 0
    assert report.refuses == (False if mode is DISABLED else None)
    assert report.unchecked == {}


@pytest.fixture
def make() -> Iterator[Make]:
    with scripted_envs() as build:
        yield build


@pytest.mark.parametrize("mode", ["next_step", "same_step", "disabled"])
def test_ours_pass(make: Make, mode: str) -> None:
    envs = make(3, slots=4, autoreset=mode, render_mode="rgb_array")
    session_of(envs).episode_steps = 7
    report = check_vector_env(envs, lives=3, deterministic=False)
    assert report.read_only
    assert report.refuses == (True if mode == "disabled" else None)
    assert report.lives == 3
    assert report.ends >= 3
    assert set(report.unchecked) == {"seeds repeat"}


@pytest.mark.integration
@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("mode", ["next_step", "same_step", "disabled"])
def test_ours_pass_over_real_workers(mode: str) -> None:
    envs = envserver.make_vec(
        "gym-core.CartPole-v1",
        2,
        clock="step",
        screen="native",
        autoreset_mode=mode,
        render_mode="rgb_array",
        slots=3,
    )
    report = check_vector_env(envs, lives=2)
    assert report.lives == 2
    assert report.ends >= 2
    assert report.unchecked == {}
