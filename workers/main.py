"""The process of one worker: arguments, log, event loop. [I/O]

The broker gives three descriptors: the session's segment, this environment's doorbell, and a socket
on which the configuration comes first. The process ends when that socket closes.
"""

import argparse
import asyncio
import contextlib
import logging
import socket
import sys

from shm.view import Mapping
from workers.hot import HotLoop
from workers.messages import MessageReader, WorkerConfig, pack
from workers.worker import Worker


def main(arguments: list[str] | None = None) -> None:
    """Run a worker until its broker closes the control socket."""
    parser = argparse.ArgumentParser(prog="python -m workers", description=__doc__)
    parser.add_argument("--segment-fd", type=int, required=True)
    parser.add_argument("--doorbell-fd", type=int, required=True)
    parser.add_argument("--control-fd", type=int, required=True)
    parser.add_argument("--log-level", default="INFO")
    options = parser.parse_args(arguments)
    logging.basicConfig(
        stream=sys.stderr,
        level=options.log_level,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    control = socket.socket(fileno=options.control_fd)
    with contextlib.suppress(OSError):  # a broker that is gone is noticed below
        control.sendall(pack("started"))
    config = read_config(control)
    if config is None:
        return
    hot = HotLoop(Mapping(options.segment_fd), config.env, options.doorbell_fd, config)
    asyncio.run(serve(control, config, hot))


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
