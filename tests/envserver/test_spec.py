"""What a session may ask for."""

from typing import Any

import msgpack
import numpy as np
import pytest

from cython_vnc.encodings import PICTURES, encodings_for
from envserver.spec import SessionSpec
from workers.encodings import VNC_OPTIONS

GYM: dict[str, Any] = {"runtime": "gym-core", "env_id": "ALE/Pong-v5", "num_envs": 2}


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"num_envs": 0}, "num_envs is 0, expected a whole number from 1"),
        ({"num_envs": -1}, "num_envs is -1"),
        ({"num_envs": 2.5}, "num_envs is 2.5"),
        ({"num_envs": True}, "num_envs is True"),
        ({"runtime": "nope"}, "runtime is 'nope', allowed are 'gym-core', 'xvnc'"),
        ({"runtime": None}, "runtime is None"),
        ({"env_id": None}, "env_id is None, expected a Gymnasium id"),
        ({"remotes": 3}, "num_envs is 2, but remotes names 3"),
        ({"remotes": "a,b,c"}, "num_envs is 2, but remotes names 3"),
        ({"remotes": "a:0,b"}, "remotes entry 0"),
        ({"remotes": 0}, "remotes is 0"),
        ({"height": 0}, "height is 0"),
        ({"width": 1 << 20}, "width is 1048576"),
        ({"slots": 1}, "slots is 1"),
        ({"queue_entries": 100}, "queue_entries is 100, expected a power of two"),
        ({"fps": 0}, "fps is 0, expected None"),
        ({"fps": float("nan")}, "fps is nan"),
        ({"fps": "60"}, "fps is '60'"),
        ({"clock": "fast"}, "clock is 'fast', allowed are 'real', 'step'"),
        ({"autoreset": "always"}, "autoreset is 'always', allowed are 'next_step'"),
        ({"while_resetting": "skip"}, "while_resetting is 'skip'"),
        ({"max_episode_steps": -1}, "max_episode_steps is -1"),
        ({"frame_skip": 0}, "frame_skip is 0"),
        ({"max_pool": True}, "max_pool needs frame_skip >= 2"),
        ({"env_kwargs": 3}, "env_kwargs is 3, expected a mapping"),
        ({"vnc_kwargs": {"colour": 1}}, "vnc_kwargs has 'colour', allowed are encoding"),
        (
            {"vnc_kwargs": {"quality_level": 10}},
            "vnc_kwargs['quality_level'] is 10, allowed",
        ),
        ({"vnc_kwargs": {"encoding": "h264"}}, "vnc_kwargs['encoding'] is 'h264'"),
        ({"source": "file"}, "source is 'file'"),
        ({"color": "grey"}, "color is 'grey', allowed are 'rgb', 'gray'"),
        ({"color": None}, "color is None"),
        ({"exact": 1}, "exact is 1, expected True or False"),
        ({"crop": (0, 0, 100)}, "crop is (0, 0, 100), expected (x, y, width, height)"),
        ({"crop": 5}, "crop is 5"),
        ({"crop": "abcd"}, "crop is 'abcd'"),
        ({"crop": (0, 0, 10, 2.5)}, "crop is (0, 0, 10, 2.5)"),
        ({"crop": (0, 0, 10, True)}, "crop is (0, 0, 10, True)"),
        ({"crop": (1000, 0, 25, 5)}, "which leaves the 1024x768 screen"),
        ({"crop": (0, -1, 5, 5)}, "which leaves the 1024x768 screen"),
        ({"crop": (0, 0, 0, 5)}, "which leaves the 1024x768 screen"),
        ({"size": 84}, "size is 84, expected (height, width)"),
        ({"size": (84, 84, 3)}, "size is (84, 84, 3)"),
        ({"size": (0, 84)}, "size is (0, 84), expected (height, width) of at most (768, 1024)"),
        ({"size": (769, 84)}, "nothing is enlarged"),
        ({"size": (768, 1025)}, "nothing is enlarged"),
        ({"crop": (0, 0, 80, 90), "size": (84, 84)}, "of at most (90, 80)"),
        ({"step_timeout_s": 0}, "step_timeout_s is 0, expected seconds"),
        ({"screen": (1, 2, 3)}, "screen is (1, 2, 3)"),
        ({"screen": (0, 2)}, "screen is 0"),
        ({"command": []}, "command is []"),
        ({"command": "xterm"}, "command is 'xterm', expected None: gym-core"),
        ({"env_kwargs": {"f": print}}, "env_kwargs: option 'f' holds a builtin_function"),
        ({"runtime": "xvnc", "clock": "step"}, "clock is 'step', expected 'real'"),
        ({"remotes": "a:1+2,b:3", "clock": "step"}, "expected 'real': b:3 has no rewarder"),
    ],
)
def test_wrong_arguments_are_named(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as raised:
        SessionSpec(**{**GYM, **fields})
    assert complaint in str(raised.value)


def test_num_envs_follows_the_addresses() -> None:
    assert SessionSpec(remotes="a:1,b:2,c:3").num_envs == 3


def test_remotes_with_rewarders_may_be_held_still() -> None:
    assert SessionSpec(remotes="a:1+2", clock="step").clock == "step"


def test_passwords_are_not_shown() -> None:
    assert "secret" not in repr(SessionSpec(remotes="a:1?password=secret"))


def test_what_is_shown() -> None:
    spec = SessionSpec(**GYM)
    assert (spec.shown.size, spec.shown.channels) == ((768, 1024), 3)
    assert spec.shown.crop == (0, 0, 1024, 768)
    spec = SessionSpec(**GYM, crop=[8, 0, 160, 210], size=[84, 60], color="gray")
    assert (spec.shown.size, spec.shown.channels) == ((84, 60), 1)
    assert spec.crop == (8, 0, 160, 210)
    assert spec.screen_or_size == (1024, 768)
    assert SessionSpec.from_wire(msgpack.unpackb(msgpack.packb(spec.to_wire()))) == spec


def test_survives_the_wire() -> None:
    xvnc: dict[str, Any] = {"runtime": "xvnc", "num_envs": 2, "env_kwargs": {"a": np.int64(3)}}
    spec = SessionSpec(
        **xvnc, command=("a", "b"), vnc_kwargs={"encoding": "raw"}, fps=30.0, exact=True
    )
    assert type(spec.to_wire()["env_kwargs"]["a"]) is int
    assert SessionSpec.from_wire(spec.to_wire()) == SessionSpec(
        **xvnc, command=["a", "b"], vnc_kwargs={"encoding": "raw"}, fps=30.0, exact=True
    )
    with pytest.raises(ValueError, match="unknown field 'colour'"):
        SessionSpec.from_wire({**spec.to_wire(), "colour": 1})


@pytest.mark.parametrize("encoding", VNC_OPTIONS["encoding"])
def test_workers_know_every_encoding(encoding: str) -> None:
    assert encodings_for(encoding)[0] == PICTURES[encoding]
