"""A gym-core host whose remotes a test addresses by hand, and whose faults it commands."""

import socket
import subprocess
import sys
from typing import Any

from envserver.processes import python_environment
from workers.messages import MessageReader, pack

WAIT_S = 20.0


class GymCoreHost:
    """The host process; `start` gives the address of one more remote."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        self._control.settimeout(WAIT_S)
        self._reader = MessageReader()
        self._messages: list[dict[str, Any]] = []
        self.pids: dict[str, int] = {}
        command = [sys.executable, "-P", "-m", "envserver.runtimes.gym_core"]
        with theirs:
            self.process = subprocess.Popen(
                [*command, "--control-fd", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=python_environment(),
            )

    def start(self, name: str, env_id: str, **fields: Any) -> str:
        """Start a remote; its address, as `remotes=` takes it."""
        self._control.sendall(pack("start", name=name, env_id=env_id, **fields))
        started = self._answer("started", name)
        self.pids[name] = started["pid"]
        return f"127.0.0.1:{started['vnc_port']}+{started['rewarder_port']}"

    def misbehave(self, name: str, **faults: Any) -> None:
        """From now on the remote does this wrong; nothing given: no more."""
        self._control.sendall(pack("misbehave", name=name, misbehave=faults))

    def _answer(self, kind: str, name: str) -> dict[str, Any]:
        while True:
            for message in self._messages:
                if message.get("name") == name:
                    assert message["type"] == kind, message
                    self._messages.remove(message)
                    return message
            data = self._control.recv(65536)
            assert data, "the host ended"
            self._messages += self._reader.feed(data)

    def close(self) -> None:
        self._control.close()
        assert self.process.wait(WAIT_S) is not None
