"""A desktop that runs already: every encoding shows the X server's own framebuffer; it may die."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import pytest
from fakes.desktop_programs import do, x_rgb

import envserver
from benchmarks.record_goldens import photograph, server
from envserver.due import QUIET
from envserver.errors import StartError
from envserver.vector_env import VectorEnv
from workers.entries import Fault

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("home")]

SIZE = (320, 240)
PASSWORD = "s3cret,?"
QUOTED = "s3cret%2C%3F"
LOSSLESS: dict[str, dict[str, Any]] = {
    "raw": {"encoding": "raw"},
    "rre": {"encoding": "rre"},
    "hextile": {"encoding": "hextile"},
    "zlib": {"encoding": "zlib"},  # Xvnc has none and takes the next
    "zrle": {"encoding": "zrle"},
    "tight": {"encoding": "tight", "fine_quality_level": -1},
    "tight, compressed": {
        "encoding": "tight",
        "fine_quality_level": -1,
        "compress_level": 9,
    },
}
LOSSY: dict[str, dict[str, Any]] = {
    "quality 8": {"encoding": "tight", "quality_level": 8},
    "fine quality 90": {"encoding": "tight", "fine_quality_level": 90, "subsample_level": 0},
}

Desktop = tuple[int, dict[str, str]]


@pytest.fixture(scope="module")
def desktop() -> Iterator[Desktop]:
    """A desktop behind a password, with a photograph on it."""
    with ExitStack() as stack:
        port, environment = stack.enter_context(server(*SIZE, password=PASSWORD))
        file = stack.enter_context(tempfile.NamedTemporaryFile(suffix=".xwd"))
        file.write(photograph(96, 80))
        file.flush()
        viewer = subprocess.Popen(
            ["xwud", "-in", file.name, "-geometry", "+37+29"], env=environment
        )
        stack.callback(viewer.wait)
        stack.callback(viewer.terminate)
        yield port, environment


@contextmanager
def attached(port: int, **options: Any) -> Iterator[VectorEnv]:
    remotes = f"vnc://127.0.0.1:{port}?password={QUOTED}"
    envs = envserver.make_vec(remotes=remotes, fps=None, screen=SIZE, **options)
    try:
        envs.reset()
        yield envs
    finally:
        envs.close()


def run(environment: dict[str, str], *command: str) -> None:
    subprocess.run(command, env=environment, check=True)


@pytest.mark.parametrize("asked", LOSSLESS)
def test_lossless_encodings_show_the_framebuffer(desktop: Desktop, asked: str) -> None:
    port, environment = desktop
    run(environment, "xsetroot", "-mod", "5", "9", "-bg", "#402060", "-fg", "#f0e0d0")
    with attached(port, vnc_kwargs=LOSSLESS[asked]) as envs:
        # Xvnc draws the pointer itself until the viewer has moved it.
        whole = do(envs, ("PointerEvent", 3, 3, 0)).observations[0].copy()
        assert np.array_equal(whole, x_rgb(environment))
        assert len(np.unique(whole.reshape(-1, 3), axis=0)) > 1000
        run(environment, "xsetroot", "-gray")
        run(environment, "xdotool", "search", "--name", ".", "windowmove", "120", "100")
        changed = do(envs).observations[0]
        assert np.array_equal(changed, x_rgb(environment))
        assert not np.array_equal(changed, whole)


@pytest.mark.parametrize("asked", LOSSY)
def test_jpeg_is_near_the_framebuffer(desktop: Desktop, asked: str) -> None:
    port, environment = desktop
    with attached(port, vnc_kwargs=LOSSY[asked]) as envs:
        shown = do(envs, ("PointerEvent", 3, 3, 0)).observations[0].astype(int)
        assert np.abs(shown - x_rgb(environment)).mean() < 3


def test_a_server_that_dies_and_comes_back() -> None:
    with ExitStack() as first:
        port, environment = first.enter_context(server(*SIZE, password=PASSWORD))
        with attached(port) as envs:
            run(environment, "xsetroot", "-solid", "#102030")
            before = do(envs, ("PointerEvent", 3, 3, 0)).observations[0].copy()
            assert (before == (0x10, 0x20, 0x30)).all()
            first.close()
            batch = do(envs, due=QUIET(20, 100))
            while "fault" not in batch.infos:
                batch = do(envs, due=QUIET(20, 100))
            assert batch.infos["fault"][0]["fault"] == Fault.CONNECTION_LOST.name
            assert f"127.0.0.1:{port}" in batch.infos["fault"][0]["cause"]
            assert PASSWORD not in str(batch.infos["fault"][0])
            assert batch.truncated[0]
            assert np.array_equal(batch.observations[0], before)
            with server(*SIZE, password=PASSWORD, port=port) as (_, again):
                batch = do(envs)
                assert batch.infos["valid"].all()
                run(again, "xsetroot", "-solid", "#405060")
                batch = do(envs, ("PointerEvent", 3, 3, 0))
                assert (batch.observations[0] == (0x40, 0x50, 0x60)).all()
                assert not batch.truncated.any()


@pytest.mark.parametrize("given", ["", "?password=sesame"])
def test_no_right_password(desktop: Desktop, given: str) -> None:
    with pytest.raises(StartError, match=rf"127.0.0.1:{desktop[0]}.*password") as caught:
        envserver.make_vec(remotes=f"vnc://127.0.0.1:{desktop[0]}{given}", start_timeout_s=5)
    assert "sesame" not in str(caught.value)
