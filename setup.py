"""Build the compiled modules: every .pyx of the packages, in place.

Switches (environment): ENVSERVER_PACKAGES=shm,cython_vnc builds only those packages;
ENVSERVER_ANNOTATE=1 writes Cython's annotation; ENVSERVER_SANITIZE=1 builds with ASan and UBSan.
"""

import os
import subprocess
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

PACKAGES = os.environ.get("ENVSERVER_PACKAGES", "shm,cython_vnc,workers,envserver").split(",")
SANITIZE = ["-fsanitize=address,undefined"] if os.environ.get("ENVSERVER_SANITIZE") else []
# Which system libraries (pkg-config names) a module links with.
LIBRARIES: dict[str, list[str]] = {
    "cython_vnc.inflate": ["zlib"],
    "cython_vnc.jpeg": ["libturbojpeg"],
}


def pkg_config(flag: str, names: list[str]) -> list[str]:
    return subprocess.check_output(["pkg-config", flag, *names], text=True).split() if names else []


def extension(path: Path) -> Extension:
    name = ".".join(path.with_suffix("").parts)
    libraries = LIBRARIES.get(name, [])
    return Extension(
        name,
        [str(path)],
        include_dirs=["."],
        extra_compile_args=["-O3", "-g0", *SANITIZE, *pkg_config("--cflags", libraries)],
        extra_link_args=[*SANITIZE, *pkg_config("--libs", libraries)],
    )


SOURCES = sorted(path for package in PACKAGES for path in Path(package).rglob("*.pyx"))
setup(
    ext_modules=cythonize(
        [extension(path) for path in SOURCES],
        annotate=bool(os.environ.get("ENVSERVER_ANNOTATE")),
        compiler_directives={
            "language_level": "3",
            "boundscheck": False,
            "wraparound": False,
            "cdivision": True,
            "freethreading_compatible": False,
        },
    ),
)
