"""Another environment in place: which names are taken, and what changes with it."""

import time
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from gymnasium.spaces import Discrete

import envserver
from envserver.actions import EventCodec, EventSpace, KeyTableCodec
from envserver.errors import InvalidRuntime
from envserver.runtimes_file import keep_time_limit, session_fields
from envserver.session import Session
from envserver.spec import SessionSpec
from envserver.switching import take_switches

PONG: dict[str, Any] = {
    "runtime": "gym-core",
    "runtime_name": "gym-core",
    "env_id": "gym-core.Pong-v0",
    "num_envs": 2,
}
TASK: dict[str, Any] = {
    "runtime": "xvnc",
    "runtime_name": "terminal",
    "env_id": "terminal.CreateFile-v0",
    "task": "envserver.tasks.terminal:CreateFile",
    "num_envs": 2,
}
SPACE = EventSpace(8, 8)


class Asked:
    """What `take_switches` looks at."""

    def __init__(
        self,
        tables: dict[str, Any] | None = None,
        frame: tuple[int, int] | None = None,
        **fields: Any,
    ) -> None:
        self.spec = SessionSpec(**fields)
        self._tables = tables or {}
        self._frame = frame

    def describe_env(self, env_id: str) -> dict[str, Any]:
        return {"keysyms": self._tables.get(env_id, [[]]), "frame": self._frame}


def switch(fields: dict[str, Any], *asked: Any) -> dict[int, dict[str, Any]]:
    requests = {env: {"options": {"env_id": name}} for env, name in enumerate(asked)}
    assert take_switches(Asked(**fields), requests, EventCodec(SPACE, 2), 2) is None
    return requests


@pytest.mark.parametrize(
    ("fields", "asked", "told"),
    [
        (PONG, "Breakout-v0", "gym-core.Breakout-v0"),
        (PONG, "gym-core.Breakout-v0", "gym-core.Breakout-v0"),
        (PONG, "ALE/Breakout-v5", "ALE/Breakout-v5"),
        (TASK, "CountLines-v0", "terminal.CountLines-v0"),
        (TASK, "terminal.CountLines-v0", "terminal.CountLines-v0"),
        ({"remotes": "a,b"}, "flashgames.NeonRace-v0", "flashgames.NeonRace-v0"),
    ],
)
def test_names(fields: dict[str, Any], asked: str, told: str) -> None:
    assert switch(fields, asked, asked) == {0: {"env_id": told}, 1: {"env_id": told}}


@pytest.mark.parametrize(
    ("fields", "asked", "complaint"),
    [
        (PONG, "terminal.CountLines-v0", "of the runtime terminal, these remotes are of gym-core"),
        (TASK, "gym-core.Pong-v0", r"runtime gym-core, these .* make_vec\('gym-core.Pong-v0'\)"),
        ({**TASK, "runtime_name": "xvnc"}, "Desktop-v0", "xvnc.Desktop-v0 has no task"),
        (TASK, "CountLnes-v0", "did you mean terminal.CountLines-v0?"),
        (TASK, 3, "environment 0: env_id is 3, expected a name"),
        ({**TASK, "task": None}, "CountLines-v0", "what runs has no task and cannot switch"),
        ({**TASK, "task": "mine.py:Mine"}, "CountLines-v0", "the task mine.py:Mine, which no name"),
    ],
)
def test_what_cannot_be_switched_to(fields: dict[str, Any], asked: Any, complaint: str) -> None:
    with pytest.raises((ValueError, InvalidRuntime), match=complaint):
        switch(fields, asked)


def test_fresh() -> None:
    requests: dict[int, Any] = {
        0: {"seed": 3, "options": {"fresh": True, "level": 2}},
        1: {"options": {"fresh": False}},
    }
    take_switches(Asked(**PONG), requests, EventCodec(SPACE, 2), 2)
    assert requests == {0: {"seed": 3, "options": {"level": 2}, "fresh": True}, 1: {}}
    with pytest.raises(ValueError, match=r"options\['fresh'\] is 1, expected True"):
        take_switches(Asked(**PONG), {0: {"options": {"fresh": 1}}}, EventCodec(SPACE, 2), 2)
    with pytest.raises(ValueError, match="the remotes were attached to"):
        take_switches(
            Asked(remotes="a,b"), {0: {"options": {"fresh": True}}}, EventCodec(SPACE, 2), 2
        )


def test_other_actions_change_the_space_of_all() -> None:
    tables = {"gym-core.A-v0": [[], [1]], "gym-core.B-v0": [[], [1], [2]]}
    session, codec = Asked(tables, **PONG), KeyTableCodec([[], [1]], 2)

    def asked(*names: str) -> dict[int, Any]:
        return {env: {"options": {"env_id": name}} for env, name in enumerate(names)}

    assert take_switches(session, asked("A-v0", "A-v0"), codec, 2) is None
    assert take_switches(session, asked("A-v0"), codec, 2) is None
    new = take_switches(session, asked("B-v0", "B-v0"), codec, 2)
    assert isinstance(new, KeyTableCodec)
    assert new.single_space == Discrete(3)
    for names in (("B-v0",), ("A-v0", "B-v0")):
        with pytest.raises(ValueError, match=r"other actions \(3\) than what runs \(2\)"):
            take_switches(session, asked(*names), codec, 2)


