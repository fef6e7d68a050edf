"""The process of one worker: arguments, log, event loop. [I/O]

The broker gives three descriptors: the session's segment, this environment's doorbell, and a socket
on which the configuration comes first. The process ends when that socket closes.

An interpreter that starts costs a core what it imports, so that a worker imports what it needs.
"""

import asyncio
import contextlib
import logging
import os
import socket
import sys

from shm.view import Mapping
from workers.hot import HotLoop
from workers.messages import MessageReader, WorkerConfig, pack
from workers.worker import Worker


def main() -> None:
    """Run a worker until its broker closes the control socket.

    Its arguments are the numbers of the descriptors: segment, doorbell, control socket; and
    "rewarder" where there will be one.
    """
    segment_fd, doorbell_fd, control_fd = map(int, sys.argv[1:4])
    if "rewarder" in sys.argv[4:]:
        import workers.rewarder  # noqa: F401
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    control = socket.socket(fileno=control_fd)
    with contextlib.suppress(OSError):  # a broker that is gone is noticed below
        control.sendall(pack("started"))
    config = read_config(control)
    if config is not None:
        hot = HotLoop(Mapping(segment_fd), config.env, doorbell_fd, config)
        asyncio.run(serve(control, config, hot))
    logging.shutdown()
    os._exit(0)  # an interpreter that takes itself apart is busy for as long as one that imports


def read_config(control: socket.socket) -> WorkerConfig | None:
    """Wait for the first message; None when the broker is gone before it came."""
    control.setblocking(True)
    messages = MessageReader()
    while data := control.recv(1):
        for message in messages.feed(data):
            return WorkerConfig(**message["config"])
    return None


async def serve(control: socket.socket, config: WorkerConfig, hot: HotLoop) -> None:
    """Run the worker on the control socket."""
    reader, writer = await asyncio.open_connection(sock=control)
    await Worker(config, hot, writer).run(reader)
    writer.close()
