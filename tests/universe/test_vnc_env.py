"""The environment over real remotes: None, pictures, ends, texts, faults, and bad input."""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes.gym_core_host import GymCoreHost
from fakes.universe_envs import TalkingRemote

from envserver import universe
from envserver.universe.compat import core
from envserver.universe.envs import VNCEnv
from envserver.universe.error import Error
from envserver.universe.spaces import KeyEvent, PeekReward
from envserver.universe.wrappers import SoftmaxClickMouse

pytestmark = pytest.mark.integration

Step = tuple[list[Any], list[float], list[bool], dict[str, Any]]


@pytest.fixture(scope="module")
def host() -> Iterator[GymCoreHost]:
    made = GymCoreHost()
    yield made
    made.close()


@pytest.fixture
def talking() -> Iterator[TalkingRemote]:
    made = TalkingRemote()
    yield made
    made.close()


@pytest.fixture
def make(home: Path) -> Iterator[Callable[..., VNCEnv]]:
    made: list[VNCEnv] = []

    def build(env_id: str | None = None, **arguments: Any) -> VNCEnv:
        env = universe.make(env_id) if env_id is not None else VNCEnv()
        made.append(env)
        env.configure(**arguments)
        return env

    yield build
    for env in made:
        env.close()


def until(
    env: VNCEnv, what: Callable[[Step], bool], action: Any = None, seconds: float = 20
) -> Step:
    """Step until `what` holds."""
    deadline_s = time.monotonic() + seconds
    while time.monotonic() < deadline_s:
        stepped = env.step([action or [] for _ in range(env.n or 0)])
        if what(stepped):
            return stepped
    raise AssertionError("it did not happen")


def runs(stepped: Step) -> bool:
    return all(observation is not None for observation in stepped[0])


def test_none_then_pictures_then_done_once(make: Callable[..., VNCEnv], host: GymCoreHost) -> None:
    address = host.start("once", "gym-core.CartPole-v1")
    env = make("gym-core.CartPole-v1", remotes=f"vnc://{address}")
    assert env.n == 1
    assert env.reset() == [None]
    observation_n, reward_n, done_n, info = env.step([[("KeyEvent", "ArrowRight", True)]])
    assert (observation_n, reward_n, done_n) == ([None], [0.0], [False])
    assert info["n"][0]["env_status.env_state"] == "resetting"
    observation_n, reward_n, done_n, info = until(env, runs)
    vision = observation_n[0]["vision"]
    assert vision.shape == (768, 1024, 3)
    assert vision.dtype == np.uint8
    assert observation_n[0]["text"] == []
    assert type(reward_n[0]) is float
    assert type(done_n[0]) is bool
    own = info["n"][0]
    assert {"stats.vnc.updates.rectangles", "stats.vnc.updates.bytes"} <= own.keys()
    assert own["env_status.env_state"] == "running"
    assert own["env_status.episode_id"] == "1"
    kept = vision.copy()
    vision_before = vision
    ended = until(env, lambda stepped: stepped[2][0])
    assert (vision_before == kept).all(), "an observation is the script's own"
    assert ended[0] == [None]
    own = ended[3]["n"][0]
    assert own["env_status.complete.episode_id"] == "1"
    assert own["env_status.episode_id"] == "2"
    assert own["final_observation"]["vision"].shape == (768, 1024, 3)
    stepped = env.step([[]])
    assert stepped[2] == [False]
    again = until(env, runs)
    assert again[3]["n"][0]["env_status.episode_id"] == "2"


def test_held_keys_stay_held_and_rewards_come(make: Callable[..., VNCEnv]) -> None:
    env = make("flashgames.DuskDrive-v0", remotes=1, fps=60)
    env.reset()
    until(env, runs)
    env.step([[KeyEvent.by_name("ArrowUp")]])
    until(env, lambda stepped: stepped[1][0] > 0)


