"""Where the Docker engine is looked for, what its absence means, whose containers are left."""

import hashlib
import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from envserver import processes
from envserver.errors import RemoteError
from envserver.remotes import create_provider, engine
from envserver.remotes.engine import Engine
from envserver.spec import SessionSpec


class NoContainer:
    """An engine that knows no container, so that this process is in none of its."""

    def inspect_container(self, name: str) -> Mapping[str, str]:
        raise LookupError(name)


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_NET_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))


def write_context(directory: Path, name: str, host: str) -> None:
    """As `docker context create` and `docker context use` leave it."""
    place = directory / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest()
    place.mkdir(parents=True)
    endpoints = {"docker": {"Host": host, "SkipTLSVerify": False}}
    meta = {"Name": name, "Metadata": {}, "Endpoints": endpoints}
    (place / "meta.json").write_text(json.dumps(meta))
    (directory / "config.json").write_text(json.dumps({"currentContext": name}))


def test_the_engine_is_where_the_command_line_has_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert engine.engine_url() == "unix:///var/run/docker.sock"
    write_context(tmp_path, "lab", "ssh://me@lab")
    assert engine.engine_url() == "ssh://me@lab"
    monkeypatch.setenv("DOCKER_HOST", "tcp://10.0.0.1:2376")
    assert engine.engine_url() == "tcp://10.0.0.1:2376"


@pytest.mark.parametrize(
    ("url", "host", "publish_on"),
    [
        ("unix:///var/run/docker.sock", "127.0.0.1", "127.0.0.1"),
        ("tcp://10.0.0.1:2376", "10.0.0.1", "0.0.0.0"),
        ("ssh://me@lab:2222", "lab", "0.0.0.0"),
    ],
)
def test_ports_are_dialled_where_the_engine_is(url: str, host: str, publish_on: str) -> None:
    found = Engine(NoContainer(), url)
    assert (found.host, found.publish_on) == (host, publish_on)


def test_the_address_to_dial_can_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_NET_HOST", "192.168.1.2")
    assert Engine(NoContainer(), "unix:///var/run/docker.sock").host == "192.168.1.2"


def test_no_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(
        RemoteError, match=r"no Docker engine answers .* start Docker, or use provider='process'"
    ):
        engine.connect()


def test_no_permission(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(self: socket.socket, address: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    monkeypatch.setattr(socket.socket, "connect", refuse)
    with pytest.raises(RemoteError, match=r"no permission for the Docker engine .* usermod -aG"):
        engine.connect()


def test_passwords_in_an_address_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://me:secret@127.0.0.1:9")
    with pytest.raises(RemoteError) as raised:
        engine.connect()
    assert "127.0.0.1:9" in str(raised.value)
    assert "secret" not in str(raised.value)


def test_only_what_is_ours_and_has_no_daemon_is_abandoned() -> None:
    ours = engine.owner_labels()
    ended = {**ours, engine.OWNER_LABEL: f"{os.getpid()}:1:{processes.boot_id()}"}
    assert engine.is_abandoned(ended)
    assert engine.is_abandoned({**ended, engine.OWNER_LABEL: "7:7:an-earlier-boot"})
    assert not engine.is_abandoned(ours)
    assert not engine.is_abandoned({**ended, engine.HOST_LABEL: "another/host"})
    assert not engine.is_abandoned({})


def test_without_containers_no_engine_is_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ENVSERVER_DIRECTORY", str(tmp_path / "home"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    assert engine.sweep_if_used() == []
    engine.note_use()
    with pytest.raises(RemoteError, match="no Docker engine"):
        engine.sweep_if_used()


def test_auto_makes_processes_where_no_engine_has_the_image(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("ENVSERVER_PROVIDER")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    assert not engine.image_is_there("envserver/gym-core:1")


def test_what_auto_means_can_be_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ENVSERVER_PROVIDER", "podman")
    spec = SessionSpec(runtime="xvnc", num_envs=1)
    with pytest.raises(ValueError, match="ENVSERVER_PROVIDER is 'podman', allowed are auto"):
        create_provider(spec, tmp_path, tmp_path)
