"""From a key to the trainer's array: `python -m benchmarks.latency [--keys 200]`.

A program under Xvnc (scenes.py, `invert`) turns the whole screen from black to white at each key.
A step sends the key and is due at the change; counted is the time until the array shows the new
colour, at pauses that keep no step with the server's clock. A bare client, our RFB client in a
loop without workers and shared memory, does the same on a server of its own, a turn each. Round
trips are those of a proxy that delays (delay_proxy.py). At the end the array must equal the X
server's framebuffer.
"""

import argparse
import random
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import envserver
from benchmarks.command import run, start, whole
from benchmarks.record_goldens import server, x_picture
from benchmarks.replay_client import RECEIVE_BYTES, connect, shake_hands
from benchmarks.report import Figure, Found, Series, show_found
from envserver.due import CHANGED, NOW, QUIET

WIDTH, HEIGHT = 1024, 768
ROUND_TRIPS_MS = (0, 20, 50)
REACH_MS = {60: (12.0, 16.0), 240: (6.0, 10.0)}
"""p50 and p99 at no round trip, by Xvnc's -FrameRate."""
QUANTILES = 50, 95, 99
TURN_KEYS = 20
PAUSE_S = 0.02, 0.06
MAX_MS = 2000.0
WARM_UP_KEYS = 5


class Client(ABC):
    """Presses a key and waits until the screen has turned."""

    def __init__(self) -> None:
        self.white = False
        self.taken_ms: list[float] = []

    def press(self) -> float:
        """How long it took, in milliseconds."""
        self.white = not self.white
        began_ns = time.perf_counter_ns()
        self.press_and_see(255 if self.white else 0)
        taken_ms = (time.perf_counter_ns() - began_ns) / 1e6
        self.release()
        return taken_ms

    def turn(self, keys: int) -> None:
        for _ in range(keys):
            time.sleep(random.uniform(*PAUSE_S))
            self.taken_ms.append(self.press())

    @abstractmethod
    def press_and_see(self, level: int) -> None: ...

    @abstractmethod
    def release(self) -> None: ...

    @abstractmethod
    def close(self) -> None: ...


