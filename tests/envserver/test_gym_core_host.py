"""The host process: forks remotes, reports their ends, and leaves nothing when it is gone."""

import asyncio
import contextlib
import os
import select
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from reference.small_viewer import Refused, SmallViewer

from envserver.processes import python_command, python_environment
from workers.messages import MessageReader, pack

pytestmark = pytest.mark.integration

TIMEOUT_S = 20
PONG = "gym-core.Pong-v0"
STUCK = '''"""An environment whose step never comes back, and never lets another thread run."""
import re

import gymnasium
import numpy as np


class Stuck(gymnasium.Env):
    action_space = gymnasium.spaces.Discrete(2)
    observation_space = gymnasium.spaces.Discrete(1)
    metadata = {"render_modes": ["rgb_array"]}

    def __init__(self, render_mode):
        self.render_mode = render_mode

    def reset(self, *, seed=None, options=None):
        return 0, {}

    def step(self, action):
        re.match("(a+)+$", "a" * 64 + "b")

    def render(self):
        return np.zeros((4, 4, 3), np.uint8)


class Crash(Stuck):
    def step(self, action):
        raise RuntimeError("broken on purpose")


gymnasium.register("Stuck-v0", entry_point=Stuck)
gymnasium.register("Crash-v0", entry_point=Crash)
'''


class Broker:
    """The other end of a host's control socket."""

    def __init__(self, search: Path) -> None:
        self.control, theirs = socket.socketpair()
        self.control.settimeout(TIMEOUT_S)
        environment = python_environment()
        environment["PYTHONPATH"] = f"{environment.get('PYTHONPATH', '')}:{search}"
        number = str(theirs.fileno())
        self.process = subprocess.Popen(
            python_command("-m", "envserver.runtimes.gym_core", "--control-fd", number),
            pass_fds=[theirs.fileno()],
            env=environment,
        )
        theirs.close()
        self._reader = MessageReader()
        self._inbox: list[dict[str, Any]] = []
        self.ready = self.next()

    def send(self, kind: str, **fields: Any) -> None:
        self.control.sendall(pack(kind, **fields))

    def next(self) -> dict[str, Any]:
        while not self._inbox:
            data = self.control.recv(1 << 16)
            assert data, "the host ended"
            self._inbox += self._reader.feed(data)
        return self._inbox.pop(0)

    def start(self, name: str, env_id: str = PONG, **fields: Any) -> dict[str, Any]:
        self.send("start", name=name, env_id=env_id, **fields)
        return self.next()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    (tmp_path / "stuck_env.py").write_text(STUCK)
    made = Broker(tmp_path)
    yield made
    made.control.close()
    assert made.process.wait(TIMEOUT_S) == 0


def ended(pidfds: list[int]) -> bool:
    """Wait for the ends of processes, and close their descriptors."""
    all_ended = True
    for pidfd in pidfds:
        all_ended &= bool(select.select([pidfd], [], [], TIMEOUT_S)[0])
        os.close(pidfd)
    return all_ended


def threads(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/task"))


def test_eight_remotes_end_with_the_control_socket(broker: Broker) -> None:
    assert broker.ready == {"type": "ready", "pid": broker.process.pid}
    for number in range(8):
        broker.send("start", name=f"remote {number}", env_id=PONG)
    started = [broker.next() for _ in range(8)]
    assert {message["type"] for message in started} == {"started"}
    assert {message["name"] for message in started} == {f"remote {n}" for n in range(8)}
    assert len({message["vnc_port"] for message in started}) == 8
    assert started[0]["describe"]["num_actions"] == 6
    assert started[0]["describe"]["screen"] == [1024, 768]
    pids = [message["pid"] for message in started]
    # Forked from one thread, and one thread each.
    assert [threads(pid) for pid in (broker.process.pid, *pids)] == [1] * 9
    pidfds = [os.pidfd_open(pid) for pid in pids]
    broker.control.close()
    assert broker.process.wait(TIMEOUT_S) == 0
    assert ended(pidfds)


def test_remotes_end_when_the_host_is_killed(broker: Broker) -> None:
    pidfds = [os.pidfd_open(broker.start(f"remote {n}")["pid"]) for n in range(3)]
    broker.process.kill()
    broker.process.wait(TIMEOUT_S)
    assert ended(pidfds)
    broker.process.returncode = 0


def test_stuck_remote_ends_with_the_host_too(broker: Broker) -> None:
    message = broker.start("stuck", "stuck_env:Stuck-v0", fps=1000)
    pidfd = os.pidfd_open(message["pid"])
    # The first connection starts the clock, and the first step never ends.
    with socket.create_connection(("127.0.0.1", message["vnc_port"])) as viewer:
        viewer.settimeout(TIMEOUT_S)
        assert viewer.recv(12, socket.MSG_WAITALL) == b"RFB 003.008\n"
        before = cpu_ticks(message["pid"])
        while cpu_ticks(message["pid"]) < before + 5:
            select.select([], [], [], 0.01)
        broker.control.close()
        broker.process.wait(TIMEOUT_S)
        assert ended([pidfd])


def cpu_ticks(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11])


