"""The replay server and our client on it."""

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.server_bytes import last_rectangle, raw, timestamp, update

from benchmarks.record import Recorder
from benchmarks.recording import Recording, picture_hash
from benchmarks.replay_client import replay, shake_hands
from benchmarks.replay_server import Replay, stamped, updates_of
from cython_vnc.encodings import encodings_for

ROOT = Path(__file__).resolve().parents[2]
GOLDENS = ROOT / "tests" / "goldens"


@pytest.fixture(params=["zrle", "tight-jpeg"])
def golden(request: pytest.FixtureRequest) -> Recording:
    return Recording.load(GOLDENS / request.param)


@pytest.fixture
def client(golden: Recording) -> Iterator[socket.socket]:
    """Connected to a replay server of the golden."""
    ours, theirs = socket.socketpair()

    def serve() -> None:
        with theirs:
            Replay(golden).serve(theirs)

    thread = threading.Thread(target=serve)
    thread.start()
    with ours:
        yield ours
    thread.join()


def test_updates_are_found(golden: Recording) -> None:
    ends = [golden.body_offset + end for _, end in updates_of(golden)]
    assert ends == [end for _, end in golden.arrivals]
    assert all(golden.body[begin] == 0 for begin, _ in updates_of(golden))


@pytest.mark.parametrize("count", [1, 0xFFFF])
def test_stamps_come_first(count: int) -> None:
    plain = update(raw(0, 0, 1, 1), last_rectangle(), count=count)
    expected = update(
        timestamp(77), raw(0, 0, 1, 1), last_rectangle(), count=min(count + 1, 0xFFFF)
    )
    assert stamped(plain, 77) == expected


def test_client_sees_the_last_picture(golden: Recording, client: socket.socket) -> None:
    figures = replay(client, golden.label)
    assert (figures["stream"], figures["fnv"]) == (golden.label, golden.picture_hash)
    assert figures["updates"] == len(golden.arrivals)
    fields = {"updates", "rects", "mpixel", "user", "sys", "mpix_s_cpu", "fnv"}
    assert fields <= set(figures)


def test_every_update_has_a_later_stamp(golden: Recording, client: socket.socket) -> None:
    protocol = shake_hands(client)
    stamps = []
    while count := client.recv_into(protocol.get_buffer()):
        protocol.receive(count)
        if protocol.frame:
            stamps.append(protocol.server_ns)
    assert stamps == sorted(stamps)
    assert 0 < stamps[0] <= stamps[-1] < time.monotonic_ns()


def test_the_recorder_keeps_what_the_server_sent(
    golden: Recording, client: socket.socket, tmp_path: Path
) -> None:
    recorder = Recorder(client, encodings_for(timestamp=False))
    with pytest.raises(ConnectionError, match="hung up"):
        recorder.run(10.0)
    recorded = recorder.recording("again", picture_hash(recorder.protocol.picture()))
    assert recorded.data == golden.data
    assert recorded.picture_hash == golden.picture_hash
    assert [end for _, end in recorded.arrivals] == [end for _, end in golden.arrivals]
    recorded.save(tmp_path)
    assert Recording.load(tmp_path / "again.rfb") == recorded


@pytest.mark.integration
def test_command_lines() -> None:
    serve = [sys.executable, "-m", "benchmarks.replay_server", "--once", "--pace", "2000"]
    with subprocess.Popen(
        [*serve, str(GOLDENS / "rre.rfb")], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        port = server.stdout.readline().split()[1]
        command = [sys.executable, "-m", "benchmarks.replay_client", "--port", port]
        line = subprocess.check_output([*command, "--label", "rre"], cwd=ROOT, text=True)
    assert json.loads(line)["fnv"] == Recording.load(GOLDENS / "rre").picture_hash
    assert server.returncode == 0
