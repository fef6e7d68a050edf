"""Recordings: all or none of a set, and those that are none."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks import streams
from benchmarks.recording import Recording

ALL = len(streams.SCENES) * len(streams.ASKED)


@contextmanager
def shown(scene: str) -> Iterator[int]:
    yield 0


def record(scene: str, encoding: str, port: int, seconds: float, directory: Path) -> str:
    Recording(b"data", f"{scene}-{encoding}", 1, 1, 0, [0], [(0.0, 4)]).save(directory)
    return ""


def test_all_scenes_are_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "shown", shown)
    monkeypatch.setattr(streams, "record", record)
    recorded = streams.record_all(tmp_path / "new")
    assert len(recorded) == ALL
    assert len(list((tmp_path / "new").iterdir())) == 2 * ALL
    assert {Recording.load(path).data for path in recorded} == {b"data"}


def test_some_are_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "shown", shown)
    monkeypatch.setattr(streams, "record", record)
    recorded = streams.record_all(tmp_path, 1.0, {"desk-zrle", "game-tight"})
    assert [path.stem for path in recorded] == ["desk-zrle", "game-tight"]


def test_who_ends_it_in_between_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(scene: str, encoding: str, *rest: object) -> str:
        if encoding == list(streams.ASKED)[1]:
            raise KeyboardInterrupt
        return record(scene, encoding, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(streams, "shown", shown)
    monkeypatch.setattr(streams, "record", interrupted)
    with pytest.raises(KeyboardInterrupt):
        streams.record_all(tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="is no recording"):
        Recording.load(tmp_path / "missing.rfb")
    record("a", "b", 0, 0, tmp_path)
    (tmp_path / "a-b.rfb").write_bytes(b"dat")
    with pytest.raises(SystemExit, match="has 3 bytes, expected 4"):
        Recording.load(tmp_path / "a-b")
    (tmp_path / "a-b.json").write_text(json.dumps({})[:1])
    with pytest.raises(SystemExit, match="is no recording"):
        Recording.load(tmp_path / "a-b")