def test_a_game_is_where_universe_showed_it(make: Callable[..., VNCEnv]) -> None:
    env = make("gym-core.Pong-v0", remotes=1, client_id="me")
    assert isinstance(env, core.Env)
    env.reset()
    vision = until(env, runs)[0][0]["vision"]
    assert vision[:210, :160].any(axis=2).mean() > 0.9
    assert not vision[210:].any()
    assert not vision[:, 160:].any()
    seen = {"rectangles": 0, "bytes": 0, "n": 0}
    for _ in range(60):
        own = env.step([[]])[3]["n"][0]
        seen = {name: seen[name] + own[f"stats.vnc.updates.{name}"] for name in seen}
    assert seen["bytes"] > seen["rectangles"] >= seen["n"] > 0


def test_a_page_is_where_universe_showed_it_and_takes_clicks(make: Callable[..., VNCEnv]) -> None:
    env = SoftmaxClickMouse(make("wob.mini.ClickTest-v0", remotes=1, fps=20))
    env.reset()
    (observation,) = until(env.unwrapped, runs)[0]
    page = observation["vision"][75:285, 10:170].copy()
    observation["vision"][75:285, 10:170] = 0
    assert page.mean() > 200
    assert not observation["vision"].any()
    assert observation["text"] == ["Click the button."]
    button = (page[50:] < 200).any(axis=2).nonzero()
    x, y = 10 + int(button[1].mean()), 125 + int(button[0].mean())
    nearest = min(env.points, key=lambda point: abs(point[0] - x) + abs(point[1] - y))
    clicked = env.step([env.points.index(nearest)])
    if not clicked[2][0]:
        clicked = until(env.unwrapped, lambda stepped: stepped[2][0])
    assert clicked[1] == [1.0]


def test_sixty_steps_a_second(make: Callable[..., VNCEnv], host: GymCoreHost) -> None:
    env = make(remotes=f"vnc://{host.start('pace', 'ALE/Pong-v5')}")
    env.reset()
    until(env, runs)
    began_s = time.monotonic()
    for _ in range(30):
        info = env.step([[PeekReward()]])[3]
    assert time.monotonic() - began_s >= 29 / 60
    assert info["throttle.action.available_at"] <= info["throttle.observation.available_at"]


def test_texts_and_rewards_come_with_their_step(
    make: Callable[..., VNCEnv], talking: TalkingRemote
) -> None:
    env = make(remotes=f"vnc://{talking.address}")
    env.reset()
    until(env, runs)
    talking.say("click the button")
    talking.say("and then the other")
    said: list[str] = []

    def heard(stepped: Step) -> bool:
        said.extend(stepped[0][0]["text"])
        return len(said) == 2

    until(env, heard)
    assert said == ["click the button", "and then the other"]
    assert env.step([[]])[0][0]["text"] == []
    talking.reward(1.5)
    paid = until(env, lambda stepped: stepped[1][0] != 0)
    assert paid[1] == [1.5]
    assert paid[3]["n"][0]["stats.reward.count"] == 1
    assert abs(paid[3]["n"][0]["reward_buffer.remote_time"] - time.time()) < 5
    talking.reward(2.0, done=True)
    ended = until(env, lambda stepped: stepped[2][0])
    assert ended[1] == [2.0]
    until(env, runs)
    env.step([[("KeyEvent", "a", True)]])
    until(env, lambda stepped: (ord("a"), True) in talking.keys)
    talking.reward(0.0, done=True)
    until(env, lambda stepped: (ord("a"), False) in talking.keys)


def test_reset_begins_another_episode(make: Callable[..., VNCEnv], talking: TalkingRemote) -> None:
    env = make("gym-core.Pong-v0", remotes=f"vnc://{talking.address}")
    env.reset()
    until(env, runs)
    assert env.reset() == [None]
    stepped = until(env, runs)
    assert stepped[3]["n"][0]["env_status.episode_id"] == "2"
    assert stepped[3]["n"][0]["env_status.reset.episode_id"] == "2"
    assert [body["env_id"] for body in talking.resets] == ["gym-core.Pong-v0"] * 2