def miniwob(**fields: Any) -> dict[str, Any]:
    found = session_fields("miniwob.ClickTest-v0")
    return {"num_envs": 2, **found, **fields}


@pytest.mark.parametrize("attached", [{}, {"remotes": "a,b"}])
def test_another_screen_is_refused(attached: dict[str, Any]) -> None:
    for fields in (miniwob(**attached), miniwob(width=160, height=210, **attached)):
        assert switch(fields, "ClickButton-v0")[0] == {"env_id": "miniwob.ClickButton-v0"}
        with pytest.raises(InvalidRuntime) as raised:
            switch(fields, "FlightAA-v0")
        assert str(raised.value) == (
            "environment 0: miniwob.FlightAA-v0 has a screen of 375x667, the remote one of 160x210,"
            " which a session cannot change: close it and make another with "
            "make_vec('miniwob.FlightAA-v0')"
        )


def test_a_native_screen_is_that_of_the_first_game() -> None:
    codec = KeyTableCodec([[]], 2)
    fields = {**PONG, "screen": "native", "width": 160, "height": 210}

    def requests() -> dict[int, Any]:
        return {env: {"options": {"env_id": "Breakout-v0"}} for env in range(2)}

    same = Asked(frame=(210, 160), **fields)
    assert take_switches(same, requests(), codec, 2) is None
    other = Asked(frame=(400, 600), **fields)
    with pytest.raises(ValueError, match=r"draws pictures of 600x400, .* native ones of 160x210"):
        take_switches(other, requests(), codec, 2)


OWN = """
desk:
  kind: xvnc
  task: some.module:One
  environments:
    A-v0: {time_limit_s: 20}
    Same-v0: {time_limit_s: 90}
    Wide-v0: {screen: [1600, 900]}
    Fast-v0: {fps: 120}
    Short-v0: {max_episode_steps: 9}
    Keys-v0: {keys: [Up, Down]}
    Arrows-v0: {keys: [Up, Down]}
games:
  kind: gym-core
  env_id: CartPole-v1
  environments:
    A-v0: {env_id: MountainCar-v0}
    Timed-v0: {env_id: Acrobot-v1, time_limit_s: 20}
    Other-v0: {env_kwargs: {goal_velocity: 1}}
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "runtimes.yml"
    path.write_text(OWN)
    monkeypatch.setenv("ENVSERVER_RUNTIMES", str(path))


def made(name: str, fps: float | None = 60.0, **fields: Any) -> dict[str, Any]:
    """The spec's fields, as `make_vec` has them."""
    found = session_fields(name)
    steps = fields.pop("max_episode_steps", None)
    found.pop("fps", None)
    keep_time_limit(found, fps, steps)
    return {"num_envs": 2, **found, "fps": fps, **fields}


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(
    ("fields", "asked", "complaint"),
    [
        ({}, "Wide-v0", "desk.Wide-v0 has a screen of 1600x900, the remote one of 1024x768"),
        ({}, "Fast-v0", r"runs at 120 fps, the session at 60, .* make_vec\('desk.Fast-v0'\)"),
        ({}, "Short-v0", "truncated after 9 steps, the session's episodes after 0, which"),
    ],
)
def test_what_a_session_cannot_change(fields: Any, asked: str, complaint: str) -> None:
    with pytest.raises(InvalidRuntime, match=complaint):
        switch(made("desk.A-v0", **fields), asked)


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        ({}, "Same-v0"),  # the rewarder keeps the time limit
        ({"screen": (1600, 900)}, "Wide-v0"),
        ({"fps": 30.0}, "Fast-v0"),
        ({"fps": None}, "Fast-v0"),
        ({"max_episode_steps": 7}, "Short-v0"),
    ],
)
def test_what_the_trainer_chose_for_the_session_stays(fields: Any, asked: str) -> None:
    told = switch(made("desk.A-v0", **fields), asked)
    assert told == {0: {"env_id": f"desk.{asked}"}}


@pytest.mark.usefixtures("own")
def test_limits_and_arguments_of_games() -> None:
    codec = KeyTableCodec([[]], 2)

    def ask(name: str, **fields: Any) -> Any:
        requests: dict[int, Any] = {0: {"options": {"env_id": name}}}
        take_switches(Asked(**made("games.A-v0", **fields)), requests, codec, 2)
        return requests[0]["env_id"]

    with pytest.raises(InvalidRuntime, match=r"truncated after 1200 steps, .* after 0"):
        ask("Timed-v0")
    assert ask("Timed-v0", max_episode_steps=50) == "Acrobot-v1"
    with pytest.raises(InvalidRuntime, match=r"has the env_kwargs \{'goal_velocity': 1\}"):
        ask("Other-v0")


