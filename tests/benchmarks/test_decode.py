"""The decode benchmark: what it takes for a ratio, its bounds, and a stream through our client."""

import socket
from pathlib import Path

import pytest

from benchmarks.decode import (
    LEAST_ROUNDS,
    Measured,
    Ours,
    Program,
    Served,
    Spent,
    figures,
    least_speedup,
    measure_stream,
)
from benchmarks.recording import Recording, picture_hash
from benchmarks.replay_client import connect, read_to_end, shake_hands
from benchmarks.replay_server import updates_of

GOLDENS = Path(__file__).parents[1] / "goldens"


def test_what_a_client_takes_without_a_message_does_not_count() -> None:
    spent = Spent(full=[5.0, 6.0, 1.0], empty=[2.0, 1.0, 9.0])
    assert spent.net() == [3.0, 4.0, 1e-6]


def test_ratios_are_of_one_round() -> None:
    ours, theirs = [1.0, 2.0, 4.0, 1.0, 1.0], [2.0, 4.0, 8.0, 2.0, 3.0]
    measured = Measured("game-zrle", 10.0, {"ours": ours, "libvncclient": theirs})
    assert measured.speed("ours") == 10.0
    assert measured.ratio("libvncclient") == (2.0, 2.0, 3.0)


def test_bounds_go_by_the_name() -> None:
    assert least_speedup("desk-tightjpeg") == 1.9
    assert least_speedup("video-zrle-12mb") == 1.8
    assert least_speedup("video-tightjpeg") is None
    net_s = {"ours": [1.0] * 5, "libvncclient": [1.5] * 5, "lean": [0.9] * 5}
    found = {each.name: each.holds for each in figures(Measured("desk-zrle", 1.0, net_s))}
    assert found["  against libvncclient"] is False
    assert found["  interval against libvncclient: to"] is True
    assert found["  against the best lean client"] is False
    assert "  lean, the best lean client" in found


@pytest.mark.integration
def test_a_stream_through_our_client() -> None:
    ours = Ours()
    try:
        measured = measure_stream(Recording.load(GOLDENS / "zrle"), [ours], 0.0)
        assert measured.mpixel > 0
        assert len(measured.net_s["ours"]) == 5
    finally:
        ours.close()


@pytest.mark.integration
def test_another_picture_is_no_peer() -> None:
    class Wrong(Program):
        def picture_hash(self, port: int, label: str) -> str:
            return "0"

    ours = Ours()
    try:
        with pytest.raises(RuntimeError, match="differ"):
            measure_stream(Recording.load(GOLDENS / "zrle"), [ours, Wrong("wrong", "true")], 0.0)
    finally:
        ours.close()


@pytest.mark.integration
def test_a_stream_ends_at_its_time() -> None:
    ours = Ours()
    try:
        measured = measure_stream(Recording.load(GOLDENS / "zrle"), [ours], 1e9, most_s=0)
        assert len(measured.net_s["ours"]) == LEAST_ROUNDS
    finally:
        ours.close()


def test_our_client_asks_once_an_update_and_nobody_reads_it() -> None:
    recording = Recording.load(GOLDENS / "zrle")
    sent = b""

    class Listening(socket.socket):
        def sendall(self, data: bytes, flags: int = 0) -> None:  # type: ignore[override]
            nonlocal sent
            sent += data
            super().sendall(data, flags)

    with (
        Served(recording) as served,
        connect("127.0.0.1", served.port) as plain,
        Listening(fileno=plain.detach()) as connection,
    ):
        protocol = shake_hands(connection)
        frame, sent = protocol.frame, b""
        read_to_end(connection, protocol)
    asked = sent.count(b"\x03\x01\0\0\0\0")
    assert asked == len(updates_of(recording)) - frame > 1
    assert picture_hash(protocol.picture()) == recording.picture_hash
