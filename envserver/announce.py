"""Tells Gymnasium, and classic gym, our names when it is imported, before or after us.

They look for no plugins, and importing Gymnasium takes longer than all of envserver, whose daemon
and command line do without. So a finder waits for their import, and registers behind it.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import ModuleType

REGISTRATIONS = {"gymnasium": "envserver.registration", "gym": "envserver.classic_gym"}
"""Which module's `register` goes with which package."""


def announce() -> None:
    """Register now with what is loaded, and with the other as soon as it is."""
    for name in REGISTRATIONS:
        if name in sys.modules:
            _register(name)
    if not any(isinstance(finder, _Waiting) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Waiting())


def _register(name: str) -> None:
    if getattr(sys.modules[name], "__spec__", None) is None:
        return  # a stand-in of somebody's
    importlib.import_module(REGISTRATIONS[name]).register()


class _Waiting(importlib.abc.MetaPathFinder):
    """Finds them where the others find them; what runs the module registers afterwards."""

    def __init__(self) -> None:
        self._waits_for = {name for name in REGISTRATIONS if name not in sys.modules}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in self._waits_for:
            return None
        self._waits_for.discard(fullname)
        spec = importlib.util.find_spec(fullname)
        if spec is None or spec.loader is None:
            self._waits_for.add(fullname)
            return spec
        run = spec.loader.exec_module

        def run_and_register(module: ModuleType) -> None:
            run(module)
            _register(fullname)

        spec.loader.exec_module = run_and_register  # type: ignore[method-assign]
        return spec
