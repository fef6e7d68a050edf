"""Records what a VNC server sends: NAME.rfb and NAME.json, as recording.py describes them.

    python -m benchmarks.record --port 5901 --encoding zrle --seconds 10 streams/desk-zrle

It asks for an update every 1/60 s and reads as our client does, so that it answers fences; the
stream is cut at the end of the last whole update.
"""

import argparse
import select
import socket
import time
from pathlib import Path

from benchmarks.recording import Recording
from cython_vnc.encodings import PICTURES, encodings_for
from cython_vnc.events import FramebufferUpdated
from cython_vnc.handshake import Handshake
from cython_vnc.protocol import RFBProtocol

REQUEST_PERIOD_S = 1 / 60
RECEIVE_BYTES = 1 << 20


class Recorder:
    """One connection that keeps every byte it receives.

    Args:
        connection: just connected; it stays the caller's to close.
        encodings: to ask for.
    """

    def __init__(self, connection: socket.socket, encodings: list[int]) -> None:
        self._connection = connection
        self._encodings = encodings
        self._data = bytearray()
        self._arrivals: list[tuple[float, int]] = []
        handshake = Handshake()
        while not handshake.done:
            received = self._receive()
            handshake.feed(received)
            connection.sendall(handshake.data_to_send())
        init = handshake.server_init
        self._size = init.width, init.height
        self._body_offset = self._end = len(self._data) - len(handshake.leftover)
        self.protocol = RFBProtocol(init.width, init.height)
        self.protocol.start(encodings)
        self._feed(handshake.leftover)
        self._began_s = self._next_request_s = time.monotonic()

    def run(self, seconds: float) -> int:
        """Record for a while, or until the server hangs up; how many updates came."""
        frame, deadline_s = self.protocol.frame, time.monotonic() + seconds
        while (now_s := time.monotonic()) < deadline_s:
            if now_s >= self._next_request_s:
                self._next_request_s = now_s + REQUEST_PERIOD_S
                self.protocol.write_update_request()
            self._connection.sendall(self.protocol.data_to_send())
            wait_s = max(0.0, min(self._next_request_s, deadline_s) - time.monotonic())
            if select.select([self._connection], [], [], wait_s)[0]:
                self._feed(self._receive())
        return self.protocol.frame - frame

    def recording(self, label: str, picture_hash: str = "") -> Recording:
        """What was recorded, up to the end of the last whole update."""
        return Recording(
            bytes(self._data[: self._end]),
            label,
            *self._size,
            self._body_offset,
            self._encodings,
            self._arrivals,
            picture_hash,
        )

    def _receive(self) -> bytes:
        received = self._connection.recv(RECEIVE_BYTES)
        if not received:
            raise ConnectionError("the server hung up")
        self._data += received
        return received

    def _feed(self, received: bytes) -> None:
        self.protocol.get_buffer(len(received))[: len(received)] = received
        for event in self.protocol.buffer_updated(len(received)):
            if isinstance(event, FramebufferUpdated):
                self._end = self._body_offset + event.end_byte
                self._arrivals.append((round(time.monotonic() - self._began_s, 4), self._end))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--encoding", choices=PICTURES, default="tight")
    parser.add_argument("--fine-quality-level", type=int, default=-1)
    parser.add_argument("--subsample-level", type=int, default=-1)
    parser.add_argument("--compress-level", type=int, default=-1)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("out", type=Path, help="the recording's path, without a suffix")
    asked = parser.parse_args()
    encodings = encodings_for(
        asked.encoding,
        compress_level=asked.compress_level,
        fine_quality_level=asked.fine_quality_level,
        subsample_level=asked.subsample_level,
    )
    with socket.create_connection((asked.host, asked.port)) as connection:
        recorder = Recorder(connection, encodings)
        updates = recorder.run(asked.seconds)
    recording = recorder.recording(asked.out.name)
    recording.save(asked.out.parent)
    print(f"{asked.out}: {updates} updates, {len(recording.data)} bytes")


if __name__ == "__main__":
    main()
