"""Arguments of `make_vec`, checked before anything starts."""

import os
from typing import Any

import numpy as np
import pytest
from gymnasium.spaces import Discrete
from gymnasium.vector import AutoresetMode

import envserver
from envserver.actions import EventCodec, EventSpace, KeyTableCodec
from envserver.codecs.acting import make_codec
from envserver.errors import BrokerUnavailable, InvalidRuntime
from envserver.make import native_size, parse_autoreset_mode
from envserver.spec import SessionSpec


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": None}, "no environment is named"),
        ({"name": 5}, "environment is 5"),
        ({"num_envs": 0}, "num_envs is 0"),
        ({"num_envs": -3}, "num_envs is -3"),
        ({"num_envs": 3, "remotes": 2}, "num_envs is 3, but remotes names 2"),
        ({"autoreset_mode": "never"}, "autoreset_mode is 'never', allowed are 'next_step'"),
        ({"while_resetting": "hope"}, "while_resetting is 'hope'"),
        ({"render_mode": "human"}, "render_mode is 'human'"),
        ({"crop": (0, 0, 2000, 5)}, r"crop is \(0, 0, 2000, 5\), which leaves the 1024x768"),
        ({"size": (84,)}, r"size is \(84,\), expected \(height, width\)"),
        ({"size": (2000, 84)}, "nothing is enlarged"),
        ({"color": "yuv"}, "color is 'yuv', allowed are 'rgb', 'gray'"),
        ({"keep_dim": 1, "color": "gray"}, "keep_dim is 1, expected True or False"),
        ({"keep_dim": True}, "keep_dim is True, expected False"),
        ({"fps": 0}, "fps is 0"),
        ({"fps": "fast"}, "fps is 'fast'"),
        ({"fps": 30, "clock": "step"}, "fps is 30, expected None in step clock"),
        ({"clock": "sun"}, "clock is 'sun'"),
        ({"slots": 1}, "slots is 1"),
        ({"screen": (640,)}, r"screen is \(640,\)"),
        ({"screen": "big"}, "screen is 'big'"),
        ({"screen": (640, 4.5)}, r"screen is \(640, 4.5\)"),
        ({"name": "xvnc", "screen": "native"}, "screen is 'native'"),
        ({"max_episode_steps": -2}, "max_episode_steps is -2"),
        ({"max_episode_steps": 0}, "max_episode_steps is 0, expected None, or a whole number from"),
        ({"max_episode_steps": "5"}, "max_episode_steps is '5'"),
        ({"num_envs": "2"}, "num_envs is '2', expected a whole number"),
        ({"num_envs": 2.0}, r"num_envs is 2\.0"),
        ({"fps": 0.001}, r"fps is 0\.001, expected None, or 0\.01 to 1000"),
        ({"late_after_ms": -1}, "late_after_ms is -1"),
        ({"late_after_ms": float("nan")}, "late_after_ms is nan"),
        ({"late_after_ms": float("inf")}, "late_after_ms is inf"),
        ({"late_after_ms": "5"}, "late_after_ms is '5'"),
        ({"tap_ms": -1}, "tap_ms is -1"),
        ({"tap_ms": 2.5}, r"tap_ms is 2\.5"),
        ({"env_kwargs": "fast"}, "env_kwargs is 'fast', expected a mapping"),
        ({"env_kwargs": []}, r"env_kwargs is \[\], expected a mapping"),
        ({"env_kwargs": {1: 2}}, "env_kwargs has 1"),
        ({"env_kwargs": {"f": print}}, "env_kwargs: option 'f' holds a builtin_function"),
        ({"command": "xterm"}, "command is 'xterm', expected None: gym-core"),
        ({"remotes": ["a:1", 5]}, "remotes has a int, expected addresses"),
        ({"remotes": []}, "remotes is an empty list"),
        ({"remotes": ["a:1", "b:2"], "num_envs": 3}, "num_envs is 3, but remotes names 2"),
        ({"remotes": "a:1", "clock": "step"}, "clock is 'step', expected 'real': a:1 has no rew"),
        ({"env_id": "ALE/Pong-v5"}, "env_id is 'ALE/Pong-v5', expected None beside the name"),
        ({"name": "gym-core"}, "'gym-core' names no environment"),
        ({"vnc_kwargs": {"speed": 3}}, "vnc_kwargs has 'speed'"),
        ({"name": "gym-core.NoSuchGame-v0", "screen": "native"}, "NoSuchGame"),
        (
            {"provider": "process", "container": {"cpus": 1}},
            r"container is \{'cpus': 1\}, expected",
        ),
        ({"remotes": "a:1", "container": {"cpus": 1}}, "expected none: the remotes run already"),
        ({"actions": "events"}, "gym-core.Pong-v0 has numbered actions of its own"),
        ({"address": "tcp://x"}, "address is 'tcp://x'"),
    ],
)
@pytest.mark.usefixtures("home")
def test_wrong_arguments_start_nothing(
    options: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("envserver.client.PrivateDaemon", None)
    with pytest.raises(ValueError, match=message):
        envserver.make_vec(**{"name": "gym-core.Pong-v0", **options})


@pytest.mark.parametrize("name", ["nothing.Pong-v0", "Pong", "xvnc.Pong-v0", "gym-core.Pong"])
def test_unknown_names(name: str) -> None:
    with pytest.raises(InvalidRuntime):
        envserver.make_vec(name)


@pytest.mark.usefixtures("home")
def test_no_daemon_to_connect_to() -> None:
    with pytest.raises(BrokerUnavailable):
        envserver.connect()


@pytest.mark.parametrize(
    ("given", "mode"),
    [
        ("next_step", AutoresetMode.NEXT_STEP),
        ("SameStep", AutoresetMode.SAME_STEP),
        ("DISABLED", AutoresetMode.DISABLED),
        (AutoresetMode.SAME_STEP, AutoresetMode.SAME_STEP),
    ],
)
def test_autoreset_modes(given: Any, mode: AutoresetMode) -> None:
    assert parse_autoreset_mode(given) is mode


def test_native_size_needs_no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str | None] = []

    class Drawn:
        frame = np.zeros((30, 40, 3), np.uint8)

        def __init__(self, *_: Any) -> None:
            seen.append(os.environ.get("SDL_VIDEODRIVER"))

        def close(self) -> None:
            seen.append("closed")

    monkeypatch.delenv("SDL_VIDEODRIVER", raising=False)
    monkeypatch.setattr("envserver.runtimes.gym_core.game.Game", Drawn)
    assert native_size({"env_id": "X-v0"}) == (40, 30)
    assert seen == ["dummy", "closed"]
    assert "SDL_VIDEODRIVER" not in os.environ


