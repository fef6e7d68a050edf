"""Where a daemon lives."""

import os
from pathlib import Path

import pytest

from envserver import settings


def test_keyword_before_variable_before_default(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settings.resolve_address().url == f"ipc://{home}/broker"
    monkeypatch.setenv("ENVSERVER_ADDRESS", "ipc:///a/b")
    assert settings.resolve_address().socket == Path("/a/b")
    assert settings.resolve_address("ipc:///c/d").socket == Path("/c/d")
    assert settings.resolve_address("/c/d").lease == Path("/c/d.lease")
    monkeypatch.delenv("ENVSERVER_DIRECTORY")
    monkeypatch.delenv("ENVSERVER_ADDRESS")
    assert settings.resolve_address().socket == Path(f"/tmp/envserver-{os.getuid()}/broker")


def test_long_paths_are_hashed() -> None:
    long = "/" + "x" * 100 + "/broker"
    address = settings.resolve_address(f"ipc://{long}")
    assert address.is_hashed
    assert len(os.fsencode(address.lease)) <= settings.MAX_IPC_BYTES
    assert address == settings.resolve_address(long)
    assert address != settings.resolve_address(long + "2")
    fitting = "/" + "x" * (settings.MAX_IPC_BYTES - len("/.lease"))
    assert settings.resolve_address(fitting).socket == Path(fitting)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "ipc://relative", "ipc:///a/", "x"])
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(ValueError, match="address is"):
        settings.resolve_address(address)


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVSERVER_ADDRESS", "tcp://127.0.0.1:1")
    with pytest.raises(ValueError, match="ENVSERVER_ADDRESS is 'tcp://127"):
        settings.resolve_address()


def test_private_directory(home: Path) -> None:
    directory = home / "a" / "b"
    settings.make_private_directory(directory)
    settings.make_private_directory(directory)
    assert directory.stat().st_mode & 0o777 == 0o700
    assert directory.parent.stat().st_mode & 0o777 == 0o700
    directory.chmod(0o755)
    with pytest.raises(PermissionError, match=r"is open to others \(its mode is 755\): chmod 700"):
        settings.make_private_directory(directory)
    (home / "link").symlink_to(home / "a")
    with pytest.raises(PermissionError, match="is no directory"):
        settings.make_private_directory(home / "link")


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give a directory away")
def test_another_users_directory_is_refused(home: Path) -> None:
    directory = home / "theirs"
    directory.mkdir(mode=0o700)
    os.chown(directory, 12345, -1)
    with pytest.raises(PermissionError, match="belongs to user 12345"):
        settings.make_private_directory(directory)
