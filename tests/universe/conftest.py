"""A directory of its own for the daemon of each test."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from envserver.universe import logs


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A short directory (a unix socket's path is) in place of /tmp/envserver-UID."""
    directory = Path(tempfile.mkdtemp(prefix="es-"))
    monkeypatch.setenv("ENVSERVER_DIRECTORY", str(directory))
    monkeypatch.delenv("ENVSERVER_ADDRESS", raising=False)
    monkeypatch.delenv("GYM_VNC_REMOTES", raising=False)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(autouse=True)
def nothing_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said once a process is said once a test."""
    monkeypatch.setattr(logs, "_said", set())
