"""Makes `import gym` and `import universe` of an unchanged script mean this package.

A `gym` that is installed stays as it is, but for its `make` and `spec` when they are asked for one
of Universe's names; so does Gymnasium.
"""

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import gymnasium
import gymnasium.spaces

from envserver import universe
from envserver.universe import absent, compat, error, registry, wrappers
from envserver.universe.compat import core, registration
from envserver.universe.logs import logger
from envserver.universe.stand_ins import is_universe_id

WRAPPERS = {
    "acting": ("action_space", "gym_core", "experimental.action_space", "experimental.observation"),
    "absent": ("diagnostics", "gym_core_sync", "recording"),
    "experimental": ("experimental.random_env",),
    "lists": ("joint", "multiprocessing_env", "vectorize", "vision"),
    "timing": ("blocking_reset", "logger", "monitoring", "throttle", "time_limit", "timer"),
}
"""Where the wrappers are here that Universe had in modules of other names."""


def install() -> None:
    """Put both names into `sys.modules`; a second call changes nothing."""
    _alias_package("universe", universe)
    for name, module in absent.MODULES.items():
        sys.modules[f"universe.{name}"] = module
    for ours, names in WRAPPERS.items():
        for name in names:
            module = sys.modules[f"universe.wrappers.{ours}"]
            sys.modules[f"universe.wrappers.{name}"] = module
            if "." not in name:
                setattr(wrappers, name, module)
    sys.modules.setdefault("go_vncdriver", _driver())
    _hand_over(gymnasium)
    installed = sys.modules.get("gym") or _installed_gym()
    if installed is None:
        _install_compat()
    elif installed is not compat:
        _hand_over(installed)
        if not hasattr(installed, "undo_logger_setup"):
            installed.undo_logger_setup = compat.undo_logger_setup  # type: ignore[attr-defined]


def _alias_package(name: str, package: ModuleType) -> None:
    """Give a package and its modules a second name: the same modules, not copies of them."""
    sys.modules[name] = package
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not found.name.endswith((".__main__", ".install")):
            module = importlib.import_module(found.name)
            sys.modules[name + found.name.removeprefix(package.__name__)] = module


def _installed_gym() -> ModuleType | None:
    if importlib.util.find_spec("gym") is None:
        return None
    try:
        return importlib.import_module("gym")
    except Exception as failure:  # an old gym and a new NumPy, say: scripts run without it
        logger.warning("the installed gym cannot be imported (%s): ours is used", failure)
        for name in [name for name in sys.modules if name.partition(".")[0] == "gym"]:
            del sys.modules[name]
        return None


def _hand_over(gym: Any) -> None:
    """Let `make` and `spec` of an installed gym ask us for Universe's names."""
    for name, ours in (("make", registry.make), ("spec", registry.spec)):
        theirs = getattr(gym, name)
        if not hasattr(theirs, "of_universe"):
            setattr(gym, name, _either(theirs, ours))


def _either(theirs: Callable[..., Any], ours: Callable[[str], Any]) -> Callable[..., Any]:
    def choose(id: Any, *args: Any, **kwargs: Any) -> Any:
        return ours(id) if is_universe_id(id) else theirs(id, *args, **kwargs)

    choose.__doc__ = theirs.__doc__
    choose.of_universe = True  # type: ignore[attr-defined]
    return choose


def _install_compat() -> None:
    envs, utils = ModuleType("gym.envs"), ModuleType("gym.utils")
    envs.registration = registration  # type: ignore[attr-defined]
    for name in ("make", "register", "registry", "spec"):
        setattr(envs, name, getattr(registration, name))
    utils.seeding = gymnasium.utils.seeding  # type: ignore[attr-defined]
    utils.EzPickle = gymnasium.utils.EzPickle  # type: ignore[attr-defined]
    wrappers_of_gym = ModuleType("gym.wrappers")
    wrappers_of_gym.Monitor = _either_shape(wrappers.Monitor)  # type: ignore[attr-defined]
    wrappers_of_gym.TimeLimit = _either_shape(wrappers.TimeLimit)  # type: ignore[attr-defined]
    modules: dict[str, ModuleType] = {
        "core": core,
        "spaces": compat.spaces,
        "error": error,
        "envs": envs,
        "envs.registration": registration,
        "wrappers": wrappers_of_gym,
        "utils": utils,
        "utils.seeding": gymnasium.utils.seeding,
    }
    for name in ("box", "dict", "discrete", "multi_binary", "multi_discrete", "tuple"):
        modules[f"spaces.{name}"] = importlib.import_module(f"gymnasium.spaces.{name}")
    sys.modules["gym"] = compat
    for name, module in modules.items():
        sys.modules[f"gym.{name}"] = module
        if "." not in name:
            setattr(compat, name, module)


def _either_shape(wrapper: Callable[..., Any]) -> Callable[..., Any]:
    """A wrapper of vectorized environments that leaves a single one single."""

    def wrap(env: Any, *args: Any, **kwargs: Any) -> Any:
        wrapped = wrapper(env, *args, **kwargs)
        vectorized = env.metadata.get("runtime.vectorized")
        return wrapped if vectorized else wrappers.Unvectorize(wrapped)

    wrap.__doc__ = wrapper.__doc__
    return wrap


def _driver() -> ModuleType:
    """What scripts import before TensorFlow, and never use themselves."""
    driver = ModuleType("go_vncdriver", "Not here: envserver has a VNC client of its own.")

    class VNCSession:
        """Not here."""

        def __init__(self, *_: Any, **__: Any) -> None:
            raise error.Error("go_vncdriver is not in envserver: use universe.envs.VNCEnv")

    driver.VNCSession = VNCSession  # type: ignore[attr-defined]
    driver.Error = error.Error  # type: ignore[attr-defined]
    return driver
