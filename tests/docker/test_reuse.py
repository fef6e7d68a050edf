"""Containers that outlive a trainer, take over from others, or run another environment."""

import contextlib
import os
import select
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from fakes.containers import containers
from fakes.script import Script

import envserver
from envserver.broker import control
from envserver.client import Client
from envserver.remotes import engine
from envserver.remotes.engine import Engine
from envserver.vector_env import VectorEnv

pytestmark = pytest.mark.docker

LIMIT_S = 60.0
OPTIONS: dict[str, Any] = {"provider": "docker", "screen": (320, 240), "client_id": "one"}
TRAINER = f"""
import envserver
envs = envserver.make_vec("xvnc.Desktop-v0", 2, keep_s=KEEP_S, **{OPTIONS!r})
envs.reset()
print(envs.daemon_pid)
input()
"""
DAEMON = """
import os
from envserver.broker.main import run
run(ready_fd=os.dup(1))
"""

StartDaemon = Callable[[], Script]


@pytest.fixture
def start_daemon(run_script: Callable[[str], Script]) -> StartDaemon:
    """Starts a daemon at the default address; it listens."""

    def start() -> Script:
        script = run_script(DAEMON)
        assert script.process.stdout is not None
        assert select.select([script.process.stdout], [], [], LIMIT_S)[0]
        assert os.read(script.process.stdout.fileno(), 1) == b"\1"
        return script

    return start


@contextlib.contextmanager
def removals(found: Engine) -> Iterator[Callable[[set[str]], None]]:
    """What it yields waits until these containers, removed from here on, are gone."""
    events = found.api.events(
        filters={"label": engine.OWNER_LABEL, "event": "destroy"},
        until=int(time.time() + LIMIT_S),
        decode=True,
    )

    def wait(ids: set[str]) -> None:
        left = set(ids)
        while left:
            event = next(events, None)
            assert event is not None, f"still there after {LIMIT_S:g} s: {left}"
            left.discard(event["Actor"]["ID"])

    try:
        yield wait
    finally:
        events.close()
        events._response.close()


def of_daemon(found: Engine, pid: int | None) -> set[str]:
    """The ids of one daemon's containers that run."""
    return {
        each["Id"]
        for each in containers(found)
        if each["Labels"][engine.OWNER_LABEL].startswith(f"{pid}:") and each["State"] == "running"
    }


def in_use(found: Engine, envs: VectorEnv) -> str:
    """The id of the container whose VNC port environment 0 uses."""
    assert isinstance(envs.session, envserver.session.Session)
    port = envs.session.attach(0)["vnc"]["port"]
    (own,) = [
        each["Id"]
        for each in containers(found)
        if port in {published.get("PublicPort") for published in each["Ports"]}
    ]
    return str(own)


def trainer(keep_s: float) -> str:
    return TRAINER.replace("KEEP_S", repr(keep_s))


def test_the_next_trainer_gets_the_same_containers(
    start_daemon: StartDaemon, run_script: Callable[[str], Script], docker_engine: Engine
) -> None:
    daemon = start_daemon()
    first = run_script(trainer(300.0))
    assert int(first.line()) == daemon.process.pid
    before = of_daemon(docker_engine, daemon.process.pid)
    assert len(before) == 2
    first.process.kill()
    first.process.wait()  # until then it holds them
    with envserver.connect() as connection:
        envs = connection.make_vec("xvnc.Desktop-v0", 2, **OPTIONS)
        _, infos = envs.reset()
        assert infos["valid"].all()
        assert of_daemon(docker_engine, daemon.process.pid) == before
        envs.close(keep=True)
        assert of_daemon(docker_engine, daemon.process.pid) == before
        assert control.release("one") == 2
    assert of_daemon(docker_engine, daemon.process.pid) == set()


def test_containers_are_removed_when_nobody_comes_back(
    start_daemon: StartDaemon, run_script: Callable[[str], Script], docker_engine: Engine
) -> None:
    daemon = start_daemon()
    first = run_script(trainer(0.5))
    first.line()
    left = of_daemon(docker_engine, daemon.process.pid)
    assert len(left) == 2
    with removals(docker_engine) as wait:
        first.process.kill()
        wait(left)
    assert of_daemon(docker_engine, daemon.process.pid) == set()
    assert control.status()["kept"] == []


def test_kept_containers_of_a_killed_daemon_are_swept(
    start_daemon: StartDaemon, run_script: Callable[[str], Script], docker_engine: Engine
) -> None:
    daemon = start_daemon()
    run_script(trainer(300.0)).line()
    left = of_daemon(docker_engine, daemon.process.pid)
    daemon.process.kill()
    daemon.process.wait()
    # Nobody is there to remove them.
    assert of_daemon(docker_engine, daemon.process.pid) == left
    assert len(left) == 2
    with removals(docker_engine) as wait:
        start_daemon()
        wait(left)
    assert containers(docker_engine, owner=str(daemon.process.pid)) == []


def await_spares(client: Client, count: int) -> None:
    """Watch the daemon until so many spares are ready."""
    until_s = time.monotonic() + LIMIT_S
    while (spares := client.status()["sessions"][0]["spares"]) != count:
        assert time.monotonic() < until_s, f"{spares} spares"
        select.select([], [], [], 0.05)


def test_a_fresh_reset_takes_the_spare_container(docker_engine: Engine) -> None:
    with Client(private=True) as client:
        made = envserver.make_vec(
            *("terminal.CreateFile-v0", 1), provider="docker", spares=1, client=client
        )
        with closing(made) as envs:
            envs.reset()
            await_spares(client, 1)
            first, both = in_use(docker_engine, envs), of_daemon(docker_engine, envs.daemon_pid)
            (spare,) = both - {first}
            with removals(docker_engine) as wait:
                _, infos = envs.reset(options={"fresh": True})
                assert infos["valid"].all()
                assert infos["text"][0]
                assert in_use(docker_engine, envs) == spare
                wait({first})
            # The next is booted behind it; without a seed the spare's own episode is the one.
            await_spares(client, 1)
            assert len(of_daemon(docker_engine, envs.daemon_pid)) == 2
            assert envs.session.status()["workers"][0]["generation"] == 1  # type: ignore[attr-defined]
            daemon_pid = envs.daemon_pid
        assert of_daemon(docker_engine, daemon_pid) == set()


def test_a_fresh_reset_without_a_spare_boots_a_container(docker_engine: Engine) -> None:
    made = envserver.make_vec("terminal.CreateFile-v0", 1, provider="docker")
    with closing(made) as envs:
        envs.reset()
        first = in_use(docker_engine, envs)
        with removals(docker_engine) as wait:
            _, infos = envs.reset(options={"fresh": True})
            assert infos["valid"].all()
            second = in_use(docker_engine, envs)
            assert second != first
            wait({first})
        assert of_daemon(docker_engine, envs.daemon_pid) == {second}


def test_another_environment_runs_in_the_same_container(docker_engine: Engine) -> None:
    made = envserver.make_vec("terminal.CreateFile-v0", 1, provider="docker")
    with closing(made) as envs:
        _, infos = envs.reset(seed=1)
        assert "Create the file" in infos["text"][0][-1]
        before = in_use(docker_engine, envs)
        _, infos = envs.reset(seed=1, options={"env_id": "terminal.CountLines-v0"})
        assert infos["valid"].all()
        assert "Count the lines" in infos["text"][0][-1]
        assert (
            of_daemon(docker_engine, envs.daemon_pid) == {before} == {in_use(docker_engine, envs)}
        )
