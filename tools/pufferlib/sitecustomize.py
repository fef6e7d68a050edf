"""On PYTHONPATH while PufferLib 3.0.0 is built with NO_OCEAN=1: its trainer, without its games.

Its setup.py then fetches nothing from GitHub, but reads a list of the games' directories that it
never made. Its kernels for GPUs are left out: they need the whole of CUDA.
"""

import builtins
import shutil
from typing import Any

builtins.c_extension_paths = []  # type: ignore[attr-defined]
_which = shutil.which


def which(cmd: Any, *args: Any, **kwargs: Any) -> Any:
    """As `shutil.which`, on a machine without CUDA's compiler."""
    return None if cmd == "nvcc" else _which(cmd, *args, **kwargs)


shutil.which = which
