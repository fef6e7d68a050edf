"""The parts of `make bench`: their times, and what is left of one that fails."""

import select
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import __main__ as main
from benchmarks import streams
from benchmarks.__main__ import (
    QUICK_RECORDED,
    QUICK_RECORDED_S,
    RESERVE,
    Part,
    Streams,
    all_parts,
    quick_parts,
    run,
    soak_parts,
)
from benchmarks.report import Figure, Found

STREAMS = Streams(None)


def found(seconds: float) -> Iterator[Found]:
    yield Figure("found", 1, "")


def fails(seconds: float) -> Iterator[Found]:
    yield Figure("found before", 1, "")
    raise RuntimeError("no server")


def hangs(seconds: float) -> Iterator[Found]:
    yield Figure("found before", 1, "")
    select.select([], [], [])


def test_the_times_of_all_parts_are_twenty_minutes() -> None:
    assert sum(part.seconds for part in all_parts(STREAMS, []).values()) <= 20 * 60
    recorded_s = len(QUICK_RECORDED) * (streams.FIRST_PICTURE_S + QUICK_RECORDED_S)
    assert recorded_s + sum(part.seconds for part in quick_parts(STREAMS, []).values()) <= 2 * 60
    assert list(soak_parts(STREAMS, [])) == ["soak"]


def test_a_part_that_fails_keeps_its_figures_and_the_others_go_on() -> None:
    parts, failed = run({"first": Part(5, fails), "second": Part(5, found)})
    assert failed == ["first"]
    assert [figure.name for figure in parts["first"].figures] == ["found before"]
    assert parts["first"].notes == ["not all was measured: no server"]
    assert [figure.name for figure in parts["second"].figures] == ["found"]


def test_a_part_that_hangs_is_ended() -> None:
    parts, failed = run({"first": Part(0.05, hangs), "second": Part(5, found)})
    assert failed == ["first"]
    assert [figure.name for figure in parts["first"].figures] == ["found before"]
    assert "ended after its" in parts["first"].notes[0]
    assert [figure.name for figure in parts["second"].figures] == ["found"]
    assert parts["first"].seconds < 5


def test_a_part_has_what_those_before_it_left_over() -> None:
    asked = []

    def notes(seconds: float) -> Iterator[Found]:
        asked.append(seconds)
        yield from ()

    _, failed = run({"first": Part(50, notes), "second": Part(0, notes)})
    assert not failed
    assert asked == [RESERVE * 50, 0]


def test_a_directory_without_recordings_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no recordings"):
        Streams(tmp_path)


def test_recordings_are_found_by_name(tmp_path: Path) -> None:
    for name in ("desk-tight", "game-zrle", "video-zrle"):
        (tmp_path / f"{name}.rfb").touch()
    recorded = Streams(tmp_path)
    assert [path.stem for path in recorded("game-zrle", "rre")] == ["game-zrle"]
    assert len(recorded()) == len(recorded("none of these")) == 3


def test_a_quick_run_records_no_more_than_it_plays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def record_all(directory: Path, *rest: object) -> None:
        asked.append((directory, *rest))
        directory.mkdir()
        (directory / "desk-tight.rfb").touch()

    monkeypatch.setattr(streams, "record_all", record_all)
    monkeypatch.setattr(streams, "DIRECTORY", tmp_path / "all")
    monkeypatch.setattr(main, "QUICK_DIRECTORY", tmp_path / "few")
    for _ in range(2):
        assert Streams(None, quick=True)("desk-tight") == [tmp_path / "few" / "desk-tight.rfb"]
    assert asked == [(tmp_path / "few", QUICK_RECORDED_S, QUICK_RECORDED)]
    assert Streams(None).directory == tmp_path / "all"
    assert asked[1:] == [(tmp_path / "all",)]
    assert Streams(None, quick=True).directory == tmp_path / "all"


def test_after_an_interruption_no_part_begins() -> None:
    def interrupted(seconds: float) -> Iterator[Found]:
        yield Figure("found before", 1, "")
        raise KeyboardInterrupt

    parts, failed = run({"first": Part(5, interrupted), "second": Part(5, found)})
    assert failed == ["first"]
    assert list(parts) == ["first"]
    assert [figure.name for figure in parts["first"].figures] == ["found before"]
    assert parts["first"].notes == ["not all was measured: interrupted"]
