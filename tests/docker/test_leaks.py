"""What a start that is given up, and a removal that fails, leave behind: nothing in the end."""

import asyncio
import logging
import socket
import threading
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from fakes.containers import containers, provider, run

from envserver.errors import RemoteError
from envserver.remotes import engine
from envserver.remotes.engine import Engine

pytestmark = pytest.mark.docker

WAIT_S = 30


class Held:
    """Holds the engine's answer to the making of a container back."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_made, self.released, self.removed = (threading.Event() for _ in range(3))
        client: Any = import_module("docker").APIClient
        create, remove = client.create_container, engine.remove

        def held(api: Any, *arguments: Any, **named: Any) -> Any:
            made = create(api, *arguments, **named)
            self.is_made.set()
            assert self.released.wait(WAIT_S)
            return made

        def removed(*arguments: Any) -> None:
            remove(*arguments)
            self.removed.set()

        monkeypatch.setattr(client, "create_container", held)
        monkeypatch.setattr(engine, "remove", removed)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    return Held(monkeypatch)


async def happened(event: threading.Event) -> None:
    assert await asyncio.to_thread(event.wait, WAIT_S)


def test_a_start_that_is_cancelled_while_its_container_is_made(
    tmp_path: Path, docker_engine: Engine, held: Held, home: Path
) -> None:
    async def work() -> None:
        async with provider(tmp_path) as remotes:
            starting = asyncio.create_task(remotes.start(0))
            await happened(held.is_made)
            assert (home / engine.USED_MARK).exists()  # were this process killed, it is looked for
            starting.cancel()
            held.released.set()
            with pytest.raises(asyncio.CancelledError):
                await starting
            assert containers(docker_engine, session=remotes.session) == []

    run(work)


def test_a_start_that_nobody_waits_for_any_more(
    tmp_path: Path, docker_engine: Engine, held: Held
) -> None:
    async def work() -> None:
        async with provider(tmp_path) as remotes:
            starting = asyncio.create_task(remotes.start(0))
            await happened(held.is_made)
            while not starting.done():  # the wait for the thread is cancelled too
                starting.cancel()
                await asyncio.wait((starting,), timeout=0)
            await remotes.close()
            assert len(containers(docker_engine, session=remotes.session)) == 1
            held.released.set()
            await happened(held.removed)
            assert containers(docker_engine, session=remotes.session) == []

    run(work)


def test_a_start_that_takes_too_long(tmp_path: Path, docker_engine: Engine, held: Held) -> None:
    async def work() -> None:
        async with provider(tmp_path, start_timeout_s=0.05) as remotes:
            starting = asyncio.create_task(remotes.start(0))
            await happened(held.is_made)
            held.released.set()
            with pytest.raises(RemoteError, match=r"did not answer on its ports in 0\.05 s"):
                await starting
            assert containers(docker_engine, session=remotes.session) == []

    run(work)


@pytest.fixture
def fails(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Says whether removals fail."""
    remove = engine.remove

    def fail(*_: Any) -> None:
        raise RuntimeError("the device is busy")

    return lambda does: monkeypatch.setattr(engine, "remove", fail if does else remove)


def test_a_removal_that_fails_is_tried_again(
    tmp_path: Path, docker_engine: Engine, fails: Callable[[bool], None]
) -> None:
    async def work() -> None:
        async with provider(tmp_path) as remotes:
            await remotes.start(0)
            [first] = containers(docker_engine, session=remotes.session)
            fails(True)
            with pytest.raises(RemoteError, match="the device is busy"):
                await remotes.start(0)
            fails(False)
            await remotes.start(0)
            [second] = containers(docker_engine, session=remotes.session)
            assert second["Id"] != first["Id"]

    run(work)


def test_a_removal_that_fails_hides_no_error_and_is_told(
    tmp_path: Path,
    docker_engine: Engine,
    fails: Callable[[bool], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def work() -> None:
        ends = {"command": ["sh", "-c", "exit 3"]}
        async with provider(tmp_path, container=ends) as remotes:
            fails(True)
            with pytest.raises(RemoteError, match="ended with status 3"):
                await remotes.start(0)
            await remotes.close()
            [left] = containers(docker_engine, session=remotes.session)
            fails(False)
            engine.remove(docker_engine, left["Id"])

    run(work)
    said = [(each.levelno, each.message) for each in caplog.records if "busy" in each.message]
    assert [level for level, _ in said] == [logging.WARNING, logging.ERROR]
    assert said[1][1].startswith("a container is left: envserver-")


def test_the_end_does_not_wait_for_a_pull(tmp_path: Path) -> None:
    """The registry takes the engine's question, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as registry:
        name = f"127.0.0.1:{registry.getsockname()[1]}/never/there:1"

        async def work() -> None:
            async with provider(tmp_path, container={"image": name}) as remotes:
                starting = asyncio.create_task(remotes.start(0))
                asked, _ = await asyncio.to_thread(registry.accept)
                with asked:
                    async with asyncio.timeout(5):
                        starting.cancel()
                        with pytest.raises(asyncio.CancelledError):
                            await starting
                        await remotes.close()
                    assert "docker-image" in {each.name for each in threading.enumerate()}
                    registry.close()

        run(work)
