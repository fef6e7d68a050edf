"""VNC servers that say fixed bytes: for what no real server does."""

import contextlib
import socket
import struct
import threading

SERVER_INIT = struct.pack(
    "!HH16sI", 64, 48, bytes([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8]), 4
)
GREETING = [b"RFB 003.008\n", b"\x01\x01", b"\0\0\0\0", SERVER_INIT + b"fake"]
"""What is said, in turn, after each thing that the client says."""


class ScriptedVNC:
    """Says its lines to each client, one whenever the client has said something.

    Args:
        lines: the first is said at once.
        hang_up: close the connection after the last line, instead of waiting.
    """

    def __init__(self, lines: list[bytes], *, hang_up: bool = False) -> None:
        self._lines = lines
        self._hang_up = hang_up
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.address = f"vnc://127.0.0.1:{self.port}"
        self._clients: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._clients.append(client)
                threading.Thread(target=self._speak, args=(client,), daemon=True).start()

    def _speak(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            for number, line in enumerate(self._lines):
                if number and not client.recv(65536):
                    return
                client.sendall(line)
            if self._hang_up:
                client.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Stop listening, hang up on everyone."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for client in self._clients:
            client.close()
        self._thread.join(5)
