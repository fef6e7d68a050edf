"""The build contexts of images; that they can be built and run is tested with an engine."""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from envserver.errors import RemoteError
from envserver.installation import data_path
from envserver.remotes import build, engine


def test_every_image_comes_after_its_base() -> None:
    order = build.folders()
    assert order[0] == "base"
    assert {"gym-core", "terminal"} <= set(order)
    for folder in order:
        base = build.base_of(folder)
        assert base is None or order.index(base) < order.index(folder)


def test_dockerfiles_need_no_newer_builder() -> None:
    for path in data_path("docker").glob("*/Dockerfile"):
        text = path.read_text()
        assert "# syntax" not in text, path
        assert "--mount" not in text, path
        users = [line for line in text.splitlines() if line.startswith("USER ")]
        assert users[-1] == "USER envserver", path


def test_our_packages_run_uncompiled_in_an_image(tmp_path: Path) -> None:
    build._copy_packages(tmp_path)
    assert list(tmp_path.rglob("*.so")) == []
    code = (
        "import envserver.rewarder.__main__, envserver.runtimes.container\n"
        "from envserver.runtimes_file import session_fields\n"
        "from cython_vnc.constants import Encoding\n"
        "print(session_fields('terminal.CreateFile-v0')['task'], int(Encoding.FENCE))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["envserver.tasks.terminal:CreateFile", "-312"]


@pytest.mark.parametrize("words", [["no-such-folder"]])
def test_an_unknown_folder_is_named(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(engine, "connect", lambda: None)
    assert build.main(words) == 1
    assert "docker/ has no folder 'no-such-folder', it has base" in capsys.readouterr().err


class Builder:
    """An engine that has every image, and builds with these events."""

    def __init__(self, *events: dict[str, str]) -> None:
        self.api = self
        self._events = events

    def inspect_image(self, name: str) -> dict[str, str]:
        return {"Id": name}

    def build(self, **_: object) -> list[dict[str, str]]:
        return list(self._events)


def build_terminal(*events: dict[str, str]) -> list[str]:
    """What is said while the image is built so."""
    said: list[str] = []
    made: Any = Builder(*events)
    build.build_image(made, "terminal", "envserver/terminal:1", said.append)
    return said


def test_how_far_a_build_is() -> None:
    steps = ({"stream": "Step 1/7 : ARG BASE\n"}, {"stream": "Step 2/7 : FROM ${BASE}\n"})
    assert build_terminal(*steps, {"stream": "Successfully built 1f\n"}) == [
        "building the image envserver/terminal:1",
        "building the image envserver/terminal:1, step 1 of 7: ARG BASE",
        "building the image envserver/terminal:1, step 2 of 7: FROM ${BASE}",
    ]


def test_a_full_disk_of_the_engine_is_named() -> None:
    lines = {"stream": "cp: cannot create '/x': No space left on device\n"}
    with pytest.raises(RemoteError) as raised:
        build_terminal(lines, {"error": "The command returned a non-zero code: 1"})
    first, *rest = str(raised.value).splitlines()
    assert first.endswith("the Docker engine's disk is full, 'docker system prune' makes room")
    assert rest == ["    cp: cannot create '/x': No space left on device"]


def test_a_context_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(RemoteError, match=r"cannot be written to .*/none .* TMPDIR names another"):
        build_terminal()
