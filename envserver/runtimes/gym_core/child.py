"""The process of one remote: forked from the host, alone with one asyncio loop.  [I/O]

It says `started`, `described` or `failed` on its socket to the host, then obeys `misbehave` and
`stop`. When the host ends, by whatever means, the socket closes and the loop ends; and should the
environment be stuck in C just then, SIGIO on the death pipe ends the process without Python's help.
"""

import asyncio
import contextlib
import fcntl
import logging
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Mapping
from typing import Any, NoReturn

from envserver.runtimes.gym_core.errors import GymCoreError
from envserver.runtimes.gym_core.game import Game
from envserver.runtimes.gym_core.misbehave import Misbehaviour, parse_misbehaviour
from envserver.runtimes.gym_core.remote import Remote, RemoteConfig
from workers.messages import MessageReader, pack

logger = logging.getLogger(__name__)

EXIT_FAILED = 1
FIELDS = frozenset(
    {"type", "name", "env_id", "env_kwargs", "fps", "screen", "password", "rewarder_password"}
    | {"rfb_version", "misbehave"}
)


def parse_start(request: Mapping[str, Any]) -> RemoteConfig:
    """Check a start or describe request.

    Raises:
        ValueError: a field is unknown, missing or wrong.
    """
    unknown = sorted(set(request) - FIELDS)
    if unknown:
        raise ValueError(f"unknown field {unknown[0]!r}, known are {sorted(FIELDS)}")
    for field in ("name", "env_id"):
        if not isinstance(request.get(field), str) or not request[field]:
            raise ValueError(f"{field} is {request.get(field)!r}, expected a text")
    for field in ("password", "rewarder_password"):
        if not isinstance(request.get(field), str | None):
            raise ValueError(f"{field} is no text")
    env_kwargs = request.get("env_kwargs") or {}
    if not isinstance(env_kwargs, Mapping):
        raise ValueError(f"env_kwargs is {env_kwargs!r}, expected a map")
    fps = request.get("fps") or 60.0
    if isinstance(fps, bool) or not isinstance(fps, (int, float)) or not 0 < fps <= 1000:
        raise ValueError(f"fps is {fps!r}, expected more than 0, up to 1000")
    return RemoteConfig(
        name=request["name"],
        env_id=request["env_id"],
        env_kwargs=env_kwargs,
        fps=float(fps),
        screen=parse_screen(request.get("screen")),
        password=request.get("password"),
        rewarder_password=request.get("rewarder_password") or "openai",
        rfb_version=request.get("rfb_version") or "3.8",
        misbehaviour=parse_misbehaviour(request.get("misbehave")),
    )


def parse_screen(screen: Any) -> tuple[int, int] | None:
    """Width and height; None for "native".

    Raises:
        ValueError: it is something else.
    """
    if screen is None:
        return 1024, 768
    if screen == "native":
        return None
    if isinstance(screen, (list, tuple)) and len(screen) == 2:
        width, height = screen
        if all(type(side) is int and 1 <= side <= 16384 for side in (width, height)):
            return width, height
    raise ValueError(f"screen is {screen!r}, expected 'native' or [width, height]")


def run_child(
    channel: socket.socket,
    death_pipe: int,
    config: RemoteConfig,
    game: Game | None,
    *,
    only_describe: bool = False,
) -> NoReturn:
    """Be the remote's process until it ends.

    Args:
        channel: To the host.
        death_pipe: Its writing end is held by the host alone.
        config: Of the remote.
        game: The environment if the host has it already.
        only_describe: Say what the environment is, and end.
    """
    code = EXIT_FAILED
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        die_with_the_writer(death_pipe)
        game = game if game is not None else Game(config.env_id, config.env_kwargs)
        if only_describe:
            told = game.describe(config.fps)
            channel.sendall(pack("described", name=config.name, describe=told))
            code = 0
        else:
            code = asyncio.run(_serve(channel, config, game))
    except (GymCoreError, ValueError, OSError) as error:
        with contextlib.suppress(OSError):
            message = f"{config.env_id}: {error}"
            channel.sendall(pack("failed", name=config.name, message=message))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # Nothing of the host may run here: no exit handlers, no buffers written twice.
        os._exit(code)


def die_with_the_writer(pipe: int) -> None:
    """End this process by SIGIO when the last writer of a pipe has closed it."""
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(pipe, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(pipe, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    # It may have closed before.
    if select.select([pipe], [], [], 0)[0]:
        os._exit(EXIT_FAILED)


async def _serve(channel: socket.socket, config: RemoteConfig, game: Game) -> int:
    loop = asyncio.get_running_loop()
    remote = Remote(config, game)
    await remote.start()
    channel.setblocking(False)
    started = pack(
        "started",
        name=config.name,
        pid=os.getpid(),
        vnc_port=remote.vnc_port,
        rewarder_port=remote.rewarder_port,
        describe=remote.describe(),
    )
    await loop.sock_sendall(channel, started)
    obey = asyncio.ensure_future(_obey(channel, remote))
    ends: set[asyncio.Future[Any]] = {obey, remote.failed}
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    await remote.close()
    if remote.failed.done():
        return EXIT_FAILED
    return obey.result()


async def _obey(channel: socket.socket, remote: Remote) -> int:
    """Do what the host says until it says stop or is gone."""
    loop = asyncio.get_running_loop()
    reader = MessageReader()
    while data := await loop.sock_recv(channel, 1 << 16):
        for message in reader.feed(data):
            if message["type"] == "stop":
                return 0
            if message["type"] == "misbehave":
                remote.misbehave(Misbehaviour(**message["misbehave"]))
    return 0
