"""The host process: has everything imported, and forks one child for each remote.  [I/O]

    broker -> host
        start      {name, env_id, env_kwargs, fps, screen, password, rewarder_password,
                    rfb_version, misbehave}
        describe   {name, env_id, env_kwargs, fps}
        misbehave  {name, misbehave}
        stop       {name}
    host -> broker
        ready      {pid}
        started    {name, pid, vnc_port, rewarder_port, describe}
        described  {name, describe}
        failed     {name, message}      instead of started or described, or: no such remote
        ended      {name, exit}

Messages are `workers.messages`' (msgpack behind a length). Theory of operation: one thread that
waits for the control socket, the children's sockets and their pidfds. ALE games are made once here,
as it takes 90 ms, and forked ready to run; other environments are made by the child, because they
may start threads. The host ends when the control socket does, and its children with it.
"""

import dataclasses
import gc
import logging
import os
import selectors
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import msgpack

from envserver.runtimes.gym_core.child import parse_start, run_child
from envserver.runtimes.gym_core.errors import GymCoreError
from envserver.runtimes.gym_core.game import Game, is_atari
from envserver.runtimes.gym_core.misbehave import parse_misbehaviour
from envserver.runtimes.gym_core.remote import RemoteConfig
from workers.messages import MessageReader, pack

logger = logging.getLogger(__name__)

MAX_TEMPLATES = 16


@dataclasses.dataclass
class _Child:
    name: str
    pid: int
    pidfd: int
    channel: socket.socket
    death_pipe: int
    reader: MessageReader = dataclasses.field(default_factory=MessageReader)
    is_told: bool = False
    """The broker has had `started`, `described` or `failed`."""
    is_remote: bool = True


class Host:
    """Forks remotes at the word of a control socket.

    Args:
        control: A connected stream socket.
    """

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._reader = MessageReader()
        self._selector = selectors.DefaultSelector()
        self._children: dict[int, _Child] = {}
        self._templates: dict[bytes, Game] = {}

    def run(self) -> NoReturn:
        """Serve until the control socket ends; children that are left end by themselves."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        # What is here now stays: children shall not copy its pages only to count it.
        gc.collect()
        gc.freeze()
        self._register(self._control, self._read_control)
        self._say("ready", pid=os.getpid())
        while True:
            for key, _ in self._selector.select():
                if key.fileobj in self._selector.get_map():
                    key.data()

    def _register(self, waited_for: Any, call: Callable[[], None]) -> None:
        self._selector.register(waited_for, selectors.EVENT_READ, call)

    def _say(self, kind: str, **fields: Any) -> None:
        try:
            self._control.sendall(pack(kind, **fields))
        except OSError:
            _end()

    def _read_control(self) -> None:
        try:
            data = self._control.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            _end()
        for request in self._reader.feed(data):
            try:
                self._obey(request)
            except (GymCoreError, ValueError, OSError) as error:
                name = request.get("name")
                self._say("failed", name=name, message=f"{request.get('env_id', name)}: {error}")

    def _obey(self, request: dict[str, Any]) -> None:
        kind = request.get("type")
        if kind in ("start", "describe"):
            self._start(request, only_describe=kind == "describe")
            return
        child = self._find(request.get("name"))
        if child is None:
            raise ValueError("no such remote")
        if kind == "stop":
            self._tell(child, "stop")
        elif kind == "misbehave":
            wanted = parse_misbehaviour(request.get("misbehave"))
            self._tell(child, "misbehave", misbehave=dataclasses.asdict(wanted))
        else:
            raise ValueError(f"unknown request {kind!r}")

    def _find(self, name: Any) -> _Child | None:
        remotes = (child for child in self._children.values() if child.is_remote)
        return next((child for child in remotes if child.name == name), None)

    def _tell(self, child: _Child, kind: str, **fields: Any) -> None:
        try:
            child.channel.send(pack(kind, **fields), socket.MSG_DONTWAIT)
        except OSError:
            # It is dead, or too stuck to read: its pidfd tells.
            os.kill(child.pid, signal.SIGKILL)

    def _start(self, request: dict[str, Any], *, only_describe: bool) -> None:
        config = parse_start(request)
        if not only_describe and self._find(config.name) is not None:
            raise ValueError(f"a remote of the name {config.name!r} runs already")
        game = self._template(config)
        if only_describe and game is not None:
            self._say("described", name=config.name, describe=game.describe(config.fps))
            return
        ours, theirs = socket.socketpair()
        death_read, death_write = os.pipe2(os.O_CLOEXEC)
        pid = os.fork()
        if pid == 0:
            ours.close()
            os.close(death_write)
            self._forget_all()
            run_child(theirs, death_read, config, game, only_describe=only_describe)
        theirs.close()
        os.close(death_read)
        child = _Child(config.name, pid, os.pidfd_open(pid), ours, death_write)
        child.is_remote = not only_describe
        self._children[pid] = child
        self._register(ours, lambda: self._read_child(child))
        self._register(child.pidfd, lambda: self._reap(child))

    def _template(self, config: RemoteConfig) -> Game | None:
        if not is_atari(config.env_id):
            return None
        key = msgpack.packb([config.env_id, config.env_kwargs])
        if key not in self._templates:
            game = Game(config.env_id, config.env_kwargs)
            if len(self._templates) >= MAX_TEMPLATES:
                self._templates.pop(next(iter(self._templates))).close()
            self._templates[key] = game
        return self._templates[key]

    def _forget_all(self) -> None:
        """In a child: close what is the host's, so that the end of each process is seen."""
        self._selector.close()
        self._control.close()
        for sibling in self._children.values():
            sibling.channel.close()
            os.close(sibling.pidfd)
            os.close(sibling.death_pipe)

    def _read_child(self, child: _Child) -> None:
        try:
            data = child.channel.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            self._selector.unregister(child.channel)
            return
        for message in child.reader.feed(data):
            child.is_told = True
            # A remote that could not start ends right after its word.
            child.is_remote = child.is_remote and message["type"] == "started"
            self._say(message.pop("type"), **message)

    def _reap(self, child: _Child) -> None:
        while child.channel in self._selector.get_map():
            self._read_child(child)
        _, status = os.waitpid(child.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        self._selector.unregister(child.pidfd)
        del self._children[child.pid]
        child.channel.close()
        os.close(child.pidfd)
        os.close(child.death_pipe)
        if child.is_remote and child.is_told:
            self._say("ended", name=child.name, exit=code)
        elif not child.is_told:
            message = f"the remote's process ended with {code} before it was ready"
            self._say("failed", name=child.name, message=message)


def _end() -> NoReturn:
    """Leave without the exit handlers: ale-py's complain of the games that are kept."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
