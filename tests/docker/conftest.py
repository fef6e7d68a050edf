"""The engine of these tests, and providers that leave nothing behind. They fail without an engine.

`make images` comes first. Only containers and images that a test made are removed.
"""

import io
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fakes.script import Script

from envserver.remotes import engine
from envserver.remotes.engine import Engine
from envserver.remotes.images import image_of


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[Engine]:
    found = engine.connect()
    yield found
    found.close()


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A short directory (a unix socket's path is) in place of /tmp/envserver-UID."""
    directory = Path(tempfile.mkdtemp(prefix="es-"))
    monkeypatch.setenv("ENVSERVER_DIRECTORY", str(directory))
    for name in ("ENVSERVER_ADDRESS", "ENVSERVER_LOG_DIRECTORY", "ENVSERVER_PROVIDER"):
        monkeypatch.delenv(name, raising=False)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def run_script() -> Iterator[Callable[[str], Script]]:
    """Starts scripts, and ends those that still run."""
    scripts: list[Script] = []

    def start(code: str) -> Script:
        scripts.append(Script(code))
        return scripts[-1]

    yield start
    for script in scripts:
        script.end()


@pytest.fixture
def image(docker_engine: Engine) -> Iterator[Callable[[str], str]]:
    """Makes images on top of ours: called with the lines of a Dockerfile behind FROM."""
    made = []

    def build(lines: str) -> str:
        name = f"envserver-test/{secrets.token_hex(4)}:1"
        text = f"FROM {image_of('base')}\n{lines}\n"
        events = docker_engine.api.build(
            fileobj=io.BytesIO(text.encode()), tag=name, rm=True, decode=True
        )
        errors = [event["error"] for event in events if "error" in event]
        assert errors == []
        made.append(name)
        return name

    yield build
    for name in made:
        docker_engine.api.remove_image(name, force=True)