class Described:
    """What `make_codec` looks at in a session."""

    num_envs = 2
    spec = SessionSpec(runtime="xvnc", num_envs=2, width=30, height=20)

    def __init__(self, **describe: Any) -> None:
        self.describe = describe


def test_codecs() -> None:
    table: Any = make_codec(Described(keysyms=[[], [32]]))  # type: ignore[arg-type]
    assert isinstance(table, KeyTableCodec)
    assert table.single_space == Discrete(2)
    events: Any = make_codec(Described(), tap_ms=5)  # type: ignore[arg-type]
    assert isinstance(events, EventCodec)
    assert events.space == EventSpace(30, 20, tap_ms=5)


@pytest.mark.integration
@pytest.mark.usefixtures("daemon")
def test_connect_to_a_daemon() -> None:
    with envserver.connect() as connection:
        envs = connection.make_vec("gym-core.CartPole-v1", 1, screen=(640, 480), fps=None)
        assert envs.daemon_pid == connection.status()["pid"]
        assert envs.reset()[0].shape == (1, 480, 640, 3)
        envs.close()
        assert connection.status()["sessions"] == []
        with pytest.raises(ValueError, match="address is given"):
            connection.make_vec("gym-core.CartPole-v1", address="ipc:///x")


def test_public_names() -> None:
    for name in envserver.__all__:
        assert getattr(envserver, name) is not None
        assert name in dir(envserver)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = envserver.nothing
