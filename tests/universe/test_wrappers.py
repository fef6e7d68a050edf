"""The wrappers over environments whose steps are written down."""

import gc
import json
import logging
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes.universe_envs import PICTURE, Step, WrittenEnv

from envserver.universe import vectorized, wrappers
from envserver.universe.compat import core
from envserver.universe.error import Error
from envserver.universe.spaces import KeyEvent, PointerEvent, keycode

NOTHING = (None, 0.0, False)
RUNS = (PICTURE, 1.0, False)
ENDS = (None, 2.0, True)


class Single(core.Env):
    """An environment that is not vectorized."""

    metadata = {"render.modes": []}  # noqa: RUF012

    def _reset(self) -> Any:
        return "first"

    def _step(self, action: Any) -> Any:
        return f"after {action}", 1.0, False, {"own": True}


def test_vision() -> None:
    env = wrappers.Vision(WrittenEnv([[NOTHING, RUNS]]))
    assert env.reset() == [None, None]
    observation_n, reward_n, done_n, _ = env.step([[], []])
    assert observation_n[0] is None
    assert observation_n[1] is PICTURE["vision"]
    assert (reward_n, done_n, env.n) == ([0.0, 1.0], [False, False], 2)


def test_vectorize_and_unvectorize() -> None:
    env = wrappers.Vectorize(Single())
    assert (env.n, env.reset()) == (1, ["first"])
    assert env.step(["go"]) == (["after go"], [1.0], [False], {"n": [{"own": True}]})
    single = wrappers.Unvectorize(env)
    assert single.reset() == "first"
    assert single.step("go") == ("after go", 1.0, False, {"own": True})
    assert not single.metadata["runtime.vectorized"]
    with pytest.raises(Error, match="is vectorized"):
        wrappers.Vectorize(env)
    with pytest.raises(Error, match="is none"):
        wrappers.Unvectorize(single)
    with pytest.raises(Error, match="found 2"):
        wrappers.Unvectorize(WrittenEnv([[RUNS, RUNS]])).reset()


def test_wrappers_vectorize_by_themselves() -> None:
    assert wrappers.Timer(Single()).reset() == ["first"]


def test_weak_unvectorize_keeps_nothing_alive() -> None:
    env = WrittenEnv([[RUNS]])
    weak = wrappers.WeakUnvectorize(env, 0)
    assert weak.render() is None
    with pytest.raises(NotImplementedError):
        weak.step([])
    del env
    gc.collect()
    with pytest.raises(Error, match="gone"):
        weak.render()


def test_episode_ids_count_all_environments_together() -> None:
    env = wrappers.EpisodeID(WrittenEnv([[RUNS, RUNS], [RUNS, ENDS], [ENDS, RUNS], [RUNS, RUNS]]))
    env.reset()
    seen = []
    for _ in range(4):
        info = env.step([[], []])[3]
        seen.append(
            ([own["vectorized.episode_id"] for own in info["n"]], info["vectorized.done_to"])
        )
    assert seen == [([0, 1], 0), ([0, 1], 0), ([0, 2], 2), ([3, 2], 2)]


def test_episode_limit() -> None:
    env = wrappers.EpisodeID(WrittenEnv([[ENDS]]), episode_limit=1)
    assert env.step([[]])[3]["n"][0]["vectorized.episode_id"] == 0
    assert env.step([[]])[3]["n"][0]["vectorized.episode_id"] is None


def test_joint_slices_by_the_number_of_each() -> None:
    one, two = WrittenEnv([[RUNS, ENDS]]), WrittenEnv([[NOTHING]])
    env = wrappers.Joint([one, two])
    assert (env.n, env.reset()) == (3, [None] * 3)
    _, reward_n, done_n, info = env.step(["a", "b", "c"])
    assert (one.actions, two.actions) == ([["a", "b"]], [["c"]])
    assert (reward_n, done_n, len(info["n"])) == ([1.0, 2.0, 0.0], [False, True, False], 3)
    with pytest.raises(Error, match="found 1, expected 3"):
        env.step(["a"])
    with pytest.raises(Error, match="empty"):
        wrappers.Joint([])


def test_blocking_reset_waits_and_merges_within_the_episode() -> None:
    steps: list[list[Step]] = [[NOTHING], [RUNS], [RUNS], [ENDS], [NOTHING], [RUNS], [RUNS]]
    inner = WrittenEnv(steps)
    env = wrappers.BlockingReset(inner)
    assert env.reset() == [PICTURE]
    assert len(inner.actions) == 2
    assert env.step([["a"]])[1:3] == ([1.0], [False])
    observation_n, reward_n, done_n, info = env.step([["b"]])
    assert (observation_n, reward_n, done_n) == ([PICTURE], [2.0], [True])
    assert inner.actions[-3:] == [[["b"]], [[]], [[]]]
    assert info["n"][0]["stats.reward.count"] == 3
    # What the next episode earned while the step waited comes with the next step.
    assert env.step([["c"]])[1:3] == ([2.0], [False])