def test_stop_kill_and_the_same_name_again(broker: Broker) -> None:
    first = broker.start("one")
    assert broker.start("one")["type"] == "failed"
    broker.send("stop", name="one")
    assert broker.next() == {"type": "ended", "name": "one", "exit": 0}
    second = broker.start("one")
    assert second["pid"] != first["pid"]
    os.kill(second["pid"], signal.SIGKILL)
    assert broker.next() == {"type": "ended", "name": "one", "exit": -signal.SIGKILL}
    broker.send("stop", name="one")
    assert broker.next() == {"type": "failed", "name": "one", "message": "one: no such remote"}


def test_environment_that_raises_ends_its_remote_alone(broker: Broker) -> None:
    good = broker.start("good")
    bad = broker.start("bad", "stuck_env:Crash-v0", fps=1000)
    with socket.create_connection(("127.0.0.1", bad["vnc_port"])):
        assert broker.next() == {"type": "ended", "name": "bad", "exit": 1}
    with socket.create_connection(("127.0.0.1", good["vnc_port"])) as viewer:
        assert viewer.recv(12, socket.MSG_WAITALL) == b"RFB 003.008\n"


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"env_id": "gym-core.Nothing-v0"}, "Nothing"),
        ({"env_id": "Pendulum-v1"}, "cannot be played by keys"),
        ({"env_id": "no_such_module:X-v0"}, "no_such_module"),
        ({"env_id": "CartPole-v1", "env_kwargs": {"no_such": 1}}, "no_such"),
        ({"env_id": "CartPole-v1", "screen": [300, 300]}, "does not fit"),
        ({"screen": "large"}, "expected 'native' or"),
        ({"fps": 0.0 - 1}, "fps is -1.0"),
        ({"rfb_version": "9.9"}, "rfb_version"),
        ({"misbehave": {"vnc": "politely"}}, "misbehave.vnc"),
        ({"misbehave": {"no_such": 1}}, "misbehave"),
        ({"colour": "blue"}, "unknown field 'colour'"),
        ({"env_id": 7}, "env_id is 7"),
    ],
)
def test_wrong_requests_fail_with_a_reason(
    broker: Broker, fields: dict[str, Any], says: str
) -> None:
    message = broker.start("wrong", **fields)
    assert (message["type"], message["name"]) == ("failed", "wrong")
    assert says in message["message"]
    # The name is free and the host well.
    assert broker.start("wrong")["type"] == "started"


def test_describe_runs_nothing(broker: Broker) -> None:
    for env_id, actions in ((PONG, 6), ("CartPole-v1", 2)):
        broker.send("describe", name="asked", env_id=env_id)
        message = broker.next()
        assert (message["type"], message["name"]) == ("described", "asked")
        assert message["describe"]["num_actions"] == actions
    broker.send("describe", name="asked", env_id="gym-core.Nothing-v0")
    assert broker.next()["type"] == "failed"
    assert broker.start("asked")["type"] == "started"


def test_native_screen_and_passwords(broker: Broker) -> None:
    message = broker.start("locked", screen="native", password="sesame")
    assert message["describe"]["screen"] == [160, 210]

    async def look() -> None:
        with pytest.raises(Refused):
            await SmallViewer.connect(message["vnc_port"], password="open")
        viewer = await SmallViewer.connect(message["vnc_port"], password="sesame")
        assert (viewer.width, viewer.height) == (160, 210)
        viewer.request()
        await viewer.update()
        assert viewer.picture.any()
        await viewer.close()

    asyncio.run(asyncio.wait_for(look(), TIMEOUT_S))
    command = Path(f"/proc/{message['pid']}/cmdline").read_bytes()
    assert b"sesame" not in command


def test_misbehaviour_on_command(broker: Broker) -> None:
    message = broker.start("faulty")

    async def look() -> None:
        viewer = await SmallViewer.connect(message["vnc_port"])
        viewer.request()
        await viewer.update()
        broker.send("misbehave", name="faulty", misbehave={"vnc": "die"})
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                viewer.request()
                await viewer.update()
        await viewer.close()

    asyncio.run(asyncio.wait_for(look(), TIMEOUT_S))
    assert broker.next() == {"type": "ended", "name": "faulty", "exit": -signal.SIGKILL}


def test_standalone_prints_its_address_and_ends_cleanly(tmp_path: Path) -> None:
    arguments = ("-m", "envserver.runtimes.gym_core", "--standalone", "--env-id", PONG)
    process = subprocess.Popen(
        python_command(*arguments),
        env=python_environment(ENVSERVER_VNC_PASSWORD="sesame"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    port = int(address.removeprefix("vnc://127.0.0.1:").partition("+")[0])

    async def look() -> None:
        viewer = await SmallViewer.connect(port, password="sesame")
        assert viewer.name == f"envserver {PONG}"
        await viewer.close()

    asyncio.run(asyncio.wait_for(look(), TIMEOUT_S))
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0
    assert (out, errors) == ("", "")
