"""The terminal image: from a container's start to what it draws, and resets in one that runs.

`python -m benchmarks.containers --bursts 50` starts eight containers at once, again and again: all
must draw, no two may share a port, none may be left.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

import envserver
from benchmarks import report
from benchmarks.replay_client import RECEIVE_BYTES, shake_hands
from benchmarks.report import Figure
from envserver import processes
from envserver.addresses import VNC_PORT
from envserver.client import Client
from envserver.container_options import container_options, with_cpus
from envserver.errors import RemoteError
from envserver.remotes import engine
from envserver.remotes.base import Endpoint
from envserver.remotes.container_command import container_command
from envserver.remotes.container_making import host_config
from envserver.remotes.containers import DockerRemotes
from envserver.remotes.engine import Engine
from envserver.remotes.images import Image, ensure_image, image_of
from envserver.spec import SessionSpec

STARTS = 15
TOGETHER = 8
RESETS = 20
PAUSE_S = 0.002
LOOK_S = 0.05
SETTLE_S = 0.3
NEXT_BOOTS_S = 0.8
"""So long after a reset took a spare, the next one boots."""
TIMEOUT_S = 30.0
FEW_COLOURS = 8
"""A desktop on which no program has drawn has no more, with its pointer."""
XTERM = ["xterm", "-maximized", "-fa", "Monospace", "-fs", "14"]
TASK = "envserver.tasks.terminal:CreateFile"
ENVIRONMENTS = ("terminal.CreateFile-v0", "terminal.CountLines-v0")


def measure() -> list[Figure]:
    """Nothing where no engine answers, or the image was not built; that is said."""
    with _engine() as found:
        if found is None:
            return []
        image = ensure_image(found, image_of("terminal"), print)
        drawn_s = [_start(found, image) for _ in range(STARTS)]
        together_s = burst(found, command=XTERM).drawn_s
        with_rewarders_s = burst(found, task=TASK).drawn_s
        return [
            Figure("container: start to first frame p50", statistics.median(drawn_s), "s", 0.6),
            Figure(f"  {TOGETHER} at once: first frame of the last", together_s, "s", at_most=3.0),
            Figure(f"  {TOGETHER} at once, with rewarders", with_rewarders_s, "s"),
            *_resets(found),
        ]


@contextlib.contextmanager
def _engine() -> Iterator[Engine | None]:
    try:
        found = engine.connect()
    except RemoteError as error:
        print(f"containers are left out: {error}")
        yield None
        return
    with contextlib.closing(found):
        if engine.image_is_there(image_of("terminal")):
            yield found
        else:
            print("containers are left out: 'make images' comes first")
            yield None


def _start(found: Engine, image: Image) -> float:
    """Seconds from the engine's start of a container to a frame in which its program drew."""
    spec = SessionSpec(runtime="xvnc", num_envs=1, command=XTERM)
    command = container_command(spec, image, found.is_local)
    options = with_cpus(container_options({}), found.cpus())
    container = found.api.create_container(
        image.name,
        command=list(command.words),
        labels=engine.owner_labels(),
        ports=list(command.ports),
        host_config=host_config(found, image, options, command),
    )["Id"]
    try:
        began_s = time.monotonic()
        found.api.start(container)
        ports = found.api.inspect_container(container)["NetworkSettings"]["Ports"]
        port = int(ports[f"{VNC_PORT}/tcp"][0]["HostPort"])
        while time.monotonic() < began_s + TIMEOUT_S:
            # The port takes connections before anything listens behind it.
            with contextlib.suppress(OSError):
                _wait_drawn(Endpoint("127.0.0.1", port, "openai"), began_s + TIMEOUT_S)
                return time.monotonic() - began_s
            time.sleep(PAUSE_S)
        raise TimeoutError(f"nothing was drawn in {TIMEOUT_S:g} s")
    finally:
        engine.remove(found, container)


def _wait_drawn(vnc: Endpoint, until_s: float) -> None:
    """Return when a program has drawn on the desktop."""
    with socket.create_connection((vnc.host, vnc.port)) as connection:
        connection.settimeout(TIMEOUT_S)
        protocol = shake_hands(connection, vnc.password)
        while time.monotonic() < until_s:
            count = connection.recv_into(protocol.get_buffer(RECEIVE_BYTES))
            if not count:
                raise ConnectionError("the server hung up")
            before = protocol.frame
            protocol.receive(count)
            if protocol.frame != before:
                shades = np.bincount(np.asarray(protocol.picture())[..., 0].ravel())
                if np.count_nonzero(shades) > FEW_COLOURS:
                    return
                protocol.write_update_request()
            connection.sendall(protocol.data_to_send())
    raise TimeoutError(f"nothing was drawn in {TIMEOUT_S:g} s")


@dataclasses.dataclass(frozen=True)
class Burst:
    """Eight containers that were started at once.

    Attributes:
        drawn_s: until the last one's program had drawn.
        ports: all that the engine published for them.
        left: how many there still were after all were closed.
    """

    drawn_s: float
    ports: tuple[int, ...]
    left: int


def burst(found: Engine, **fields: Any) -> Burst:
    """Start eight containers at once, wait until all have drawn, and remove them.

    Args:
        fields: of a `SessionSpec`: what runs there.

    Raises:
        RemoteError: one did not start.
    """
    spec = SessionSpec(
        runtime="xvnc", num_envs=TOGETHER, container={"image": "envserver/terminal"}, **fields
    )
    return asyncio.run(_burst(found, spec))


