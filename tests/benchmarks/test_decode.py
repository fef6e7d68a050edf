"""The decode benchmark: what it takes for a ratio, its bounds, and a stream through our client."""

from pathlib import Path

import pytest

from benchmarks.decode import Measured, Ours, Program, Spent, figures, least_speedup, measure_stream
from benchmarks.recording import Recording

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
    found = {each.name: each.holds for each in figures([Measured("desk-zrle", 1.0, net_s)])}
    assert found["  against libvncclient"] is False
    assert found["  its interval ends at"] is True
    assert found["  against lean"] is False


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
