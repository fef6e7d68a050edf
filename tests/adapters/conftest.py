"""Vector environments whose pictures are numbers, for frameworks to hold on to."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fakes.scripted_env import scripted_envs

from envserver.actions import KeyTableCodec
from envserver.client import open_session
from envserver.make import parse_autoreset_mode
from envserver.spec import SessionSpec
from envserver.vector_env import VectorEnv

Make = Callable[..., VectorEnv]


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A short directory (a unix socket's path is) in place of /tmp/envserver-UID."""
    directory = Path(tempfile.mkdtemp(prefix="es-"))
    monkeypatch.setenv("ENVSERVER_DIRECTORY", str(directory))
    monkeypatch.delenv("ENVSERVER_ADDRESS", raising=False)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def numbered(home: Path) -> Iterator[Make]:
    """`numbered(autoreset, num_envs=2, slots=2)`: real workers that draw a counter of steps.

    Every pixel of a picture has the counter as its colour; actions are numbers from 0 to 2.
    """
    made: list[VectorEnv] = []

    def make(autoreset: str, num_envs: int = 2, slots: int = 2) -> VectorEnv:
        spec = SessionSpec(
            num_envs=num_envs,
            source="synthetic",
            width=64,
            height=64,
            slots=slots,
            fps=None,
            autoreset=autoreset,
        )
        session = open_session(spec, private=True)
        session.wait_ready()
        codec = KeyTableCodec([[], [0x20], [0xFF51]], num_envs)
        made.append(VectorEnv(session, codec, autoreset_mode=parse_autoreset_mode(autoreset)))
        return made[-1]

    yield make
    for envs in made:
        envs.close()


@pytest.fixture
def scripted() -> Iterator[Make]:
    """`scripted(num_envs, autoreset=..., reset=False)`: workers that end episodes as planned."""
    with scripted_envs() as make:
        yield make