async def _burst(found: Engine, spec: SessionSpec) -> Burst:
    loop = asyncio.get_running_loop()
    ports: list[int] = []
    began_s = time.monotonic()

    async def start(env: int) -> None:
        address = (await remotes.start(env)).address
        ports.extend(each.port for each in (address.vnc, address.rewarder) if each.port)
        await loop.run_in_executor(viewers, _wait_drawn, address.vnc, began_s + TIMEOUT_S)

    with (
        tempfile.TemporaryDirectory() as logs,
        ThreadPoolExecutor(spec.num_envs) as viewers,
    ):
        remotes = DockerRemotes(spec, Path(logs), lambda env, text: None)
        try:
            await asyncio.gather(*(start(env) for env in range(spec.num_envs)))
            drawn_s = time.monotonic() - began_s
        finally:
            await remotes.close()
    label = f"{engine.SESSION_LABEL}={remotes.session}"
    left = found.api.containers(all=True, filters={"label": label})
    return Burst(drawn_s, tuple(ports), len(left))


def bursts(count: int) -> list[Figure]:
    """Eight at once, `count` times in a row.

    Raises:
        RemoteError: a container did not start, as where its port is taken; the message says in
            which burst.
    """
    with _engine() as found:
        if found is None:
            return []
        done: list[Burst] = []
        for number in track(range(1, count + 1), "bursts"):
            try:
                done.append(burst(found, task=TASK))
            except RemoteError as error:
                raise RemoteError(f"burst {number} of {count}: {error}") from error
    clashes = sum(len(each.ports) - len(set(each.ports)) for each in done)
    drawn_s = [each.drawn_s for each in done]
    return [
        Figure(f"bursts of {TOGETHER} containers", len(done), ""),
        Figure("  ports published", sum(len(each.ports) for each in done), ""),
        Figure("  ports that clashed", clashes, "", at_most=0),
        Figure("  containers left behind", sum(each.left for each in done), "", at_most=0),
        Figure("  first frame of the last p50", statistics.median(drawn_s), "s"),
        Figure("  ... the slowest burst", max(drawn_s), "s"),
    ]


def _resets(found: Engine) -> list[Figure]:
    """Another program in the remote, or another remote, which waits, takes over."""
    client = Client()
    envs = envserver.make_vec(ENVIRONMENTS[0], 1, provider="docker", spares=2, client=client)
    calm_s, seeded_s, booting_s = [], [], []
    try:
        envs.reset(seed=0)
        _wait_spares(client, 2)
        before = _containers(found, envs)
        kept_s = [_timed(envs, seed=seed) for seed in range(RESETS)]
        names = [ENVIRONMENTS[(number + 1) % 2] for number in range(RESETS)]
        switched_s = [_timed(envs, env_id=name) for name in names]
        if _containers(found, envs) != before:
            raise RuntimeError("a switch of the environment took another container")
        for number in range(RESETS):
            _wait_spares(client, 2)
            calm_s.append(_timed(envs, fresh=True))
            time.sleep(NEXT_BOOTS_S)
            booting_s.append(_timed(envs, fresh=True))
            _wait_spares(client, 2)
            seeded_s.append(_timed(envs, seed=number, fresh=True))
    finally:
        envs.close()
        client.close()
    return [
        Figure("  program restart in a kept remote p50", statistics.median(kept_s), "s", 0.3),
        Figure("  another environment, same container p50", statistics.median(switched_s), "s"),
        Figure("  reset through a warm spare p50", statistics.median(calm_s), "s"),
        Figure("  ... p95", _p95(calm_s), "s", at_most=0.1),
        Figure("  ... p95, while the next spare boots", _p95(booting_s), "s"),
        Figure("  ... p95, with a seed: its program starts anew", _p95(seeded_s), "s"),
    ]


def _p95(values: list[float]) -> float:
    return float(np.percentile(values, 95))


def _containers(found: Engine, envs: envserver.VectorEnv) -> set[str]:
    """The ids of its daemon's containers."""
    owner = processes.identity(envs.daemon_pid or 0)
    label = f"{engine.OWNER_LABEL}={owner}"
    return {each["Id"] for each in found.api.containers(filters={"label": label})}


def _wait_spares(client: Client, count: int) -> None:
    """Wait until so many spares are ready, and a little more, so that nothing starts or stops."""
    until_s = time.monotonic() + TIMEOUT_S
    while client.status()["sessions"][0]["spares"] < count:
        if time.monotonic() > until_s:
            raise TimeoutError(f"not {count} spares in {TIMEOUT_S:g} s")
        time.sleep(LOOK_S)
    time.sleep(SETTLE_S)


def _timed(envs: envserver.VectorEnv, seed: int | None = None, **options: Any) -> float:
    began_s = time.monotonic()
    envs.reset(seed=seed, options=options or None)
    return time.monotonic() - began_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bursts", type=int, default=0, help="0: the figures of `make bench`")
    count = parser.parse_args().bursts
    figures = bursts(count) if count else measure()
    report.show(report.Measured(figures))
    if any(figure.holds is False for figure in figures):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
