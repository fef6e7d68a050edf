"""Where daemons of these tests live."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A short directory (a unix socket's path is) in place of /tmp/envserver-UID."""
    directory = Path(tempfile.mkdtemp(prefix="es-"))
    monkeypatch.setenv("ENVSERVER_DIRECTORY", str(directory))
    monkeypatch.delenv("ENVSERVER_ADDRESS", raising=False)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)
