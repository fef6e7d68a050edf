"""Connecting to a daemon: one that runs, or a private one that ends with this process.

client = Client()                        # the daemon at the default address, else a private one
session = client.open_session(SessionSpec(runtime="gym-core", env_id="ALE/Pong-v5", num_envs=8))
session.wait_ready()
"""

import contextlib
import os
import secrets
import weakref
from pathlib import Path
from types import TracebackType
from typing import Any

from envserver.channel import Channel, is_running
from envserver.errors import BrokerUnavailable, EnvServerError
from envserver.notices import say_once
from envserver.private import PrivateDaemon
from envserver.session import Session
from envserver.settings import resolve_address
from envserver.spec import SessionSpec

OPEN_TIMEOUT_S = 120.0
DESCRIPTOR_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 10.0


class Client:
    """A connection to a daemon.

    Args:
        address: `ipc://` and a path; None: ENVSERVER_ADDRESS or the default.
        private: True: always start a private daemon; False: never;
            None: start one where none runs at an address that was not given.

    Raises:
        BrokerUnavailable: no daemon runs and none was to be started, or it did not start.
    """

    def __init__(self, address: str | Path | None = None, *, private: bool | None = None) -> None:
        if address is not None and private:
            raise ValueError("private is True, expected None or False where an address is given")
        daemon: PrivateDaemon | None = None
        where = resolve_address(address)
        if private or (private is None and address is None and not is_running(where)):
            daemon = PrivateDaemon()
            where = daemon.address
        try:
            self._channel = Channel(where)
        except BaseException as error:
            if daemon is not None:
                tail = daemon.tail()
                daemon.close()
                if isinstance(error, BrokerUnavailable):
                    raise BrokerUnavailable(f"{error}{tail}") from error
            raise
        self.address = where.url
        self._release = weakref.finalize(self, _release, os.getpid(), self._channel, daemon)
        self.daemon_pid = daemon.pid if daemon is not None else None

    def open_session(self, spec: SessionSpec, *, owned: bool = False) -> Session:
        """Lease workers and a segment; they start while the call returns (`Session.wait_ready`).

        Args:
            owned: closing the session closes this client too.

        Raises:
            BrokerUnavailable, RequestFailed, ValueError: nothing was opened.
        """
        opening = secrets.token_hex(8)
        try:
            opened: dict[str, Any] = self._channel.request(
                "open_session", {"spec": spec.to_wire(), "opening": opening}, OPEN_TIMEOUT_S
            )
        except (KeyboardInterrupt, BrokerUnavailable):
            # The daemon may be about to open it, or may have.
            with contextlib.suppress(EnvServerError):
                self._channel.request("close_session", {"opening": opening}, CLOSE_TIMEOUT_S)
            raise
        say_once(str(opened.get("notice", "")))
        token = str(opened["token"])
        try:
            descriptors = self._channel.receive_descriptors(
                token, int(opened["num_envs"]) + 1, DESCRIPTOR_TIMEOUT_S
            )
        except BaseException:
            with contextlib.suppress(BrokerUnavailable):
                ending = {"token": token, "keep": bool(opened.get("reopened"))}
                self._channel.request("close_session", ending, CLOSE_TIMEOUT_S)
            raise
        return Session(self._channel, spec, opened, descriptors, self.close if owned else None)

    def status(self) -> dict[str, Any]:
        """What the daemon does: pid, uptime_s, sessions and their workers (broker/daemon.py)."""
        found: dict[str, Any] = self._channel.request("status", {}, 10.0)
        return found

    def stop(self) -> None:
        """Ask the daemon to end; every session of every trainer ends with it."""
        self._channel.request("stop", {}, 20.0)

    def close(self) -> None:
        """End this client's sessions and its private daemon; in a fork, or again, do nothing."""
        self._release()

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_session(
    spec: SessionSpec, address: str | Path | None = None, *, private: bool | None = None
) -> Session:
    """Open a session on a connection of its own, which closes with it."""
    client = Client(address, private=private)
    try:
        return client.open_session(spec, owned=True)
    except BaseException:
        client.close()
        raise


def _release(pid: int, channel: Channel, daemon: PrivateDaemon | None) -> None:
    if os.getpid() != pid:
        return
    try:
        channel.close()
    finally:
        if daemon is not None:
            daemon.close()
