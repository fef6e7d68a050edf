"""Who makes remotes where nobody chose, and what is said of it, once."""

import http.server
import logging
import socketserver
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from envserver import notices
from envserver.cli.remotes import runtimes
from envserver.remotes.choice import Choice, choose_provider
from envserver.remotes.images import image_of
from envserver.runtimes_file import session_fields
from envserver.spec import SessionSpec

GYM_CORE = session_fields("gym-core.Pong-v0")
TERMINAL = session_fields("terminal.CreateFile-v0")
MINE = """
mine:
  kind: xvnc
  {image}
  environments:
    Desk-v0:
      summary: Somebody's own
      {what}
"""


@pytest.fixture(autouse=True)
def nobody_chose(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("ENVSERVER_PROVIDER", "DOCKER_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The paths that an engine is asked for, which has the image of gym-core alone."""
    paths: list[str] = []

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(200 if image_of("gym-core") in self.path else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

        def address_string(self) -> str:
            return "a unix socket has none"

    with tempfile.TemporaryDirectory(prefix="es-") as directory:
        path = f"{directory}/docker.sock"
        with socketserver.UnixStreamServer(path, Answer) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
            yield paths
            server.shutdown()
            thread.join()


def choose(**fields: Any) -> Choice:
    return choose_provider(SessionSpec(num_envs=1, **fields))


def test_containers_where_the_image_is_there(asked: list[str]) -> None:
    choice = choose(**GYM_CORE)
    assert choice.containers
    assert choice.notice == (
        f"the remotes of gym-core are containers, since the image {image_of('gym-core')} is there;"
        " provider='docker' or 'process', or ENVSERVER_PROVIDER, says otherwise"
    )
    assert asked == [f"/images/{image_of('gym-core')}/json"]


def test_processes_where_it_is_not(asked: list[str]) -> None:
    choice = choose(**TERMINAL)
    assert not choice.containers
    assert "are processes of this host, since the Docker engine has no image" in choice.notice
    assert image_of("terminal") in choice.notice


@pytest.mark.parametrize("own", [{"command": "my-program --fast"}, {"task": "mine:Task"}])
def test_processes_for_a_program_of_the_trainers_own(asked: list[str], own: Any) -> None:
    choice = choose(**{**TERMINAL, **own})
    assert not choice.containers
    [(kind, what)] = own.items()
    why = f"since envserver/terminal need not have the {kind} {what!r};"
    assert f"the remotes of terminal are processes of this host, {why}" in choice.notice
    assert asked == []


def test_containers_for_a_program_whose_image_the_trainer_named(asked: list[str]) -> None:
    chosen = {"container": {"image": "envserver/gym-core"}, "command": "my-program"}
    assert choose(**{**session_fields("xvnc.Desktop-v0"), **chosen}).containers
    assert asked == [f"/images/{image_of('gym-core')}/json"]


@pytest.mark.parametrize("what", ["command: xterm", "task: on_my_path:Task"])
def test_a_runtime_of_ones_own(
    asked: list[str], what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "runtimes.yml"
    monkeypatch.setenv("ENVSERVER_RUNTIMES", str(file))
    for image, containers in (("provider: auto", False), ("image: envserver/gym-core", True)):
        file.write_text(MINE.format(image=image, what=what))
        choice = choose(**session_fields("mine.Desk-v0"))
        assert choice.containers == containers
        assert containers or "since no image is named for them;" in choice.notice
        listed = CliRunner().invoke(runtimes, [])
        assert ("container or process" in listed.output) == containers


def test_processes_where_no_engine_answers(tmp_path: Path) -> None:
    choice = choose(**GYM_CORE)
    assert not choice.containers
    assert f"since no Docker engine answers at unix://{tmp_path}/none.sock;" in choice.notice


def test_an_engine_elsewhere_is_asked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    choice = choose(**GYM_CORE)
    assert not choice.containers
    assert "no Docker engine answers at tcp://127.0.0.1:9" in choice.notice


def test_who_chose_hears_nothing(monkeypatch: pytest.MonkeyPatch, asked: list[str]) -> None:
    assert choose(**GYM_CORE, provider="docker") == Choice(containers=True)
    assert choose(**GYM_CORE, provider="process") == Choice(containers=False)
    assert choose(remotes="vnc://host:5900") == Choice(containers=False)
    monkeypatch.setenv("ENVSERVER_PROVIDER", "docker")
    assert choose(**GYM_CORE) == Choice(containers=True)
    monkeypatch.setenv("ENVSERVER_PROVIDER", "process")
    assert choose(**GYM_CORE) == Choice(containers=False)
    # What can run in nothing else does, whatever is missing.
    only = {"runtime": "docker", "container": {"image": "someone/else:1"}}
    assert choose(**only) == Choice(containers=True)
    assert asked == []


def test_limits_that_processes_do_not_keep_are_named(
    monkeypatch: pytest.MonkeyPatch, asked: list[str]
) -> None:
    limited = {**TERMINAL, "container": {**TERMINAL["container"], "memory": "512m"}}
    lost = "container={'memory': '512m'} does not hold for them"
    assert f"; {lost}; provider=" in choose(**limited).notice
    assert "does not hold" not in choose(**TERMINAL).notice
    monkeypatch.setenv("ENVSERVER_PROVIDER", "process")
    assert choose(**limited) == Choice(
        containers=False, notice=f"the remotes of terminal are processes of this host: {lost}"
    )


def test_the_variable_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVSERVER_PROVIDER", "podman")
    with pytest.raises(ValueError, match="ENVSERVER_PROVIDER is 'podman', allowed are auto"):
        choose(**GYM_CORE)


def test_a_notice_comes_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(notices, "_said", set())
    for text in ("one thing", "", "one thing", "another"):
        notices.say_once(text)
    assert [(each.name, each.levelno, each.message) for each in caplog.records] == [
        ("envserver", logging.WARNING, "one thing"),
        ("envserver", logging.WARNING, "another"),
    ]
