"""Images: which one a session needs, what it says about itself, and getting one that is missing.

An image of ours is `envserver/<folder of docker/>:<version>`; every other is pulled. [I/O]
"""

import dataclasses
import importlib.metadata
import threading
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from envserver.container_options import ContainerOptions
from envserver.errors import RemoteError
from envserver.installation import data_path
from envserver.remotes import build, engine
from envserver.remotes.engine import Engine
from envserver.spec import SessionSpec

FOLDERS = {"gym-core": "gym-core", "xvnc": "base"}
"""The image of a runtime's kind that names none."""

Progress = Callable[[str], None]
"""Called with one line about what is done now; ", 3 of 12" in it says how far that is. What it
raises ends the build or the pull."""

_getting = threading.Lock()
"""Two sessions that miss one image shall get it once."""


@dataclasses.dataclass(frozen=True)
class Image:
    """What an image says about itself."""

    name: str
    is_ours: bool
    """It runs `envserver-remote`, and takes its passwords from the environment."""
    writable: Mapping[str, str]
    """Folders that stay writable, in memory, where the root is mounted read-only, and how they are
    mounted; {}: it is not."""
    ports: frozenset[int]
    """What it exposes."""


def version() -> str:
    """The project's, which is the tag of our images."""
    try:
        return importlib.metadata.version("envserver")
    except importlib.metadata.PackageNotFoundError as error:
        raise RemoteError("envserver is not installed: pip install -e .") from error


def image_of(folder: str) -> str:
    """The name of the image that a folder of docker/ makes."""
    return f"{build.PREFIX}{folder}:{version()}"


def image_name(spec: SessionSpec, options: ContainerOptions) -> str:
    """The image that a session's containers are made of."""
    if options.image:
        ours = options.image.startswith(build.PREFIX) and ":" not in options.image
        return image_of(options.image.removeprefix(build.PREFIX)) if ours else options.image
    if spec.runtime not in FOLDERS:
        raise RemoteError(f"{spec.runtime}: no image is named, expected container={{'image': ...}}")
    return image_of(FOLDERS[spec.runtime])


def ensure_image(found: Engine, name: str, progress: Progress) -> Image:
    """Inspect an image; build or pull it where it is missing.

    Raises:
        RemoteError: it cannot be got; the message says why and what to do.
    """
    with _getting:
        facts = _inspect(found, name)
        if facts is None:
            folder = _folder(name)
            if folder is not None:
                build.build_image(found, folder, name, progress)
            else:
                _pull(found, name, progress)
            facts = _inspect(found, name)
    if facts is None:
        raise RemoteError(f"the image {name} is not there, though it was made: is its disk full?")
    return _read(name, facts)


def _folder(name: str) -> str | None:
    """The folder of docker/ that makes an image, of this version."""
    folder = name.removeprefix(build.PREFIX).partition(":")[0]
    if not name.startswith(build.PREFIX) or name != image_of(folder):
        return None
    return folder if data_path(f"docker/{folder}/Dockerfile").is_file() else None


def _inspect(found: Engine, name: str) -> Mapping[str, Any] | None:
    try:
        facts: Mapping[str, Any] = found.api.inspect_image(name)
    except Exception as error:
        if engine.is_not_found(error):
            return None
        raise RemoteError(f"the image {name}: {engine.explanation(error)}") from error
    return facts


def _read(name: str, facts: Mapping[str, Any]) -> Image:
    config = facts.get("Config") or {}
    labels = config.get("Labels") or {}
    # Engines mount memory with "noexec" unless they are told.
    writable = dict.fromkeys(labels.get("envserver.writable", "").split(), "exec")
    home, uid = labels.get("envserver.home"), labels.get("envserver.uid", "")
    if home and uid.isdigit():
        writable[home] = f"exec,uid={uid},mode=700"
    return Image(
        name,
        is_ours=labels.get("envserver.remote") == "1",
        writable=writable,
        ports=frozenset(
            int(port.partition("/")[0])
            for port in config.get("ExposedPorts") or {}
            if port.endswith("/tcp")
        ),
    )


def _pull(found: Engine, name: str, progress: Progress) -> None:
    progress(f"pulling the image {name}")
    layers: dict[str, tuple[int, int]] = {}
    utilities: Any = import_module("docker.utils")
    repository, tag = utilities.parse_repository_tag(name)
    try:
        for event in found.api.pull(repository, tag=tag or "latest", stream=True, decode=True):
            if "error" in event:
                raise RemoteError(str(event["error"]))
            layer, detail = str(event.get("id")), event.get("progressDetail") or {}
            if event.get("status") == "Downloading" and detail.get("total"):
                layers[layer] = int(detail["current"]), int(detail["total"])
            elif event.get("status") == "Download complete" and layer in layers:
                layers[layer] = layers[layer][1], layers[layer][1]
            else:
                continue
            done, total = (sum(each) for each in zip(*layers.values(), strict=True))
            progress(f"pulling the image {name}, {done / 1e6:.1f} of {total / 1e6:.1f} MB")
    except Exception as error:
        remedy = "is the name right, and is its registry reachable?"
        if name.startswith(build.PREFIX):
            remedy = "'make images' builds ours"
        raise RemoteError(
            f"the image {name} is missing and cannot be pulled"
            f" ({engine.explanation(error)}): {remedy}"
        ) from error
