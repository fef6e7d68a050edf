"""Recordings that are played over and over by the compiled server."""

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from benchmarks.fleet_server import RESET_TIGHT, FleetServer, again, last_picture, rectangles
from benchmarks.recording import Recording
from benchmarks.replay_client import connect, shake_hands
from benchmarks.replay_server import updates_of
from cython_vnc.protocol import RFBProtocol

GOLDENS = Path(__file__).parents[1] / "goldens"
FPS = 500.0


@contextmanager
def viewer(port: int) -> Iterator[tuple[socket.socket, RFBProtocol]]:
    with connect("127.0.0.1", port) as connection:
        connection.settimeout(5)
        yield connection, shake_hands(connection)


def read_updates(connection: socket.socket, protocol: RFBProtocol, frame: int) -> None:
    """Receive until `frame`."""
    while protocol.frame < frame:
        count = connection.recv_into(protocol.get_buffer())
        assert count, "the server hung up"
        protocol.receive(count)
        connection.sendall(protocol.data_to_send())


def halt(server: FleetServer, desktops: int) -> None:
    """Wait until all have halted; nobody reads meanwhile: TCP holds what is left."""
    until_s = time.monotonic() + 5
    while server.halt().halted < desktops:
        assert time.monotonic() < until_s, server.counts()


@pytest.mark.integration
@pytest.mark.parametrize("name", ["tight", "zrle", "hextile", "tight-jpeg"])
def test_a_recording_follows_itself(name: str) -> None:
    recording = Recording.load(GOLDENS / name)
    with FleetServer([recording], 1, FPS) as server:
        count = server.plays(0).updates
        (port,) = server.ports
        with viewer(port) as (connection, protocol):
            for times in (1, 2, 3):
                read_updates(connection, protocol, times * count)
                if protocol.frame == times * count:
                    shown = np.asarray(protocol.picture())[:, :, 2::-1]
                    assert np.array_equal(shown, last_picture(recording))
            assert protocol.frame >= 3 * count


@pytest.mark.integration
def test_a_halted_desktop_stays_at_the_end_and_goes_on_when_told() -> None:
    recording = Recording.load(GOLDENS / "zrle")
    with FleetServer([recording], 2, FPS) as server:
        first, second = server.ports
        with viewer(first) as (one, protocol), viewer(second) as (two, other):
            read_updates(one, protocol, 1)
            read_updates(two, other, 1)
            halt(server, 2)
            before = server.counts()
            assert server.counts().sent == before.sent
            server.go()
            read_updates(one, protocol, before.sent + 3 - other.frame)
            assert server.counts().sent >= before.sent + 3


@pytest.mark.integration
def test_a_request_for_the_whole_screen_begins_the_recording_anew() -> None:
    recording = Recording.load(GOLDENS / "tight")
    with FleetServer([recording], 1, FPS) as server, viewer(server.ports[0]) as (end, protocol):
        read_updates(end, protocol, 1)
        halt(server, 1)
        sent = server.counts().sent
        protocol.write_update_request(incremental=False)
        end.sendall(protocol.data_to_send())
        read_updates(end, protocol, sent + 1)
        halt(server, 1)
        assert server.counts().sent == sent + server.plays(0).updates


def test_the_zlib_header_goes_and_the_length_says_so() -> None:
    fill = struct.pack(">HHHHi", 0, 0, 8, 8, 7) + b"\x80rgb"
    rectangle = struct.pack(">HHHHi", 0, 0, 8, 8, 16)
    first = struct.pack(">HH", 0, 1) + fill
    second = struct.pack(">HH", 0, 2) + fill + rectangle + struct.pack(">I", 5) + b"\x78\x01abc"
    cut = struct.pack(">HH", 0, 2) + fill + rectangle + struct.pack(">I", 3) + b"abc"
    changed = again([first, second, second])
    assert changed == {0: struct.pack(">HH", 0, 2) + RESET_TIGHT + fill, 1: cut}


@pytest.mark.parametrize("name", ["tight", "tight-jpeg", "tight-gray", "zrle", "raw", "copyrect"])
def test_rectangles_are_found_as_the_client_finds_them(name: str) -> None:
    recording = Recording.load(GOLDENS / name)
    pieces = [recording.body[begin:end] for begin, end in updates_of(recording)]
    found = sum(encoding >= 0 for piece in pieces for encoding, _ in rectangles(piece))
    protocol = RFBProtocol(recording.width, recording.height)
    protocol.get_buffer(len(recording.body))[: len(recording.body)] = recording.body
    protocol.receive(len(recording.body))
    assert found == protocol.rectangles > 10
