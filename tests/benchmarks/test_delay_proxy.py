"""The proxy that delays, as a command."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROUND_TRIP_MS = 20


def echo(listener: socket.socket) -> None:
    """Send everything back to one client, and hang up after it."""
    connection, _ = listener.accept()
    with connection:
        while data := connection.recv(65536):
            connection.sendall(data)


@contextmanager
def delayed_echo() -> Iterator[socket.socket]:
    """A connection whose bytes come back, through the proxy."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=echo, args=(listener,))
        thread.start()
        asked = [str(listener.getsockname()[1]), str(ROUND_TRIP_MS)]
        command = [sys.executable, "-m", "benchmarks.delay_proxy", *asked]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as proxy:
            try:
                assert proxy.stdout is not None
                word, port = proxy.stdout.readline().split()
                assert word == "listening"
                with socket.create_connection(("127.0.0.1", int(port))) as connection:
                    yield connection
                thread.join()
            finally:
                proxy.terminate()


@pytest.mark.integration
def test_bytes_come_back_whole_in_no_less_than_the_round_trip() -> None:
    sent = bytes(range(256)) * 4096
    with delayed_echo() as connection:
        began_s = time.monotonic()
        connection.sendall(b"?")
        assert connection.recv(1) == b"?"
        assert time.monotonic() - began_s >= ROUND_TRIP_MS / 1e3
        writer = threading.Thread(target=connection.sendall, args=(sent,))
        writer.start()
        received = b""
        while len(received) < len(sent):
            received += connection.recv(65536)
        writer.join()
        assert received == sent
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""
