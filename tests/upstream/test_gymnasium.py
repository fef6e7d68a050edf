"""What Gymnasium's tests/vector say of vector environments, said of ours.

Theirs make environments of `env_fns`; ours are of remotes, so each behaviour is stated anew, over
scripted workers: action 1 is a reward of 1, an end brings 10. `SUITE` names all of theirs.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from fakes.scripted_env import Make, scripted_envs, session_of, workers
from fakes.scripted_worker import picture
from gymnasium.error import (
    AlreadyPendingCallError,
    ClosedEnvironmentError,
    NoAsyncCallError,
    ResetNeeded,
)
from gymnasium.vector import AutoresetMode, VectorWrapper
from gymnasium.wrappers.vector import RecordEpisodeStatistics
from upstream.gymnasium_suite import SUITE

import envserver

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def make() -> Iterator[Make]:
    with scripted_envs() as build:
        yield build


def shown(observations: Any) -> list[int]:
    """The byte of each environment's picture."""
    assert (observations == observations[:, :1, :1, :1]).all()
    found: list[int] = observations[:, 0, 0, 0].tolist()
    return found


def plan(envs: Any, *lengths: int) -> None:
    """Let each environment's first episode end after so many steps."""
    for worker, length in zip(workers(envs), lengths, strict=True):
        worker.plan(*["step"] * (length - 1), "done")


ONES = [1, 1, 1]


def test_every_one_of_theirs_has_its_place() -> None:
    names = [place for tests in SUITE.values() for place in tests.values()]
    for name in names:
        path, _, test = name.rpartition("::")
        if name.startswith("tests/"):
            text = (ROOT / (path or test)).read_text()
            assert not path or f"def {test}(" in text
        else:
            assert name.startswith("no: ") or name in globals(), name
    apply = [name for name in names if not name.startswith("no: ")]
    said = (ROOT / "docs" / "rollouts.md").read_text()
    assert f"{len(apply)} of {len(names)} tests of Gymnasium" in said


def test_autoreset_next_step(make: Make) -> None:
    envs = make(3)
    plan(envs, 2, 3, 3)
    first, again = picture(1, 0), picture(2, 0)
    for pictures, rewards, ended in (
        ([first + 1] * 3, [1, 1, 1], [False] * 3),
        ([first + 2] * 3, [10, 1, 1], [True, False, False]),
        ([again, first + 3, first + 3], [0, 10, 10], [False, True, True]),
        ([again + 1, again, again], [1, 0, 0], [False] * 3),
    ):
        observations, found, terminated, truncated, infos = envs.step(ONES)
        assert shown(observations) == pictures
        assert found.tolist() == rewards
        assert terminated.tolist() == ended
        assert not truncated.any()
        assert "final_obs" not in infos


def test_autoreset_within_step(make: Make) -> None:
    envs = make(3, autoreset="same_step")
    plan(envs, 2, 3, 3)
    first, again = picture(1, 0), picture(2, 0)
    for pictures, rewards, ended, finals in (
        ([first + 1] * 3, [1, 1, 1], [False] * 3, {}),
        ([again, first + 2, first + 2], [10, 1, 1], [True, False, False], {0: first + 2}),
        (
            [again + 1, again, again],
            [1, 10, 10],
            [False, True, True],
            dict.fromkeys((1, 2), first + 3),
        ),
        ([again + 2, again + 1, again + 1], [1, 1, 1], [False] * 3, {}),
    ):
        observations, found, terminated, truncated, infos = envs.step(ONES)
        assert shown(observations) == pictures
        assert found.tolist() == rewards
        assert terminated.tolist() == ended
        assert not truncated.any()
        for key in ("final_obs", "final_info"):
            assert infos.get(f"_{key}", np.zeros(3, np.bool_)).tolist() == ended
        for env in range(3) if finals else ():
            final = infos["final_obs"][env]
            if env in finals:
                assert final in envs.single_observation_space
                assert (final == finals[env]).all()
            else:
                assert final is None


def test_autoreset_disabled(make: Make) -> None:
    envs = make(3, autoreset="disabled")
    plan(envs, 2, 3, 3)
    first, again = picture(1, 0), picture(2, 0)
    for pictures, ended, after in (
        ([first + 1] * 3, [False] * 3, None),
        ([first + 2] * 3, [True, False, False], [again, first + 2, first + 2]),
        ([again + 1, first + 3, first + 3], [False, True, True], [again + 1, again, again]),
        ([again + 2, again + 1, again + 1], [False] * 3, None),
    ):
        observations, _, terminated, _, infos = envs.step(ONES)
        assert shown(observations) == pictures
        assert terminated.tolist() == ended
        assert "final_obs" not in infos
        if after is not None:
            with pytest.raises(ResetNeeded):
                envs.step(ONES)
            observations, _ = envs.reset(options={"reset_mask": terminated})
            assert shown(observations) == after