def test_a_remote_without_rewarder(make: Callable[..., VNCEnv]) -> None:
    remote = TalkingRemote(rewarder=False)
    try:
        env = make(remotes=f"vnc://{remote.address}")
        env.reset()
        stepped = until(env, runs)
        assert (stepped[1], stepped[2]) == ([0.0], [False])
        assert stepped[3]["n"][0]["env_status.disconnected"]
        env.close()
    finally:
        remote.close()


def test_one_that_never_starts_leaves_the_other_alone(
    make: Callable[..., VNCEnv], host: GymCoreHost
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    good = host.start("good", "ALE/Pong-v5")
    env = make(remotes=f"vnc://{good},127.0.0.1:{port}+{port}", start_timeout=1.0)
    env.reset()
    stepped = until(env, lambda stepped: stepped[2][1])
    assert "nothing listens there" in stepped[3]["n"][1]["error"]
    for _ in range(3):
        observation_n, reward_n, done_n, info = env.step([[], []])
        assert observation_n[0] is not None
        assert (observation_n[1], reward_n[1], done_n[1]) == (None, 0.0, False)
        assert str(port) in info["n"][1]["error"]


def test_one_that_dies_in_the_middle_comes_back(make: Callable[..., VNCEnv]) -> None:
    env = make("gym-core.Pong-v0", remotes=2)
    env.reset()
    until(env, runs)
    first = env._remotes()[0]
    (worker,) = first._session.status()["workers"]
    os.kill(worker["pid"], signal.SIGKILL)
    lost = until(env, lambda stepped: stepped[2][0])
    assert lost[0][0] is None
    assert lost[1][0] == 0.0
    assert "remote 0" in lost[3]["n"][0]["error"]
    assert lost[0][1] is not None
    back = until(env, runs)
    assert "error" not in back[3]["n"][0]
    assert back[3]["n"][0]["env_status.episode_id"] == "2"


def test_the_next_step_raises_when_all_are_lost(make: Callable[..., VNCEnv]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    env = make(remotes=f"vnc://127.0.0.1:{port}", start_timeout=1.0)
    assert env.reset() == [None]
    lost = until(env, lambda stepped: stepped[2][0])
    assert "nothing listens there" in lost[3]["n"][0]["error"]
    with pytest.raises(Error, match=r"all 1 remotes are lost.*nothing listens there"):
        env.step([[]])


def test_wrong_actions_send_nothing(make: Callable[..., VNCEnv], talking: TalkingRemote) -> None:
    env = make(remotes=f"vnc://{talking.address}")
    env.reset()
    until(env, runs)
    with pytest.raises(Error, match=r"environment 0: event 1 is .*no key is called 'ArowUp'"):
        env.step([[("KeyEvent", "b", True), ("KeyEvent", "ArowUp", True)]])
    with pytest.raises(Error, match="found 2, expected 1"):
        env.step([[], []])
    assert runs(env.step([[("KeyEvent", "c", True)]]))
    until(env, lambda stepped: (ord("c"), True) in talking.keys)
    assert (ord("b"), True) not in talking.keys


def test_order(make: Callable[..., VNCEnv], talking: TalkingRemote) -> None:
    env = VNCEnv()
    with pytest.raises(Error, match=r"call env\.configure"):
        env.reset()
    env = make(remotes=f"vnc://{talking.address}")
    with pytest.raises(Error, match="already been configured"):
        env.configure(remotes=1)
    assert env.render() is None
    assert env.render(mode="rgb_array").shape == (768, 1024, 3)  # type: ignore[union-attr]
    with pytest.raises(Error, match="ansi"):
        env.render(mode="ansi")
    env.close()
    env.close()
    with pytest.raises(Error, match="closed"):
        env.step([[]])