def turned(picture: Any, level: int) -> bool:
    """Whether pixels all over the picture have the level."""
    return bool((picture[:: HEIGHT // 16, :: WIDTH // 16, :3] == level).all())


class Ours(Client):
    """Worker, shared memory and trainer."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._envs = envserver.make_vec(
            remotes=f"vnc://127.0.0.1:{port}",
            fps=None,
            vnc_kwargs={"encoding": "tight", "fine_quality_level": -1},
        )
        self._envs.reset()

    def press_and_see(self, level: int) -> None:
        events: list[Any] = [("KeyEvent", "a", True)]
        until_s = time.monotonic() + MAX_MS / 1e3
        while True:
            self._envs.send([events], due=CHANGED(MAX_MS))
            if turned(self._envs.recv().observations[0], level):
                return
            if time.monotonic() > until_s:
                raise RuntimeError(f"no change within {MAX_MS:g} ms")
            events = []

    def release(self) -> None:
        self._envs.send([[("KeyEvent", "a", False)]], due=NOW)
        self._envs.recv()

    def equals(self, environment: dict[str, str]) -> bool:
        """Whether the array is the X server's framebuffer."""
        self._envs.send([[]], due=QUIET(200, MAX_MS))
        shown = self._envs.recv().observations[0]
        return np.array_equal(shown, x_picture(environment)[:, :, 2::-1])

    def close(self) -> None:
        self._envs.close()


class Bare(Client):
    """Our RFB client alone."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._connection = connect("127.0.0.1", port)
        self._connection.settimeout(MAX_MS / 1e3)
        self._protocol = shake_hands(self._connection)
        while not (self._protocol.has_picture and self._protocol.continuous_supported):
            # Xvnc answers a request for all with the size alone, and needs another for the pixels.
            self._protocol.write_update_request()
            self._flush()
            self._receive()
        self._protocol.write_enable_continuous(True)
        self._flush()

    def press_and_see(self, level: int) -> None:
        self._protocol.write_key_event(ord("a"), True)
        self._flush()
        while not turned(np.asarray(self._protocol.picture()), level):
            self._receive()

    def release(self) -> None:
        self._protocol.write_key_event(ord("a"), False)
        self._flush()

    def close(self) -> None:
        self._connection.close()

    def _receive(self) -> None:
        count = self._connection.recv_into(self._protocol.get_buffer(RECEIVE_BYTES))
        if not count:
            raise ConnectionError("the server hung up")
        self._protocol.receive(count)
        self._flush()

    def _flush(self) -> None:
        if answers := self._protocol.data_to_send():
            self._connection.sendall(answers)


@contextmanager
def ended(process: "subprocess.Popen[str]") -> Iterator["subprocess.Popen[str]"]:
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


@contextmanager
def desktop(frame_rate: int, round_trip_ms: float) -> Iterator[tuple[int, dict[str, str]]]:
    """A server with the program, behind the delay; where it listens, its programs' environment."""
    with ExitStack() as stack:
        asked = ("-FrameRate", str(frame_rate))
        port, environment = stack.enter_context(server(WIDTH, HEIGHT, options=asked))
        module = [sys.executable, "-m"]
        program = start(
            [*module, "benchmarks.scenes", "invert"],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        stack.enter_context(ended(program))
        assert program.stdout is not None
        assert program.stdout.readline() == "shown\n"
        if round_trip_ms:
            command = [*module, "benchmarks.delay_proxy", str(port), str(round_trip_ms)]
            proxy = start(command, stdout=subprocess.PIPE, text=True)
            stack.enter_context(ended(proxy))
            assert proxy.stdout is not None
            port = int(proxy.stdout.readline().split()[1])
        yield port, environment


@dataclass
class Taken:
    """Of one frame rate and round trip, in milliseconds."""

    ours: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    equal: bool = False


def press_keys(frame_rate: int, round_trip_ms: float, keys: int) -> Taken:
    """Ours and the bare client, a turn each."""
    with ExitStack() as stack:
        port, environment = stack.enter_context(desktop(frame_rate, round_trip_ms))
        other, _ = stack.enter_context(desktop(frame_rate, round_trip_ms))
        ours, bare = Ours(port), Bare(other)
        stack.callback(ours.close)
        stack.callback(bare.close)
        for client in (ours, bare):
            client.turn(WARM_UP_KEYS)
            client.taken_ms.clear()
        for _ in range(-(-keys // TURN_KEYS)):
            for client in (ours, bare):
                client.turn(min(TURN_KEYS, keys))
        return Taken(ours.taken_ms, bare.taken_ms, ours.equals(environment))


def measure(
    keys: int = 200,
    rates: Sequence[int] = tuple(REACH_MS),
    round_trips_ms: Sequence[float] = ROUND_TRIPS_MS,
) -> Iterator[Found]:
    """Every rate and round trip; half as many keys where there is no bound, behind the delay."""
    for rate in rates:
        points: dict[str, list[tuple[float, float]]] = {}
        for round_trip_ms in round_trips_ms:
            found = press_keys(rate, round_trip_ms, keys // 2 if round_trip_ms else keys)
            yield from figures(f"latency at -FrameRate {rate}", rate, round_trip_ms, found)
            for who, taken_ms in (("ours", found.ours), ("bare client", found.bare)):
                for quantile in QUANTILES:
                    at = (round_trip_ms, float(np.percentile(taken_ms, quantile)))
                    points.setdefault(f"{who}, p{quantile}", []).append(at)
        for line, found_ms in points.items():
            yield Series(f"latency at -FrameRate {rate}", line, "ms", found_ms)


def figures(name: str, rate: int, round_trip_ms: float, found: Taken) -> Iterator[Figure]:
    """What was found at one frame rate and round trip."""
    low, middle, high = np.percentile(found.ours, QUANTILES)
    bare_ms, _, bare_high_ms = np.percentile(found.bare, QUANTILES)
    reach = (None, None) if round_trip_ms else REACH_MS.get(rate, (None, None))
    yield Figure(f"{name}, round trip {round_trip_ms:g} ms: p50", low, "ms", at_most=reach[0])
    yield Figure("  p95", middle, "ms")
    yield Figure("  p99", high, "ms", at_most=reach[1])
    yield Figure("  a bare client: p50", bare_ms, "ms")
    yield Figure("  a bare client: p99", bare_high_ms, "ms")
    yield Figure("  the array equals the framebuffer", float(found.equal), "", at_least=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=whole(2), default=200)
    parser.add_argument("--frame-rates", type=whole(), nargs="+", default=tuple(REACH_MS))
    parser.add_argument("--round-trips-ms", type=whole(0), nargs="+", default=ROUND_TRIPS_MS)
    asked = parser.parse_args()
    show_found(measure(asked.keys, asked.frame_rates, asked.round_trips_ms))


if __name__ == "__main__":
    run(main)
