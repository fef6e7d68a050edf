"""Decoding: recorded streams through a local socket into our client and into its peers.

    python -m benchmarks.decode [--lean PATH]... [--cpu-s 1.0] STREAMS

One connection is one process. Its processor time (wait4) less the median of the same client on a
stream without a message is what decoding took. The clients take turns until each has used
`--cpu-s` of it on a stream. libvncclient writes a request for each update, as ours does here, and
in a session with a server that waits to be asked; nobody reads them, so that no client pays for
waking the server. The peers are libvncclient, and whatever is named by --lean: a program that is
called `PATH --port PORT LABEL`, reads the stream to its end and prints a line of JSON with the hash
of the last picture, "fnv"; a lean one may send no requests. The hashes of all must agree.

A ratio is ours by theirs in one round; its interval holds the median with 95 % (by ranks).
"""

import argparse
import contextlib
import json
import os
import select
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import sqrt
from pathlib import Path
from typing import Self

from rich.console import Console
from rich.table import Table

from benchmarks.command import positive, run, start
from benchmarks.compiling import compiled
from benchmarks.recording import Recording
from benchmarks.replay_server import Replay
from benchmarks.report import Figure, Found
from cython_vnc.protocol import RFBProtocol

ROOT = Path(__file__).parents[1]
PEER = ROOT / "benchmarks" / "peers" / "libvncclient.c"
LEAST_ROUNDS = 5
MOST_ROUNDS = 400
PATIENCE_S = 60.0
"""For a client that does not read on."""
EMPTY_SHARE = 4
"""A stream without a message is read in every so many rounds."""


class Served:
    """A recording that any number of clients may read, each to its end, as fast as it can.

    Args:
        recording: sent as one piece, so that no client waits for the server's steps.
        empty: only the handshake is sent.
    """

    def __init__(self, recording: Recording, *, empty: bool = False) -> None:
        self._recording = recording
        self._body = b"" if empty else recording.body
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with connection, contextlib.suppress(ConnectionError):
                    self._converse(connection)

    def _converse(self, connection: socket.socket) -> None:
        Replay.shake_hands(connection, self._recording)
        Replay.await_request(connection)
        # With a time-out Python waits for room alone, and a request that comes wakes nobody.
        connection.settimeout(PATIENCE_S)
        connection.sendall(self._body)
        connection.shutdown(socket.SHUT_WR)
        gone = select.poll()
        gone.register(connection, select.POLLRDHUP)
        gone.poll(PATIENCE_S * 1e3)


class Program:
    """A peer: a program that reads one stream and ends."""

    def __init__(self, name: str, *command: str) -> None:
        self.name = name
        self._command = command

    def spent_s(self, port: int, label: str) -> float:
        process = start(self._words(port, label), stdout=subprocess.DEVNULL)
        _, status, spent = os.wait4(process.pid, 0)
        process.returncode = status
        if status:
            raise RuntimeError(f"{self.name} on {label} ended with status {status}")
        return spent.ru_utime + spent.ru_stime

    def picture_hash(self, port: int, label: str) -> str:
        said = subprocess.run(self._words(port, label), check=True, capture_output=True, text=True)
        return str(json.loads(said.stdout)["fnv"])

    def close(self) -> None:
        pass

    def _words(self, port: int, label: str) -> list[str]:
        return [word.format(port=port, label=label) for word in self._command]


