"""Engines that are reached otherwise: over TLS, by the environment's variables or by a context."""

import hashlib
import json
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from fakes.containers import containers, provider, run
from fakes.tls_engine import TLSEngine, write_certificates

from envserver.errors import RemoteError
from envserver.remotes import engine
from envserver.remotes.engine import Engine
from envserver.remotes.images import image_of

pytestmark = pytest.mark.docker

Point = Callable[[Path, str, Path], None]


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    directory = tmp_path / "certificates"
    directory.mkdir()
    write_certificates(directory)
    return directory


@pytest.fixture
def tls_engine(certificates: Path, docker_engine: Engine) -> Iterator[TLSEngine]:
    url = engine.engine_url()
    if not url.startswith(engine.UNIX):
        pytest.fail(f"the engine is at {url}, expected a local one")
    with TLSEngine(url.removeprefix(engine.UNIX), certificates) as proxy:
        yield proxy


@pytest.fixture
def points(monkeypatch: pytest.MonkeyPatch) -> dict[str, Point]:
    """Two ways to say where the engine is: (home of settings, address, certificates)."""
    for name in (
        "DOCKER_HOST",
        "DOCKER_CONTEXT",
        "DOCKER_TLS_VERIFY",
        "DOCKER_CERT_PATH",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
    ):
        monkeypatch.delenv(name, raising=False)

    def variables(home: Path, url: str, certificates: Path) -> None:
        monkeypatch.setenv("DOCKER_HOST", url)
        monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
        monkeypatch.setenv("DOCKER_CERT_PATH", str(certificates))

    def context(home: Path, url: str, certificates: Path) -> None:
        monkeypatch.setenv("DOCKER_CONFIG", str(home))
        place = hashlib.sha256(b"lab").hexdigest()
        meta = home / "contexts" / "meta" / place / "meta.json"
        meta.parent.mkdir(parents=True)
        endpoint = {"Host": url, "SkipTLSVerify": False}
        meta.write_text(
            json.dumps({"Name": "lab", "Metadata": {}, "Endpoints": {"docker": endpoint}})
        )
        shutil.copytree(certificates, home / "contexts" / "tls" / place / "docker")
        (home / "config.json").write_text(json.dumps({"currentContext": "lab"}))

    return {"variables": variables, "context": context}


@pytest.mark.parametrize("how", ["variables", "context"])
def test_a_container_through_tls(
    how: str,
    points: dict[str, Point],
    tls_engine: TLSEngine,
    certificates: Path,
    docker_engine: Engine,
    tmp_path: Path,
) -> None:
    points[how](tmp_path / "home", f"tcp://127.0.0.1:{tls_engine.port}", certificates)
    assert engine.why_image_missing(image_of("base")) == ""
    assert engine.why_image_missing("no/such:1") == "the Docker engine has no image no/such:1"

    async def work() -> None:
        async with provider(tmp_path) as remotes:
            remote = await remotes.start(0)
            address = (remote.address.vnc.host, remote.address.vnc.port)
            with closing(socket.create_connection(address, 5)) as connection:
                assert connection.recv(4) == b"RFB "
            [listed] = containers(docker_engine, session=remotes.session)
            docker_engine.api.kill(listed["Id"])  # the events come through TLS too
            assert "ended by signal 9" in await remote.wait_ended()
        assert containers(docker_engine, session=remotes.session) == []

    run(work)
    assert tls_engine.served > 0


def test_an_engine_that_another_authority_certified(
    points: dict[str, Point],
    tls_engine: TLSEngine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    others = tmp_path / "others"
    others.mkdir()
    write_certificates(others)
    url = f"tcp://127.0.0.1:{tls_engine.port}"
    points["variables"](tmp_path, url, others)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(others / "ca.pem"))
    with pytest.raises(RemoteError, match=r"certificate verify failed") as raised:
        engine.connect()
    said = str(raised.value)
    assert said.startswith(f"the Docker engine at {url} and this process do not trust each other")
    assert "look into DOCKER_CERT_PATH" in said
    assert "unset REQUESTS_CA_BUNDLE, or use provider='process'" in said
    for name in ("DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(name)
    with pytest.raises(RemoteError, match=rf"no Docker engine answers at {url}"):
        engine.connect()
