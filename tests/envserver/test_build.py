"""The build contexts of images; that they can be built and run is tested with an engine."""

import subprocess
import sys
from pathlib import Path

import pytest

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
