"""Builds our images: `python -m envserver.remotes.build [FOLDER...]`, or a missing one.  [I/O]

Theory of operation: each folder of docker/ is one image. Its build context is made in a temporary
directory: the folder itself; the wheels of its requirements.txt, of the pinned versions, for the
image's Python and not this one, downloaded here, since nothing is installed inside; and for "base"
our packages without their compiled modules, of which a remote needs only the protocol's numbers,
so that any Python here can make them. `ARG BASE` is the image of the folder that the Dockerfile
names behind it. The engine's classic builder does the rest.
"""

import argparse
import contextlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from envserver.errors import RemoteError
from envserver.installation import REMOTE_ONLY, ROOT, data_path
from envserver.remotes import engine
from envserver.remotes.engine import Engine

PREFIX = "envserver/"
SYSTEM_IMAGE = "debian:bookworm-slim"
PYTHON_VERSION = "3.11"
"""Of Debian 12."""
GLIBC_MINORS = (36, 28, 17)
"""Debian 12 has 2.36; wheels for these older ones run too."""
PACKAGES = ("envserver", "workers", "shm", "cython_vnc")
CONSTANTS = "cython_vnc/constants.py"
DATA = ("runtimes.yml",)
STEP = re.compile(r"Step (\d+)/(\d+) : (.*\S)")
COLOUR = re.compile(r"\x1b\[[\d;]*m")
BASE = re.compile(rf"^ARG BASE={PREFIX}([\w.-]+):", re.MULTILINE)
MAX_ERROR_LINES = 15


def folders() -> list[str]:
    """Every folder of docker/ with a Dockerfile, each after the one that it is based on."""
    found = {path.parent.name for path in data_path("docker").glob("*/Dockerfile")}
    order: list[str] = []

    def add(folder: str) -> None:
        if folder in found and folder not in order:
            add(base_of(folder) or "")
            order.append(folder)

    for folder in sorted(found):
        add(folder)
    return order


def base_of(folder: str) -> str | None:
    """The folder whose image this one's begins with."""
    match = BASE.search((data_path("docker") / folder / "Dockerfile").read_text())
    return match[1] if match else None


def build_image(found: Engine, folder: str, name: str, progress: Callable[[str], None]) -> None:
    """Build the image of a folder, and first the ones below it that are missing.

    Raises:
        RemoteError: it cannot be built; the message ends with what the engine said last.
    """
    base, tag = base_of(folder), name.rpartition(":")[2]
    arguments = {}
    if base is not None:
        arguments["BASE"] = f"{PREFIX}{base}:{tag}"
        if not has_image(found, arguments["BASE"]):
            build_image(found, base, arguments["BASE"], progress)
    elif not has_image(found, SYSTEM_IMAGE):
        _pull_system(found, progress)
    progress(f"building the image {name}")
    output = ""  # whose pieces end anywhere, not at lines
    with contextlib.ExitStack() as stack:
        try:
            context = stack.enter_context(_context(found, folder))
        except OSError as error:
            raise RemoteError(
                f"the image {name} cannot be built: its context cannot be written to"
                f" {tempfile.gettempdir()} ({error}); TMPDIR names another place"
            ) from error
        try:
            for event in found.api.build(
                path=str(context), tag=name, buildargs=arguments, rm=True, forcerm=True, decode=True
            ):
                if "error" in event:
                    raise RemoteError(str(event["error"]).strip())
                said = str(event.get("stream", ""))
                output += COLOUR.sub("", said)
                if step := STEP.match(said):
                    progress(f"building the image {name}, step {step[1]} of {step[2]}: {step[3]}")
        except Exception as error:
            shown = [line for line in output.splitlines() if line.strip()][-MAX_ERROR_LINES:]
            why = engine.explanation(error)
            if engine.MAKE_ROOM not in why and any(engine.FULL in each.lower() for each in shown):
                why += f": {engine.MAKE_ROOM}"
            tail = "".join(f"\n    {line}" for line in shown)
            raise RemoteError(f"the image {name} cannot be built: {why}{tail}") from error


def has_image(found: Engine, name: str) -> bool:
    with engine.translated(f"the image {name}"):
        try:
            found.api.inspect_image(name)
        except Exception as error:
            if engine.is_not_found(error):
                return False
            raise
    return True


