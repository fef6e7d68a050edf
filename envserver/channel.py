"""The trainer's connection to a daemon: requests over ZeroMQ, lease and descriptors beside.  [I/O]

Theory of operation: the lease socket comes first. Connecting to it says at once whether a daemon
lives, its first message carries the lease that `hello` shows over ZeroMQ, and its hang-up means
that the daemon ended, whatever is being waited for. Replies are matched by id, so one that an
interrupted call left behind is dropped by the next; one that belongs to a call further out (the
garbage collector may close a session in the midst of any call) is kept for it.
"""

import errno
import os
import select
import socket
import threading
import time
from typing import Any

import zmq

from envserver import messages
from envserver.errors import (
    CODES,
    BrokerUnavailable,
    ForkedSession,
    ProtocolVersionMismatch,
    RequestFailed,
    SessionClosed,
)
from envserver.settings import Address

POLL_SLICE_S = 0.2


class Channel:
    """Requests and descriptors of one connection. Threads may share it; forks may not.

    Raises:
        BrokerUnavailable: nobody listens at the address.
        ProtocolVersionMismatch: the daemon is of another release.
    """

    def __init__(self, address: Address, *, timeout_s: float = 10.0) -> None:
        self.address = address
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._next_id = 0
        self._replies: dict[int, dict[str, Any] | None] = {}
        self._lease = _connect_lease(address, timeout_s)
        self._context: zmq.Context[Any] | None = None
        self._socket: zmq.Socket[Any] | None = None
        try:
            said = self._lease.recv(messages.LEASE_MESSAGE_BYTES)
            if not said:
                raise BrokerUnavailable(f"the daemon at {address.url} refused; its log says why")
            greeting = messages.unpack(said)
            self._check_version(greeting)
            self._context = zmq.Context(io_threads=1)
            self._socket = self._context.socket(zmq.DEALER)
            self._socket.linger = 0
            self._socket.connect(address.url)
            self.request(
                "hello",
                {"protocol_version": messages.PROTOCOL_VERSION, "lease": greeting.get("lease")},
                timeout_s,
            )
        except BaseException as error:
            self.close()
            if isinstance(error, OSError | ValueError):
                raise BrokerUnavailable(
                    f"{address.url} did not answer like an envserver daemon: {error}"
                ) from error
            raise

    @staticmethod
    def _check_version(greeting: dict[str, Any]) -> None:
        found = greeting.get("protocol_version")
        if found != messages.PROTOCOL_VERSION:
            complaint = messages.version_complaint(found, messages.PROTOCOL_VERSION)
            raise ProtocolVersionMismatch(complaint)

    @property
    def alive(self) -> bool:
        """Whether the daemon still holds the other end."""
        if self._socket is None:
            return False
        poll = select.poll()
        poll.register(self._lease.fileno(), 0)
        return not poll.poll(0)

    def check_process(self) -> None:
        """Refuse a fork of the process that connected.

        Raises:
            ForkedSession: this is one.
        """
        if os.getpid() != self._pid:
            raise ForkedSession(
                f"opened by process {self._pid}, used in its fork {os.getpid()}: "
                "open a session of its own in each process"
            )

    def request(self, method: str, params: dict[str, Any], timeout_s: float) -> Any:
        """Ask, and wait for the reply.

        Raises:
            BrokerUnavailable: the daemon ended, or did not answer in time.
            EnvServerError, ValueError: what the daemon answered (errors.CODES).
        """
        self.check_process()
        with self._lock:
            if self._socket is None:
                raise SessionClosed("the connection to the daemon is closed")
            self._next_id += 1
            request_id = self._next_id
            data = messages.pack({"id": request_id, "method": method, "params": params})
            try:
                self._socket.send(data, zmq.NOBLOCK)
            except zmq.Again:
                raise BrokerUnavailable(f"{self.address.url} takes no more requests") from None
            self._replies[request_id] = None
            try:
                reply = self._reply_to(request_id, method, timeout_s)
            finally:
                del self._replies[request_id]
        if reply.get("ok"):
            return reply.get("result")
        error = reply.get("error") or {}
        kind = CODES.get(str(error.get("code")), RequestFailed)
        raise kind(str(error.get("message", f"{method} failed")))

    def _reply_to(self, request_id: int, method: str, timeout_s: float) -> dict[str, Any]:
        assert self._socket is not None
        deadline = time.monotonic() + timeout_s
        poll = select.poll()
        poll.register(int(self._socket.getsockopt(zmq.FD)), select.POLLIN)
        poll.register(self._lease.fileno(), 0)
        hung_up = False
        while True:
            kept = self._replies[request_id]
            if kept is not None:
                return kept
            if self._socket is None:
                raise SessionClosed("the connection to the daemon was closed")
            try:
                reply = messages.unpack(self._socket.recv(zmq.NOBLOCK))
            except zmq.Again:
                pass
            except ValueError as error:
                raise BrokerUnavailable(f"{self.address.url}: {error}") from error
            else:
                if reply.get("id") in self._replies:
                    self._replies[reply["id"]] = reply
                continue
            if hung_up:
                raise BrokerUnavailable(f"the daemon at {self.address.url} ended")
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise BrokerUnavailable(
                    f"the daemon at {self.address.url} did not answer {method!r} in {timeout_s:g} s"
                )
            events = dict(poll.poll(min(left_s, POLL_SLICE_S) * 1000))
            hung_up = self._lease.fileno() in events

    def receive_descriptors(self, token: str, total: int, timeout_s: float) -> list[int]:
        """The descriptors that the daemon sent for a session, in order; the caller closes them.

        Raises:
            BrokerUnavailable: they did not come in time.
        """
        self.check_process()
        found: list[int] = []
        with self._lock:
            self._lease.settimeout(timeout_s)
            try:
                while len(found) < total:
                    data, descriptors, flags, _ = socket.recv_fds(
                        self._lease,
                        messages.LEASE_MESSAGE_BYTES,
                        messages.MAX_DESCRIPTORS,
                        socket.MSG_CMSG_CLOEXEC,
                    )
                    found += descriptors
                    if not data:
                        raise BrokerUnavailable(f"the daemon at {self.address.url} ended")
                    message = messages.unpack(data)
                    if message.get("token") != token:  # of an open_session that was interrupted
                        _close_all(found[len(found) - len(descriptors) :])
                        del found[len(found) - len(descriptors) :]
                    elif message.get("count") != len(descriptors) or flags & socket.MSG_CTRUNC:
                        raise BrokerUnavailable(
                            f"{len(descriptors)} of {message.get('count')} descriptors arrived: "
                            "raise the limit of open files (ulimit -n)"
                        )
            except BaseException as error:
                _close_all(found)
                if isinstance(error, OSError | ValueError):
                    raise BrokerUnavailable(f"no descriptors from the daemon: {error}") from error
                raise
        return found

    def wait_end(self, deadline: float) -> bool:
        """Wait until the daemon hangs up; False when `deadline` (time.monotonic) comes first."""
        while self.alive and time.monotonic() < deadline:
            poll = select.poll()
            poll.register(self._lease.fileno(), 0)
            poll.poll(POLL_SLICE_S * 1000)
        return not self.alive

    def close(self) -> None:
        """End the lease: the daemon closes its sessions. In a fork nothing happens."""
        if os.getpid() != self._pid:
            return
        with self._lock:
            self._lease.close()
            if self._socket is not None:
                self._socket.close(0)
                self._socket = None
            if self._context is not None:
                self._context.term()
                self._context = None


def is_running(address: Address) -> bool:
    """Whether a daemon listens at the address."""
    try:
        _connect_lease(address, 1.0).close()
    except BrokerUnavailable:
        return False
    return True


def _connect_lease(address: Address, timeout_s: float) -> socket.socket:
    lease = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    lease.settimeout(timeout_s)
    try:
        lease.connect(str(address.lease))
    except OSError as error:
        lease.close()
        if error.errno in (errno.ENOENT, errno.ECONNREFUSED):
            raise BrokerUnavailable(
                f"no daemon runs at {address.url}: start one with 'envserver serve'"
            ) from None
        raise BrokerUnavailable(f"cannot reach the daemon at {address.url}: {error}") from error
    return lease


def _close_all(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
