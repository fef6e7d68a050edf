"""Tells Gymnasium our names when it is imported, before or after us.

Gymnasium looks for no plugins, and importing it takes longer than all of envserver, whose daemon
and command line do without. So a finder waits for its import, and registers behind it.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import ModuleType

GYMNASIUM = "gymnasium"


def announce() -> None:
    """Register with Gymnasium now if it is loaded, else as soon as it is."""
    if GYMNASIUM in sys.modules:
        _register()
    elif not any(isinstance(finder, _Gymnasium) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Gymnasium())


def _register() -> None:
    from envserver.registration import register

    register()


class _Gymnasium(importlib.abc.MetaPathFinder):
    """Finds Gymnasium where the others find it; what runs the module registers afterwards."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != GYMNASIUM:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is None or spec.loader is None:
            return spec
        run = spec.loader.exec_module

        def run_and_register(module: ModuleType) -> None:
            run(module)
            _register()

        spec.loader.exec_module = run_and_register  # type: ignore[method-assign]
        return spec
