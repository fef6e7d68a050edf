"""Our client on a replayed stream: reads to its end and prints one JSON line.

    python -m benchmarks.replay_client --port PORT --label LABEL

With --forks it reads lines "PORT" from its input instead. For each it forks a process that reads
one stream to its end, and prints the processor time that the process took, in seconds: what a
process of its own costs, without the start of an interpreter.
"""

import argparse
import gc
import json
import os
import resource
import socket
import sys
import time

from benchmarks.recording import picture_hash
from cython_vnc.encodings import encodings_for
from cython_vnc.handshake import Handshake
from cython_vnc.protocol import RFBProtocol

RECEIVE_BYTES = 256 << 10


def shake_hands(connection: socket.socket, password: str | None = None) -> RFBProtocol:
    """Come to the state in which the server may send pictures."""
    handshake = Handshake(password)
    while not handshake.done:
        data = connection.recv(RECEIVE_BYTES)
        if not data:
            raise ConnectionError(f"the server hung up before {handshake.waiting_for}")
        handshake.feed(data)
        connection.sendall(handshake.data_to_send())
    init = handshake.server_init
    protocol = RFBProtocol(init.width, init.height)
    protocol.start(encodings_for("tight"))
    protocol.get_buffer(len(handshake.leftover))[: len(handshake.leftover)] = handshake.leftover
    protocol.receive(len(handshake.leftover))
    connection.sendall(protocol.data_to_send())
    return protocol


def read_to_end(connection: socket.socket, protocol: RFBProtocol) -> None:
    """Read until the server hangs up, and ask for the next update after each."""
    while count := connection.recv_into(protocol.get_buffer(RECEIVE_BYTES)):
        frame = protocol.frame
        protocol.receive(count)
        for _ in range(protocol.frame - frame):
            protocol.write_update_request()
        if answers := protocol.data_to_send():
            connection.sendall(answers)


def replay(connection: socket.socket, label: str) -> dict[str, object]:
    """Read until the server hangs up.

    Returns:
        The stream's figures: `mpix_s_cpu` is millions of pixels a second of CPU time, user and
        system; `fnv` the hash of the last picture.
    """
    protocol = shake_hands(connection)
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    read_to_end(connection, protocol)
    after, wall_s = resource.getrusage(resource.RUSAGE_SELF), time.monotonic() - began
    user_s, system_s = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
    return {
        "client": "cython_vnc",
        "stream": label,
        "updates": protocol.frame,
        "rects": protocol.rectangles,
        "mpixel": round(protocol.pixels / 1e6, 2),
        "wall": round(wall_s, 4),
        "user": round(user_s, 4),
        "sys": round(system_s, 4),
        "mpix_s_cpu": round(protocol.pixels / 1e6 / max(user_s + system_s, 1e-6), 1),
        "fnv": picture_hash(protocol.picture()),
    }


def connect(host: str, port: int) -> socket.socket:
    connection = socket.create_connection((host, port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def spent_by_a_fork(host: str, port: int) -> float:
    """Read one stream in a process of its own; its processor time in seconds.

    Raises:
        RuntimeError: the process failed, and has said why.
    """
    pid = os.fork()
    if not pid:
        failed = 1
        try:
            with connect(host, port) as connection:
                read_to_end(connection, shake_hands(connection))
            failed = 0
        finally:
            os._exit(failed)
    _, status, spent = os.wait4(pid, 0)
    if status:
        raise RuntimeError(f"the client on port {port} ended with status {status}")
    return spent.ru_utime + spent.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int)
    parser.add_argument("--label", default="", help="name of the stream, for the output")
    parser.add_argument("--forks", action="store_true", help="read ports from the input")
    asked = parser.parse_args()
    if asked.forks:
        # What the collector moves or counts would be copied in each process.
        gc.collect()
        gc.freeze()
        for line in sys.stdin:
            print(spent_by_a_fork(asked.host, int(line)), flush=True)
        return
    if asked.port is None:
        parser.error("--port is missing")
    with connect(asked.host, asked.port) as connection:
        json.dump(replay(connection, asked.label), sys.stdout)
        print()


if __name__ == "__main__":
    main()