def _pull_system(found: Engine, progress: Callable[[str], None]) -> None:
    progress(f"pulling {SYSTEM_IMAGE}")
    repository, _, tag = SYSTEM_IMAGE.partition(":")
    try:
        found.api.pull(repository, tag=tag)
    except Exception as error:
        raise RemoteError(
            f"{SYSTEM_IMAGE} is missing and cannot be pulled ({engine.explanation(error)}):"
            " 'make base-image' makes it by debootstrap"
        ) from error


@contextlib.contextmanager
def _context(found: Engine, folder: str) -> Iterator[Path]:
    """The build context of a folder, for as long as it is needed."""
    with tempfile.TemporaryDirectory(prefix="envserver-image-") as directory:
        context = Path(directory)
        shutil.copytree(data_path("docker") / folder, context, dirs_exist_ok=True)
        _download(found, folder, context / "wheels")
        if base_of(folder) is None:
            _copy_packages(context / "packages")
        # Equal contents make equal layers, which the engine then takes from its cache.
        for path in (context, *context.rglob("*")):
            os.utime(path, (0, 0))
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        yield context


def _copy_packages(target: Path) -> None:
    for package in PACKAGES:
        for source in sorted((ROOT / package).rglob("*.py")):
            copy = target / source.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)
    # The numbers of the protocol are an enum in Cython: the same text is one in Python.
    enums = (ROOT / CONSTANTS).with_suffix(".pxd").read_text()
    enums = re.sub(r"^cp?def enum (\w+):", r"class \1(IntEnum):", enums, flags=re.MULTILINE)
    enums = enums.partition("\ncdef enum:")[0]  # what has no name is for Cython alone
    head, docstring, rest = enums.partition('"""\n')
    (target / CONSTANTS).write_text(f"{head}{docstring}\nfrom enum import IntEnum\n{rest}")
    data = target / "envserver" / "_data"
    data.mkdir(exist_ok=True)
    for name in DATA:
        shutil.copyfile(data_path(name), data / name)
    (data / REMOTE_ONLY).touch()


def _download(found: Engine, folder: str, target: Path) -> None:
    """The wheels of a folder that the images below have not."""
    target.mkdir()
    wanted = _requirements(folder)
    if not wanted:
        return
    below: list[Path] = []
    base = base_of(folder)
    while base is not None:
        below += _requirements(base)
        base = base_of(base)
    with engine.translated("the Docker engine"):
        machine = str(found.api.version().get("Arch", "")) or platform.machine()
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)
    _pip_download(wanted, machine, target)
    if below:
        with tempfile.TemporaryDirectory(prefix="envserver-wheels-") as theirs:
            _pip_download(below, machine, Path(theirs))
            for wheel in Path(theirs).glob("*.whl"):
                (target / wheel.name).unlink(missing_ok=True)


def _requirements(folder: str) -> list[Path]:
    path = data_path("docker") / folder / "requirements.txt"
    return [path] if path.is_file() else []


def _pip_download(requirements: Sequence[Path], machine: str, target: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check"]
    command += ["--only-binary=:all:", "--implementation=cp", f"--python-version={PYTHON_VERSION}"]
    command += [f"--platform=manylinux_2_{minor}_{machine}" for minor in GLIBC_MINORS]
    command += [f"--platform=manylinux2014_{machine}", "-d", str(target)]
    if data_path("constraints.txt").is_file():
        command += ["-c", str(data_path("constraints.txt"))]
    for path in requirements:
        command += ["-r", str(path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        tail = "\n    ".join(result.stderr.splitlines()[-3:])
        raise RemoteError(f"the wheels of an image cannot be downloaded:\n    {tail}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Build images afresh, in order, and print their sizes."""
    from envserver.remotes.images import image_of

    parser = argparse.ArgumentParser(prog="envserver.remotes.build", description="Build images.")
    parser.add_argument("folders", nargs="*", help="of docker/; without any, all")
    known = folders()
    chosen = parser.parse_args(arguments).folders or known
    try:
        found = engine.connect()
        for folder in chosen:
            if folder not in known:
                raise RemoteError(f"docker/ has no folder {folder!r}, it has {', '.join(known)}")
            began = time.monotonic()
            name = image_of(folder)
            build_image(found, folder, name, _say)
            size_mb = found.api.inspect_image(name)["Size"] / 1e6
            _say(f"{name}  {size_mb:.0f} MB, {time.monotonic() - began:.0f} s")
    except RemoteError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