@pytest.mark.parametrize("mode", AutoresetMode)
def test_autoreset_metadata(make: Make, mode: AutoresetMode) -> None:
    others = make(1, autoreset="next_step")
    for name in (mode, mode.value, mode.name.lower()):
        assert make(1, autoreset=name).metadata["autoreset_mode"] is mode
    assert others.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    assert "autoreset_mode" not in gymnasium.vector.VectorEnv.metadata
    assert "autoreset_mode" not in envserver.VectorEnv.metadata


@pytest.mark.integration
@pytest.mark.parametrize("mode", AutoresetMode)
def test_make_vec_autoreset(home: Path, mode: AutoresetMode) -> None:
    envs = gymnasium.make_vec(
        "envserver/gym-core.CartPole-v1",
        num_envs=2,
        vectorization_mode="vector_entry_point",
        clock="step",
        screen="native",
        autoreset_mode=mode.value,
    )
    try:
        assert envs.metadata["autoreset_mode"] is mode
        assert envs.num_envs == 2
        observations, _ = envs.reset(seed=1)
        assert observations in envs.observation_space
    finally:
        envs.close()


def test_spaces(make: Make) -> None:
    envs = make(8, reset=False)
    assert envs.num_envs == 8
    single = envs.single_observation_space
    assert envs.observation_space == gymnasium.vector.utils.batch_space(single, 8)
    observations, infos = envs.reset()
    assert isinstance(observations, np.ndarray)
    assert observations in envs.observation_space
    assert observations.dtype == envs.observation_space.dtype == single.dtype
    assert observations.shape == envs.observation_space.shape
    assert isinstance(infos, dict)
    assert envs.step(envs.action_space.sample())[0] in envs.observation_space


@pytest.mark.parametrize("listed", [True, False])
def test_a_step(make: Make, listed: bool) -> None:
    envs = make(8)
    actions = envs.action_space.sample()
    if listed:
        actions = [envs.single_action_space.sample() for _ in range(8)]
    _, rewards, terminated, truncated, _ = envs.step(actions)
    for column, kind in ((rewards, np.floating), (terminated, np.bool_), (truncated, np.bool_)):
        assert isinstance(column, np.ndarray)
        assert isinstance(column[0], kind)
        assert column.shape == (8,)


def test_infos_of_resets_come_with_them(make: Make) -> None:
    envs = make(1, reset=False)
    session_of(envs).infos |= {
        (0, 1, 0): {"reset": True},
        (0, 1, 1): {"action": 1},
        (0, 2, 0): {"reset": True},
    }
    plan(envs, 2)
    infos = [envs.reset()[1], *(envs.step([1])[4] for _ in range(3))]
    said = [
        {key: info[key].tolist() for key in ("reset", "_reset", "action", "_action") if key in info}
        for info in infos
    ]
    was_reset = {"reset": [True], "_reset": [True]}
    assert said == [was_reset, {"action": [1], "_action": [True]}, {}, was_reset]


@pytest.mark.parametrize("ends", [1, 2, 3])
def test_ends_together(make: Make, ends: int) -> None:
    envs = make(3, autoreset="same_step")
    plan(envs, *([2] * ends + [4] * (3 - ends)))
    envs.step(ONES)
    _, _, terminated, _, infos = envs.step(ONES)
    assert terminated.tolist() == infos["_final_obs"].tolist() == [env < ends for env in range(3)]
    assert [final is not None for final in infos["final_obs"]] == terminated.tolist()


def told_seeds(envs: Any) -> list[Any]:
    return [told.get("seed") for told in session_of(envs).sent_resets[-1][1].values()]


def test_seeds(make: Make) -> None:
    envs = make(3, reset=False)
    envs.reset(seed=42)
    assert told_seeds(envs) == [42, 43, 44]
    assert envs.np_random_seed == 42
    envs.reset()
    assert told_seeds(envs) == [None] * 3
    assert envs.np_random_seed == 42
    envs.reset(seed=[5, None, 7])
    assert told_seeds(envs) == [5, None, 7]
    with pytest.raises(ValueError, match="3"):
        envs.reset(seed=[1, 2])


def test_partial_reset(make: Make) -> None:
    envs = make(3, autoreset="disabled")
    for _ in range(3):
        observations, *_ = envs.step(ONES)
    before = observations.copy()
    observations, infos = envs.reset(
        seed=[0, 1, 0], options={"reset_mask": np.array([True, True, False])}
    )
    assert shown(observations) == [picture(2, 0), picture(2, 0), before[2, 0, 0, 0]]
    assert session_of(envs).sent_resets[-1][1].keys() == {0, 1}
    assert infos["episode_id"].tolist() == [2, 2, 1]


