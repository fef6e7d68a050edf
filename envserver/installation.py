"""Is what Python finds under our four names ours, and is it compiled? Asked at import.

`workers` and `shm` are names that another distribution, or a folder beside a script, may have too.
"""

from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The directory that holds the four packages: a clone of the repository, or site-packages."""

COMPILED = {"shm": "layout", "cython_vnc": "constants", "workers": "entries"}
"""One compiled module of each package; they are all built by one command."""

REMOTE_ONLY = "remote-only"
"""Among the data where this installation only runs remotes, in an image: nothing is compiled."""


def check_installation() -> None:
    """Look where the packages would come from.

    Raises:
        ImportError: a package is foreign, missing or not compiled; the message says what to do.
    """
    remote_only = is_remote_only()
    for package, module in COMPILED.items():
        spec = find_spec(package)
        origin = Path(spec.origin).resolve() if spec is not None and spec.origin else None
        if origin != ROOT / package / "__init__.py":
            raise ImportError(
                f"found the package {package!r} at {origin or 'no file'}, expected it in {ROOT}:"
                " something else of that name comes first on sys.path, rename or remove it",
                name=package,
            )
        if not remote_only and find_spec(f"{package}.{module}") is None:
            raise ImportError(
                f"{package}.{module} is not compiled: run 'make build' in {ROOT}",
                name=f"{package}.{module}",
            )


def is_remote_only() -> bool:
    """Whether this installation only runs remotes."""
    return data_path(REMOTE_ONLY).exists()


def data_path(name: str) -> Path:
    """A file or directory of the repository's root; in a wheel it lies inside the package."""
    packed = Path(__file__).resolve().parent / "_data" / name
    return packed if packed.exists() else ROOT / name