def test_blocking_reset_does_not_wait_for_the_dead() -> None:
    inner = WrittenEnv([[NOTHING, RUNS]])
    inner.infos = [{"error": "gone", "env_status.disconnected": True}]
    env = wrappers.BlockingReset(inner)
    assert env.reset() == [None, PICTURE]
    assert env.step([[], []])[0] == [None, PICTURE]


def test_throttle_acts_once_and_sums() -> None:
    inner = WrittenEnv([[RUNS]])
    env = wrappers.Throttle(inner, fps=10)
    began_s = time.monotonic()
    _, reward_n, _, _ = env.step([["a"]])
    env.step([["b"]])
    assert time.monotonic() - began_s >= 0.19
    assert reward_n[0] == sum(1 for action in inner.actions[: int(reward_n[0])])
    assert [action for action in inner.actions if action != [[]]] == [[["a"]], [["b"]]]
    env.configure(remotes=2, fps=20)
    assert inner.configured == {"remotes": 2}
    with pytest.raises(Error, match="fps"):
        env.configure(fps=-1)
    env.configure(fps=None)
    assert env.step([[]])[1] == [1.0]


def test_timer_and_logger(caplog: pytest.LogCaptureFixture) -> None:
    env = wrappers.Logger(wrappers.Timer(WrittenEnv([[RUNS]])), print_frequency=0)
    with caplog.at_level(logging.INFO, "universe"):
        info = env.step([[]])[3]
    assert info["stats.timers.step"] >= 0
    assert "reward_ps" in caplog.text


def test_time_limit_restarts_only_who_is_late() -> None:
    inner = WrittenEnv([[RUNS, NOTHING], [RUNS, RUNS], [RUNS, RUNS]])
    env = wrappers.TimeLimit(inner, max_episode_steps=2)
    env.reset()
    assert env.step([[], []])[2] == [False, False]
    observation_n, _, done_n, info = env.step([[], []])
    assert (observation_n[0], done_n) == (None, [True, False])
    assert info["n"][0]["time_limit"]
    assert inner.restarted == [0]
    assert env.step([[], []])[2] == [False, True]
    assert inner.restarted == [0, 1]
    single = wrappers.TimeLimit(Single(), max_episode_steps=1)
    observation_n, _, done_n, _ = single.step(["go"])
    assert (observation_n, done_n) == (["after go"], [True]), "it does not begin anew by itself"
    with pytest.raises(Error, match="max_episode_steps is 0"):
        wrappers.TimeLimit(inner, max_episode_steps=0)


def test_monitor_writes_episodes_down(tmp_path: Path) -> None:
    env = wrappers.Monitor(WrittenEnv([[RUNS], [ENDS], [RUNS]]), str(tmp_path / "results"))
    env.reset()
    for _ in range(3):
        env.step([[]])
    (line,) = env.path.read_text().splitlines()
    assert {"r": 3.0, "l": 2}.items() <= json.loads(line).items()


def test_game_actions_hold_exactly_their_keys() -> None:
    inner = WrittenEnv([[RUNS]], "gym-core.PongDeterministic-v3")
    env = wrappers.GymCoreAction(inner)
    assert env.action_space.n == 6
    env.step([np.int64(5)])  # LEFTFIRE
    left, right, space = keycode("left"), keycode("right"), keycode("space")
    assert set(inner.actions[0][0]) == {
        KeyEvent(left, True),
        KeyEvent(space, True),
        KeyEvent(right, False),
    }
    with pytest.raises(Error, match="action is 6, expected an integer from 0 to 5"):
        env.step([6])
    with pytest.raises(Error, match="give gym_core_id"):
        wrappers.GymCoreAction(WrittenEnv([[RUNS]]))


def test_safe_actions() -> None:
    driving = wrappers.SafeActionSpace(WrittenEnv([[RUNS]])).action_space
    assert all(event.key_name not in ("alt", "ctrl") for action in driving for event in action)
    assert wrappers.SafeActionSpace(WrittenEnv([[RUNS]], "gym-core.Pong-v0")).action_space.n == 6
    other = wrappers.SafeActionSpace(WrittenEnv([[RUNS]], "terminal.Shell-v0")).action_space
    assert not other.contains([("KeyEvent", "alt", True)])