@pytest.mark.parametrize(
    "mask",
    [
        np.array([True]),
        np.array([True, True, False, False]),
        np.array([[True, True, True]]),
        np.array([1, 1, 0]),
        np.array([1.0, 1.0, 0.0]),
        np.array([False, False, False]),
        [True, True, False],
    ],
)
def test_partial_reset_failure(make: Make, mask: Any) -> None:
    envs = make(3, autoreset="disabled")
    resets = len(session_of(envs).sent_resets)
    with pytest.raises((TypeError, ValueError), match="reset_mask"):
        envs.reset(options={"reset_mask": mask})
    assert len(session_of(envs).sent_resets) == resets
    assert envs.step(ONES)[4]["valid"].all()


def test_render(make: Make) -> None:
    envs = make(3, render_mode="rgb_array")
    assert envs.render_mode == "rgb_array"
    frames = envs.render()
    assert isinstance(frames, tuple)
    assert [frame.shape for frame in frames] == [(4, 8, 3)] * 3
    assert make(3).render_mode is None


def test_call(make: Make) -> None:
    envs = make(2, render_mode="rgb_array")
    images = envs.call("render")
    assert isinstance(images, tuple)
    assert [image.shape for image in images] == [(4, 8, 3)] * 2
    assert envs.call("render_mode") == ("rgb_array",) * 2


def test_attributes_are_the_vector_environments_own(make: Make) -> None:
    envs = make(2)
    assert envs.get_attr("num_envs") == (2, 2)
    with pytest.raises(AttributeError, match="gravity"):
        envs.get_attr("gravity")
    with pytest.raises(AttributeError, match="remotes are programs"):
        envs.set_attr("gravity", [9.81, 3.72])


def test_actions_are_sampled_alike(make: Make) -> None:
    one, other = (make(3).action_space for _ in range(2))
    one.seed(123)
    other.seed(123)
    for _ in range(20):
        assert np.array_equal(one.sample(), other.sample())


def test_observations_are_views(make: Make) -> None:
    envs = make(2)
    observations, _ = envs.reset()
    assert not observations.flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        observations[0] = 0


def test_step_timeout(make: Make) -> None:
    envs = make(2)
    workers(envs)[0].plan("skip")
    envs.send([1, 1])
    with pytest.raises(TimeoutError):
        envs.recv(timeout_s=0)
    workers(envs)[0].release()
    assert envs.recv().rewards.tolist() == [1, 1]


def test_out_of_order(make: Make) -> None:
    envs = make(2)
    with pytest.raises(NoAsyncCallError):
        envs.recv()
    envs.send([1, 1])
    with pytest.raises(AlreadyPendingCallError):
        envs.send([1, 1])
    with pytest.raises(AlreadyPendingCallError):
        envs.reset()
    envs.close()


def test_already_closed(make: Make) -> None:
    envs = make(2)
    envs.close()
    for call in (envs.reset, lambda: envs.step([1, 1]), lambda: envs.send([1, 1]), envs.recv):
        with pytest.raises(ClosedEnvironmentError):
            call()


def test_one_that_fails_is_truncated(make: Make) -> None:
    envs = make(2)
    workers(envs)[1].plan("die")
    _, rewards, terminated, truncated, infos = envs.step([1, 1])
    assert rewards.tolist() == [1, 0]
    assert not terminated.any()
    assert truncated.tolist() == [False, True]
    assert infos["fault"][1]["fault"] == "WORKER_DIED"
    for _ in range(3):
        infos = envs.step([1, 1])[4]
    assert infos["valid"].all()


class Counting(VectorWrapper[Any, Any, Any]):
    """Counts resets."""

    resets = 0

    def reset(self, *, seed: Any = None, options: Any = None) -> Any:
        self.resets += 1
        return super().reset(seed=seed, options=options)


def test_wrappers(make: Make) -> None:
    envs = make(2)
    wrapped = Counting(envs)
    wrapped.reset()
    assert wrapped.resets == 1
    assert wrapped.unwrapped is envs
    assert wrapped.metadata == envs.metadata
    assert wrapped.env.get_attr("num_envs") == (2, 2)  # type: ignore[attr-defined]
    envs.metadata = {"render_modes": ["rgb_array"]}
    assert wrapped.metadata["render_modes"] == ["rgb_array"]


@pytest.mark.parametrize("mode", ["next_step", "same_step"])
def test_episode_statistics(make: Make, mode: str) -> None:
    envs = make(2, autoreset=mode, reset=False)
    wrapped = RecordEpisodeStatistics(envs)
    wrapped.reset()
    plan(envs, 3, 5)
    returns: list[list[float]] = [[], []]
    for _ in range(6):
        infos = wrapped.step(np.array([1, 1]))[4]
        for env in np.flatnonzero(infos.get("_episode", [])).tolist():
            returns[env] += [infos["episode"]["r"][env], infos["episode"]["l"][env]]
    assert returns == [[12, 3], [14, 5]]
