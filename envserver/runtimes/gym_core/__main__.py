"""The host on a control socket, or one remote for use by hand.

    python -P -m envserver.runtimes.gym_core
        --control-fd N                       the host (see host.py)
        --describe-only --env-id ...         print what an environment is (as --describe) and end
        --standalone --env-id gym-core.Pong-v0 [--port 0] [--rewarder-port 0]
                     [--host 127.0.0.1] [--screen 1024x768|native] [--fps 60]
                     [--env-kwargs JSON] [--describe]

A standalone remote's VNC password comes from ENVSERVER_VNC_PASSWORD or --password-fd, the
rewarder's from ENVSERVER_REWARDER_PASSWORD: never from the command line, which everyone can read.
With --describe it prints what its environment is (`Game.describe`), in JSON behind DESCRIBE_MARK.
"""

import os

# Before NumPy comes in: its threads would not survive the forks, and are not needed.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
os.environ.setdefault("SDL_AUDIODRIVER", "dummy")
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")

import argparse
import asyncio
import json
import logging
import signal
import socket
import sys
from collections.abc import Sequence
from typing import Any

from envserver.runtimes.gym_core.canvas import glyphs
from envserver.runtimes.gym_core.child import parse_screen
from envserver.runtimes.gym_core.errors import GymCoreError
from envserver.runtimes.gym_core.game import Game, register_atari
from envserver.runtimes.gym_core.host import Host
from envserver.runtimes.gym_core.remote import Remote, RemoteConfig

DESCRIBE_MARK = "envserver-remote describes "
"""Begins the line that says what the environment is."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; return the exit status."""
    options = _parse(arguments)
    logging.basicConfig(
        level=os.environ.get("ENVSERVER_LOG_LEVEL", "WARNING").upper(),
        format="%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s",
    )
    register_atari()
    if options.control_fd is not None:
        glyphs()
        Host(socket.socket(fileno=options.control_fd)).run()
    try:
        return asyncio.run(_standalone(options))
    except (GymCoreError, ValueError, OSError) as error:
        print(f"gym_core: {error}", file=sys.stderr)
        return 1


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="envserver.runtimes.gym_core", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--control-fd", type=int)
    what.add_argument("--standalone", action="store_true")
    what.add_argument("--describe-only", action="store_true")
    parser.add_argument("--env-id", default="gym-core.Pong-v0")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--rewarder-port", type=int, default=0)
    parser.add_argument("--screen", default="1024x768")
    parser.add_argument("--fps", type=float, default=60.0)
    parser.add_argument("--env-kwargs", default="{}")
    parser.add_argument("--describe", action="store_true")
    parser.add_argument("--password-fd", type=int)
    return parser.parse_args(arguments)


async def _standalone(options: argparse.Namespace) -> int:
    screen = options.screen
    if screen != "native":
        try:
            screen = [int(side) for side in screen.split("x")]
        except ValueError:
            raise ValueError(f"--screen {options.screen}: expected 1024x768 or native") from None
    password = os.environ.pop("ENVSERVER_VNC_PASSWORD", None)
    if options.password_fd is not None:
        with open(options.password_fd, encoding="latin-1") as file:
            password = file.read().rstrip("\n")
    env_kwargs = json.loads(options.env_kwargs)
    if not isinstance(env_kwargs, dict):
        raise ValueError(f"--env-kwargs is {env_kwargs!r}, expected a JSON object")
    config = RemoteConfig(
        name="standalone",
        env_id=options.env_id,
        env_kwargs=env_kwargs,
        fps=options.fps,
        screen=parse_screen(screen),
        password=password,
        rewarder_password=os.environ.pop("ENVSERVER_REWARDER_PASSWORD", "openai"),
        host=options.host,
        vnc_port=options.port,
        rewarder_port=options.rewarder_port,
    )
    remote = Remote(config, Game(config.env_id, config.env_kwargs))
    if options.describe or options.describe_only:
        print(f"{DESCRIBE_MARK}{json.dumps(remote.describe())}", flush=True)
    if options.describe_only:
        await remote.close()
        return 0
    await remote.start()
    print(f"vnc://{config.host}:{remote.vnc_port}+{remote.rewarder_port}", flush=True)
    stop: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.cancel)
    ends = {stop, remote.failed}
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    await remote.close()
    if remote.failed.done():
        raise remote.failed.result()
    return 0


if __name__ == "__main__":
    sys.exit(main())
