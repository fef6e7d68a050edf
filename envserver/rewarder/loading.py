"""Finds a task's class: by module and name, by file, or by an environment's name."""

import dataclasses
import importlib
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

from envserver.errors import InvalidRuntime
from envserver.rewarder.errors import TaskError
from envserver.rewarder.task import Task


def load_task(name: str) -> type[Task]:
    """The class that "module:Class" or "file.py:Class" names.

    Raises:
        TaskError: there is none, it cannot be imported, or it is no `Task`.
    """
    place, colon, class_name = name.rpartition(":")
    if not colon or not place or not class_name:
        raise TaskError(f"task is {name!r}, expected 'module:Class' or 'file.py:Class'")
    try:
        module = _file(place) if place.endswith(".py") else importlib.import_module(place)
    except Exception as error:
        raise TaskError(
            f"task {name!r}: cannot import {place}: {type(error).__name__}: {error}"
        ) from error
    found = getattr(module, class_name, None)
    if not isinstance(found, type) or not issubclass(found, Task):
        known = ", ".join(
            key
            for key, value in vars(module).items()
            if isinstance(value, type) and issubclass(value, Task) and value is not Task
        )
        raise TaskError(
            f"task {name!r}: {place} has no Task of the name {class_name!r}, it has "
            f"{known or 'none'}"
        )
    return found


@dataclasses.dataclass(frozen=True)
class Switch:
    """What another environment of a runtime is.

    Attributes:
        task: "module:Class".
        time_limit_s: None: the task's own.
        screen: width and height of the desktop that it needs; None: any.
    """

    task: str
    time_limit_s: float | None = None
    screen: tuple[int, int] | None = None


def find_switch(env_id: str, current: str | None) -> Switch:
    """Another environment of the runtime that runs already.

    Raises:
        TaskError: there is no such environment, or it needs another runtime.
    """
    from envserver.runtimes_file import session_fields  # a start without a switch needs none

    runtime = (current or "").partition(".")[0]
    if env_id.partition(".")[0] != runtime:
        raise TaskError(f"this remote runs {current or 'one task'}, not {env_id!r:.100}")
    try:
        fields = session_fields(env_id)
    except (InvalidRuntime, ValueError) as error:
        raise TaskError(str(error)) from error
    if "task" not in fields:
        raise TaskError(f"{env_id!r:.100} has no task")
    return Switch(fields["task"], fields.get("time_limit_s"), fields.get("screen"))


def _file(place: str) -> ModuleType:
    path = Path(os.path.abspath(place))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module
