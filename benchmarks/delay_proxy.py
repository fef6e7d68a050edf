"""A TCP proxy that delays: `python -m benchmarks.delay_proxy PORT ROUND_TRIP_MS`.

It says "listening PORT" and hands each piece on half a round trip after it came, both ways.
"""

import argparse
import contextlib
import queue
import socket
import threading
import time

from benchmarks.command import run

PIECE_BYTES = 1 << 18
Pieces = queue.SimpleQueue[tuple[float, bytes]]


def read(source: socket.socket, pieces: Pieces, delay_s: float) -> None:
    data = b"?"
    while data:
        try:
            data = source.recv(PIECE_BYTES)
        except OSError:
            data = b""
        pieces.put((time.monotonic() + delay_s, data))


def write(target: socket.socket, pieces: Pieces) -> None:
    with contextlib.suppress(OSError):
        while True:
            due_s, data = pieces.get()
            time.sleep(max(0.0, due_s - time.monotonic()))
            if not data:
                target.shutdown(socket.SHUT_WR)
                return
            target.sendall(data)


def join(client: socket.socket, port: int, delay_s: float) -> None:
    """Connect a client with the server behind the delay."""
    server = socket.create_connection(("127.0.0.1", port))
    for end in (client, server):
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for source, target in ((client, server), (server, client)):
        pieces: Pieces = queue.SimpleQueue()
        threading.Thread(target=read, args=(source, pieces, delay_s), daemon=True).start()
        threading.Thread(target=write, args=(target, pieces), daemon=True).start()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("round_trip_ms", type=float)
    asked = parser.parse_args()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print("listening", listener.getsockname()[1], flush=True)
        while True:
            join(listener.accept()[0], asked.port, asked.round_trip_ms / 2e3)


if __name__ == "__main__":
    run(main)
