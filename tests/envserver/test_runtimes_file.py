"""What runtimes.yml says, and the names that stand for it."""

from pathlib import Path

import pytest

from envserver.errors import InvalidRuntime
from envserver.runtimes_file import load_runtimes, session_fields
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
    assert session_fields(name, env_id) == expected


def test_everything_in_the_file_can_be_asked_for() -> None:
    runtimes = load_runtimes()
    assert {"gym-core", "xvnc", "terminal"} <= set(runtimes)
    for runtime in runtimes.values():
        assert runtime.summary
        for environment in runtime.environments:
            fields = session_fields(f"{runtime.name}.{environment}")
            assert SessionSpec(num_envs=1, **fields).runtime == runtime.kind


@pytest.mark.parametrize(
    ("name", "env_id", "error", "complaint"),
    [
        ("nope.Pong-v0", None, InvalidRuntime, "unknown runtime 'nope', known are gym-core"),
        ("terminal.Pong-v0", None, InvalidRuntime, "no environment 'Pong-v0', it has Shell-v0"),
        ("gym-core.Pong", None, InvalidRuntime, "no environment 'Pong'"),
        ("gym-core", None, ValueError, "names no environment: write 'gym-core.Pong-v0'"),
        ("gym-core.Pong-v0", "ALE/Pong-v5", ValueError, "expected None beside the name"),
    ],
)
def test_wrong_names(name: str, env_id: str | None, error: type[Exception], complaint: str) -> None:
    with pytest.raises(error, match=r"\w") as raised:
        session_fields(name, env_id)
    assert complaint in str(raised.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("- 1", "is a list, expected a map"),
        ("a: {kind: docker}", "a: kind is 'docker', allowed are gym-core, xvnc"),
        ("a: {kind: xvnc, colour: red}", "a: unknown key 'colour', allowed are kind"),
        ("A b: {kind: xvnc}", "expected a name of small letters"),
        ("a: {kind: xvnc, environments: {B: {}}}", "a: environments: B: expected a name"),
        ("a: [", "line 1"),
    ],
)
def test_wrong_files(home: Path, text: str, complaint: str) -> None:
    path = home / "runtimes.yml"
    path.write_text(text)
    with pytest.raises(InvalidRuntime) as raised:
        load_runtimes(path)
    assert complaint in str(raised.value)
    assert str(path) in str(raised.value)


def test_the_variable_names_another_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = home / "mine.yml"
    path.write_text("mine: {kind: xvnc, command: xterm}")
    monkeypatch.setenv("ENVSERVER_RUNTIMES", str(path))
    assert session_fields("mine") == {"runtime": "xvnc", "command": "xterm"}
    monkeypatch.setenv("ENVSERVER_RUNTIMES", str(home / "missing.yml"))
    with pytest.raises(InvalidRuntime, match="cannot read"):
        load_runtimes()
