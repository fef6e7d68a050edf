"""Build the compiled modules, every .pyx of the packages, and put the root's data in the wheel.

Switches (environment): ENVSERVER_PACKAGES=shm,cython_vnc builds only those packages, "none"
nothing; ENVSERVER_ANNOTATE=DIR writes the C files with Cython's annotation to DIR;
ENVSERVER_SANITIZE=1 builds with ASan and UBSan; ENVSERVER_WITHOUT=libisal,zlib-ng leaves libraries
out that could be missing.
"""

import os
import shutil
import subprocess
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_py import build_py

PACKAGES = os.environ.get("ENVSERVER_PACKAGES", "shm,cython_vnc,workers,envserver").split(",")
ANNOTATE = os.environ.get("ENVSERVER_ANNOTATE")
SANITIZE_FLAGS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
SANITIZE = SANITIZE_FLAGS if os.environ.get("ENVSERVER_SANITIZE") else []
# Which system libraries (pkg-config names) a module links with.
LIBRARIES: dict[str, list[str]] = {
    "cython_vnc.inflate": ["zlib"],
    "cython_vnc.jpeg": ["libturbojpeg"],
}
# Which it uses where they are there, and how it is told so.
OPTIONAL: dict[str, dict[str, str]] = {
    "cython_vnc.inflate": {"zlib-ng": "CYTHON_VNC_ZLIB_NG", "libisal": "CYTHON_VNC_ISAL"},
}
# Opened at run time.
NOT_LINKED = {"libisal"}
WITHOUT = os.environ.get("ENVSERVER_WITHOUT", "").split(",")
# What lies at the root of the repository and is read at run time.
DATA = ("runtimes.yml", "docker", "constraints.txt")


class BuildWithData(build_py):
    """Copy the data into the wheel as envserver/_data; a clone reads it where it lies."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib, "envserver", "_data")
        target.mkdir(parents=True, exist_ok=True)
        for source in map(Path, DATA):
            if source.is_dir():
                shutil.copytree(source, target / source, dirs_exist_ok=True)
            elif source.exists():
                shutil.copy2(source, target)


def pkg_config(flag: str, names: list[str]) -> list[str]:
    return subprocess.check_output(["pkg-config", flag, *names], text=True).split() if names else []


def is_there(library: str) -> bool:
    asked = ["pkg-config", "--exists", library]
    return library not in WITHOUT and subprocess.run(asked, check=False).returncode == 0


def extension(path: Path) -> Extension:
    name = ".".join(path.with_suffix("").parts)
    found = {key: macro for key, macro in OPTIONAL.get(name, {}).items() if is_there(key)}
    libraries = [*LIBRARIES.get(name, []), *(key for key in found if key not in NOT_LINKED)]
    return Extension(
        name,
        [str(path)],
        include_dirs=["."],
        define_macros=[(macro, "1") for macro in found.values()],
        extra_compile_args=[
            "-O3",
            "-g0",
            "-ffp-contract=off",
            *SANITIZE,
            *pkg_config("--cflags", libraries),
        ],
        extra_link_args=[*SANITIZE, *pkg_config("--libs", libraries)],
    )


SOURCES = sorted(path for package in PACKAGES for path in Path(package).rglob("*.pyx"))
setup(
    cmdclass={"build_py": BuildWithData},
    options={"build_ext": {"parallel": str(os.cpu_count() or 1)}},
    ext_modules=cythonize(
        [extension(path) for path in SOURCES],
        build_dir=ANNOTATE,
        annotate=bool(ANNOTATE),
        force=bool(ANNOTATE),
        nthreads=min(len(SOURCES), os.cpu_count() or 1),
        compiler_directives={
            "language_level": "3",
            "boundscheck": False,
            "wraparound": False,
            "cdivision": True,
            "freethreading_compatible": False,
        },
    ),
)
