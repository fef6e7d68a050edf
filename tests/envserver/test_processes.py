"""Processes seen from outside."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from envserver import processes


def test_owned_processes_are_found(run_script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(processes.OWNER_VARIABLE, "1:2:somewhere")
    script = run_script("import sys\nprint()\nsys.stdin.read()\n")
    script.line()
    assert (script.pid, "1:2:somewhere") in list(processes.processes_owned())


@pytest.mark.skipif(
    os.getuid() != 0 or shutil.which("unshare") is None, reason="needs root to make a namespace"
)
def test_a_containers_processes_are_not_ours() -> None:
    with subprocess.Popen(
        ["unshare", "--pid", "--fork", "sh", "-c", "echo; read _"],
        env={**os.environ, processes.OWNER_VARIABLE: "1:2:container"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as container:
        assert container.stdout is not None
        container.stdout.readline()
        owned = {pid for pid, owner in processes.processes_owned() if owner == "1:2:container"}
        container.kill()
    assert owned == {container.pid}


def test_log_tail(home: Path) -> None:
    log = home / "log"
    log.write_bytes(b"".join(b"line %d\n" % number for number in range(100)) + b"\xff")
    assert processes.log_tail(log, 2) == ["line 99", "\ufffd"]
    assert processes.log_tail(home / "missing") == []
    assert processes.log_tail(None) == []


def test_every_directory_finds_the_packages(home: Path) -> None:
    found = subprocess.run(
        processes.python_command("-c", "import envserver.processes, workers.messages"),
        cwd=home,
        env=processes.python_environment(),
    )
    assert found.returncode == 0


@pytest.mark.parametrize("path", [".", "", "sub/.."])
def test_entries_of_the_path_hold_in_every_directory(
    home: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    (home / "sub").mkdir()
    (home / "of_the_script.py").touch()
    monkeypatch.chdir(home)
    monkeypatch.setenv("PYTHONPATH", f"/nowhere{os.pathsep}{path}")
    environment = processes.python_environment()
    assert environment["PYTHONPATH"].split(os.pathsep)[-2:] == ["/nowhere", str(home)]
    found = subprocess.run(
        processes.python_command("-c", "import of_the_script"), cwd="/", env=environment
    )
    assert found.returncode == 0
