"""The daemon's side of a process remote: an init, and what it starts.  [I/O]"""

import asyncio
import contextlib
import json
import os
import secrets
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from envserver import processes
from envserver.errors import RemoteError
from envserver.remotes import init

STOP_TIMEOUT_S = 2.0


class ProcessTree:
    """An init process and the programs under it; they end together, or with the daemon."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        self.log = log
        self._token = f"{processes.identity(os.getpid())}/{secrets.token_hex(8)}"
        self._environment = {**environment, processes.OWNER_VARIABLE: self._token}
        self._removals: list[tuple[str, int | None]] = []
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.setblocking(False)
        self._replies: dict[str, asyncio.Future[int]] = {}
        self._exits: asyncio.Queue[tuple[str, int, int]] = asyncio.Queue()
        with theirs, log.open("ab") as output:
            self._process = processes.start(
                [sys.executable, "-I", "-S", init.__file__, "--control-fd", str(theirs.fileno())],
                self._environment,
                output,
                (theirs.fileno(),),
            )
        self.pid = self._process.pid
        self._pidfd = os.pidfd_open(self.pid)
        asyncio.get_running_loop().add_reader(self._control.fileno(), self._receive)
        self._open = True

    async def spawn(
        self,
        name: str,
        argv: Sequence[str],
        environment: Mapping[str, str],
        descriptors: Mapping[int, int] | None = None,
        log: Path | None = None,
    ) -> int:
        """Start a program.

        Args:
            name: what `next_exit` calls it.
            argv: its command line; `{fd:N}` becomes the number of the descriptor given as N.
            environment: beside that of the tree.
            descriptors: by N; 0 becomes the standard input. They stay the caller's to close.
            log: gets what it prints, in place of the tree's.

        Returns:
            its process id.

        Raises:
            RemoteError: it cannot be started.
        """
        given = descriptors or {}
        order = {
            "type": "spawn",
            "name": name,
            "argv": list(argv),
            "env": {**self._environment, **environment},
            "cwd": environment.get("HOME", "/"),
            "log": str(log or self.log),
            "fds": list(given),
        }
        reply: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._replies[name] = reply
        self._send(order, list(given.values()))
        return await reply

    def remove_at_end(self, path: str | Path, inode: int | None = None) -> None:
        """Remove a file, if it is still that inode, or a directory when everything has ended."""
        self._removals.append((str(path), inode))
        self._send({"type": "remove", "path": str(path), "inode": inode}, [])

    async def next_exit(self) -> tuple[str, int, int]:
        """Wait for the end of a program.

        Returns:
            its name ("" when the last that no `spawn` started ended, "init" when all did), its exit
            status (negative: a signal), and how many processes run that no `spawn` started.
        """
        return await self._exits.get()

    async def stop(self) -> None:
        """Kill the tree and wait for it."""
        if not self._open:
            return
        self._open = False
        asyncio.get_running_loop().remove_reader(self._control.fileno())
        self._control.close()
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await processes.wait_readable(self._pidfd)
        except TimeoutError:
            processes.send_signal(self._pidfd)
            await processes.wait_readable(self._pidfd)
        os.close(self._pidfd)
        if self._process.wait() != 0:
            # The init was killed before it could do its work.
            for pid, owner in processes.processes_owned():
                if owner == self._token:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            for path, inode in self._removals:
                init.remove(path, inode)

    def _send(self, message: dict[str, Any], descriptors: list[int]) -> None:
        data = json.dumps(message).encode()
        if len(data) > init.MAX_MESSAGE_BYTES:
            raise RemoteError(f"{message.get('name')}: command and environment are too long")
        try:
            socket.send_fds(self._control, [data], descriptors)
        except OSError as error:
            raise RemoteError(f"the init of the remote is gone: {error}") from error

    def _receive(self) -> None:
        try:
            data = self._control.recv(init.MAX_MESSAGE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._control.fileno())
            self._settle("the init of the remote ended")
            self._exits.put_nowait(("init", 0, 0))
            return
        message = json.loads(data)
        if message["type"] == "exited":
            self._exits.put_nowait((message["name"], message["status"], message["others"]))
            return
        reply = self._replies.pop(message["name"], None)
        if reply is None or reply.done():
            return
        if message["type"] == "started":
            reply.set_result(message["pid"])
        else:
            reply.set_exception(RemoteError(f"{message['name']}: {message['message']}"))

    def _settle(self, cause: str) -> None:
        for reply in self._replies.values():
            with contextlib.suppress(asyncio.InvalidStateError):
                reply.set_exception(RemoteError(cause))
        self._replies.clear()
