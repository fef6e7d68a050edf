"""Where the Docker engine is looked for, what its absence means, whose containers are left."""

import contextlib
import hashlib
import json
import os
import socket
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from envserver import processes
from envserver.errors import RemoteError
from envserver.remotes import engine
from envserver.remotes.engine import Engine


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
        ("tcp://[fe80::1]:2376", "fe80::1", "0.0.0.0"),
        ("tcp://localhost:2375", "127.0.0.1", "127.0.0.1"),
        ("tcp://127.1.2.3:2375", "127.0.0.1", "127.0.0.1"),
        ("tcp://[::1]:2375", "127.0.0.1", "127.0.0.1"),
        ("ssh://me@localhost", "127.0.0.1", "127.0.0.1"),
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


@contextlib.contextmanager
def as_nobody() -> Iterator[None]:
    """Without root's rights over files; others have none to lose."""
    was = os.geteuid()
    if was == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(was)


def test_no_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="es-") as directory,
        socket.socket(socket.AF_UNIX) as it,
    ):
        path = Path(directory, "docker.sock")
        it.bind(str(path))
        it.listen()
        path.chmod(0)
        Path(directory).chmod(0o755)
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        with as_nobody():
            why = engine.why_image_missing("envserver/base:1")
            with pytest.raises(RemoteError, match=r"no permission for .* usermod -aG") as raised:
                engine.connect()
    assert why == f"there is no permission for the Docker engine at unix://{path}"
    assert str(path) in str(raised.value)


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


def test_a_full_disk_is_named() -> None:
    said = engine.explanation(OSError(28, "write /layer.tar: no space left on device"))
    assert said.endswith("the Docker engine's disk is full, 'docker system prune' makes room")
    with pytest.raises(RemoteError, match=r"^remote 3: .* 'docker system prune' makes room$"):  # noqa: SIM117
        with engine.translated("remote 3"):
            raise RuntimeError("mkdir /var/lib/docker/overlay2/1f: no space left on device")


class Knows(NoContainer):
    """An engine in one of whose containers this process runs."""

    def __init__(self, **networks: Mapping[str, str]) -> None:
        self.networks = networks

    def inspect_container(self, name: str) -> Mapping[str, Any]:
        return {"Id": name, "NetworkSettings": {"Networks": self.networks}}


@pytest.fixture
def in_a_container(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mark = tmp_path / "dockerenv"
    mark.touch()
    monkeypatch.setattr(engine, "IN_CONTAINER", str(mark))


@pytest.mark.usefixtures("in_a_container")
def test_in_a_container_of_the_engine_files_and_loopback_are_others() -> None:
    url = "unix:///var/run/docker.sock"
    found = Engine(Knows(), url)
    assert (found.host, found.publish_on, found.is_local) == ("", "127.0.0.1", False)
    assert found.network is None
    assert Engine(NoContainer(), url).is_local


@pytest.mark.usefixtures("in_a_container")
def test_in_a_container_its_network_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "unix:///var/run/docker.sock"
    knows = Knows(none={"IPAddress": ""}, lab={"IPAddress": "172.20.0.2"})
    assert Engine(knows, url).network == "lab"
    monkeypatch.setenv("DOCKER_NET_HOST", "192.168.1.2")
    found = Engine(knows, url)
    assert (found.host, found.network, found.publish_on) == ("192.168.1.2", None, "0.0.0.0")
