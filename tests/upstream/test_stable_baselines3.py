"""What SB3's test_vec_envs.py and its neighbours say of a VecEnv, said of ours.

Theirs make environments of `env_fns`, with attributes, methods and wrappers of their own; remotes
have none, so each behaviour is stated anew over scripted workers. `SUITE` has all of their tests.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes.scripted_env import Make, scripted_envs, session_of, workers
from fakes.scripted_worker import picture

sb3 = pytest.importorskip("stable_baselines3", reason="pip install 'envserver[sb3]' torch==2.13.0")
from stable_baselines3.common.monitor import Monitor  # noqa: E402
from stable_baselines3.common.vec_env import (  # noqa: E402
    VecCheckNan,
    VecFrameStack,
    VecMonitor,
    VecNormalize,
    VecTransposeImage,
)

from envserver.adapters.sb3 import SB3VecEnv  # noqa: E402

FUNCTIONS = "no: environments of Python functions"
OTHER_SPACES = "no: observations are pictures, always"
ITS_OWN = "no: of SB3's wrapper alone, whatever it wraps"

SUITE = {
    "test_vec_envs.py": {
        "test_vecenv_func_checker": FUNCTIONS,
        "test_vecenv_custom_calls": "test_calls_and_attributes",
        "test_vecenv_terminal_obs": "test_terminal_observations",
        "test_vecenv_single_space": "test_observations_are_in_their_space",
        "test_vecenv_dict_spaces": OTHER_SPACES,
        "test_vecenv_tuple_spaces": OTHER_SPACES,
        "test_subproc_start_method": FUNCTIONS,
        "test_vecenv_wrapper_getattr": "test_wrappers_find_attributes",
        "test_framestack_vecenv": "test_frames_are_stacked_on_the_last_dimension",
        "test_vec_env_is_wrapped": "test_nothing_inside_is_wrapped",
        "test_vec_deterministic": "test_seeds",
        "test_vec_seeding": "test_seeds",
        "test_render": "test_render",
        "test_video_recorder": "no: needs moviepy, which is not among our dependencies",
    },
    "test_vec_monitor.py": {
        "test_vec_monitor": "test_the_monitor",
        "test_vec_monitor_info_keywords": ITS_OWN,
        "test_vec_monitor_load_results": ITS_OWN,
        "test_vec_monitor_ppo": "test_ppo_through_the_monitor",
        "test_vec_monitor_warn": FUNCTIONS,
    },
    "test_vec_check_nan.py": {"test_check_nan": "test_numbers_are_checked"},
    "test_vec_normalize.py": {
        "test_vec_env": "test_terminal_observations",
        "test_get_original": "test_what_is_normalized_keeps_its_original",
        **dict.fromkeys(
            (
                "test_runningmeanstd",
                "test_combining_stats",
                "test_obs_rms_vec_normalize",
                "test_get_original_dict",
                "test_normalize_external",
                "test_normalize_dict_selected_keys",
                "test_her_normalization",
                "test_offpolicy_normalization",
                "test_sync_vec_normalize",
                "test_discrete_obs",
                "test_non_dict_obs_keys",
            ),
            ITS_OWN,
        ),
    },
    "test_vec_stacked_obs.py": dict.fromkeys(
        (
            "test_compute_stacking_box",
            "test_compute_stacking_multidim_box",
            "test_compute_stacking_multidim_box_channel_first",
            "test_compute_stacking_image_channel_first",
            "test_compute_stacking_image_channel_last",
            "test_compute_stacking_image_channel_first_stack_last",
            "test_compute_stacking_image_channel_last_stack_first",
            "test_reset_update_box",
            "test_reset_update_multidim_box",
            "test_reset_update_multidim_box_channel_first",
            "test_reset_update_image_channel_first",
            "test_reset_update_image_channel_last",
            "test_reset_update_image_channel_first_stack_last",
            "test_reset_update_image_channel_last_stack_first",
            "test_reset_update_dict",
            "test_episode_termination_box",
            "test_episode_termination_dict",
        ),
        ITS_OWN,
    ),
    "test_vec_extract_dict_obs.py": {
        "test_extract_dict_obs": OTHER_SPACES,
        "test_vec_with_ppo": OTHER_SPACES,
    },
}

ZEROS = np.zeros(3, np.int64)


@pytest.fixture
def make() -> Iterator[Make]:
    with scripted_envs() as build:
        yield build


def ours(make: Make, **options: Any) -> Any:
    return SB3VecEnv(make(3, reset=False, autoreset="same_step", **options))


def plan(envs: Any, *lengths: int) -> None:
    for worker, length in zip(workers(envs.unwrapped.envs), lengths, strict=True):
        worker.plan(*["step"] * (length - 1), "truncate")


def test_every_one_of_theirs_has_its_place() -> None:
    names = [place for tests in SUITE.values() for place in tests.values()]
    assert [name for name in names if not (name.startswith("no: ") or name in globals())] == []
    apply = [name for name in names if not name.startswith("no: ")]
    said = (Path(__file__).resolve().parents[2] / "docs" / "rollouts.md").read_text()
    assert f"{len(apply)} of {len(names)} tests of SB3" in said


def test_calls_and_attributes(make: Make) -> None:
    envs = ours(make, render_mode="rgb_array")
    envs.reset()
    assert not envs.has_attr("dummy")
    with pytest.raises(AttributeError, match="remotes are programs"):
        envs.set_attr("dummy", 12)
    with pytest.raises(AttributeError, match="custom_method"):
        envs.env_method("custom_method", 1, dim_1=2)
    assert envs.get_attr("render_mode") == ["rgb_array"] * 3
    assert envs.get_attr("render_mode", indices=[0, -1]) == ["rgb_array"] * 2
    assert len(envs.env_method("render", indices=[0, 2])) == 2
    told = session_of(envs.envs).sent_resets
    envs.set_options({"hello": 1})
    assert len(told) == 1
    envs.reset()
    assert all(given["options"] == {"hello": 1} for given in told[-1][1].values())
    envs.reset()
    assert not any(given.get("options") for given in told[-1][1].values())
    options = [{"other": 2}, {"hello": 1}, {"hello": 1}]
    envs.set_options(options)
    envs.reset()
    assert [given["options"] for given in told[-1][1].values()] == options


def wrapped(envs: Any, wrapper: Any) -> Any:
    if wrapper is VecFrameStack:
        return VecFrameStack(envs, n_stack=2)
    return envs if wrapper is None else wrapper(envs)


@pytest.mark.parametrize("wrapper", [None, VecFrameStack, VecTransposeImage, VecNormalize])
def test_terminal_observations(make: Make, wrapper: Any) -> None:
    lengths = [5, 6, 7]
    envs = wrapped(ours(make), wrapper)
    before = np.array(envs.reset())
    plan(envs, *lengths)
    for step in range(1, 8):
        observations, _, dones, infos = envs.step(ZEROS)
        for env, length in enumerate(lengths):
            assert dones[env] == (step == length)
            assert ("terminal_observation" in infos[env]) == dones[env]
            if dones[env]:
                terminal = infos[env]["terminal_observation"]
                assert terminal.shape == observations[env].shape
                assert infos[env]["TimeLimit.truncated"] is True
                if wrapper is not VecNormalize:
                    newest = (slice(None), slice(None), slice(-3, None))
                    last = terminal[newest] if wrapper is VecFrameStack else terminal
                    assert (last == picture(1, length)).all()
                    assert terminal.max() > before[env].max()
        before = np.array(observations)


def test_observations_are_in_their_space(make: Make) -> None:
    envs = ours(make)
    observations = envs.reset()
    plan(envs, 4, 9, 9)
    dones = [False]
    while not any(dones):
        assert len(observations) == 3
        assert all(envs.observation_space.contains(each) for each in observations)
        actions = np.array([envs.action_space.sample() for _ in range(3)])
        observations, rewards, dones, infos = envs.step(actions)
        assert rewards.shape == dones.shape == (3,)
        assert isinstance(infos, list)


class Wrapper(VecNormalize):  # type: ignore[misc]
    """Has an attribute."""

    var_a = "a"


def test_wrappers_find_attributes(make: Make) -> None:
    envs = Wrapper(VecFrameStack(ours(make), n_stack=2))
    assert envs.var_a == "a"
    assert envs.stacked_obs.stacked_shape == (4, 8, 6)
    assert envs.envs.num_envs == 3
    with pytest.raises(AttributeError):
        _ = envs.nothing_of_that_name


def test_frames_are_stacked_on_the_last_dimension(make: Make) -> None:
    envs = VecFrameStack(ours(make, slots=2), n_stack=2)
    assert envs.reset().shape == (3, 4, 8, 6)
    observations, *_ = envs.step(ZEROS)
    assert observations.shape == (3, 4, 8, 6)
    assert observations[:, 0, 0, [0, 3]].tolist() == [[picture(1, 0), picture(1, 1)]] * 3
    first = VecFrameStack(ours(make, slots=2), n_stack=2, channels_order="first")
    assert first.reset().shape == (3, 8, 8, 3)


def test_nothing_inside_is_wrapped(make: Make) -> None:
    envs = VecFrameStack(ours(make), n_stack=2)
    assert envs.env_is_wrapped(Monitor) == [False] * 3


def test_seeds(make: Make) -> None:
    envs = ours(make)
    told = session_of(envs.envs).sent_resets
    envs.seed(3)
    envs.reset()
    assert [given["seed"] for given in told[-1][1].values()] == [3, 4, 5]
    VecNormalize(envs).seed(3)
    envs.reset()
    assert [given["seed"] for given in told[-1][1].values()] == [3, 4, 5]
    envs.reset()
    assert [given.get("seed") for given in told[-1][1].values()] == [None] * 3
    envs.seed()
    envs.reset()
    assert len({given["seed"] for given in told[-1][1].values()}) == 3


def test_render(make: Make) -> None:
    envs = ours(make, render_mode="rgb_array")
    envs.reset()
    tiled = envs.render()
    assert np.array_equal(tiled, envs.render(mode="rgb_array"))
    assert tiled.shape[-1] == 3
    assert VecNormalize(VecFrameStack(envs, 2)).render_mode == "rgb_array"
    with pytest.warns(UserWarning, match="something_else"):
        envs.render(mode="something_else")


def test_the_monitor(make: Make, tmp_path: Path) -> None:
    envs = ours(make)
    monitor = VecMonitor(envs, str(tmp_path / "monitor.csv"))
    monitor.reset()
    plan(envs, 3, 3, 3)
    for _ in range(3):
        infos = monitor.step(ZEROS)[3]
    assert [(info["episode"]["r"], info["episode"]["l"]) for info in infos] == [(12.0, 3)] * 3
    monitor.close()
    header, columns, *lines = (tmp_path / "monitor.csv").read_text().splitlines()
    assert header.startswith("#")
    assert columns.split(",") == ["r", "l", "t"]
    assert [line.split(",")[:2] for line in lines] == [["12.0", "3"]] * 3


def test_ppo_through_the_monitor(make: Make) -> None:
    envs = ours(make)
    session_of(envs.envs).episode_steps = 7
    network: dict[str, Any] = {"net_arch": []}
    model = sb3.PPO(
        "MlpPolicy", VecMonitor(envs), n_steps=8, batch_size=8, device="cpu", policy_kwargs=network
    )
    model.learn(total_timesteps=48)
    assert {(episode["r"], episode["l"]) for episode in model.ep_info_buffer} == {(16.0, 7)}


def test_numbers_are_checked(make: Make) -> None:
    envs = VecCheckNan(ours(make), raise_exception=True)
    envs.reset()
    envs.step(ZEROS)
    with pytest.raises(ValueError, match="nan"):
        envs.step(np.array([np.nan, 0, 0]))


def test_what_is_normalized_keeps_its_original(make: Make) -> None:
    envs = VecNormalize(ours(make), norm_obs=True)
    envs.reset()
    envs.step(ZEROS)
    original = envs.get_original_obs()
    assert original.dtype == np.uint8
    assert (original == picture(1, 1)).all()
    assert envs.get_original_reward().tolist() == [1, 1, 1]