def test_clicks_on_a_grid() -> None:
    inner = WrittenEnv([[RUNS]])
    env = wrappers.SoftmaxClickMouse(inner, (0, 0, 20, 20), 10, [(0, 0, 9, 9)])
    assert env.points == [(5, 15), (15, 5), (15, 15)]
    env.step([1])
    assert inner.actions == [
        [[PointerEvent(15, 5, 0), PointerEvent(15, 5, 1), PointerEvent(15, 5, 0)]]
    ]
    with pytest.raises(Error, match="expected 0 to 2"):
        env.step([3])
    with pytest.raises(Error, match="no point"):
        wrappers.SoftmaxClickMouse(inner, (0, 0, 1, 1))


@pytest.mark.parametrize(
    ("env_id", "shape"),
    [
        ("flashgames.DuskDrive-v0", (640, 800, 3)),
        ("gym-core.Pong-v3", (210, 160, 3)),
        ("terminal.Shell-v0", (768, 1024, 3)),
    ],
)
def test_crops(env_id: str, shape: tuple[int, ...]) -> None:
    for wrap in (lambda env: env, wrappers.Vision):
        env = wrappers.CropObservations(wrap(WrittenEnv([[RUNS, NOTHING]], env_id)))
        cropped, none = env.step([[], []])[0]
        assert none is None
        assert (cropped["vision"] if isinstance(cropped, dict) else cropped).shape == shape


def test_random_env_samples() -> None:
    inner = WrittenEnv([[RUNS]])
    inner.action_space = wrappers.SafeActionSpace(inner).action_space
    wrappers.experimental.RandomEnv(inner).step([["ignored"]])
    assert inner.actions[0][0] in inner.action_space


@pytest.mark.parametrize("name", ["Recording", "GymCoreSync", "WrappedMultiprocessingEnv"])
def test_what_is_absent_says_so(name: str) -> None:
    with pytest.raises(Error, match=f"{name} is not in envserver"):
        getattr(wrappers, name)(WrittenEnv([[RUNS]]))


def test_hooks_of_two_times() -> None:
    class Old(vectorized.Wrapper):
        def _step(self, action: Any) -> Any:
            return ("old", *super()._step(action)[1:])

    class New(vectorized.ObservationWrapper):
        def observation(self, observation: Any) -> Any:
            return ["new"]

    class Dear(vectorized.RewardWrapper):
        def _reward(self, reward: Any) -> Any:
            return [2 * each for each in reward]

    assert Old(WrittenEnv([[RUNS]])).step([[]])[0] == "old"
    assert New(WrittenEnv([[RUNS]])).step([[]])[0] == ["new"]
    assert Dear(WrittenEnv([[RUNS]])).step([[]])[1] == [2.0]

    class Strict(vectorized.Wrapper):
        autovectorize = False

    with pytest.raises(Error, match="Vectorize first"):
        Strict(Single())


def test_a_filter_sees_one_environment() -> None:
    class Counting(vectorized.Filter):
        def __init__(self, start: int, by: int = 1) -> None:
            self.count, self.by = start, by

        def _after_reset(self, observation: Any) -> Any:
            return "begun"

        def _after_step(self, observation: Any, reward: Any, done: Any, info: Any) -> Any:
            self.count += self.by
            return observation, reward, done, {"count": self.count, "reward": reward}

    env = vectorized.VectorizeFilter(WrittenEnv([[RUNS, ENDS]]), Counting, 10, by=2)
    assert env.reset() == ["begun", "begun"]
    env.step([[], []])
    observation_n, reward_n, done_n, info = env.step([[], []])
    assert (observation_n, reward_n, done_n) == ([PICTURE, None], [1.0, 2.0], [False, True])
    assert info["n"] == [{"count": 14, "reward": 1.0}, {"count": 14, "reward": 2.0}]
    unchanged = vectorized.VectorizeFilter(WrittenEnv([[RUNS]]), vectorized.Filter)
    assert unchanged.step([[]])[0] == [PICTURE]
    with pytest.raises(Error, match="Vectorize first"):
        vectorized.VectorizeFilter(Single(), vectorized.Filter)


def test_infos_merge_by_prefix() -> None:
    into = {"stats.a": 1, "stats.gauges.b": 1, "c": 1, "n": [{"stats.d": 1}]}
    vectorized.merge_info(into, {"stats.a": 2, "stats.gauges.b": 2, "c": 2, "n": [{"stats.d": 2}]})
    assert into == {"stats.a": 3, "stats.gauges.b": 2, "c": 2, "n": [{"stats.d": 3}]}
