"""The Docker engine: how it is reached, what its errors mean, which containers are ours.  [I/O]

docker-py is imported where an engine is first asked for. All calls here block: they belong into
threads.
"""

import contextlib
import hashlib
import http.client
import ipaddress
import json
import os
import socket
import ssl
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from envserver import processes
from envserver.errors import RemoteError
from envserver.settings import home_directory, make_private_directory

PREFIX = "envserver."
OWNER_LABEL = f"{PREFIX}owner"
"""The daemon's `processes.identity`."""
HOST_LABEL = f"{PREFIX}host"
"""Where that identity means something: machine and pid namespace."""
SESSION_LABEL = f"{PREFIX}session"
"""The session that had it made, as `envserver status` names it."""
LEASE_LABEL = f"{PREFIX}lease"
"""That session's trainer, by its `processes.identity`."""
ENV_LABEL = f"{PREFIX}env"

USED_MARK = "containers"
DEFAULT_SOCKET = "/var/run/docker.sock"
UNIX = "unix://"
LOOPBACK = "127.0.0.1"
IN_CONTAINER = "/.dockerenv"
"""What the engine puts into each container."""
CALL_TIMEOUT_S = 60
PROBE_TIMEOUT_S = 0.5
REMOTE_PROBE_TIMEOUT_S = 5
REMEDY = "or use provider='process'"
FULL = "no space left on device"
MAKE_ROOM = "the Docker engine's disk is full, 'docker system prune' makes room"


class Engine:
    """An engine that answered.

    Attributes:
        api: docker-py's APIClient.
        host: where the ports that it publishes are dialled; "": it publishes none, containers are
            dialled at their own addresses.
        network: of this process's own container, where `host` is ""; None: the engine's default.
        is_local: it sees the files that this process sees.
    """

    def __init__(self, api: Any, url: str) -> None:
        self.api = api
        parts = urlsplit(url)
        here = parts.scheme in ("unix", "http+unix", "")
        own = self._own_container() if here else None
        self.is_local = here and own is None
        dialled = LOOPBACK if here else parts.hostname or LOOPBACK
        # In a container of the engine, loopback is the container's own.
        chosen = os.environ.get("DOCKER_NET_HOST") or ("" if own is not None else dialled)
        self.host = LOOPBACK if _is_loopback(chosen) else chosen
        self.network = None if self.host or own is None else _network(own)

    def _own_container(self) -> Mapping[str, Any] | None:
        """What this engine says of the container that this process runs in; None: it does not."""
        if Path(IN_CONTAINER).exists():
            with contextlib.suppress(Exception):
                facts: Mapping[str, Any] = self.api.inspect_container(socket.gethostname())
                return facts
        return None

    @property
    def publish_on(self) -> str:
        """The address on which it publishes ports: a remote engine's must be reachable."""
        return LOOPBACK if self.host in (LOOPBACK, "") else "0.0.0.0"

    def cpus(self) -> int | None:
        """How many processors its containers have at most; None: it does not say."""
        found: int | None = self.api.info().get("NCPU")
        return found

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self.api.close()


def _is_loopback(host: str) -> bool:
    """Whether a host name means the machine that it is used on."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _network(container: Mapping[str, Any]) -> str | None:
    """A network that containers can share with one; None: the engine's default."""
    networks = (container.get("NetworkSettings") or {}).get("Networks") or {}
    joined = [name for name, its in networks.items() if (its or {}).get("IPAddress")]
    return joined[0] if joined else None


def engine_url() -> str:
    """Where the engine is: DOCKER_HOST, the current Docker context, or the usual socket."""
    return os.environ.get("DOCKER_HOST") or _context_url() or f"{UNIX}{DEFAULT_SOCKET}"


def _context_url() -> str | None:
    """What `docker context use`, or DOCKER_CONTEXT, says; None for the default context."""
    directory = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    try:
        name = os.environ.get("DOCKER_CONTEXT")
        if not name:
            name = str(json.loads((directory / "config.json").read_text())["currentContext"])
        place = hashlib.sha256(name.encode()).hexdigest()
        meta = json.loads((directory / "contexts" / "meta" / place / "meta.json").read_text())
        return str(meta["Endpoints"]["docker"]["Host"])
    except (OSError, ValueError, LookupError, TypeError):
        return None


def connect(timeout_s: float = CALL_TIMEOUT_S) -> Engine:
    """Reach the engine.

    Args:
        timeout_s: of each call.

    Raises:
        RemoteError: none answers, or it lets us not in; the message says what to do.
    """
    url = engine_url()
    try:
        if url.startswith(UNIX):  # docker-py would leave the socket of a failure open
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                probe.connect(url.removeprefix(UNIX))
        # By its name: what checks types finds our folder docker/ instead.
        docker: Any = import_module("docker")
        client = docker.from_env(version="auto", timeout=timeout_s)
    except Exception as error:
        raise RemoteError(_why_not(url, error)) from error
    return Engine(client.api, url)


