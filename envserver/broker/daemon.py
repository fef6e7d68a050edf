"""The daemon's sockets and sessions: ZeroMQ requests in, replies out.  [I/O]"""

import asyncio
import contextlib
import errno
import itertools
import logging
import os
import shutil
import time
from pathlib import Path
from typing import Any

import zmq
import zmq.asyncio

from envserver import messages, processes
from envserver.broker.closings import Closings
from envserver.broker.kept import KeptRemotes
from envserver.broker.leases import Lease, LeaseServer, trainer_alive
from envserver.broker.pool import RemotePool
from envserver.broker.requests import Requests
from envserver.broker.session import BrokerSession
from envserver.broker.turns import Turns
from envserver.errors import EnvServerError, RequestFailed, SessionClosed, code_of
from envserver.remotes.choice import choose_provider
from envserver.settings import Address
from envserver.spec import SessionSpec

logger = logging.getLogger(__name__)

LAST_REPLY_MS = 500


class Daemon:
    """A broker at an address whose lock the caller holds.

    Args:
        log_directory: where logs stay; None: with the daemon's own files, gone with their session.
        private: it ends with its trainer, and can keep nothing for it.
    """

    def __init__(
        self, address: Address, log_directory: Path | None = None, *, private: bool = False
    ) -> None:
        self.address = address
        self.pid = os.getpid()
        self.started_at = time.monotonic()
        self.sessions: dict[str, BrokerSession] = {}
        self._closings = Closings()
        self._turns = Turns()
        self.kept = KeptRemotes(self._closings)
        self._about_to_be_kept: dict[str, asyncio.Task[None]] = {}
        """By client_id: closings of sessions, each of which keeps the remotes in the end."""
        self._opening: dict[str, int] = {}
        """By client_id: who opens a session now."""
        self._is_private = private
        self._files = address.files
        shutil.rmtree(self._files, ignore_errors=True)
        self._files.mkdir(mode=0o700)
        self.log_directory = log_directory or self._files
        self._keep_logs = log_directory is not None
        self._names = itertools.count(1)
        self._stopping = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._peers: dict[bytes, Lease] = {}
        self._requests = Requests(self)
        self._context = zmq.asyncio.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.linger = LAST_REPLY_MS
        self._socket.bind(address.url)
        # Last, since a trainer takes an answer here for a daemon that is complete.
        self.leases = LeaseServer(address.lease, self._lease_ended)

    def stop(self, why: str) -> None:
        """Begin to end."""
        if not self._stopping.is_set():
            logger.info("stopping: %s", why)
        self._stopping.set()

    async def run(self) -> None:
        """Serve until `stop`, then give everything back."""
        receiver = asyncio.create_task(self._receive())
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait((receiver, stopping), return_when=asyncio.FIRST_COMPLETED)
            if receiver.done():
                receiver.result()
        finally:
            receiver.cancel()
            stopping.cancel()
            self.leases.stop_listening()
            await self._close()

    async def open_session(self, lease: Lease, spec: SessionSpec) -> BrokerSession:
        """A new session for the trainer of a lease.

        Raises:
            SessionClosed: the trainer ended meanwhile.
            RequestFailed: it cannot be opened, or another trainer has its client_id.
        """
        client_id = spec.client_id
        if client_id is None:
            return await self._open(lease, spec, None)
        if client_id in self._opening:
            raise RequestFailed(
                f"client_id {client_id!r} is held by process {self._opening[client_id]}, which "
                "opens a session now: use another client_id"
            )
        self._opening[client_id] = lease.pid
        try:
            return await self._open(lease, spec, await self._kept_pool(lease, spec))
        finally:
            del self._opening[client_id]

    async def _open(
        self, lease: Lease, spec: SessionSpec, pool: RemotePool | None
    ) -> BrokerSession:
        name = str(next(self._names))
        directory = self._files / f"session-{name}"
        logs = directory
        if self._keep_logs:
            logs = self.log_directory / f"session-{self.pid}-{name}"
        reopened = pool is not None
        try:
            if pool is None:
                remotes = self._files / f"remotes-{name}"
                pool = RemotePool(
                    spec,
                    remotes,
                    logs if self._keep_logs else remotes,
                    await asyncio.to_thread(choose_provider, spec),
                    {"session": name, "lease": processes.identity(lease.pid) or ""},
                )
            session = await BrokerSession.open(
                name, lease.token, lease.pid, spec, directory, logs, pool, self._turns
            )
        except BaseException as error:
            if pool is not None:
                client_id = spec.client_id if reopened else None
                await asyncio.shield(self._closings.begin(self._let_go(client_id, spec, pool)))
            if isinstance(error, OSError):
                short = error.errno in (errno.EMFILE, errno.ENFILE)
                advice = ": raise the limit of open files (ulimit -n)" if short else ""
                raise RequestFailed(f"the daemon cannot open a session: {error}{advice}") from error
            raise
        session.reopened = reopened
        self.sessions[session.token] = session
        gone = lease.token not in self.leases.leases or not trainer_alive(lease)
        if gone or self._stopping.is_set():
            await self.close_session(session, keep=reopened)
            raise SessionClosed("the trainer or the daemon ended while the session was opened")
        return session

    async def close_session(self, session: BrokerSession, *, keep: bool = False) -> None:
        """End a session; `keep`: its remotes wait for its client, if it has a name."""
        await asyncio.shield(self._begin_closing(session, keep=keep))

    def _begin_closing(self, session: BrokerSession, *, keep: bool) -> "asyncio.Task[None]":
        client_id = session.spec.client_id
        if self.sessions.pop(session.token, None) is None or not keep or client_id is None:
            return self._closings.begin(session.close())
        closing = self._closings.begin(self._close_and_keep(client_id, session))
        self._about_to_be_kept[client_id] = closing
        closing.add_done_callback(lambda _: self._about_to_be_kept.pop(client_id))
        return closing

    async def _close_and_keep(self, client_id: str, session: BrokerSession) -> None:
        try:
            await session.close(keep_remotes=True)
        finally:
            await self._let_go(client_id, session.spec, session.pool)

    async def _let_go(self, client_id: str | None, spec: SessionSpec, pool: RemotePool) -> None:
        """Keep remotes for a client; stop them if there is none, or no daemon that would wait."""
        if client_id is None or self._stopping.is_set():
            await pool.close()
        else:
            self.kept.keep(client_id, pool, spec.keep_s)

    async def _kept_pool(self, lease: Lease, spec: SessionSpec) -> RemotePool | None:
        """The remotes that wait for a client; None where none do.

        Raises:
            RequestFailed: another trainer has them, or this daemon keeps none.
        """
        client_id = spec.client_id
        assert client_id is not None
        if self._is_private:
            raise RequestFailed(
                f"client_id is {client_id!r}, but this daemon ends with its trainer and can keep "
                "nothing: start one that lasts by 'envserver serve'"
            )
        for session in list(self.sessions.values()):
            if session.spec.client_id != client_id:
                continue
            holder = self.leases.leases.get(session.lease)
            if holder is not None and trainer_alive(holder):
                raise RequestFailed(
                    f"client_id {client_id!r} is held by process {session.trainer_pid} "
                    f"(session {session.name}): end that one, or use another client_id"
                )
            await self.close_session(session, keep=True)  # its end was not noticed yet
        if client_id in self._about_to_be_kept:
            await asyncio.wait((self._about_to_be_kept[client_id],))
        return self.kept.take(spec)

    async def _receive(self) -> None:
        while True:
            peer, *rest = await self._socket.recv_multipart()
            task = asyncio.create_task(self._serve(peer, rest[-1] if rest else b""))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, peer: bytes, data: bytes) -> None:
        reply: dict[str, Any]
        request_id: Any = None
        try:
            request = messages.unpack(data)
            request_id = request.get("id")
            method, params = request.get("method"), request.get("params")
            if method == "hello":
                self._peers[peer] = self._requests.hello(params or {})
                result: Any = {"protocol_version": messages.PROTOCOL_VERSION}
            else:
                result = await self._requests.answer(self._peers.get(peer), method, params)
            reply = {"id": request_id, "ok": True, "result": result}
        except Exception as error:
            if not isinstance(error, EnvServerError | ValueError):
                logger.exception("a request failed")
            text = str(error) or type(error).__name__
            reply = {
                "id": request_id,
                "ok": False,
                "error": {"code": code_of(error), "message": text},
            }
        # A trainer that does not read its replies loses them; it must not stop the others.
        with contextlib.suppress(zmq.ZMQError):
            await self._socket.send_multipart([peer, messages.pack(reply)], zmq.NOBLOCK)

    def _lease_ended(self, lease: Lease) -> None:
        for peer in [peer for peer, owner in self._peers.items() if owner is lease]:
            del self._peers[peer]
        for session in [each for each in self.sessions.values() if each.lease == lease.token]:
            self._begin_closing(session, keep=True)

    async def _close(self) -> None:
        self._stopping.set()
        for session in list(self.sessions.values()):
            self._begin_closing(session, keep=False)
        self.kept.give_up_all()
        await self._closings.wait()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._closings.wait()  # of those that were being opened
        self._socket.close()
        self._context.term()
        self.address.socket.unlink(missing_ok=True)
        await asyncio.to_thread(shutil.rmtree, self._files, ignore_errors=True)
        self.leases.close()
