"""Our client on a replayed stream: reads to its end and prints one JSON line.

python -m benchmarks.replay_client --port PORT --label LABEL
"""

import argparse
import json
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


def replay(connection: socket.socket, label: str) -> dict[str, object]:
    """Read until the server hangs up.

    Returns:
        The stream's figures: `mpix_s_cpu` is millions of pixels a second of CPU time, user and
        system; `fnv` the hash of the last picture.
    """
    protocol = shake_hands(connection)
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    while count := connection.recv_into(protocol.get_buffer(RECEIVE_BYTES)):
        protocol.receive(count)
        if answers := protocol.data_to_send():
            connection.sendall(answers)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--label", required=True, help="name of the stream, for the output")
    arguments = parser.parse_args()
    with socket.create_connection((arguments.host, arguments.port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        json.dump(replay(connection, arguments.label), sys.stdout)
        print()


if __name__ == "__main__":
    main()
