"""Gymnasium's `infos`: a dict of arrays, each with a mask `_key` of the environments it holds for.

Always there: `valid`, `late`, `episode_id`, and `rewarder`, False for a remote without one: its
rewards are always 0. Where something happened: `fault`, `final_obs`,
`final_info`, and what the remotes themselves said. In the common step nothing is done for one
environment at a time.
"""

import logging
from collections.abc import Sequence
from typing import Any

import msgpack
import numpy as np
from numpy.typing import NDArray

logger = logging.getLogger(__name__)

TEXT = "text"
RESERVED = frozenset(
    {"valid", "late", "episode_id", "rewarder", "fault", "final_obs", "final_info"}
)
"""Keys that are ours; a remote's own info of that name appears as `remote_<name>`."""


class InfoBuilder:
    """Makes the infos of one vector environment's steps.

    Args:
        rewarders: Whether each environment has a rewarder; None: all do.
    """

    def __init__(self, num_envs: int, rewarders: Sequence[bool] | None = None) -> None:
        self.num_envs = num_envs
        self._rewarder = np.ones(num_envs, dtype=np.bool_)
        if rewarders is not None:
            self._rewarder[:] = rewarders
        self._rewarder.flags.writeable = False
        self._everywhere = np.ones(num_envs, dtype=np.bool_)
        self._everywhere.flags.writeable = False

    def start(
        self, valid: NDArray[np.bool_], late: NDArray[np.bool_], episode_id: NDArray[np.int64]
    ) -> dict[str, Any]:
        """The columns that every step has; their masks are shared and read-only."""
        everywhere = self._everywhere
        return {
            "valid": valid,
            "_valid": everywhere,
            "late": late,
            "_late": everywhere,
            "episode_id": episode_id,
            "_episode_id": everywhere,
            "rewarder": self._rewarder,
            "_rewarder": everywhere,
        }

    def add_object(self, infos: dict[str, Any], key: str, env: int, value: Any) -> None:
        """Put any object for one environment under `key`: an object array, None elsewhere."""
        if key not in infos:
            infos[key] = np.full(self.num_envs, None, dtype=object)
            infos[f"_{key}"] = np.zeros(self.num_envs, dtype=np.bool_)
        infos[key][env] = value
        infos[f"_{key}"][env] = True

    def add_remote(self, infos: dict[str, Any], env: int, info: dict[str, Any]) -> None:
        """Merge what a remote said into the columns."""
        if not RESERVED.isdisjoint(info):
            info = {(f"remote_{k}" if k in RESERVED else k): v for k, v in info.items()}
        add_info(infos, info, env, self.num_envs)

    def add_final(
        self, infos: dict[str, Any], env: int, picture: Any, info: dict[str, Any]
    ) -> None:
        """Put the end of an episode whose row already shows the next one (SAME_STEP)."""
        self.add_object(infos, "final_obs", env, picture)
        add_info(infos, {"final_info": info}, env, self.num_envs)


def unpack_info(data: bytes) -> dict[str, Any]:
    """Read the infos of one row, msgpack maps one after the other, as one.

    The newest value of a key counts; texts, which are lists, add up. What is no map is dropped with
    a warning.
    """
    merged: dict[str, Any] = {}
    unpacker = msgpack.Unpacker(max_buffer_size=max(len(data), 1))
    unpacker.feed(data)
    taken = 0
    while taken < len(data):
        try:
            info = unpacker.unpack()
        except (ValueError, msgpack.exceptions.UnpackException) as error:
            logger.warning("an info is no msgpack after %d bytes: %r", taken, error)
            break
        taken = unpacker.tell()
        if not isinstance(info, dict):
            logger.warning("an info is a %s, expected a map", type(info).__name__)
            continue
        before, said = merged.get(TEXT), info.get(TEXT)
        merged.update(info)
        if isinstance(before, list) and isinstance(said, list):
            merged[TEXT] = before + said
    return merged


def add_info(infos: dict[str, Any], info: dict[str, Any], env: int, num_envs: int) -> None:
    """Put one environment's info into the columns, by Gymnasium's rules (`VectorEnv._add_info`).

    Numbers get a typed column, arrays of one shape a stacked one, dicts are columns of columns,
    anything else is an object. A column whose type does not hold a later value becomes objects:
    remotes may disagree.
    """
    for key, value in info.items():
        mask = infos.get(f"_{key}")
        if mask is None:
            mask = np.zeros(num_envs, dtype=np.bool_)
        column = infos.get(key)
        if isinstance(value, dict) and (column is None or isinstance(column, dict)):
            column = {} if column is None else column
            add_info(column, value, env, num_envs)
        elif isinstance(column, dict):
            continue
        else:
            column = _assign(column, mask, value, env, num_envs)
        mask[env] = True
        infos[key], infos[f"_{key}"] = column, mask


def by_env(infos: dict[str, Any], num_envs: int) -> list[dict[str, Any]]:
    """What the columns say of each environment: Python's numbers, and copies of arrays.

    Args:
        infos: As `VectorEnv.step` returns them, each column with its mask `_key`.
        num_envs: How many environments they are of.
    """
    found: list[dict[str, Any]] = [{} for _ in range(num_envs)]
    for key, column in infos.items():
        mask = infos.get(f"_{key}")
        if mask is None:
            continue
        if isinstance(column, dict):
            values: Any = by_env(column, num_envs)
        elif column.ndim == 1:
            values = column.tolist()
        else:
            values = column.copy()
        for env in np.flatnonzero(mask).tolist():
            found[env][key] = values[env]
    return found


def _assign(
    column: NDArray[Any] | None, mask: NDArray[np.bool_], value: Any, env: int, num_envs: int
) -> NDArray[Any]:
    if column is None:
        column = _new_column(value, num_envs)
    if column.dtype != object and not _fits(column, value):
        objects = np.full(num_envs, None, dtype=object)
        for other in np.flatnonzero(mask):
            objects[other] = column[other]
        column = objects
    column[env] = value
    return column


def _new_column(value: Any, num_envs: int) -> NDArray[Any]:
    if type(value) is int and not -(2**63) <= value < 2**63:
        return np.full(num_envs, None, dtype=object)
    if type(value) in (int, float, bool) or isinstance(value, np.number | np.bool_):
        return np.zeros(num_envs, dtype=type(value))
    if isinstance(value, np.ndarray):
        return np.zeros((num_envs, *value.shape), dtype=value.dtype)
    return np.full(num_envs, None, dtype=object)


def _fits(column: NDArray[Any], value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return bool(column.shape[1:] == value.shape and column.dtype == value.dtype)
    if column.ndim != 1 or not isinstance(value, int | float | np.number | np.bool_):
        return False
    kind = column.dtype.kind
    if isinstance(value, bool | np.bool_):
        return kind == "b"
    if isinstance(value, int | np.integer):
        return kind in "if" and bool(-(2**63) <= value < 2**63)
    return kind == "f"
