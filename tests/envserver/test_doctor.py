"""What `envserver doctor` finds, on this machine and on poorer ones."""

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from envserver import doctor
from envserver.spec import SessionSpec


def found(name: str) -> doctor.Check:
    return next(check for check in doctor.examine() if check.name == name)


def test_every_check_that_does_not_hold_says_how_to_mend_it() -> None:
    checks = doctor.examine()
    assert {check.state for check in checks} <= {"ok", "warn", "fail"}
    assert [check for check in checks if check.state != "ok" and not check.mend] == []
    assert {"python", "/dev/shm", "open files", "Xvnc", "Docker engine"} <= {
        check.name for check in checks
    }


def test_a_small_shared_memory_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    small = SimpleNamespace(f_blocks=1 << 13, f_frsize=1 << 12, f_bavail=1 << 13)
    monkeypatch.setattr(os, "statvfs", lambda path: small)
    check = found("/dev/shm")
    assert check.state == "warn"
    assert check.found == "0 of 32 MiB used"
    assert "--shm-size" in check.mend


def test_eight_full_screens_have_their_slots_and_a_spare_each() -> None:
    spec = SessionSpec(source="synthetic", num_envs=8)
    assert spec.height * spec.width * 3 * spec.num_envs * (spec.slots + 1) == doctor.SESSION_BYTES


def test_a_directory_that_cannot_be_made_names_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENVSERVER_DIRECTORY", str(tmp_path / "new"))
    assert found("directory").state == "ok"
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    monkeypatch.setenv("ENVSERVER_DIRECTORY", str(tmp_path / "file" / "under"))
    check = found("directory")
    assert check.state == "fail"
    assert f"{tmp_path}/file/under" in check.found
    assert "ENVSERVER_DIRECTORY" in check.mend


def test_a_runtimes_file_that_cannot_be_read_names_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.yml"
    monkeypatch.setenv("ENVSERVER_RUNTIMES", str(file))
    assert found("runtimes").state == "fail"
    file.write_text("mine: {kind: xvnc}\nother: {kind: nothing}\n")
    check = found("runtimes")
    assert check.state == "fail"
    assert f"{file}:2" in check.found
    assert "ENVSERVER_RUNTIMES" in check.mend
    file.write_text("mine: {kind: xvnc}\n")
    assert found("runtimes") == doctor.Check("runtimes", "ok", f"1 in {file}")


def test_a_missing_program_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    check = found("Xvnc")
    assert check.state == "warn"
    assert "tigervnc-standalone-server" in check.mend


def test_a_module_that_is_not_compiled_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "MODULES", ("shm.never_compiled",))
    check = found("shm.never_compiled")
    assert check.state == "fail"
    assert "make build" in check.mend


def test_a_kernel_without_a_call_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(pid: int) -> int:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(os, "pidfd_open", refused)
    check = found("pidfd_open")
    assert check.state == "fail"
    assert "Function not implemented" in check.found
