"""What runtimes.yml says, and the names that stand for it."""

from pathlib import Path
from typing import Any

import pytest

from envserver.errors import InvalidRuntime
from envserver.runtimes_file import (
    find_environment,
    keep_time_limit,
    load_runtimes,
    session_fields,
)
from envserver.spec import SessionSpec


@pytest.mark.parametrize(
    ("name", "env_id", "expected"),
    [
        ("gym-core.Pong-v0", None, {"runtime": "gym-core", "env_id": "gym-core.Pong-v0"}),
        ("gym-core", "ALE/Pong-v5", {"runtime": "gym-core", "env_id": "ALE/Pong-v5"}),
        ("xvnc", None, {"runtime": "xvnc"}),
    ],
)
def test_names(name: str, env_id: str | None, expected: dict[str, str]) -> None:
    fields = session_fields(name, env_id)
    assert fields.items() >= expected.items()
    assert fields["runtime_name"] == name.partition(".")[0]


def test_everything_in_the_file_can_be_asked_for() -> None:
    runtimes = load_runtimes()
    assert {"gym-core", "xvnc", "terminal"} <= set(runtimes)
    assert {name for name, each in runtimes.items() if each.kind == "docker"} == {
        "universe.flashgames",
        "universe.gym-core",
        "universe.world-of-bits",
    }
    for runtime in runtimes.values():
        assert runtime.summary
        for name in runtime.environments:
            fields = session_fields(f"{runtime.name}.{name}")
            for key in ("fps", "time_limit_s"):  # for make_vec, which turns them into others
                fields.pop(key, None)
            assert SessionSpec(num_envs=1, **fields).runtime == runtime.kind
            assert find_environment(f"{runtime.name}.{name}") == (
                runtime,
                runtime.environments[name],
            )


def test_an_environment_has_what_its_runtime_says(tmp_path: Path) -> None:
    path = tmp_path / "runtimes.yml"
    path.write_text(
        "desk:\n"
        "  kind: xvnc\n"
        "  task: pack.tasks:One\n"
        "  fps: 30\n"
        "  image: desk:1\n"
        "  memory: 1g\n"
        "  vnc_kwargs: {encoding: zrle}\n"
        "  start_timeout_s: 90\n"
        "  environments:\n"
        "    A-v0: {env_id: first, time_limit_s: 20}\n"
        "    B-v1: {task: pack.tasks:Two, fps: 10, keys: [Up, a]}\n"
    )
    runtimes = load_runtimes(path)
    assert session_fields("desk.A-v0", runtimes=runtimes) == {
        "runtime": "xvnc",
        "runtime_name": "desk",
        "env_id": "desk.A-v0",
        "task": "pack.tasks:One",
        "fps": 30,
        "time_limit_s": 20,
        "start_timeout_s": 90,
        "container": {"image": "desk:1", "memory": "1g"},
        "vnc_kwargs": {"encoding": "zrle"},
    }
    _, second = find_environment("desk.B-v1", runtimes)
    assert (second.task, second.fps, second.keys) == ("pack.tasks:Two", 10, ("Up", "a"))
    assert find_environment("desk.A-v0", runtimes)[1].env_id == "first"
    with pytest.raises(InvalidRuntime, match="'desk' names no environment"):
        find_environment("desk", runtimes)


@pytest.mark.parametrize(
    ("fields", "fps", "own", "kept"),
    [
        ({"time_limit_s": 20}, 30, None, {"max_episode_steps": 600}),
        ({"time_limit_s": 0.001}, 30, None, {"max_episode_steps": 1}),
        ({"time_limit_s": 20, "max_episode_steps": 9}, 30, None, {"max_episode_steps": 9}),
        ({"time_limit_s": 20, "max_episode_steps": 900}, 30, None, {"max_episode_steps": 600}),
        ({"time_limit_s": 20}, 30, 7, {"max_episode_steps": 7}),
        ({"time_limit_s": 20}, None, 0, {"max_episode_steps": 0}),
        ({"task": "a:B", "time_limit_s": 20}, None, None, {"task": "a:B", "time_limit_s": 20}),
        (
            {"task": "a:B", "time_limit_s": 20},
            30,
            7,
            {"task": "a:B", "time_limit_s": 20, "max_episode_steps": 7},
        ),
        ({"max_episode_steps": 9}, None, None, {"max_episode_steps": 9}),
    ],
)
def test_who_keeps_a_time_limit(
    fields: dict[str, Any], fps: float | None, own: int | None, kept: dict[str, Any]
) -> None:
    keep_time_limit(fields, fps, own)
    assert fields == kept


def test_a_time_limit_that_nobody_could_keep() -> None:
    with pytest.raises(ValueError, match=r"fps is None, .* limit of 20 s.* give fps, or max_epi"):
        keep_time_limit({"time_limit_s": 20}, None)


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "runtimes.yml"
    path.write_text("a: {kind: xvnc}")
    before = load_runtimes(path)
    before.clear()
    assert list(load_runtimes(path)) == ["a"]
    path.write_text("a: {kind: xvnc}\nb: {kind: xvnc}")
    assert list(load_runtimes(path)) == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "env_id", "error", "complaint"),
    [
        ("nope.Pong-v0", None, InvalidRuntime, "unknown runtime 'nope', known are gym-core"),
        ("termnal.Shell-v0", None, InvalidRuntime, "did you mean 'terminal'?"),
        ("CartPole-v1", None, InvalidRuntime, "; did you mean 'gym-core.CartPole-v1'?"),
        ("ALE/Pong-v5", None, InvalidRuntime, "; did you mean 'gym-core.Pong-v0'?"),
        ("BreakoutNoFrameskip-v4", None, InvalidRuntime, "; did you mean 'gym-core.Breakout-v0'?"),
        ("pong", None, InvalidRuntime, "; did you mean 'gym-core.Pong-v0'?"),
        ("CreateFile-v0", None, InvalidRuntime, "; did you mean 'terminal.CreateFile-v0'?"),
        ("terminal.Pong-v0", None, InvalidRuntime, "no environment 'Pong-v0', it has"),
        ("terminal.Shel-v0", None, InvalidRuntime, "did you mean terminal.Shell-v0?"),
        ("gym-core.Pong", None, InvalidRuntime, "no environment 'Pong'"),
        ("gym-core", None, ValueError, "names no environment: write 'gym-core.Pong-v0'"),
        ("gym-core.Pong-v0", "ALE/Pong-v5", ValueError, "expected None beside the name"),
    ],
)
def test_wrong_names(name: str, env_id: str | None, error: type[Exception], complaint: str) -> None:
    with pytest.raises(error, match=r"\w") as raised:
        session_fields(name, env_id)
    assert complaint in str(raised.value)


def test_the_variable_names_another_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = home / "mine.yml"
    path.write_text("mine: {kind: xvnc, command: xterm}")
    monkeypatch.setenv("ENVSERVER_RUNTIMES", str(path))
    assert session_fields("mine") == {
        "runtime": "xvnc",
        "runtime_name": "mine",
        "command": "xterm",
    }
    monkeypatch.setenv("ENVSERVER_RUNTIMES", str(home / "missing.yml"))
    with pytest.raises(InvalidRuntime, match="cannot read"):
        load_runtimes()
