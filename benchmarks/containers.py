"""The terminal image: from a container's start to what it draws, and resets in one that runs."""

import asyncio
import contextlib
import socket
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import envserver
from benchmarks.replay_client import RECEIVE_BYTES, shake_hands
from benchmarks.report import Figure
from envserver.client import Client
from envserver.container_options import container_options
from envserver.errors import RemoteError
from envserver.remotes import engine
from envserver.remotes.container_command import VNC_PORT, container_command
from envserver.remotes.containers import DockerRemotes, host_config
from envserver.remotes.engine import Engine
from envserver.remotes.images import Image, ensure_image, image_of
from envserver.spec import SessionSpec

STARTS = 15
TOGETHER = 8
RESETS = 20
PAUSE_S = 0.002
TIMEOUT_S = 30.0
XTERM = ["xterm", "-maximized", "-fa", "Monospace", "-fs", "14"]
TASK = "envserver.tasks.terminal:CreateFile"
ENVIRONMENT = "terminal.CreateFile-v0"


def measure() -> list[Figure]:
    """Nothing where no engine answers, or the image was not built; that is said."""
    try:
        found = engine.connect()
    except RemoteError as error:
        print(f"containers are left out: {error}")
        return []
    with contextlib.closing(found):
        if not engine.image_is_there(image_of("terminal")):
            print("containers are left out: 'make images' comes first")
            return []
        image = ensure_image(found, image_of("terminal"), print)
        drawn_s = [_start(found, image) for _ in range(STARTS)]
    return [
        Figure("container: start to first drawn frame p50", statistics.median(drawn_s), "s", 0.6),
        Figure(
            f"  {TOGETHER} at once: ready after",
            asyncio.run(_together(command=XTERM)),
            "s",
            at_most=3.0,
        ),
        Figure(f"  {TOGETHER} at once, with rewarders", asyncio.run(_together(task=TASK)), "s"),
        *_resets(),
    ]


def _start(found: Engine, image: Image) -> float:
    """Seconds from the engine's start of a container to a frame in which its program drew."""
    spec = SessionSpec(runtime="xvnc", num_envs=1, command=XTERM)
    command = container_command(spec, image, found.is_local)
    container = found.api.create_container(
        image.name,
        command=list(command.words),
        labels=engine.owner_labels(),
        ports=list(command.ports),
        host_config=host_config(found, image, container_options({}), command),
    )["Id"]
    try:
        began_s = time.monotonic()
        found.api.start(container)
        ports = found.api.inspect_container(container)["NetworkSettings"]["Ports"]
        port = int(ports[f"{VNC_PORT}/tcp"][0]["HostPort"])
        while time.monotonic() < began_s + TIMEOUT_S:
            # The port takes connections before anything listens behind it.
            with contextlib.suppress(OSError):
                _wait_drawn(port, began_s + TIMEOUT_S)
                return time.monotonic() - began_s
            time.sleep(PAUSE_S)
        raise TimeoutError(f"nothing was drawn in {TIMEOUT_S:g} s")
    finally:
        engine.remove(found, container)


def _wait_drawn(port: int, until_s: float) -> None:
    """Return when the screen has more colours than a bare desktop with a pointer."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(TIMEOUT_S)
        protocol = shake_hands(connection, "openai")
        while time.monotonic() < until_s:
            count = connection.recv_into(protocol.get_buffer(RECEIVE_BYTES))
            if not count:
                raise ConnectionError("the server hung up")
            before = protocol.frame
            protocol.receive(count)
            if protocol.frame != before:
                if len(np.unique(np.asarray(protocol.picture())[..., 0])) > 8:
                    return
                protocol.write_update_request()
            connection.sendall(protocol.data_to_send())


async def _together(**fields: Any) -> float:
    """Seconds until the servers of eight containers answer, of which the engine knew nothing."""
    spec = SessionSpec(
        runtime="xvnc", num_envs=TOGETHER, container={"image": "envserver/terminal"}, **fields
    )
    with tempfile.TemporaryDirectory() as logs:
        remotes = DockerRemotes(spec, Path(logs), lambda env, text: None)
        try:
            began_s = time.monotonic()
            await asyncio.gather(*(remotes.start(env) for env in range(TOGETHER)))
            return time.monotonic() - began_s
        finally:
            await remotes.close()


def _resets() -> list[Figure]:
    """The program is started anew in the remote; or another remote, which waits, takes over."""
    client = Client()
    envs = envserver.make_vec(ENVIRONMENT, 1, provider="docker", spares=2, client=client)
    try:
        envs.reset(seed=0)
        kept_s = [_timed(envs, seed) for seed in range(RESETS)]
        fresh_s = []
        for seed in range(RESETS):
            _wait_spare(client)
            fresh_s.append(_timed(envs, seed, fresh=True))
    finally:
        envs.close()
        client.close()
    fresh_s.sort()
    return [
        Figure("  reset in a kept remote p50", statistics.median(kept_s), "s", at_most=0.3),
        Figure("  reset through a warm spare p95", fresh_s[int(0.95 * RESETS)], "s", at_most=0.1),
    ]


def _wait_spare(client: Client) -> None:
    until_s = time.monotonic() + TIMEOUT_S
    while not client.status()["sessions"][0]["spares"]:
        if time.monotonic() > until_s:
            raise TimeoutError(f"no spare in {TIMEOUT_S:g} s")
        time.sleep(PAUSE_S)


def _timed(envs: envserver.VectorEnv, seed: int, **options: bool) -> float:
    began_s = time.monotonic()
    envs.reset(seed=seed, options=options or None)
    return time.monotonic() - began_s