class Ours(Program):
    """Our client: forked from one interpreter for each stream."""

    def __init__(self) -> None:
        python = [sys.executable, "-m", "benchmarks.replay_client"]
        super().__init__("ours", *python, "--port", "{port}", "--label", "{label}")
        self._process = start(
            [*python, "--forks"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def spent_s(self, port: int, label: str) -> float:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{port}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


@dataclass
class Spent:
    """What one client used on one stream, in CPU seconds a connection."""

    full: list[float] = field(default_factory=list)
    empty: list[float] = field(default_factory=list)

    def net(self) -> list[float]:
        start = statistics.median(self.empty)
        return [max(each - start, 1e-6) for each in self.full]


@dataclass
class Measured:
    """One stream: its pixels, and each client's net CPU seconds, round by round."""

    label: str
    mpixel: float
    net_s: dict[str, list[float]]

    def speed(self, name: str) -> float:
        """Median, in MPix per CPU second."""
        return self.mpixel / statistics.median(self.net_s[name])

    def ratio(self, peer: str) -> tuple[float, float, float]:
        """Our speed by a peer's, round by round: median, and the ends of its interval."""
        rounds = zip(self.net_s["ours"], self.net_s[peer], strict=True)
        ratios = sorted(theirs / ours for ours, theirs in rounds)
        reach = 0.98 * sqrt(len(ratios))
        low = max(0, int(len(ratios) / 2 - reach))
        high = min(len(ratios) - 1, int(len(ratios) / 2 + reach))
        return statistics.median(ratios), ratios[low], ratios[high]


def build_peer() -> Path:
    """Compile the libvncclient peer if its source is newer.

    Raises:
        SystemExit: the library's headers are not installed.
    """
    return compiled(PEER, _library)


def _library() -> list[str]:
    found = shutil.which("pkg-config") and subprocess.run(
        ["pkg-config", "--cflags", "--libs", "libvncclient"], capture_output=True, text=True
    )
    if not found or found.returncode:
        raise SystemExit("libvncclient is not installed: make bench-deps")
    return found.stdout.split()


def pixels_of(recording: Recording) -> int:
    """How many pixels the rectangles of a recording have."""
    protocol = RFBProtocol(recording.width, recording.height)
    protocol.get_buffer(len(recording.body))[: len(recording.body)] = recording.body
    protocol.receive(len(recording.body))
    return protocol.pixels


def measure_stream(
    recording: Recording, clients: list[Program], cpu_s: float, most_s: float = float("inf")
) -> Measured:
    """Let the clients take turns on one stream.

    Args:
        cpu_s: until each has used so much of a processor, less what a start takes.
        most_s: or until so much time has passed.

    Raises:
        RuntimeError: they do not come to the same last picture.
    """
    spent = {client.name: Spent() for client in clients}
    label, until_s = recording.label, time.monotonic() + most_s
    with Served(recording) as full, Served(recording, empty=True) as empty:
        hashes = {client.name: client.picture_hash(full.port, label) for client in clients}
        if len(set(hashes.values())) != 1:
            raise RuntimeError(f"{label}: the last pictures differ: {hashes}")
        for number in range(MOST_ROUNDS):
            for client in clients[number % len(clients) :] + clients[: number % len(clients)]:
                if number % EMPTY_SHARE == 0:
                    spent[client.name].empty.append(client.spent_s(empty.port, label))
                spent[client.name].full.append(client.spent_s(full.port, label))
            least_s = min(sum(each.net()) for each in spent.values())
            enough = least_s >= cpu_s or time.monotonic() > until_s
            if number + 1 >= LEAST_ROUNDS and enough:
                break
    net_s = {name: each.net() for name, each in spent.items()}
    return Measured(label, pixels_of(recording) / 1e6, net_s)


def measure_all(
    streams: Sequence[Path], lean: Sequence[Path], cpu_s: float, budget_s: float = float("inf")
) -> Iterator[Measured]:
    """Measure stream by stream, as they get ready; each has its share of the time that is left."""
    until_s = time.monotonic() + budget_s
    clients: list[Program] = [
        Ours(),
        Program("libvncclient", str(build_peer()), "{port}", "{label}"),
        *(Program(each.name, str(each.resolve()), "--port", "{port}", "{label}") for each in lean),
    ]
    try:
        for place, stream in enumerate(streams):
            most_s = (until_s - time.monotonic()) / (len(streams) - place)
            yield measure_stream(Recording.load(stream), clients, cpu_s, most_s)
    finally:
        for client in clients:
            client.close()


def figures(each: Measured) -> Iterator[Figure]:
    """What one stream is to reach, and what informs."""
    speedup, low, high = each.ratio("libvncclient")
    yield Figure(f"decode {each.label}", each.speed("ours"), "MPix per CPU s")
    bound = least_speedup(each.label)
    yield Figure("  against libvncclient", speedup, "times", at_least=bound)
    yield Figure("  interval against libvncclient: from", low, "times")
    yield Figure("  interval against libvncclient: to", high, "times", at_least=0.97)
    if lean := [name for name in each.net_s if name not in ("ours", "libvncclient")]:
        best = max(lean, key=each.speed)
        against = each.ratio(best)[0]
        yield Figure("  against the best lean client", against, "times", at_least=0.95)
        yield Figure(f"  {best}, the best lean client", each.speed(best), "MPix per CPU s")
    yield Figure("  each client has used, or more", min(map(sum, each.net_s.values())), "CPU s")


def least_speedup(label: str) -> float | None:
    """How much faster than libvncclient a stream is to be, by its name."""
    if label.startswith("desk-"):
        return 1.9
    jpeg = "jpeg" in label
    return 1.8 if label.startswith(("video-tight", "video-zrle")) and not jpeg else None


def measure(
    streams: Sequence[Path],
    lean: Sequence[Path] = (),
    cpu_s: float = 1.0,
    budget_s: float = float("inf"),
) -> Iterator[Found]:
    """Measure recordings.

    Args:
        lean: programs that are peers, too.
        cpu_s: of each client, on each stream.
        budget_s: if there is no time for so much, streams share what there is.
    """
    if not lean:
        yield 'the lean clients were not measured: none was named (make bench LEAN="PATH...")'
    speedups = []
    for each in measure_all(streams, lean, cpu_s, budget_s):
        yield from figures(each)
        speedups.append(each.ratio("libvncclient")[0])
        least_s = min(map(sum, each.net_s.values()))
        if least_s < cpu_s:
            yield f"{each.label}: {least_s:.2g} CPU s of each client, {cpu_s:g} were to be"
    mean = statistics.geometric_mean(speedups)
    yield Figure("decode, geometric mean against libvncclient", mean, "times", at_least=2.0)


def show(measured: list[Measured]) -> None:
    names = list(measured[0].net_s)
    table = Table("MPix per CPU s", *names, *(f"ours / {name}" for name in names[1:]))
    for each in measured:
        ratios = [each.ratio(name) for name in names[1:]]
        table.add_row(
            each.label,
            *(f"{each.speed(name):.0f}" for name in names),
            *(f"{middle:.2f} ({low:.2f} to {high:.2f})" for middle, low, high in ratios),
        )
    Console(width=160).print(table)
    speedups = [each.ratio("libvncclient")[0] for each in measured]
    print(f"geometric mean against libvncclient: {statistics.geometric_mean(speedups):.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lean", type=Path, action="append", default=[], metavar="PATH")
    parser.add_argument("--cpu-s", type=positive, default=1.0, help="a client, on each stream")
    parser.add_argument("streams", type=Path, nargs="+", help="recordings, or directories of them")
    asked = parser.parse_args()
    streams = [
        path
        for given in asked.streams
        for path in (sorted(given.glob("*.rfb")) if given.is_dir() else [given])
    ]
    if not streams:
        parser.error("no recordings there")
    show(list(measure_all(streams, asked.lean, asked.cpu_s)))


if __name__ == "__main__":
    run(main)