def _why_not(url: str, error: BaseException) -> str:
    causes = list(_causes(error))
    user = urlsplit(url).netloc.rpartition("@")[0]
    shown = url.replace(f"{user}@", "", 1) if user else url
    if any(isinstance(cause, PermissionError) for cause in causes):
        return (
            f"no permission for the Docker engine at {shown}: join the group of its socket"
            f" ('sudo usermod -aG docker $USER', then log in again), {REMEDY}"
        )
    if any(isinstance(cause, ImportError) for cause in causes):
        return f"docker-py cannot be imported ({error}): pip install docker, {REMEDY}"
    if url.startswith("ssh://") and "paramiko" in str(error):
        return f"the Docker engine at {shown} needs paramiko: pip install paramiko, {REMEDY}"
    untrusted = next((each for each in causes if isinstance(each, ssl.SSLError)), None)
    if untrusted is not None:
        # requests, below docker-py, prefers these variables to what it is given.
        bundles = [
            each for each in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE") if os.environ.get(each)
        ]
        unset = f", and unset {' and '.join(bundles)}" if bundles else ""
        return (
            f"the Docker engine at {shown} and this process do not trust each other ({untrusted}):"
            f" look into DOCKER_CERT_PATH or the context's certificates{unset}, {REMEDY}"
        )
    missing = (FileNotFoundError, ConnectionRefusedError)
    cause = str(next((each for each in causes if isinstance(each, missing)), error))
    cause = cause.replace(f"{user}@", "") if user else cause
    return f"no Docker engine answers at {shown} ({cause}): start Docker, {REMEDY}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all that it wraps, in its cause and in its arguments."""
    found, seen = [error], set()
    while found:
        each = found.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        inner = (*each.args, each.__cause__, each.__context__, getattr(each, "reason", None))
        found += [every for every in inner if isinstance(every, BaseException)]


@contextlib.contextmanager
def translated(name: str) -> Iterator[None]:
    """Raise what docker-py raises as RemoteError, behind a remote's name."""
    try:
        yield
    except RemoteError:
        raise
    except Exception as error:
        raise RemoteError(f"{name}: {explanation(error)}") from error


def explanation(error: BaseException) -> str:
    """What the engine said, on one line."""
    said = getattr(error, "explanation", None)
    text = " ".join(str(said or error or type(error).__name__).split())
    if FULL in text.lower():
        return f"{text}: {MAKE_ROOM}"
    if any(isinstance(each, OSError) for each in _causes(error)) and not said:
        return f"the Docker engine does not answer: {text}"
    return text


def is_not_found(error: BaseException) -> bool:
    return getattr(error, "status_code", None) == 404


def image_is_there(image: str) -> bool:
    """Whether an engine answers and has the image."""
    return not why_image_missing(image)


def why_image_missing(image: str) -> str:
    """What keeps an image from being there, in a few words; "" where it is there.

    A local engine is asked without docker-py, which takes long to import, and must answer quickly.
    """
    url = engine_url()
    if not url.startswith(UNIX):
        return _why_missing_elsewhere(image)
    connection = http.client.HTTPConnection("localhost", timeout=PROBE_TIMEOUT_S)
    try:
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.settimeout(PROBE_TIMEOUT_S)
        connection.sock.connect(url.removeprefix(UNIX))
        connection.request("GET", f"/images/{quote(image, safe='/:@')}/json")
        status = connection.getresponse().status
    except PermissionError:
        return f"there is no permission for the Docker engine at {url}"
    except (OSError, http.client.HTTPException):
        return f"no Docker engine answers at {url}"
    finally:
        connection.close()
    return "" if status == 200 else f"the Docker engine has no image {image}"


def _why_missing_elsewhere(image: str) -> str:
    try:
        found = connect(REMOTE_PROBE_TIMEOUT_S)
    except RemoteError as error:
        return str(error).removesuffix(f", {REMEDY}")
    try:
        found.api.inspect_image(image)
    except Exception as error:
        missing = is_not_found(error)
        return f"the Docker engine has no image {image}" if missing else explanation(error)
    finally:
        found.close()
    return ""


def note_use() -> None:
    """Leave a mark for the next daemon: there may be containers to sweep."""
    mark = home_directory() / USED_MARK
    if not mark.exists():
        make_private_directory(mark.parent)
        mark.touch(mode=0o600)


def sweep_if_used() -> list[str]:
    """`sweep`, where a daemon of this user has made containers; returns the names.

    Raises:
        RemoteError: no engine answers.
    """
    if not (home_directory() / USED_MARK).exists():
        return []
    found = connect()
    try:
        with translated("the sweep"):
            return sweep(found)
    finally:
        found.close()


def owner_labels() -> dict[str, str]:
    """What says that a container is this process's."""
    return {OWNER_LABEL: processes.identity(os.getpid()) or "", HOST_LABEL: host_identity()}


def host_identity() -> str:
    """This machine and pid namespace, as far as a process can tell."""
    machine = socket.gethostname()
    with contextlib.suppress(OSError):
        machine = Path("/etc/machine-id").read_text().strip() or machine
    return f"{machine}/{socket.gethostname()}/{os.readlink('/proc/self/ns/pid')}"


def is_abandoned(labels: dict[str, str]) -> bool:
    """Whether a container is ours and its daemon, on this host, has ended.

    An owner of another host or pid namespace cannot be seen from here: its container stays.
    """
    owner, host = labels.get(OWNER_LABEL), labels.get(HOST_LABEL)
    return bool(owner) and host == host_identity() and not processes.is_alive(str(owner))


def sweep(engine: Engine) -> list[str]:
    """Remove the containers, with their volumes, whose daemon has ended; returns their names."""
    removed = []
    for container in engine.api.containers(all=True, filters={"label": OWNER_LABEL}):
        if is_abandoned(container.get("Labels") or {}):
            remove(engine, container["Id"])
            removed.append(container["Names"][0].lstrip("/"))
    return removed


def remove(engine: Engine, container: str) -> None:
    """Kill and remove a container with its volumes; one that is gone or going is left alone."""
    try:
        engine.api.remove_container(container, v=True, force=True)
    except Exception as error:
        if getattr(error, "status_code", None) not in (404, 409):
            raise