@pytest.mark.usefixtures("own")
def test_other_keys_change_the_space_of_all() -> None:
    codec = EventCodec(EventSpace(8, 8, tap_ms=7), 2)
    session = Asked(**made("desk.A-v0"))

    def ask(*names: str) -> Any:
        requests = {env: {"options": {"env_id": name}} for env, name in enumerate(names)}
        return take_switches(session, requests, codec, 2)

    assert ask("Same-v0", "Same-v0") is None
    new = ask("Keys-v0", "Arrows-v0")
    assert isinstance(new, EventCodec)
    assert new.space == EventSpace(8, 8, keys=("Up", "Down"), tap_ms=7)
    for names in (("Keys-v0",), ("Keys-v0", "Same-v0")):
        with pytest.raises(
            ValueError, match=r"'desk\.Keys-v0' has the keys Up, Down, what runs has"
        ):
            ask(*names)


@pytest.mark.integration
@pytest.mark.usefixtures("home")
def test_a_gym_core_remote_switches_and_stays() -> None:
    envs = envserver.make_vec("gym-core.CartPole-v1", 2, screen=(640, 480), clock="step")
    try:
        assert envs.single_action_space == Discrete(2)
        first, _ = envs.reset(seed=1)
        pole = first.copy()
        session = cast(Session, envs.session)
        pids = [each["pid"] for each in session.status()["workers"]]
        # Other actions: only for all at once.
        with pytest.raises(ValueError, match="other actions"):
            envs.reset(options={"per_env": [{"env_id": "MountainCar-v0"}, None]})
        with pytest.raises(InvalidRuntime, match="of the runtime terminal"):
            envs.reset(options={"env_id": "terminal.Shell-v0"})
        hill, _ = envs.reset(seed=1, options={"env_id": "MountainCar-v0"})
        assert envs.single_action_space == Discrete(3)
        assert (hill != pole).any(axis=(1, 2, 3)).all()
        hill = hill.copy()
        *_, infos = envs.step(np.array([2, 2]))
        assert infos["valid"].all()
        # 200 steps end an episode of MountainCar: what follows is MountainCar too.
        for _ in range(205):
            _, rewards, *_ = envs.step(np.array([1, 1]))
            assert ((rewards == -1) | (rewards == 0)).all()
        again, _ = envs.reset(seed=1)
        np.testing.assert_array_equal(again[:, :400], hill[:, :400])  # below is text
        # The same actions: each by itself.
        envs.reset(options={"env_id": "gym-core.CartPole-v1"})
        assert envs.single_action_space == Discrete(2)
        assert [each["pid"] for each in session.status()["workers"]] == pids
    finally:
        envs.close()


@pytest.mark.integration
@pytest.mark.usefixtures("home")
def test_a_desktop_switches_its_task_each_for_itself() -> None:
    envs = envserver.make_vec("terminal.CreateFile-v0", 2, screen=(640, 480), fps=30)
    try:
        _, infos = envs.reset(seed=0)
        session = cast(Session, envs.session)
        where = [session.attach(env)["vnc"] for env in range(2)]
        _, infos = envs.reset(
            options={"per_env": [{"env_id": "CountLines-v0"}, None]},
        )
        assert infos["valid"].all()
        for _ in range(60):
            if "text" in infos and infos["_text"].all():
                break
            *_, infos = envs.step([(), ()])
        goals = [str(text) for text in infos["text"]]
        assert goals[0] != goals[1]
        assert [session.attach(env)["vnc"] for env in range(2)] == where
    finally:
        envs.close()


QUICK = """
quick:
  kind: xvnc
  environments:
    A-v0: {task: "envserver.tasks.terminal:CreateFile", time_limit_s: 0.6}
    B-v0: {task: "envserver.tasks.terminal:CountLines", time_limit_s: 1.5}
"""


@pytest.mark.integration
@pytest.mark.usefixtures("home")
def test_the_time_limit_holds_without_ticks_and_comes_with_a_switch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "quick.yml").write_text(QUICK)
    monkeypatch.setenv("ENVSERVER_RUNTIMES", str(tmp_path / "quick.yml"))
    envs = envserver.make_vec("quick.A-v0", screen=(320, 240), fps=None)
    try:
        for name, limit_s in (("A-v0", 0.6), ("B-v0", 1.5)):
            envs.reset(options={"env_id": name})
            began_s = time.monotonic()
            ended = False
            while not ended:
                _, rewards, terminated, truncated, infos = envs.step([()])
                ended = bool(terminated[0] | truncated[0])
            assert truncated[0]
            assert "fault" not in infos
            assert rewards[0] == 0
            # The first picture of an episode comes a little after it began.
            assert limit_s - 0.3 < time.monotonic() - began_s < limit_s + 5
    finally:
        envs.close()
