"""Where the daemon lives, by keyword, by environment (ENVSERVER_ADDRESS, ...) or by default.

A keyword wins over the environment variable, which wins over the default.
"""

import dataclasses
import hashlib
import os
import stat
from pathlib import Path

MAX_IPC_BYTES = 107  # sockaddr_un.sun_path holds 108 bytes, the last is 0
HASHED_PREFIX = "long-"
LONGEST_SUFFIX = ".lease"
"""The longest thing appended to the socket's path."""


@dataclasses.dataclass(frozen=True)
class Address:
    """The paths of one daemon: its ZeroMQ socket, and what lies beside it."""

    socket: Path

    @property
    def url(self) -> str:
        return f"ipc://{self.socket}"

    @property
    def lease(self) -> Path:
        """The unix socket that carries leases and descriptors."""
        return self.socket.with_name(self.socket.name + ".lease")

    @property
    def lock(self) -> Path:
        """Locked while the daemon lives; holds its process id."""
        return self.socket.with_name(self.socket.name + ".lock")

    @property
    def files(self) -> Path:
        """The directory of what its sessions need; gone with the daemon."""
        return self.socket.with_name(self.socket.name + ".files")

    @property
    def directory(self) -> Path:
        return self.socket.parent

    @property
    def is_hashed(self) -> bool:
        """The directory was made by `short_path`, for this daemon alone."""
        return self.directory.name.startswith(HASHED_PREFIX)


def home_directory() -> Path:
    """`/tmp/envserver-UID`, or ENVSERVER_DIRECTORY."""
    chosen = os.environ.get("ENVSERVER_DIRECTORY")
    return Path(chosen).absolute() if chosen else Path(f"/tmp/envserver-{os.getuid()}")


def log_directory() -> Path | None:
    """ENVSERVER_LOG_DIRECTORY: where logs stay after their session; None: they go with it."""
    chosen = os.environ.get("ENVSERVER_LOG_DIRECTORY")
    return Path(chosen).absolute() if chosen else None


def resolve_address(address: str | Path | None = None) -> Address:
    """The daemon that `address`, ENVSERVER_ADDRESS or the default names.

    Raises:
        ValueError: no `ipc://` address.
    """
    name = "address"
    if address is None:
        name = "ENVSERVER_ADDRESS"
        address = os.environ.get("ENVSERVER_ADDRESS") or f"ipc://{home_directory()}/broker"
    text = str(address)
    scheme, separator, path = text.partition("://")
    if not separator:
        path = text
    elif scheme != "ipc":
        raise ValueError(f"{name} is {text!r}, expected 'ipc:///path/of/a/socket'")
    if not path.startswith("/") or path.endswith("/"):
        raise ValueError(f"{name} is {text!r}, expected 'ipc://' and an absolute path")
    return Address(short_path(Path(path)))


def short_path(path: Path) -> Path:
    """`path`, or a hashed one in the default directory where no unix socket can have it."""
    if len(os.fsencode(path)) + len(LONGEST_SUFFIX) <= MAX_IPC_BYTES:
        return path
    digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:32]
    return Path(f"/tmp/envserver-{os.getuid()}") / f"{HASHED_PREFIX}{digest}" / "broker"


def make_private_directory(directory: Path) -> None:
    """Create `directory` for its owner alone, or check that it is so.

    Raises:
        PermissionError: it is another user's, open to others, or a link.
    """
    if not directory.parent.exists():
        make_private_directory(directory.parent)
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise PermissionError(f"{directory} is no directory: remove it")
    if found.st_uid != os.getuid():
        raise PermissionError(f"{directory} belongs to user {found.st_uid}, expected {os.getuid()}")
    if found.st_mode & 0o077:
        mode = stat.S_IMODE(found.st_mode)
        raise PermissionError(
            f"{directory} is open to others (its mode is {mode:o}): chmod 700 {directory}"
        )
