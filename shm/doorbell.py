"""Doorbells (eventfds), and handing descriptors to another process (I/O: unix sockets).

A doorbell counts how often it was rung; reading it clears it. The trainer writes 1, the worker's
hot thread polls.
"""

import array
import os
import socket
from collections.abc import Sequence

# The kernel's SCM_MAX_FD: more in one message is refused.
MOST_DESCRIPTORS = 253


def doorbell() -> int:
    """A new eventfd, at 0, non-blocking, closed on exec."""
    return os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)


def send_descriptors(sock: socket.socket, fds: Sequence[int]) -> None:
    """Send duplicates of `fds` over a blocking unix stream socket; the caller keeps its own.

    One byte travels with each batch of up to 253, so that both sides see where one ends.

    Raises:
        OSError: a descriptor is not open, or the peer is gone.
    """
    for start in range(0, len(fds), MOST_DESCRIPTORS):
        batch = array.array("i", fds[start : start + MOST_DESCRIPTORS])
        sock.sendmsg([b"\0"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, batch)])


def recv_descriptors(sock: socket.socket, n: int) -> list[int]:
    """Receive exactly `n` descriptors as `send_descriptors` sends them, closed on exec.

    Raises:
        ConnectionError: the peer closed, or sent something else; what had arrived is closed.
        OSError: no descriptor is free here, or the socket broke; likewise.
    """
    fds: list[int] = []
    try:
        while len(fds) < n:
            expected = min(n - len(fds), MOST_DESCRIPTORS)
            space = socket.CMSG_SPACE(expected * array.array("i").itemsize)
            payload, ancillary, flags, _ = sock.recvmsg(1, space, socket.MSG_CMSG_CLOEXEC)
            arrived = array.array("i")
            for level, kind, raw in ancillary:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    arrived.frombytes(raw[: len(raw) - len(raw) % arrived.itemsize])
            fds += arrived
            if not payload:
                raise ConnectionError(f"peer closed after {len(fds)} of {n} descriptors")
            if flags & socket.MSG_CTRUNC:
                raise ConnectionError(
                    f"descriptors were cut off after {len(fds)} of {n}; "
                    "look at the limit on open files (ulimit -n)"
                )
            if len(arrived) != expected:
                raise ConnectionError(f"peer sent {len(arrived)} descriptors, expected {expected}")
    except BaseException:
        for fd in fds:
            os.close(fd)
        raise
    return fds
