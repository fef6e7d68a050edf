"""Serves a recording to any VNC client: `python -m benchmarks.replay_server FILE.rfb`.

It says "listening PORT", then does the recorded handshake with each client and sends the recorded
updates: as fast as the client reads, with the recorded timing, or so many a second. A client that
asks for TIMESTAMP gets in each update, first, the time at which it is handed to the kernel. Clients
must want the recorded pixel format; what they send besides is read and thrown away.
"""

import argparse
import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.command import positive
from benchmarks.recording import Recording
from cython_vnc.constants import ClientMessage, Encoding
from cython_vnc.events import FramebufferUpdated
from cython_vnc.protocol import RFBProtocol

PIECE_BYTES = 1 << 20
AFTER_TYPE_BYTES = {
    ClientMessage.SET_PIXEL_FORMAT: 19,
    ClientMessage.FRAMEBUFFER_UPDATE_REQUEST: 9,
    ClientMessage.KEY_EVENT: 7,
    ClientMessage.POINTER_EVENT: 5,
}
LAST_RECT_ENDS = 0xFFFF


def updates_of(recording: Recording) -> list[tuple[int, int]]:
    """Where each FramebufferUpdate begins and ends in the body."""
    protocol = RFBProtocol(recording.width, recording.height)
    body, found = recording.body, []
    for begin in range(0, len(body), PIECE_BYTES):
        piece = body[begin : begin + PIECE_BYTES]
        protocol.get_buffer(len(piece))[: len(piece)] = piece
        for event in protocol.buffer_updated(len(piece)):
            if isinstance(event, FramebufferUpdated):
                found.append((event.begin_byte, event.end_byte))
        protocol.data_to_send()
    return found


def stamped(update: bytes, now_ns: int) -> bytes:
    """The update with a TIMESTAMP rectangle in front."""
    kind, count = struct.unpack_from(">HH", update)
    stamp = struct.pack(">Qi", now_ns, Encoding.TIMESTAMP)
    count = count if count == LAST_RECT_ENDS else count + 1
    return struct.pack(">HH", kind, count) + stamp + update[4:]


def receive_exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            raise ConnectionError("the client hung up")
        data += piece
    return data


class Replay:
    """One recording, for any number of clients.

    Args:
        pace: "full" speed, the "recorded" timing, or updates a second.
    """

    def __init__(self, recording: Recording, pace: str = "full") -> None:
        self._recording = recording
        self._updates = updates_of(recording)
        self._pace = pace

    def serve(self, connection: socket.socket) -> None:
        """Do one client's whole conversation; returns when the client has hung up."""
        with contextlib.suppress(ConnectionError):
            self.shake_hands(connection, self._recording)
            stamps = Encoding.TIMESTAMP in self.await_request(connection)
            drain = threading.Thread(target=_drain, args=(connection,), daemon=True)
            drain.start()
            body, sent = memoryview(self._recording.body), 0
            for (begin, end), due_s in zip(self._updates, self._due_times(), strict=False):
                connection.sendall(body[sent:begin])
                time.sleep(max(0.0, due_s - time.monotonic()))
                update = body[begin:end]
                if stamps:
                    connection.sendall(stamped(bytes(update), time.monotonic_ns()))
                else:
                    connection.sendall(update)
                sent = end
            connection.sendall(body[sent:])
            connection.shutdown(socket.SHUT_WR)
            drain.join()

    @staticmethod
    def shake_hands(connection: socket.socket, recording: Recording) -> None:
        """Do the recorded handshake."""
        data = recording.data
        connection.sendall(data[:12])
        receive_exactly(connection, 12)
        types_end = 13 + data[12]
        connection.sendall(b"\x01\x01")
        receive_exactly(connection, 1)
        connection.sendall(data[types_end : types_end + 4])
        receive_exactly(connection, 1)
        connection.sendall(data[types_end + 4 : recording.body_offset])

    @staticmethod
    def await_request(connection: socket.socket) -> list[int]:
        """Wait for the first request; the encodings that were asked for until then."""
        asked: list[int] = []
        kind = -1
        while kind != ClientMessage.FRAMEBUFFER_UPDATE_REQUEST:
            (kind,) = receive_exactly(connection, 1)
            if kind == ClientMessage.SET_ENCODINGS:
                (count,) = struct.unpack(">xH", receive_exactly(connection, 3))
                asked = list(struct.unpack(f">{count}i", receive_exactly(connection, 4 * count)))
            elif kind in AFTER_TYPE_BYTES:
                receive_exactly(connection, AFTER_TYPE_BYTES[ClientMessage(kind)])
            else:
                raise ConnectionError(f"the client sent a message of type {kind} before a request")
        return asked

    def _due_times(self) -> Iterator[float]:
        """When each update goes out, in time.monotonic()."""
        began_s = time.monotonic()
        offset = self._recording.body_offset
        arrivals = iter(self._recording.arrivals)
        arrived_s, arrived_bytes = 0.0, 0
        for number, (_, end) in enumerate(self._updates):
            while self._pace == "recorded" and arrived_bytes < offset + end:
                arrived_s, arrived_bytes = next(arrivals, (arrived_s, offset + end))
            if self._pace not in ("full", "recorded"):
                arrived_s = number / float(self._pace)
            yield began_s + arrived_s


def _drain(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while connection.recv(65536):
            pass


def pace(text: str) -> str:
    """A type of argparse."""
    return text if text in ("full", "recorded") else str(positive(text))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument(
        "--pace", type=pace, default="full", help='"full", "recorded", or updates a second'
    )
    parser.add_argument("--once", action="store_true", help="end after the first client")
    parser.add_argument("file", type=Path)
    asked = parser.parse_args()
    replay = Replay(Recording.load(asked.file), asked.pace)
    with socket.create_server((asked.host, asked.port)) as listener:
        print("listening", listener.getsockname()[1], flush=True)
        while True:
            connection, _ = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if asked.once:
                return _serve_and_close(replay, connection)
            threading.Thread(
                target=_serve_and_close, args=(replay, connection), daemon=True
            ).start()


def _serve_and_close(replay: Replay, connection: socket.socket) -> None:
    with connection:
        replay.serve(connection)


if __name__ == "__main__":
    main()
