"""Compiles the benchmarks' programs in C, into build/peers."""

import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

BUILT = Path(__file__).parents[1] / "build" / "peers"


def compiled(source: Path, options: Callable[[], Sequence[str]] = tuple) -> Path:
    """The program of a source, compiled if the source is newer.

    It comes into its place whole, since a benchmark beside this one may run it.

    Args:
        options: asked for what else the compiler is told, where it is called.
    """
    built = BUILT / source.stem
    if built.exists() and built.stat().st_mtime >= source.stat().st_mtime:
        return built
    BUILT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILT) as directory:
        made = Path(directory) / source.stem
        compiler = [os.environ.get("CC", "cc"), "-O2", str(source), "-o", str(made)]
        subprocess.run([*compiler, *options()], check=True)
        made.rename(built)
    return built
